"""TRL's SFT trainer for a run's stages: whole checkpoints with markers, exact resume, our log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trl
from rich.progress import Progress, TaskID
from transformers import PreTrainedModel, TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from mmrl.errors import InputError
from mmrl.runs import mark_complete, saving_checkpoint
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sft_data import ExampleCollator


class SFTTrainer(trl.SFTTrainer):
    """TRL's trainer, whose checkpoints are told from half-written ones and restore every weight."""

    model: Any
    args: Any

    def _send_telemetry(self) -> None:
        """Send nothing: what is trained here is no one else's business."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights of a checkpoint by ``from_pretrained``, as :class:`mmrl.trainer.GRPOTrainer` does."""
        target = self.model if model is None else model
        if self.is_fsdp_enabled or not isinstance(target, PreTrainedModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = type(target).from_pretrained(resume_from_checkpoint, dtype=target.dtype)
        target.load_state_dict(saved.state_dict())

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint; the list of its files with checksums is written last."""
        folder = Path(self.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        with saving_checkpoint(folder):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                mark_complete(folder)


class SftLog(TrainerCallback):
    """Logs each step and stops at a loss that is no number."""

    def __init__(
        self, log: StageLog, collator: ExampleCollator, progress: Progress | None, task: TaskID | None
    ) -> None:
        self.log, self.collator, self.progress, self.task = log, collator, progress, task

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Write the step's record; HF's summary at the end of training has no ``loss`` and is passed over."""
        if not logs or "loss" not in logs:
            return
        for sample, reason in self.collator.take_failures():
            self.log.event("bad_media", state.global_step, sample=sample, reason=reason)
        record = self.log.step(state.global_step, logs, ())
        _refuse_non_finite(record)
        if self.progress is not None and self.task is not None:
            self.progress.update(self.task, completed=state.global_step, measured=dict(logs))
        if state.global_step >= state.max_steps:
            control.should_save = False  # the stage's final weights are saved next


def _refuse_non_finite(record: Mapping[str, Any]) -> None:
    for name in ("loss", "grad_norm"):
        value = record.get(name)
        if value is not None and not math.isfinite(value):
            raise InputError(
                f"{name} must be finite; found {value}; at step {record['step']} of stage {record['stage']}; "
                "lower learning_rate or max_grad_norm and start again from the last checkpoint"
            )
