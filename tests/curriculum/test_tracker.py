"""Running pass rates: faded counts that start from the cell, the level or a probe."""

from __future__ import annotations

import json

import pytest

from mmrl.curriculum import Outcome, PassTracker, cell_of, row_key
from mmrl.curriculum.tracker import CELL_TRIES, HALF_LIFE, PROBED_CELL_TRIES, ROW_TRIES, learnability

from .samples import sample


def seen(key: str, *passed: float, cell: str = "scenes/count middle") -> list[Outcome]:
    return [Outcome(key=key, cell=cell, passed=one) for one in passed]


def test_names_of_rows_and_cells() -> None:
    row = sample("a1", task="scenes/count", level="hard")
    assert (row_key("train", row), cell_of(row)) == ("train/a1", "scenes/count hard")


@pytest.mark.parametrize(("level", "rate"), [("easy", 0.7), ("middle", 0.5), ("hard", 0.3)])
def test_nothing_seen_is_judged_by_its_level(level: str, rate: float) -> None:
    tracker = PassTracker()
    assert tracker.rate("train/a", f"scenes/count {level}") == pytest.approx(rate)
    assert not tracker.is_seen("train/a")


def test_rates_by_hand() -> None:
    tracker = PassTracker()
    tracker.observe([*seen("a", 1.0, 1.0, 1.0, 0.0), *seen("b", 0.0, 0.0, 0.0, 0.0)])
    cell = (3 + 8 * 0.5) / (8 + 8)
    assert tracker.cell_rate("scenes/count middle") == pytest.approx(cell)
    assert tracker.rate("a", "scenes/count middle") == pytest.approx((3 + 4 * cell) / 8)
    assert tracker.rate("b", "scenes/count middle") == pytest.approx((0 + 4 * cell) / 8)
    assert tracker.rate("unseen", "scenes/count middle") == pytest.approx(cell)
    assert tracker.cell_rate("scenes/count hard") == pytest.approx(0.3)


def test_what_was_seen_a_half_life_ago_counts_half() -> None:
    tracker = PassTracker()
    tracker.observe(seen("a", *[1.0] * 8))
    for _ in range(HALF_LIFE):
        tracker.observe([])
    assert tracker.cell_tries("scenes/count middle") == pytest.approx(4.0)
    cell = (4 + CELL_TRIES * 0.5) / (4 + CELL_TRIES)
    assert tracker.rate("a", "scenes/count middle") == pytest.approx((4 + ROW_TRIES * cell) / (4 + ROW_TRIES))
    tracker.observe(seen("a", *[0.0] * 8))
    passes = 4 * 0.5 ** (1 / HALF_LIFE)
    assert tracker.cell_rate("scenes/count middle") == pytest.approx((passes + 4) / (passes + 8 + 8))


def test_a_learner_that_changes_is_noticed() -> None:
    tracker = PassTracker()
    for _ in range(200):
        tracker.observe(seen("a", 0.0, 0.0, 0.0, 0.0))
    assert tracker.rate("a", "scenes/count middle") < 0.05
    for _ in range(3 * HALF_LIFE):
        tracker.observe(seen("a", 1.0, 1.0, 1.0, 1.0))
    assert tracker.rate("a", "scenes/count middle") > 0.8


def test_a_probe_counts_as_tries_and_never_drowns_a_cell() -> None:
    tracker = PassTracker()
    rows = [one for number in range(100) for one in seen(f"r{number}", 0.25 if number % 2 else 0.75)]
    tracker.take_probe(rows, samples_per_row=8)
    assert tracker.is_seen("r0")
    assert tracker.cell_tries("scenes/count middle") == pytest.approx(PROBED_CELL_TRIES)
    assert tracker.cell_rate("scenes/count middle") == pytest.approx(0.5)
    assert tracker.rate("r0", "scenes/count middle") == pytest.approx((6 + 4 * 0.5) / 12)
    tracker.take_probe(seen("r0", 0.0), samples_per_row=8)
    assert tracker.rate("r0", "scenes/count middle") == pytest.approx((6 + 4 * 0.5) / 12), "what is known stays"


def test_the_state_goes_through_json_to_the_same_numbers() -> None:
    tracker = PassTracker()
    for batch in range(7):
        tracker.observe([*seen("a", batch / 7, 1 / 3), *seen("b", 0.1, cell="scenes/count hard")])
    again = PassTracker()
    again.restore(json.loads(json.dumps(tracker.state())))
    for one in (tracker, again):
        one.observe(seen("a", 0.7))
    assert again.state() == tracker.state()
    assert again.rate("a", "scenes/count middle") == tracker.rate("a", "scenes/count middle")


@pytest.mark.parametrize(("rate", "value"), [(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.25, 0.75), (0.9, 0.36)])
def test_learnability_is_the_variance_of_a_pass(rate: float, value: float) -> None:
    assert learnability(rate) == pytest.approx(value)
