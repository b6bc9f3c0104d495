"""Checks of what only makes sense together: stages against datasets, batch arithmetic, stop rules, the rubric.

Each check is a generator of :class:`Problem`; none opens a file or imports a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mmrl.config.kind_checks import held_out_places, kind_problems
from mmrl.config.mechanism_checks import rubric_mechanism_problems, training_mechanism_problems
from mmrl.config.problems import Location, Problem, did_you_mean
from mmrl.config.schema import RubricConfig, RunConfig, TermConfig, TrainingConfig
from mmrl.config.stage_checks import held_out_problems, stage_problems
from mmrl.config.training_checks import FREEZES, PLUGIN, training_problems
from mmrl.errors import InputError
from mmrl.rewards.judge import JUDGE, judge_settings
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
        elif term.use is None and term.name not in (*TERMS, JUDGE):
            reason = f"no built-in term is called {term.name}; {did_you_mean(term.name, (*TERMS, JUDGE))}"
            yield Problem(location=(*place, "name"), reason=reason, reads=frozenset({"name", "use"}))
        yield from _check_term_settings(term, place)
        if term.use is None and term.verifies and term.name != JUDGE:
            reason = "only a term with use can say so; built-in terms know it themselves; remove it"
            yield Problem(location=(*place, "verifies"), reason=reason, reads=frozenset({"use"}))
        if term.use is not None and not PLUGIN.match(term.use):
            reason = f"must look like path/to/file.py:function; found {term.use!r}"
            yield Problem(location=(*place, "use"), reason=reason)
    yield from rubric_mechanism_problems(rubric, location)
    if not any(term.weight for term in rubric.terms):
        reason = "at least one weight must be above 0; found only zeros"
        yield Problem(location=(*location, "terms"), reason=reason, reads=frozenset({"weight", "terms"}))


def _check_term_settings(term: TermConfig, place: Location) -> Iterator[Problem]:
    """Only the judge takes settings, and it needs some."""
    if term.use is not None or term.name != JUDGE:
        if term.settings:
            reason = f"only the term {JUDGE} takes settings; found some for {term.name}; remove them"
            yield Problem(location=(*place, "settings"), reason=reason, reads=frozenset({"settings", "use", "name"}))
        return
    try:
        judge_settings(term.settings)
    except InputError as error:
        yield Problem(location=(*place, "settings"), reason=str(error), reads=frozenset({"settings"}))


def _check_stages(config: RunConfig) -> Iterator[Problem]:
    names = [stage.name for stage in config.stages]
    for index, stage in enumerate(config.stages):
        location = ("stages", index)
        if stage.name in names[:index]:
            reason = f"stage names must differ; found {stage.name} again, as at stages.{names.index(stage.name)}"
            yield Problem(location=(*location, "name"), reason=reason, reads=frozenset({"name"}))
        yield from stage_problems(config, index)
        yield from training_problems(config, stage, location)
        yield from training_mechanism_problems(config, stage, location)
        if stage.rubric is not None:
            yield from _check_rubric(stage.rubric, (*location, "rubric"))
    yield from _check_carry(config)


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
    for location, name in held_out_places(config):
        yield from held_out_problems(config, name, location)
