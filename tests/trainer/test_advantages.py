"""Advantages against numbers by hand, and against those of TRL's trainer on the same rewards."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmrl.errors import InputError
from mmrl.families import load_model, load_processor
from mmrl.trainer.advantages import (
    Scale,
    combine_rewards,
    group_advantages,
    normalize_then_sum,
    zero_std_share,
    zero_variance_groups,
)

NAN = math.nan
GROUP = 4
WEIGHTS = [1.0, 0.5, -2.0]
TABLES = {
    "full": [[1.0, 0.5, 0.0], [0.0, 0.25, 0.5], [1.0, 1.0, 1.0], [0.5, 0.0, 0.25]] * 2 + [[0.25, 0.75, 0.125]] * 4,
    "abstaining": [
        *[[1.0, NAN, 0.0], [NAN, NAN, NAN], [0.0, 0.5, NAN], [NAN, 1.0, 0.5]],
        *[[NAN, NAN, NAN], [NAN, NAN, NAN], [0.5, NAN, 0.25], [NAN, NAN, NAN]],
        *[[NAN, 0.5, 0.25], [1.0, 0.5, NAN], [0.0, 0.5, 1.0], [0.0, 0.5, NAN]],
    ],
    "silent": [[NAN, NAN, NAN]] * 12,
}


@pytest.fixture(scope="module")
def theirs(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """TRL's own trainer on text; its rewards are read from the table in ``theirs.table``."""
    table: dict[str, list[list[float]]] = {}

    def reader(term: int) -> Any:
        def read(completions: list[Any], **_: Any) -> list[float | None]:
            return [None if math.isnan(row[term]) else row[term] for row in table["rewards"][: len(completions)]]

        read.__name__ = f"term_{term}"
        return read

    args = trl.GRPOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")),
        per_device_train_batch_size=12,
        num_generations=GROUP,
        max_completion_length=1,
        reward_weights=WEIGHTS,
        use_cpu=True,
        bf16=False,
        report_to="none",
    )
    trainer = trl.GRPOTrainer(
        load_model(str(tiny_folder)),
        [reader(term) for term in range(3)],
        args,
        train_dataset=Dataset.from_list([{"prompt": "red?"}] * 3),
        processing_class=load_processor(str(tiny_folder)).tokenizer,
    )
    trainer.model.train()
    trainer.table = table
    return trainer


def trl_advantages(trainer: Any, name: str, **settings: str) -> tuple[Tensor, float]:
    """Return TRL's advantages of a table, and its share of zero spreads."""
    trainer.table["rewards"] = TABLES[name]
    with pytest.MonkeyPatch.context() as patch:
        for setting, value in settings.items():
            patch.setattr(trainer, setting, value)
        scored = trainer._generate_and_score_completions([{"prompt": "red?"}] * len(TABLES[name]))
    return scored["advantages"], trainer._metrics["train"]["frac_reward_zero_std"][-1]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@pytest.mark.parametrize("name", TABLES)
def test_advantages_equal_trls(theirs: Any, name: str, scale: Scale) -> None:
    expected, share = trl_advantages(
        theirs, name, scale_rewards=scale, multi_objective_aggregation="sum_then_normalize"
    )
    rewards = combine_rewards(torch.tensor(TABLES[name]), torch.tensor(WEIGHTS))
    torch.testing.assert_close(group_advantages(rewards, GROUP, scale=scale), expected, rtol=1e-5, atol=1e-6)
    assert zero_std_share(rewards, GROUP, scale=scale) == pytest.approx(share)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", TABLES)
def test_terms_normalised_before_they_are_summed_equal_trls(theirs: Any, name: str) -> None:
    expected, _ = trl_advantages(theirs, name, multi_objective_aggregation="normalize_then_sum")
    found = normalize_then_sum(torch.tensor(TABLES[name]), torch.tensor(WEIGHTS), GROUP)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert name == "silent" or expected.abs().max() > 0.5


def test_combined_rewards_leave_out_abstentions() -> None:
    rewards = torch.tensor([[1.0, 0.5], [NAN, 0.5], [1.0, NAN], [NAN, NAN]])
    found = combine_rewards(rewards, torch.tensor([1.0, 4.0]))
    assert found[:3].tolist() == [3.0, 2.0, 1.0]
    assert found[3].isnan()


# GUI-G1's worked example, and a second group beside it.
REWARDS = torch.tensor([1.375, 1.1472, 0.185516, 0.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)


def test_group_advantages_by_hand() -> None:
    found = group_advantages(REWARDS, 4).tolist()
    assert found[:4] == pytest.approx([1.018751, 0.686304, -0.717159, -0.987897], abs=1e-6)
    assert found[4:] == pytest.approx([0.75 / 0.5001, *[-0.25 / 0.5001] * 3])


def test_mean_only_advantages_by_hand() -> None:
    found = group_advantages(REWARDS, 4, scale="none").tolist()
    assert found[:4] == pytest.approx([0.698071, 0.470271, -0.491413, -0.676929], abs=1e-6)
    assert found[4:] == [0.75, -0.25, -0.25, -0.25]


def test_batch_scaled_advantages_by_hand() -> None:
    found = group_advantages(torch.tensor([1.0, 0.0, 3.0, 2.0]), 2, scale="batch")
    assert found.tolist() == pytest.approx([sign * 0.5 / (math.sqrt(5 / 3) + 1e-4) for sign in (1, -1, 1, -1)])


def test_leave_one_out_takes_the_others_mean() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.5, NAN, 2.0, 2.0, 0.0, 0.0])
    found = group_advantages(rewards, 4, scale="none", baseline="leave_one_out").tolist()
    assert found == pytest.approx([0.75, -0.75, 0.0, 0.0, 4 / 3, 4 / 3, -4 / 3, -4 / 3])


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@pytest.mark.parametrize("baseline", ["mean", "leave_one_out"])
def test_groups_without_a_comparison_get_exactly_zero(scale: Any, baseline: Any) -> None:
    dead = [[0.7] * 6, [1000.3] * 6, [0.1 + 0.2, 0.3] * 3, [NAN] * 6, [NAN, 1.0, *[NAN] * 4]]
    rewards = torch.tensor([value for group in [*dead, [1.0, *[0.0] * 5]] for value in group])
    found = group_advantages(rewards, 6, scale=scale, baseline=baseline)
    assert (found[:30] == 0).all()
    assert (found[30:] != 0).all()
    assert zero_variance_groups(rewards, 6).tolist() == [True] * 5 + [False]


def test_one_completion_a_prompt_as_in_evaluation() -> None:
    rewards = torch.tensor([1.0, 0.0, NAN])
    for scale in ("group", "batch", "none"):
        assert group_advantages(rewards, 1, scale=scale).tolist() == [0.0, 0.0, 0.0]
    assert normalize_then_sum(rewards.unsqueeze(1), torch.ones(1), 1).tolist() == [0.0, 0.0, 0.0]
    assert group_advantages(rewards[:1], 1).tolist() == [0.0]


def test_terms_that_trade_off_are_no_dead_group() -> None:
    rewards = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.25], [0.5, 0.25]])
    assert zero_variance_groups(rewards.sum(dim=1), 2).tolist() == [True, True]
    assert zero_variance_groups(rewards, 2).tolist() == [False, True]


def test_small_real_differences_count() -> None:
    rewards = torch.tensor([0.5, 0.5001, 0.0, 1e-5])
    assert not zero_variance_groups(rewards, 2).any()
    assert (group_advantages(rewards, 2) != 0).all()


def test_the_logged_share_counts_groups_or_the_batch() -> None:
    rewards = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    assert zero_std_share(rewards, 2) == 0.75
    assert zero_std_share(rewards, 2, scale="batch") == 0.0
    assert zero_std_share(rewards[4:], 2, scale="batch") == 1.0


@given(
    groups=st.lists(
        st.lists(st.floats(-2, 2, width=16), min_size=4, max_size=4).filter(
            lambda values: max(values) - min(values) > 0.1
        ),
        min_size=1,
        max_size=4,
    ),
    shift=st.floats(-3, 3),
    factor=st.floats(0.5, 4),
)
@settings(max_examples=50, deadline=None)
def test_laws_of_group_normalised_advantages(groups: list[list[float]], shift: float, factor: float) -> None:
    rewards = torch.tensor(groups, dtype=torch.float64).reshape(-1)
    found = group_advantages(rewards, 4, eps=0.0)
    torch.testing.assert_close(found.reshape(-1, 4).sum(dim=1), torch.zeros(len(groups), dtype=torch.float64))
    torch.testing.assert_close(group_advantages(factor * rewards + shift, 4, eps=0.0), found)
    unscaled = group_advantages(rewards, 4, scale="none")
    others = group_advantages(rewards, 4, scale="none", baseline="leave_one_out")
    torch.testing.assert_close(others, unscaled * 4 / 3)


@pytest.mark.parametrize(("rows", "group"), [(6, 4), (0, 4), (3, 0)])
def test_rewards_that_fill_no_whole_groups_are_refused(rows: int, group: int) -> None:
    with pytest.raises(
        InputError, match=rf"whole groups of num_generations; found {rows} rewards for groups of {group};"
    ):
        group_advantages(torch.zeros(rows), group)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_rewards_are_refused_by_row(value: float) -> None:
    rewards = torch.tensor([[0.0, 1.0], [1.0, value], [0.0, 0.0], [NAN, 1.0]])
    for refused in (
        lambda: group_advantages(rewards[:, 1], 2),
        lambda: normalize_then_sum(rewards, torch.ones(2), 2),
        lambda: zero_variance_groups(rewards, 2),
    ):
        with pytest.raises(InputError, match="found an infinite one; row 1;"):
            refused()
