"""``log.jsonl`` of a run: one record an optimiser step, event lines between them, and never a step twice.

A step record holds ``stage``, ``stage_index``, ``step`` (from 1 within the stage), ``global_step`` (from 1 over all
stages), ``time`` (seconds since the epoch), ``reward``, ``rewards/<term>`` (unweighted mean over the completions where
the term did not abstain, null where it always did) and the trainer's measurements, each explained in ``docs/log.md``.
An event line has ``event`` and the same first five keys.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmrl.runs import LOG_NAME, RunFolder

MEASUREMENTS = (
    "reward",
    "reward_std",
    "frac_reward_zero_std",
    "completions/mean_length",
    "completions/clipped_ratio",
    "parse_failures",
    "failed_rollouts",
    "loss",
    "grad_norm",
    "learning_rate",
    "kl",
    "entropy",
    "mean_token_accuracy",
    "step_time",
    "num_tokens",
)
"""Names of TRL's and the rubric's measurements that are kept, where they were taken."""

FAMILIES = ("time/", "engine/", "memory/", "groups/", "mechanisms/", "judges/", "augment/")
"""How the names begin of our own measurements, all of which are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageLog:
    """Writes the lines of one stage."""

    run: RunFolder
    stage: str
    stage_index: int
    steps_before: int
    """Optimiser steps of all earlier stages."""
    writes: bool = True
    """False on all processes but the main one."""

    def step(self, step: int, measurements: Mapping[str, Any], terms: Iterable[str]) -> dict[str, Any]:
        """Append the record of one optimiser step and return it."""
        rewards = {f"rewards/{term}": measurements.get(f"rewards/{term}/mean") for term in terms}
        known = {key: measurements[key] for key in MEASUREMENTS if key in measurements}
        ours = {key: value for key, value in measurements.items() if key.startswith(FAMILIES)}
        return self._append({**self._place(step), **known, **rewards, **ours})

    def event(self, event: str, step: int, **details: Any) -> dict[str, Any]:
        """Append an event line and return it."""
        return self._append({"event": event, **self._place(step), **details})

    def _place(self, step: int) -> dict[str, Any]:
        place = {"stage": self.stage, "stage_index": self.stage_index, "step": step}
        return {**place, "global_step": self.steps_before + step, "time": round(time.time(), 3)}

    def _append(self, record: dict[str, Any]) -> dict[str, Any]:
        if self.writes:
            self.run.append_log(record)
        return record


def step_records(records: Iterable[Mapping[str, Any]], stage_index: int) -> list[Mapping[str, Any]]:
    """Return the step records of one stage, in order."""
    return [record for record in records if "event" not in record and record["stage_index"] == stage_index]


def rewind_log(run: RunFolder, *, stage_index: int, step: int) -> None:
    """Drop every line after ``step`` of a stage: what a killed run logged beyond the checkpoint is trained again."""
    records = run.read_log()
    kept = [record for record in records if (record["stage_index"], record["step"]) <= (stage_index, step)]
    if len(kept) < len(records):
        run.write_text(LOG_NAME, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept))
