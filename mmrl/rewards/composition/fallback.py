"""Reasoning-SQL's hierarchy: a judge is asked only where the exact check says no; graded parts beside both."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import ClassVar

from mmrl.rewards.composition.base import EachComposition, rest_of, weighted_sum
from mmrl.rewards.mechanism import Scope, Term, Values
from mmrl.types import Sample

PUBLISHED_WEIGHTS = {"execution": 3.0, "judge": 2.0, "format": 1.0, "syntax": 1.0, "schema": 1.0, "ngram": 1.0}
"""Reasoning-SQL's weights. With them a wrong answer can outrank a right one: see :func:`order_gap`."""


def jaccard(first: Iterable[Hashable], second: Iterable[Hashable]) -> float:
    """Return the overlap of two sets over their union; 1 where both are empty."""
    one, other = set(first), set(second)
    return len(one & other) / len(one | other) if one | other else 1.0


def ngrams(words: Sequence[str], size: int = 2) -> list[tuple[str, ...]]:
    """Return the runs of ``size`` words."""
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def order_gap(weights: dict[str, float], *, exact: str, judge: str, certain: Sequence[str] = ()) -> float:
    """Return the worst right answer's reward less the best wrong one's; the order holds where it is above 0.

    Args:
        weights: of all terms, each within 0 to 1.
        exact: the term that a right answer earns in full and a wrong one not at all.
        judge: counts only without ``exact``.
        certain: terms that every right answer earns as well (it parses, it runs).
    """
    worst_right = weights[exact] + sum(weights[name] for name in certain)
    best_wrong = sum(weight for name, weight in weights.items() if name != exact)
    assert judge in weights, judge
    return worst_right - best_wrong


class Fallback(EachComposition):
    """Asks a judge only where the exact check fails, and adds graded parts to either.

    Formula: R = w_e * exact + [exact = 0] * w_j * judge + sum of the other weighted terms
    Source: Reasoning-SQL (arXiv 2503.23157), weights execution 3, judge 2, format, syntax, schema, 2-grams 1 each.
    Deviation: weights are the rubric's own; with the published ones a wrong answer can earn 6, a right one 5.
    """

    name: ClassVar[str] = "fallback"
    exact: Term = "accuracy"
    judge: Term
    """The term that is computed only where ``exact`` is 0 or abstains."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the exact check and the judge."""
        yield "exact", self.exact
        yield "judge", self.judge

    def deferred(self) -> tuple[str, ...]:
        """The judge comes last."""
        return (self.judge,)

    def wants(self, name: str, values: Values, sample: Sample) -> bool:  # noqa: ARG002
        """Whether the judge is to be asked."""
        exact = values.get(self.exact)
        return exact is None or exact <= 0

    def total(self, values: Values, scope: Scope) -> float | None:
        """Add the exact check or the judge to the other terms."""
        chosen = [self.judge] if self.wants(self.judge, values, scope.sample) else []
        return weighted_sum(values, scope.weights, [*rest_of(scope.weights, [self.judge]), *chosen])
