"""Intervals and tests for accuracies: pure functions over numbers, without numpy or scipy.

Values are scores of items in 0..1. ``clusters`` names, item by item, the picture or clip that the item asks about;
items of one cluster are not independent, and every interval here can take that into account. With one item a cluster
all formulas reduce to the usual ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
_EXACT_T_DEGREES = 200
"""Up to here Student's t is summed exactly; beyond it a series is good to more than nine digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanEstimate:
    """A mean with its uncertainty."""

    mean: float
    n: int
    """Items."""
    clusters: int
    """Independent groups of items."""
    naive_se: float
    """Standard error as if all items were independent."""
    se: float
    """Standard error with items of one cluster taken together; ``naive_se`` where each item is its own cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GainEstimate:
    """A paired difference, after minus before, with its interval."""

    gain: float
    low: float
    high: float
    estimate: MeanEstimate


def student_t_quantile(probability: float, degrees: int) -> float:
    """Return t with P(T <= t) = ``probability`` for ``degrees`` (>= 1) degrees of freedom.

    Few degrees: bisection on the finite sums for whole degrees (Abramowitz and Stegun 26.7.3 and 26.7.4). Many: the
    expansion around the normal quantile (26.7.5).
    """
    if not 0.0 < probability < 1.0 or degrees < 1:
        raise ValueError(f"probability must lie in (0, 1) and degrees be at least 1; found {probability} and {degrees}")
    if probability < 0.5:
        return -student_t_quantile(1.0 - probability, degrees)
    if degrees > _EXACT_T_DEGREES:
        return _t_quantile_series(probability, degrees)
    low, high = 0.0, 1.0
    while _t_central_mass(high, degrees) < 2.0 * probability - 1.0:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        if _t_central_mass(middle, degrees) < 2.0 * probability - 1.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _t_central_mass(t: float, degrees: int) -> float:
    """P(-t <= T <= t), exact for whole degrees of freedom."""
    theta = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2.0 / math.pi * (theta + sine * total) if odd else sine * total


def _t_quantile_series(probability: float, degrees: int) -> float:
    z = NormalDist().inv_cdf(probability)
    corrections = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(correction / degrees ** (power + 1) for power, correction in enumerate(corrections))


def mean_estimate(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> MeanEstimate:
    """Return the mean of ``values`` with naive and clustered standard errors.

    naive:      SE^2 = sum_i (x_i - m)^2 / (n (n - 1))
    clustered:  SE^2 = C / (C - 1) * sum_c (sum_{i in c} (x_i - m))^2 / n^2

    The clustered form is Miller's (2024, arXiv 2411.00640) with the small-sample factor C / (C - 1).

    A standard error is infinite where one item, or one cluster, leaves it undefined. Raises ValueError on no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("a mean needs at least one value; found none")
    keys: Sequence[Hashable] = range(n) if clusters is None else clusters
    mean = math.fsum(values) / n
    residuals: defaultdict[Hashable, list[float]] = defaultdict(list)
    for value, key in zip(values, keys, strict=True):
        residuals[key].append(value - mean)
    squares = math.fsum((value - mean) ** 2 for value in values)
    between = math.fsum(math.fsum(group) ** 2 for group in residuals.values())
    count = len(residuals)
    return MeanEstimate(
        mean=mean,
        n=n,
        clusters=count,
        naive_se=math.sqrt(squares / (n * (n - 1))) if n > 1 else math.inf,
        se=math.sqrt(between * count / (count - 1)) / n if count > 1 else math.inf,
    )


def wilson_interval(proportion: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion over ``n`` independent items.

    centre = (p + z^2 / 2n) / (1 + z^2 / n), half width = z / (1 + z^2 / n) * sqrt(p (1 - p) / n + z^2 / 4n^2). ``n``
    need not be whole: clustered items count as fewer (:func:`effective_size`). With no items the interval is the whole
    range.
    """
    if not 0.0 <= proportion <= 1.0:
        raise ValueError(f"a proportion must lie in [0, 1]; found {proportion}")
    if n <= 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1.0 + confidence) / 2.0) ** 2
    centre = proportion + z2 / (2 * n)
    half = math.sqrt(z2 * (proportion * (1.0 - proportion) / n + z2 / (4 * n * n)))
    scale = 1.0 + z2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def effective_size(estimate: MeanEstimate) -> float:
    """Return how many independent items carry as much information as the clustered ones; never more than n.

    n divided by the design effect: the ratio of the two variances without their small-sample factors, at least 1. Items
    that always agree within their clusters thus count as one a cluster.
    """
    if estimate.clusters == estimate.n or estimate.naive_se == 0.0:
        return float(estimate.clusters)
    if math.isinf(estimate.se):
        return 1.0
    clustered = estimate.se**2 * (estimate.clusters - 1) / estimate.clusters
    inflation = clustered / (estimate.naive_se**2 * (estimate.n - 1) / estimate.n)
    return estimate.n / max(1.0, inflation)


def accuracy_interval(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a mean score in 0..1, at the effective number of items."""
    estimate = mean_estimate(values, clusters)
    return wilson_interval(estimate.mean, effective_size(estimate))


def paired_gain_interval(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
) -> GainEstimate:
    """Return the mean of ``after - before`` over the same items, with its interval.

    The interval is gain +- t * SE with the clustered standard error of the differences and t on C - 1 degrees of
    freedom, cut to [-1, 1]. Two cases have no such interval. One cluster only: the whole range. All differences equal:
    at this confidence at most a share u = 1 - ((1 - confidence) / 2)^(1/C) of all clusters may differ, in whichever
    direction, so the mean lies within u of (1 - u) times the difference seen.
    """
    differences = [y - x for x, y in zip(before, after, strict=True)]
    estimate = mean_estimate(differences, clusters)
    if estimate.clusters == 1:
        return GainEstimate(gain=estimate.mean, low=-1.0, high=1.0, estimate=estimate)
    if min(differences) == max(differences):
        share = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / estimate.clusters)
        centre, half = estimate.mean * (1.0 - share), share
    else:
        centre = estimate.mean
        half = student_t_quantile((1.0 + confidence) / 2.0, estimate.clusters - 1) * estimate.se
    return GainEstimate(
        gain=estimate.mean, low=max(-1.0, centre - half), high=min(1.0, centre + half), estimate=estimate
    )


def mcnemar_exact(worse: int, better: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    p = 2 P(Bin(worse + better, 1/2) <= min(worse, better)), at most 1. ``worse`` items were right before and wrong
    after, ``better`` the reverse; items with equal scores do not enter. On graded scores, with items counted by the
    sign of their change, the same number is the exact sign test. Items are taken as independent.
    """
    if worse < 0 or better < 0:
        raise ValueError(f"counts must not be negative; found {worse} and {better}")
    discordant = worse + better
    tail = sum(math.comb(discordant, k) for k in range(min(worse, better) + 1))
    return min(1.0, 2 * tail / 2**discordant)
