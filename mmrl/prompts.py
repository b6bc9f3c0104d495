"""From a sample to the chat messages that a model sees.

The wording is part of the experiment, so it stands here once, for training and evaluation alike, and a snapshot test
keeps it from drifting.

GUI-G1 (arXiv 2505.15810) compares a fast template, which asks for the box as JSON at once, with a slow one, which asks
for reasoning first: styles ``json`` and ``think``.
"""

from __future__ import annotations

from typing import Any

from mmrl.types import Answer, AnswerKind, Frame, PromptStyle, Route, Sample, answer_kind

_UNITS = {
    "original": "in pixels",
    "model": "in pixels",
    "unit": "from 0 to 1",
    "permille": "from 0 to 1000",
}

_KIND_HINTS: dict[AnswerKind, str] = {
    "yes_no": "Answer yes or no",
    "choice": "Answer with the letter of the right option",
    "number": "Answer with a number",
    "text": "Answer with a few words",
    "point": "Answer with the point [x, y] {unit}",
    "boxes": "Answer with the box [x1, y1, x2, y2] {unit}",
    "intervals": "Answer with the times [[start, end]] in seconds",
    "grounded": 'Answer with the option and its times in seconds as {{"answer": letter, "times": [[start, end]]}}',
    "route": "Answer with each ride as Line: from > to, joined by ;",
    "action": "Answer with the action as JSON",
}

_RIDE_HINT = (
    "Answer with each ride as lines Route Name: ..., Departure Stop: ..., Arrival Stop: ..., {field}: ...,"
    " and -- between rides"
)
"""For routes that state the stops on the way, in ReasonMap's form."""

_STYLE_HINTS: dict[PromptStyle, str] = {
    "direct": " in <answer></answer>.",
    "think": ". Reason in <think></think> first, then put the answer in <answer></answer>.",
    "boxed": ", put in \\boxed{{}}.",
    "json": ", as JSON in a fenced json block.",
}


def answer_hint(kind: AnswerKind, *, style: PromptStyle, frame: Frame | None, answer: Answer | None = None) -> str:
    """Return the sentence that tells a model what to answer and where to put it.

    ``frame`` states the unit of coordinates; needed for points and boxes. ``answer`` tells whether a route states the
    stops on the way.
    """
    unit = _UNITS[frame.kind] if frame else ""
    return _form_hint(kind, answer).format(unit=unit).rstrip() + _STYLE_HINTS[style].replace("{{}}", "{}")


def _form_hint(kind: AnswerKind, answer: Answer | None) -> str:
    if isinstance(answer, Route) and any(leg.via_count is not None for leg in answer.legs):
        return _RIDE_HINT.format(field="Number of Via Stops")
    if isinstance(answer, Route) and any(leg.via is not None for leg in answer.legs):
        return _RIDE_HINT.format(field="Via Stops")
    return _KIND_HINTS[kind]


def question_text(sample: Sample) -> str:
    """Return the question with its options, one a line, lettered from A."""
    options = [f"{chr(ord('A') + index)}) {text}" for index, text in enumerate(sample.choices)]
    return "\n".join([sample.question, *options])


def build_prompt(sample: Sample, *, style: PromptStyle, frame: Frame | None) -> list[dict[str, Any]]:
    """Return chat messages for a sample: one user turn, the media as placeholders in order, then the text.

    Args:
        sample: the question; its media become ``{"type": "image"}`` or ``{"type": "video"}`` placeholders.
        style: where the answer is to be put.
        frame: the frame in which this model writes coordinates of the first medium.
    """
    hint = answer_hint(answer_kind(sample.answer), style=style, frame=frame, answer=sample.answer)
    content: list[dict[str, Any]] = [{"type": medium.kind} for medium in sample.media]
    content.append({"type": "text", "text": f"{question_text(sample)}\n{hint}"})
    return [{"role": "user", "content": content}]
