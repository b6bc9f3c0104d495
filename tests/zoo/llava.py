"""Tiny LLaVA-OneVision: SigLIP, tiles chosen by aspect ratio, a learned newline, pooled video frames, Qwen2 text."""

from __future__ import annotations

from typing import Any

from tests.zoo.parts import INITIALIZER_RANGE, chat_template, family_tokenizer, seeded_model, text_sizes, vision_sizes

TILE = 24
"""Side of a tile in pixels: 3 x 3 patches of 8, nine tokens; an odd grid, so that pooling a video frame rounds up."""
GRIDS = [[TILE, TILE], [TILE, 2 * TILE], [2 * TILE, TILE], [2 * TILE, 2 * TILE]]
ASPECT = "anyres_max_2"
"""Tiles of more than two are scaled down to the tokens of two: keeps pictures short and walks that path too."""


def _processor(tokenizer: Any) -> Any:
    from transformers import LlavaOnevisionImageProcessor, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor

    size = {"height": TILE, "width": TILE}
    return LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=GRIDS),
        tokenizer=tokenizer,
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=9,
        vision_feature_select_strategy="full",
        vision_aspect_ratio=ASPECT,
        chat_template=chat_template(
            opening="'<|im_start|>' + message.role + '\\n'",
            image="<image>\\n",
            video="<video>\\n",
            closing="<|im_end|>\\n",
            reply="<|im_start|>assistant\\n",
        ),
    )


def build(name: str, *, seed: int, layers: int) -> tuple[Any, Any]:  # noqa: ARG001 one family only
    """Return the model, with an output head of its own, and its processor."""
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

    tokenizer = family_tokenizer(eos="<|im_end|>", named={"image_token": "<image>", "video_token": "<video>"})
    rope = {"rope_type": "default", "rope_theta": 100.0}
    vision = {"model_type": "siglip_vision_model", **vision_sizes(image_size=TILE), "vision_use_head": False}
    config = LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **text_sizes(tokenizer, layers=layers), "rope_parameters": rope},
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=GRIDS,
        vision_aspect_ratio=ASPECT,
        initializer_range=INITIALIZER_RANGE,  # type: ignore[call-arg]
        dtype="float32",
    )
    return seeded_model(LlavaOnevisionForConditionalGeneration, config, seed=seed), _processor(tokenizer)
