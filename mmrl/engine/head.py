"""Log-probabilities and entropies of chosen tokens from hidden states, without the logits of a whole batch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.utils import maybe_gather_lm_head_ctx

CHUNK = 8192
"""Words of the vocabulary that are scored at a time."""
TOKENS = 256
"""Tokens that are scored at a time where logits are kept."""
KEPT_BYTES = 1 << 28
"""Logits up to this size are kept for the backward pass on the CPU; larger ones are computed again there."""


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """How logits become log-probabilities; TRL's options of the same names."""

    temperature: float = 1.0
    cast_lm_head_to_fp32: bool = False
    entropy: bool = True
    entropy_gradient: bool = False
    """Whether the loss goes through the entropies."""


def score_tokens(
    model: Any, hidden_S_D: Tensor, targets_S: Tensor, options: HeadOptions
) -> tuple[Tensor, Tensor | None]:
    """Return the log-probability of each target at its position, and the entropy there, both (S,) and float32.

    Only scored positions are given to the head: nothing is computed for prompts and padding. Large vocabularies go
    through TRL's chunked kernel; small ones on the CPU are faster with their logits kept.

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
    weight, bias = (_whole(tensor) for tensor in (head.weight, head.bias))
    with context, maybe_gather_lm_head_ctx(weight, bias):
        if hidden_S_D.device.type == "cpu" and 4 * len(hidden_S_D) * len(weight) <= KEPT_BYTES:
            return _with_logits_kept(hidden_S_D, weight, bias, targets_S, options)
        outputs = ("log_probs", "entropy") if options.entropy else ("log_probs",)
        log_probs, entropy, *_ = ChunkedLogProbFunction.apply(
            hidden_S_D, weight, bias, targets_S, options.temperature, CHUNK, None, 1.0, outputs
        )
    return log_probs, entropy


def _with_logits_kept(
    hidden_S_D: Tensor, weight: Tensor, bias: Tensor | None, targets_S: Tensor, options: HeadOptions
) -> tuple[Tensor, Tensor | None]:
    """Score some tokens at a time, so that what is not kept stays in the processor's cache."""
    weight = weight.to(torch.promote_types(hidden_S_D.dtype, weight.dtype))
    pieces = [
        _piece(hidden, weight, bias, targets, options)
        for hidden, targets in zip(hidden_S_D.split(TOKENS), targets_S.split(TOKENS), strict=True)
    ]
    log_probs, entropies = zip(*pieces, strict=True)
    return torch.cat(log_probs), torch.cat(entropies) if options.entropy else None


def _piece(
    hidden_S_D: Tensor, weight: Tensor, bias: Tensor | None, targets_S: Tensor, options: HeadOptions
) -> tuple[Tensor, Tensor | None]:
    logits_S_V = linear(hidden_S_D, weight, bias).float()
    if options.temperature != 1.0:
        logits_S_V = logits_S_V / options.temperature
    log_probs_S_V = logits_S_V.log_softmax(dim=-1)
    chosen = log_probs_S_V.gather(1, targets_S.unsqueeze(1)).squeeze(1)
    if not options.entropy:
        return chosen, None
    with torch.set_grad_enabled(options.entropy_gradient and torch.is_grad_enabled()):
        return chosen, -torch.linalg.vecdot(log_probs_S_V.exp(), log_probs_S_V)


def _whole(tensor: Any) -> Any:
    """Gather a parameter that FSDP2 has sharded."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
