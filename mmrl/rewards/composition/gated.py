"""Gated reward accumulation: dense terms count only behind an outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from mmrl.rewards.composition.base import EachComposition, rest_of, weighted_sum
from mmrl.rewards.mechanism import Real, Scope, Term, Values, named


def open_terms(values: Values, order: Sequence[str], gates: Sequence[float]) -> list[str]:
    """Return the terms of ``order`` that count: each behind gates that all terms before it exceed.

    ``gates[k]`` belongs to ``order[k]``; a missing one is 0. A term that abstains neither opens nor shuts.
    """
    counted = []
    for place, name in enumerate(order):
        counted.append(name)
        value, gate = values.get(name), gates[place] if place < len(gates) else 0.0
        if value is not None and value <= gate:
            break
    return counted


class Gated(EachComposition):
    """Counts a term only while every term before it in order of priority exceeds its gate.

    Formula: R = sum_k w_k v_k * prod_(j<k) [v_j > gate_j], plus the weighted terms that stand outside the order
    Source: Gated Reward Accumulation (G-RA, 2025), through third-party notes; gates at 0 as in a re-implementation.
    Deviation: the published thresholds, and whether they are strict, could not be verified; ours are strict.
    """

    name: ClassVar[str] = "gated"
    order: Annotated[tuple[Term, ...], Field(min_length=2)]
    """Terms from the most to the least important."""
    gates: tuple[Real, ...] = ()
    """What each term of ``order`` must exceed for those after it to count; 0 where none is given."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the terms in order."""
        return named("order", self.order)

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """The last term has nothing behind it."""
        if len(self.gates) >= len(self.order):
            most = len(self.order) - 1
            yield "gates", f"must have at most {most}, one for each term but the last; found {len(self.gates)}"

    def total(self, values: Values, scope: Scope) -> float | None:
        """Add what the gates let through."""
        counted = open_terms(values, self.order, self.gates)
        return weighted_sum(values, scope.weights, [*counted, *rest_of(scope.weights, self.order)])
