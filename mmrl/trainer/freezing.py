"""Which parts of a vision-language model are trained: vision tower, what joins it to language, the language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from mmrl.errors import InputError

OPTIONS = ("freeze_vision_tower", "freeze_projector", "freeze_language_model")
PROJECTORS = ("merger", "deepstack_merger_list", "connector", "multi_modal_projector", "image_newline")
"""Names, among a model's modules and parameters, of what turns vision features into language features."""


def freeze(model: Any, args: Any) -> None:
    """Switch off the gradients of the parts that the options name.

    Raises:
        InputError: the model does not have the part, or nothing would be left to train.
    """
    parts = {name: part for name, part in zip(OPTIONS, ("vision tower", "projector", "language model"), strict=True)}
    for name, part in parts.items():
        if getattr(args, name, False):
            found = list(parameters_of(model, part))
            if not found:
                raise InputError(f"{name} needs a model with a {part}; found none in {type(model).__name__}")
            for parameter in found:
                parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            "something must be trained; found every parameter frozen; leave out one of " + ", ".join(OPTIONS)
        )


def parameters_of(model: nn.Module, part: str) -> Iterator[nn.Parameter]:
    """Yield the parameters of ``vision tower``, ``projector`` or ``language model``, adapters on them included."""
    for name, parameter in model.named_parameters():
        if part_of(name) == part:
            yield parameter


def part_of(name: str) -> str:
    """Return the part that a parameter belongs to, by its name in the module tree."""
    steps = name.split(".")
    if any(step in PROJECTORS for step in steps):
        return "projector"
    vision = any(step in ("visual", "vision_tower", "vision_model") for step in steps)
    return "vision tower" if vision else "language model"
