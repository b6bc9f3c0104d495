"""The picture of a network: coloured lines, station markers, names and, where there is room, a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from datasets_builders.transit.fonts import Font, choose_face, load_font, missing_characters
from datasets_builders.transit.labels import Label, Wording, place_labels
from datasets_builders.transit.layout import SMALL, Layout, Place, Style, lay_out, place_stations, style_for
from datasets_builders.transit.network import Network

INK = "#202124"
PAPER = "#FFFFFF"
MIN_SIZE, MAX_SIZE = 112, 2048
WRAP_FROM = 11
"""Names of so many characters or more may be broken into two rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A picture and what can be read in it."""

    picture: Image.Image
    """RGB, square."""
    places: Mapping[str, Place]
    """Centre of each station in pixels, by id."""
    legible: frozenset[str]
    """Ids of the stations whose names are written clear of all others; only these may be asked about."""


def draw_network(network: Network, size: int, *, stretch: float = 1.0, font: Path | None = None) -> Drawing:
    """Draw a network.

    Args:
        network: what to draw.
        size: side of the square picture in pixels, ``MIN_SIZE`` to ``MAX_SIZE``. Below ``SMALL`` there is no legend,
            so lines should be named by their colours.
        stretch: how much more one axis may be enlarged than the other.
        font: a font file for scripts that the built-in fonts lack.
    """
    style = style_for(size, len(network.stations))
    face = choose_face("".join(s.name for s in network.stations.values()) + _legend_text(network), font)
    legend = [] if size < SMALL else _arrange_legend(network, size, face, style)
    height = min([size, *(row.top - style.line_width for row in legend)])
    places = place_stations(network, width=size, height=height, margin=style.margin, stretch=stretch)
    layout = lay_out(network, places, style)
    labels, font_size = _fit_labels(network, layout, style, face, (size, height))
    readable = {
        id_: label for id_, label in labels.items() if label.clear and (style.halo or not label.crossed)
    }  # the others are left out of the picture
    picture = _draw_tracks(network, layout, style, size)
    _write_labels(picture, list(readable.values()), load_font(face, font_size), style.halo)
    _draw_legend(picture, legend, style)
    return Drawing(picture=picture, places=places, legible=frozenset(readable))


# ---------------------------------------------------------------------------------------------------- lines


def _draw_tracks(network: Network, layout: Layout, style: Style, size: int) -> Image.Image:
    """Return the picture of lines and markers, drawn enlarged and averaged down for smooth edges."""
    factor = style.supersample
    canvas = Image.new("RGB", (size * factor, size * factor), PAPER)
    pen = ImageDraw.Draw(canvas)
    for line, track in zip(network.lines, layout.tracks, strict=True):
        points = [(x * factor, y * factor) for x, y in track]
        pen.line(points, fill=line.colour, width=round(style.line_width * factor), joint="curve")
    for id_, (x, y) in layout.places.items():
        radius = layout.radii[id_]
        lines = network.lines_at(id_)
        edge = lines[0].colour if len(lines) == 1 else INK
        rim = style.line_width * (0.45 if len(lines) == 1 else 0.42)
        _disc(pen, x * factor, y * factor, radius * factor, edge)
        _disc(pen, x * factor, y * factor, (radius - rim) * factor, PAPER)
    return canvas.reduce(factor)


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: str) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


# ---------------------------------------------------------------------------------------------------- names


def _fit_labels(
    network: Network, layout: Layout, style: Style, face: str, region: tuple[float, float]
) -> tuple[dict[str, Label], int]:
    """Return names in their places at the largest font size at which all are clear, else at the smallest."""
    size = round(style.font_size)
    drawable = [s for s in network.stations.values() if not missing_characters(face, s.name)]
    while drawable:
        font = load_font(face, size)
        wordings = [_measure(station.name, font) for station in drawable]
        ids = [station.id for station in drawable]
        width, height = region
        labels = place_labels(wordings, ids, layout, style, width=width, height=height, font_size=size)
        if size <= style.min_font_size or all(label.clear for label in labels.values()):
            return labels, size
        size = max(round(size * 0.88), round(style.min_font_size))
    return {}, size


def _measure(name: str, font: Font) -> list[Wording]:
    """Return one or two ways to write a name, with the size of their ink in pixels."""
    texts = [name]
    if len(name) >= WRAP_FROM and (broken := _break(name)):
        texts.append(broken)
    return [_measure_text(text, font) for text in texts]


def _measure_text(text: str, font: Font) -> Wording:
    rows = text.split("\n")
    boxes = [font.getbbox(row, anchor="ls") for row in rows]
    width = max(box[2] - box[0] for box in boxes)
    return Wording(text=text, width=width, height=boxes[-1][3] - boxes[0][1] + (len(rows) - 1) * _row_height(font))


def _row_height(font: Font) -> float:
    return round(font.size * 1.15)


def _break(name: str) -> str | None:
    """Return the name in two rows, broken at the blank or behind the hyphen nearest to its middle."""
    places = [i + (name[i] != " ") for i in range(2, len(name) - 2) if name[i] in " -/"]
    if not places:
        return None
    at = min(places, key=lambda i: abs(i - len(name) / 2))
    return f"{name[:at].rstrip()}\n{name[at:].lstrip()}"


def _write_labels(picture: Image.Image, labels: Sequence[Label], font: Font, halo: int) -> None:
    pen = ImageDraw.Draw(picture)
    for label in labels:
        rows = label.wording.text.split("\n")
        baseline = label.top - font.getbbox(rows[0], anchor="ls")[1]
        for row in rows:
            left, _, right, _ = font.getbbox(row, anchor="ls")
            slack = label.wording.width - (right - left)
            x = label.left - left + slack * (1 - label.side[0]) / 2  # rows hug the station
            place = (round(x), round(baseline))
            pen.text(place, row, font=font, fill=INK, anchor="ls", stroke_width=halo if label.crossed else 0,
                     stroke_fill=PAPER)  # fmt: skip
            baseline += _row_height(font)


# ---------------------------------------------------------------------------------------------------- legend


@dataclass(frozen=True, kw_only=True, slots=True)
class _LegendEntry:
    name: str
    colour: str
    left: float
    top: float
    font: Font


def _legend_text(network: Network) -> str:
    return "".join(line.name for line in network.lines)


def _arrange_legend(network: Network, size: int, face: str, style: Style) -> list[_LegendEntry]:
    """Return the lines' names in rows along the lower edge."""
    font = load_font(face, min(max(size / 64, 12), 26))
    swatch, gap = font.size * 1.8, font.size * 1.2
    rows: list[list[tuple[float, str, str]]] = [[]]
    left = gap
    for line in network.lines:
        width = swatch + font.size * 0.4 + font.getlength(line.name)
        if rows[-1] and left + width > size - gap:
            rows.append([])
            left = gap
        rows[-1].append((left, line.name, line.colour))
        left += width + gap
    pitch = font.size * 1.5
    first = size - style.line_width - pitch * len(rows)
    return [
        _LegendEntry(name=name, colour=colour, left=x, top=first + pitch * index, font=font)
        for index, row in enumerate(rows)
        for x, name, colour in row
    ]


def _draw_legend(picture: Image.Image, entries: Sequence[_LegendEntry], style: Style) -> None:
    pen = ImageDraw.Draw(picture)
    for entry in entries:
        size = entry.font.size
        middle = entry.top + size * 0.6
        width = max(style.line_width, size * 0.35)
        pen.rectangle((entry.left, middle - width / 2, entry.left + size * 1.8, middle + width / 2), fill=entry.colour)
        pen.text((entry.left + size * 2.2, middle), entry.name, font=entry.font, fill=INK, anchor="lm")
