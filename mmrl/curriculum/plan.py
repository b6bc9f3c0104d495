"""What a run will do, worked out before any model is loaded: ``mmrl train --dry-run`` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmrl.config.schema import Order, RunConfig, StageConfig
from mmrl.curriculum.heldout import check_held_out
from mmrl.curriculum.kinds import kind_text, kind_warnings
from mmrl.curriculum.order import allot
from mmrl.curriculum.stage import Batches, stage_batches, stage_sources
from mmrl.errors import InputError
from mmrl.rewards import Rubric, outline_rubric, reward_warnings
from mmrl.types import AnswerKind, PromptStyle, Sample, answer_kind


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePlan:
    """One dataset's part in a stage."""

    name: str
    weight: float
    size: int
    """Samples in the dataset."""
    kept: int
    """Samples left by the stage's task filter."""
    draws: int
    """Prompts taken, repeats counted."""

    @property
    def epochs(self) -> float:
        """How often the kept samples are gone through."""
        return self.draws / self.kept


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskPlan:
    """One task of a stage and the terms that can tell whether its answers are correct."""

    task: str
    kind: AnswerKind
    samples: int
    verifying: tuple[str, ...]
    shaping: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StagePlan:
    """One stage, resolved."""

    name: str
    steps: int
    """Most optimiser steps; a stop rule may end the stage earlier."""
    order: Order
    prompt_style: PromptStyle
    sources: tuple[SourcePlan, ...]
    tasks: tuple[TaskPlan, ...]
    batches: Batches
    num_generations: int
    num_iterations: int
    stop: str
    warnings: tuple[str, ...]

    @property
    def samples_seen(self) -> int:
        """Prompts taken over the whole stage, repeats counted."""
        return self.batches.prompts

    @property
    def epochs(self) -> float:
        """Prompts taken for each sample that the stage has to offer."""
        return self.samples_seen / sum(source.kept for source in self.sources)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A run, resolved."""

    world_size: int
    stages: tuple[StagePlan, ...]
    held_out: Mapping[str, int]
    """Evaluation dataset to number of samples."""

    @property
    def steps(self) -> int:
        """Most optimiser steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def completions(self) -> int:
        """Most completions generated in training."""
        return sum(stage.batches.generations * stage.batches.completions_per_generation for stage in self.stages)

    def render(self, *, width: int | None = None) -> str:
        """Return the plan as tables of plain text, of at most ``width`` columns."""
        from mmrl.curriculum.render import WIDTH, render_plan

        return render_plan(self, width=width or WIDTH)


def plan_run(config: RunConfig, datasets: Mapping[str, Sequence[Sample]], world_size: int = 1) -> Plan:
    """Work out what a run will do; nothing is loaded, plug-in rewards included.

    Args:
        config: the run.
        datasets: samples of every dataset that the config trains on or evaluates.
        world_size: number of devices that train together.

    Raises:
        InputError: a dataset is absent, a stage is left without data, a rubric has no term that verifies some task's
            answers, a batch does not hold whole groups, or a held-out sample is trained on as well.
    """
    held_out = _held_out(config, datasets)
    stages = tuple(_plan_stage(config, stage, datasets, world_size) for stage in config.stages)
    check_held_out(held_out, {name: datasets[name] for name in config.training_datasets()})
    return Plan(
        world_size=world_size, stages=stages, held_out={name: len(samples) for name, samples in held_out.items()}
    )


def _held_out(config: RunConfig, datasets: Mapping[str, Sequence[Sample]]) -> dict[str, Sequence[Sample]]:
    names = dict.fromkeys((*config.evaluation.datasets, *config.guard_datasets()))
    for name in names:
        if not datasets.get(name):
            raise InputError(
                f"an evaluation dataset must hold samples; found none for {name}; evaluation.datasets; build it"
            )
    return {name: datasets[name] for name in names}


def _plan_stage(
    config: RunConfig, stage: StageConfig, datasets: Mapping[str, Sequence[Sample]], world_size: int
) -> StagePlan:
    sources = stage_sources(stage, datasets)
    training = config.stage_training(stage)
    batches = stage_batches(training, stage.steps, world_size=world_size, kind=stage.kind)
    draws = allot({name: stage.mix[name] for name in sources}, batches.prompts)
    rubric = outline_rubric(config.stage_rubric(stage))
    samples = [sample for source in sources.values() for sample in source]
    if stage.kind != "sft":
        rubric.check_covers(samples, where=f"stages.{stage.name}.rubric")
    tasks, is_grpo = _plan_tasks(samples, rubric), stage.kind == "grpo"
    kinds = {task.kind for task in tasks}
    return StagePlan(
        name=stage.name,
        steps=stage.steps,
        order=stage.order,
        prompt_style=config.stage_style(stage),
        sources=tuple(
            SourcePlan(name=name, weight=stage.mix[name], size=len(datasets[name]), kept=len(kept), draws=draws[name])
            for name, kept in sources.items()
        ),
        tasks=tasks,
        batches=batches,
        num_generations=training.num_generations if stage.kind == "grpo" else 1,
        num_iterations=training.num_iterations,
        stop=_stop_text(stage) + kind_text(stage, len(samples), training.num_generations),
        warnings=(
            *(reward_warnings(rubric, kinds=kinds, scale_rewards=training.scale_rewards) if is_grpo else ()),
            *kind_warnings(stage, config.stage_style(stage)),
            *_style_warnings(config, stage),
        ),
    )


def _style_warnings(config: RunConfig, stage: StageConfig) -> list[str]:
    """Return where the weights that are evaluated were last trained on prompts of another style."""
    trained = config.stage_style(stage)
    if stage is not config.stages[-1] or not config.evaluation.datasets or trained == config.prompt_style:
        return []
    return [
        f"the last stage trains prompt_style {trained}, but evaluation asks in the run's {config.prompt_style}; "
        f"set the run's prompt_style to {trained} to evaluate what was trained"
    ]


def _plan_tasks(samples: Sequence[Sample], rubric: Rubric) -> tuple[TaskPlan, ...]:
    counts = Counter((sample.task, answer_kind(sample.answer)) for sample in samples)
    return tuple(
        TaskPlan(
            task=task,
            kind=kind,
            samples=count,
            verifying=rubric.verifying(kind),
            shaping=rubric.shaping(kind),
        )
        for (task, kind), count in sorted(counts.items())
    )


def _stop_text(stage: StageConfig) -> str:
    if stage.stop is None:
        return "after its last step"
    rule = stage.stop
    return f"at mean reward {rule.reward_at_least:g} over {rule.over_steps} steps, after step {rule.min_steps}"
