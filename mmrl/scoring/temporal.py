"""Stretches of time: read from text, compared by the published measures of temporal grounding.

A stretch is ``(start, end)`` in seconds. :func:`mmrl.scoring.temporal_iou` compares sets of them by the time in both
over the time in either; the measures here are those of benchmarks that compare one stretch with another.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

Span = tuple[float, float]

_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"  # longer ones are no times, and would make searching slow
_CLOCK = rf"(?:\d{{1,2}}:)?\d{{1,2}}:\d{{2}}(?:\.\d{{1,12}})?|{_NUMBER}|\.\d{{1,12}}"
_JOINED = re.compile(
    rf"(?<![\w.:])({_CLOCK})\s*(?:s|sec|secs|seconds)?\s*(?:to|and|until|-|–|—|,)\s*({_CLOCK})(?![\d:])"
)
_RELEASED = re.compile(rf"({_NUMBER})\s+(?:to|and)\s+({_NUMBER})")
MAX_TEXT = 20_000
"""Characters, from the end of a text, in which stretches are looked for."""


def hull_iou(first: Span, second: Span) -> float:
    """Return overlap over hull, in 0 .. 1: 0 for stretches that do not overlap, or that are instants.

    Source: TALL, moment_detr and all who report R1@m on Charades-STA. For stretches that overlap, hull is union.
    """
    hull = max(first[1], second[1]) - min(first[0], second[0])
    return max(0.0, _overlap(first, second)) / hull if hull > 0 else 0.0


def inside_share(predicted: Span, gold: Span) -> float:
    """Return the share of the predicted stretch that lies inside the gold one (IoP), in 0 .. 1.

    Source: NExT-GQA ``eval_ground.py``: an instant within the gold stretch earns 1, and so can be gamed.
    """
    length = predicted[1] - predicted[0]
    if length <= 0:
        return float(gold[0] <= predicted[0] <= gold[1])
    return max(0.0, _overlap(predicted, gold)) / length


def edge_weighted_iou(predicted: Span, gold: Span, duration: float) -> float:
    """Return :func:`hull_iou` times the closeness of start and of end, relative to the clip (Time-R1's IoU v2).

    Deviation: each closeness is at least 0, where the release multiplies two negative ones to a reward.
    """
    if duration <= 0:
        return 0.0
    start, end = (max(0.0, 1.0 - abs(one - other) / duration) for one, other in zip(predicted, gold, strict=True))
    return hull_iou(predicted, gold) * start * end


def shaped_iou(iou: float, *, tau: float = 0.8, alpha: float = 1.0) -> float:
    """Return TempSamp-R1's non-linear shaping of an overlap (arXiv 2509.18056), in about 0.087 .. 0.802.

    tau + 0.01 ln(u - tau + 1) from ``tau`` on; tau - (exp(alpha (tau - u)) - 1) / (exp(alpha) - 1) below.
    """
    if iou >= tau:
        return tau + 0.01 * math.log(iou - tau + 1.0)
    return tau - math.expm1(alpha * (tau - iou)) / math.expm1(alpha)


def generalised_iou(first: Span, second: Span) -> float:
    """Return overlap over union less the empty part of the hull, in -1 .. 1: it tells how far apart stretches are."""
    hull = max(first[1], second[1]) - min(first[0], second[0])
    if hull <= 0:
        return 1.0 if first == second else -1.0
    overlap = max(0.0, _overlap(first, second))
    union = (first[1] - first[0]) + (second[1] - second[0]) - overlap
    return (overlap / union if union > 0 else 0.0) - (hull - union) / hull


def average_precision(predicted: Sequence[Span], gold: Sequence[Span], threshold: float) -> float:
    """Return the average precision of stretches in falling order of confidence at one :func:`hull_iou`, in 0 .. 1.

    Source: ActivityNet's detection measure as moment_detr uses it for QVHighlights: each prediction takes the free gold
    stretch that it overlaps most; precision is made monotone over recall.
    """
    free, hits = list(gold), []
    for one in predicted:
        overlap, place = max(((hull_iou(one, other), -index) for index, other in enumerate(free)), default=(0.0, 0))
        hit = bool(free) and overlap >= threshold
        hits.append(hit)
        if hit:
            free.pop(-place)
    found, precisions, recalls = 0, [0.0], [0.0]
    for rank, hit in enumerate(hits, start=1):
        found += hit
        precisions.append(found / rank)
        recalls.append(found / len(gold))
    for place in range(len(precisions) - 2, -1, -1):
        precisions[place] = max(precisions[place], precisions[place + 1])
    steps = zip(recalls, recalls[1:], precisions[1:], strict=False)
    return sum((after - before) * precision for before, after, precision in steps)


def order_agreement(predicted: Sequence[str], gold: Sequence[str]) -> float:
    """Return the share of pairs that stand in the right order, in 0 .. 1: (Kendall's tau + 1) / 2.

    1 for the gold order, 0 for its reverse, 1/2 on average for a random one. 0 where other things than the gold ones
    are listed, one is missing, or one stands twice.

    Args:
        predicted: names in the answered order.
        gold: at least two distinct names in the right order.
    """
    if len(set(gold)) < len(gold) or len(gold) < 2 or sorted(predicted) != sorted(gold):
        return 0.0
    place = {name: at for at, name in enumerate(predicted)}
    pairs = list(itertools.combinations(gold, 2))
    return sum(place[first] < place[second] for first, second in pairs) / len(pairs)


def released_span(text: str) -> Span | None:
    """Return the last ``number to number`` or ``number and number``, as released scripts for VLMs read it."""
    pairs = _RELEASED.findall(text[-MAX_TEXT:])
    return (float(pairs[-1][0]), float(pairs[-1][1])) if pairs else None


def spans_in(text: str) -> list[Span]:
    """Return all stretches that a text states: two times joined by to, and, until, a dash or a comma.

    Times are seconds, ``mm:ss`` or ``hh:mm:ss``. A stretch that ends before it starts is none; nothing is swapped.
    """
    spans = [(seconds(start), seconds(end)) for start, end in _JOINED.findall(text[-MAX_TEXT:])]
    return [(start, end) for start, end in spans if start <= end]


def seconds(clock: str) -> float:
    """Read ``12.5``, ``1:30`` or ``1:02:03`` as seconds."""
    total = 0.0
    for part in clock.split(":"):
        total = 60.0 * total + float(part)
    return total


def _overlap(first: Span, second: Span) -> float:
    return min(first[1], second[1]) - max(first[0], second[0])
