"""A Qwen2.5-VL of about 100,000 parameters, written to a folder as a checkpoint would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from mmrl.families.tiny_spec import tiny_config, tiny_model, tiny_processor, train_tokenizer

TEXTS = ["Is the shape red? Answer yes or no in <answer></answer>.", "How many squares are there? 0 1 2 3 4 5 6 7 8 9"]


def write_tiny(folder: Path, *, seed: int = 0) -> Path:
    """Save an untrained model with its processor; returns the folder."""
    tokenizer = train_tokenizer(TEXTS, vocabulary=300)
    config = tiny_config(tokenizer, hidden=64, layers=2, vision_hidden=32, vision_depth=2)
    tiny_model(config, seed=seed).save_pretrained(folder)
    tiny_processor(tokenizer).save_pretrained(folder)
    return folder


def plain_images(count: int, *, size: int = 56) -> list[Any]:
    """Return pictures of one colour each."""
    return [Image.new("RGB", (size, size), (40 * index % 256, 90, 200)) for index in range(count)]
