"""Random Qwen2.5-VL models of several sizes, with the processor of the built-in tiny model around them.

Time and memory of a step do not depend on what the weights are, so no download is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrl.families import load_processor

MAX_TOKENS = 32_768
LARGEST_PICTURE = 4096 * 4096
"""Pixels; the pictures of a benchmark are never scaled down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Widths and depths of a model; those of the language model first."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    vision_hidden: int
    vision_intermediate: int
    vision_depth: int
    vision_heads: int


SHAPES = {
    "5m": Shape(
        hidden=256, intermediate=512, layers=4, heads=8, kv_heads=4, vocabulary=1_536,
        vision_hidden=192, vision_intermediate=384, vision_depth=4, vision_heads=6,
    ),
    "0.5b": Shape(
        hidden=896, intermediate=4_864, layers=24, heads=14, kv_heads=2, vocabulary=151_936,
        vision_hidden=640, vision_intermediate=1_712, vision_depth=12, vision_heads=8,
    ),
    "1b": Shape(
        hidden=1_536, intermediate=8_960, layers=16, heads=12, kv_heads=2, vocabulary=151_936,
        vision_hidden=640, vision_intermediate=1_712, vision_depth=16, vision_heads=8,
    ),
    "3b": Shape(
        hidden=2_048, intermediate=11_008, layers=36, heads=16, kv_heads=2, vocabulary=151_936,
        vision_hidden=1_280, vision_intermediate=3_420, vision_depth=32, vision_heads=16,
    ),
}  # fmt: skip
"""Language models as wide and deep as Qwen2.5's of 0.5B and 3B, with 16 layers of the 1.5B's width for 1b; the vision
tower of 3b is Qwen2.5-VL's own, the others' are smaller in proportion."""


def open_processor(name_or_path: str) -> Any:
    """Return a model's processor without its limits on pictures, so that a picture's size alone decides its tokens."""
    processor = load_processor(name_or_path, min_pixels=28 * 28, max_pixels=LARGEST_PICTURE)
    processor.tokenizer.model_max_length = MAX_TOKENS
    return processor


def bench_config(shape: Shape, tokenizer: Any) -> Any:
    """Return the Qwen2.5-VL configuration of ``shape``; its vocabulary is larger than the tokenizer's."""
    from transformers import Qwen2_5_VLConfig

    ids = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config=_text_config(shape, eos=ids("<|im_end|>"), pad=ids("<|endoftext|>")),
        vision_config={
            "depth": shape.vision_depth,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": shape.vision_intermediate,
            "num_heads": shape.vision_heads,
            "out_hidden_size": shape.hidden,
            "fullatt_block_indexes": list(
                range(shape.vision_depth // 4 - 1, shape.vision_depth, shape.vision_depth // 4)
            ),
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def _text_config(shape: Shape, *, eos: int, pad: int) -> dict[str, Any]:
    pairs = shape.hidden // shape.heads // 2
    height = pairs * 3 // 8  # 16, 24, 24 of 64 in Qwen2.5-VL
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": MAX_TOKENS,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1_000_000.0,
            "mrope_section": [pairs - 2 * height, height, height],
        },
        "bos_token_id": None,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "tie_word_embeddings": True,
    }


def write_random_model(folder: Path, *, shape: Shape, dtype: str, device: str, seed: int) -> Path:
    """Save a random model and its processor as a checkpoint; the same for the same seed and device.

    A folder, since every process then starts from the same weights, and a reference model can be read from it.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    processor = open_processor("tiny")
    config = bench_config(shape, processor.tokenizer)
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config, dtype=getattr(torch, dtype))
    model.generation_config.eos_token_id = config.text_config.eos_token_id
    model.generation_config.pad_token_id = config.text_config.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    del model
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()  # the trainers' processes need it
    return folder


def count_parameters(folder: Path) -> int:
    """Return the number of weights in a checkpoint's safetensors files, read from their heads alone."""
    from safetensors import safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping, only a reader with a keys method
                size = 1
                for side in file.get_slice(name).get_shape():
                    size *= side
                total += size
    return total
