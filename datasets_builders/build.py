"""From a stream of drafts to a dataset folder, the same way for every builder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets_builders.config import BuilderConfig
from datasets_builders.drafts import Draft, write_drafts
from mmrl.data import DatasetWriter
from mmrl.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a manifest says about where its pictures come from."""

    builder: str
    version: str
    """The builder's own: changes whenever the same config would give other pictures or questions."""
    source: str = "drawn by the builder"
    licence: str = "CC0-1.0"
    """Pictures of made-up things copy nobody's work."""


def build_drawn(
    drafts: Iterable[Draft],
    config: BuilderConfig,
    out: Path,
    origin: Origin,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Write drafts as the dataset folder ``out``, whole or not at all, and return ``out``.

    Raises:
        InputError: ``out`` exists and is not to be overwritten, or cannot be written.
    """
    with DatasetWriter(
        out,
        builder=origin.builder,
        version=origin.version,
        config=config.portable(),
        seed=config.seed,
        source=origin.source,
        licence=origin.licence,
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
