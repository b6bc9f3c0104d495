"""Route scores on a toy network, with RewardMap's published values."""

import pytest

from mmrl.scoring import route_detail, route_is_valid
from mmrl.types import Route, RouteLeg

LINES = {"Line 1": ["A", "B", "C", "D"], "Line 2": ["E", "B", "F"], "Line 3": ["D", "G", "F"]}


def route(*legs):
    return Route(legs=tuple(RouteLeg(line=f"Line {line}", departure=a, arrival=b) for line, a, b in legs))


A_TO_F = route((1, "A", "B"), (2, "B", "F"))
LOWER = Route(
    legs=(RouteLeg(line="line 1", departure="A", arrival="B"), RouteLeg(line="Line 2", departure="B", arrival="F"))
)

# route, origin, destination, valid, detail as released for 0, 1, 2, 3 transfers
RELEASED = [
    (route((1, "A", "D")), "A", "D", True, (1, 5, 5, 5)),
    (A_TO_F, "A", "F", True, (-8, 4, 9, 9)),
    (route((1, "A", "D"), (3, "D", "F")), "A", "F", True, (-8, 4, 9, 9)),
    (route((2, "E", "B"), (1, "B", "D"), (3, "D", "G")), "E", "G", True, (-13, 2, 8, 10)),
    (route((1, "A", "C"), (2, "B", "F")), "A", "F", False, (-8, 3, 8, 8)),
    (route((1, "A", "F")), "A", "F", False, (-3, 5, 5, 5)),
    (LOWER, "A", "F", False, (-8, 0, 5, 5)),
    (route((1, "D", "B"), (2, "B", "F")), "A", "F", False, (0, 0, 0, 0)),
    (route((1, "A", "D")), "A", "F", False, (0, 0, 0, 0)),
    (Route(legs=()), "A", "F", False, (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("guess", "origin", "destination", "valid", "details"), RELEASED)
def test_published_values(guess, origin, destination, valid, details):
    ends = {"lines": LINES, "origin": origin, "destination": destination}
    assert route_is_valid(guess, **ends) is valid
    for transfers, detail in enumerate(details):
        assert route_detail(guess, transfers=transfers, mode="released", **ends) == detail


# (route, origin, destination) that is fully right with k transfers, detail as released, detail counted from zero
RIGHT = [
    (route((1, "A", "D")), "A", "D", 1, 6),
    (A_TO_F, "A", "F", 4, 9),
    (route((2, "E", "B"), (1, "B", "D"), (3, "D", "G")), "E", "G", 8, 10),
    (route((1, "A", "B"), (2, "B", "F"), (3, "F", "D"), (1, "D", "C")), "A", "C", 10, 10),
]


@pytest.mark.parametrize(("guess", "origin", "destination", "released", "zero_based"), RIGHT)
def test_a_right_route_in_both_modes(guess, origin, destination, released, zero_based):
    ask = {"lines": LINES, "origin": origin, "destination": destination, "transfers": len(guess.legs) - 1}
    assert route_detail(guess, mode="released", **ask) == released
    assert route_detail(guess, mode="zero_based", **ask) == zero_based
    assert route_detail(guess, **ask) == zero_based


def test_zero_based_still_fines_excess():
    ask = {"lines": LINES, "origin": "A", "destination": "F"}
    # 2 for the ends, 3 + 1 for the first leg and for the second, 3 - 5 for the third.
    detour = route((1, "A", "B"), (2, "B", "E"), (2, "E", "F"))
    assert route_detail(detour, transfers=1, **ask) == 2 + 4 + 4 - 2
    # Direct question: no line holds both ends, the second leg is in excess, the first changes rightly.
    assert route_detail(A_TO_F, transfers=0, **ask) == 2 + 1 - 5


REWARDS = [
    # 10 * accuracy + detail / 2, times the weight: easy, middle, hard.
    (A_TO_F, "F", 1, (1.5, 1.7, 2.0), (18, 20.4, 24)),
    (route((9, "A", "D")), "D", 0, (1.0, 1.2, 1.5), (-1.5, -1.8, -2.25)),
    (route(*[(1, "A", "D")] * 5), "D", 0, (1.0, 1.2, 1.5), (-1.5, -1.8, -2.25)),
    (route(*[(1, "A", "D")] * 5), "D", 1, (1.5, 1.7, 2.0), (-2.25, -2.55, -3.0)),
]


@pytest.mark.parametrize(("guess", "destination", "transfers", "weights", "totals"), REWARDS)
def test_published_totals(guess, destination, transfers, weights, totals):
    ask = {"lines": LINES, "origin": "A", "destination": destination}
    detail = route_detail(guess, transfers=transfers, mode="released", **ask)
    for weight, total in zip(weights, totals, strict=True):
        assert (10 * route_is_valid(guess, **ask) + 0.5 * detail) * weight == pytest.approx(total)


def test_stops_are_cleaned_and_lines_are_not():
    ask = {"lines": {"U1": ["Karlsplatz", "Schwedenplatz"]}, "origin": "Karlsplatz", "destination": "Schwedenplatz"}

    def leg(line, a, b):
        return Route(legs=(RouteLeg(line=line, departure=a, arrival=b),))

    assert route_is_valid(leg("U1", " KARLSPLATZ", "Schwedenplatz."), **ask)
    assert not route_is_valid(leg("u1", "Karlsplatz", "Schwedenplatz"), **ask)
    assert not route_is_valid(leg("U1", "Karlsplatz Station", "Schwedenplatz"), **ask)

    def clean(stop):
        return stop.removesuffix(" Station").lower()

    assert route_is_valid(leg("U1", "Karlsplatz Station", "Schwedenplatz"), clean=clean, **ask)


def test_direction_is_free_but_the_chain_is_not():
    ask = {"lines": LINES, "origin": "D", "destination": "A"}
    assert route_is_valid(route((1, "D", "A")), **ask)
    assert not route_is_valid(route((1, "D", "C"), (1, "B", "A")), **ask)
