"""The one call that makes a full map: a network, a size, options and a seed in, a picture with its records out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from datasets_builders.transit.drawing.compose import draw_map
from datasets_builders.transit.drawing.layout import make_plan
from datasets_builders.transit.drawing.options import MAX_SIZE, MIN_SIZE, TransitDrawing
from datasets_builders.transit.drawing.plan import LayoutKind, Plan
from datasets_builders.transit.drawing.records import MapDrawing
from datasets_builders.transit.drawing.styles import HOUSE, draw_style
from datasets_builders.transit.network import Line, Network, Station
from mmrl.errors import InputError

PLANS_KEPT = 16
"""Plans of the networks drawn last are kept, since a network is usually drawn many times."""


def draw_full_map(
    network: Network,
    size: int,
    *,
    options: TransitDrawing | None = None,
    seed: str | int = 0,
    font: Path | None = None,
) -> MapDrawing:
    """Draw a network as a full map.

    The same arguments give the same bytes. Names that find no room are in
    ``MapDrawing.unreadable``, not in ``legible``.

    Args:
        network: what to draw; stations without positions are placed by who is whose neighbour.
        size: longer side of the picture in pixels, 448 to 6,000.
        options: layout and look.
        seed: of the look.
        font: a font file for scripts that the packaged fonts lack.

    Raises:
        InputError: the size is out of range, or the font file is none.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(
            f"size of a full map must be {MIN_SIZE} to {MAX_SIZE} pixels; found {size}; network {network.name!r};"
            " give another size, or style: plain for smaller pictures"
        )
    options = options or TransitDrawing()
    rng = random.Random(f"look/{seed}")
    kind: LayoutKind = "geographic" if options.layout == "geographic" else "schematic"
    if options.layout == "either" and rng.random() < 0.5:
        kind = "geographic"
    style = draw_style(rng, options.languages, options.artefacts) if options.vary else HOUSE
    plan = plan_of(network, kind, font)
    return draw_map(plan, size=size, style=style, rng=rng, smallest_text=options.smallest_text, font=font)


def plan_of(network: Network, kind: LayoutKind, font: Path | None = None) -> Plan:
    """Return the plan of a network, from memory where it was made before."""
    key = _Key(network.name, network.lines, tuple(network.stations.values()), network.transfers)
    return _plan(key, kind, font)


@dataclass(frozen=True, slots=True)
class _Key:
    """A network as something that can be looked up."""

    name: str
    lines: tuple[Line, ...]
    stations: tuple[Station, ...]
    transfers: tuple[tuple[str, str], ...]


@lru_cache(maxsize=PLANS_KEPT)
def _plan(key: _Key, kind: LayoutKind, font: Path | None) -> Plan:
    stations = {station.id: station for station in key.stations}
    network = Network(name=key.name, lines=key.lines, stations=stations, transfers=key.transfers)
    return make_plan(network, kind, font)
