"""What one stage takes: its filtered sources, its batch arithmetic and its samples in order.

The plan that is shown and the trainer that runs it both call these functions, so they cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmrl.config.schema import RunConfig, StageKind, TrainingConfig
from mmrl.curriculum.filters import FilterCounts, filter_rows
from mmrl.curriculum.order import order_turns
from mmrl.curriculum.probe_file import Probe
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One dataset's part in a stage: of its own mix, or replayed from that of an earlier stage."""

    dataset: str
    weight: float
    """Share of the prompts, up to a common factor: as the mix states it where nothing is replayed."""
    rows: Sequence[Sample]
    """What the filters leave."""
    counts: FilterCounts
    probe: Probe | None = None
    """Pass rates of the rows, where the stage names a probe of the dataset."""
    replay_of: str | None = None
    """The earlier stage whose part this is."""

    @property
    def name(self) -> str:
        """Return what tells the source from the stage's others."""
        return self.dataset if self.replay_of is None else f"{self.dataset} (replay of {self.replay_of})"


def stage_sources(config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]]) -> list[Source]:
    """Return what stage ``index`` draws from: its own mix in order, then what it replays, stage by stage.

    What is replayed is the earlier stages' mixes as they trained on them, filters included; each stage has an equal
    part of ``replay``, split as its own mix is.

    Raises:
        InputError: a dataset is not given, none of its samples is left, or a probe cannot be used.
    """
    share = config.stages[index].replay
    if share == 0.0:
        return _mix(config, index, datasets)
    own = [replace(source, weight=(1.0 - share) * source.weight) for source in _shares(config, index, datasets)]
    replayed = [
        replace(source, weight=share / index * source.weight, replay_of=config.stages[earlier].name)
        for earlier in range(index)
        for source in _shares(config, earlier, datasets)
    ]
    return [*own, *replayed]


def _shares(config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]]) -> list[Source]:
    """Return a stage's own mix with weights that sum to 1."""
    sources = _mix(config, index, datasets)
    whole = sum(source.weight for source in sources)
    return [replace(source, weight=source.weight / whole) for source in sources]


def _mix(config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]]) -> list[Source]:
    sources = []
    for name, weight in config.stages[index].mix.items():
        if weight == 0:
            continue
        if name not in datasets:
            raise InputError(f"a stage's dataset must be loaded; found no {name}; stages.{index}.mix; build it first")
        rows, counts, probe = filter_rows(config, index, name, datasets[name])
        sources.append(Source(dataset=name, weight=weight, rows=rows, counts=counts, probe=probe))
    return sources


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRows:
    """What a stage trains on, and in which order."""

    sources: Sequence[Source]
    turns: Sequence[tuple[str, Sample]]
    """Source and sample of every prompt; under ``follow`` the source alone is settled, and the sample stands in."""
    follows: bool
    """Whether samples are chosen while the stage trains."""

    @property
    def samples(self) -> list[Sample]:
        """All that may be trained on: the prompts in order, or, under ``follow``, the rows of all sources."""
        if self.follows:
            return [sample for source in self.sources for sample in source.rows]
        return [sample for _, sample in self.turns]


def stage_rows(
    config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]], *, world_size: int = 1
) -> StageRows:
    """Return the prompts of stage ``index`` in the order in which it trains on them, with their sources.

    Of kind ``rejection`` those that it samples: every one that its mix offers, once.

    Raises:
        InputError: as :func:`stage_sources` and :func:`stage_batches` do.
    """
    stage = config.stages[index]
    sources = stage_sources(config, index, datasets)
    if stage.kind == "rejection":
        whole = [(source.name, sample) for source in sources for sample in source.rows]
        return StageRows(sources=sources, turns=whole, follows=False)
    batches = stage_batches(config.stage_training(stage), stage.steps, world_size=world_size, kind=stage.kind)
    turns = order_turns(
        {source.name: source.rows for source in sources},
        {source.name: source.weight for source in sources},
        order=stage.order,
        total=batches.prompts,
        seed=stage_seed(config, index),
    )
    return StageRows(sources=sources, turns=turns, follows=stage.order == "follow")


def stage_samples(
    config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]], *, world_size: int = 1
) -> list[Sample]:
    """Return the prompts of stage ``index`` in order; under ``follow``, all rows that it may choose from."""
    return stage_rows(config, index, datasets, world_size=world_size).samples


def stage_seed(config: RunConfig, index: int) -> int:
    """Return the seed of a stage's order: each stage of each run its own."""
    return config.seed * 1_000_003 + index
