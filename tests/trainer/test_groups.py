from __future__ import annotations

import pytest
import torch

from mmrl.errors import InputError
from mmrl.trainer.groups import generation_period, permute_groups, repeat_processed, require_whole_groups


@pytest.mark.parametrize(("batch", "group"), [(8, 8), (16, 8), (6, 3)])
def test_whole_groups_pass(batch: int, group: int) -> None:
    require_whole_groups(per_device_train_batch_size=batch, num_generations=group)


@pytest.mark.parametrize(("batch", "group", "nearest"), [(4, 8, 8), (12, 8, 16), (1, 2, 2)])
def test_split_groups_are_refused_with_a_size_that_works(batch: int, group: int, nearest: int) -> None:
    with pytest.raises(InputError, match=f"found {batch} and {group}; set per_device_train_batch_size to {nearest} "):
        require_whole_groups(per_device_train_batch_size=batch, num_generations=group)


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


def test_permutation_moves_groups_and_keeps_their_members_together() -> None:
    batch = {
        "ids": torch.arange(12).reshape(6, 2),
        "pictures": ["a0", "a1", "b0", "b1", "c0", "c1"],
        "total": torch.tensor(7),
        "missing": None,
    }
    moved = permute_groups(batch, [2, 0, 1], 2)
    assert moved["ids"].tolist() == [[8, 9], [10, 11], [0, 1], [2, 3], [4, 5], [6, 7]]
    assert moved["pictures"] == ["c0", "c1", "a0", "a1", "b0", "b1"]
    assert moved["total"] == 7
    assert moved["missing"] is None


def test_repetition_follows_each_prompts_own_images() -> None:
    fields = {
        "input_ids": torch.tensor([[1, 2], [3, 4]]),
        "image_grid_thw": torch.tensor([[1, 1, 2], [1, 2, 1], [1, 1, 1]]),
        "pixel_values": torch.tensor([[0.0], [0.1], [1.0], [1.1], [2.0]]),
    }
    repeated = repeat_processed(fields, [2, 1], 2)
    assert repeated is not None
    assert repeated["input_ids"].tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]
    assert repeated["image_grid_thw"].tolist() == [[1, 1, 2], [1, 2, 1]] * 2 + [[1, 1, 1]] * 2
    first = [0.0, 0.1, 1.0, 1.1]
    assert repeated["pixel_values"].flatten().tolist() == pytest.approx([*first, *first, 2.0, 2.0])


def test_one_row_an_image_is_repeated_where_each_prompt_has_one() -> None:
    repeated = repeat_processed({"pixel_values": torch.arange(4.0).reshape(2, 2)}, [1, 1], 3)
    assert repeated is not None
    assert repeated["pixel_values"].tolist() == [[0.0, 1.0]] * 3 + [[2.0, 3.0]] * 3


@pytest.mark.parametrize(
    ("fields", "images"),
    [
        ({"pixel_values": torch.zeros(5, 3, 4, 4)}, [1, 1]),
        ({"pixel_values": torch.zeros(2, 3, 4, 4)}, [2, 0]),
        ({"sizes": [3, 4]}, [1, 1]),
    ],
    ids=["tiles", "uneven images", "no tensor"],
)
def test_unknown_layouts_are_left_to_the_processor(fields: dict, images: list[int]) -> None:
    assert repeat_processed(fields, images, 2) is None
