"""FlexAttention's mask and forward pass against attention with the prompt written out.

On the CPU torch has no backward pass of it: gradients are compared through the mask that it is given.
"""

from __future__ import annotations

import logging

import pytest
import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import create_block_mask, create_mask

from mmrl.engine.attention import repeated
from mmrl.engine.flex import BLOCK, _log_narrow, block_mask, flex, intervals, mask_mod
from mmrl.engine.layout import KeyValues, Layout, Segment
from tests.engine.test_attention import SEGMENTS, tensors, values_and_gradients

LONG = {
    **SEGMENTS,
    "several blocks": (Segment(prompt=300, lengths_G=(130, 2, 1)), Segment(prompt=128, lengths_G=(128,))),
    "prompts alone": (Segment(prompt=7, lengths_G=()), Segment(prompt=131, lengths_G=())),
}
HEADS = [(4, 4), (6, 2)]

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


def dense(layout: Layout, *, stored: int = 0):
    """Return the tokens' mask (Q, keys) that the kernel is given, unpadded."""
    found = intervals(layout, stored=stored)
    rows = sum(layout.split_sizes)
    return create_mask(mask_mod(found), 1, 1, rows, stored + rows, device="cpu")


def behind(layout: Layout, key, value, *, layer: int = 0) -> tuple[Layout, list[torch.Tensor]]:
    """Return the layout of completions behind stored prompts, and their keys and values."""
    parts = [tensor.split(layout.split_sizes, dim=2) for tensor in (key, value)]
    stored = KeyValues(layers={layer: list(zip(parts[0][::2], parts[1][::2], strict=True))})
    segments = tuple(Segment(prompt=0, lengths_G=one.lengths_G) for one in layout.segments)
    return Layout(segments=segments, stored=stored), [torch.cat(part[1::2], dim=2) for part in parts]


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("heads", HEADS)
def test_forward_equals_repeated(name, heads):
    layout = Layout(segments=LONG[name])
    inputs, _ = tensors(layout, heads=heads[0], kv_heads=heads[1])
    with torch.no_grad():
        found, expected = flex(0, *inputs, 0.3, layout), repeated(0, *inputs, 0.3, layout)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("heads", HEADS)
def test_gradients_through_the_mask_equal_repeated(name, heads):
    layout = Layout(segments=LONG[name])
    inputs, outward = tensors(layout, heads=heads[0], kv_heads=heads[1])
    mask = dense(layout)
    found = values_and_gradients(
        lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3, enable_gqa=True),
        inputs,
        outward,
    )
    expected = values_and_gradients(lambda q, k, v: repeated(0, q, k, v, 0.3, layout), inputs, outward)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["one", "uneven", "empty completion", "long", "several blocks"])
@torch.no_grad()
def test_completions_behind_stored_prompts_equal_repeated(name):
    whole = Layout(segments=LONG[name])
    (query, key, value), _ = tensors(whole, heads=6, kv_heads=2)
    after, own = behind(whole, key, value)
    query = torch.cat(query.split(whole.split_sizes, dim=2)[1::2], dim=2)
    torch.testing.assert_close(
        flex(0, query, *own, 0.3, after), repeated(0, query, *own, 0.3, after), rtol=1e-5, atol=2e-6
    )


@pytest.mark.parametrize("stored", [False, True])
def test_captures_what_repeated_captures(stored):
    captured = []
    for attend in (flex, repeated):
        layout = Layout(segments=SEGMENTS["uneven"])
        (query, key, value), _ = tensors(layout, heads=4, kv_heads=2)
        query, key, value = query.detach(), key.detach(), value.detach()
        if stored:
            query = torch.cat(query.split(layout.split_sizes, dim=2)[1::2], dim=2)
            layout, (key, value) = behind(layout, key, value)
        layout.capture = KeyValues()
        attend(0, query, key, value, 0.3, layout)
        captured.append([tensor for pair in layout.capture.layers[0] for tensor in pair])
    assert len(captured[0]) == 4
    for one, other in zip(*captured, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("name", ["uneven", "long", "several blocks"])
def test_blocks_equal_those_that_torch_finds_in_the_dense_mask(name, stored):
    layout, before = Layout(segments=LONG[name]), 0
    if stored:
        (_, key, value), _ = tensors(layout, heads=2, kv_heads=2)
        layout, _ = behind(layout, key, value)
        before = sum(segment.prompt for segment in LONG[name])
    mask = block_mask(layout, stored=before, device=torch.device("cpu"))
    rows, keys = mask.seq_lengths
    assert (rows % BLOCK, keys % BLOCK) == (0, 0)
    expected = create_block_mask(mask.mask_mod, 1, 1, rows, keys, device="cpu", BLOCK_SIZE=BLOCK)
    for kind in ("", "full_"):
        count, found = getattr(mask, f"{kind}kv_num_blocks"), getattr(mask, f"{kind}kv_indices")
        assert torch.equal(count, getattr(expected, f"{kind}kv_num_blocks"))
        for block, number in enumerate(count[0, 0].tolist()):
            wanted = getattr(expected, f"{kind}kv_indices")[0, 0, block, :number]
            assert torch.equal(found[0, 0, block, :number], wanted)
    if name == "several blocks":
        assert int(mask.full_kv_num_blocks.sum()) > 0


def test_the_mask_is_made_once_a_layout():
    layout = Layout(segments=SEGMENTS["uneven"])
    device = torch.device("cpu")
    assert block_mask(layout, stored=0, device=device) is block_mask(layout, stored=0, device=device)


def test_narrow_heads_are_repeated_with_one_line_in_the_log(caplog):
    _log_narrow.cache_clear()
    layout = Layout(segments=SEGMENTS["uneven"])
    inputs = [tensor[..., :8].detach() for tensor in tensors(layout, heads=4, kv_heads=2)[0]]
    with caplog.at_level(logging.INFO, logger="mmrl.engine.flex"):
        for layer in range(2):
            assert torch.equal(flex(layer, *inputs, 0.3, layout), repeated(layer, *inputs, 0.3, layout))
    assert [record.message for record in caplog.records] == [
        "attention repeats prompts for every completion: heads of width 8 are below 16"
    ]
