"""Stop rules: bounds by hand and by scipy, never on noise alone, and in time where there is something to see."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from mmrl.config import HeldOutConfig, StopConfig
from mmrl.curriculum import Promotion
from mmrl.curriculum.promotion import (
    ERROR,
    accuracy_bound,
    earliest_end,
    gain_bound,
    looks,
    mean_bound,
    paired_gain_bound,
)

STAGES = 400
"""Simulated stages; of an error of ERROR at most this many may end, four standard errors included."""
MOST = STAGES * ERROR + 4 * math.sqrt(STAGES * ERROR * (1 - ERROR))


def ended(rule: StopConfig, steps: int, value: Callable[[int], float], held_out: Any = None) -> tuple[int, str] | None:
    """Run a stage; returns the step at which it ended early, and by which rule."""
    promotion = Promotion(rule, steps)
    for step in range(1, steps + 1):
        promotion.note(value(step))
        if promotion.looks_at_held_out(step):
            promotion.note_held_out(held_out(step))
        decision = promotion.decide(step)
        if decision is not None:
            return step, decision.rule
    return None


# ---------------------------------------------------------------------------------------------------- bounds


def test_the_mean_bound_is_students() -> None:
    values = [0.2, 0.4, 0.9, 0.5]
    wanted = stats.ttest_1samp(values, 0.0).confidence_interval(confidence_level=0.9).low
    assert mean_bound(values, error=0.05) == pytest.approx(wanted)
    assert mean_bound([0.5], error=0.05) == -math.inf
    assert mean_bound([0.5, math.nan, 0.5], error=0.05) == -math.inf
    assert mean_bound([0.5, 0.5], error=0.05) == 0.5


def test_the_gain_bound_is_welchs() -> None:
    before, after = [0.2, 0.4, 0.9, 0.5, 0.1], [0.6, 0.5, 0.8]
    wanted = stats.ttest_ind(after, before, equal_var=False).confidence_interval(confidence_level=0.98).high
    assert gain_bound(before, after, error=0.01) == pytest.approx(wanted)
    assert gain_bound([0.5], after, error=0.01) == math.inf
    assert gain_bound([0.5, math.nan], after, error=0.01) == math.inf
    assert gain_bound([0.25, 0.25], [0.5, 0.5], error=0.01) == 0.25


def test_the_accuracy_bound_is_wilsons() -> None:
    scores = [1.0] * 30 + [0.0] * 10
    wanted = stats.binomtest(30, 40).proportion_ci(confidence_level=0.95, method="wilson").low
    assert accuracy_bound(scores, error=0.025) == pytest.approx(wanted)
    assert accuracy_bound([], error=0.05) == -math.inf
    assert 0.0 < accuracy_bound([1.0] * 5, error=0.05) < 1.0, "five right answers do not prove perfection"


def test_the_paired_bound_by_hand() -> None:
    """Agresti and Min: 3 of 20 items won, 1 lost, half a pair added to each of the four cells."""
    before, after = [0.0] * 3 + [1.0] * 17, [1.0] * 3 + [0.0] + [1.0] * 16
    mean, n = 2 / 22, 22
    spread = math.sqrt((3.5 + 1.5) / n - mean**2) / math.sqrt(n)
    assert paired_gain_bound(before, after, error=0.05) == pytest.approx(mean + stats.norm.ppf(0.95) * spread)
    assert paired_gain_bound([1.0] * 4, [1.0] * 4, error=0.05) > 0.1, "few items that stay the same prove little"


def test_looks_share_no_step_and_wait_for_the_first_steps() -> None:
    rule = StopConfig(reward_at_least=0.5, over_steps=20, min_steps=30)
    assert list(looks(rule, 100, every=20, first=20)) == [40, 60, 80, 100]
    assert earliest_end(rule, 100) == 40
    assert earliest_end(StopConfig(plateau=15), 100) == 30
    assert earliest_end(StopConfig(plateau=15, held_out=HeldOutConfig(dataset="d", every=8, patience=2)), 100) == 24
    assert earliest_end(StopConfig(held_out=HeldOutConfig(dataset="d", every=8)), 100) == 100


# ---------------------------------------------------------------------------------------------------- noise alone


NOISES: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda rng: rng.gauss(0.5, 0.1),
    "eight prompts of eight answers": lambda rng: sum(rng.random() < 0.5 for _ in range(64)) / 64,
    "skewed": lambda rng: rng.betavariate(0.5, 0.5),
}


@pytest.mark.parametrize("noise", NOISES)
def test_a_level_that_is_only_just_not_reached_is_not_taken_for_reached(noise: str) -> None:
    """The mean is the level itself: the hardest case. A plain mean would fire in nearly every stage."""
    rule = StopConfig(reward_at_least=0.5, over_steps=20)
    rng = random.Random(11)
    fired = [ended(rule, 200, lambda _: NOISES[noise](rng)) for _ in range(STAGES)]
    assert sum(one is not None for one in fired) <= MOST


@pytest.mark.parametrize("noise", NOISES)
def test_learning_that_noise_hides_is_not_taken_for_a_plateau(noise: str) -> None:
    """The metric gains exactly ``min_gain`` a window throughout."""
    rule = StopConfig(plateau=20, min_gain=0.05)
    rng = random.Random(12)
    fired = [ended(rule, 200, lambda step: NOISES[noise](rng) + 0.05 * step / 20) for _ in range(STAGES)]
    assert sum(one is not None for one in fired) <= MOST


def test_lucky_held_out_answers_promote_nothing() -> None:
    """Accuracy is the level itself, drawn anew at every look."""
    rule = StopConfig(held_out=HeldOutConfig(dataset="d", every=10, accuracy_at_least=0.6))
    rng = random.Random(13)
    fired = [
        ended(rule, 100, lambda _: 0.0, lambda _: [float(rng.random() < 0.6) for _ in range(60)]) for _ in range(STAGES)
    ]
    assert sum(one is not None for one in fired) <= MOST


def test_held_out_accuracy_that_rises_slowly_has_not_stalled() -> None:
    rule = StopConfig(held_out=HeldOutConfig(dataset="d", every=10, patience=2), min_gain=0.05)
    rng = random.Random(14)

    def look(step: int) -> list[float]:
        return [float(rng.random() < 0.3 + 0.05 * step / 20) for _ in range(60)]

    fired = [ended(rule, 100, lambda _: 0.0, look) for _ in range(STAGES)]
    assert sum(one is not None for one in fired) <= MOST


# ---------------------------------------------------------------------------------------------------- in time


def share_ended(rule: StopConfig, steps: int, value: Callable[[random.Random], float]) -> float:
    rng = random.Random(15)
    return sum(ended(rule, steps, lambda _: value(rng)) is not None for _ in range(100)) / 100


def test_a_level_that_is_reached_ends_the_stage() -> None:
    rule = StopConfig(reward_at_least=0.5, over_steps=20)
    assert share_ended(rule, 100, lambda rng: rng.gauss(0.65, 0.1)) > 0.95


def test_a_plateau_that_is_long_enough_ends_the_stage() -> None:
    assert share_ended(StopConfig(plateau=60, min_gain=0.05), 240, lambda rng: rng.gauss(0.5, 0.05)) > 0.95


def test_held_out_rules_end_the_stage() -> None:
    reached = HeldOutConfig(dataset="d", every=10, accuracy_at_least=0.5)
    assert ended(StopConfig(held_out=reached), 60, lambda _: 0.0, lambda _: [1.0] * 40 + [0.0] * 10) == (10, "held_out")
    stalled = HeldOutConfig(dataset="d", every=10, patience=2)
    same = [1.0, 0.0] * 200
    assert ended(StopConfig(held_out=stalled), 60, lambda _: 0.0, lambda _: same) == (30, "stalled")


def test_what_was_judged_by_no_term_counts_against_a_level() -> None:
    promotion = Promotion(StopConfig(reward_at_least=0.5, over_steps=4), 8)
    for value in (1.0, 1.0, None, 1.0):
        promotion.note(value)
    assert promotion.decide(4) is None
    for value in (1.0, 1.0, 1.0, 1.0):
        promotion.note(value)
    assert promotion.decide(8) is not None


def test_completions_that_are_trained_on_again_count_once() -> None:
    """Four steps on two generated batches: two values, whose bound is that of two."""
    promotion = Promotion(StopConfig(reward_at_least=0.1, over_steps=4), 4)
    for value, is_new in ((0.4, True), (0.4, False), (0.6, True), (0.6, False)):
        promotion.note(value, is_new=is_new)
    assert promotion.decide(4) is None
    bound = mean_bound([0.4, 0.6], error=ERROR)
    assert bound == pytest.approx(0.5 - stats.t.ppf(0.95, 1) * 0.1)
    assert bound < 0.1 < mean_bound([0.4, 0.4, 0.6, 0.6], error=ERROR)


def test_rules_go_on_from_their_state_as_if_never_stopped() -> None:
    rule = StopConfig(reward_at_least=0.5, over_steps=4, held_out=HeldOutConfig(dataset="d", every=2, patience=2))
    rng = random.Random(3)
    values = [rng.random() if step % 5 else None for step in range(12)]
    whole, broken = Promotion(rule, 12), Promotion(rule, 12)
    for step, value in enumerate(values, start=1):
        for one in (whole, broken):
            one.note(value)
            if one.looks_at_held_out(step):
                one.note_held_out([float(step % 3 == 0), 1.0])
        assert broken.decide(step) == whole.decide(step)
        state = json.loads(json.dumps(broken.state(), allow_nan=False))
        broken = Promotion(rule, 12)
        broken.restore(state)
