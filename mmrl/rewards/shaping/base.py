"""What is done to a term before it is composed, or to the composed reward: the interface of all shapings."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from mmrl.rewards.mechanism import Gather, Mechanism, Scope, Term, named


class Shaping(Mechanism, ABC):
    """Changes the values of one term, or the rewards, of a group."""

    reads_entropies: ClassVar[bool] = False
    """Whether completions must come with the policy's entropy at each token."""
    term: Term | None = None
    """The term that is shaped before composition; null shapes the reward after it."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the shaped term, if one is named."""
        return named("term", [self.term] if self.term else [])

    @abstractmethod
    def shape(self, values_G: Sequence[float | None], scope: Scope) -> list[float | None]:
        """Return the new values of a group; what is None stays None."""

    def observe(self, values_N: Sequence[float | None], gather: Gather) -> None:
        """See the values of a whole batch before any of them is shaped, for what keeps running statistics."""


class EachShaping(Shaping):
    """Changes the value of each completion by itself."""

    @abstractmethod
    def one(self, value: float, scope: Scope, place: int) -> float:
        """Return the new value of completion ``place`` of the group."""

    def shape(self, values_G: Sequence[float | None], scope: Scope) -> list[float | None]:
        """Return the new values of a group; what is None stays None."""
        return [None if value is None else self.one(value, scope, at) for at, value in enumerate(values_G)]


def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1 + grown)
