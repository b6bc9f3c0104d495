"""Rows whose prompts have a stated number of tokens: mostly a picture, filled up with words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmrl.errors import InputError

TOLERANCE = 0.02
"""How far a prompt may be from the stated length, as a share of it."""
FILLERS = (" red", " line", " square", " the", " a", "!", ".", " of")
QUESTION = "Is the"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Prompts with pictures, and what they measure."""

    texts_P: list[str]
    pictures_P: list[Image.Image]
    tokens_P: list[int]
    """Tokens of each prompt as the processor makes them, template and picture included."""
    image_tokens: int
    """Tokens of each picture."""


def make_rows(processor: Any, *, count: int, tokens: int, seed: int) -> Rows:
    """Make ``count`` different prompts of ``tokens`` tokens, each with a different picture.

    Raises:
        InputError: the length is too short for any picture, or cannot be met within ``TOLERANCE``.
    """
    rng = random.Random(seed)
    side = _token_side(processor.image_processor)
    overhead = measure(processor, QUESTION, Image.new("RGB", (2 * side, 2 * side))) - 4
    rows, columns = picture_grid(tokens - overhead - 1)
    if rows * columns < 4:
        raise InputError(
            f"--prompt-tokens must leave room for a picture of 4 tokens; found {tokens}; "
            f"the template and question alone take {overhead}; ask for at least {overhead + 5}"
        )
    pictures = [_picture(rows, columns, side, seed=seed + index) for index in range(count)]
    without_words = measure(processor, QUESTION, pictures[0])
    texts = [_fill(processor.tokenizer, room=tokens - without_words, rng=rng) for _ in pictures]
    lengths = [measure(processor, text, picture) for text, picture in zip(texts, pictures, strict=True)]
    worst = max(lengths, key=lambda length: abs(length - tokens))
    if abs(worst - tokens) > TOLERANCE * tokens:
        raise InputError(
            f"--prompt-tokens must be a length that can be met within 2 %; found {tokens}, nearest {worst}"
        )
    return Rows(texts_P=texts, pictures_P=pictures, tokens_P=lengths, image_tokens=without_words - overhead)


def measure(processor: Any, text: str, picture: Image.Image) -> int:
    """Return the tokens of a prompt of one picture and ``text``, as a trainer's own call makes them."""
    content = [{"type": "image", "image": picture}, {"type": "text", "text": text}]
    encoded = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True
    )
    ids = encoded["input_ids"]
    return len(ids[0]) if isinstance(ids[0], list) else len(ids)


def picture_grid(budget: int) -> tuple[int, int]:
    """Return rows and columns of the largest picture of at most ``budget`` tokens, no wider than twice its height."""
    best = (0, 0)
    for rows in range(2, max(2, int(budget**0.5)) + 1 if budget > 0 else 2):
        columns = min(budget // rows, 2 * rows)
        if columns >= rows and rows * columns >= best[0] * best[1]:  # of equal ones, the squarer
            best = (rows, columns)
    return best


def save_rows(rows: Rows, folder: Path) -> Path:
    """Save rows as TRL wants them: conversational ``prompt`` and one picture in ``image``."""
    from datasets import Dataset

    prompts = [[{"role": "user", "content": text}] for text in rows.texts_P]
    Dataset.from_dict({"prompt": prompts, "image": rows.pictures_P}).save_to_disk(folder)
    return folder


def _token_side(image_processor: Any) -> int:
    """Return the pixels of a token's side."""
    patch, merge = getattr(image_processor, "patch_size", None), getattr(image_processor, "merge_size", None)
    if not isinstance(patch, int) or not isinstance(merge, int):
        raise InputError(
            "--model must have a processor whose pictures cost tokens by their size (patch_size and merge_size); "
            f"found {type(image_processor).__name__}; take a Qwen-VL model, or --size"
        )
    return patch * merge


def _picture(rows: int, columns: int, side: int, *, seed: int) -> Image.Image:
    """Return a picture of coloured blocks: each different, and as cheap to decode as a screenshot."""
    blocks = np.random.default_rng(seed).integers(0, 256, size=(rows, columns, 3), dtype=np.uint8)
    return Image.fromarray(blocks.repeat(side, axis=0).repeat(side, axis=1))


def _fill(tokenizer: Any, *, room: int, rng: random.Random) -> str:
    """Return the question with random words that add ``room`` tokens, or as many below that as words allow."""

    def added(text: str) -> int:
        return len(tokenizer(text)["input_ids"]) - bare

    text, bare = QUESTION, len(tokenizer(QUESTION)["input_ids"])
    while added(text) < room:
        longer = [text + word for word in rng.sample(FILLERS, len(FILLERS))]
        fitting = [candidate for candidate in longer if added(text) < added(candidate) <= room]
        if not fitting:
            break
        text = fitting[0]
    return text
