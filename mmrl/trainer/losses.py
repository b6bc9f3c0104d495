"""One policy loss with parameters, as a pure function over log-probabilities; every variant is a configuration of it.

    log-ratio -> importance ratio -> per-token term -> x masks and weights -> + beta KL -> summed over a denominator

All loss types of TRL 1.16 with its semantics, the constant length divisor of GUI-G1 (``dr_grpo`` with
``length_divisor``), weights per sample, and Reg-GRPO.

Legend: ``_N`` completions of a micro-batch (rows, group by group), ``_T`` completion tokens (right padded), ``_P``
groups. ``_N1`` is a column that broadcasts over tokens. Log-probabilities are in nats.

Deviations from TRL: positions outside the mask never matter, whatever they hold (TRL multiplies them by 0, so a NaN
there spoils the loss); log-probabilities in half precision are raised to float32 first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mmrl.trainer import loss_terms
from mmrl.trainer.loss_terms import PolicyTerm
from mmrl.trainer.loss_types import (
    CLIPPED_TYPES,
    PER_TOKEN_LOGPS,
    ROW_MEAN_TYPES,
    WINDOW_TYPES,
    LossInputs,
    LossOutput,
    LossScale,
    LossSpec,
    check_inputs,
)

__all__ = [
    "LossInputs",
    "LossOutput",
    "LossScale",
    "LossSpec",
    "clip_extremes",
    "loss_metrics",
    "masked_total",
    "policy_loss",
]


def policy_loss(inputs: LossInputs, spec: LossSpec, scale: LossScale | None = None) -> LossOutput:
    """Return the loss of one micro-batch.

    Raises:
        InputError: the loss needs something that ``inputs`` or ``scale`` does not have, or shapes disagree.
    """
    scale = scale or LossScale()
    check_inputs(inputs, spec, scale)
    clean = _masked(inputs)
    log_ratio_NT = clean.logps_NT - _old_logps(clean)
    ratio = loss_terms.importance_ratio(log_ratio_NT, clean.mask_NT, spec.importance_sampling_level)
    term = _policy_term(clean, spec, log_ratio_NT, ratio)
    per_token = _weighted(term.value, clean, spec)
    kl_NT = _kl(clean, spec, ratio)
    if kl_NT is not None:
        per_token = per_token + spec.beta * kl_NT
    loss = _aggregate(per_token, clean.mask_NT, spec, scale)
    return LossOutput(
        loss=loss if spec.loss_type in WINDOW_TYPES else loss / scale.micro_batches,
        policy_loss=loss.detach(),
        kl_NT=None if kl_NT is None else kl_NT.detach(),
        ratio=ratio.detach(),
        term=replace(term, value=term.value.detach()),
    )


def _policy_term(inputs: LossInputs, spec: LossSpec, log_ratio_NT: Tensor, ratio: Tensor) -> PolicyTerm:
    advantages, logps_NT = inputs.advantages, inputs.logps_NT
    if spec.loss_type in CLIPPED_TYPES:
        bounds = {"epsilon_low": spec.epsilon_low, "epsilon_high": spec.epsilon_high}
        return loss_terms.clipped_term(ratio, advantages, **bounds, delta=spec.delta)
    if spec.loss_type == "cispo":
        return loss_terms.cispo_term(ratio, advantages, logps_NT, ceiling=spec.epsilon_high)
    if spec.loss_type == "sapo":
        temperatures = {"positive": spec.sapo_temperature_pos, "negative": spec.sapo_temperature_neg}
        return loss_terms.sapo_term(ratio, advantages, **temperatures)
    if spec.loss_type == "vespo":
        return loss_terms.vespo_term(_vespo_weight(inputs, spec, log_ratio_NT), advantages, logps_NT)
    log_ratio_N = (log_ratio_NT * inputs.mask_NT).sum(-1)
    if spec.reg_mean_log_ratio:
        log_ratio_N = loss_terms.row_means(log_ratio_NT, inputs.mask_NT).squeeze(-1)
    return loss_terms.reg_grpo_term(
        log_ratio_N,
        advantages.squeeze(-1),
        inputs.group_sizes or [],
        sigma_floor=spec.reg_sigma_floor,
        eps=spec.reg_eps,
    )


def _vespo_weight(inputs: LossInputs, spec: LossSpec, log_ratio_NT: Tensor) -> Tensor:
    log_weight_N1 = loss_terms.vespo_log_weight(log_ratio_NT, inputs.mask_NT, inputs.importance_sampling_ratio)
    return loss_terms.vespo_weight(
        log_weight_N1,
        inputs.advantages,
        k_pos=spec.vespo_k_pos,
        lambda_pos=spec.vespo_lambda_pos,
        k_neg=spec.vespo_k_neg,
        lambda_neg=spec.vespo_lambda_neg,
    )


def _weighted(term: Tensor, inputs: LossInputs, spec: LossSpec) -> Tensor:
    """Apply everything that scales the policy term and leaves the KL alone."""
    if spec.off_policy_mask_threshold is not None:
        sampled_NT = _old_logps(inputs) if inputs.sampling_logps_NT is None else inputs.sampling_logps_NT
        keep_N1 = loss_terms.off_policy_mask(
            inputs.advantages, inputs.logps_NT, sampled_NT, inputs.mask_NT, spec.off_policy_mask_threshold
        )
        term = term * keep_N1
    if inputs.entropy_mask_NT is not None:
        term = term * inputs.entropy_mask_NT
    if inputs.importance_sampling_ratio is not None and spec.loss_type != "vespo":  # vespo's weight holds it already
        term = term * inputs.importance_sampling_ratio
    if inputs.weights_N is not None:
        term = term * inputs.weights_N.reshape(-1, 1)
    return term


def _kl(inputs: LossInputs, spec: LossSpec, ratio: Tensor) -> Tensor | None:
    """Return the per-token KL, times the ratio where its bias is corrected (DeepSeek-V3.2, 2512.02556)."""
    if spec.beta == 0 or inputs.ref_logps_NT is None:
        return None
    kl_NT = loss_terms.kl_to_reference(inputs.logps_NT, inputs.ref_logps_NT)
    return kl_NT * ratio if spec.use_bias_correction_kl else kl_NT


def _aggregate(per_token: Tensor, mask_NT: Tensor, spec: LossSpec, scale: LossScale) -> Tensor:
    """Sum over the mask and divide as the loss type says; ``per_token`` is (N, T) or (N, 1)."""
    sums_N = (per_token * mask_NT).sum(-1)
    if spec.loss_type in ROW_MEAN_TYPES:
        sums_N = sums_N / mask_NT.sum(-1).clamp(min=1.0)
    return sums_N.sum() / _denominator(mask_NT, spec, scale)


def _denominator(mask_NT: Tensor, spec: LossSpec, scale: LossScale) -> Tensor | float:
    rows = mask_NT.shape[0] if scale.rows is None else scale.rows
    if spec.loss_type in WINDOW_TYPES:
        return torch.as_tensor(scale.num_items, device=mask_NT.device)
    if spec.loss_type == "bnpo":
        tokens = mask_NT.sum() if scale.tokens is None else torch.as_tensor(scale.tokens, device=mask_NT.device)
        return tokens.clamp(min=1.0)
    if spec.loss_type == "dr_grpo":
        assert spec.length_divisor is not None, "LossSpec lets no dr_grpo pass without it"
        return rows * spec.length_divisor
    return rows


def _old_logps(inputs: LossInputs) -> Tensor:
    return inputs.logps_NT.detach() if inputs.old_logps_NT is None else inputs.old_logps_NT


def _masked(inputs: LossInputs) -> LossInputs:
    """Return the inputs in float32 or wider, harmless outside the mask, with advantages as (N, 1) or (N, T)."""
    dtype = torch.promote_types(inputs.logps_NT.dtype, torch.float32)
    outside_NT = ~inputs.mask_NT.bool()
    neutral = dict.fromkeys(PER_TOKEN_LOGPS, 0.0) | {"advantages": 0.0, "importance_sampling_ratio": 1.0}
    filled: dict[str, Any] = {}
    for name, value in neutral.items():
        given = getattr(inputs, name)
        if given is not None:
            given = given.unsqueeze(-1) if given.dim() == 1 else given
            given = given.masked_fill(outside_NT, value) if given.shape == outside_NT.shape else given
            filled[name] = given.to(dtype)
    return replace(inputs, mask_NT=inputs.mask_NT.to(dtype), **filled)


# ---------------------------------------------------------------------------------------------------- metrics


def masked_total(values: Tensor, mask_NT: Tensor) -> tuple[Tensor, Tensor]:
    """Return sum and count of (N, T) values over the mask, or of (N, 1) values over the rows."""
    if values.shape[1] == 1 and mask_NT.shape[1] != 1:
        return values.sum(), torch.full((), float(values.shape[0]), device=values.device)
    return values.masked_fill(~mask_NT.bool(), 0.0).sum(), mask_NT.sum().float()


def loss_metrics(output: LossOutput, inputs: LossInputs) -> dict[str, tuple[Tensor, Tensor]]:
    """Return TRL's metrics of a loss as (sum, count), to be added over pieces and processes and then divided.

    Reg-GRPO has its own: correlation of log-ratios and advantages, spread of the log-ratios, share of live groups.
    """
    term, mask_NT = output.term, inputs.mask_NT
    found: dict[str, Tensor] = {}
    if output.kl_NT is not None:
        found["kl"] = output.kl_NT
    if term.low_clipped is not None and term.high_clipped is not None:
        found["clip_ratio/low_mean"] = term.low_clipped.float()
        found["clip_ratio/high_mean"] = term.high_clipped.float()
        found["clip_ratio/region_mean"] = (term.low_clipped | term.high_clipped).float()
    elif term.high_clipped is not None:
        found["cispo_clip_ratio"] = term.high_clipped.float()
    if term.phi_N1 is not None:
        found["vespo/phi_seq_mean"] = term.phi_N1
    totals = {name: masked_total(values, mask_NT) for name, values in found.items()}
    return totals | (_reg_metrics(term.reg) if term.reg is not None else {})


def _reg_metrics(reg: loss_terms.RegStatistics) -> dict[str, tuple[Tensor, Tensor]]:
    groups = torch.full((), float(len(reg.live_P)), device=reg.live_P.device)
    defined_P = ~reg.correlation_P.isnan()
    return {
        "reg_grpo/correlation": (reg.correlation_P.nansum(), defined_P.sum().float()),
        "reg_grpo/log_ratio_std": (reg.log_ratio_std_P.sum(), groups),
        "reg_grpo/live_groups": (reg.live_P.sum().float(), groups),
    }


def clip_extremes(output: LossOutput, inputs: LossInputs) -> dict[str, Tensor]:
    """Return each row's share of clipped tokens (N,), NaN for a row without tokens, under TRL's names.

    ``clip_ratio/low_min`` is to be reduced by the smallest over all rows, ``clip_ratio/high_max`` by the largest.
    """
    low, high = output.term.low_clipped, output.term.high_clipped
    if low is None or high is None:
        return {}
    return {
        "clip_ratio/low_min": _row_share(low, inputs.mask_NT),
        "clip_ratio/high_max": _row_share(high, inputs.mask_NT),
    }


def _row_share(flags: Tensor, mask_NT: Tensor) -> Tensor:
    if flags.shape[1] == 1 and mask_NT.shape[1] != 1:
        return flags.squeeze(1).float()
    return (flags * mask_NT).sum(-1) / mask_NT.sum(-1)
