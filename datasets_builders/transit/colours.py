"""Line colours that can be told apart, since questions name lines that the picture shows only by colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datasets_builders.transit.network import COLOUR, Network
from datasets_builders.transit.procedural import PALETTE

SHADES = (
    ("Blue", "#0B3D91"), ("Green", "#6B8E23"), ("Pink", "#B00058"), ("Blue", "#5CC8FF"), ("Brown", "#C4A484"),
    ("Green", "#A8E04A"), ("Grey", "#3A3A3A"),
)  # fmt: skip
"""Further shades with the plain words for them."""
SPARE = tuple(colour for _, colour in (*PALETTE, *SHADES))
WORDS = (*PALETTE, *SHADES, ("Grey", "#C0C0C0"))
"""Colours whose plain words are known; light grey is too pale to serve as a spare."""
PAPER = (255, 255, 255)
APART = 100.0
"""Smallest :func:`colour_distance` between two lines that readers reliably tell apart on a drawing (our own cut)."""

BRIGHTEST = 0.78
"""Largest weighted mean of red, green and blue (ITU-R BT.709 weights, 0 to 1) that a line may have on white paper."""


def distinct_colours(wished: Sequence[str]) -> list[str]:
    """Return one ``#RRGGBB`` a line: the wished one where it is valid and distinct, else a spare one far from the rest.

    Args:
        wished: what the source says, with or without ``#``; anything else counts as missing.
    """
    colours: list[str | None] = []
    for text in wished:
        colour = f"#{text.strip().lstrip('#').upper()}"
        if COLOUR.fullmatch(colour):
            colour = _darkened(colour)
            known = [PAPER, *(_rgb(other) for other in colours if other)]
            colours.append(colour if _nearest(_rgb(colour), known) >= APART else None)
        else:
            colours.append(None)
    for index, wanted in enumerate(colours):
        if wanted is None:
            known = [PAPER, *(_rgb(other) for other in colours if other)]
            colours[index] = max(SPARE, key=lambda spare: _nearest(_rgb(spare), known))
    return [colour for colour in colours if colour is not None]


def colour_distance(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """Return the "redmean" distance of two RGB colours, an inexpensive stand-in for perceived difference (0 to 765)."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = (p - q for p, q in zip(a, b, strict=True))
    square = (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db
    return float(square**0.5)


def colour_word(colour: str) -> str:
    """Return the plain word of ``PALETTE`` for a ``#RRGGBB``: that of the nearest colour of ``WORDS``."""
    word, _ = min(WORDS, key=lambda entry: colour_distance(_rgb(entry[1]), _rgb(colour)))
    return word


def _nearest(colour: tuple[int, int, int], others: Sequence[tuple[int, int, int]]) -> float:
    return min(colour_distance(colour, other) for other in others)


def _darkened(colour: str) -> str:
    """Return a colour dark enough to be seen on white: bright yellow becomes a deeper yellow."""
    red, green, blue = _rgb(colour)
    brightness = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
    share = min(1.0, BRIGHTEST / max(brightness, BRIGHTEST))
    return "#" + "".join(f"{round(value * share):02X}" for value in (red, green, blue))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def recolour(network: Network) -> Network:
    """Return the network with :func:`distinct_colours` for its lines."""
    colours = distinct_colours([line.colour for line in network.lines])
    lines = tuple(replace(line, colour=colour) for line, colour in zip(network.lines, colours, strict=True))
    return Network(name=network.name, lines=lines, stations=network.stations)
