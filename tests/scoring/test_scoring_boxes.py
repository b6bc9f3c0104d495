"""Scores of boxes against hand-computed and published values."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.geometry import UNIT_FRAME, box_iou, convert_boxes, model_frame, original_frame
from mmrl.scoring import best_iou, box_hit, box_size_closeness, boxes_match, count_matched_boxes
from mmrl.scoring.boxes import maximum_matching
from mmrl.types import Box, Boxes

SCREEN = original_frame(1920, 1080)


def box(x1, y1, x2, y2, label=None):
    return Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label)


def boxes(*items, frame=SCREEN):
    return Boxes(boxes=tuple(item if isinstance(item, Box) else box(*item) for item in items), frame=frame)


GOLD = box(1000, 500, 1100, 540)
# GUI-G1's rewards on a screen of 1920 x 1080: predicted box, hit, IoU / 4, closeness / 8.
GUI_G1 = [
    ((1000, 500, 1100, 540), 1, 0.250000, 0.125000),
    ((1010, 505, 1090, 535), 1, 0.150000, 0.124385),
    ((1040, 515, 1060, 525), 1, 0.012500, 0.122828),
    ((900, 460, 1200, 580), 1, 0.027778, 0.119423),
    ((1060, 500, 1160, 540), 0, 0.062500, 0.123016),
    ((1100, 500, 1200, 540), 0, 0.0, 0.121658),
    ((0, 0, 1920, 1080), 0, 0.000482, 0.064982),
    ((200, 100, 300, 140), 0, 0.0, 0.075700),
    ((1049, 519, 1051, 521), 1, 0.000250, 0.122303),
]


@pytest.mark.parametrize("mode", ["guarded", "released"])
@pytest.mark.parametrize(("edges", "hit", "iou", "closeness"), GUI_G1)
def test_gui_g1_vectors(edges, hit, iou, closeness, mode):
    predicted = box(*edges)
    assert box_hit(predicted, GOLD) == bool(hit)
    assert 0.25 * box_iou(predicted, GOLD) == pytest.approx(iou, abs=5e-7)
    value = box_size_closeness(predicted, GOLD, width=1920, height=1080, mode=mode)
    assert 0.125 * value == pytest.approx(closeness, abs=5e-7)


def test_an_inverted_box_counts_only_as_released():
    inverted = box(1100, 540, 1000, 500)
    assert not box_hit(inverted, GOLD)
    assert box_iou(inverted, GOLD) == 0
    assert box_size_closeness(inverted, GOLD, width=1920, height=1080) == 0
    released = box_size_closeness(inverted, GOLD, width=1920, height=1080, mode="released")
    assert 0.125 * released == pytest.approx(0.119423, abs=5e-7)


def test_closeness_traps():
    gold = box(0, 0, 10, 10)
    exactly_off = box(0, 0, 110, 10)
    assert box_size_closeness(exactly_off, gold, width=100, height=100) == 0
    assert box_size_closeness(exactly_off, gold, width=100, height=100, mode="released") == 0
    further_off = box(0, 0, 160, 10)
    assert box_size_closeness(further_off, gold, width=100, height=100) == 0
    # Edges 1, -0.5, 1, 1: 4 / (3 - 2) = 4, which no reward should see.
    assert box_size_closeness(further_off, gold, width=100, height=100, mode="released") == pytest.approx(4)
    # Edges 1, -0.25, 1, 1: 4 / (3 - 4) = -4.
    assert box_size_closeness(box(0, 0, 135, 10), gold, width=100, height=100, mode="released") == pytest.approx(-4)
    # Edges 1, -1, 1, -1: the inverses cancel out.
    assert box_size_closeness(box(0, 0, 210, 210), gold, width=100, height=100, mode="released") == 0
    assert box_size_closeness(box(0, 0, math.nan, 10), gold, width=100, height=100) == 0


edges = st.floats(-3000, 3000)


@given(edges, edges, edges, edges)
@settings(deadline=None)
def test_guarded_closeness_is_between_0_and_1(x1, y1, x2, y2):
    assert 0 <= box_size_closeness(box(x1, y1, x2, y2), GOLD, width=1920, height=1080) <= 1


# predicted, gold, iou50, hit, F1 at iou50, mean IoU
SETS = [
    ([(0, 0, 10, 10)], [(0, 0, 10, 10)], True, True, 1.0, 1.0),
    ([(0, 0, 10, 5)], [(0, 0, 10, 10)], True, True, 1.0, 0.5),
    ([(0, 0, 10, 4.99)], [(0, 0, 10, 10)], False, True, 0.0, 0.499),
    ([(4, 4, 6, 6)], [(0, 0, 10, 10)], False, True, 0.0, 0.04),
    ([(5, 0, 16, 10)], [(0, 0, 10, 10)], False, False, 0.0, 50 / 160),
    ([(20, 20, 30, 30), (0, 0, 10, 10)], [(0, 0, 10, 10), (20, 20, 30, 30)], True, True, 1.0, 1.0),
    ([(0, 0, 10, 10), (0, 0, 10, 10)], [(0, 0, 10, 10), (20, 20, 30, 30)], False, False, 0.5, 0.5),
    ([(0, 0, 10, 10), (20, 20, 30, 30)], [(0, 0, 10, 10)], False, False, 2 / 3, 0.5),
    ([(0, 0, 10, 10)], [(0, 0, 10, 10), (20, 20, 30, 30)], False, False, 2 / 3, 0.5),
    ([(0, 0, 10, 10)] * 99, [(0, 0, 10, 10)], False, False, 2 / 100, 1 / 99),
]


@pytest.mark.parametrize(("predicted", "gold", "iou50", "hit", "f1", "mean"), SETS)
def test_sets_of_boxes(predicted, gold, iou50, hit, f1, mean):
    guess, truth = boxes(*predicted), boxes(*gold)
    assert boxes_match(guess, truth) is iou50
    assert boxes_match(guess, truth, rule="hit") is hit
    assert 2 * count_matched_boxes(guess, truth) / (len(predicted) + len(gold)) == pytest.approx(f1)
    assert best_iou(guess, truth) == pytest.approx(mean)


def test_one_guess_that_fits_two_is_given_to_the_one_that_needs_it():
    # The centre of the small box lies in both gold boxes, that of the wide one only in the first.
    truth = boxes((0, 0, 10, 10), (5, 0, 15, 10))
    guess = boxes((6, 4, 8, 6), (0, 4, 8, 6))
    assert count_matched_boxes(guess, truth, rule="hit") == 2
    assert boxes_match(guess, boxes(*reversed(truth.boxes)), rule="hit")


def test_labels_count_where_they_differ():
    truth = boxes(box(0, 0, 10, 10, "OK"), box(20, 0, 30, 10, "Cancel"))
    assert boxes_match(boxes(box(20, 0, 30, 10, "cancel."), box(0, 0, 10, 10, " ok ")), truth)
    assert not boxes_match(boxes(box(0, 0, 10, 10, "Cancel"), box(20, 0, 30, 10, "OK")), truth)
    assert not boxes_match(boxes((0, 0, 10, 10), (20, 0, 30, 10)), truth)
    same = boxes(box(0, 0, 10, 10, "tree"), box(20, 0, 30, 10, "tree"))
    assert boxes_match(boxes((0, 0, 10, 10), (20, 0, 30, 10)), same)


def test_frames_are_converted():
    truth = boxes((192, 108, 384, 216))
    assert boxes_match(boxes((0.1, 0.1, 0.2, 0.2), frame=UNIT_FRAME), truth)
    assert best_iou(convert_boxes(truth, model_frame(1932, 1092)), truth) == pytest.approx(1)
    assert not boxes_match(boxes((192, 108, 384, 216), frame=model_frame(960, 540)), truth)


small = st.integers(0, 6)
tiny_boxes = st.builds(lambda x, y, w, h: box(x, y, x + w + 1, y + h + 1), small, small, small, small)


@given(
    st.lists(tiny_boxes, max_size=4), st.lists(tiny_boxes, min_size=1, max_size=4), st.sampled_from(["iou50", "hit"])
)
@settings(deadline=None)
def test_matching_is_as_large_as_trying_every_pairing(predicted, gold, rule):
    def right(guess, truth):
        return box_hit(guess, truth) if rule == "hit" else box_iou(guess, truth) >= 0.5

    padded = predicted + [None] * len(gold)
    best = max(
        sum(guess is not None and right(guess, truth) for guess, truth in zip(order, gold, strict=True))
        for order in itertools.permutations(padded, len(gold))
    )
    assert count_matched_boxes(boxes(*predicted), boxes(*gold), rule=rule) == best


def test_long_augmenting_paths_need_no_recursion():
    # Each takes its first candidate; the last one fits only the very first, so all the others must move on by one.
    count = 3000
    chain = [[i, i + 1] for i in range(count)]
    assert maximum_matching([*chain, [0]]) == count + 1
    assert maximum_matching([*chain, [0], [1]]) == count + 1
