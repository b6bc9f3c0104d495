"""Where real networks come from: the shipped one, a GTFS feed or a network file."""

from __future__ import annotations

import random

from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.network import Network
from mmrl.errors import InputError


def open_source(config: TransitConfig) -> Network:
    """Read the network that a config names."""
    raise InputError(f"source must be procedural; found {config.source!r}")


def restrict_at_random(network: Network, rng: random.Random) -> Network:
    """Return a random connected part of a network: two lines or more, each after the first meeting an earlier one."""
    wanted = rng.randint(min(2, len(network.lines)), len(network.lines))
    chosen = [rng.choice(network.lines)]
    while len(chosen) < wanted:
        served = {stop for line in chosen for stop in line.stops}
        meeting = [line for line in network.lines if line not in chosen and served.intersection(line.stops)]
        if not meeting:
            break
        chosen.append(rng.choice(meeting))
    return network.restricted_to(line.name for line in chosen)
