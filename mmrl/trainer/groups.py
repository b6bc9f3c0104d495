"""Batch arithmetic of groups: one prompt with its G completions. Pure functions."""

from __future__ import annotations

import math

from mmrl.errors import InputError


def require_group_arithmetic(*, per_device_train_batch_size: int, num_generations: int) -> None:
    """Refuse batch sizes with which micro-batches would cut groups into unequal pieces.

    Raises:
        InputError: names both numbers and the nearest batch size that works.
    """
    size, group = per_device_train_batch_size, num_generations
    if size % group == 0 or group % size == 0:
        return
    nearest = math.ceil(size / group) * group
    raise InputError(
        "per_device_train_batch_size must be a multiple of num_generations, or divide it; "
        f"found {size} and {group}; set per_device_train_batch_size to {nearest} (it counts completions)"
    )


def generation_period(*, steps_per_generation: int, num_iterations: int, gradient_accumulation_steps: int) -> int:
    """Return after how many optimiser steps generation starts afresh exactly at a step's beginning.

    A checkpoint at a multiple of this number needs no half-used completions to be resumed exactly.
    """
    micro_steps = steps_per_generation * num_iterations
    return math.lcm(micro_steps, gradient_accumulation_steps) // gradient_accumulation_steps
