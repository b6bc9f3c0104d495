"""The engine on a CUDA device: kernels, whole passes, sampling, one step of the trainer. Skipped where there is none.

Bounds in float32 leave room for the device's own order of summing; TF32 is off. In bfloat16, errors against float32 may
be 1.5 times those of the plain computation in bfloat16, and gradients of a step 1.25 times as far off as TRL's.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn.attention.flex_attention import flex_attention
from transformers import GenerationConfig

from mmrl.engine import flex as flex_module
from mmrl.engine.attention import repeated
from mmrl.engine.decode import sample
from mmrl.engine.flex import flex
from mmrl.engine.head import HeadOptions
from mmrl.engine.layout import KeyValues, Layout, Segment
from mmrl.engine.passes import Group, GroupPass, install, sharing_attention
from mmrl.engine.prompts import make_prompt
from tests import zoo
from tests.engine.test_attention import SEGMENTS, values_and_gradients

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

LAYOUTS = {**SEGMENTS, "blocks": (Segment(prompt=300, lengths_G=(130, 2, 1)), Segment(prompt=128, lengths_G=(128,)))}
HEADS = [(4, 4, 64), (6, 2, 64), (8, 1, 128), (4, 2, 16), (4, 2, 80)]
"""Query heads, key heads, width; 80 is no power of two."""


@pytest.fixture(autouse=True)
def full_float32():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    torch.set_float32_matmul_precision(before)


def drawn(layout: Layout, heads: tuple[int, int, int]) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    size = sum(layout.split_sizes)
    shapes = [(1, count, size, heads[2]) for count in (heads[0], heads[1], heads[1], heads[0])]
    *inputs, outward = (torch.randn(shape, generator=generator).cuda() for shape in shapes)
    return [tensor.requires_grad_() for tensor in inputs], outward


def off(found: list[torch.Tensor], exact: list[torch.Tensor]) -> list[float]:
    return [((one.float() - other).norm() / other.norm()).item() for one, other in zip(found, exact, strict=True)]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("heads", HEADS, ids=str)
def test_attention_equals_repeated(name, heads):
    layout = Layout(segments=LAYOUTS[name])
    inputs, outward = drawn(layout, heads)
    exact = values_and_gradients(lambda q, k, v: repeated(0, q, k, v, 0.2, layout), inputs, outward)
    found = values_and_gradients(lambda q, k, v: flex(0, q, k, v, 0.2, layout), inputs, outward)
    assert max(off(found, exact)) < 1e-5
    halves = [tensor.detach().bfloat16().requires_grad_() for tensor in inputs]
    rounded, plain = (
        off(values_and_gradients(lambda *qkv, run=run: run(0, *qkv, 0.2, layout), halves, outward.bfloat16()), exact)
        for run in (flex, repeated)
    )
    assert all(one < max(1.5 * other, 5e-3) for one, other in zip(rounded, plain, strict=True))


@pytest.mark.parametrize("name", ["uneven", "blocks"])
def test_completions_behind_stored_prompts_with_gradients(name):
    whole = Layout(segments=LAYOUTS[name])
    inputs, outward = drawn(whole, (6, 2, 64))
    parts = [tensor.split(whole.split_sizes, dim=2) for tensor in (*inputs, outward)]
    query, key, value, own_outward = (torch.cat(part[1::2], dim=2) for part in parts)
    gradients = []
    for attend in (flex, repeated):
        stored = KeyValues(layers={0: list(zip(parts[1][::2], parts[2][::2], strict=True))})
        segments = tuple(Segment(prompt=0, lengths_G=one.lengths_G) for one in whole.segments)
        out = attend(0, query, key, value, 0.2, Layout(segments=segments, stored=stored))
        gradients.append([out, *torch.autograd.grad(out, inputs, own_outward, retain_graph=True)])
    assert max(off(*gradients)) < 1e-5


def test_layouts_of_other_lengths_are_not_compiled_anew(monkeypatch):
    counter = CompileCounterWithBackend("inductor")
    compiled = torch.compile(flex_attention, dynamic=True, backend=counter)
    monkeypatch.setattr(flex_module, "_compiled", lambda: compiled)
    for seed in range(8):
        layout = Layout(segments=(Segment(prompt=150 + 97 * seed, lengths_G=(5 + 61 * seed, 33)),))
        inputs, outward = drawn(layout, (4, 2, 64))
        values_and_gradients(lambda q, k, v, row=layout: flex(0, q, k, v, 0.2, row), inputs, outward)
    assert 1 <= counter.frame_count <= 3


@pytest.fixture(scope="module")
def qwen():
    model, processor = zoo.build("qwen2_5_vl")
    install(model)
    return model, processor


def groups_of(model: Any, processor: Any) -> list[Group]:
    texts = ("Is it red?", "What is in this picture, and how many of them?")
    fields = [zoo.encode(processor, [[*zoo.images(1, 56), text]]) for text in texts]
    generator = torch.Generator().manual_seed(3)
    lengths = ((5, 2, 7, 1), (3, 3, 4, 2))
    return [
        Group(
            prompt=make_prompt(model, dict(one), counts={"image": 1}),
            completions=[torch.randint(20, 200, (length,), generator=generator) for length in group],
        )
        for one, group in zip(fields, lengths, strict=True)
    ]


def scored(model: Any, groups: list[Group]) -> list[torch.Tensor]:
    """Return log-probabilities and every gradient of their weighted sum."""
    model.zero_grad()
    with sharing_attention(model):
        output = model(group_pass=GroupPass(groups=groups, options=HeadOptions(temperature=0.9)))
        weights = torch.linspace(-1, 1, len(output.log_probs), device=output.log_probs.device)
        (output.log_probs * weights).sum().backward()
    named = sorted((name, one.grad) for name, one in model.named_parameters() if one.grad is not None)
    return [output.log_probs.detach().cpu(), *(grad.cpu().clone() for _, grad in named)]


def test_a_pass_equals_that_of_the_cpu(qwen):
    model, processor = qwen
    groups = groups_of(model, processor)
    exact = scored(model.cpu(), groups)
    found = scored(model.cuda(), groups)
    scale = max(one.norm() for one in exact[1:]) * 1e-3
    assert off(found[:1], exact[:1])[0] < 1e-5
    for one, other in zip(found[1:], exact[1:], strict=True):
        assert (one - other).norm() / max(other.norm(), scale) < 1e-4
    with torch.autocast("cuda", dtype=torch.bfloat16):
        rounded = scored(model, groups)
    assert off(rounded[:1], exact[:1])[0] < 2e-2
    total = sum((one - other).square().sum() for one, other in zip(rounded[1:], exact[1:], strict=True)).sqrt()
    assert total / sum(one.square().sum() for one in exact[1:]).sqrt() < 5e-2


@pytest.mark.parametrize("autocast", [False, True])
def test_greedy_sampling_continues_as_whole_passes_would(qwen, autocast):
    model, processor = qwen
    model.cuda().eval()
    groups = groups_of(model, processor)
    prompts = [group.prompt for group in groups]
    settings = GenerationConfig(do_sample=False, max_new_tokens=6, eos_token_id=[1], pad_token_id=0)
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, enabled=autocast), sharing_attention(model):
        prefill = GroupPass(groups=[Group(prompt=prompt, completions=[]) for prompt in prompts], prefill=True)
        done = model(group_pass=prefill).prefilled
        sampled = sample(model, prompts, done, group_size=2, generation_config=settings)
        assert sampled[0] == sampled[1]
        assert sampled[2] == sampled[3]
        rows = [Group(prompt=prompt, completions=[torch.tensor(sampled[2 * at])]) for at, prompt in enumerate(prompts)]
        likely = model(group_pass=GroupPass(groups=rows)).log_probs
        # A greedy token is the likeliest: no other token in its place may be likelier, by more than rounding.
        for token in (30, 60, 90):
            others = [
                Group(prompt=row.prompt, completions=[torch.cat([row.completions[0][:-1], torch.tensor([token])])])
                for row in rows
            ]
            ends = torch.tensor([len(row.completions[0]) for row in rows]).cumsum(0) - 1
            other = model(group_pass=GroupPass(groups=others)).log_probs
            assert (other[ends] <= likely[ends] + (5e-2 if autocast else 1e-4)).all()


@pytest.mark.parametrize("options", [{}, {"beta": 0.04, "lora": True}, {"gradient_checkpointing": True}], ids=str)
def test_a_bf16_step_of_the_trainer_is_near_trls(options, tmp_path):
    from tests.trainer import exact

    folder = zoo.write("qwen2_5_vl", tmp_path / "model")
    given = {"use_cpu": False, **options}
    reference = exact.train("ours", folder, exact.rows("images"), **given).gradients[0]
    runs = [exact.train(kind, folder, exact.rows("images"), bf16=True, **given) for kind in ("ours", "trl")]

    def total(gradients: dict[str, torch.Tensor]) -> float:
        return sum((gradients[name] - value).square().sum().item() for name, value in reference.items()) ** 0.5

    ours, theirs = (total(run.gradients[0]) for run in runs)
    assert 0 < ours < 1.25 * theirs
    sampled = exact.train("ours", folder, exact.rows("images"), bf16=True, sampled=True, **given)
    assert all(torch.isfinite(value).all() for value in sampled.gradients[0].values())


@pytest.mark.parametrize("share", [True, False])
def test_a_float32_step_equals_trls(share, tmp_path):
    from tests.trainer import exact

    folder = zoo.write("qwen2_5_vl", tmp_path / "model")
    data, given = exact.rows("images"), {"use_cpu": False, "beta": 0.04}
    ours = exact.train("ours", folder, data, share_prompts=share, **given)
    assert exact.worst(ours, exact.train("trl", folder, data, **given)) < 1e-4
