"""From a stream of drafts to a dataset folder, the same way for every builder of drawn pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from datasets_builders.config import PictureConfig
from datasets_builders.drafts import Draft, write_drafts
from mmrl.data import DatasetWriter

Progress = Callable[[int, int], None]
"""Called with the questions written so far and their total."""

LICENCE = "CC0-1.0"
"""Drawn pictures copy nobody's work."""


def build_drawn(
    drafts: Iterable[Draft],
    config: PictureConfig,
    out: Path,
    *,
    builder: str,
    version: str,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Write drafts as the dataset folder ``out``, whole or not at all, and return ``out``.

    Raises:
        InputError: ``out`` exists and is not to be overwritten, or cannot be written.
    """
    with DatasetWriter(
        out,
        builder=builder,
        version=version,
        config=config.model_dump(mode="json"),
        seed=config.seed,
        source="drawn by the builder",
        licence=LICENCE,
        overwrite=overwrite,
    ) as writer:
        write_drafts(_report(drafts, config.count, progress), writer)
    return out


def _report(drafts: Iterable[Draft], total: int, progress: Progress | None) -> Iterator[Draft]:
    """Pass drafts on; each counts as done when the next one is asked for."""
    done = 0
    for draft in drafts:
        yield draft
        done += len(draft.samples)
        if progress is not None:
            progress(done, total)
