"""From a network to a plan in which names find room: where they do not, the plan grows."""

from __future__ import annotations

from pathlib import Path

from datasets_builders.transit.drawing.compose import crowded
from datasets_builders.transit.drawing.plan import LayoutKind, Plan, geographic_plan, schematic_draft, schematic_plan
from datasets_builders.transit.drawing.styles import HOUSE
from datasets_builders.transit.network import Network

ROUNDS, SPREADS = 4, 6
GROWTH = 0.6
"""Stretches beside a station whose name finds no room become so many hops longer, again and again."""


def make_plan(network: Network, kind: LayoutKind = "schematic", font: Path | None = None) -> Plan:
    """Lay a network out so that every name finds room, as far as a few rounds of growing allow.

    Where no schematic drawing is found the plan is geographic instead and says so in its ``kind``. The same network
    gives the same plan; it can be drawn in any style and size.

    Args:
        network: what to lay out.
        kind: of layout.
        font: a font file for scripts that the packaged fonts lack: names without any font need no room.
    """
    draft = schematic_draft(network) if kind == "schematic" else None
    if draft is None:
        return _grown_geographic(network, font)
    growth: dict[str, float] = {}
    plan = schematic_plan(draft)
    best, fewest = plan, len(network.stations) + 1
    for turn in range(ROUNDS + 1):
        missing = crowded(plan, HOUSE, font)
        if len(missing) < fewest:
            best, fewest = plan, len(missing)
        if not missing or turn == ROUNDS:
            break
        for station in missing:
            growth[station] = growth.get(station, 1.0) + GROWTH
        plan = schematic_plan(draft, growth)
    return best


def _grown_geographic(network: Network, font: Path | None) -> Plan:
    spread = 1.0
    plan = geographic_plan(network)
    best, fewest = plan, len(network.stations) + 1
    for _ in range(SPREADS):
        missing = crowded(plan, HOUSE, font)
        if len(missing) < 0.85 * fewest:  # a larger plan makes all names smaller, so it must be worth it
            best, fewest = plan, len(missing)
        if not missing:
            break
        spread *= 1.25
        plan = geographic_plan(network, spread)
    return best
