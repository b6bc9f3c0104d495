"""Wrong statements like the right one in length and kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

from datasets_builders.forms.evener import Evener
from mmrl.geometry import box_area, box_iou, contains
from mmrl.scoring import journey_of, route_is_valid
from mmrl.types import Box, Frame, Route, RouteLeg, Sample

FAR = 0.3
"""IoU under which a moved box is another place."""
_TRIES = 200
_NEAR = 3
"""How many steps a wrong number is off, at most, beyond what a window of options needs."""


def near_numbers(value: float, step: float, number: int, table: str, evener: Evener) -> list[float]:
    """Return ``number`` wrong numbers about ``value``, whole steps off and not below 0 unless it is.

    How many of them are smaller takes its turn, so that the rank among the options tells nothing.
    """
    below = [value - step * away for away in range(1, _NEAR + 1)]
    below = [float(f"{one:.12g}") for one in below if one >= 0 or value < 0]
    above = [float(f"{value + step * away:.12g}") for away in range(1, number + _NEAR)]
    smaller = evener.turn(f"{table} rank {number}", range(min(len(below), number) + 1))
    near_above = above[: max(_NEAR, number - smaller)]
    return evener.wrong(table, below, smaller) + evener.wrong(table, near_above, number - smaller)


def moved_boxes(box: Box, centers: Sequence[tuple[float, float]], frame: Frame, number: int, rng: Random) -> list[Box]:
    """Return boxes of the same size elsewhere, apart from ``box`` and from each other; fewer where none fit.

    Places come from ``centers`` (shares of width and height): where true boxes of the dataset lie, so that the place
    in the picture tells nothing; after that from anywhere.
    """
    width, height = box.x2 - box.x1, box.y2 - box.y1
    found: list[Box] = []
    for tried in range(_TRIES):
        if len(found) == number:
            break
        x, y = rng.choice(centers) if tried < _TRIES // 2 else (rng.random(), rng.random())
        left = min(max(0.0, x * frame.width - width / 2), frame.width - width)
        top = min(max(0.0, y * frame.height - height / 2), frame.height - height)
        moved = Box(x1=left, y1=top, x2=left + width, y2=top + height)
        if all(_apart(moved, other) for other in (box, *found)):
            found.append(moved)
    return found


def _apart(first: Box, second: Box) -> bool:
    centers = ((first.x1 + first.x2) / 2, (first.y1 + first.y2) / 2)
    return box_area(first) > 0 and box_iou(first, second) < FAR and not contains(second, *centers)


def changed_routes(sample: Sample, rng: Random) -> list[Route]:
    """Return up to three invalid routes with as many legs as the right one.

    Two changes, each of a line or of a stop where one changes, give three routes: the first, the second, both. Of the
    four options each part then stands in two, so that no vote among options finds the right one. A ride without change
    has but its line to be wrong.
    """
    gold = sample.answer
    assert isinstance(gold, Route)  # the caller's kinds
    route = Route(legs=tuple(replace(leg, via=None, via_count=None) for leg in gold.legs))
    edits = [edit for edit in _edits(route, journey_of(sample)["lines"]) if _is_wrong(_changed(route, edit), sample)]
    shuffled = rng.sample(edits, len(edits))
    if len(route.legs) == 1:
        return [_changed(route, edit) for edit in shuffled[:3]]
    for place, first in enumerate(shuffled):
        for second in shuffled[place + 1 :]:
            both = _changed(_changed(route, first), second)
            if first[0] != second[0] and _is_wrong(both, sample):
                return [_changed(route, first), _changed(route, second), both]
    return [_changed(route, edit) for edit in shuffled[:1]]


Edit = tuple[tuple[str, int], str]
"""What is changed, the line of a leg or the stop at its end, and what it becomes."""


def _edits(route: Route, lines: Mapping[str, Sequence[str]]) -> Iterator[Edit]:
    stops = sorted({stop for line in lines.values() for stop in line})
    for place, leg in enumerate(route.legs):
        yield from ((("line", place), name) for name in sorted(lines) if name != leg.line)
        ends = {route.legs[0].departure, route.legs[-1].arrival, leg.departure, leg.arrival}
        if place + 1 < len(route.legs):
            yield from ((("stop", place), stop) for stop in stops if stop not in ends)


def _changed(route: Route, edit: Edit) -> Route:
    (what, place), name = edit
    legs: list[RouteLeg] = list(route.legs)
    if what == "line":
        legs[place] = replace(legs[place], line=name)
    else:
        legs[place] = replace(legs[place], arrival=name)
        legs[place + 1] = replace(legs[place + 1], departure=name)
    return Route(legs=tuple(legs))


def _is_wrong(route: Route, sample: Sample) -> bool:
    journey = journey_of(sample)
    valid = route_is_valid(route, lines=journey["lines"], origin=journey["origin"], destination=journey["destination"])
    return not valid and all(leg.departure != leg.arrival for leg in route.legs)
