"""Scores of short answers, each with what is right and what must not be."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.geometry import PERMILLE_FRAME, original_frame
from mmrl.scoring import (
    action_is_right,
    choice_exact,
    choice_jaccard,
    normalise_text,
    number_matches,
    point_is_right,
    temporal_iou,
    text_matches,
)
from mmrl.types import Action, Box, Choice, Interval, Intervals, Point

SCREEN = original_frame(300, 400)


@pytest.mark.parametrize(
    ("predicted", "gold", "right"),
    [
        ("Karlsplatz", "karlsplatz", True),
        (" Karls  platz. ", "karls platz", True),
        ("ＫＡＲＬＳＰＬＡＴＺ", "Karlsplatz", True),
        ("STRASSE", "straße", True),
        ("e\u0301", "é", True),
        ("Karls", "Karlsplatz", False),
        ("Karlsplatz or Stephansplatz", "Karlsplatz", False),
        ("", "Karlsplatz", False),
        (".", "", False),
        ("12", "1", False),
        ("resume", "résumé", False),
    ],
)
def test_texts(predicted, gold, right):
    assert text_matches(predicted, gold) is right


@given(st.text())
@settings(deadline=None)
def test_normalising_ends_without_outer_blanks(text):
    assert normalise_text(text) == normalise_text(text).strip()
    assert text_matches(f"  {text}\n", text)


@pytest.mark.parametrize(
    ("predicted", "gold", "options", "right"),
    [
        (3, 3, {}, True),
        (0.1 + 0.2, 0.3, {}, True),
        (3.0001, 3, {}, False),
        (0, 0, {}, True),
        (1e-12, 0, {}, False),
        (4, 3, {"absolute": 1}, True),
        (4.01, 3, {"absolute": 1}, False),
        (105, 100, {"relative": 0.05}, True),
        (106, 100, {"relative": 0.05}, False),
        (-105, -100, {"relative": 0.05}, True),
        (106, 100, {"absolute": 10, "relative": 0.05}, True),
        (math.nan, math.nan, {"absolute": 1}, False),
        (math.inf, math.inf, {}, False),
        (3, math.nan, {}, False),
    ],
)
def test_numbers(predicted, gold, options, right):
    assert number_matches(predicted, gold, **options) is right


@pytest.mark.parametrize(
    ("predicted", "gold", "exact", "jaccard"),
    [
        ("A", "A", True, 1),
        ("B", "A", False, 0),
        ("AC", "AC", True, 1),
        ("A", "AC", False, 1 / 2),
        ("ABC", "AC", False, 2 / 3),
        ("ABCD", "A", False, 1 / 4),
        ("BD", "AC", False, 0),
        ("AB", "BC", False, 1 / 3),
    ],
)
def test_choices(predicted, gold, exact, jaccard):
    guess, truth = Choice(letters=tuple(predicted)), Choice(letters=tuple(gold))
    assert choice_exact(guess, truth) is exact
    assert choice_jaccard(guess, truth) == pytest.approx(jaccard)


def spans(*pairs):
    return Intervals(intervals=tuple(Interval(start=start, end=end) for start, end in pairs))


@pytest.mark.parametrize(
    ("predicted", "gold", "value"),
    [
        ([(0, 10)], [(0, 10)], 1),
        ([(0, 5)], [(0, 10)], 0.5),
        ([(5, 15)], [(0, 10)], 1 / 3),
        ([(10, 20)], [(0, 10)], 0),
        ([(20, 30)], [(0, 10)], 0),
        ([(0, 2), (4, 6)], [(0, 2), (4, 6)], 1),
        ([(4, 6), (0, 2)], [(0, 2), (4, 6)], 1),
        ([(0, 6)], [(0, 2), (4, 6)], 4 / 6),
        ([(0, 5), (0, 5), (3, 8)], [(0, 8)], 1),
        ([(0, 1)] * 50, [(0, 2)], 0.5),
        ([(3, 3)], [(3, 3)], 1),
        ([(3, 3)], [(4, 4)], 0),
        ([(3, 3)], [(0, 10)], 0),
    ],
)
def test_temporal_iou(predicted, gold, value):
    assert temporal_iou(spans(*predicted), spans(*gold)) == pytest.approx(value)
    assert temporal_iou(spans(*gold), spans(*predicted)) == pytest.approx(value)


pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), min_size=1, max_size=4)


@given(pairs, pairs)
@settings(deadline=None)
def test_temporal_iou_counts_seconds(predicted, gold):
    def seconds(items):
        return {second for start, end in items for second in range(start, end)}

    either = seconds(predicted) | seconds(gold)
    if either:
        both = seconds(predicted) & seconds(gold)
        assert temporal_iou(spans(*predicted), spans(*gold)) == pytest.approx(len(both) / len(either))


def point(x, y, frame=SCREEN):
    return Point(x=x, y=y, frame=frame)


def test_points():
    gold = point(100, 100)
    target = Box(x1=90, y1=95, x2=140, y2=105)
    assert point_is_right(point(140, 105), gold, target=target)
    assert not point_is_right(point(141, 105), gold, target=target)
    assert point_is_right(point(103, 104), gold, radius=5)
    assert not point_is_right(point(103, 104.1), gold, radius=5)
    # The diagonal is 500, so 10 pixels are allowed.
    assert point_is_right(point(106, 108), gold)
    assert not point_is_right(point(107, 108), gold)
    assert point_is_right(point(333, 250, PERMILLE_FRAME), gold)
    assert not point_is_right(point(100, 100, PERMILLE_FRAME), gold)
    assert not point_is_right(point(math.nan, 100), gold)


def action(kind, at=None, text=None):
    return Action(type=kind, point=None if at is None else point(*at), text=text)


@pytest.mark.parametrize(
    ("predicted", "gold", "right"),
    [
        (action("click", (100, 100)), action("click", (100, 100)), True),
        (action("click", (200, 100)), action("click", (100, 100)), False),
        (action("click"), action("click", (100, 100)), False),
        (action("double_click", (100, 100)), action("click", (100, 100)), False),
        (action("wait"), action("wait"), True),
        (action("wait", (1, 1), "x"), action("wait"), True),
        (action("type", text=" Secret "), action("type", text="Secret"), True),
        (action("type", text="secret"), action("type", text="Secret"), False),
        (action("type"), action("type", text="Secret"), False),
        (action("press", text="CTRL+C"), action("press", text="ctrl+c"), True),
        (action("press", text="ctrl+v"), action("press", text="ctrl+c"), False),
        (action("type", (1, 1), "x"), action("type", (100, 100), "x"), False),
    ],
)
def test_actions(predicted, gold, right):
    assert action_is_right(predicted, gold) is right
