"""What an import is told, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmrl.box_conventions import Convention


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRequest:
    """What is to be imported."""

    format: str
    """One of ``FORMATS`` or ``CLIP_FORMATS``."""
    data: Path
    """Annotations as published: a file, or a folder of them."""
    media: Path
    """Folder of the pictures and clips, at any depth."""
    out: Path
    box_convention: Convention | None = None
    """None takes the format's own."""
    licence: str | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """What came of it."""

    samples: int
    pictures: int
    """Pictures or clips."""
    left_out: dict[str, int]
    """Rows that make no question, by reason."""
    first: dict[str, str]
    """File and row of the first one of each reason."""
