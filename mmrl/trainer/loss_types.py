"""What a policy loss is made of: its configuration, the tensors of a micro-batch, denominators, and what comes out.

Legend: ``_N`` completions of a micro-batch (rows, group by group), ``_T`` completion tokens (right padded).
Log-probabilities are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor

from mmrl.config.training_checks import CLIPPED
from mmrl.errors import InputError
from mmrl.trainer.loss_terms import ImportanceLevel, PolicyTerm

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo", "reg_grpo"]

CLIPPED_TYPES = CLIPPED
"""Loss types with PPO's clipped term; they differ in what the sum is divided by."""
ROW_MEAN_TYPES = ("grpo", "sapo", "reg_grpo")
"""Each row is averaged over its own tokens first."""
WINDOW_TYPES = ("dapo", "cispo", "vespo")
"""Divided by the tokens of the whole accumulation window, ``LossScale.num_items``."""
PER_TOKEN_LOGPS = ("logps_NT", "old_logps_NT", "ref_logps_NT", "sampling_logps_NT")
"""Fields of ``LossInputs`` that hold a log-probability for each token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSpec:
    """Everything that chooses a loss. Names and defaults are TRL's, except ``length_divisor`` and ``reg_*``.

    Raises:
        InputError: an unknown name, or a number outside its range.
    """

    loss_type: LossType = "dapo"
    beta: float = 0.0
    """Weight of the KL to the reference, added to the loss. Reg-GRPO's equation is printed with a minus before it,
    which in a loss drives the policy from its reference; a value below 0 takes that at its word."""
    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    """Upper clip range; for ``cispo`` the ceiling of the ratio itself."""
    delta: float | None = None
    """Cap of the unclipped ratio (two-sided clipping)."""
    importance_sampling_level: ImportanceLevel = "token"
    use_bias_correction_kl: bool = True
    """Multiply the KL by the importance ratio."""
    sapo_temperature_pos: float = 1.0
    sapo_temperature_neg: float = 1.05
    vespo_k_pos: float = 2.0
    vespo_lambda_pos: float = 3.0
    vespo_k_neg: float = 3.0
    vespo_lambda_neg: float = 2.0
    off_policy_mask_threshold: float | None = None
    """Nats of mean drift above which a row with a negative advantage is dropped."""
    length_divisor: float | None = None
    """Tokens by which ``dr_grpo`` divides every row: ``max_completion_length`` in TRL, 64 in GUI-G1's code."""
    reg_sigma_floor: float | None = 0.1
    """Least spread, in nats, by which Reg-GRPO divides log-ratios; None: the literal spread + ``reg_eps``."""
    reg_eps: float = 1e-4
    reg_mean_log_ratio: bool = False
    """Reg-GRPO on the mean log-ratio of a row's tokens; the paper's derivation takes the sum."""

    def __post_init__(self) -> None:
        _require(self.loss_type in get_args(LossType), "loss_type", "be one of " + ", ".join(get_args(LossType)), self)
        levels = get_args(ImportanceLevel)
        _require(
            self.importance_sampling_level in levels,
            "importance_sampling_level",
            "be one of " + ", ".join(levels),
            self,
        )
        may_be_negative = self.loss_type == "reg_grpo" and math.isfinite(self.beta)
        _require(may_be_negative or 0 <= self.beta < math.inf, "beta", "be a number of at least 0", self)
        for name in ("epsilon_low", "epsilon_high"):
            _require(0 <= getattr(self, name) < math.inf, name, "be a number of at least 0", self)
        for name in (
            "delta",
            "sapo_temperature_pos",
            "sapo_temperature_neg",
            "length_divisor",
            "reg_sigma_floor",
            "reg_eps",
        ):
            value = getattr(self, name)
            _require(value is None or 0 < value < math.inf, name, "be a number above 0", self)
        given = self.loss_type != "dr_grpo" or self.length_divisor is not None
        _require(given, "length_divisor", "be set for dr_grpo", self)

    @classmethod
    def from_args(cls, args: Any) -> LossSpec:
        """Read a ``GRPOConfig``, TRL's or ours; options that TRL does not have take their defaults where missing.

        Raises:
            InputError: a value out of range.
        """
        divisor = getattr(args, "length_divisor", None)
        high = args.epsilon if args.epsilon_high is None else args.epsilon_high
        renamed = {"epsilon_low": args.epsilon, "epsilon_high": high}
        renamed["length_divisor"] = args.max_completion_length if divisor is None else divisor
        same = {name for name in cls.__dataclass_fields__ if name not in renamed and hasattr(args, name)}
        return cls(**renamed, **{name: getattr(args, name) for name in same})


@dataclass(frozen=True, kw_only=True, eq=False)
class LossInputs:
    """The tensors of one micro-batch, or of a piece of one."""

    logps_NT: Tensor
    """Log-probability of each completion token under the policy; carries the gradient."""
    mask_NT: Tensor
    """Completion mask times tool mask."""
    advantages: Tensor
    """(N,), (N, 1) or (N, T)."""
    old_logps_NT: Tensor | None = None
    """Under the policy that the batch started from; None: the policy itself, detached."""
    ref_logps_NT: Tensor | None = None
    """Under the reference; needed where ``beta`` is not 0."""
    sampling_logps_NT: Tensor | None = None
    """As the sampler reported them, NaN where it did not; only the off-policy mask reads them."""
    importance_sampling_ratio: Tensor | None = None
    """Bounded pi_old / pi_sampler, (N, 1) or (N, T)."""
    entropy_mask_NT: Tensor | None = None
    """Tokens whose policy term counts; the KL and all denominators keep every token."""
    weights_N: Tensor | None = None
    """Weight of each sample: multiplies its policy term, not its KL and no denominator, as GUI-G1's code does."""
    group_sizes: Sequence[int] | None = None
    """Sizes of consecutive rows that form one group, summing to N; Reg-GRPO needs them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LossScale:
    """Denominators that the rows at hand do not know."""

    micro_batches: float = 1.0
    """Micro-batches of the accumulation window; 1 in evaluation."""
    num_items: float | Tensor | None = None
    """Tokens of the accumulation window on one process (dapo, cispo, vespo); :meth:`window` computes it."""
    rows: float | None = None
    """Completions of the whole micro-batch, where the inputs are a piece of it: pieces sum to the whole. None: N."""
    tokens: float | Tensor | None = None
    """Counted tokens of the whole micro-batch, where the inputs are a piece of it; None: those of the mask."""

    @staticmethod
    def window(
        num_items_in_batch: Tensor, *, processes: int, micro_batches: float, steps_per_generation: int, training: bool
    ) -> Tensor:
        """Return ``num_items`` from the tokens of a generation batch over all processes, as TRL rescales them."""
        num_items = num_items_in_batch.clamp(min=1.0) / processes
        return num_items * micro_batches / steps_per_generation if training else num_items


@dataclass(frozen=True, kw_only=True, eq=False)
class LossOutput:
    """A loss with what its metrics are made of; all but ``loss`` is detached."""

    loss: Tensor
    """Scalar, divided for gradient accumulation."""
    policy_loss: Tensor
    """The same before that division."""
    kl_NT: Tensor | None
    """Per-token KL as it entered the loss; None where ``beta`` is 0."""
    ratio: Tensor
    """Importance ratio, (N, T) or (N, 1)."""
    term: PolicyTerm


# ---------------------------------------------------------------------------------------------------- checks


def _require(holds: bool, name: str, must: str, spec: LossSpec) -> None:
    if not holds:
        raise InputError(f"{name} must {must}; found {getattr(spec, name)!r}; correct it in the training options")


def check_inputs(inputs: LossInputs, spec: LossSpec, scale: LossScale) -> None:
    """Refuse tensors that disagree in shape, or that lack what the loss needs.

    Raises:
        InputError: names the field, what it must hold and what was found.
    """
    _check_shapes(inputs)
    if spec.beta != 0 and inputs.ref_logps_NT is None:
        raise InputError(f"beta {spec.beta} must come with ref_logps_NT; found none; pass them, or set beta to 0")
    if spec.loss_type in WINDOW_TYPES and scale.num_items is None:
        raise InputError(
            f"{spec.loss_type} must know the tokens of its window; found no num_items; pass it in LossScale"
        )
    ratio = inputs.importance_sampling_ratio
    if spec.loss_type == "vespo" and ratio is not None and ratio.shape != inputs.logps_NT.shape:
        raise InputError(
            f"vespo must have a sampler ratio for each token; found shape {tuple(ratio.shape)}; "
            "set vllm_importance_sampling_mode to token_truncate or token_mask"
        )
    if spec.loss_type == "reg_grpo":
        _check_reg_grpo(inputs)


def _check_shapes(inputs: LossInputs) -> None:
    shape = inputs.logps_NT.shape
    for name in ("mask_NT", *PER_TOKEN_LOGPS, "entropy_mask_NT"):
        value = getattr(inputs, name)
        if value is not None and value.shape != shape:
            raise InputError(f"{name} must have the shape of logps_NT, {tuple(shape)}; found {tuple(value.shape)}")
    for name in ("advantages", "importance_sampling_ratio", "weights_N"):
        value = getattr(inputs, name)
        columns = (1,) if name == "weights_N" else (1, shape[1])
        if value is not None and (value.shape[0] != shape[0] or (value.dim() > 1 and value.shape[1] not in columns)):
            raise InputError(f"{name} must have one row for each of {shape[0]} completions; found {tuple(value.shape)}")


def _check_reg_grpo(inputs: LossInputs) -> None:
    rows, sizes = inputs.logps_NT.shape[0], inputs.group_sizes
    if sizes is None or sum(sizes) != rows or any(size < 1 for size in sizes):
        raise InputError(
            f"reg_grpo must be given whole groups: group_sizes that sum to the {rows} rows; found {sizes}; "
            "keep the completions of a prompt in one micro-batch on one process"
        )
    if inputs.entropy_mask_NT is not None:
        raise InputError(
            "reg_grpo must see every token of a response; found an entropy mask; set top_entropy_quantile to 1"
        )
    per_token = {"advantages": inputs.advantages, "importance_sampling_ratio": inputs.importance_sampling_ratio}
    for name, value in per_token.items():
        if value is not None and value.dim() == 2 and value.shape[1] != 1:
            raise InputError(
                f"{name} must be one number a response for reg_grpo; found shape {tuple(value.shape)}; "
                "use a sequence-level mode"
            )
