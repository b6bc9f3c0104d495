"""The transit builder: writes maps with questions as a dataset folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datasets_builders.build import Origin, Progress, build_drawn
from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.examples import drafts_of
from datasets_builders.transit.reading import describe
from datasets_builders.transit.sources import open_sources

ORIGIN = Origin(builder="transit", version="4")


def build_transit(config: TransitConfig, out: Path, progress: Progress | None = None, overwrite: bool = False) -> Path:
    """Write a dataset folder of maps with questions and return its path.

    Raises:
        InputError: the source or ``out`` cannot be used; nothing is left behind then.
    """
    if config.is_procedural:
        return build_drawn(drafts_of(config, []), config, out, ORIGIN, progress=progress, overwrite=overwrite)
    readings = open_sources(config)
    licence = ", ".join(dict.fromkeys(reading.licence for reading in readings))
    origin = replace(ORIGIN, source=describe(readings), licence=licence)
    drafts = drafts_of(config, [reading.network for reading in readings])
    return build_drawn(drafts, config, out, origin, progress=progress, overwrite=overwrite)
