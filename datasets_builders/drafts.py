"""Drafts: what a builder's pure generator yields before anything touches a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PIL import Image

from mmrl.types import Sample

if TYPE_CHECKING:
    from mmrl.data import DatasetWriter


@dataclass(frozen=True)
class Draft:
    """One picture with everything that is asked about it."""

    picture: Image.Image
    """RGB, in the pixels that the answers' boxes and points refer to."""
    samples: tuple[Sample, ...]
    """Questions about the picture; ``media`` is empty until the picture is stored."""
    description: str = ""
    """All that the picture shows with its place, in reading order; what a supervised warm-up learns to see from."""
    png: bytes | None = None
    """The picture as :func:`mmrl.media.png_bytes` encodes it, where that is done already."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Files about the picture by suffix (``.svg``), which are stored beside it."""


def write_drafts(drafts: Iterable[Draft], writer: DatasetWriter) -> int:
    """Store each draft's picture once, then its samples with that medium; return the number of samples written."""
    written = 0
    for draft in drafts:
        medium = writer.add_image(draft.picture, png=draft.png, beside=draft.beside)
        for sample in draft.samples:
            writer.add(replace(sample, media=(medium,)))
        written += len(draft.samples)
    return written
