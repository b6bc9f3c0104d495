"""Sampling that follows the learner: weights within sampling error, shares exactly, the same rows whoever asks."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.curriculum import Candidate, FollowSampler, Outcome, PassTracker, allot
from mmrl.curriculum.follow import FLOOR, draw, row_weight
from mmrl.curriculum.order import order_turns

from .samples import many

CELL = "scenes/count middle"


def rows(prefix: str, count: int, cell: str = CELL) -> list[Candidate]:
    return [Candidate(key=f"{prefix}/{number}", cell=cell) for number in range(count)]


def sampler(sources: dict[str, list[Candidate]], turns: list[str], *, size: int = 8, seed: int = 0) -> FollowSampler:
    return FollowSampler(sources=sources, turns=turns, batch_size=size, seed=seed)


def test_single_draws_come_in_proportion_to_the_weights() -> None:
    """Within four standard errors of a binomial share."""
    weights, rng, times = [1.0, 0.05, 0.5, 0.25], random.Random(1), 20_000
    counts = Counter(draw(weights, 1, rng)[0] for _ in range(times))
    for place, weight in enumerate(weights):
        share = weight / sum(weights)
        error = (share * (1 - share) / times) ** 0.5
        assert abs(counts[place] / times - share) < 4 * error


def test_the_second_of_two_draws_is_weighed_among_what_is_left() -> None:
    """P(b second | a first) = w_b / (w_b + w_c), drawn without replacement."""
    rng, times = random.Random(2), 20_000
    pairs = Counter(tuple(draw([3.0, 2.0, 1.0], 2, rng)) for _ in range(times))
    first = sum(count for pair, count in pairs.items() if pair[0] == 0)
    assert first / times == pytest.approx(0.5, abs=0.015)
    assert pairs[0, 1] / first == pytest.approx(2 / 3, abs=0.02)
    assert all(one != other for one, other in pairs)


@given(st.integers(1, 6), st.integers(0, 30), st.integers(0, 10**6))
def test_a_small_source_is_gone_through_before_any_row_comes_again(size: int, count: int, seed: int) -> None:
    counts = Counter(draw([0.05 + place for place in range(size)], count, random.Random(seed)))
    assert sum(counts.values()) == count
    if count:
        assert max(counts.values()) - min(counts[place] for place in range(size)) <= 1


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=4).filter(any),
    st.integers(1, 40),
    st.integers(0, 1000),
    st.integers(0, 3),
)
def test_the_mix_is_honoured_exactly(weights: list[int], batches: int, seed: int, observed: int) -> None:
    mix = {f"s{place}": float(weight) for place, weight in enumerate(weights) if weight}
    samples = {name: many(name, 5) for name in mix}
    turns = [source for source, _ in order_turns(samples, mix, order="follow", total=4 * batches, seed=seed)]
    follow = sampler({name: rows(name, 5) for name in mix}, turns, size=4, seed=seed)
    tracker = PassTracker()
    for _ in range(observed):
        tracker.observe([Outcome(key="s0/1", cell=CELL, passed=1.0)])
    chosen = [turn for batch in range(batches) for turn in follow.choose(batch, tracker)]
    assert [source for source, _ in chosen] == turns
    assert Counter(source for source, _ in chosen) == Counter(
        {name: count for name, count in allot(mix, 4 * batches).items() if count}
    )


def test_rows_at_the_edge_of_ability_are_preferred_and_none_is_given_up() -> None:
    tracker = PassTracker()
    for _ in range(60):
        tracker.observe(
            Outcome(key=f"a/{row}", cell=CELL, passed=passed)
            for row, rate in enumerate((0.0, 0.5, 1.0))
            for passed in (1.0 if place < 8 * rate else 0.0 for place in range(8))
        )
    follow = sampler({"a": rows("a", 3)}, ["a"] * 30_000, size=1)
    never, half, always = follow.weights("a", tracker)
    assert never == always == FLOOR
    assert half == pytest.approx(1.0, abs=0.01)
    counts = Counter(place for batch in range(30_000) for _, place in follow.choose(batch, tracker))
    for place, weight in enumerate((never, half, always)):
        share = weight / (never + half + always)
        assert abs(counts[place] / 30_000 - share) < 4 * (share * (1 - share) / 30_000) ** 0.5


def test_unseen_rows_have_the_weight_of_their_cell() -> None:
    tracker = PassTracker()
    for _ in range(50):
        tracker.observe([Outcome(key="a/0", cell=CELL, passed=0.0)] * 8)
    follow = sampler({"a": [*rows("a", 2), *rows("b", 1, "scenes/count hard")]}, ["a"] * 8)
    assert follow.weights("a", tracker)[1] == row_weight(tracker.cell_rate(CELL))
    assert follow.weights("a", tracker)[2] == pytest.approx(4 * 0.3 * 0.7)
    assert follow.weights("a", tracker)[1] < 0.1


def test_a_batch_depends_on_seed_number_and_tracker_alone() -> None:
    sources, turns = {"a": rows("a", 50), "b": rows("b", 50)}, ["a", "b"] * 40
    tracker = PassTracker()
    follow = sampler(sources, turns)
    late = sampler(sources, turns).choose(7, tracker)
    for batch in range(7):
        follow.choose(batch, tracker)
    assert follow.choose(7, tracker) == late
    assert follow.choose(6, tracker) != late
    assert sampler(sources, turns, seed=1).choose(7, tracker) != late


def test_the_summary_adds_up() -> None:
    turns = ["a"] * 6 + ["b"] * 2
    follow = sampler({"a": rows("a", 3), "b": rows("b", 2, "scenes/count hard")}, turns)
    summary = follow.summary(PassTracker())
    assert {cell: one["share"] for cell, one in summary.items()} == {CELL: 0.75, "scenes/count hard": 0.25}
    assert {cell: one["rows"] for cell, one in summary.items()} == {CELL: 3, "scenes/count hard": 2}
    assert summary["scenes/count hard"]["rate"] == 0.3
