"""Batch arithmetic that configs and trainer share."""

from __future__ import annotations

import math


def generation_period(*, steps_per_generation: int, num_iterations: int, gradient_accumulation_steps: int) -> int:
    """Return after how many optimiser steps generation starts afresh exactly at a step's beginning.

    A checkpoint at a multiple of this number needs no half-used completions to be resumed exactly.
    """
    micro_steps = steps_per_generation * num_iterations
    return math.lcm(micro_steps, gradient_accumulation_steps) // gradient_accumulation_steps
