"""One tiny random model and processor for each supported family: real classes, nothing downloaded.

model, processor = build("qwen3_vl")            # fp32, 115,000 to 199,000 parameters
folder = write("smolvlm", tmp_path)             # as a checkpoint would be
inputs = encode(processor, [[*images(2, 56), "What differs?"], [clip(4, 56), "What moves?"]])
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tests.zoo.pictures import clip, images, picture
from tests.zoo.prompts import encode

_MODULES = {
    "qwen2_vl": "qwen",
    "qwen2_5_vl": "qwen",
    "qwen3_vl": "qwen",
    "smolvlm": "idefics",
    "idefics3": "idefics",
    "internvl": "internvl",
    "llava_onevision": "llava",
}
FAMILIES: tuple[str, ...] = tuple(_MODULES)
VIDEO_FAMILIES: tuple[str, ...] = tuple(name for name in FAMILIES if name != "idefics3")
"""Families whose processor takes clips; Idefics3's does not."""

__all__ = ["FAMILIES", "VIDEO_FAMILIES", "build", "clip", "encode", "images", "picture", "write"]


def build(name: str, *, seed: int = 0, layers: int = 2) -> tuple[Any, Any]:
    """Return a family's model (fp32, no dropout, ``layers`` text layers, two vision layers) and its processor."""
    return import_module(f"tests.zoo.{_MODULES[name]}").build(name, seed=seed, layers=layers)


def write(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Save a family's model and processor so that the ``Auto`` classes load them; returns the folder."""
    model, processor = build(name, seed=seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
