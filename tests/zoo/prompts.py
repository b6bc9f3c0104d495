"""Rows of text, pictures and clips through a family's own chat template and processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

CLIP_FPS = 2.0


def _part(piece: Any) -> dict[str, str]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    return {"type": "video" if isinstance(piece, np.ndarray) else "image"}


def _timing(clip: Any) -> dict[str, Any]:
    frames = len(clip)
    indices = list(range(frames))
    return {"fps": CLIP_FPS, "total_num_frames": frames, "duration": frames / CLIP_FPS, "frames_indices": indices}


def prompt_texts(processor: Any, rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return each row as chat text with one placeholder a picture or clip, ready for an answer."""
    messages = [[{"role": "user", "content": [_part(piece) for piece in row]}] for row in rows]
    # Named explicitly: SmolVLM's processor puts a template of its own in place of ours once a clip is present.
    template = processor.chat_template
    return [
        processor.apply_chat_template(chat, chat_template=template, add_generation_prompt=True) for chat in messages
    ]


def encode(processor: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """Return the model's inputs for ``rows``, padded on the left.

    A row is one prompt: strings, PIL pictures and clips (uint8 arrays of frames, two a second) in order. Pictures are
    given one list a prompt, which is the only form that every family reads alike.
    """
    pictures = [[piece for piece in row if hasattr(piece, "getbands")] for row in rows]
    clips = [piece for row in rows for piece in row if isinstance(piece, np.ndarray)]
    media: dict[str, Any] = {"images": pictures} if any(pictures) else {}
    if clips:
        media |= {"videos": clips, "video_metadata": [_timing(clip) for clip in clips]}
    return processor(text=prompt_texts(processor, rows), padding=True, return_tensors="pt", **media)
