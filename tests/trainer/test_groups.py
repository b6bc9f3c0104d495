from __future__ import annotations

import pytest

from mmrl.errors import InputError
from mmrl.trainer.groups import generation_period, require_group_arithmetic


@pytest.mark.parametrize(("batch", "group"), [(8, 8), (16, 8), (6, 3), (4, 8), (1, 6)])
def test_whole_groups_and_equal_pieces_of_them_pass(batch: int, group: int) -> None:
    require_group_arithmetic(per_device_train_batch_size=batch, num_generations=group)


@pytest.mark.parametrize(("batch", "group", "nearest"), [(3, 8, 8), (12, 8, 16), (4, 6, 6)])
def test_unequal_pieces_are_refused_with_a_size_that_works(batch: int, group: int, nearest: int) -> None:
    with pytest.raises(InputError, match=f"found {batch} and {group}; set per_device_train_batch_size to {nearest} "):
        require_group_arithmetic(per_device_train_batch_size=batch, num_generations=group)


@pytest.mark.parametrize(
    ("per_generation", "iterations", "accumulation", "steps"),
    [(1, 1, 1, 1), (4, 1, 4, 1), (2, 3, 2, 3), (4, 1, 2, 2), (1, 1, 4, 1), (3, 1, 2, 3)],
)
def test_generation_period_counts_optimiser_steps(
    per_generation: int, iterations: int, accumulation: int, steps: int
) -> None:
    period = generation_period(
        steps_per_generation=per_generation, num_iterations=iterations, gradient_accumulation_steps=accumulation
    )
    assert period == steps
