"""Scores of short answers: numbers, choices, texts, stretches of time, points and actions."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from mmrl.geometry import contains, convert_point
from mmrl.scoring.regions import Vertex, in_polygon
from mmrl.types import Action, Box, Choice, Interval, Intervals, Point

ROUNDING_SLACK = 1e-9
"""Relative slack of number comparisons: forgives binary rounding (0.1 + 0.2), nothing else."""

POINT_RADIUS_SHARE = 0.02
"""How far a point may be off where nothing else is stated, as a share of the picture's diagonal."""


def normalise_text(text: str) -> str:
    """Return ``text`` in compatibility form (NFKC), case folded, white space collapsed, one final full stop dropped."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded[:-1].rstrip() if folded.endswith((".", "。")) and len(folded) > 1 else folded


def text_matches(predicted: str, gold: str) -> bool:
    """Whether two texts are equal after :func:`normalise_text`; a part of the gold text is not enough."""
    return normalise_text(predicted) == normalise_text(gold)


def number_matches(predicted: float, gold: float, *, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether ``predicted`` is within the greater of ``absolute`` and ``relative`` times the gold value's size."""
    if not (math.isfinite(predicted) and math.isfinite(gold)):
        return False
    allowed = max(absolute, relative * abs(gold)) + ROUNDING_SLACK * abs(gold)
    return abs(predicted - gold) <= allowed


def choice_exact(predicted: Choice, gold: Choice) -> bool:
    """Whether the same options are chosen, in any order, none more and none less."""
    return set(predicted.letters) == set(gold.letters)


def choice_jaccard(predicted: Choice, gold: Choice) -> float:
    """Return shared options over all options named on either side: 1 for equal sets, 0 for disjoint ones."""
    named = set(predicted.letters) | set(gold.letters)
    return len(set(predicted.letters) & set(gold.letters)) / len(named) if named else 0.0


def labels_jaccard(predicted: str, gold: str) -> float:
    """Return shared labels over all named on either side, of two lists joined by commas; order and repetition aside."""
    said, true = ({normalise_text(label) for label in text.split(",")} - {""} for text in (predicted, gold))
    return len(said & true) / len(said | true) if said | true else 0.0


# ---------------------------------------------------------------------------------------------------- time


def temporal_iou(predicted: Intervals, gold: Intervals) -> float:
    """Return the time in both over the time in either, in 0 .. 1; overlapping stretches of one side count once.

    Where neither side has any duration, 1 for the same instants and 0 otherwise.
    """
    guessed, true = _merge(predicted.intervals), _merge(gold.intervals)
    either = _duration(_merge((*guessed, *true)))
    if either == 0:
        return float(guessed == true)
    both = _duration(guessed) + _duration(true) - either
    return min(1.0, max(0.0, both / either))


def _merge(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda item: (item.start, item.end)):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(start=merged[-1].start, end=max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return tuple(merged)


def _duration(intervals: tuple[Interval, ...]) -> float:
    return math.fsum(interval.end - interval.start for interval in intervals)


# ---------------------------------------------------------------------------------------------------- screens


Target = Box | Sequence[Vertex]
"""What a point has to lie in: a box, or the corners of a polygon."""


def point_is_right(predicted: Point, gold: Point, *, target: Target | None = None, radius: float | None = None) -> bool:
    """Whether a predicted point lies in ``target`` (edges included), else within ``radius`` of the gold point.

    Target and radius are in the gold point's frame; without either the radius is 2 % of that frame's diagonal.
    """
    converted = convert_point(predicted, gold.frame)
    if isinstance(target, Box):
        return contains(target, converted.x, converted.y)
    if target is not None:
        return in_polygon(converted.x, converted.y, target)
    if radius is None:
        radius = POINT_RADIUS_SHARE * math.hypot(gold.frame.width, gold.frame.height)
    return math.hypot(converted.x - gold.x, converted.y - gold.y) <= radius


def action_is_right(
    predicted: Action, gold: Action, *, target: Target | None = None, radius: float | None = None
) -> bool:
    """Whether type, place and text agree; a place or text that the gold action does not state is not looked at.

    Text to type must be the same to the letter, outer white space aside; other texts are compared normalised.
    """
    if predicted.type != gold.type:
        return False
    if gold.point is not None and (
        predicted.point is None or not point_is_right(predicted.point, gold.point, target=target, radius=radius)
    ):
        return False
    if gold.text is None:
        return True
    if predicted.text is None:
        return False
    if gold.type == "type":
        return predicted.text.strip() == gold.text.strip()
    return text_matches(predicted.text, gold.text)
