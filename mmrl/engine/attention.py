"""Attention of a packed row: prompts causally over themselves, each completion over its prompt and itself.

Registered with transformers' attention interface under :data:`NAME`. A completion's queries attend to two sets of
keys, its prompt's and its own. Softmax over both together is put together from the two parts by their log-sum-exps,

    out = sum_i exp(lse_i - lse) out_i,   lse = log sum_i exp(lse_i),

and the gradient of part ``i`` is what the flash kernel's own backward returns when it is given the joint ``out`` and
``lse`` (as in ring attention, Liu et al. 2023, arXiv 2310.01889). So no mask is built, and the prompt's keys are never
repeated.

Three implementations compute the same: ``merged`` (CPU flash kernel), ``flex`` (FlexAttention, CUDA) and ``repeated``
(plain scaled dot product attention with the prompt's keys repeated for every completion; runs everywhere, and is the
reference in tests).

Shapes: queries (1, H, T, D), keys and values (1, K, T, D) with H a multiple of K.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mmrl.engine.layout import Layout, Segment

NAME = "mmrl_group"
"""Name in transformers' attention interface. No mask function is registered under it, so that no mask is made."""

flash: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
flash_backward: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu_backward", None)


def has_flash() -> bool:
    """Tell whether this torch has the CPU flash kernel with its backward."""
    return flash is not None and flash_backward is not None


def group_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 (the interface's)
    *,
    group_layout: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend as a packed row asks; the function that transformers calls in every layer.

    Args:
        module: the attention layer, for its ``layer_idx``.
        query: (1, H, T, D).
        key: (1, K, T, D).
        value: (1, K, T, D).
        attention_mask: always None.
        group_layout: a :class:`Layout`, or anything with its own ``attend(layer, query, key, value, scale)``.
        scaling: factor on the scores; None for D ** -0.5.
        dropout: must be 0: what is dropped would differ between the passes.

    Returns:
        (1, T, H, D) and None.
    """
    assert not dropout, "shared prompts need attention without dropout"
    if torch.is_autocast_enabled(query.device.type):
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if not isinstance(group_layout, Layout):
        return group_layout.attend(module.layer_idx, query, key, value, scale), None
    attend = implementation(query)
    return attend(module.layer_idx, query, key, value, scale, group_layout).transpose(1, 2).contiguous(), None


def implementation(query: Tensor) -> Callable[..., Tensor]:
    """Return the implementation for the device of ``query``."""
    if query.device.type == "cpu":
        return merged if has_flash() else repeated
    if query.device.type == "cuda":
        from mmrl.engine.flex import flex

        return flex
    return repeated


def merged(layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, layout: Layout) -> Tensor:
    """Attend with the flash kernel, twice for a completion: over its prompt and over itself; returns (1, H, T, D)."""
    return _by_segment(layer, query, key, value, scale, layout, _merged_completions)


def repeated(layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, layout: Layout) -> Tensor:
    """Attend with each completion's keys and values written out behind its prompt's; returns (1, H, T, D)."""
    return _by_segment(layer, query, key, value, scale, layout, _repeated_completions)


def _by_segment(
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    layout: Layout,
    completions: Callable[..., Tensor],
) -> Tensor:
    sizes = layout.split_sizes
    parts = [tensor.split(sizes, dim=2) for tensor in (query, key, value)]
    outputs = []
    for index, segment in enumerate(layout.segments):
        (q_p, k_p, v_p), (q_c, k_c, v_c) = ([part[2 * index + half] for part in parts] for half in (0, 1))
        if segment.prompt:
            outputs.append(scaled_dot_product_attention(q_p, k_p, v_p, is_causal=True, scale=scale, enable_gqa=True))
        else:
            assert layout.stored is not None, "a row without prompts needs stored ones"
            k_p, v_p = layout.stored.layers[layer][index]
        if layout.capture is not None:
            layout.capture.layers.setdefault(layer, []).append((k_p, v_p))
        if segment.completions:
            outputs.append(completions(q_c, k_c, v_c, k_p, v_p, scale, segment))
    return torch.cat(outputs, dim=2)


# ------------------------------------------------------------------------------------------------------ repeated


def _repeated_completions(
    q_c: Tensor, k_c: Tensor, v_c: Tensor, k_p: Tensor, v_p: Tensor, scale: float, segment: Segment
) -> Tensor:
    outputs = []
    prompt = k_p.shape[2]
    parts = (tensor.split(list(segment.lengths_G), dim=2) for tensor in (q_c, k_c, v_c))
    for q, k, v in zip(*parts, strict=True):
        mask = torch.ones(q.shape[2], prompt + q.shape[2], dtype=torch.bool, device=q.device).tril(prompt)
        keys, values = torch.cat([k_p, k], dim=2), torch.cat([v_p, v], dim=2)
        outputs.append(scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=scale, enable_gqa=True))
    return torch.cat(outputs, dim=2)


# -------------------------------------------------------------------------------------------------------- merged


def _merged_completions(
    q_c: Tensor, k_c: Tensor, v_c: Tensor, k_p: Tensor, v_p: Tensor, scale: float, segment: Segment
) -> Tensor:
    return _Merged.apply(q_c, k_c, v_c, k_p, v_p, scale, segment)


class _Merged(torch.autograd.Function):
    """Completions of one group over prompt and own keys, by two calls of the CPU flash kernel each way."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, k_p: Tensor, v_p: Tensor, scale: float, segment: Segment
    ) -> Tensor:
        folded = _fold(q, k.shape[1])
        over_prompt, lse_prompt = flash(folded, k_p, v_p, 0.0, False, scale=scale)
        own = [_unpack(_heads(tensor, q.shape[1]), segment) for tensor in (q, k, v)]
        over_own, lse_own = flash(*own, 0.0, True, scale=scale)
        lse_prompt = lse_prompt.reshape(1, q.shape[1], q.shape[2])
        lse_own = _repack(lse_own.unsqueeze(-1), segment).squeeze(-1)
        lse = torch.logaddexp(lse_prompt, lse_own)
        out = merge(over_prompt.reshape(q.shape), lse_prompt, _repack(over_own, segment), lse_own)
        ctx.save_for_backward(q, k, v, k_p, v_p, out, lse)
        ctx.scale, ctx.segment = scale, segment
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, k_p, v_p, out, lse = ctx.saved_tensors
        segment, scale, kv_heads = ctx.segment, ctx.scale, k.shape[1]
        folded = [_fold(tensor, kv_heads) for tensor in (grad, q, out)]
        dq_p, dk_p, dv_p = flash_backward(
            folded[0], folded[1], k_p, v_p, folded[2], lse.reshape(1, kv_heads, -1), 0.0, False, scale=scale
        )
        own = [_unpack(_heads(tensor, q.shape[1]), segment) for tensor in (grad, q, k, v, out)]
        if not segment.is_even:
            own[0] = own[0] * segment.real_GC[:, None, :, None]
        lse_own = _unpack(lse.unsqueeze(-1), segment).squeeze(-1)
        grads = flash_backward(*own, lse_own, 0.0, True, scale=scale)
        dq, dk, dv = (_repack(tensor, segment) for tensor in grads)
        dk, dv = (tensor.unflatten(1, (kv_heads, -1)).sum(dim=2) for tensor in (dk, dv))
        return dq + dq_p.reshape(q.shape), dk, dv, dk_p, dv_p, None, None


def _fold(q: Tensor, kv_heads: int) -> Tensor:
    """Line up the query heads that share a key head behind one another: (1, H, L, D) -> (1, K, H / K * L, D)."""
    return q.reshape(1, kv_heads, -1, q.shape[-1])


def _heads(tensor: Tensor, heads: int) -> Tensor:
    """Repeat key or value heads up to ``heads``."""
    times = heads // tensor.shape[1]
    return tensor if times == 1 else tensor.repeat_interleave(times, dim=1)


def _unpack(tensor: Tensor, segment: Segment) -> Tensor:
    """Give each completion a row of its own, padded to the longest: (1, H, L, D) -> (G, H, C, D)."""
    if segment.is_even:
        return tensor[0].unflatten(1, (len(segment.lengths_G), -1)).transpose(0, 1)
    return tensor[0][:, segment.gather_GC].transpose(0, 1)


def _repack(tensor: Tensor, segment: Segment) -> Tensor:
    """Undo :func:`_unpack`: (G, H, C, D) -> (1, H, L, D)."""
    tensor = tensor.transpose(0, 1)
    if segment.is_even:
        return tensor.flatten(1, 2).unsqueeze(0)
    return tensor[:, segment.real_GC].unsqueeze(0)


def merge(first: Tensor, lse_first: Tensor, second: Tensor, lse_second: Tensor) -> Tensor:
    """Return softmax attention over two sets of keys from the attention over each, and its log-sum-exp of scores.

    exp(lse_i - lse) of two parts is a sigmoid of the difference of their log-sum-exps.
    """
    share = torch.sigmoid(lse_second - lse_first).unsqueeze(-1).to(first.dtype)
    return torch.lerp(first, second, share)
