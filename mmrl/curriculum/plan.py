"""What a run will do, worked out before any model is loaded: ``mmrl train --dry-run`` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrl.config.schema import Order, RunConfig, StageConfig
from mmrl.curriculum.filters import FilterCounts
from mmrl.curriculum.heldout import check_held_out
from mmrl.curriculum.kinds import kind_text, kind_warnings
from mmrl.curriculum.order import allot
from mmrl.curriculum.promotion import earliest_end
from mmrl.curriculum.stage import Batches, Source, stage_batches, stage_sources
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
    """Samples left by the stage's filters."""
    draws: int
    """Prompts taken, repeats counted."""
    counts: FilterCounts
    """What the filters leave out."""
    replay_of: str | None = None
    """The earlier stage that the prompts are taken from again."""

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
    least_steps: int
    """Steps after which a stop rule may end it at the soonest; ``steps`` where none can."""
    order: Order
    prompt_style: PromptStyle
    sources: tuple[SourcePlan, ...]
    tasks: tuple[TaskPlan, ...]
    batches: Batches
    num_generations: int
    num_iterations: int
    stop: tuple[str, ...]
    """What ends it, a rule each."""
    replay: float
    """Share of the prompts that come from earlier stages."""
    warnings: tuple[str, ...]
    sampled: int = 0
    """Completions that a rejection stage samples before it trains."""

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
    def least_steps(self) -> int:
        """Optimiser steps of all stages together where every stop rule is met at the soonest."""
        return sum(stage.least_steps for stage in self.stages)

    @property
    def completions(self) -> int:
        """Most completions generated in training."""
        generated = (one.batches.generations * one.batches.completions_per_generation for one in self.stages)
        return sum(generated) + sum(stage.sampled for stage in self.stages)

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
    stages = tuple(_plan_stage(config, index, datasets, world_size) for index in range(len(config.stages)))
    check_held_out(held_out, {name: datasets[name] for name in config.training_datasets()})
    return Plan(
        world_size=world_size, stages=stages, held_out={name: len(samples) for name, samples in held_out.items()}
    )


def _held_out(config: RunConfig, datasets: Mapping[str, Sequence[Sample]]) -> dict[str, Sequence[Sample]]:
    places = dict.fromkeys(config.guard_datasets(), "stages.rejection.guard.datasets")
    places |= {
        stage.stop.held_out.dataset: f"stages.{index}.stop.held_out.dataset"
        for index, stage in enumerate(config.stages)
        if stage.stop and stage.stop.held_out
    }
    places |= dict.fromkeys(config.evaluation.datasets, "evaluation.datasets")
    for name, place in places.items():
        if not datasets.get(name):
            raise InputError(f"an evaluation dataset must hold samples; found none for {name}; {place}; build it")
    return {name: datasets[name] for name in places}


def _plan_stage(config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]], world_size: int) -> StagePlan:
    stage = config.stages[index]
    sources = stage_sources(config, index, datasets)
    training = config.stage_training(stage)
    batches = stage_batches(training, stage.steps, world_size=world_size, kind=stage.kind)
    draws = allot({source.name: source.weight for source in sources}, batches.prompts)
    rubric = outline_rubric(config.stage_rubric(stage))
    samples = [sample for source in sources for sample in source.rows]
    if stage.kind != "sft":
        rubric.check_covers(samples, where=f"stages.{stage.name}.rubric")
    tasks, is_grpo = _plan_tasks(samples, rubric), stage.kind == "grpo"
    kinds = {task.kind for task in tasks}
    *rules, last = _stop_texts(stage)
    return StagePlan(
        name=stage.name,
        steps=stage.steps,
        least_steps=earliest_end(stage.stop, stage.steps) if stage.stop else stage.steps,
        order=stage.order,
        prompt_style=config.stage_style(stage),
        sources=tuple(_source_plan(source, draws[source.name]) for source in sources),
        tasks=tasks,
        batches=batches,
        num_generations=training.num_generations if stage.kind == "grpo" else 1,
        num_iterations=training.num_iterations,
        stop=(*rules, last + kind_text(stage, len(samples), training.num_generations)),
        replay=stage.replay,
        warnings=(
            *(reward_warnings(rubric, kinds=kinds, scale_rewards=training.scale_rewards) if is_grpo else ()),
            *kind_warnings(stage, config.stage_style(stage)),
            *_style_warnings(config, stage),
            *_held_out_warnings(config, stage),
        ),
        sampled=len(samples) * training.num_generations if stage.kind == "rejection" else 0,
    )


def _source_plan(source: Source, draws: int) -> SourcePlan:
    return SourcePlan(
        name=source.name,
        weight=source.weight,
        size=source.counts.size,
        kept=source.counts.kept,
        draws=draws,
        counts=source.counts,
        replay_of=source.replay_of,
    )


def _held_out_warnings(config: RunConfig, stage: StageConfig) -> list[str]:
    """Return that an evaluation has had a say in training, where it has."""
    held_out = stage.stop.held_out if stage.stop else None
    if held_out is None or held_out.dataset not in config.evaluation.datasets:
        return []
    return [
        f"{held_out.dataset} decides when the stage ends and is evaluated too, so its accuracy may flatter; "
        "name other data in stop.held_out"
    ]


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


def _stop_texts(stage: StageConfig) -> Iterator[str]:
    """Yield what ends a stage: its rules in the order in which they are asked, then its last step."""
    rule = stage.stop
    if rule is not None and rule.reward_at_least is not None:
        watched = f"mean {rule.term}" if rule.term else "mean reward"
        yield f"once the {watched} of {rule.over_steps} steps is surely {rule.reward_at_least:g} or more"
    if rule is not None and rule.plateau is not None:
        watched = rule.term or "reward"
        yield f"once {rule.plateau} steps surely gain less than {rule.min_gain:g} {watched} over as many before"
    held_out = rule.held_out if rule else None
    if held_out is not None and held_out.accuracy_at_least is not None:
        yield f"once its accuracy on {held_out.dataset} is surely {held_out.accuracy_at_least:g} or more"
    if rule is not None and held_out is not None and held_out.patience is not None:
        looks = f"{held_out.patience} looks, each after {held_out.every} steps,"
        yield f"once {looks} surely gain less than {rule.min_gain:g} accuracy on {held_out.dataset}"
    yield f"after step {stage.steps}" if rule is not None else "after its last step"
