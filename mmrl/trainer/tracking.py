"""The curriculum inside training: what came of each row goes to the tracker, and under ``follow`` rows come from it.

Under ``follow`` the trainer's dataset holds numbered places alone, which are filled when their batch is generated, not
when a loader reads ahead: with all that is known by then, on every process alike, and after a resume as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accelerate.utils import gather_object

from mmrl.curriculum import Candidate, FollowSampler, Outcome, PassTracker, StageRows, cell_of, row_key
from mmrl.rewards import Rubric
from mmrl.trainer.stage_data import ROW_KEY, RowOpener
from mmrl.types import Sample, answer_kind

PLACE = "row"
"""Column of a dataset of places: the number of a prompt in its stage."""


@dataclass(kw_only=True)
class RowTracking:
    """Joins a trainer with the tracker, and with the sampler of a stage that follows the learner."""

    tracker: PassTracker
    rubric: Rubric
    sampler: FollowSampler | None = None
    open_rows: Callable[[Sequence[int]], list[dict[str, Any]]] | None = None
    """Opens rows by their number among those of all sources, in order; with a sampler."""

    def fill(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows of a generation batch on this process: places are filled, what is a row already stays."""
        if self.sampler is None or self.open_rows is None:
            return inputs
        places, size = [int(one[PLACE]) for one in inputs], self.sampler.batch_size
        batches = {place // size for place in places}
        assert len(batches) == 1, f"places of one generation batch; found {sorted(batches)}"
        starts = self._starts()
        chosen = [starts[source] + at for source, at in self.sampler.choose(batches.pop(), self.tracker)]
        return self.open_rows([chosen[place % size] for place in places])

    def _starts(self) -> dict[str, int]:
        """Return the number of each source's first row."""
        assert self.sampler is not None
        starts, total = {}, 0
        for source, rows in self.sampler.sources.items():
            starts[source], total = total, total + len(rows)
        return starts

    def observe(self, inputs: Sequence[Mapping[str, Any]], rewards_NK: Sequence[Sequence[float]]) -> None:
        """Tell the tracker what came of a generation batch; all processes call it at once and learn the same.

        Args:
            inputs: this process's rows, one a completion.
            rewards_NK: their rewards by function: the rubric's terms, then its total; NaN where there is none.
        """
        names = [term.name for term in self.rubric.terms]
        seen = []
        for row, rewards_K in zip(inputs, rewards_NK, strict=True):
            passed = None if row["media_error"] else self._passed(row["sample"], rewards_K, names)
            if passed is not None:
                seen.append((row[ROW_KEY], cell_of(row["sample"]), passed))
        everywhere = gather_object(seen)  # in order of the processes, so the same list on each
        self.tracker.observe(Outcome(key=key, cell=cell, passed=passed) for key, cell, passed in everywhere)

    def _passed(self, sample: Sample, rewards_K: Sequence[float], names: Sequence[str]) -> float | None:
        """Return how right a completion is: the first judging term that verifies it; None where none judged it.

        One that was cut off has a stated reward and no terms: it did not pass.
        """
        *terms_K, total = rewards_K
        if math.isnan(total):
            return None
        if all(math.isnan(value) for value in terms_K):
            return 0.0
        verifying = self.rubric.verifying(answer_kind(sample.answer))
        values = (terms_K[names.index(name)] for name in verifying)
        return next((min(max(value, 0.0), 1.0) for value in values if not math.isnan(value)), None)

    def summary(self) -> dict[str, dict[str, Any]] | None:
        """Return by cell what is sampled now, where the stage follows the learner; None elsewhere."""
        return None if self.sampler is None else self.sampler.summary(self.tracker)


def follow_sampler(rows: StageRows, *, batch_size: int, seed: int) -> FollowSampler | None:
    """Return the sampler of a stage that follows the learner, or None."""
    if not rows.follows:
        return None
    sources = {
        source.name: [Candidate(key=row_key(source.dataset, one), cell=cell_of(one)) for one in source.rows]
        for source in rows.sources
    }
    turns = [source for source, _ in rows.turns]
    return FollowSampler(sources=sources, turns=turns, batch_size=batch_size, seed=seed)


def row_opener(opener: RowOpener) -> Callable[[Sequence[int]], list[dict[str, Any]]]:
    """Return a function that opens rows by number."""

    def open_rows(numbers: Sequence[int]) -> list[dict[str, Any]]:
        columns = opener({PLACE: list(numbers)})
        return [{name: values[at] for name, values in columns.items()} for at in range(len(numbers))]

    return open_rows
