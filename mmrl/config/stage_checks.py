"""Checks of what a stage says of its data and its end: mix, filter, replay, stop rules."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from mmrl.config.problems import Location, Problem, did_you_mean
from mmrl.config.schema import DatasetConfig, HeldOutConfig, RunConfig, StageConfig, StopConfig, TrainingConfig


def stage_problems(config: RunConfig, index: int) -> Iterator[Problem]:
    """Yield what does not go together in a stage's data and stop rules, at its place in the config."""
    stage, location = config.stages[index], ("stages", index)
    yield from _mix(stage, config, location)
    yield from _filter(stage, (*location, "filter"))
    if stage.replay and index == 0:
        reason = f"the first stage has no earlier one to replay; found {stage.replay:g}; remove it"
        yield Problem(location=(*location, "replay"), reason=reason)
    if stage.stop is not None:
        place = (*location, "stop")
        yield from _stop(stage, stage.stop, place)
        yield from _watched(config, stage, stage.stop, place)
        yield from _windows(config.stage_training(stage), stage.stop, place)
        if stage.stop.held_out is not None:
            yield from _held_out(config, stage, stage.stop.held_out, (*place, "held_out"))


def _mix(stage: StageConfig, config: RunConfig, location: Location) -> Iterator[Problem]:
    for name in stage.mix:
        if name not in config.datasets:
            reason = f"no dataset is called {name}; {did_you_mean(name, config.datasets)}"
            yield Problem(location=(*location, "mix", name), reason=reason, reads=frozenset({"datasets", "mix", name}))
    if not sum(stage.mix.values()) > 0:
        reason = "weights must sum to more than 0; found only zeros"
        yield Problem(location=(*location, "mix"), reason=reason, reads=frozenset({"mix", *stage.mix}))


def _filter(stage: StageConfig, location: Location) -> Iterator[Problem]:
    for name in stage.filter.probe:
        if not stage.mix.get(name):
            drawn = [one for one, weight in stage.mix.items() if weight]
            reason = f"the stage draws from no dataset called {name}; {did_you_mean(name, drawn)}"
            yield Problem(location=(*location, "probe", name), reason=reason, reads=frozenset({"mix", "probe", name}))
    if stage.filter.keep is None:
        return
    low, high = stage.filter.keep
    if low > high:
        reason = f"must be the lowest and the highest pass rate; found {low:g} above {high:g}; exchange them"
        yield Problem(location=(*location, "keep"), reason=reason)
    if not stage.filter.probe:
        reason = "a band of pass rates needs filter.probe, which says them; found none; run mmrl probe and name it"
        yield Problem(location=(*location, "keep"), reason=reason, reads=frozenset({"probe", "filter"}))


def _stop(stage: StageConfig, rule: StopConfig, location: Location) -> Iterator[Problem]:
    """Yield rules that could never act."""
    spans: dict[str, int] = {"min_steps": rule.min_steps}
    if rule.reward_at_least is not None:
        spans["over_steps"] = rule.over_steps
    for key, value in spans.items():
        if value > stage.steps:
            reason = f"must not exceed the stage's {stage.steps} steps; found {value}; the rule could never act"
            yield Problem(location=(*location, key), reason=reason, reads=frozenset({key, "steps", "stop"}))
    if rule.plateau is not None and 2 * rule.plateau > stage.steps:
        reason = (
            f"compares two stretches of so many steps, which the stage's {stage.steps} must hold; found {rule.plateau}"
            "; the rule could never act"
        )
        yield Problem(location=(*location, "plateau"), reason=reason, reads=frozenset({"steps", "stop"}))
    if rule.reward_at_least is None and rule.plateau is None and rule.held_out is None:
        reason = "must have a rule: reward_at_least, plateau or held_out; found none; give one, or remove stop"
        yield Problem(location=location, reason=reason, reads=frozenset({"reward_at_least", "plateau", "held_out"}))


def _watched(config: RunConfig, stage: StageConfig, rule: StopConfig, location: Location) -> Iterator[Problem]:
    """Yield a watched term that the stage's rubric does not produce, or that no rule looks at."""
    if rule.term is None:
        return
    place, terms = (*location, "term"), [term.name for term in config.stage_rubric(stage).terms]
    if rule.term not in terms:
        reason = f"no term of the stage's rubric is called {rule.term}; {did_you_mean(rule.term, terms)}"
        yield Problem(location=place, reason=reason, reads=frozenset({"rubric", "terms", "name"}))
    if rule.reward_at_least is None and rule.plateau is None:
        reason = "goes with reward_at_least or plateau, which look at it; found neither; give one, or leave it out"
        yield Problem(location=place, reason=reason, reads=frozenset({"reward_at_least", "plateau"}))


def _windows(training: TrainingConfig, rule: StopConfig, location: Location) -> Iterator[Problem]:
    """Yield windows without two generated batches: from fewer values their spread is not known."""
    micro = training.micro_steps_per_generation * training.num_iterations
    least = 1 + -(-micro // training.gradient_accumulation_steps)
    windows = {"over_steps": rule.over_steps if rule.reward_at_least is not None else None, "plateau": rule.plateau}
    for key, window in windows.items():
        if window is not None and window < least:
            reason = f"must hold two generated batches, so {least} steps; found {window}; the rule could never act"
            reads = frozenset(
                {key, "training", "num_iterations", "steps_per_generation", "gradient_accumulation_steps"}
            )
            yield Problem(location=(*location, key), reason=reason, reads=reads)


def _held_out(config: RunConfig, stage: StageConfig, held_out: HeldOutConfig, location: Location) -> Iterator[Problem]:
    looks, reads = stage.steps // held_out.every, frozenset({"steps", "every", "patience", "held_out", "stop"})
    if not looks:
        reason = f"must not exceed the stage's {stage.steps} steps; found {held_out.every}; nothing would be looked at"
        yield Problem(location=(*location, "every"), reason=reason, reads=reads)
    elif held_out.patience is not None and held_out.patience >= looks:
        reason = f"must be less than the stage's {looks} looks; found {held_out.patience}; the rule could never act"
        yield Problem(location=(*location, "patience"), reason=reason, reads=reads)
    if config.stage_training(stage).use_vllm:
        reason = "answers with transformers' own sampler; found use_vllm, whose engine holds the weights; remove it"
        yield Problem(location=location, reason=reason, reads=frozenset({"use_vllm", "training"}))
    yield from held_out_problems(config, held_out.dataset, (*location, "dataset"))


def held_out_problems(config: RunConfig, name: str, location: Location) -> Iterator[Problem]:
    """Yield that a dataset meant to be held out is not known, or is trained on."""
    dataset = config.datasets.get(name)
    if dataset is None:
        reason = f"no dataset is called {name}; {did_you_mean(name, config.datasets)}"
        yield Problem(location=location, reason=reason, reads=frozenset({"datasets", name, "dataset"}))
        return
    trained = config.training_datasets()
    twins = [other for other in trained if other == name or _same_data(dataset, config.datasets.get(other))]
    if twins:
        known = f"{name} is trained on" if twins[0] == name else f"{name} is the same data as {twins[0]}, trained on"
        stages = enumerate(config.stages)
        stage = next(number for number, one in stages if {**one.mix, **one.general}.get(twins[0]))
        reason = f"evaluation must be held out; {known} at stages.{stage}.mix; name other data"
        yield Problem(location=location, reason=reason, reads=frozenset({"mix", "datasets", "dataset"}))


def _same_data(one: DatasetConfig, other: DatasetConfig | None) -> bool:
    """Whether two dataset entries lead to the same samples: one folder, or one builder with equal options."""
    if other is None:
        return False
    if one.path is not None and other.path is not None:
        return posixpath.normpath(one.path) == posixpath.normpath(other.path)
    return one.build is not None and one.build == other.build and one.options == other.options
