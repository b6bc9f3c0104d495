"""Checks of the mechanisms that a config names: known, with settings that they take, reading terms that are there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pydantic import ValidationError

from mmrl.config.problems import Location, Problem, did_you_mean, problem_of
from mmrl.config.schema import MechanismConfig, RubricConfig, RunConfig, StageConfig, TrainingConfig
from mmrl.curriculum.augmentation import Augmentation
from mmrl.rewards.mechanism_table import TABLES, setting_faults
from mmrl.rewards.shaping.temporal import TemporalContrast

READS_TERMS = frozenset({"terms", "name", "rubric"})
READS_VLLM = frozenset({"use_vllm", "training"})


def rubric_mechanism_problems(rubric: RubricConfig, location: Location) -> Iterator[Problem]:
    """Yield what is wrong with a rubric's composition and shapings."""
    terms = [term.name for term in rubric.terms]
    if rubric.composition is not None:
        yield from _problems(rubric.composition, "composition", (*location, "composition"), terms)
    for at, shaping in enumerate(rubric.shaping):
        yield from _problems(shaping, "shaping", (*location, "shaping", at), terms)


def training_mechanism_problems(config: RunConfig, stage: StageConfig, location: Location) -> Iterator[Problem]:
    """Yield what is wrong with a stage's advantage mechanisms, at the section that names them."""
    training = config.stage_training(stage)
    terms = [term.name for term in config.stage_rubric(stage).terms]
    own = "advantage" in stage.training.given()
    place = (*location, "training", "advantage") if own else ("training", "advantage")
    mechanisms = training.advantage or ()
    names = [one.name for one in mechanisms]
    for at, mechanism in enumerate(mechanisms):
        yield from _problems(mechanism, "advantage", (*place, at), terms)
        if mechanism.name in names[:at]:
            reason = f"each mechanism must stand once; found {mechanism.name} again"
            yield Problem(location=(*place, at, "name"), reason=reason, reads=frozenset({"name"}))
    yield from (Problem(location=place, reason=reason, reads=reads) for reason, reads in _conflicts(training, names))
    yield from _augmentation_problems(training, stage, location)
    shaped = any(one.name == TemporalContrast.name for one in config.stage_rubric(stage).shaping)
    if shaped and training.use_vllm:
        reason = (
            f"{TemporalContrast.name} samples a group of its own; found use_vllm, which it cannot use; leave it out"
        )
        yield Problem(location=(*location, "rubric", "shaping"), reason=reason, reads=READS_VLLM | {"rubric"})


def _augmentation_problems(training: TrainingConfig, stage: StageConfig, location: Location) -> Iterator[Problem]:
    """Yield what is wrong with the settings of augmentation, or with using it."""
    own = "augmentation" in stage.training.given()
    place = (*location, "training", "augmentation") if own else ("training", "augmentation")
    if training.augmentation is None:
        return
    try:
        Augmentation.model_validate(training.augmentation)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problem = problem_of(detail, Augmentation)
            yield Problem(location=(*place, *problem.location), reason=problem.reason)
    if training.advantage:
        reason = (
            "replaces a part of a batch that mechanisms on advantages look at as a whole; found some; leave one out"
        )
        yield Problem(location=place, reason=reason, reads=frozenset({"augmentation", "advantage", "training"}))
    if training.use_vllm:
        reason = "samples changed clips in the trainer; found use_vllm, which takes no clips; leave one out"
        yield Problem(location=place, reason=reason, reads=READS_VLLM | {"augmentation"})


def _conflicts(training: TrainingConfig, names: Sequence[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for name in names:
        if training.dead_groups == "resample":
            reason = (
                f"{name} looks at a batch as a whole; found dead_groups resample, which replaces a part of it "
                "afterwards; set dead_groups: skip"
            )
            yield reason, frozenset({"dead_groups", "advantage", "training"})
    if "thoughts" in names and training.loss_type == "reg_grpo":
        reason = "thoughts gives every token its advantage; found loss_type reg_grpo, which needs one a completion"
        yield f"{reason}; choose another loss_type", frozenset({"loss_type", "advantage", "training"})
    if "constrained" in names[1:]:
        reason = "constrained computes advantages afresh; found mechanisms before it, whose work is lost; put it first"
        yield reason, frozenset({"advantage", "training"})


def _problems(config: MechanismConfig, place: str, location: Location, terms: Collection[str]) -> Iterator[Problem]:
    table = TABLES[place]
    if config.name not in table:
        reason = f"no {place} is called {config.name}; {did_you_mean(config.name, table)}"
        yield Problem(location=(*location, "name"), reason=reason, reads=frozenset({"name"}))
        return
    kind = table[config.name]
    try:
        mechanism = kind.model_validate(config.settings)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problem = problem_of(detail, kind)
            least = detail.get("ctx", {}).get("min_length", 1)
            few = detail["type"] == "too_short" and least > 1
            reason = f"must have at least {least}; found {len(detail['input'])}" if few else problem.reason
            yield Problem(location=(*location, *problem.location), reason=reason)
        return
    for setting, reason in setting_faults(mechanism, terms):
        yield Problem(location=(*location, setting), reason=reason, reads=READS_TERMS)
