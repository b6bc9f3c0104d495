"""Reg-GRPO against numbers worked out by hand, and its laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mmrl.errors import InputError
from mmrl.trainer.loss_terms import (
    reg_grpo_term,
)
from mmrl.trainer.losses import LossScale, loss_metrics, policy_loss
from tests.trainer.loss_case import gradient, random_rows, spec, tensor

REWARDS = tensor(2.0, 1.0, 1.0, 0.0, 2.0, 0.0, 1.0, 1.0)
RHO = tensor(0.3, -0.1, 0.0, -0.4, 0.2, -0.2, 0.1, 0.1)


def test_reg_grpo_by_hand_with_its_exact_gradient() -> None:
    rho = RHO.clone().requires_grad_()
    term = reg_grpo_term(rho, REWARDS, [8], sigma_floor=None, eps=1e-12)
    loss = term.value.mean()
    loss.backward()
    assert loss.item() == pytest.approx(1 / 6, abs=1e-6)
    assert term.reg is not None
    assert term.reg.correlation_P.item() == pytest.approx(11 / 12)
    expected = tensor(-0.13889, -0.50926, 0.0, -0.37037, -0.64815, 0.64815, 0.50926, 0.50926)
    torch.testing.assert_close(rho.grad, expected, atol=1e-5, rtol=0)


def test_reg_grpos_floor_divides_by_a_constant() -> None:
    rho = RHO.clone().requires_grad_()
    spread = RHO.std(correction=0)
    standard = (REWARDS - 1) / REWARDS.std(correction=0)
    for floor in (0.1, 0.5):
        divisor = max(spread.item(), floor)
        (found,) = torch.autograd.grad(reg_grpo_term(rho, REWARDS, [8], sigma_floor=floor, eps=1.0).value.mean(), rho)
        torch.testing.assert_close(found, -2 / (8 * divisor) * (standard - (RHO - RHO.mean()) / divisor))


@pytest.mark.parametrize(("floor", "factor"), [(0.1, 1 / 0.1), (None, 1 / 1e-4)])
def test_on_policy_reg_grpo_has_grpos_direction(floor: float | None, factor: float) -> None:
    inputs = replace(random_rows(), old_logps_NT=None)
    found = gradient(inputs, spec("reg_grpo", reg_sigma_floor=floor), LossScale())
    groups = inputs.advantages.reshape(2, 4)
    standard = (groups - groups.mean(1, keepdim=True)) / groups.std(1, correction=0, keepdim=True)
    # 2 / (G s) for each group, and the mean over the groups.
    expected = -2 * factor / 8 * standard.reshape(-1, 1) * inputs.mask_NT
    torch.testing.assert_close(found, expected)


def test_reg_grpo_takes_sums_over_each_row_or_means() -> None:
    inputs = random_rows()
    assert inputs.old_logps_NT is not None
    log_ratio = (inputs.logps_NT.detach() - inputs.old_logps_NT) * inputs.mask_NT
    for mean, rho in [(False, log_ratio.sum(1)), (True, log_ratio.sum(1) / inputs.mask_NT.sum(1))]:
        output = policy_loss(inputs, spec("reg_grpo", reg_mean_log_ratio=mean))
        expected = []
        for part, advantages in zip(rho.split(4), inputs.advantages.split(4), strict=True):
            predicted = (part - part.mean()) / max(part.std(correction=0).item(), 0.1)
            expected.append(
                ((advantages - advantages.mean()) / advantages.std(correction=0) - predicted).square().mean()
            )
        assert output.loss.item() == pytest.approx(sum(expected).item() / 2)  # type: ignore[union-attr]


def test_reg_grpo_ignores_how_advantages_are_scaled() -> None:
    inputs = random_rows()
    scaled = replace(inputs, advantages=7.0 * inputs.advantages + 3.0)
    plain, other = (policy_loss(rows, spec("reg_grpo")).loss for rows in (inputs, scaled))
    torch.testing.assert_close(plain, other)


def test_a_group_without_variance_gives_no_regression_and_keeps_its_kl() -> None:
    inputs = random_rows()
    advantages = inputs.advantages.clone()
    advantages[:4] = 0.25
    inputs = replace(inputs, advantages=advantages)
    output = policy_loss(inputs, spec("reg_grpo"))
    found = gradient(inputs, spec("reg_grpo"), LossScale())
    assert (found[:4] == 0).all()
    assert (found[4:] != 0).any()
    metrics = loss_metrics(output, inputs)
    assert [value.item() for value in metrics["reg_grpo/live_groups"]] == [1, 2]
    assert metrics["reg_grpo/correlation"][1].item() == 1
    chosen = spec("reg_grpo", beta=0.04)
    alone = gradient(replace(inputs, weights_N=torch.zeros(8)), chosen, LossScale())
    torch.testing.assert_close(gradient(inputs, chosen, LossScale())[:4], alone[:4])
    assert alone[:4].abs().max() > 1e-4


def test_rewards_that_are_equal_but_for_rounding_are_no_target() -> None:
    term = reg_grpo_term(torch.randn(4), torch.tensor([0.0, 3e-4, 0.0, 0.0]), [4], sigma_floor=0.1, eps=1e-4)
    assert term.value.tolist() == [[0.0]] * 4


@pytest.mark.parametrize("sizes", [None, [4], [4, 3], [8, 0], [9, -1]])
def test_reg_grpo_is_refused_without_whole_groups(sizes: list[int] | None) -> None:
    with pytest.raises(InputError, match=r"whole groups: group_sizes that sum to the 8 rows; found "):
        policy_loss(replace(random_rows(), group_sizes=sizes), spec("reg_grpo"))


@pytest.mark.parametrize(
    "changes",
    [
        {"advantages": torch.zeros(8, 6)},
        {"importance_sampling_ratio": torch.ones(8, 6)},
        {"entropy_mask_NT": torch.ones(8, 6)},
    ],
)
def test_reg_grpo_is_refused_with_what_is_defined_for_tokens_alone(changes: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match="reg_grpo"):
        policy_loss(replace(random_rows(), **changes), spec("reg_grpo"))


def test_the_test_vectors_loss_with_unbiased_statistics_is_smaller_by_one_in_eight() -> None:
    """Divided by G - 1, both standardised vectors shrink by sqrt(7/8) and the loss by 7/8: same minimiser."""
    found = reg_grpo_term(RHO, REWARDS, [8], sigma_floor=None, eps=1e-12).value.mean()
    unbiased = ((REWARDS - 1) / REWARDS.std() - (RHO - RHO.mean()) / RHO.std()).square().mean()
    assert unbiased.item() == pytest.approx(0.145833, abs=1e-6)
    assert found.item() * 7 / 8 == pytest.approx(unbiased.item())


@pytest.mark.parametrize("beta", [0.1, 0.3, 1.0, -0.1])
def test_the_kl_is_added_with_its_weight_and_a_negative_one_is_the_printed_sign(beta: float) -> None:
    inputs = random_rows()
    assert inputs.ref_logps_NT is not None
    alone = policy_loss(inputs, spec("reg_grpo")).loss
    both = policy_loss(inputs, spec("reg_grpo", beta=beta, use_bias_correction_kl=False)).loss
    difference = inputs.ref_logps_NT - inputs.logps_NT
    k3 = (difference.exp() - difference - 1) * inputs.mask_NT
    expected = (k3.sum(1) / inputs.mask_NT.sum(1)).mean()
    assert expected > 0
    torch.testing.assert_close(both - alone, beta * expected)


def test_only_reg_grpo_takes_a_negative_weight() -> None:
    for loss_type, beta in [("grpo", -0.1), ("dapo", -0.1), ("reg_grpo", float("nan")), ("reg_grpo", float("-inf"))]:
        with pytest.raises(InputError, match="beta must be a number of at least 0"):
            spec(loss_type, beta=beta)


def test_the_floor_is_the_size_of_the_step_that_the_loss_asks_for() -> None:
    """As long as the log-ratios spread less than the floor s, the loss is least where rho - mean = s * A."""
    standard = (REWARDS - 1) / REWARDS.std(correction=0)
    rho = (0.1 * standard + 5.0).requires_grad_()
    loss = reg_grpo_term(rho, REWARDS, [8], sigma_floor=0.1 + 1e-9, eps=1.0).value.mean()
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert rho.grad is not None
    assert rho.grad.abs().max() < 1e-6
    further = (0.05 * standard).requires_grad_()
    (found,) = torch.autograd.grad(reg_grpo_term(further, REWARDS, [8], sigma_floor=0.1, eps=1.0).value.mean(), further)
    torch.testing.assert_close(found, -2 / (8 * 0.1) * 0.5 * standard)


def test_the_literal_loss_does_not_see_how_far_the_policy_went() -> None:
    near, far = (reg_grpo_term(k * RHO, REWARDS, [8], sigma_floor=None, eps=1e-12).value.mean() for k in (1.0, 100.0))
    torch.testing.assert_close(near, far)
