"""What one stage takes: its filtered sources, its batch arithmetic and its samples in order.

The plan that is shown and the trainer that runs it both call these functions, so they cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mmrl.config.schema import RunConfig, StageConfig, StageKind, TrainingConfig
from mmrl.curriculum.order import order_stage
from mmrl.errors import InputError
from mmrl.types import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """Batch arithmetic of a stage, over all devices together."""

    completions_per_step: int
    """Completions in one optimiser step."""
    completions_per_generation: int
    """Completions that are generated together."""
    prompts_per_generation: int
    """Distinct prompts (groups) that they belong to."""
    generations: int
    """Generation batches of the whole stage; each serves ``num_iterations`` passes of training."""

    @property
    def prompts(self) -> int:
        """Prompts that the whole stage takes, repeats counted."""
        return self.generations * self.prompts_per_generation


def stage_batches(training: TrainingConfig, steps: int, *, world_size: int = 1, kind: StageKind = "grpo") -> Batches:
    """Work out a stage's batches; supervised ones hold examples, each a prompt by itself, and generate nothing.

    Raises:
        InputError: a generation batch does not hold whole groups.
    """
    if world_size < 1:
        raise InputError(f"world_size must be 1 or more; found {world_size}; plan; give the number of devices")
    if kind != "grpo":
        examples = training.per_device_train_batch_size * training.gradient_accumulation_steps * world_size
        return Batches(
            completions_per_step=examples,
            completions_per_generation=0,
            prompts_per_generation=examples,
            generations=steps,
        )
    completions = training.generation_batch_size * world_size
    if completions % training.num_generations:
        raise InputError(
            f"a generation batch must hold whole groups; found {completions} completions for groups of "
            f"{training.num_generations}; training; change per_device_train_batch_size"
        )
    accumulated = training.gradient_accumulation_steps
    batches_per_generation = training.micro_steps_per_generation * training.num_iterations
    return Batches(
        completions_per_step=training.per_device_train_batch_size * accumulated * world_size,
        completions_per_generation=completions,
        prompts_per_generation=completions // training.num_generations,
        generations=math.ceil(steps * accumulated / batches_per_generation),
    )


def filter_tasks(samples: Sequence[Sample], patterns: Sequence[str] | None) -> list[Sample]:
    """Return the samples whose task fits one of the shell-style patterns; None takes all."""
    if patterns is None:
        return list(samples)
    return [sample for sample in samples if any(fnmatchcase(sample.task, pattern) for pattern in patterns)]


def stage_sources(stage: StageConfig, datasets: Mapping[str, Sequence[Sample]]) -> dict[str, list[Sample]]:
    """Return the samples that each dataset of the stage's mix offers it, in the mix's order.

    Raises:
        InputError: a dataset is not given, or none of its samples fits the stage's tasks.
    """
    sources: dict[str, list[Sample]] = {}
    for name, weight in stage.mix.items():
        if weight == 0:
            continue
        if name not in datasets:
            raise InputError(
                f"a stage's dataset must be loaded; found no {name}; stages.{stage.name}.mix; build it first"
            )
        sources[name] = filter_tasks(datasets[name], stage.tasks)
        if not sources[name]:
            raise InputError(_why_empty(stage, name, datasets[name]))
    return sources


def _why_empty(stage: StageConfig, name: str, samples: Sequence[Sample]) -> str:
    tasks = sorted({sample.task for sample in samples})
    if not tasks:
        return f"a stage's dataset must hold samples; found none in {name}; stages.{stage.name}.mix; build it again"
    return (
        f"a stage's tasks must leave samples of each dataset in its mix; found none of {name}, which has "
        f"{', '.join(tasks)}, for {', '.join(stage.tasks or ())}; stages.{stage.name}.tasks; widen it or drop {name}"
    )


def stage_samples(
    config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]], *, world_size: int = 1
) -> list[Sample]:
    """Return the prompts of stage ``index`` in the order in which it trains on them.

    Of kind ``rejection`` those that it samples: every one that its mix offers, once.

    Raises:
        InputError: as :func:`stage_sources` and :func:`stage_batches` do.
    """
    stage = config.stages[index]
    if stage.kind == "rejection":
        return [sample for source in stage_sources(stage, datasets).values() for sample in source]
    batches = stage_batches(config.stage_training(stage), stage.steps, world_size=world_size, kind=stage.kind)
    return order_stage(
        stage_sources(stage, datasets),
        {name: weight for name, weight in stage.mix.items() if weight > 0},
        order=stage.order,
        total=batches.prompts,
        seed=stage_seed(config, index),
    )


def stage_seed(config: RunConfig, index: int) -> int:
    """Return the seed of a stage's order: each stage of each run its own."""
    return config.seed * 1_000_003 + index
