"""How a rubric's terms become one reward: the interface of all compositions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from mmrl.rewards.mechanism import Mechanism, Scope, Values
from mmrl.types import Sample


class Composition(Mechanism, ABC):
    """Joins the terms of a group's completions."""

    @abstractmethod
    def totals(self, values_G: Sequence[Values], scope: Scope) -> list[float | None]:
        """Return the rewards of a group's completions; None where nothing with a weight has a say."""

    def deferred(self) -> tuple[str, ...]:
        """Return terms to be computed after all others, and only where :meth:`wants` says so."""
        return ()

    def wants(self, name: str, values: Values, sample: Sample) -> bool:  # noqa: ARG002
        """Whether a deferred term is to be computed for a sample, given the values of all others."""
        return True


class EachComposition(Composition):
    """Joins the terms of each completion by itself."""

    @abstractmethod
    def total(self, values: Values, scope: Scope) -> float | None:
        """Return the reward of one completion; None where nothing with a weight has a say."""

    def totals(self, values_G: Sequence[Values], scope: Scope) -> list[float | None]:
        """Return the rewards of a group's completions."""
        return [self.total(values, scope) for values in values_G]


def weighted_sum(values: Values, weights: Mapping[str, float], names: Iterable[str] | None = None) -> float | None:
    """Return the weighted sum over ``names`` (None: all) of the terms that have a say; None where none has."""
    chosen = weights if names is None else [name for name in names if name in weights]
    parts = [weights[name] * value for name in chosen if weights[name] and (value := values.get(name)) is not None]
    return math.fsum(parts) if parts else None


def rest_of(weights: Mapping[str, float], taken: Iterable[str]) -> list[str]:
    """Return the terms that a mechanism does not name: they are added with their weights."""
    used = set(taken)
    return [name for name in weights if name not in used]


def added(first: float | None, second: float | None) -> float | None:
    """Return the sum of what there is; None where there is neither."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
