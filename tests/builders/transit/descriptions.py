"""Reads a map back from its description."""

from __future__ import annotations

import re

from datasets_builders.drafts import Draft


def described_lines(draft: Draft) -> dict[str, list[str]]:
    """Return the stops of each line, in order, as ``Red: A [20, 31] > B [47, 31]; Blue: ...`` states them."""
    lines = {}
    for part in draft.description.split("; "):
        name, stops = part.split(": ")
        lines[name] = [re.sub(r" \[\d+, \d+\]$", "", stop) for stop in stops.split(" > ")]
    return lines
