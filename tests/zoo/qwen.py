"""Tiny Qwen2-VL, Qwen2.5-VL and Qwen3-VL: multi-axis rotary positions, windowed vision, deepstack features."""

from __future__ import annotations

from typing import Any

from mmrl.families.tiny_spec import CHAT_TEMPLATE, SPECIAL_TOKENS, train_tokenizer
from tests.zoo.parts import INITIALIZER_RANGE, TEXTS, VOCABULARY, seeded_model, text_sizes


def _processor(name: str, tokenizer: Any, *, patch_size: int) -> Any:
    import transformers

    prefix = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL"}[name]
    video_prefix = "Qwen3VL" if name == "qwen3_vl" else "Qwen2VL"
    unit = (2 * patch_size) ** 2  # pixels of one merged token
    sizes: dict[str, Any] = {"patch_size": patch_size, "temporal_patch_size": 2, "merge_size": 2}
    return getattr(transformers, f"{prefix}Processor")(
        image_processor=transformers.Qwen2VLImageProcessor(
            size={"shortest_edge": 4 * unit, "longest_edge": 24 * unit}, **sizes
        ),
        tokenizer=tokenizer,
        # Qwen3-VL counts a clip's pixels over all its frames, Qwen2-VL over one frame.
        video_processor=getattr(transformers, f"{video_prefix}VideoProcessor")(
            size={"shortest_edge": 4 * unit, "longest_edge": (64 if name == "qwen3_vl" else 6) * unit},
            do_sample_frames=False,
            cap_pixels_per_frame=True,
            **sizes,
        ),
        chat_template=CHAT_TEMPLATE,
    )


def _vision(name: str, *, patch_size: int, layers: int) -> dict[str, Any]:
    common = {"depth": 2, "num_heads": 2, "patch_size": patch_size, "initializer_range": INITIALIZER_RANGE}
    if name == "qwen2_vl":
        return {**common, "embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2}
    sizes = {**common, "hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 64}
    if name == "qwen2_5_vl":
        # Windows of 2 x 2 merged tokens: pictures here reach 4 x 6, so the first layer is really windowed.
        return {**sizes, "window_size": 4 * patch_size, "fullatt_block_indexes": [1]}
    # A level added after the last text layer would reach no answer token, so two levels need three layers.
    levels = [0, 1][: max(1, layers - 1)]
    return {**sizes, "num_position_embeddings": 64, "deepstack_visual_indexes": levels}


def _text(name: str, tokenizer: Any, *, layers: int) -> dict[str, Any]:
    sizes = text_sizes(tokenizer, layers=layers)
    rope = {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [2, 3, 3]}
    if name != "qwen3_vl":
        return {**sizes, "rope_parameters": rope}
    rope = {**rope, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    return {**sizes, "head_dim": 16, "rope_parameters": rope}


def build(name: str, *, seed: int, layers: int) -> tuple[Any, Any]:
    """Return the model and processor of one of the three; Qwen2-VL with an output head of its own, as its 7B has."""
    import transformers

    tokenizer = train_tokenizer(TEXTS, vocabulary=VOCABULARY)
    patch_size = 16 if name == "qwen3_vl" else 14
    prefix = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL"}[name]
    ids = dict(zip(SPECIAL_TOKENS, tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)), strict=True))
    config = getattr(transformers, f"{prefix}Config")(
        text_config=_text(name, tokenizer, layers=layers),
        vision_config=_vision(name, patch_size=patch_size, layers=layers),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        initializer_range=INITIALIZER_RANGE,
        tie_word_embeddings=name != "qwen2_vl",
        dtype="float32",
    )
    model = seeded_model(getattr(transformers, f"{prefix}ForConditionalGeneration"), config, seed=seed)
    return model, _processor(name, tokenizer, patch_size=patch_size)
