"""Checks of training settings that only make sense together: batches, losses, freezing, groups without variance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from mmrl.config.problems import Location, Problem, did_you_mean, problem_of, schema_errors
from mmrl.config.schema import RunConfig, StageConfig, TrainingConfig
from mmrl.rewards.sample_weights import FITTED_WEIGHTS, SAMPLE_WEIGHTS
from mmrl.types import Level

PLUGIN = re.compile(r"^(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)$")
"""How a config names a user's own function."""
FREEZES = ("freeze_vision_tower", "freeze_projector", "freeze_language_model")
CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
"""Losses with PPO's clipped term, the only ones that ``delta`` caps."""
LOSSES_THAT_READ = {
    "length_divisor": ("dr_grpo",),
    "reg_sigma_floor": ("reg_grpo",),
    "reg_mean_log_ratio": ("reg_grpo",),
    "delta": CLIPPED,
    "epsilon_high": (*CLIPPED, "cispo"),
}
"""Settings that other losses would ignore in silence."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Training settings that do not go together."""

    keys: tuple[str, ...]
    """The settings that the finding rests on; ``save_steps`` may be among them."""
    reason: str
    at: str | None = None
    """The one that is to be changed; None where it may be any."""


def training_problems(config: RunConfig, stage: StageConfig, location: Location) -> Iterator[Problem]:
    """Yield what does not go together in a stage's training settings, at the section that the fault stands in.

    That is the stage's own section where it gives one of the settings at fault, and the run's otherwise.
    """
    training = config.stage_training(stage)
    of_groups = (
        *_batches(training, config.save_steps),
        *ignored_settings(training),
        *_losses(training),
        *_groups(training),
    )
    for conflict in (*(of_groups if stage.kind == "grpo" else ()), *_freezing(training)):
        own = not stage.training.given().keys().isdisjoint(conflict.keys)
        place = (*location, "training") if own else ("training",)
        reads = frozenset({*conflict.keys, "training"})
        yield Problem(location=(*place, conflict.at) if conflict.at else place, reason=conflict.reason, reads=reads)


def _batches(training: TrainingConfig, save_steps: int) -> Iterator[Conflict]:
    batch, group = training.per_device_train_batch_size, training.num_generations
    keys = ("per_device_train_batch_size", "num_generations")
    if batch % group and group % batch:
        yield Conflict(
            keys=keys,
            reason=f"per_device_train_batch_size must be a multiple of num_generations, or divide it; found {batch} "
            f"completions and groups of {group}; use {group * math.ceil(batch / group)}",
        )
    elif training.generation_batch_size % group:
        counted = "gradient_accumulation_steps" if training.steps_per_generation is None else "steps_per_generation"
        yield Conflict(
            keys=(*keys, "gradient_accumulation_steps", "steps_per_generation"),
            reason=f"what is generated together must be whole groups; found {training.micro_steps_per_generation} "
            f"batches of {batch} completions and groups of {group}; set {counted} to a multiple of {group // batch}",
        )
    yield from _checkpoints(training, save_steps)


def _checkpoints(training: TrainingConfig, save_steps: int) -> Iterator[Conflict]:
    period = training.generation_period
    if save_steps % period == 0:
        return
    never = "so that no checkpoint falls inside a generated batch"
    if training.steps_per_generation is None:
        reason = f"num_iterations must divide save_steps {save_steps}, {never}; found {training.num_iterations}"
        yield Conflict(keys=("save_steps", "num_iterations"), at="num_iterations", reason=reason)
        return
    keys = ("save_steps", "num_iterations", "steps_per_generation", "gradient_accumulation_steps")
    reason = (
        f"save_steps must be a multiple of the {period} steps after which generation starts afresh, {never}; "
        f"found {save_steps}; use {period * math.ceil(save_steps / period)}"
    )
    yield Conflict(keys=keys, at="steps_per_generation", reason=reason)


def ignored_settings(training: Any) -> Iterator[Conflict]:
    """Yield settings that others leave without effect.

    Args:
        training: a config's section, or a trainer's configuration, TRL's included; what it lacks has its default.
    """
    defaults = {name: field.default for name, field in TrainingConfig.model_fields.items()}
    loss = training.loss_type
    for key, losses in LOSSES_THAT_READ.items():
        if getattr(training, key, defaults[key]) != defaults[key] and loss not in losses:
            reason = f"goes with loss_type {' or '.join(losses)} only; found {loss}, which ignores it; leave it out"
            yield Conflict(keys=(key, "loss_type"), at=key, reason=reason)
    key = "max_resamples"
    dead_groups = getattr(training, "dead_groups", defaults["dead_groups"])
    if getattr(training, key, defaults[key]) != defaults[key] and dead_groups != "resample":
        reason = f"goes with dead_groups resample only; found {dead_groups}; set dead_groups, or leave it out"
        yield Conflict(keys=(key, "dead_groups"), at=key, reason=reason)


def value_problems(values: Mapping[str, Any]) -> list[str]:
    """Return what the schema has against values of training settings, each with its name."""
    try:
        TrainingConfig.model_validate(values)
    except ValidationError as error:
        return [str(problem_of(detail, TrainingConfig)) for detail in schema_errors(error)]
    return []


def _losses(training: TrainingConfig) -> Iterator[Conflict]:
    loss = training.loss_type
    if training.beta < 0 and loss != "reg_grpo":
        reason = f"must be 0 or more, as below it the policy is driven from its reference; found {training.beta}"
        yield Conflict(keys=("loss_type", "beta"), at="beta", reason=reason)
    if loss == "reg_grpo":
        yield from _whole_groups(training)
    if loss == "vespo" and training.use_vllm:
        reason = (
            "vespo needs vLLM's importance ratio of each token; found use_vllm, which bounds whole completions here; "
            "choose another loss_type"
        )
        yield Conflict(keys=("loss_type", "use_vllm"), at="loss_type", reason=reason)


def _whole_groups(training: TrainingConfig) -> Iterator[Conflict]:
    """Reg-GRPO regresses over a group, so none may be split."""
    batch, group = training.per_device_train_batch_size, training.num_generations
    if batch < group:
        keys = ("loss_type", "per_device_train_batch_size", "num_generations")
        reason = (
            f"reg_grpo needs whole groups in a batch; found {batch} completions and groups of {group}; "
            f"set per_device_train_batch_size to {group}"
        )
        yield Conflict(keys=keys, at="loss_type", reason=reason)
    if training.max_tokens_per_pass is not None:
        reason = (
            f"reg_grpo needs whole groups in a pass; found max_tokens_per_pass {training.max_tokens_per_pass}, which "
            "may split them; leave it out, and lower per_device_train_batch_size instead"
        )
        yield Conflict(keys=("loss_type", "max_tokens_per_pass"), at="max_tokens_per_pass", reason=reason)


def _groups(training: TrainingConfig) -> Iterator[Conflict]:
    reason = _weight_fault(training.sample_weight or {})
    if reason:
        yield Conflict(keys=("sample_weight",), at="sample_weight", reason=reason)


def _weight_fault(weights: Mapping[Level, float] | str) -> str:
    """Return what is wrong with weights of samples, or nothing."""
    if isinstance(weights, str):
        names = (*SAMPLE_WEIGHTS, *FITTED_WEIGHTS)
        known = weights in names or PLUGIN.match(weights)
        advice = did_you_mean(weights, names)
        return "" if known else f"must be levels, a built-in name or file.py:function; found {weights!r}; {advice}"
    all_zero = len(weights) == len(get_args(Level)) and not any(weights.values())
    return "at least one weight must be above 0; found only zeros" if all_zero else ""


def _freezing(training: TrainingConfig) -> Iterator[Conflict]:
    if all(getattr(training, key) for key in FREEZES):
        reason = f"something must be trained; found {', '.join(FREEZES)} all on; leave one out"
        yield Conflict(keys=FREEZES, reason=reason)
