"""From rewards to advantages, as pure functions over tensors.

Legend: ``_N`` completions, group by group (row ``p * G + k`` is completion ``k`` of group ``p``), ``_K`` reward terms,
``_P`` groups, ``_G`` members of a group. A NaN reward is an abstention: it takes part in no mean and no spread, and a
completion that no term judged gets advantage 0, which moves the policy nowhere.

Statistics over a group must see the group whole; those over a batch must see the rewards of all processes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mmrl.errors import InputError

Scale = Literal["group", "batch", "none"]
Baseline = Literal["mean", "leave_one_out"]

EPS = 1e-4
"""Added to a spread before dividing by it, as TRL does."""


def combine_rewards(rewards_NK: Tensor, weights_K: Tensor) -> Tensor:
    """Return the weighted sum of the terms that judged each completion (N,); NaN where all abstained."""
    total_N = (rewards_NK * weights_K).nansum(dim=1)
    return total_N.masked_fill(rewards_NK.isnan().all(dim=1), torch.nan)


def group_advantages(
    rewards_N: Tensor, group_size: int, *, scale: Scale = "group", baseline: Baseline = "mean", eps: float = EPS
) -> Tensor:
    """Return r less its group's baseline, over a spread + ``eps``, for each completion (N,).

    ``scale``: the spread of the group (GRPO, arXiv 2402.03300), of the batch (arXiv 2508.08221), or none at all
    (Dr. GRPO, arXiv 2503.20783: the mean-only baseline). Spreads divide by n - 1, as TRL 1.16's.

    ``baseline``: the mean of the group, or of its other members (RLOO, arXiv 2402.14740), which is n / (n - 1) times
    the difference to the mean; n counts the completions that were judged.

    Deviation from TRL: a group of equal rewards gets exactly 0, where TRL leaves rounding over ``eps`` (up to 1e-3).

    Raises:
        InputError: rewards that are infinite or do not fill whole groups.
    """
    grouped_PG = _grouped(rewards_N, group_size)
    advantages_PG = grouped_PG - grouped_PG.nanmean(dim=1, keepdim=True)
    if baseline == "leave_one_out":
        judged_P1 = (~grouped_PG.isnan()).sum(dim=1, keepdim=True)
        advantages_PG = advantages_PG * judged_P1 / (judged_P1 - 1)
    if scale == "group":
        advantages_PG = advantages_PG / (_spread(grouped_PG, dim=1) + eps)
    elif scale == "batch":
        advantages_PG = advantages_PG / (_spread(grouped_PG.reshape(1, -1), dim=1) + eps)
    dead_P1 = zero_variance_groups(rewards_N, group_size).unsqueeze(1)
    return _unjudged_to_zero(advantages_PG.masked_fill(dead_P1, 0.0).reshape(-1))


def normalize_then_sum(rewards_NK: Tensor, weights_K: Tensor, group_size: int, *, eps: float = EPS) -> Tensor:
    """Return GDPO's advantages (N,): standardise each term within its group, add, standardise the batch.

    Source: arXiv 2601.05242, with the abstentions as in TRL 1.16: a term alone in its group to be judged adds 0.

    Raises:
        InputError: rewards that are infinite or do not fill whole groups.
    """
    grouped_PGK = _grouped(rewards_NK, group_size)
    terms_PGK = (grouped_PGK - grouped_PGK.nanmean(dim=1, keepdim=True)) / (_spread(grouped_PGK, dim=1) + eps)
    total_N = (terms_PGK.reshape(rewards_NK.shape) * weights_K).nansum(dim=1)
    total_N = total_N.masked_fill(rewards_NK.isnan().all(dim=1), torch.nan)
    return _unjudged_to_zero((total_N - total_N.nanmean()) / (_spread(total_N, dim=0) + eps))


def zero_variance_groups(rewards_N: Tensor, group_size: int) -> Tensor:
    """Return for each group (P,) whether it is dead: its judged rewards are equal up to rounding, or fewer than two.

    Rewards of shape (N, K) make a group dead where every term is: the rule for :func:`normalize_then_sum`.

    Raises:
        InputError: rewards that are infinite or do not fill whole groups.
    """
    grouped_PGK = _grouped(rewards_N, group_size).reshape(-1, group_size, *rewards_N.shape[1:], 1)
    unjudged = grouped_PGK.isnan()
    highest = grouped_PGK.masked_fill(unjudged, -torch.inf).amax(dim=1)
    lowest = grouped_PGK.masked_fill(unjudged, torch.inf).amin(dim=1)
    few = (~unjudged).sum(dim=1) < 2
    return (few | torch.isclose(highest, lowest, rtol=2.5e-7, atol=1e-8)).flatten(1).all(dim=1)


def zero_std_share(rewards_N: Tensor, group_size: int, *, scale: Scale = "group") -> float:
    """Return the share of completions whose spread is 0: TRL's ``frac_reward_zero_std``.

    The spread is the group's, or with ``scale="batch"`` the batch's. As in TRL, a group with fewer than two judged
    rewards does not count here; :func:`zero_variance_groups` counts it.
    """
    grouped_PG = _grouped(rewards_N, group_size)
    spread = _spread(grouped_PG.reshape(1, -1) if scale == "batch" else grouped_PG, dim=1)
    return torch.isclose(spread, torch.zeros_like(spread)).float().mean().item()


def _spread(values: Tensor, *, dim: int) -> Tensor:
    """Return the standard deviation (divided by n - 1) over what is not NaN, the dimension kept.

    A single value where more would fit has no spread: NaN. Where only one fits (groups of one, in evaluation), 0.
    """
    if values.shape[dim] == 1:
        return torch.zeros_like(values)
    count = (~values.isnan()).sum(dim=dim, keepdim=True)
    squares = (values - values.nanmean(dim=dim, keepdim=True)).square().nansum(dim=dim, keepdim=True)
    return (squares / (count - 1)).sqrt().masked_fill(count < 2, torch.nan)


def _unjudged_to_zero(advantages_N: Tensor) -> Tensor:
    return advantages_N.masked_fill(advantages_N.isnan(), 0.0)


def _grouped(rewards_N: Tensor, group_size: int) -> Tensor:
    """Return rewards (P, G, ...) of (N, ...)."""
    rows = rewards_N.shape[0]
    if rows == 0 or group_size < 1 or rows % group_size:
        raise InputError(
            f"rewards must fill whole groups of num_generations; found {rows} rewards for groups of {group_size}; "
            "keep the completions of a prompt together"
        )
    if rewards_N.isinf().any():
        row = int(rewards_N.isinf().reshape(rows, -1).any(dim=1).nonzero()[0])
        raise InputError(
            f"rewards must be finite, or NaN where a term abstains; found an infinite one; row {row}; "
            "correct the reward function"
        )
    return rewards_N.reshape(-1, group_size, *rewards_N.shape[1:])
