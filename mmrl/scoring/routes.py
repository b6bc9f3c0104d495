"""Scores of routes through a transit network.

A network is ``{line: stops in order}``. Lines are compared exactly, stops after ``clean``, which defaults to
:func:`mmrl.scoring.values.normalise_text`; a benchmark passes its own cleaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from mmrl.scoring.values import normalise_text
from mmrl.types import Route

Lines = Mapping[str, Sequence[str]]
Clean = Callable[[str], str]

DETAIL_CAP = 10
"""The greatest detail score, and what it is divided by to lie on the scale of an accuracy."""


def route_is_valid(route: Route, *, lines: Lines, origin: str, destination: str, clean: Clean = normalise_text) -> bool:
    """Whether the route leads from origin to destination by rides that the network has.

    The ends match, each leg's line exists and holds both its stops, and each leg departs where the one before arrived.
    Direction, order of stops, number of legs and stops on the way are not looked at: a valid detour is right.

    Source: ReasonMap's accuracy rule (arXiv 2505.18675, Algorithm 1), on typed legs instead of text sections; the
    release's renaming of two Beijing lines is left to the benchmark.
    """
    return (
        _ends_match(route, origin, destination, clean)
        and all(_line_holds(leg.line, (leg.departure, leg.arrival), lines, clean) for leg in route.legs)
        and all(clean(before.arrival) == clean(after.departure) for before, after in pairwise(route.legs))
    )


def route_detail(
    route: Route,
    *,
    lines: Lines,
    origin: str,
    destination: str,
    transfers: int,
    mode: Literal["released", "zero_based"] = "zero_based",
    clean: Clean = normalise_text,
) -> float:
    """Return RewardMap's detail score: at most 10, with no lower bound; 0 where an end is wrong.

    2 for the ends. Then for each leg: minus 5 where it exceeds the question's ``transfers``; for a line that exists,
    plus 3 (if ``transfers`` is 0, plus 4 instead, and only for a line that holds both ends); plus 1 where it is not in
    excess and its line holds both its stops and the next leg departs where it arrives.

    ``released`` counts legs from 1 when looking for excess, so the last leg of a fully right route is fined too: such
    routes get 1, 4, 8, 10 for 0, 1, 2, 3 transfers. ``zero_based`` counts from 0: 6, 9, 10, 10.

    Source: RewardMap (arXiv 2510.02240) as released, but for the cleaning of stops, which is left to ``clean``.
    """
    if not _ends_match(route, origin, destination, clean):
        return 0.0
    score = 2
    for position, leg in enumerate(route.legs):
        excess = position + (mode == "released") > transfers
        score -= 5 if excess else 0
        score += _line_credit(leg.line, lines, origin, destination, transfers, clean)
        following = route.legs[position + 1 : position + 2]
        changes = bool(following) and clean(following[0].departure) == clean(leg.arrival)
        if changes and not excess and _line_holds(leg.line, (leg.departure, leg.arrival), lines, clean):
            score += 1
    return float(min(DETAIL_CAP, score))


def _ends_match(route: Route, origin: str, destination: str, clean: Clean) -> bool:
    if not route.legs:
        return False
    ends = clean(route.legs[0].departure), clean(route.legs[-1].arrival)
    return ends == (clean(origin), clean(destination))


def _line_holds(line: str, stops: tuple[str, str], lines: Lines, clean: Clean) -> bool:
    held = {clean(stop) for stop in lines.get(line, ())}
    return all(clean(stop) in held for stop in stops)


def _line_credit(line: str, lines: Lines, origin: str, destination: str, transfers: int, clean: Clean) -> int:
    if line not in lines:
        return 0
    if transfers > 0:
        return 3
    return 4 if _line_holds(line, (origin, destination), lines, clean) else 0
