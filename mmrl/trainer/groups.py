"""Whole groups: batch arithmetic, permutation and repetition that never scatter the completions of one prompt.

A group is one prompt with its media and its G completions. Rows of a batch stand group by group: row ``g * G + k`` is
completion ``k`` of group ``g``. Everything here is a pure function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmrl.errors import InputError

PER_TOKEN = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""Processor outputs with one row a prompt and one column a token."""


def require_whole_groups(*, per_device_train_batch_size: int, num_generations: int) -> None:
    """Refuse batch sizes with which a group would be split over micro-batches or processes.

    Raises:
        InputError: names both numbers and the nearest batch size that works.
    """
    if per_device_train_batch_size % num_generations == 0:
        return
    nearest = math.ceil(per_device_train_batch_size / num_generations) * num_generations
    raise InputError(
        "per_device_train_batch_size must be a multiple of num_generations, so that no group is split; "
        f"found {per_device_train_batch_size} and {num_generations}; "
        f"set per_device_train_batch_size to {nearest} (it counts completions), or lower num_generations"
    )


def generation_period(*, steps_per_generation: int, num_iterations: int, gradient_accumulation_steps: int) -> int:
    """Return after how many optimiser steps generation starts afresh exactly at a step's beginning.

    A checkpoint at a multiple of this number needs no half-used completions to be resumed exactly.
    """
    micro_steps = steps_per_generation * num_iterations
    return math.lcm(micro_steps, gradient_accumulation_steps) // gradient_accumulation_steps


def permute_groups(batch: Mapping[str, Any], permutation: Sequence[int], group_size: int) -> dict[str, Any]:
    """Reorder whole groups of a batch; the members of a group keep their order.

    Args:
        batch: tensors and lists of ``len(permutation) * group_size`` rows; None and scalars pass through.
        permutation: the old index of each group, in the new order.
        group_size: G.
    """
    rows = [group * group_size + member for group in permutation for member in range(group_size)]

    def reorder(value: Any) -> Any:
        if value is None or (isinstance(value, torch.Tensor) and value.ndim == 0):
            return value
        return value[rows] if isinstance(value, torch.Tensor) else [value[row] for row in rows]

    return {key: reorder(value) for key, value in batch.items()}


def rows_per_prompt(
    key: str, value: torch.Tensor, *, fields: Mapping[str, Any], images_P: Sequence[int]
) -> list[int] | None:
    """Return how many rows of a processor's output belong to each prompt; None where that cannot be told.

    Args:
        key: the output's name.
        value: the output.
        fields: all outputs of the same call.
        images_P: number of images of each prompt.
    """
    per_prompt = [1] * len(images_P)
    grid = fields.get("image_grid_thw")
    if key in PER_TOKEN:
        return per_prompt
    if key == "image_grid_thw":
        return list(images_P)
    if key == "pixel_values" and grid is not None:
        patches_I = grid.prod(dim=-1).split(list(images_P))
        return [int(patches.sum()) for patches in patches_I]
    if set(images_P) == {1} and value.shape[0] == len(images_P):
        return per_prompt
    return None


def repeat_processed(fields: Mapping[str, Any], images_P: Sequence[int], group_size: int) -> dict[str, Any] | None:
    """Repeat what a processor made of P distinct prompts so that it equals what it makes of the P * G rows.

    Returns:
        the outputs with every prompt's rows standing ``group_size`` times in a row; None where an output's layout is
        unknown, so that the caller must process every row.
    """
    repeated: dict[str, Any] = {}
    for key, value in fields.items():
        if not isinstance(value, torch.Tensor):
            return None
        rows = rows_per_prompt(key, value, fields=fields, images_P=images_P)
        if rows is None or sum(rows) != value.shape[0]:
            return None
        parts = [part for part in value.split(rows) for _ in range(group_size)]
        repeated[key] = torch.cat(parts)
    return repeated
