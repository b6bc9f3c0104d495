"""Typed answers: read from completions, written as a perfect model would, stored as exact JSON.

Where the answer must stand, by prompt style; a completion is *well-formed* if nothing but white space is elsewhere:

======== ====================================================================================================
direct   ``<answer>X</answer>``
think    ``<think>...</think>`` (not empty), then ``<answer>X</answer>``
boxed    free text, then one ``\\boxed{X}``; a full stop or the end of a formula may follow
json     one fenced block that holds JSON
======== ====================================================================================================

Readers forgive what changes nothing (text around the answer place, white space, the case of yes and no, one pair of
quotes, a final full stop, a fence around JSON) and refuse whatever could be read two ways. What is inside a closed
think block is never an answer. No reader evaluates code, and all take time linear in the length of the completion.
"""

from mmrl.answers.codec import answer_from_json, answer_to_json
from mmrl.answers.parse import parse_completion
from mmrl.answers.write import write_answer, write_completion

__all__ = ["answer_from_json", "answer_to_json", "parse_completion", "write_answer", "write_completion"]
