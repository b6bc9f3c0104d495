"""Each family's tiny model and processor: they run, they see, they learn, and they survive a round trip to disk."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.zoo import FAMILIES, VIDEO_FAMILIES, build, clip, encode, images, picture, write

SMALL, OTHER = images(2, 56)
WIDE, TALL, LARGE = picture(112, 56, seed=5), picture(56, 84, seed=6), picture(120, 120, seed=7)
FRAMES = clip(4, 56)

CASES: dict[str, list[list[Any]]] = {
    "text": [["Is it red?"]],
    "image": [[SMALL, "Is it red?"]],
    "two images": [[TALL, WIDE, "What differs?"]],
    "batch": [[SMALL, "Hi"], [OTHER, WIDE, "What differs between the two pictures?"]],
    "batch with a text row": [["How many squares are there, 1 or 2?"], [TALL, "Hi"]],
    "clip": [[FRAMES, "What moves?"]],
}


def cases_of(name: str) -> list[str]:
    return [case for case in CASES if case != "clip" or name in VIDEO_FAMILIES]


EVERY_CASE = [(name, case) for name in FAMILIES for case in cases_of(name)]
WITH_MEDIA = [(name, case) for name, case in EVERY_CASE if case != "text"]


@cache
def family(name: str) -> tuple[Any, Any]:
    model, processor = build(name)
    return model.eval(), processor


@cache
def inputs_of(name: str, case: str) -> Any:
    return encode(family(name)[1], CASES[case])


def logits(model: Any, inputs: Any, **more: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(**inputs, **more).logits


def without_pixels(inputs: Any) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in ("pixel_values", "pixel_values_videos")}


def features(model: Any, inputs: Any) -> dict[str, Any]:
    """Run the vision tower by itself, as the model's own forward would."""
    found = {}
    for kind, pixels in (("image", "pixel_values"), ("video", "pixel_values_videos")):
        if pixels in inputs:
            encoder = getattr(model.model, f"get_{kind}_features")
            known = inspect.signature(encoder).parameters
            with torch.no_grad():
                found[kind] = encoder(**{k: v for k, v in inputs.items() if k in known}, return_dict=True)
    return found


def vectors(output: Any) -> int:
    """Count feature vectors, whatever way a family splits them."""
    pooled = output.pooler_output
    parts = pooled if isinstance(pooled, (list, tuple)) else [pooled]
    return sum(part.numel() // part.shape[-1] for part in parts)


# ---------------------------------------------------------------------------------------------------- what is built


@pytest.mark.parametrize("name", FAMILIES)
def test_is_tiny_fp32_and_without_dropout(name: str) -> None:
    model, processor = family(name)
    parameters = list(model.parameters())
    assert 50_000 < sum(parameter.numel() for parameter in parameters) < 300_000
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert all(module.p == 0 for module in model.modules() if isinstance(module, torch.nn.Dropout))
    assert 300 <= len(processor.tokenizer) == model.config.get_text_config().vocab_size <= 400
    assert model.config.model_type == name


@pytest.mark.parametrize("name", FAMILIES)
def test_no_parameter_starts_constant(name: str) -> None:
    constant = [key for key, value in family(name)[0].named_parameters() if value.numel() > 1 and value.std() == 0]
    assert constant == []


@pytest.mark.parametrize("name", FAMILIES)
def test_the_seed_decides_the_weights_and_global_randomness_is_left_alone(name: str) -> None:
    before = torch.random.get_rng_state()
    again, other = build(name)[0].state_dict(), build(name, seed=1)[0].state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = family(name)[0].state_dict()
    assert all(torch.equal(weights[key], again[key]) for key in weights)
    assert not any(torch.equal(weights[key], other[key]) for key in weights if weights[key].is_floating_point())


@pytest.mark.parametrize("name", FAMILIES)
def test_layers_sets_the_depth_of_the_text_model(name: str) -> None:
    model, processor = build(name, layers=3)
    assert model.config.get_text_config().num_hidden_layers == 3
    assert logits(model, encode(processor, CASES["image"])).isfinite().all()


# ---------------------------------------------------------------------------------------------------- running


@pytest.mark.parametrize(("name", "case"), EVERY_CASE)
def test_forward_and_generate_run(name: str, case: str) -> None:
    model, processor = family(name)
    inputs = inputs_of(name, case)
    ids = inputs["input_ids"]
    scores = logits(model, inputs)
    assert scores.shape == (*ids.shape, len(processor.tokenizer))
    assert scores.isfinite().all()
    made = model.generate(**inputs, max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert torch.equal(made[:, : ids.shape[1]], ids)
    assert made.shape[1] == ids.shape[1] + 3


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("case", ["batch", "batch with a text row"])
def test_padded_rows_score_as_they_do_alone(name: str, case: str) -> None:
    model, processor = family(name)
    inputs = inputs_of(name, case)
    together = logits(model, inputs)
    assert (inputs["attention_mask"] == 0).any()
    for row, real, scores in zip(CASES[case], inputs["attention_mask"].bool(), together, strict=True):
        torch.testing.assert_close(scores[real], logits(model, encode(processor, [row]))[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_generation_ends_at_the_end_of_a_turn(name: str) -> None:
    model, processor = family(name)
    tokenizer = processor.tokenizer
    closed = processor.apply_chat_template([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "yes"}])
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.eos_token_id in tokenizer(closed)["input_ids"][-3:]
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id


@pytest.mark.parametrize("name", FAMILIES)
def test_the_chat_template_reads_strings_and_parts_alike(name: str) -> None:
    processor = family(name)[1]
    plain = [{"role": "user", "content": "Hi"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}]
    assert processor.apply_chat_template(plain) == processor.apply_chat_template(parts)
    asked = processor.apply_chat_template(plain, add_generation_prompt=True)
    assert asked.startswith(processor.apply_chat_template(plain))
    assert "ssistant" in asked.removeprefix(processor.apply_chat_template(plain))


# ---------------------------------------------------------------------------------------------------- seeing


@pytest.mark.parametrize(("name", "case"), WITH_MEDIA)
def test_there_is_one_placeholder_for_each_feature(name: str, case: str) -> None:
    model, _ = family(name)
    inputs = inputs_of(name, case)
    for kind, output in features(model, inputs).items():
        placeholders = int((inputs["input_ids"] == getattr(model.config, f"{kind}_token_id")).sum())
        assert placeholders == vectors(output) > 0


@pytest.mark.parametrize(("name", "case"), WITH_MEDIA)
def test_features_made_beforehand_give_the_same_logits(name: str, case: str) -> None:
    model, _ = family(name)
    inputs = inputs_of(name, case)
    from_features = logits(model, without_pixels(inputs), mm_encoder_outputs=features(model, inputs))
    assert torch.equal(from_features, logits(model, inputs))


@pytest.mark.parametrize("name", FAMILIES)
def test_another_picture_changes_the_answer(name: str) -> None:
    model, processor = family(name)
    seen, other = (logits(model, encode(processor, [[shown, "Is it red?"]]))[0, -1] for shown in (SMALL, OTHER))
    assert (seen - other).abs().max() > 0.01


@pytest.mark.parametrize("name", VIDEO_FAMILIES)
def test_the_order_of_frames_changes_the_answer(name: str) -> None:
    model, processor = family(name)
    there, back = (logits(model, encode(processor, [[shown, "Hi"]]))[0, -1] for shown in (FRAMES, FRAMES[::-1].copy()))
    assert (there - back).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("name", "wide", "large"),
    [
        # Four tokens a tile: 1 x 2 or 2 x 2 tiles and the whole picture.
        ("smolvlm", 3 * 4, 5 * 4),
        ("idefics3", 3 * 4, 5 * 4),
        ("internvl", 3 * 4, 5 * 4),
        # Whole picture, then rows with a newline each: 3 x 6, and 6 x 6 scaled by sqrt(36 / 18) to 4 x 4.
        ("llava_onevision", 9 + 3 * (6 + 1), 9 + 4 * (4 + 1)),
    ],
)
def test_pictures_are_tiled_by_their_shape(name: str, wide: int, large: int) -> None:
    model, processor = family(name)
    for shown, expected in ((WIDE, wide), (LARGE, large)):
        ids = encode(processor, [[shown, "Hi"]])["input_ids"]
        assert int((ids == model.config.image_token_id).sum()) == expected


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_qwen_pictures_get_tokens_by_their_size(name: str) -> None:
    grids = encode(family(name)[1], [[SMALL, WIDE, LARGE, "Hi"]])["image_grid_thw"].prod(-1) // 4
    assert grids.tolist() == [4, 8, 16]


@pytest.mark.parametrize(("layers", "levels"), [(2, 1), (3, 2)])
def test_qwen3_features_travel_on_every_level(layers: int, levels: int) -> None:
    model, _ = build("qwen3_vl", layers=layers)
    inputs = inputs_of("qwen3_vl", "two images")
    outputs = features(model, inputs)
    sizes = [part.shape for part in outputs["image"].pooler_output]
    assert [[part.shape for part in level] for level in outputs["image"].deepstack_features] == [sizes] * levels
    plain = logits(model, inputs)
    for level in outputs["image"].deepstack_features:
        level[0].zero_()
        changed = logits(model, without_pixels(inputs), mm_encoder_outputs=outputs)
        assert (changed - plain)[0, -1].abs().max() > 1e-3
        plain = changed


# ---------------------------------------------------------------------------------------------------- learning


NEVER_TRAINED = {
    # Their outputs are not read: features are taken before the tower's last norm.
    "llava_onevision": {"model.vision_tower.post_layernorm.weight", "model.vision_tower.post_layernorm.bias"},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_gradient_reaches_every_parameter(name: str) -> None:
    model, processor = build(name)
    scores = model(**encode(processor, CASES["image"])).logits
    scores[0, -4:].log_softmax(-1)[:, 7].sum().backward()
    silent = {key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == NEVER_TRAINED.get(name, set())


# ---------------------------------------------------------------------------------------------------- for passes


@pytest.mark.parametrize(("name", "case"), WITH_MEDIA)
def test_positions_can_be_given(name: str, case: str) -> None:
    model, _ = family(name)
    inputs = inputs_of(name, case)
    if hasattr(model.model, "get_rope_index"):
        positions = model.model.get_rope_index(**inputs)[0]
    else:
        positions = torch.arange(inputs["input_ids"].shape[1]).expand_as(inputs["input_ids"])
    plain = logits(model, inputs)
    assert torch.equal(logits(model, inputs, position_ids=positions), plain)
    assert (logits(model, inputs, position_ids=2 * positions) - plain).abs().max() > 0.1


@pytest.mark.parametrize("name", FAMILIES)
def test_a_registered_attention_serves_the_text_model_and_gets_the_callers_arguments(name: str) -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    heard: list[tuple[str, Any]] = []

    def listening(module: Any, *tensors: Any, mark: Any = None, **more: Any) -> Any:
        heard.append((type(module).__name__, mark))
        return sdpa_attention_forward(module, *tensors, **more)

    AttentionInterface.register("listening", listening)
    AttentionMaskInterface.register("listening", sdpa_mask)
    model, processor = build(name)
    inputs = encode(processor, CASES["batch"])
    plain = logits(model, inputs)
    model.set_attn_implementation({"text_config": "listening"})
    mark = object()
    assert torch.equal(logits(model, inputs, mark=mark), plain)
    layers = {type(module).__name__ for module in model.model.get_decoder().modules()}
    assert len(heard) == 2
    assert all(kind in layers and got is mark for kind, got in heard)


# ---------------------------------------------------------------------------------------------------- on disk


@pytest.mark.parametrize("name", FAMILIES)
def test_a_written_folder_loads_as_the_same_model_and_processor(name: str, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = write(name, tmp_path / name)
    model, processor = family(name)
    loaded, loaded_processor = (
        AutoModelForImageTextToText.from_pretrained(folder),
        AutoProcessor.from_pretrained(folder),
    )
    assert type(loaded) is type(model)
    assert type(loaded_processor) is type(processor)
    weights, loaded_weights = model.state_dict(), loaded.state_dict()
    assert weights.keys() == loaded_weights.keys()
    assert all(torch.equal(weights[key], loaded_weights[key]) for key in weights)
    assert loaded.generation_config.eos_token_id == model.generation_config.eos_token_id
    assert loaded.generation_config.pad_token_id == model.generation_config.pad_token_id
    for case in cases_of(name):
        ours, theirs = inputs_of(name, case), encode(loaded_processor, CASES[case])
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


# ---------------------------------------------------------------------------------------------------- pictures


def test_pictures_are_distinct_seeded_and_of_the_size_asked_for() -> None:
    first = images(3, (40, 30))
    assert [shown.size for shown in first] == [(40, 30)] * 3
    assert len({shown.tobytes() for shown in first}) == 3
    assert [shown.tobytes() for shown in images(3, (40, 30))] == [shown.tobytes() for shown in first]
    assert images(1, (40, 30), seed=1)[0].tobytes() not in {shown.tobytes() for shown in first}
    assert min(np.asarray(shown).std() for shown in first) > 20


def test_clips_are_seeded_and_every_frame_differs() -> None:
    frames = clip(5, (40, 30))
    assert frames.shape == (5, 30, 40, 3)
    assert frames.dtype == np.uint8
    assert len({frame.tobytes() for frame in frames}) == 5
    assert np.array_equal(frames, clip(5, (40, 30)))
    assert not np.array_equal(frames, clip(5, (40, 30), seed=1))
