"""Make the built-in tiny model: draw lessons, train a tokenizer, warm up, save.

    python scripts/make_tiny.py --out mmrl/families/tiny            # what ships; about 40 minutes on two cores
    python scripts/make_tiny.py --out /tmp/tiny --steps 200         # a quick look

Writes config, weights (bfloat16), tokenizer, processor and ``warmup.json`` with the accuracy reached on fresh pictures. The same seed and thread
count give the same weights. The warm-up stops early on purpose: a model that is right half of the time is what
reinforcement learning needs as a start.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from mmrl.answers import parse_completion, write_completion
from mmrl.families.catalogue import family_of
from mmrl.families.frames import answer_frame
from mmrl.families.tiny_spec import MAX_PIXELS, tiny_config, tiny_model, tiny_processor, train_tokenizer
from mmrl.families.warmup import Lesson, batches, collate, warm_up
from mmrl.geometry import original_frame
from mmrl.prompts import build_prompt
from mmrl.scoring import accuracy
from mmrl.types import Media, Sample, answer_kind

SIZE = 112
STYLE = "direct"
FAMILY = family_of("qwen2_5_vl")
FRAME = answer_frame(FAMILY, SIZE, SIZE, factor=28, min_pixels=56 * 56, max_pixels=MAX_PIXELS)
assert FRAME.width == SIZE, "lessons are drawn at the size that the model sees"
PICTURE = Media(path="", width=SIZE, height=SIZE, sha256="")


def draw_lessons(family: str, questions: int, seed: int) -> list[tuple[np.ndarray, tuple[Sample, ...]]]:
    """Draw pictures of one task family with their questions, as the demo's config draws them."""
    from mmrl.cli.building import examples_of

    with (Path(__file__).parent.parent / "configs" / "demo.yaml").open(encoding="utf-8") as file:
        import yaml

        options = yaml.safe_load(file)["datasets"][f"{family}_train"]["options"]
    drafts = examples_of(family, {**options, "count": questions, "seed": seed})
    return [(np.asarray(draft.picture.convert("RGB")), draft.samples) for draft in drafts]


def example_text(sample: Sample, processor: Any) -> tuple[str, str]:
    """Return the prompt as the chat template writes it, and the completion with its end of turn."""
    shown = _with_picture(sample)
    messages = build_prompt(shown, style=STYLE, frame=FRAME)
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return prompt, write_completion(sample.answer, style=STYLE) + "<|im_end|>"


def _with_picture(sample: Sample) -> Sample:
    from dataclasses import replace

    return replace(sample, media=(PICTURE,))
