"""What several seeds of a run have in common: means, Student's t intervals over seeds, curves with bands.

Unlike :mod:`eval.arms`, whose scores lie within 0 to 1, these are for any measured quantity: log ratios of areas,
lengths, rewards. One seed has a mean and no interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.statistics import student_t_quantile

Point = tuple[float, float]
"""Optimiser step, value."""


@dataclass(frozen=True, slots=True)
class SeedMean:
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float
    """Minus infinity where there is one seed only."""
    high: float
    seeds: int

    @property
    def is_above(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def is_below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0

    def within(self, margin: float) -> bool:
        """Whether the whole interval lies within ``margin`` of 0."""
        return -margin <= self.low and self.high <= margin


def seed_mean(values: Sequence[float]) -> SeedMean:
    """Return mean and interval of one value a seed: mean +- t(0.975, n - 1) * s / sqrt(n).

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("a mean over seeds must have a seed; found none")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return SeedMean(mean, -math.inf, math.inf, 1)
    half = student_t_quantile(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return SeedMean(mean, mean - half, mean + half, len(values))


def paired_mean(first: Mapping[int, float], second: Mapping[int, float]) -> SeedMean | None:
    """Return first less second over the seeds that both have, or None where there is none."""
    both = sorted(first.keys() & second.keys())
    return seed_mean([first[seed] - second[seed] for seed in both]) if both else None


def smoothed(curve: Sequence[Point], window: int) -> list[Point]:
    """Return a curve's centred moving mean; at the ends over the points that are there."""
    half = window // 2
    near = [curve[max(0, at - half) : at + half + 1] for at in range(len(curve))]
    return [
        (step, math.fsum(value for _, value in points) / len(points))
        for (step, _), points in zip(curve, near, strict=True)
    ]


def band(curves: Mapping[int, Sequence[Point]], *, window: int) -> list[tuple[float, SeedMean]]:
    """Return mean and interval over seeds at each step that all seeds have, each seed smoothed before."""
    smooth = [dict(smoothed(curve, window)) for curve in curves.values() if curve]
    if not smooth:
        return []
    steps = sorted(set.intersection(*(set(curve) for curve in smooth)))
    return [(step, seed_mean([curve[step] for curve in smooth])) for step in steps]
