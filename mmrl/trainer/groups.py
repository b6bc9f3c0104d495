"""Batch arithmetic of groups: one prompt with its G completions. Pure functions."""

from __future__ import annotations

import math

from mmrl.config.batches import generation_period
from mmrl.errors import InputError

__all__ = ["generation_period", "require_group_arithmetic"]


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
