"""What importers of clips make of a row: a question about media that are yet to be found and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from datasets_builders.importers.annotation import LeftOut
from mmrl.types import Answer, Choice, Level, Number, Text

Span = tuple[float, float]
"""Start and end in seconds from the clip's first frame."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip or picture as the row names it."""

    name: str
    """A path, or the name of the file with or without its suffix."""
    kind: Literal["image", "video"] = "video"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipAnnotation:
    """One question about clips and pictures.

    The answer is ``answer``; with ``spans`` alone the stretches; with spans and a :class:`Choice` both; with ``box``
    alone the box.
    """

    id: str
    where: str
    shown: tuple[Shown, ...]
    task: str
    question: str
    answer: Choice | Number | Text | None = None
    choices: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    """Stretches of the first clip that answer."""
    box: tuple[float, float, float, float] | None = None
    """``x1, y1, x2, y2`` as shares of the first clip's frame."""
    duration: float | None = None
    """Seconds, as the annotation states them."""
    difficulty: Level = "middle"
    meta: Mapping[str, Any] = field(default_factory=dict)


ClipReader = Callable[[Path], Iterator[ClipAnnotation | LeftOut]]


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """How a published annotation of clips is read, and where it comes from."""

    read: ClipReader
    source: str
    licence: str = "unknown; see the publisher"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """An annotation whose media are there, with its answer."""

    annotation: ClipAnnotation
    files: tuple[Path, ...]
    answer: Answer
    duration: float
    """Seconds of the first medium; 0 for a picture."""
