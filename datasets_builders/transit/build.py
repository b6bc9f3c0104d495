"""The transit builder: writes maps with questions as a dataset folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.examples import drafts_of
from datasets_builders.transit.sources import open_source
from mmrl import __version__
from mmrl.data import DatasetWriter

Progress = Callable[[int, int], None]


def build_transit(
    config: TransitConfig, out: str | Path, progress: Progress | None = None, overwrite: bool = False
) -> Path:
    """Write a dataset folder of maps with questions.

    Args:
        config: what to build.
        out: the folder to make.
        progress: called with (questions written, questions in all) after each map.
        overwrite: replace an existing dataset folder.

    Returns:
        ``out``.

    Raises:
        InputError: the source or ``out`` cannot be used; nothing is left behind then.
    """
    real = None if config.is_procedural else open_source(config)
    writer = DatasetWriter(
        out,
        builder="transit",
        version=__version__,
        config=_portable(config),
        seed=config.seed,
        source=real.source if real else "made-up networks",
        licence=real.licence if real else "Apache-2.0",
        overwrite=overwrite,
    )
    made = 0
    with writer:
        for draft in drafts_of(config, real.network if real else None):
            media = writer.add_image(draft.picture)
            for sample in draft.samples:
                writer.add(replace(sample, media=(media,)))
            made += len(draft.samples)
            if progress:
                progress(made, config.count)
    return Path(out)


def _portable(config: TransitConfig) -> dict[str, Any]:
    """Return the config as JSON values, files by their names alone: where they lay says nothing elsewhere."""
    values = config.model_dump(mode="json")
    return values | {
        "source": Path(config.source).name,
        "size": config.picture_size,
        "font": config.font.name if config.font else None,
    }
