"""Scales of terms that move over training (ToolRL)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from mmrl.rewards.composition.base import EachComposition, added, rest_of, weighted_sum
from mmrl.rewards.mechanism import Count, Mechanism, Real, Scope, Term, Values, named

TOOLRL_SCALES: dict[str, dict[str, tuple[float, float]]] = {
    "format": {"start": (-2.0, 2.0), "end": (-1.0, 1.0)},
    "accuracy": {"start": (-2.0, 2.0), "end": (-3.0, 3.0)},
}
"""ToolRL's smooth schedule: format in [-2 + p, 2 - p], correctness in [-2 - p, 2 + p] at progress p."""


def scale_at(start: tuple[float, float], end: tuple[float, float], progress: float) -> tuple[float, float]:
    """Return the range at a share of training, moving in a straight line."""
    p = min(1.0, max(0.0, progress))
    return start[0] + p * (end[0] - start[0]), start[1] + p * (end[1] - start[1])


class Scale(Mechanism):
    """Where a term's values 0 and 1 lie at the start and at the end of training."""

    start: tuple[Real, Real]
    end: tuple[Real, Real]


def toolrl_scales() -> dict[str, Scale]:
    """Return ToolRL's smooth schedule."""
    return {term: Scale(**scale) for term, scale in TOOLRL_SCALES.items()}


class Schedule(EachComposition):
    """Moves the range of each named term from one scale to another over training.

    Formula: term value v in 0..1 counts low(p) + v * (high(p) - low(p)), both linear in p = step / steps
    Source: ToolRL (arXiv 2504.13958), section 5: format [-2+p, 2-p], correctness [-2-p, 2+p]. Its code divides by a
        fixed 150 steps and clamps, which is `steps: 150`.
    Deviation: terms that are not named are added with their weights; weights of named ones multiply their scale.
    """

    name: ClassVar[str] = "schedule"
    scales: dict[Term, Scale] = Field(default_factory=toolrl_scales, min_length=1)
    steps: Count | None = None
    """Steps after which the end is reached; null for the stage's own."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the scaled terms."""
        return named("scales", list(self.scales))

    def total(self, values: Values, scope: Scope) -> float | None:
        """Add the scaled terms and the others."""
        progress = scope.progress if self.steps is None else scope.step / self.steps
        total = weighted_sum(values, scope.weights, rest_of(scope.weights, self.scales))
        for name, scale in self.scales.items():
            value = values.get(name)
            if value is not None:
                low, high = scale_at(scale.start, scale.end, progress)
                total = added(total, scope.weights[name] * (low + value * (high - low)))
        return total
