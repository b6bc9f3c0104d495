"""Shares and orders of a stage."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrl.config.schema import Order
from mmrl.curriculum import allot, order_stage
from mmrl.errors import InputError
from mmrl.types import Sample

from .samples import ids, many

ORDERS: tuple[Order, ...] = ("as_given", "shuffled", "easy_to_hard", "interleaved")


def two_sources() -> dict[str, list[Sample]]:
    return {"a": many("a", 6), "b": many("b", 3, level="hard")}


# ------------------------------------------------------------------------------------------------ shares


@pytest.mark.parametrize(
    ("weights", "total", "shares"),
    [
        ({"a": 2.0, "b": 1.0}, 9, {"a": 6, "b": 3}),
        ({"a": 2.0, "b": 1.0}, 10, {"a": 7, "b": 3}),  # quotas 6.67 and 3.33
        ({"a": 1.0, "b": 1.0, "c": 1.0}, 8, {"a": 3, "b": 3, "c": 2}),  # equal remainders: first come, first served
        ({"a": 0.1, "b": 0.2, "c": 0.7}, 10, {"a": 1, "b": 2, "c": 7}),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, 4, {"a": 2, "b": 1, "c": 1}),  # quotas 2, 1.2, 0.8
        ({"a": 1e-9, "b": 1.0}, 5, {"a": 0, "b": 5}),
        ({"a": 0.0, "b": 3.0}, 5, {"a": 0, "b": 5}),
        ({"a": 1.0}, 0, {"a": 0}),
    ],
)
def test_largest_remainder_by_hand(weights: dict[str, float], total: int, shares: dict[str, int]) -> None:
    assert allot(weights, total) == shares


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.floats(0.001, 1000), min_size=1, max_size=6),
    st.integers(0, 5000),
)
def test_shares_add_up_and_miss_their_quota_by_less_than_one(weights: dict[str, float], total: int) -> None:
    shares = allot(weights, total)
    assert sum(shares.values()) == total
    whole = sum(weights.values())
    assert all(abs(shares[name] - total * weight / whole) < 1 + 1e-6 for name, weight in weights.items())


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": float("inf")}])
def test_unusable_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="weights must be 0 or more and not all 0"):
        allot(weights, 4)


# ------------------------------------------------------------------------------------------------ orders


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("total", [0, 1, 9, 10, 40])
def test_every_order_honours_weights_exactly(order: Order, total: int) -> None:
    weights = {"a": 2.0, "b": 1.0}
    stage = order_stage(two_sources(), weights, order=order, total=total, seed=0)
    counts = Counter(one.id[0] for one in stage)
    assert {name: counts[name] for name in weights} == allot(weights, total)


@pytest.mark.parametrize("order", ORDERS)
def test_same_seed_same_list_other_seed_other_list(order: Order) -> None:
    def run(seed: int) -> list[str]:
        weights = {"a": 1.0, "b": 1.0}
        return ids(order_stage(two_sources(), weights, order=order, total=12, seed=seed))

    assert run(3) == run(3)
    assert (run(3) == run(4)) == (order == "as_given")


@pytest.mark.parametrize("order", ORDERS)
def test_small_sources_repeat_epoch_by_epoch(order: Order) -> None:
    stage = order_stage({"a": many("a", 5)}, {"a": 1.0}, order=order, total=17, seed=1)
    drawn = ids(stage)
    epochs = [drawn[start : start + 5] for start in range(0, 15, 5)]
    assert all(len(set(epoch)) == 5 for epoch in epochs)
    assert max(Counter(drawn).values()) == 4
    assert min(Counter(drawn).values()) == 3
    if order == "as_given":
        assert epochs[0] == epochs[1]
    else:
        assert len({tuple(epoch) for epoch in epochs}) > 1


def test_epochs_stay_apart_when_sources_are_mixed() -> None:
    stage = order_stage(
        {"a": many("a", 4), "b": many("b", 30)}, {"a": 1.0, "b": 1.0}, order="shuffled", total=32, seed=5
    )
    small = [name for name in ids(stage) if name.startswith("a")]
    assert [len(set(small[start : start + 4])) for start in range(0, 16, 4)] == [4, 4, 4, 4]


def test_as_given_takes_sources_one_after_another_from_the_first_sample() -> None:
    stage = order_stage(two_sources(), {"b": 1.0, "a": 1.0}, order="as_given", total=8, seed=0)
    assert ids(stage) == ["b0", "b1", "b2", "b0", "a0", "a1", "a2", "a3"]


def test_shuffled_mixes_the_sources() -> None:
    stage = order_stage({"a": many("a", 50), "b": many("b", 50)}, {"a": 1, "b": 1}, order="shuffled", total=100, seed=2)
    letters = "".join(one.id[0] for one in stage)
    changes = sum(left != right for left, right in pairwise(letters))
    assert 30 < changes < 70
    assert ids(stage) != sorted(ids(stage))


def test_easy_to_hard_goes_by_level_and_mixes_within() -> None:
    sources = {
        "a": many("ah", 5, level="hard") + many("ae", 5, level="easy"),
        "b": many("bm", 5, level="middle") + many("be", 5, level="easy"),
    }
    stage = order_stage(sources, {"a": 1.0, "b": 1.0}, order="easy_to_hard", total=20, seed=0)
    assert [one.difficulty for one in stage] == ["easy"] * 10 + ["middle"] * 5 + ["hard"] * 5
    easy = ids(stage[:10])
    assert sorted(easy) == sorted(ids(many("ae", 5) + many("be", 5)))
    assert easy != sorted(easy)


def test_interleaved_by_hand() -> None:
    stage = order_stage(two_sources(), {"a": 2.0, "b": 1.0}, order="interleaved", total=9, seed=0)
    # a at 1/12 3/12 5/12 7/12 9/12 11/12, b at 1/6 3/6 5/6
    assert "".join(one.id[0] for one in stage) == "abaabaaba"


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 80))
def test_interleaved_sources_never_run_ahead(first: int, second: int, total: int) -> None:
    weights = {"a": float(first), "b": float(second)}
    stage = order_stage({"a": many("a", 3), "b": many("b", 3)}, weights, order="interleaved", total=total, seed=0)
    share = allot(weights, total)["a"] / total
    taken = 0
    for position, one in enumerate(stage, start=1):
        taken += one.id[0] == "a"
        assert abs(taken - position * share) <= 1


def test_a_source_of_weight_zero_may_be_empty_others_may_not() -> None:
    sources: dict[str, list[Sample]] = {"a": many("a", 2), "b": []}
    assert len(order_stage(sources, {"a": 1.0, "b": 0.0}, order="shuffled", total=4, seed=0)) == 4
    with pytest.raises(InputError, match=r"found none; mix\.b"):
        order_stage(sources, {"a": 1.0, "b": 1.0}, order="shuffled", total=4, seed=0)
    with pytest.raises(InputError, match=r"found none; mix\.c"):
        order_stage(sources, {"a": 1.0, "c": 1.0}, order="shuffled", total=4, seed=0)


def test_unknown_orders_and_negative_totals_are_refused() -> None:
    with pytest.raises(InputError, match="order must be one of as_given"):
        order_stage(two_sources(), {"a": 1.0}, order="sorted", total=4, seed=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot take -1 samples"):
        order_stage(two_sources(), {"a": 1.0}, order="shuffled", total=-1, seed=0)
