"""Where real networks come from: the shipped one, a GTFS feed or a network file."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from datasets_builders.transit.colours import recolour
from datasets_builders.transit.config import PROCEDURAL, VIENNA, TransitConfig
from datasets_builders.transit.feed_network import read_gtfs
from datasets_builders.transit.layout import spread_stations
from datasets_builders.transit.network import Network
from datasets_builders.transit.network_file import NetworkFile, read_network_file, read_packaged
from mmrl.errors import InputError

SPREAD = 0.6
"""How far geographic positions are evened out, see :func:`layout.spread_stations`: city centres are crowded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A real network, ready to draw, with where it comes from."""

    network: Network
    source: str
    licence: str


def open_source(config: TransitConfig) -> Source:
    """Read the real network that a config names; its lines get colours that can be told apart.

    Raises:
        InputError: there is no such source, or it cannot be read.
    """
    path = Path(config.source)
    if config.source == VIENNA:
        return _from_file(read_packaged(VIENNA))
    if path.suffix.lower() == ".json":
        return _from_file(read_network_file(path))
    if path.suffix.lower() == ".zip":
        network = spread_stations(read_gtfs(path, config.modes), SPREAD)
        return Source(network=network, source=f"GTFS feed {path.name}", licence="as stated by the feed's operator")
    raise InputError(
        f"source must be {PROCEDURAL}, {VIENNA}, a GTFS feed (.zip) or a network file (.json);"
        f" found {config.source!r}; give one of them"
    )


def _from_file(file: NetworkFile) -> Source:
    return Source(network=recolour(file.network), source=file.source, licence=file.licence)


def restrict_at_random(network: Network, rng: random.Random) -> Network:
    """Return a random connected part of a network: two lines or more, each after the first meeting an earlier one.

    A network whose lines never meet is returned whole.
    """
    meets = set(network.interchanges)
    starts = [line for line in network.lines if meets.intersection(line.stops)]
    if not starts:
        return network
    wanted = rng.randint(2, len(network.lines))
    chosen = [rng.choice(starts)]
    while len(chosen) < wanted:
        served = {stop for line in chosen for stop in line.stops}
        meeting = [line for line in network.lines if line not in chosen and served.intersection(line.stops)]
        if not meeting:
            break
        chosen.append(rng.choice(meeting))
    return network.restricted_to(line.name for line in chosen)
