"""What the learner can do by now: a running pass rate of every row, pooled where a row has hardly been seen.

Of each row, and of each *cell* (all rows of one task and difficulty), passes and tries are counted and both fade with
time, since the learner changes: what was seen ``HALF_LIFE`` generation batches ago counts half. A rate is the mean of a
Beta distribution over these counts, which starts from

    cell:  what its difficulty promises, worth ``CELL_TRIES`` tries
    row:   its cell's rate, worth ``ROW_TRIES`` tries

so a row that was never tried is judged by its like, and the more by itself the more often it is tried. Pure: the same
observations in the same order give the same numbers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmrl.rewards.mechanism import Stateful
from mmrl.types import Level, Sample

HALF_LIFE = 32
"""Generation batches after which an observation counts half."""
CELL_TRIES = 8.0
ROW_TRIES = 4.0
PROBED_CELL_TRIES = 64.0
"""Most tries that a probe counts for in a cell, which the learner leaves behind sooner than it could outweigh them."""
PROMISED: Mapping[Level, float] = {"easy": 0.7, "middle": 0.5, "hard": 0.3}
"""Pass rate expected of a difficulty that was never tried; an ordering, not a measurement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one completion."""

    key: str
    """The row: ``dataset/id``."""
    cell: str
    passed: float
    """How right the answer was, 0 to 1."""


def row_key(dataset: str, sample: Sample) -> str:
    """Return by which name a row is remembered over all stages of a run."""
    return f"{dataset}/{sample.id}"


def cell_of(sample: Sample) -> str:
    """Return the cell of a row: rows of one cell are expected to be about as hard."""
    return f"{sample.task} {sample.difficulty}"


@dataclass(slots=True)
class _Evidence:
    """Faded passes and tries, as of a batch."""

    passes: float = 0.0
    tries: float = 0.0
    batch: int = 0

    def at(self, batch: int) -> tuple[float, float]:
        """Return passes and tries as they count at a later batch."""
        faded = 0.5 ** ((batch - self.batch) / HALF_LIFE)
        return faded * self.passes, faded * self.tries

    def add(self, passes: float, tries: float, batch: int) -> None:
        """Let what is known fade up to a batch and add what was seen there."""
        before = self.at(batch)
        self.passes, self.tries, self.batch = before[0] + passes, before[1] + tries, batch


class PassTracker(Stateful):
    """Running pass rates of rows and cells, over all stages of a run."""

    def __init__(self) -> None:
        self.batch = 0
        """Generation batches observed."""
        self._rows: dict[str, _Evidence] = {}
        self._cells: dict[str, _Evidence] = {}

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Take in all completions of one generation batch, those of all processes together."""
        self.batch += 1
        self._add(outcomes, weight=1.0)

    def take_probe(self, rates: Iterable[Outcome], samples_per_row: int) -> None:
        """Begin with a probe's pass rates, each of so many tries; rows that are known already stay as they are."""
        fresh = [one for one in rates if one.key not in self._rows]
        tries: dict[str, float] = defaultdict(float)
        for one in fresh:
            self._rows[one.key] = _Evidence(one.passed * samples_per_row, float(samples_per_row), self.batch)
            tries[one.cell] += samples_per_row
        for one in fresh:
            weight = samples_per_row * min(1.0, PROBED_CELL_TRIES / tries[one.cell])
            self._cells.setdefault(one.cell, _Evidence()).add(weight * one.passed, weight, self.batch)

    def _add(self, outcomes: Iterable[Outcome], *, weight: float) -> None:
        for one in outcomes:
            for held, name in ((self._rows, one.key), (self._cells, one.cell)):
                held.setdefault(name, _Evidence()).add(weight * one.passed, weight, self.batch)

    def is_seen(self, key: str) -> bool:
        """Whether anything is known of the row itself."""
        return key in self._rows

    def cell_rate(self, cell: str) -> float:
        """Return the running pass rate of a cell."""
        level: Any = cell.rpartition(" ")[2]
        passes, tries = self._cells.get(cell, _Evidence()).at(self.batch)
        return (passes + CELL_TRIES * PROMISED[level]) / (tries + CELL_TRIES)

    def cell_tries(self, cell: str) -> float:
        """Return how many tries a cell's rate rests on, as they count by now."""
        return self._cells.get(cell, _Evidence()).at(self.batch)[1]

    def rate(self, key: str, cell: str) -> float:
        """Return the running pass rate of a row."""
        passes, tries = self._rows.get(key, _Evidence()).at(self.batch)
        return (passes + ROW_TRIES * self.cell_rate(cell)) / (tries + ROW_TRIES)

    def state(self) -> dict[str, Any]:
        """Return all counts as JSON values, which read back are the same numbers."""
        return {
            "batch": self.batch,
            "rows": {key: [one.passes, one.tries, one.batch] for key, one in self._rows.items()},
            "cells": {cell: [one.passes, one.tries, one.batch] for cell, one in self._cells.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
        self.batch = int(state["batch"])
        self._rows = {key: _Evidence(*counts) for key, counts in state["rows"].items()}
        self._cells = {cell: _Evidence(*counts) for cell, counts in state["cells"].items()}


def learnability(rate: float) -> float:
    """Return 4 p (1 - p): the variance of a pass, 1 at a rate of one half, 0 where nothing differs.

    What a group of completions teaches grows with the spread of its rewards (Foster et al. 2025, "Learning to Reason at
    the Frontier of Learnability", who take p (1 - p); the factor only makes the largest value 1).
    """
    return 4.0 * min(max(rate, 0.0), 1.0) * (1.0 - min(max(rate, 0.0), 1.0))


def is_rate(value: float) -> bool:
    """Whether a number can be a pass rate."""
    return math.isfinite(value) and 0.0 <= value <= 1.0
