"""The stretches of time that a completion states as evidence, beside its answer: ``<glue>[[5.2, 9]]</glue>``.

The tag is VideoChat-R1's. What stands inside thoughts does not count, as for answers.
"""

from __future__ import annotations

import re

from mmrl.answers.layout import outside_thoughts
from mmrl.answers.places import read_intervals, read_structure
from mmrl.answers.refusal import Refused
from mmrl.answers.strict_json import write_json
from mmrl.types import Intervals

_GLUE = re.compile(r"<glue>([^<]*)</glue>")
_BRACKETS = str.maketrans("()", "[]")
"""VideoChat-R1 asks for pairs in parentheses."""
MAX_INTERVALS = 100
"""More stretches than this are no evidence but a search."""


def evidence_of(text: str) -> Intervals | None:
    """Return the stretches of the one evidence place; None where there is none, several, or something else in it."""
    places = _GLUE.findall(outside_thoughts(text))
    if len(places) != 1:
        return None
    try:
        stated = read_intervals(read_structure(places[0].translate(_BRACKETS)))
    except Refused:
        return None
    return stated if len(stated.intervals) <= MAX_INTERVALS else None


def write_evidence(evidence: Intervals) -> str:
    """Return the evidence place that :func:`evidence_of` reads back."""
    return f"<glue>{write_json([[one.start, one.end] for one in evidence.intervals])}</glue>"
