"""The kernels of packed rows against plain attention on rows written out one by one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mmrl.engine.attention import merged, repeated
from mmrl.engine.layout import KeyValues, Layout, Segment

SEGMENTS = {
    "one": (Segment(prompt=7, lengths_G=(4, 4, 4)),),
    "uneven": (Segment(prompt=5, lengths_G=(3, 1, 6)), Segment(prompt=9, lengths_G=(2, 2))),
    "empty completion": (Segment(prompt=5, lengths_G=(3, 0, 2)), Segment(prompt=4, lengths_G=(0, 0))),
    "long": (Segment(prompt=70, lengths_G=(40, 33)), Segment(prompt=3, lengths_G=(65,))),
}


def plain(query, key, value, layout):
    """Attend in one row for each completion, as a model without packing would; returns (1, H, T, D)."""
    times = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    outputs, start = [], 0
    for segment in layout.segments:
        prompt = torch.arange(start, start + segment.prompt)
        own = start + segment.prompt
        rows = [prompt]
        for length in segment.lengths_G:
            rows.append(torch.cat([prompt, torch.arange(own, own + length)]))
            own += length
        for number, row in enumerate(rows):
            q, k, v = (tensor[:, :, row] for tensor in (query, key, value))
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3)
            outputs.append(out if number == 0 else out[:, :, segment.prompt :])
        start = own
    return torch.cat(outputs, dim=2)


def tensors(layout, *, heads, kv_heads, seed=0):
    generator = torch.Generator().manual_seed(seed)
    size = sum(layout.split_sizes)
    made = [torch.randn(1, count, size, 16, generator=generator) for count in (heads, kv_heads, kv_heads)]
    return [tensor.requires_grad_() for tensor in made], torch.randn(1, heads, size, 16, generator=generator)


def values_and_gradients(attend, inputs, outward):
    out = attend(*inputs)
    return [out, *torch.autograd.grad(out, inputs, outward)]


@pytest.mark.parametrize("name", SEGMENTS)
@pytest.mark.parametrize("heads", [(4, 4), (6, 2)])
@pytest.mark.parametrize("kernel", [merged, repeated])
def test_equals_plain_attention(name, heads, kernel):
    layout = Layout(segments=SEGMENTS[name])
    inputs, outward = tensors(layout, heads=heads[0], kv_heads=heads[1])
    expected = values_and_gradients(lambda q, k, v: plain(q, k, v, layout), inputs, outward)
    found = values_and_gradients(lambda q, k, v: kernel(0, q, k, v, 0.3, layout), inputs, outward)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kernel", [merged, repeated])
def test_completions_behind_stored_prompts_equal_the_whole_row(kernel):
    whole = Layout(segments=SEGMENTS["uneven"], capture=KeyValues())
    inputs, outward = tensors(whole, heads=6, kv_heads=2)
    prompts_alone = Layout(segments=tuple(Segment(prompt=one.prompt, lengths_G=()) for one in whole.segments))
    split = [tensor.split(whole.split_sizes, dim=2) for tensor in inputs]
    outward_parts = outward.split(whole.split_sizes, dim=2)

    def in_two_steps():
        prompts_alone.capture = KeyValues()
        first = kernel(3, *(torch.cat(parts[::2], dim=2) for parts in split), 0.3, prompts_alone)
        behind = Layout(
            segments=tuple(Segment(prompt=0, lengths_G=one.lengths_G) for one in whole.segments),
            stored=prompts_alone.capture,
        )
        second = kernel(3, *(torch.cat(parts[1::2], dim=2) for parts in split), 0.3, behind)
        return first, second

    expected = kernel(3, *inputs, 0.3, whole)
    first, second = in_two_steps()
    parts = expected.split(whole.split_sizes, dim=2)
    torch.testing.assert_close(first, torch.cat(parts[::2], dim=2))
    torch.testing.assert_close(second, torch.cat(parts[1::2], dim=2))
    outward_two = [torch.cat(outward_parts[half::2], dim=2) for half in (0, 1)]
    found = torch.autograd.grad([first, second], inputs, outward_two)
    for one, other in zip(found, torch.autograd.grad(expected, inputs, outward), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-6)
    assert [len(pairs) for pairs in whole.capture.layers.values()] == [2]


def test_bfloat16_stays_near_float32():
    layout = Layout(segments=SEGMENTS["uneven"])
    inputs, outward = tensors(layout, heads=4, kv_heads=2)
    exact = values_and_gradients(lambda q, k, v: merged(0, q, k, v, 0.3, layout), inputs, outward)
    halves = [tensor.detach().bfloat16().requires_grad_() for tensor in inputs]
    found = values_and_gradients(lambda q, k, v: merged(0, q, k, v, 0.3, layout), halves, outward.bfloat16())
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.bfloat16
        torch.testing.assert_close(one.float(), other, rtol=3e-2, atol=3e-2)
