"""The pieces of a policy loss, each a pure function over tensors: ratios, per-token terms, masks, entropy.

Legend: ``_N`` completions of a micro-batch (rows, group by group), ``_T`` completion tokens (right padded), ``_G``
members of one group, ``_S`` any set of tokens. ``_N1`` is a column that broadcasts over tokens. Log-probabilities are
in nats. A mask is 1 where a token counts and 0 on padding and on tokens that the policy did not write. A per-token term
is a loss: to be minimised. Positions outside the mask hold numbers without meaning until :mod:`mmrl.trainer.losses`
masks and sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

ImportanceLevel = Literal["token", "sequence"]

DEAD_GROUP_STD = 1e-3
"""A group whose advantages spread less than this has no target for Reg-GRPO: rewards that are equal but for rounding
(about 3e-8) leave advantages of about 3e-4 beside GRPO's own 1e-4, and standardising would make that a full target."""

_LOG_WEIGHT_MIN = math.log(1e-8)
_LOG_WEIGHT_MAX = 20.0


@dataclass(frozen=True, kw_only=True, eq=False)
class RegStatistics:
    """What Reg-GRPO saw in each group; ``_P`` groups of the micro-batch."""

    correlation_P: Tensor
    """Pearson correlation of log-ratio and advantage; NaN where either has no spread."""
    log_ratio_std_P: Tensor
    """Spread of the log-ratios (divided by G), in nats."""
    live_P: Tensor
    """True where the advantages spread enough to be a target."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PolicyTerm:
    """One loss's term for each token, with what its metrics are made of. Shapes are (N, T), or (N, 1) for a row."""

    value: Tensor
    low_clipped: Tensor | None = None
    """Where the lower bound of the ratio stops the gradient."""
    high_clipped: Tensor | None = None
    """Where the upper bound of the ratio stops the gradient, or for CISPO caps its weight."""
    phi_N1: Tensor | None = None
    """VESPO's weight of each row."""
    reg: RegStatistics | None = None


def row_means(values_NT: Tensor, mask_NT: Tensor) -> Tensor:
    """Return each row's mean over its mask as a column (N, 1); 0 for a row without tokens."""
    return ((values_NT * mask_NT).sum(-1) / mask_NT.sum(-1).clamp(min=1.0)).unsqueeze(-1)


def importance_ratio(log_ratio_NT: Tensor, mask_NT: Tensor, level: ImportanceLevel) -> Tensor:
    """Return pi / pi_old of each token (N, T), or the geometric mean of a row's (N, 1; GSPO, arXiv 2507.18071)."""
    return torch.exp(log_ratio_NT if level == "token" else row_means(log_ratio_NT, mask_NT))


def kl_to_reference(logps_NT: Tensor, reference_NT: Tensor) -> Tensor:
    """Return the k3 estimate of KL(pi || ref) of each token: exp(d) - d - 1 with d = log ref - log pi, at least 0."""
    difference = reference_NT - logps_NT
    return torch.exp(difference) - difference - 1


# ---------------------------------------------------------------------------------------------------- terms


def clipped_term(
    ratio: Tensor, advantages: Tensor, *, epsilon_low: float, epsilon_high: float, delta: float | None
) -> PolicyTerm:
    """Return PPO's clipped term, -min(r A, clip(r, 1 - low, 1 + high) A).

    ``delta`` also caps the unclipped ratio, which bounds the loss where the advantage is negative (two-sided clipping,
    INTELLECT-2, arXiv 2505.07291). The clip flags look at the capped ratio, as TRL's do.
    """
    capped = ratio if delta is None else torch.clamp(ratio, max=delta)
    clipped = torch.clamp(ratio, 1 - epsilon_low, 1 + epsilon_high)
    return PolicyTerm(
        value=-torch.min(capped * advantages, clipped * advantages),
        low_clipped=(capped < 1 - epsilon_low) & (advantages < 0),
        high_clipped=(capped > 1 + epsilon_high) & (advantages > 0),
    )


def cispo_term(ratio: Tensor, advantages: Tensor, logps_NT: Tensor, *, ceiling: float) -> PolicyTerm:
    """Return CISPO's term (MiniMax-M1, arXiv 2506.13585): -stop_gradient(min(r, ceiling)) A log pi."""
    weight = torch.clamp(ratio, max=ceiling).detach()
    return PolicyTerm(value=-weight * advantages * logps_NT, high_clipped=(ratio > ceiling) & (advantages > 0))


def sapo_term(ratio: Tensor, advantages: Tensor, *, positive: float, negative: float) -> PolicyTerm:
    """Return SAPO's term (arXiv 2511.20347): -(4 / tau) sigmoid(tau (r - 1)) A, a soft gate in place of the clip.

    ``positive`` is tau where the advantage is above 0, ``negative`` elsewhere. Gradient at r = 1 is that of -r A.
    """
    temperature = torch.where(advantages > 0, positive, negative)
    return PolicyTerm(value=-torch.sigmoid(temperature * (ratio - 1)) * 4 / temperature * advantages)


def vespo_term(phi_N1: Tensor, advantages: Tensor, logps_NT: Tensor) -> PolicyTerm:
    """Return VESPO's term (arXiv 2602.10693): -phi A log pi, with phi from :func:`vespo_weight`."""
    return PolicyTerm(value=-phi_N1 * advantages * logps_NT, phi_N1=phi_N1)


@torch.no_grad()
def vespo_log_weight(log_ratio_NT: Tensor, mask_NT: Tensor, sampler_ratio_NT: Tensor | None) -> Tensor:
    """Return log w (N, 1): the whole row's log-ratio, the sampler's correction included, bounded to [log 1e-8, 20].

    Deviation from TRL 1.16: the sampler's ratio is summed over the mask alone, so that the width of the padding cannot
    matter; equal wherever padding holds the ratio 1.
    """
    log_weight = (log_ratio_NT.clamp(-_LOG_WEIGHT_MAX, _LOG_WEIGHT_MAX) * mask_NT).sum(-1, keepdim=True)
    if sampler_ratio_NT is not None:
        correction = torch.log(sampler_ratio_NT).clamp(_LOG_WEIGHT_MIN, _LOG_WEIGHT_MAX)
        log_weight = log_weight + (correction * mask_NT).sum(-1, keepdim=True)
    return log_weight.clamp(_LOG_WEIGHT_MIN, _LOG_WEIGHT_MAX)


@torch.no_grad()
def vespo_weight(
    log_weight_N1: Tensor, advantages: Tensor, *, k_pos: float, lambda_pos: float, k_neg: float, lambda_neg: float
) -> Tensor:
    """Return phi(w) = w^k e^(lambda (1 - w)) without gradient; phi(1) = 1, k and lambda go by the advantage's sign."""
    favoured = advantages >= 0
    k = torch.where(favoured, k_pos, k_neg)
    rate = torch.where(favoured, lambda_pos, lambda_neg).clamp(min=1e-4)
    log_phi = rate + k * log_weight_N1 - rate * torch.exp(log_weight_N1)
    return torch.exp(log_phi).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


# ---------------------------------------------------------------------------------------------------- Reg-GRPO


def reg_grpo_term(
    log_ratio_N: Tensor, advantages_N: Tensor, group_sizes: Sequence[int], *, sigma_floor: float | None, eps: float
) -> PolicyTerm:
    """Return Reg-GRPO's squared residual of each row (arXiv 2506.07464): (A_i - A_theta,i)^2, group by group.

    A and A_theta are the group's advantages and whole-response log-ratios rho, each less its mean and over its spread
    (population statistics, divided by G). Over a group the mean is 2 (1 - c), c the correlation of the two.

    A_theta is undefined where rho does not vary, as on the first step on fresh completions, and the paper does not say
    what then. With ``sigma_floor``, rho is divided by s = max(sigma_rho, sigma_floor), held constant: the gradient is
    -(2 / (G s)) (A_j - A_theta,j), which at rho = 0 is GRPO's direction with a bounded factor. Without (None), it is
    divided by sigma_rho + ``eps`` and that is differentiated: the paper's gradient, -(2 / (G sigma)) (A_j - c
    A_theta,j), but 1 / eps times GRPO's direction at rho = 0, which only gradient clipping makes usable.

    Nothing here bounds the drift: where the floor does not act, the loss does not change with the size of rho, so the
    KL to the reference has to hold the policy, with a larger weight than GRPO's (its author used 0.1 and 1).

    Advantages are standardised here, so rewards, mean-only advantages and scaled ones give the same loss. A group
    whose advantages do not spread gets 0: it has no target.
    """
    parts = [
        _reg_grpo_group(log_ratio_G, advantages_G, sigma_floor, eps)
        for log_ratio_G, advantages_G in zip(
            log_ratio_N.split(list(group_sizes)), advantages_N.split(list(group_sizes)), strict=True
        )
    ]
    residuals, correlation, spread, live = zip(*parts, strict=True)
    statistics = RegStatistics(
        correlation_P=torch.stack(correlation), log_ratio_std_P=torch.stack(spread), live_P=torch.stack(live)
    )
    return PolicyTerm(value=torch.cat(residuals).square().unsqueeze(-1), reg=statistics)


def _reg_grpo_group(
    log_ratio_G: Tensor, advantages_G: Tensor, sigma_floor: float | None, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the residuals (G,), then without gradient: correlation, spread of the log-ratios, whether it lives."""
    target_G, advantage_std = advantages_G - advantages_G.mean(), advantages_G.std(correction=0)
    centred_G = log_ratio_G - log_ratio_G.mean()
    spread = _root_mean_square(centred_G)
    live = advantage_std > DEAD_GROUP_STD
    target_G = target_G / torch.where(live, advantage_std, 1.0)
    divisor = spread + eps if sigma_floor is None else spread.detach().clamp(min=sigma_floor)
    residual_G = torch.where(live, target_G - centred_G / divisor, 0.0)
    undefined = ~live | (spread == 0)
    correlation = torch.where(undefined, math.nan, (target_G * centred_G).mean() / spread)
    return residual_G, correlation.detach(), spread.detach(), live


def _root_mean_square(values_G: Tensor) -> Tensor:
    """Return sqrt(mean(x^2)) whose gradient at x = 0 is 0, where that of a plain square root is NaN."""
    mean_square = values_G.square().mean()
    positive = mean_square > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, mean_square, 1.0)), 0.0)


# ---------------------------------------------------------------------------------------------------- masks, entropy


@torch.no_grad()
def off_policy_mask(
    advantages: Tensor, logps_NT: Tensor, sampling_logps_NT: Tensor, mask_NT: Tensor, threshold: float
) -> Tensor:
    """Return 1 for rows to keep, 0 for rows that drifted (DeepSeek-V3.2, arXiv 2512.02556), in the mask's type.

    A row is dropped where its advantage is negative and its mean of log pi_sampled - log pi exceeds ``threshold`` nats.
    A token without a sampling log-probability (NaN) counts as no drift.
    """
    drift_NT = torch.nan_to_num(sampling_logps_NT - logps_NT, nan=0.0)
    return ((advantages >= 0) | (row_means(drift_NT, mask_NT) <= threshold)).to(mask_NT.dtype)


def entropy_bonus(
    entropies_NT: Tensor, mask_NT: Tensor, micro_batches: float = 1.0, *, tokens: float | Tensor | None = None
) -> Tensor:
    """Return the mean entropy over the mask, in nats, divided for gradient accumulation.

    The loss becomes loss - coefficient * bonus; the mask is the one that the policy term sees, entropy mask included.

    ``tokens`` replaces the count of tokens where the rows are only a piece of a micro-batch, as in ``LossScale``.
    """
    count = mask_NT.sum() if tokens is None else torch.as_tensor(tokens)
    return entropies_NT.masked_fill(~mask_NT.bool(), 0.0).sum() / count.clamp(min=1.0) / micro_batches


def entropy_threshold(entropies_S: Tensor, quantile: float) -> Tensor:
    """Return the entropy at ``quantile`` (0 to 1) of all tokens of all processes; infinite where there are none."""
    if entropies_S.numel() == 0:
        return torch.full((), math.inf, device=entropies_S.device)
    return torch.quantile(entropies_S.float(), quantile)


def high_entropy_mask(entropies_NT: Tensor, mask_NT: Tensor, threshold: Tensor | float) -> Tensor:
    """Return True at the tokens of the mask whose entropy reaches ``threshold`` nats (arXiv 2506.01939)."""
    return (entropies_NT >= threshold) & mask_NT.bool()


def next_entropy_coefficient(
    coefficient: float, entropy: float, *, target: float, step: float, low: float, high: float
) -> float:
    """Return the next step's coefficient (arXiv 2505.22312): up while entropy is at most its target, else down."""
    return min(coefficient + step, high) if entropy <= target else max(coefficient - step, low)
