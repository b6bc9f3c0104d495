"""Whether an answer is right: one function for every kind, used as reward and as metric."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from mmrl.errors import InputError
from mmrl.scoring.boxes import BOX_RULES, boxes_match
from mmrl.scoring.math_text import verified
from mmrl.scoring.routes import route_is_valid
from mmrl.scoring.values import (
    Target,
    action_is_right,
    choice_exact,
    choice_jaccard,
    labels_jaccard,
    number_matches,
    point_is_right,
    temporal_iou,
    text_matches,
)
from mmrl.types import (
    Action,
    Answer,
    Box,
    Boxes,
    Choice,
    Grounded,
    Intervals,
    Number,
    Point,
    Route,
    Sample,
    Text,
    YesNo,
)

TIME_IOU_THRESHOLD = 0.5


def accuracy(answer: Answer | None, sample: Sample) -> float:
    """Return how right ``answer`` is, from 0 to 1; None (unparsed) and another kind than the gold answer's score 0.

    Coordinates are brought into the gold frame. Options stand in ``sample.meta``, all of them optional but a route's:

    ========== ===================================================================================================
    boxes      ``rule``: ``iou50`` (IoU of at least 0.5, the default) or ``hit`` (centre inside); all boxes, no others
    choice     ``rule``: ``exact`` (default) or ``jaccard`` (partial credit)
    text       ``rule``: ``exact`` (default), ``labels`` (:func:`labels_jaccard`) or ``mathematics`` (math-verify)
    number     ``tolerance`` and ``relative_tolerance``, both 0 by default
    intervals  ``rule``: ``tiou50`` (temporal IoU of at least 0.5, the default) or ``tiou`` (the IoU itself)
    grounded   ``rule`` as for intervals; a wrong option scores 0 whatever the times
    point      ``box`` ``[x1, y1, x2, y2]`` to lie in, else ``radius``; both in the gold frame
    point      ``box`` ``[x1, y1, x2, y2]`` or ``polygon`` ``[x1, y1, x2, y2, x3, y3, ...]`` to lie in, else ``radius``;
               all in the gold frame
    action     as for a point
    route      all of :class:`Journey`
    ========== ===================================================================================================

    ``InputError`` names the sample where an option is missing or not as described.
    """
    gold = sample.answer
    if answer is None or type(answer) is not type(gold):
        return 0.0
    return float(_SCORERS[type(gold)](answer, gold, sample))


# ---------------------------------------------------------------------------------------------------- options


def _wrong_option(sample: Sample, key: str, wanted: str, found: object) -> InputError:
    return InputError(
        f"option {key!r} must be {wanted}; found {found!r:.80}; in sample {sample.id!r}, meta.{key}; "
        "correct the row or build the dataset again"
    )


def _rule(sample: Sample, known: Sequence[str]) -> str:
    """Return the rule to score by; the first known one is the default."""
    rule = sample.meta.get("rule", known[0])
    if rule not in known:
        raise _wrong_option(sample, "rule", " or ".join(known), rule)
    return rule


def _is_number(value: object) -> bool:
    """Whether a value is a number that arithmetic with floats can bear."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _amount(sample: Sample, key: str) -> float | None:
    value = sample.meta.get(key)
    if value is not None and not (_is_number(value) and value >= 0):
        raise _wrong_option(sample, key, "a number of at least 0", value)
    return value


def target_box(sample: Sample) -> Box | None:
    """Return ``meta.box`` of a sample that asks for a point or an action, in the gold frame; None if absent."""
    edges = sample.meta.get("box")
    if edges is None:
        return None
    if not (isinstance(edges, Sequence) and len(edges) == 4 and all(map(_is_number, edges))):
        raise _wrong_option(sample, "box", "[x1, y1, x2, y2]", edges)
    x1, y1, x2, y2 = edges
    return Box(x1=x1, y1=y1, x2=x2, y2=y2)


def target_region(sample: Sample) -> Target | None:
    """Return where a sample's point or action has to be: ``meta.polygon``, else ``meta.box``, else None."""
    numbers = sample.meta.get("polygon")
    if numbers is None:
        return target_box(sample)
    pairs = isinstance(numbers, Sequence) and len(numbers) >= 6 and len(numbers) % 2 == 0
    if not (pairs and all(map(_is_number, numbers))):
        raise _wrong_option(sample, "polygon", "[x1, y1, x2, y2, x3, y3, ...]", numbers)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


class Journey(TypedDict):
    """What a route sample's ``meta`` holds, so that its answers can be scored by every rule for routes."""

    lines: Mapping[str, Sequence[str]]
    """The network: stops in order, by line."""
    origin: str
    destination: str
    transfers: int
    """Changes on the best journey."""


def journey_of(sample: Sample) -> Journey:
    """Return the journey that a route sample asks for; ``InputError`` names what its ``meta`` lacks."""
    return Journey(
        lines=_network(sample),
        origin=_stop(sample, "origin"),
        destination=_stop(sample, "destination"),
        transfers=_transfers(sample),
    )


def _network(sample: Sample) -> Mapping[str, Sequence[str]]:
    lines = sample.meta.get("lines")
    if not (isinstance(lines, Mapping) and lines and all(map(_are_stops, lines.values()))):
        raise _wrong_option(sample, "lines", "an object of lists of names {line: [stops]}", lines)
    return lines


def _transfers(sample: Sample) -> int:
    transfers = sample.meta.get("transfers")
    if type(transfers) is not int or transfers < 0:
        raise _wrong_option(sample, "transfers", "a whole number of at least 0", transfers)
    return transfers


def _are_stops(stops: object) -> bool:
    return isinstance(stops, list | tuple) and all(isinstance(stop, str) for stop in stops)


def _stop(sample: Sample, key: str) -> str:
    stop = sample.meta.get(key)
    if not isinstance(stop, str) or not stop:
        raise _wrong_option(sample, key, "the name of a stop", stop)
    return stop


# ---------------------------------------------------------------------------------------------------- scorers


def _score_yes_no(answer: YesNo, gold: YesNo, sample: Sample) -> float:  # noqa: ARG001
    return answer.value == gold.value


def _score_choice(answer: Choice, gold: Choice, sample: Sample) -> float:
    exact = _rule(sample, ("exact", "jaccard")) == "exact"
    return choice_exact(answer, gold) if exact else choice_jaccard(answer, gold)


def _score_number(answer: Number, gold: Number, sample: Sample) -> float:
    absolute, relative = _amount(sample, "tolerance"), _amount(sample, "relative_tolerance")
    return number_matches(answer.value, gold.value, absolute=absolute or 0.0, relative=relative or 0.0)


def _score_text(answer: Text, gold: Text, sample: Sample) -> float:
    rule = _rule(sample, ("exact", "labels", "mathematics"))
    if rule == "labels":
        return labels_jaccard(answer.value, gold.value)
    if rule == "mathematics":
        return verified(answer.value, gold.value)
    return text_matches(answer.value, gold.value)


def _score_point(answer: Point, gold: Point, sample: Sample) -> float:
    return point_is_right(answer, gold, target=target_region(sample), radius=_amount(sample, "radius"))


def _score_boxes(answer: Boxes, gold: Boxes, sample: Sample) -> float:
    rule = _rule(sample, BOX_RULES)
    return boxes_match(answer, gold, rule="hit" if rule == "hit" else "iou50")


def _score_intervals(answer: Intervals, gold: Intervals, sample: Sample) -> float:
    graded = _rule(sample, ("tiou50", "tiou")) == "tiou"
    overlap = temporal_iou(answer, gold)
    return overlap if graded else overlap >= TIME_IOU_THRESHOLD


def _score_grounded(answer: Grounded, gold: Grounded, sample: Sample) -> float:
    chosen = choice_exact(answer.choice, gold.choice)
    return chosen * _score_intervals(answer.intervals, gold.intervals, sample)


def _score_route(answer: Route, gold: Route, sample: Sample) -> float:  # noqa: ARG001
    return route_is_valid(
        answer, lines=_network(sample), origin=_stop(sample, "origin"), destination=_stop(sample, "destination")
    )


def _score_action(answer: Action, gold: Action, sample: Sample) -> float:
    return action_is_right(answer, gold, target=target_region(sample), radius=_amount(sample, "radius"))


_SCORERS: dict[type, Callable[[Any, Any, Sample], float]] = {
    YesNo: _score_yes_no,
    Choice: _score_choice,
    Number: _score_number,
    Text: _score_text,
    Point: _score_point,
    Boxes: _score_boxes,
    Intervals: _score_intervals,
    Grounded: _score_grounded,
    Route: _score_route,
    Action: _score_action,
}
