"""Checks of what goes with a stage's kind: settings that it would ignore, data that it mixes in, data that guard it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from mmrl.config.problems import Location, Problem, did_you_mean
from mmrl.config.schema import RunConfig, StageConfig, TrainingConfig

SUPERVISED = (
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "warmup_steps",
    "max_grad_norm",
    "weight_decay",
    "bf16",
    "gradient_checkpointing",
)
"""Training settings that TRL's SFT trainer takes under the same names."""
_ADAPTED = ("freeze_vision_tower", "freeze_projector", "freeze_language_model", "use_peft", "lora_r", "lora_alpha")
_SAMPLED = ("num_generations", "max_completion_length", "temperature")
READS = {"sft": {*SUPERVISED, *_ADAPTED}, "rejection": {*SUPERVISED, *_ADAPTED, *_SAMPLED}}
"""Training settings by kind; a stage of kind ``grpo`` reads all."""


def kind_problems(config: RunConfig) -> Iterator[Problem]:
    """Yield what does not go with the kinds of a config's stages."""
    for index, stage in enumerate(config.stages):
        location = ("stages", index)
        yield from _sections(stage, location)
        if stage.kind != "grpo":
            yield from _ignored(stage, location)
        yield from _general(config, stage, location)
    for index, (before, stage) in enumerate(pairwise(config.stages), start=1):
        if before.kind == "rejection" and stage.carry.optimizer == "kept":
            reason = f"cannot be kept from {before.name}, whose weights may be refused; use fresh"
            yield Problem(location=("stages", index, "carry", "optimizer"), reason=reason, reads=frozenset({"kind"}))


def _sections(stage: StageConfig, location: Location) -> Iterator[Problem]:
    reads = frozenset({"kind"})
    if stage.sft is not None and stage.kind == "grpo":
        reason = "goes with kind sft or rejection only; found kind grpo, which ignores it; set kind, or leave it out"
        yield Problem(location=(*location, "sft"), reason=reason, reads=reads)
    if stage.rejection is not None and stage.kind != "rejection":
        reason = f"goes with kind rejection only; found kind {stage.kind}, which ignores it; set kind, or leave it out"
        yield Problem(location=(*location, "rejection"), reason=reason, reads=reads)


def _ignored(stage: StageConfig, location: Location) -> Iterator[Problem]:
    """Yield what a supervised stage states and would ignore."""
    reads = frozenset({"kind"})
    unread: list[tuple[str, bool]] = [
        ("stop", stage.stop is not None),
        ("rubric", stage.kind == "sft" and stage.rubric is not None),
        ("order", stage.kind == "rejection" and stage.order != "shuffled"),
    ]
    for key, given in unread:
        if given:
            yield Problem(
                location=(*location, key), reason=f"is not read by kind {stage.kind}; leave it out", reads=reads
            )
    for key in sorted(stage.training.given().keys() - READS[stage.kind]):
        reason = f"is not read by kind {stage.kind}; leave it out of this stage"
        yield Problem(location=(*location, "training", key), reason=reason, reads=reads)


def _general(config: RunConfig, stage: StageConfig, location: Location) -> Iterator[Problem]:
    place = (*location, "rejection", "general")
    for name in stage.general:
        if name not in config.datasets:
            reason = f"no dataset is called {name}; {did_you_mean(name, config.datasets)}"
            yield Problem(location=(*place, name), reason=reason, reads=frozenset({"datasets", name}))
    whole = math.fsum(stage.general.values())
    if whole >= 1:
        reason = f"shares must sum to less than 1, since the rest is what the stage samples itself; found {whole:g}"
        yield Problem(location=place, reason=reason, reads=frozenset({"general", *stage.general}))


def held_out_places(config: RunConfig) -> Iterator[tuple[Location, str]]:
    """Yield every place of a config that names a held-out dataset, with the name."""
    for position, name in enumerate(config.evaluation.datasets):
        yield ("evaluation", "datasets", position), name
    for index, stage in enumerate(config.stages):
        for position, name in enumerate(stage.guarded):
            yield ("stages", index, "rejection", "guard", "datasets", position), name


def supervised(training: TrainingConfig) -> dict[str, Any]:
    """Return the settings that TRL's SFT trainer takes under the same names."""
    return {name: getattr(training, name) for name in SUPERVISED}
