"""Tiny InternVL: its own tower with a class token and layer scale, pixel shuffle, tiles and a thumbnail, Qwen2 text."""

from __future__ import annotations

from typing import Any

from tests.zoo.parts import INITIALIZER_RANGE, chat_template, family_tokenizer, seeded_model, text_sizes, vision_sizes

TILE = 32
"""Side of a tile in pixels: 4 x 4 patches of 8, shuffled into 4 tokens."""


def _tokenizer() -> Any:
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    return family_tokenizer(eos="<|im_end|>", named=named)


def _processor(tokenizer: Any) -> Any:
    from transformers import GotOcr2ImageProcessor, InternVLProcessor, InternVLVideoProcessor

    size = {"height": TILE, "width": TILE}
    return InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size, crop_to_patches=True, min_patches=1, max_patches=4),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=chat_template(
            opening="'<|im_start|>' + message.role + '\\n'",
            image="<IMG_CONTEXT>\\n",
            video="<video>\\n",
            closing="<|im_end|>\\n",
            reply="<|im_start|>assistant\\n",
        ),
    )


def build(name: str, *, seed: int, layers: int) -> tuple[Any, Any]:  # noqa: ARG001 one family only
    """Return the model and its processor."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration

    tokenizer = _tokenizer()
    rope = {"rope_type": "default", "rope_theta": 100.0}
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **text_sizes(tokenizer, layers=layers), "rope_parameters": rope},
        vision_config={**vision_sizes(image_size=TILE), "attention_bias": True, "layer_scale_init_value": 1.0},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
        initializer_range=INITIALIZER_RANGE,  # type: ignore[call-arg]
        tie_word_embeddings=True,
        dtype="float32",
    )
    return seeded_model(InternVLForConditionalGeneration, config, seed=seed), _processor(tokenizer)
