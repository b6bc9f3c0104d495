"""Overlap and containment as released scorers have them, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.geometry import box_iou
from mmrl.scoring.regions import covered_shares, in_polygon, inner_point, released_iou
from mmrl.types import Box


def box(x1: float, y1: float, x2: float, y2: float) -> Box:
    return Box(x1=x1, y1=y1, x2=x2, y2=y2)


@pytest.mark.parametrize(
    ("a", "b", "released", "plain"),
    [
        (box(0, 0, 10, 10), box(9, 0, 19, 10), 0.0, 10 / 190),  # one pixel column
        (box(0, 0, 10, 10), box(8, 0, 18, 10), 20 / 180, 20 / 180),
        (box(0, 0, 10, 10), box(0, 0, 10, 10), 1.0, 1.0),
        (box(0, 0, 10, 10), box(20, 20, 30, 30), 0.0, 0.0),
        (box(0, 0, 0, 0), box(0, 0, 10, 10), 0.0, 0.0),
    ],
)
def test_released_iou_by_hand(a, b, released, plain):
    assert released_iou(a, b) == pytest.approx(released)
    assert box_iou(a, b) == pytest.approx(plain)


edges = st.integers(0, 60)


@given(edges, edges, st.integers(2, 60), st.integers(2, 60), edges, edges, st.integers(2, 60), st.integers(2, 60))
@settings(deadline=None)
def test_released_iou_is_plain_but_for_overlaps_of_one_pixel(x, y, w, h, u, v, p, q):
    a, b = box(x, y, x + w, y + h), box(u, v, u + p, v + q)
    wide = min(a.x2, b.x2) - max(a.x1, b.x1) > 1 and min(a.y2, b.y2) - max(a.y1, b.y1) > 1
    assert released_iou(a, b) == pytest.approx(box_iou(a, b) if wide else 0.0)


def test_shares_by_hand():
    # 5 x 10 shared of a gold 10 x 10 and a predicted 20 x 10.
    assert covered_shares(box(5, 0, 25, 10), box(0, 0, 10, 10)) == (0.5, 0.25)
    assert covered_shares(box(25, 0, 5, 10), box(0, 0, 10, 10)) == (0.0, 0.0)
    assert covered_shares(box(50, 0, 55, 10), box(0, 0, 10, 10)) == (0.0, 0.0)


SQUARE = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
L_SHAPE = [(0.0, 0.0), (10.0, 0.0), (10.0, 4.0), (4.0, 4.0), (4.0, 10.0), (0.0, 10.0)]


@pytest.mark.parametrize(
    ("point", "with_edges", "without"),
    [
        ((5, 5), True, True),
        ((0, 5), True, True),
        ((5, 0), True, True),
        ((10, 5), True, False),
        ((5, 10), True, False),
        ((10, 10), True, False),
        ((11, 5), False, False),
        ((-1, 0), False, False),
    ],
)
def test_the_two_edge_rules_differ_at_right_and_bottom(point, with_edges, without):
    assert in_polygon(*point, SQUARE) is with_edges
    assert in_polygon(*point, SQUARE, edges=False) is without


def test_a_hollow_is_outside():
    assert in_polygon(2, 8, L_SHAPE)
    assert in_polygon(8, 2, L_SHAPE)
    assert not in_polygon(8, 8, L_SHAPE)
    assert in_polygon(4, 6, L_SHAPE)


HOOK = [(0.0, 0.0), (9, 0), (9, 3), (3, 3), (3, 9), (0, 9)]


def test_a_place_inside_a_polygon_by_hand():
    assert inner_point([(0, 0), (4, 0), (4, 2), (0, 2)]) == (2, 1)
    assert inner_point(HOOK) == (1.5, 6)  # between its corners lie the heights 1.5 and 6; 6 is nearer to the middle
    assert inner_point(HOOK[::-1]) == (1.5, 6)
    fork = [(0.0, 0.0), (10, 0), (10, 8), (7, 8), (7, 2), (2, 2), (2, 8), (0, 8)]
    assert inner_point(fork) == (8.5, 5)  # of two prongs the wider one


@pytest.mark.parametrize("flat", [[(0.0, 1.0), (2, 1), (5, 1)], [(1.0, 0.0), (1, 2), (1, 5)]])
def test_what_encloses_nothing_has_no_inside(flat):
    with pytest.raises(ValueError, match="must have an inside"):
        inner_point(flat)
