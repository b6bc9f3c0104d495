"""Stages of supervised training: on a dataset's gold answers, as an ordinary stage of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import trl
from rich.progress import Progress
from transformers.trainer_callback import PrinterCallback

from mmrl.config import SftConfig
from mmrl.config.kind_checks import supervised
from mmrl.curriculum import stage_seed
from mmrl.families import family_of, frame_rule, load_processor
from mmrl.runs import latest_complete
from mmrl.trainer import freezing
from mmrl.trainer.callbacks import KeepOptimizer, PruneCallback
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sft import SftLog, SFTTrainer
from mmrl.trainer.sft_data import Example, ExampleCollator, example_dataset
from mmrl.trainer.stage_model import OPTIMIZER_NAME, load_stage_model, peft_config, save_final, start_of

if TYPE_CHECKING:
    from mmrl.trainer.stages import StageJob

OpenLog = Callable[["StageJob", int], StageLog]
"""Brings the log back to a step, from which the stage goes on, and notes its start or resume."""


def train_on_gold(job: StageJob, progress: Progress | None, open_log: OpenLog) -> None:
    """Train a stage of kind ``sft``, or go on with it."""
    log = open_log(job, checkpoint_step(job))
    train_on_examples(job, [Example(row=row) for row in job.rows], job.final, log, progress)


def checkpoint_step(job: StageJob) -> int:
    """Return the step of a stage's last whole checkpoint; 0 where there is none."""
    checkpoint = latest_complete(job.folder)
    return int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0


def train_on_examples(
    job: StageJob, examples: Sequence[Example], final: Path, log: StageLog, progress: Progress | None
) -> None:
    """Train on examples in their order, from the stage's start or last checkpoint, and leave weights in ``final``."""
    config, start = job.config, start_of(job.config, job.run, job.index)
    checkpoint = latest_complete(job.folder)
    processor = load_processor(start, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    trainer, collator = _build_trainer(job, examples, processor)
    task = None
    if progress is not None and trainer.is_world_process_zero():
        task = progress.add_task(job.stage.name, total=job.stage.steps, completed=checkpoint_step(job))
    trainer.add_callback(SftLog(log, collator, progress, task))
    trainer.add_callback(PruneCallback())
    if job.index and job.stage.carry.optimizer == "kept":
        trainer.add_callback(KeepOptimizer(Path(start) / OPTIMIZER_NAME))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    following = config.stages[job.index + 1 : job.index + 2]
    save_final(trainer, processor, final, keep_optimizer=any(one.carry.optimizer == "kept" for one in following))


def _build_trainer(job: StageJob, examples: Sequence[Example], processor: Any) -> tuple[SFTTrainer, ExampleCollator]:
    config, training, start = job.config, job.training, start_of(job.config, job.run, job.index)
    model = load_stage_model(start, start, training)
    dataset = example_dataset(
        examples,
        style=config.stage_style(job.stage),
        frame_rule=frame_rule(family_of(model.config.model_type), processor),
        processor=processor,
        video=config.video_request(),
    )
    collator = ExampleCollator(processor, model)
    trainer = SFTTrainer(
        model,
        sft_arguments(job),
        data_collator=collator,
        train_dataset=dataset,
        processing_class=processor,
        peft_config=peft_config(model, training),
    )
    trainer.remove_callback(PrinterCallback)
    freezing.freeze(trainer.model, training)
    return trainer, collator


def sft_arguments(job: StageJob) -> trl.SFTConfig:
    """Return the trainer's options for a stage: examples come in the order in which they were lined up."""
    training, own = job.training, job.stage.sft or SftConfig()
    return trl.SFTConfig(
        output_dir=str(job.folder),
        run_name=f"{job.run.path.name}/{job.index}-{job.stage.name}",
        max_steps=job.stage.steps,
        save_strategy="steps",
        save_steps=job.config.save_steps,
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=stage_seed(job.config, job.index) % 2**32,
        report_to=job.config.report_to,
        disable_tqdm=True,
        use_cpu=not torch.accelerator.is_available(),
        dataloader_pin_memory=torch.accelerator.is_available(),
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        max_length=None,
        completion_only_loss=True,
        loss_type=own.loss,
        **supervised(training),
    )
