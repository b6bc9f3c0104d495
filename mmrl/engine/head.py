"""Log-probabilities and entropies of chosen tokens from hidden states, without the logits of a whole batch in memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.utils import maybe_gather_lm_head_ctx

CHUNK = 8192
"""Words of the vocabulary that are scored at a time."""


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """How logits become log-probabilities; TRL's options of the same names."""

    temperature: float = 1.0
    cast_lm_head_to_fp32: bool = False
    entropy: bool = True


def score_tokens(model: Any, hidden_S_D: Tensor, targets_S: Tensor, options: HeadOptions) -> tuple[Tensor, Tensor | None]:
    """Return the log-probability of each target at its position, and the entropy there, both (S,) and float32.

    The kernel is TRL's own, given scored positions alone: nothing is computed for prompts and padding.

    Args:
        model: the language model with its head, unwrapped.
        hidden_S_D: last hidden states at the scored positions.
        targets_S: the sampled tokens.
        options: temperature, precision, whether entropies are wanted (else None).
    """
    head = model.get_output_embeddings()
    context: Any = contextlib.nullcontext()
    if options.cast_lm_head_to_fp32:
        hidden_S_D = hidden_S_D.float()
        context = torch.autocast(hidden_S_D.device.type, enabled=False)
    weight, bias = (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor for tensor in (head.weight, head.bias))
    outputs = ("log_probs", "entropy") if options.entropy else ("log_probs",)
    with context, maybe_gather_lm_head_ctx(weight, bias):
        log_probs, entropy, *_ = ChunkedLogProbFunction.apply(
            hidden_S_D, weight, bias, targets_S, options.temperature, CHUNK, None, 1.0, outputs
        )
    return log_probs, entropy
