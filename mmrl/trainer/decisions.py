"""What the curriculum decides while a stage trains, each decision a line of the log with its numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mmrl.config import RunConfig
from mmrl.curriculum import Outcome, PassTracker, Promotion, Source, StageRows, cell_of, row_key
from mmrl.runs import RunFolder
from mmrl.trainer.advantage_rule import restore_states
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.stage_model import final_dir
from mmrl.trainer.tracking import RowTracking

TRACKER = "curriculum.tracker"
"""Under which name the tracker is kept among what checkpoints and finished stages remember."""
PROMOTION = "curriculum.promotion"
WEIGHTS_LOGGED = 20
"""How often in a stage what is sampled is logged."""


@dataclass(kw_only=True)
class Decisions:
    """Decides after a step: whether to look at held-out data, and whether the stage ends."""

    log: StageLog
    steps: int
    """Most steps of the stage."""
    tracking: RowTracking
    promotion: Promotion | None = None
    look: Callable[[], list[float]] | None = None
    """Answers the held-out dataset, where the stage's rules name one."""

    def after_step(self, record: Mapping[str, Any], *, is_new: bool) -> bool:
        """Log what is decided after a step; returns whether the stage ends. All processes call it at once.

        Args:
            record: the step's line of the log.
            is_new: whether the step generated completions.
        """
        step = record["step"]
        if step % max(1, self.steps // WEIGHTS_LOGGED) == 0:
            self._log_weights(step)
        if self.promotion is None:
            return False
        rule = self.promotion.rule
        self.promotion.note(record[f"rewards/{rule.term}" if rule.term else "reward"], is_new=is_new)
        if self.promotion.looks_at_held_out(step):
            self._look(step)
        decision = self.promotion.decide(step)
        if decision is not None:
            self.log.event("early_stop", step, rule=decision.rule, **_rounded(decision.numbers))
        return decision is not None

    def _log_weights(self, step: int) -> None:
        cells = self.tracking.summary()
        if cells is not None:
            self.log.event("weights", step, cells=cells)

    def _look(self, step: int) -> None:
        assert self.promotion is not None
        assert self.promotion.rule.held_out is not None
        assert self.look is not None
        scores = self.look()
        self.promotion.note_held_out(scores)
        dataset = self.promotion.rule.held_out.dataset
        accuracy = math.fsum(scores) / len(scores)
        self.log.event("held_out", step, dataset=dataset, accuracy=accuracy, items=len(scores))


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value if isinstance(value, int) else round(value, 6) for name, value in numbers.items()}


def log_data(log: StageLog, plan: StageRows) -> None:
    """Note at the beginning of a stage what its filters leave out, and how its prompts are shared out."""
    prompts = Counter(source for source, _ in plan.turns)
    for source in plan.sources:
        if source.replay_of is None and source.counts.kept < source.counts.size:
            counts = {name: count for name, count in asdict(source.counts).items() if name != "size" and count}
            log.event("filter", 0, dataset=source.dataset, rows=source.counts.size, kept=source.counts.kept, **counts)
    own = [source for source in plan.sources if source.replay_of is None]
    log.event("mix", 0, sources={source.name: _part(source, prompts) for source in own})
    replayed = [source for source in plan.sources if source.replay_of is not None]
    if replayed:
        taken = sum(prompts[source.name] for source in replayed)
        parts = {source.name: _part(source, prompts) for source in replayed}
        log.event("replay", 0, share=round(taken / len(plan.turns), 6), prompts=taken, sources=parts)


def _part(source: Source, prompts: Mapping[str, int]) -> dict[str, float]:
    return {"rows": len(source.rows), "prompts": prompts.get(source.name, 0)}


def start_tracker(config: RunConfig, run: RunFolder, index: int, sources: Sequence[Source]) -> PassTracker:
    """Return the tracker that a stage begins with: what the stage before it left, and what its own probes say."""
    tracker = PassTracker()
    for earlier in reversed(range(index)):
        if restore_states(final_dir(config, run, earlier), {TRACKER: tracker}):
            break
    for source in sources:
        if source.probe is not None and source.replay_of is None:
            rates = [
                Outcome(key=row_key(source.dataset, row), cell=cell_of(row), passed=source.probe.pass_rates[row.id])
                for row in source.rows
            ]
            tracker.take_probe(rates, source.probe.samples_per_row)
    return tracker
