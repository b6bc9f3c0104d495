"""The curriculum runner: one stage after another, each resumed from its last complete checkpoint.

A run may be killed at any moment and started again with the same config: finished stages are passed over, the stage
that was cut off goes on from its last complete checkpoint, and the final weights are those of an uninterrupted run.
"""

from __future__ import annotations

import gc
import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from rich.progress import Progress
from transformers.trainer_callback import PrinterCallback

from mmrl.config import RunConfig, StageConfig, TrainingConfig
from mmrl.config.differences import differences_text
from mmrl.curriculum import Promotion, StageRows, stage_batches, stage_rows, stage_seed
from mmrl.curriculum.augmentation import Augmentation
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import family_of, frame_rule, load_processor
from mmrl.families.tokens import eos_token_ids
from mmrl.rewards import Rubric, build_rubric
from mmrl.rewards.sample_weights import SampleWeight, build_sample_weight
from mmrl.runs import RunFolder, is_complete, latest_complete
from mmrl.trainer.advantage_rule import AdvantageRule, restore_states
from mmrl.trainer.augment import Augmenter
from mmrl.trainer.callbacks import KeepOptimizer, LogCallback, ProgressCallback, PruneCallback, checkpoints_of
from mmrl.trainer.decisions import PROMOTION, TRACKER, Decisions, log_data, start_tracker
from mmrl.trainer.groups import require_group_arithmetic
from mmrl.trainer.grpo import GRPOTrainer
from mmrl.trainer.held_out import HeldOutProbe
from mmrl.trainer.options import GRPOConfig
from mmrl.trainer.progress import quiet_libraries
from mmrl.trainer.rejection_stage import made_of_weights, train_on_own
from mmrl.trainer.rewards import RubricRewards
from mmrl.trainer.run_log import StageLog, rewind_log, step_records
from mmrl.trainer.sft_stage import train_on_gold
from mmrl.trainer.shuffled import ShuffledGroups
from mmrl.trainer.stage_data import (
    WEIGHT_COLUMN,
    RowOpener,
    SourcedSample,
    places_dataset,
    require_media,
    stage_dataset,
)
from mmrl.trainer.stage_model import (
    OPTIMIZER_NAME,
    final_dir,
    load_stage_model,
    peft_config,
    reference_of,
    save_final,
    start_of,
)
from mmrl.trainer.tracking import RowTracking, follow_sampler, row_opener

OWN_SETTINGS = ("sample_weight", "advantage", "augmentation", "use_peft", "lora_r", "lora_alpha")
"""Training settings that the runner itself acts on; all others are ``GRPOConfig``'s, under the same names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageJob:
    """One stage of a run with everything that its training needs."""

    config: RunConfig
    run: RunFolder
    index: int
    rubric: Rubric
    rows: Sequence[SourcedSample]
    """The stage's prompts in the order of training; where it follows the learner, all rows of its sources, in order."""
    plan: StageRows = StageRows(sources=(), turns=(), follows=False)  # noqa: RUF009  (frozen)
    """The sources, and which of them each prompt comes from."""
    held_out: Sequence[SourcedSample] = ()
    """What the stage looks at while it trains."""
    weight: SampleWeight | None = None
    """Of a sample's policy loss; None where the training settings name none."""
    base_dir: str | Path = "."
    """The folder that relative paths of plug-ins start from."""
    folders: Mapping[str, DatasetFolder] = field(default_factory=dict)
    """All datasets of the run, by name."""

    @property
    def stage(self) -> StageConfig:
        """The stage's section of the config."""
        return self.config.stages[self.index]

    @property
    def training(self) -> TrainingConfig:
        """The run's training settings with the stage's own put over them."""
        return self.config.stage_training(self.stage)

    @property
    def folder(self) -> Path:
        """``stages/<index>-<name>``."""
        return self.run.stage_dir(self.index, self.stage.name)

    @property
    def final(self) -> Path:
        """Where the stage leaves its weights."""
        return final_dir(self.config, self.run, self.index)


def run_curriculum(
    config: RunConfig,
    datasets: Mapping[str, DatasetFolder],
    run: RunFolder,
    *,
    base_dir: str | Path = ".",
    progress: Progress | None = None,
) -> Path:
    """Train all stages of a run, or what is left of them.

    Args:
        config: the run.
        datasets: the dataset folder of every name that a stage's mix, or its stop rule, mentions.
        run: the run's folder; stages, checkpoints and ``log.jsonl`` go there.
        base_dir: the folder that relative paths of reward plug-ins start from: the config file's.
        progress: shows a bar for each stage; see :func:`mmrl.trainer.training_progress`. None shows nothing.

    Returns:
        the folder of the last stage's weights and processor.

    Raises:
        InputError: data, rubric or batch sizes do not fit each other, or the folder holds stages of another config;
            all of it is found before the first step. During training: a reward or loss that is no finite number.
    """
    PartialState(cpu=not torch.accelerator.is_available())  # else processes on CPUs would not know of each other yet
    jobs = _prepare_jobs(config, datasets, run, base_dir)
    with quiet_libraries():
        for job in jobs:
            if not is_complete(job.final):
                _train(job, progress)
                gc.collect()
            _log_stage_end(job)
    return jobs[-1].final


def _prepare_jobs(
    config: RunConfig, datasets: Mapping[str, DatasetFolder], run: RunFolder, base_dir: str | Path
) -> list[StageJob]:
    samples = {name: folder.samples for name, folder in datasets.items()}
    home = {
        id(sample): SourcedSample(sample=sample, folder=folder, dataset=name)
        for name, folder in datasets.items()
        for sample in folder.samples
    }
    jobs = []
    for index, stage in enumerate(config.stages):
        training = config.stage_training(stage)
        if stage.kind == "grpo":
            require_group_arithmetic(
                per_device_train_batch_size=training.per_device_train_batch_size,
                num_generations=training.num_generations,
            )
        plan = stage_rows(config, index, samples, world_size=PartialState().num_processes)
        ordered = plan.samples
        rubric = build_rubric(config.stage_rubric(stage), base_dir)
        if stage.kind != "sft":
            rubric.check_covers(ordered, where=f"stages.{stage.name}.rubric")
        watched = stage.stop.held_out.dataset if stage.stop and stage.stop.held_out else None
        jobs.append(
            StageJob(
                config=config,
                run=run,
                index=index,
                rubric=rubric,
                rows=[home[id(sample)] for sample in ordered],
                plan=plan,
                held_out=[home[id(sample)] for sample in samples[watched]] if watched else [],
                weight=build_sample_weight(training.sample_weight, base_dir, ordered),
                base_dir=base_dir,
                folders=datasets,
            )
        )
    for job in jobs:
        _require_same_stage(job)
    return jobs


def _require_same_stage(job: StageJob) -> None:
    """Refuse to go on with a stage that was begun with other settings or other data; note those of a new one."""
    stage, config = job.stage, job.config
    order = hashlib.sha256("\n".join(row.key for row in job.rows).encode())
    identity = {
        "model_name_or_path": config.model_name_or_path,
        "seed": stage_seed(config, job.index),
        "pixels": [config.min_pixels, config.max_pixels],
        "video": [config.video_fps, config.video_max_frames],
        "stage": stage.model_dump(mode="json", exclude={"training", "rubric", "prompt_style"}),
        "training": job.training.model_dump(mode="json"),
        "rubric": config.stage_rubric(stage).model_dump(mode="json"),
        "prompt_style": config.stage_style(stage),
        "samples_sha256": order.hexdigest(),
    }
    name = f"stages/{job.index}-{stage.name}/stage.json"
    if (job.run.path / name).is_file():
        begun = job.run.read_json(name)
        told = differences_text(begun, json.loads(json.dumps(identity)))
        if told:
            raise InputError(
                f"a run must go on as it began; found other settings than stage {stage.name} was begun with ({told}); "
                f"at {job.run.path / name}; restore the config and data, or choose a new output_dir"
            )
    elif PartialState().is_main_process:
        job.run.write_json(name, identity)


# ---------------------------------------------------------------------------------------------------- one stage


def _train(job: StageJob, progress: Progress | None) -> None:
    """Train a stage, or go on with it, by its kind."""
    if job.stage.kind == "sft":
        train_on_gold(job, progress, _open_log)
    elif job.stage.kind == "rejection":
        train_on_own(job, progress, _open_log)
    else:
        _train_stage(job, progress)
    _close_trackers(job.config)


def _train_stage(job: StageJob, progress: Progress | None) -> None:
    checkpoint = latest_complete(job.folder)
    step = int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0
    logged = job.run.read_log()  # what is trained again took its memory all the same
    log = _open_log(job, step)
    processor = load_processor(
        start_of(job.config, job.run, job.index), min_pixels=job.config.min_pixels, max_pixels=job.config.max_pixels
    )
    trainer, rewards = _build_trainer(job, processor)
    decisions = _add_curriculum(job, trainer, log, processor)
    if checkpoint:
        restore_states(checkpoint, trainer.remembered)
    trainer.telemetry.note_peak(logged)
    records = step_records(job.run.read_log(), job.index)
    callback = LogCallback(log, rewards, records=records, augmentation=trainer.augmentation)
    callback.decisions = decisions
    trainer.add_callback(callback)
    trainer.add_callback(PruneCallback())
    if job.index and job.stage.carry.optimizer == "kept":
        trainer.add_callback(KeepOptimizer(Path(start_of(job.config, job.run, job.index)) / OPTIMIZER_NAME))
    if progress is not None and trainer.is_world_process_zero():
        task = progress.add_task(job.stage.name, total=job.stage.steps, completed=step)
        trainer.add_callback(ProgressCallback(progress, task))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    following = job.config.stages[job.index + 1 : job.index + 2]
    keep_optimizer = any(one.carry.optimizer == "kept" for one in following)
    learnt = {TRACKER: trainer.remembered[TRACKER]}
    save_final(trainer, processor, job.final, keep_optimizer=keep_optimizer, remembered=learnt)


def _open_log(job: StageJob, step: int) -> StageLog:
    """Bring log and checkpoints back to ``step``, from which the stage goes on, and note the start or the resume."""
    state = PartialState()
    if state.is_main_process:
        rewind_log(job.run, stage_index=job.index, step=step)
        _discard_beyond(job, step)
    state.wait_for_everyone()
    records = job.run.read_log()
    before = sum(len(step_records(records, index)) for index in range(job.index))
    log = StageLog(
        run=job.run,
        stage=job.stage.name,
        stage_index=job.index,
        steps_before=before,
        writes=state.is_main_process,
    )
    resumed = any(record["stage_index"] == job.index for record in records)
    log.event("resume" if resumed else "stage_start", step)
    if not any(record.get("event") == "mix" and record["stage_index"] == job.index for record in records):
        log_data(log, job.plan)
    return log


def _discard_beyond(job: StageJob, step: int) -> None:
    """Remove checkpoints after ``step``, and what later stages made of weights that are now trained again."""
    stale = [path for path in checkpoints_of(job.folder) if int(path.name.rsplit("-", 1)[1]) > step]
    for index, stage in list(enumerate(job.config.stages))[job.index + 1 :]:
        folder = job.run.stage_dir(index, stage.name)
        stale += [*checkpoints_of(folder), final_dir(job.config, job.run, index), *made_of_weights(folder)]
    for path in stale:
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=not path.exists())


def _log_stage_end(job: StageJob) -> None:
    """Note the end of a stage with its steps and why it ended, once, even if a kill came between weights and note."""
    records = [record for record in job.run.read_log() if record["stage_index"] == job.index]
    events = {record["event"] for record in records if "event" in record}
    if "stage_end" in events or not PartialState().is_main_process:
        return
    steps = step_records(records, job.index)
    before = steps[0]["global_step"] - 1 if steps else 0
    log = StageLog(run=job.run, stage=job.stage.name, stage_index=job.index, steps_before=before)
    reason = next((reason for reason in ("early_stop", "refused") if reason in events), "steps")
    log.event("stage_end", len(steps), reason=reason)


def _build_trainer(job: StageJob, processor: Any) -> tuple[GRPOTrainer, RubricRewards]:
    """Load the stage's model and set up its trainer, which prints nothing by itself."""
    config, training = job.config, job.training
    reference = reference_of(config, job.run, job.index)
    model = load_stage_model(start_of(config, job.run, job.index), reference, training)
    style = config.stage_style(job.stage)
    rewards = RubricRewards(
        job.rubric,
        style=style,
        eos_ids=eos_token_ids(model, processor.tokenizer),
        group_size=training.num_generations,
    )
    trainer = GRPOTrainer(
        model,
        rewards.functions,
        stage_arguments(job, rewards.weights),
        train_dataset=_dataset(job, model, processor),
        processing_class=processor,
        peft_config=peft_config(model, training),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.reads_entropies = job.rubric.reads_entropies
    trainer.advantage_rule = AdvantageRule.of(training.advantage or (), rewards, job.base_dir)
    contrast = job.rubric.shuffled_group
    trainer.shuffled = ShuffledGroups(contrast, rewards) if contrast else None
    if training.augmentation is not None:
        trainer.augmentation = Augmenter(Augmentation(**training.augmentation), rewards)
    trainer.remembered = {
        **job.rubric.stateful(),
        **({"augmentation": trainer.augmentation.window} if trainer.augmentation else {}),
        **(trainer.advantage_rule.stateful() if trainer.advantage_rule else {}),
    }
    return trainer, rewards


def _dataset(job: StageJob, model: Any, processor: Any) -> Any:
    """Return the stage's prompts in order, or places for them where they are chosen as the stage trains."""
    if job.plan.follows:
        require_media(job.rows, processor)
        return places_dataset(len(job.plan.turns))
    return stage_dataset(job.rows, weight=job.weight, **_reading(job, model, processor))


def _reading(job: StageJob, model: Any, processor: Any) -> dict[str, Any]:
    """Return how rows are shown to the model."""
    return {
        "style": job.config.stage_style(job.stage),
        "frame_rule": frame_rule(family_of(model.config.model_type), processor),
        "processor": processor,
        "video": job.config.video_request(),
        "reading": job.config.video_reading(),
    }


def _add_curriculum(job: StageJob, trainer: GRPOTrainer, log: StageLog, processor: Any) -> Decisions:
    """Give the trainer what remembers rows and chooses among them; returns what decides after each step."""
    reading = _reading(job, trainer.accelerator.unwrap_model(trainer.model), processor)
    batches = stage_batches(job.training, job.stage.steps, world_size=PartialState().num_processes)
    sampler = follow_sampler(
        job.plan, batch_size=batches.prompts_per_generation, seed=stage_seed(job.config, job.index)
    )
    trainer.tracking = RowTracking(
        tracker=start_tracker(job.config, job.run, job.index, job.plan.sources),
        rubric=job.rubric,
        sampler=sampler,
        open_rows=row_opener(RowOpener(job.rows, weight=job.weight, **reading)) if sampler else None,
    )
    trainer.remembered = {**trainer.remembered, TRACKER: trainer.tracking.tracker}
    decisions = Decisions(log=log, steps=job.stage.steps, tracking=trainer.tracking)
    if job.stage.stop is not None:
        decisions.promotion = Promotion(job.stage.stop, job.stage.steps)
        trainer.remembered[PROMOTION] = decisions.promotion
    if job.held_out:
        decisions.look = partial(HeldOutProbe(opener=RowOpener(job.held_out, **reading)).look, trainer)
    return decisions


def stage_arguments(job: StageJob, reward_weights: list[float]) -> GRPOConfig:
    """Return the trainer's options for a stage; checkpoints fall where no generated batch is half used."""
    training = job.training
    period = training.generation_period
    return GRPOConfig(
        output_dir=str(job.folder),
        run_name=f"{job.run.path.name}/{job.index}-{job.stage.name}",
        max_steps=job.stage.steps,
        save_strategy="steps",
        save_steps=math.ceil(job.config.save_steps / period) * period,
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=stage_seed(job.config, job.index) % 2**32,
        report_to=job.config.report_to,
        disable_tqdm=True,
        use_cpu=not torch.accelerator.is_available(),
        dataloader_pin_memory=torch.accelerator.is_available(),
        shuffle_dataset=False,
        reward_weights=reward_weights,
        sample_weight_column=WEIGHT_COLUMN if training.sample_weight else None,
        **training.model_dump(exclude=set(OWN_SETTINGS)),
    )


def _close_trackers(config: RunConfig) -> None:
    """Close the stage's tracked run, so that the next stage opens its own."""
    if config.report_to == "wandb":
        import wandb

        wandb.finish()
