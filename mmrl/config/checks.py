"""Checks of what only makes sense together: stages against datasets, batch arithmetic, stop rules, the rubric.

Each check is a generator of :class:`Problem`; none opens a file or imports a model.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import pairwise

from mmrl.config.kind_checks import held_out_places, kind_problems
from mmrl.config.mechanism_checks import rubric_mechanism_problems, training_mechanism_problems
from mmrl.config.problems import Location, Problem, did_you_mean
from mmrl.config.schema import DatasetConfig, RubricConfig, RunConfig, StageConfig, TrainingConfig
from mmrl.config.training_checks import FREEZES, PLUGIN, training_problems
from mmrl.rewards.terms import TERMS


def check_config(config: RunConfig) -> list[Problem]:
    """Return everything about a config that its sections alone cannot see, in order of standing in the file."""
    return [
        *_check_pixels(config),
        *_check_datasets(config),
        *_check_rubric(config.rubric, ("rubric",)),
        *_check_stages(config),
        *kind_problems(config),
        *_check_evaluation(config),
    ]


def _check_pixels(config: RunConfig) -> Iterator[Problem]:
    low, high = config.min_pixels, config.max_pixels
    if low is not None and high is not None and low > high:
        reads = frozenset({"min_pixels", "max_pixels"})
        yield Problem(location=("min_pixels",), reason=f"must not exceed max_pixels {high}; found {low}", reads=reads)


def _check_datasets(config: RunConfig) -> Iterator[Problem]:
    for name, dataset in config.datasets.items():
        location = ("datasets", name)
        reads = frozenset({"path", "build", "options"})
        if (dataset.path is None) == (dataset.build is None):
            found = "neither" if dataset.path is None else "both"
            yield Problem(
                location=location, reason=f"must have exactly one of path and build; found {found}", reads=reads
            )
        elif dataset.options and dataset.build is None:
            reason = "only a built dataset takes options; found path; remove options or give build"
            yield Problem(location=(*location, "options"), reason=reason, reads=reads)


def _check_rubric(rubric: RubricConfig, location: Location) -> Iterator[Problem]:
    names = [term.name for term in rubric.terms]
    for index, term in enumerate(rubric.terms):
        place = (*location, "terms", index)
        if term.name in names[:index]:
            reason = f"term names must differ; found {term.name} again"
            yield Problem(location=(*place, "name"), reason=reason, reads=frozenset({"name"}))
        if term.name == "total":
            reason = "total is the rubric's own name for the sum; choose another"
            yield Problem(location=(*place, "name"), reason=reason, reads=frozenset({"name"}))
        elif term.use is None and term.name not in TERMS:
            reason = f"no built-in term is called {term.name}; {did_you_mean(term.name, TERMS)}"
            yield Problem(location=(*place, "name"), reason=reason, reads=frozenset({"name", "use"}))
        if term.use is None and term.verifies:
            reason = "only a term with use can say so; built-in terms know it themselves; remove it"
            yield Problem(location=(*place, "verifies"), reason=reason, reads=frozenset({"use"}))
        if term.use is not None and not PLUGIN.match(term.use):
            reason = f"must look like path/to/file.py:function; found {term.use!r}"
            yield Problem(location=(*place, "use"), reason=reason)
    yield from rubric_mechanism_problems(rubric, location)
    if not any(term.weight for term in rubric.terms):
        reason = "at least one weight must be above 0; found only zeros"
        yield Problem(location=(*location, "terms"), reason=reason, reads=frozenset({"weight", "terms"}))


def _check_stages(config: RunConfig) -> Iterator[Problem]:
    names = [stage.name for stage in config.stages]
    for index, stage in enumerate(config.stages):
        location = ("stages", index)
        if stage.name in names[:index]:
            reason = f"stage names must differ; found {stage.name} again, as at stages.{names.index(stage.name)}"
            yield Problem(location=(*location, "name"), reason=reason, reads=frozenset({"name"}))
        yield from _check_mix(stage, config, location)
        yield from _check_stop(stage, location)
        yield from training_problems(config, stage, location)
        yield from training_mechanism_problems(config, stage, location)
        if stage.rubric is not None:
            yield from _check_rubric(stage.rubric, (*location, "rubric"))
    yield from _check_carry(config)


def _check_mix(stage: StageConfig, config: RunConfig, location: Location) -> Iterator[Problem]:
    for name in stage.mix:
        if name not in config.datasets:
            reason = f"no dataset is called {name}; {did_you_mean(name, config.datasets)}"
            yield Problem(location=(*location, "mix", name), reason=reason, reads=frozenset({"datasets", "mix", name}))
    if not sum(stage.mix.values()) > 0:
        reason = "weights must sum to more than 0; found only zeros"
        yield Problem(location=(*location, "mix"), reason=reason, reads=frozenset({"mix", *stage.mix}))


def _check_stop(stage: StageConfig, location: Location) -> Iterator[Problem]:
    if stage.stop is None:
        return
    for key in ("over_steps", "min_steps"):
        value = getattr(stage.stop, key)
        if value > stage.steps:
            reason = f"must not exceed the stage's {stage.steps} steps; found {value}; the rule could never act"
            yield Problem(location=(*location, "stop", key), reason=reason, reads=frozenset({key, "steps", "stop"}))


def _check_carry(config: RunConfig) -> Iterator[Problem]:
    """What is kept from the stage before must fit what is trained; with PEFT each stage begins a new adapter."""
    for index, (before, stage) in enumerate(pairwise(config.stages), start=1):
        old, new = config.stage_training(before), config.stage_training(stage)
        if stage.carry.optimizer == "kept":
            yield from _check_kept_optimizer(index, before.name, old, new)
        if stage.carry.reference == "kept" and new.use_peft and new.beta != 0:
            reason = "must not be kept with use_peft, since each stage merges its adapter; use refreshed"
            reads = frozenset({"use_peft", "beta", "carry", "training"})
            yield Problem(location=("stages", index, "carry", "reference"), reason=reason, reads=reads)


def _check_kept_optimizer(index: int, before: str, old: TrainingConfig, new: TrainingConfig) -> Iterator[Problem]:
    """A kept optimiser's state belongs to the parameters that were trained before."""
    location = ("stages", index, "carry", "optimizer")
    if old.use_peft and new.use_peft:
        reason = "must not be kept with use_peft, since each stage begins a new adapter; use fresh"
        yield Problem(location=location, reason=reason, reads=frozenset({"use_peft", "carry", "training"}))
    for key in ("use_peft", *FREEZES):
        if getattr(old, key) != getattr(new, key):
            reason = f"an optimizer cannot be kept where {key} changes; use fresh, or the {key} of {before}"
            yield Problem(location=location, reason=reason, reads=frozenset({key, "carry", "training"}))


def _check_evaluation(config: RunConfig) -> Iterator[Problem]:
    trained = config.training_datasets()
    for location, name in held_out_places(config):
        dataset = config.datasets.get(name)
        if dataset is None:
            reason = f"no dataset is called {name}; {did_you_mean(name, config.datasets)}"
            yield Problem(location=location, reason=reason, reads=frozenset({"datasets", name}))
            continue
        twins = [other for other in trained if other == name or _same_data(dataset, config.datasets.get(other))]
        if twins:
            known = (
                f"{name} is trained on" if twins[0] == name else f"{name} is the same data as {twins[0]}, trained on"
            )
            stages = enumerate(config.stages)
            stage = next(number for number, one in stages if {**one.mix, **one.general}.get(twins[0]))
            reason = f"evaluation must be held out; {known} at stages.{stage}.mix; name other data"
            yield Problem(location=location, reason=reason, reads=frozenset({"mix", "datasets"}))


def _same_data(one: DatasetConfig, other: DatasetConfig | None) -> bool:
    """Whether two dataset entries lead to the same samples: one folder, or one builder with equal options."""
    if other is None:
        return False
    if one.path is not None and other.path is not None:
        return posixpath.normpath(one.path) == posixpath.normpath(other.path)
    return one.build is not None and one.build == other.build and one.options == other.options
