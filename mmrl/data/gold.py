"""Proving one sample: its own gold answer, written as a perfect model would write it, earns full accuracy.

Pure functions; pictures are not needed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import get_args

from mmrl.answers import parse_completion, write_completion
from mmrl.errors import InputError
from mmrl.geometry import contains, is_valid_box, original_frame
from mmrl.scoring import accuracy, journey_of
from mmrl.types import (
    Action,
    Box,
    Boxes,
    Choice,
    Frame,
    Grounded,
    Intervals,
    ParseStatus,
    Point,
    PromptStyle,
    Route,
    Sample,
    answer_kind,
)

Fault = tuple[str, str]
"""Field of the row, and what must hold and was found."""

_STYLES: tuple[PromptStyle, ...] = get_args(PromptStyle)


def faults_of(sample: Sample) -> Iterator[Fault]:
    """Yield what is wrong with a sample's choices, its answer's place in the picture, and the credit that it earns."""
    yield from choice_faults(sample)
    placement = list(placement_faults(sample))
    yield from placement
    if not placement:  # an impossible box cannot be read back either; one report is enough
        yield from credit_faults(sample)


def choice_faults(sample: Sample) -> Iterator[Fault]:
    """Yield where the options and the letters of the answer do not fit: options are 2 to 26, distinct, not blank."""
    answer, choices = sample.answer, sample.choices
    if isinstance(answer, Grounded):
        answer = answer.choice
    if not isinstance(answer, Choice):
        if choices:
            yield "choices", f"only choice questions may have options; found {len(choices)} for a {answer_kind(answer)}"
        return
    if not 2 <= len(choices) <= len(string.ascii_uppercase):
        yield "choices", f"a choice question must have 2 to 26 options; found {len(choices)}"
    if any(not text.strip() for text in choices):
        yield "choices", f"an option must not be blank; found {choices!r}"
    if len(set(choices)) < len(choices):
        yield "choices", f"options must differ; found {choices!r}"
    offered = string.ascii_uppercase[: len(choices)]
    if not answer.letters or list(answer.letters) != sorted(set(answer.letters) & set(offered)):
        yield "answer", f"letters must be sorted, each once, among {offered!r}; found {answer.letters!r}"


def placement_faults(sample: Sample) -> Iterator[Fault]:
    """Yield where boxes or points are impossible or outside the first picture, or intervals inverted."""
    answer = sample.answer.intervals if isinstance(sample.answer, Grounded) else sample.answer
    width, height = sample.media[0].width, sample.media[0].height
    picture = Box(x1=0, y1=0, x2=width, y2=height)
    point = answer.point if isinstance(answer, Action) else answer
    if isinstance(answer, Boxes):
        yield from _frame_faults(answer.frame, width, height)
        for box in answer.boxes:
            corners_inside = contains(picture, box.x1, box.y1) and contains(picture, box.x2, box.y2)
            if not (is_valid_box(box) and corners_inside):
                yield "answer", f"a box must have an area inside {width} x {height}; found {box}"
    elif isinstance(point, Point):
        yield from _frame_faults(point.frame, width, height)
        if not contains(picture, point.x, point.y):
            yield "answer", f"a point must lie inside {width} x {height}; found ({point.x}, {point.y})"
    elif isinstance(answer, Intervals):
        for interval in answer.intervals:
            if not 0 <= interval.start <= interval.end:
                yield "answer", f"an interval must start at 0 or later and before its end; found {interval}"


def _frame_faults(frame: Frame, width: int, height: int) -> Iterator[Fault]:
    if frame != original_frame(width, height):
        yield "answer", f"coordinates must be in the original frame, {width} x {height}; found {frame}"


def credit_faults(sample: Sample) -> Iterator[Fault]:
    """Yield each prompt style in which the gold answer does not read back equal, well formed and worth 1.0."""
    kind = answer_kind(sample.answer)
    frame = original_frame(sample.media[0].width, sample.media[0].height)
    for style in _STYLES:
        completion = write_completion(sample.answer, style=style)
        parsed = parse_completion(completion, kind=kind, style=style, frame=frame)
        if parsed.status is not ParseStatus.OK:
            yield "answer", f"the gold answer must be readable in style {style}; found {parsed.status}: {parsed.detail}"
        elif parsed.answer != sample.answer:
            yield "answer", f"the gold answer must read back equal in style {style}; found {parsed.answer}"
        elif not parsed.well_formed:
            yield "answer", f"the gold answer must be well formed in style {style}; found {completion!r}"
    yield from _accuracy_faults(sample)


def _accuracy_faults(sample: Sample) -> Iterator[Fault]:
    try:
        earned = accuracy(sample.answer, sample)
        if isinstance(sample.answer, Route):
            journey_of(sample)  # what the reward for a journey's parts reads beyond what accuracy does
    except InputError as error:
        yield "meta", f"the answer must be scorable; found {error}"
        return
    if earned != 1.0:
        yield "answer", f"the gold answer must earn accuracy 1.0; found {earned}"
