"""Attention of a packed row by FlexAttention: one kernel for prompts and completions, for CUDA.

What a token may attend to is at most two intervals of keys: its prompt, if it belongs to a completion, and its own
prompt or completion up to itself. The kernel takes them as a mask over blocks of :data:`BLOCK` queries and keys: blocks
in which nothing is attended to are skipped, and blocks in which everything is are computed without looking at the mask.
The blocks are worked out from the intervals, so no mask of tokens by tokens is ever made, and once a layout.

Rows are padded to whole blocks: the kernel is compiled for lengths that vary, and the one that torch takes for fewer
than 128 queries does not take every number of heads. A padded query attends to its own, padded key.

Shapes: queries (1, H, T, D), keys and values (1, K, T, D); ``_Q`` padded queries, ``_M`` and ``_N`` blocks of queries
and of keys.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import pad

from mmrl.engine.attention import repeated
from mmrl.engine.layout import KeyValues, Layout

logger = logging.getLogger(__name__)

BLOCK = 128
"""Queries, and keys, of a block."""
LEAST_WIDTH = 16
"""Width of a head from which on the kernel can multiply matrices."""


def flex(layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, layout: Layout) -> Tensor:
    """Attend with FlexAttention, compiled on CUDA; returns (1, H, T, D).

    Heads narrower than :data:`LEAST_WIDTH` go through :func:`mmrl.engine.attention.repeated`, with one line in the log.
    On the CPU torch has the forward pass alone.
    """
    if query.shape[-1] < LEAST_WIDTH:
        _log_narrow(query.shape[-1])
        return repeated(layer, query, key, value, scale, layout)
    if layout.capture is not None:
        _capture(layer, key, value, layout, layout.capture)
    if layout.stored is not None:
        pairs = layout.stored.layers[layer]
        key = torch.cat([*(keys for keys, _ in pairs), key], dim=2)
        value = torch.cat([*(values for _, values in pairs), value], dim=2)
    mask = block_mask(layout, stored=key.shape[2] - query.shape[2], device=query.device)
    attend: Any = _compiled() if query.device.type == "cuda" else flex_attention
    padded = _pad(query, mask.seq_lengths[0]), *(_pad(tensor, mask.seq_lengths[1]) for tensor in (key, value))
    return attend(*padded, block_mask=mask, scale=scale, enable_gqa=True)[:, :, : query.shape[2]]


@functools.cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(flex_attention, dynamic=True)


@functools.cache
def _log_narrow(width: int) -> None:
    logger.info(f"attention repeats prompts for every completion: heads of width {width} are below {LEAST_WIDTH}")


def _pad(tensor: Tensor, length: int) -> Tensor:
    return pad(tensor, (0, 0, 0, length - tensor.shape[2]))


def _capture(layer: int, key: Tensor, value: Tensor, layout: Layout, captured: KeyValues) -> None:
    """Note each prompt's keys and values, with their graph."""
    if layout.stored is None:
        prompts = [tensor.split(layout.split_sizes, dim=2)[::2] for tensor in (key, value)]
        pairs = list(zip(*prompts, strict=True))
    else:
        pairs = layout.stored.layers[layer]
    captured.layers.setdefault(layer, []).extend(pairs)


# ----------------------------------------------------------------------------------------------------------- mask


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Which keys each query attends to: ``prompt_start <= k < prompt_end`` and ``own_start <= k < own_end``; int32."""

    prompt_start_Q: Tensor
    prompt_end_Q: Tensor
    own_start_Q: Tensor
    own_end_Q: Tensor

    def to(self, device: torch.device) -> Intervals:
        """Move to a device."""
        return Intervals(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def block_mask(layout: Layout, *, stored: int, device: torch.device) -> BlockMask:
    """Return the mask of a layout, made once and kept with it.

    Args:
        layout: where prompts and completions stand.
        stored: keys before the row.
        device: of the attention.
    """
    name = f"flex {stored} {device}"
    if name not in layout.cache:
        layout.cache[name] = _block_mask(intervals(layout, stored=stored), stored=stored, device=device)
    return layout.cache[name]


def intervals(layout: Layout, *, stored: int) -> Intervals:
    """Work out what each query of a layout, padded to whole blocks, attends to; on the CPU.

    Keys are numbered from the stored ones on: query ``t`` of the row is key ``stored + t``.
    """
    lengths = [length for segment in layout.segments for length in (segment.prompt, *segment.lengths_G)]
    starts, row = [], stored
    prompts, before = [], 0
    for segment, kept in zip(layout.segments, _stored_lengths(layout), strict=True):
        prompt = (row, row + segment.prompt) if segment.prompt else (before, before + kept)
        before += kept
        prompts += [(0, 0), *([prompt] * len(segment.lengths_G))]
        for length in (segment.prompt, *segment.lengths_G):
            starts.append(row)
            row += length
    counts = torch.tensor(lengths)
    first, last = torch.tensor(prompts, dtype=torch.int32).repeat_interleave(counts, dim=0).unbind(dim=1)
    own = torch.tensor(starts, dtype=torch.int32).repeat_interleave(counts)
    size = row - stored
    beyond = -size % BLOCK
    places = torch.arange(stored, stored + size + beyond, dtype=torch.int32)
    return Intervals(
        prompt_start_Q=pad(first, (0, beyond)),
        prompt_end_Q=pad(last, (0, beyond)),
        own_start_Q=torch.cat([own, places[size:]]),
        own_end_Q=places + 1,
    )


def _stored_lengths(layout: Layout) -> list[int]:
    """Return the tokens of each stored prompt; zeros where the row holds its prompts."""
    if layout.stored is None:
        return [0] * len(layout.segments)
    return [keys.shape[2] for keys, _ in next(iter(layout.stored.layers.values()))]


def _block_mask(found: Intervals, *, stored: int, device: torch.device) -> BlockMask:
    queries = len(found.own_end_Q)
    keys = stored + queries
    keys += -keys % BLOCK
    pairs_MN = _pairs(found, keys)
    partial_MN, full_MN = (pairs_MN > 0) & (pairs_MN < BLOCK * BLOCK), pairs_MN == BLOCK * BLOCK
    counts, indices, full_counts, full_indices = (
        tensor.to(device) for dense_MN in (partial_MN, full_MN) for tensor in _listed(dense_MN)
    )
    return BlockMask.from_kv_blocks(
        counts,
        indices,
        full_counts,
        full_indices,
        BLOCK_SIZE=BLOCK,
        mask_mod=mask_mod(found.to(device)),
        seq_lengths=(queries, keys),
    )


def mask_mod(found: Intervals) -> Callable[..., Tensor]:
    """Return FlexAttention's function of (batch, head, query, key): whether the query attends to the key.

    A plain function over tensors: the compiler takes these as inputs, so that it need not compile anew.
    """
    first, last, own, end = found.prompt_start_Q, found.prompt_end_Q, found.own_start_Q, found.own_end_Q

    def allowed(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001 (torch's)
        return ((first[query] <= key) & (key < last[query])) | ((own[query] <= key) & (key < end[query]))

    return allowed


def _pairs(found: Intervals, keys: int) -> Tensor:
    """Count the pairs of a query and a key that it attends to, by block: (M, N). The two intervals never overlap."""
    start_N = torch.arange(0, keys, BLOCK, dtype=torch.int32)
    overlaps_QN = sum(
        (torch.minimum(end.unsqueeze(1), start_N + BLOCK) - torch.maximum(start.unsqueeze(1), start_N)).clamp(min=0)
        for start, end in ((found.prompt_start_Q, found.prompt_end_Q), (found.own_start_Q, found.own_end_Q))
    )
    return torch.as_tensor(overlaps_QN).unflatten(0, (-1, BLOCK)).sum(dim=1)


def _listed(dense_MN: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each block of queries how many blocks of keys are set (1, 1, M), and which (1, 1, M, N) first."""
    order_MN = dense_MN.int().argsort(dim=1, descending=True, stable=True)
    return dense_MN.sum(dim=1).int()[None, None], order_MN.int()[None, None]
