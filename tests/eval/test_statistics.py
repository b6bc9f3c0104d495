"""Statistics against hand-computed and published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import (
    accuracy_interval,
    effective_size,
    mcnemar_exact,
    mean_estimate,
    paired_gain_interval,
    student_t_quantile,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [  # printed tables of Student's t, two-sided 5 %
        (1, 12.7062),
        (2, 4.30265),
        (3, 3.18245),
        (4, 2.77645),
        (5, 2.57058),
        (10, 2.22814),
        (29, 2.04523),
        (30, 2.04227),
        (120, 1.97993),
        (1000, 1.96234),
    ],
)
def test_t_quantile_equals_printed_tables(degrees: int, expected: float) -> None:
    assert student_t_quantile(0.975, degrees) == pytest.approx(expected, rel=3e-6)
    assert student_t_quantile(0.025, degrees) == -student_t_quantile(0.975, degrees)


def test_t_quantile_branches_meet() -> None:
    from eval import statistics

    exact = student_t_quantile(0.975, statistics._EXACT_T_DEGREES)
    assert statistics._t_quantile_series(0.975, statistics._EXACT_T_DEGREES) == pytest.approx(exact, abs=1e-10)
    assert student_t_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="degrees be at least 1"):
        student_t_quantile(0.975, 0)


@pytest.mark.parametrize(
    ("worse", "better", "expected"),
    [  # worked pairs of RefCOCO evaluations
        (39, 62, 0.0281),
        (36, 60, 0.0184),
        (35, 85, 5.73e-06),
        (61, 69, 0.539),
        (67, 111, 0.00121),
        (49, 60, 0.338),
        (39, 107, 1.63e-08),
    ],
)
def test_mcnemar_equals_worked_pairs(worse: int, better: int, expected: float) -> None:
    assert mcnemar_exact(worse, better) == pytest.approx(expected, rel=5e-3)
    assert mcnemar_exact(better, worse) == mcnemar_exact(worse, better)


def test_mcnemar_small_counts_by_hand() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(0, 5) == 2 / 32
    assert mcnemar_exact(1, 3) == 2 * (1 + 4) / 16
    assert mcnemar_exact(2, 2) == 1.0
    assert 0.0 <= mcnemar_exact(400, 900) < 1e-40
    with pytest.raises(ValueError, match="must not be negative"):
        mcnemar_exact(-1, 2)


def test_wilson_by_hand() -> None:
    # p = 8/10, z = 1.959964: centre (0.8 + 0.192073)/1.384146 = 0.716740, half width 0.226582
    low, high = wilson_interval(0.8, 10)
    assert (low, high) == (pytest.approx(0.490162, abs=1e-5), pytest.approx(0.943318, abs=1e-5))
    assert wilson_interval(0.0, 10) == (0.0, pytest.approx(0.277533, abs=1e-5))
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson_interval(0.5, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        wilson_interval(1.2, 5)


def test_clustered_error_by_hand() -> None:
    # m = 0.5; residuals by cluster: a (+.5 +.5) = 1, b (-.5 -.5) = -1, c (+.5 -.5) = 0; SE^2 = 3/2 * 2 / 36
    estimate = mean_estimate([1, 1, 0, 0, 1, 0], list("aabbcc"))
    assert estimate.mean == 0.5
    assert estimate.clusters == 3
    assert estimate.se == pytest.approx(math.sqrt(3 / 36))
    assert estimate.naive_se == pytest.approx(math.sqrt(1.5 / 30))
    # design effect (2/36) / (1.5/36) = 4/3
    assert effective_size(estimate) == pytest.approx(6 / (4 / 3))


def test_naive_error_equals_binomial_form() -> None:
    # RefCOCO val, n = 2,000, p = 0.9090: sqrt(p (1 - p) / (n - 1))
    values = [1.0] * 1818 + [0.0] * 182
    estimate = mean_estimate(values)
    assert estimate.naive_se == pytest.approx(math.sqrt(0.909 * 0.091 / 1999))
    assert estimate.se == pytest.approx(estimate.naive_se)
    assert estimate.se == pytest.approx(0.00643, abs=5e-6)


def test_mean_of_nothing_and_of_one() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_estimate([])
    assert mean_estimate([0.3]).se == math.inf
    assert mean_estimate([0, 1], ["same", "same"]).se == math.inf
    with pytest.raises(ValueError, match="zip"):
        mean_estimate([0, 1], ["a"])


def test_paired_gain_by_hand() -> None:
    # d = 1, 0, 1, -1, 1: mean 0.4, squares .36 + .16 + .36 + 1.96 + .36 = 3.2, SE = sqrt(3.2 / 20) = 0.4, t4 = 2.776445
    gain = paired_gain_interval([0, 1, 0, 1, 0], [1, 1, 1, 0, 1])
    assert gain.gain == pytest.approx(0.4)
    assert gain.low == pytest.approx(0.4 - 2.776445 * 0.4, abs=1e-5)
    assert gain.high == 1.0


def test_paired_gain_clusters_widen_the_interval() -> None:
    before = [0.0] * 8
    after = [1, 1, 1, 1, 0, 0, 0, 0]
    alone = paired_gain_interval(before, after)
    shared = paired_gain_interval(before, after, list("aabbccdd"))
    # clustered: sums +1 +1 -1 -1, SE^2 = 4/3 * 4 / 64 = 1/12, t on 3 degrees
    assert shared.low == pytest.approx(max(-1.0, 0.5 - 3.182446 * math.sqrt(1 / 12)), abs=1e-5)
    assert shared.high - shared.low > alone.high - alone.low


def test_paired_gain_without_variance_stays_honest() -> None:
    assert paired_gain_interval([0], [1]).low == -1.0
    unchanged = paired_gain_interval([1, 0, 1, 0], [1, 0, 1, 0])
    assert unchanged.gain == 0.0
    assert unchanged.high == pytest.approx(1 - 0.025**0.25)
    assert unchanged.low == -unchanged.high
    all_won = paired_gain_interval([0, 0, 0], [1, 1, 1])
    share = 1 - 0.025 ** (1 / 3)
    assert (all_won.low, all_won.high) == (pytest.approx(1 - 2 * share), 1.0)


def test_accuracy_interval_counts_clusters() -> None:
    assert accuracy_interval([1, 0, 1, 0]) == wilson_interval(0.5, 4)
    assert accuracy_interval([1, 1, 0, 0], list("aabb")) == pytest.approx(wilson_interval(0.5, 2))
    assert accuracy_interval([1, 1, 1, 1], list("aabb")) == wilson_interval(1.0, 2)
    assert accuracy_interval([1, 0], ["a", "a"]) == wilson_interval(0.5, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_intervals_hold_their_estimates(rows: list[tuple[bool, bool, int]]) -> None:
    before, after, keys = [float(r[0]) for r in rows], [float(r[1]) for r in rows], [r[2] for r in rows]
    gain = paired_gain_interval(before, after, keys)
    assert -1.0 <= gain.low <= gain.gain + 1e-12
    assert gain.gain - 1e-12 <= gain.high <= 1.0
    low, high = accuracy_interval(after, keys)
    assert 0.0 <= low <= mean_estimate(after).mean + 1e-9
    assert mean_estimate(after).mean - 1e-9 <= high <= 1.0
