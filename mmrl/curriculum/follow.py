"""Sampling that follows the learner: which rows a generation batch takes, by what is known when it is made.

How many prompts each source of the mix gives is settled before the stage begins (``turns``), so shares hold exactly.
Which rows of it these are is drawn without replacement, a row's weight being its
:func:`~mmrl.curriculum.tracker.learnability` under the tracker, and at least ``FLOOR``, so that nothing is given up for
good. The draw of batch ``b`` has a generator of its own, keyed by seed, batch and source: nothing but the tracker has
to be kept for a run to go on with the same rows.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrl.curriculum.tracker import PassTracker, learnability

FLOOR = 0.05
"""Least weight of a row, where one at a pass rate of one half has 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A row that may be drawn."""

    key: str
    cell: str


@dataclass(frozen=True, kw_only=True)
class FollowSampler:
    """Draws the rows of each generation batch of a stage."""

    sources: Mapping[str, Sequence[Candidate]]
    turns: Sequence[str]
    """Source of every prompt of the stage, in order."""
    batch_size: int
    """Prompts of a generation batch, over all processes."""
    seed: int

    def choose(self, batch: int, tracker: PassTracker) -> list[tuple[str, int]]:
        """Return the rows of a batch in order, each as a source and a place in it.

        A source that has fewer rows than the batch asks of it gives each of them once before any comes again.
        """
        turns = self.turns[batch * self.batch_size : (batch + 1) * self.batch_size]
        drawn = {}
        for source, count in Counter(turns).items():
            rng = random.Random(f"{self.seed}/{batch}/{source}")
            drawn[source] = iter(draw(self.weights(source, tracker), count, rng))
        return [(source, next(drawn[source])) for source in turns]

    def weights(self, source: str, tracker: PassTracker) -> list[float]:
        """Return the weight of every row of a source."""
        rows = self.sources[source]
        of_cell = {cell: row_weight(tracker.cell_rate(cell)) for cell in {row.cell for row in rows}}
        return [
            row_weight(tracker.rate(row.key, row.cell)) if tracker.is_seen(row.key) else of_cell[row.cell]
            for row in rows
        ]

    def summary(self, tracker: PassTracker) -> dict[str, dict[str, Any]]:
        """Return by cell its ``rows``, the ``rate`` it is believed to have and its ``share`` of the prompts to come."""
        prompts = Counter(self.turns)
        shares: dict[str, float] = defaultdict(float)
        sizes: Counter[str] = Counter()
        for source, rows in self.sources.items():
            weights = self.weights(source, tracker)
            whole = math.fsum(weights)
            for row, weight in zip(rows, weights, strict=True):
                shares[row.cell] += weight / whole * prompts[source] / max(1, len(self.turns))
                sizes[row.cell] += 1
        return {
            cell: {"rows": sizes[cell], "rate": round(tracker.cell_rate(cell), 4), "share": round(shares[cell], 4)}
            for cell in sorted(sizes)
        }


def row_weight(rate: float) -> float:
    """Return the sampling weight of a row with this pass rate."""
    return max(FLOOR, learnability(rate))


def draw(weights: Sequence[float], count: int, rng: random.Random) -> list[int]:
    """Draw places without replacement, each next one with a chance in proportion to its weight.

    Efraimidis and Spirakis (2006): the largest of u ** (1 / w), u uniform, here as -log(u) / w, smallest first. Where
    more are asked for than there are, the draw begins anew.
    """
    drawn: list[int] = []
    while len(drawn) < count:
        keys = [(-math.log(1.0 - rng.random()) / weight, place) for place, weight in enumerate(weights)]
        drawn += [place for _, place in heapq.nsmallest(count - len(drawn), keys)]
    return drawn
