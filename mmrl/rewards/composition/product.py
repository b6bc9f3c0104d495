"""Multiplicative compositions: penalties that scale a progress term, and the signed geometric mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from mmrl.rewards.composition.base import EachComposition, added, rest_of, weighted_sum
from mmrl.rewards.mechanism import NotNegative, Real, Scope, Term, Values, named, number


def soft_penalty(excess: float, limit: float = 2.23) -> float:
    """Return max(0, 1 - excess / limit), 1 where nothing is exceeded: CaRL's factor for speeding (2.23 m/s)."""
    return max(0.0, 1.0 - max(0.0, excess) / limit)


def penalised(progress: float, factors: Sequence[float]) -> float:
    """Return progress times all factors, each held within 0 and 1; a negative progress is not made smaller."""
    product = math.prod(min(1.0, max(0.0, factor)) for factor in factors)
    return progress * product if progress > 0 else progress


def signed_geometric_mean(values: Sequence[float], floor: float = 0.0) -> float:
    """Return s * (prod |v|)^(1/n), s = +1 only where all are positive; sizes below ``floor`` are raised to it."""
    assert values, "a mean needs values"
    sizes = [max(abs(value), floor) for value in values]
    mean = math.prod(sizes) ** (1 / len(sizes))
    positive = all(value > 0 or (value == 0 and floor > 0) for value in values)
    return mean if positive else -mean if mean else 0.0


def distance_shape(distance: float, *, scale: float, width: float = 1.0, density: float = 1.0) -> float:
    """Return exp(-0.5 * d / (c * w_dis))^(1 / w_den): Lucy-SKG's graded closeness, 1 at distance 0."""
    return math.exp(-0.5 * distance / (scale * width)) ** (1 / density)


class Product(EachComposition):
    """Multiplies one progress term by penalty factors instead of subtracting penalties; a broken stop term ends it.

    Formula: R = w * progress * prod_k clip(penalty_k, 0, 1); R = stop_reward where any stop term is 0 or less
    Source: CaRL (arXiv 2504.17838), code autonomousvision/CaRL team_code_roach/reward/simple_reward.py; terminal
        reward 0, and -1 with the hint that it gives for collisions and red lights.
    Deviation: one completion is one step; other terms of the rubric are added with their weights.
    """

    name: ClassVar[str] = "product"
    progress: Term
    """What is scaled: how much of the task is done."""
    penalties: tuple[Term, ...] = ()
    """Factors: 1 for faultless, 0 for worthless."""
    stops: tuple[Term, ...] = ()
    """Terms whose value must be above 0 for anything to count."""
    stop_reward: Real = 0.0

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield progress, penalties and stops."""
        yield "progress", self.progress
        yield from named("penalties", self.penalties)
        yield from named("stops", self.stops)

    def total(self, values: Values, scope: Scope) -> float | None:
        """Stop, or scale the progress by every factor that has a say."""
        if any(value is not None and value <= 0 for value in (values.get(name) for name in self.stops)):
            return self.stop_reward
        others = rest_of(scope.weights, [self.progress, *self.penalties, *self.stops])
        progress = values.get(self.progress)
        factors = [value for name in self.penalties if (value := values.get(name)) is not None]
        scaled = None if progress is None else scope.weights[self.progress] * penalised(progress, factors)
        return added(scaled, weighted_sum(values, scope.weights, others))


class Geometric(EachComposition):
    """Joins parts by their signed geometric mean, so that one weak part weakens all.

    Formula: R = s * (prod_k |v_k|)^(1/n), s = +1 where all parts are positive, else -1; other terms are added
    Source: Lucy-SKG (arXiv 2305.15801), equations 2 and 3 (kinesthetic reward combination, KRC).
    Deviation: sizes may be floored, as a single 0 removes all signal: with terms of 0 and 1 the mean is a logical and.
    """

    name: ClassVar[str] = "geometric"
    parts: Annotated[tuple[Term, ...], Field(min_length=2)]
    floor: NotNegative = 0.0
    """Least size of a part; 0 as published."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the parts."""
        return named("parts", self.parts)

    def total(self, values: Values, scope: Scope) -> float | None:
        """Take the mean of the parts that have a say."""
        known = [number(values[name]) for name in self.parts if values.get(name) is not None]
        mean = signed_geometric_mean(known, self.floor) if known else None
        return added(mean, weighted_sum(values, scope.weights, rest_of(scope.weights, self.parts)))
