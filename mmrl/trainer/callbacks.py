"""What happens beside the training loop: the log, the stop rule, the progress bar, old checkpoints, the optimiser."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress, TaskID
from transformers import TrainerCallback

from mmrl.errors import InputError
from mmrl.trainer.augment import Augmenter
from mmrl.trainer.decisions import Decisions
from mmrl.trainer.rewards import RubricRewards
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.watch import RewardWatch

KEPT_CHECKPOINTS = 2
"""Complete checkpoints of a stage that are kept: the last one, and one more in case it is damaged later."""

OF_GENERATION = (
    "reward",
    "frac_reward",
    "groups/",
    "mechanisms/",
    "judges/",
    "augment/",
    "completions/",
    "parse_failures",
    "failed_rollouts",
)
"""How names begin of what is measured once a generation."""


class LogCallback(TrainerCallback):
    """Logs each step, ends the stage early where its rule allows, and stops at a loss that is no number."""

    def __init__(
        self,
        log: StageLog,
        rewards: RubricRewards,
        *,
        records: Sequence[Mapping[str, Any]],
        augmentation: Augmenter | None = None,
    ) -> None:
        self.log = log
        self.rewards = rewards
        self.watch = RewardWatch(rewards.rubric, records)
        self.decisions: Decisions | None = None
        """What may end the stage, and tells what is sampled; None for neither."""
        self.augmentation = augmentation
        self._generated: dict[str, Any] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Write the step's record; HF's summary at the end of training has no ``loss`` and is passed over.

        A step that trains on completions once more repeats what was measured when they were generated.
        """
        if not logs or "loss" not in logs:
            return
        is_new = "reward" in logs
        if is_new:
            self._generated = {key: value for key, value in logs.items() if key.startswith(OF_GENERATION)}
        logs = {**self._generated, **logs}
        step = state.global_step
        for sample, reason in self.rewards.take_failures():
            self.log.event("bad_media", step, sample=sample, reason=reason)
        if unjudged := self.rewards.take_unjudged():
            terms = [term.name for term in self.rewards.rubric.terms if term.weight]
            self.log.event("unjudged", step, samples=unjudged, abstained=terms)
        if self.augmentation is not None and (changes := self.augmentation.take_records()):
            self.log.event("augmented", step, changes=changes)
        record = self.log.step(step, logs, [term.name for term in self.rewards.rubric.terms])
        self._refuse_non_finite(record)
        for alarm in self.watch.step(record, self.rewards.last):
            self.log.event("alarm", step, sign=alarm.name, before=alarm.before, now=alarm.now, message=alarm.message)
        if self.decisions is not None:
            control.should_training_stop |= self.decisions.after_step(record, is_new=is_new)
        if control.should_training_stop:
            control.should_save = False  # the stage's final weights are saved next

    def _refuse_non_finite(self, record: dict[str, Any]) -> None:
        for name in ("loss", "grad_norm"):
            value = record.get(name)
            if value is not None and not math.isfinite(value):
                raise InputError(
                    f"{name} must be finite; found {value}; at step {record['step']} of stage {record['stage']}; "
                    "lower learning_rate or max_grad_norm and start again from the last checkpoint"
                )


class ProgressCallback(TrainerCallback):
    """Moves the stage's bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress = progress
        self.task = task

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Show the step, its reward and where its time went."""
        if logs and "loss" in logs:
            shown = {"reward": logs["reward"]} if "reward" in logs else {}
            self.progress.update(self.task, completed=state.global_step, measured=dict(logs), **shown)


class PruneCallback(TrainerCallback):
    """Removes old checkpoints once a newer one is complete, never before."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Keep the newest checkpoints; the one just saved is complete by now."""
        if state.is_world_process_zero:
            for old in checkpoints_of(Path(args.output_dir))[:-KEPT_CHECKPOINTS]:
                shutil.rmtree(old)


class KeepOptimizer(TrainerCallback):
    """Starts a stage with the moments of the stage before; learning rate and weight decay are the new stage's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Load the moments, unless the stage resumes from a checkpoint of its own.

        Raises:
            InputError: the stages do not train the same parameters.
        """
        if state.global_step > 0:
            return
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        groups = optimizer.state_dict()["param_groups"]
        sizes = [[len(group["params"]) for group in one] for one in (saved["param_groups"], groups)]
        if sizes[0] != sizes[1]:
            raise InputError(
                "a kept optimizer needs the same trained parameters as the stage before; found groups of "
                f"{sizes[0]} then {sizes[1]}; at {self.path}; set carry.optimizer to fresh"
            )
        optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def checkpoints_of(stage_dir: Path) -> list[Path]:
    """Return a stage's checkpoint folders, complete or not, by step."""
    return sorted(stage_dir.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
