"""Pictures: what is drawn where. Colours are probed at places that follow from the layout."""

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from datasets_builders.transit.draw import draw_network
from datasets_builders.transit.fonts import choose_face, missing_characters
from datasets_builders.transit.layout import lay_out, place_stations, spread_stations, style_for
from datasets_builders.transit.network import Line, Network, Station
from datasets_builders.transit.network_file import read_packaged
from datasets_builders.transit.procedural import make_network
from mmrl.errors import InputError

RED, BLUE, GREEN = "#E3242B", "#1E5BD6", "#17A34A"


def network(lines: dict[str, tuple[str, str]], places: dict[str, tuple[float, float]]) -> Network:
    return Network(
        name="n",
        lines=tuple(Line(name=name, colour=colour, stops=tuple(stops)) for name, (colour, stops) in lines.items()),
        stations={id_: Station(id=id_, name=id_, x=x, y=y) for id_, (x, y) in places.items()},
    )


CROSS = network(
    {"Red": (RED, "AXB"), "Blue": (BLUE, "CXD")}, {"A": (0, 1), "X": (1, 1), "B": (2, 1), "C": (1, 0), "D": (1, 2)}
)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@pytest.mark.parametrize("size", [112, 224, 256, 512])
def test_lines_are_seen_halfway_between_stops_and_interchanges_are_white(size: int) -> None:
    drawing = draw_network(CROSS, size)
    assert drawing.picture.size == (size, size)
    assert drawing.picture.mode == "RGB"
    assert drawing.legible == set("AXBCD")
    for line in CROSS.lines:
        for a, b in pairwise(line.stops):
            (x, y), (u, v) = drawing.places[a], drawing.places[b]
            assert drawing.picture.getpixel((round((x + u) / 2), round((y + v) / 2))) == rgb(line.colour)
    x, y = drawing.places["X"]
    assert drawing.picture.getpixel((round(x), round(y))) == (255, 255, 255)


def test_parallel_lines_stay_side_by_side() -> None:
    parallel = network({"Red": (RED, "AB"), "Blue": (BLUE, "AB"), "Green": (GREEN, "BA")}, {"A": (0, 0), "B": (1, 0)})
    drawing = draw_network(parallel, 512)
    (x, y), (u, _) = drawing.places["A"], drawing.places["B"]
    column = [drawing.picture.getpixel((round((x + u) / 2), row)) for row in range(round(y) - 40, round(y) + 40)]
    assert [column.count(rgb(colour)) > 3 for colour in (RED, BLUE, GREEN)] == [True, True, True]


def test_a_line_runs_around_a_station_where_it_does_not_stop() -> None:
    express = network({"Local": (RED, "ABC"), "Express": (BLUE, "AC")}, {"A": (0, 0), "B": (1, 0), "C": (2, 0)})
    style = style_for(512, 3)
    places = place_stations(express, width=512, height=512, margin=style.margin, stretch=1)
    layout = lay_out(express, places, style)
    gaps = [math.dist(point, places["B"]) for a, b in pairwise(layout.tracks[1]) for point in between(a, b)]
    assert min(gaps) >= layout.radii["B"] + style.line_width / 2


def between(a: tuple[float, float], b: tuple[float, float]) -> list[tuple[float, float]]:
    return [(a[0] + t / 50 * (b[0] - a[0]), a[1] + t / 50 * (b[1] - a[1])) for t in range(51)]


def test_small_maps_write_every_letter_inside_the_picture_and_off_the_lines() -> None:
    rng = random.Random(2)
    for _ in range(15):
        made = make_network(rng, name="n", lines=(2, 3), stations=(6, 8), names="letters")
        drawing = draw_network(made, 112)
        ink = (np.asarray(drawing.picture).astype(int) - (32, 33, 36)).max(-1) < 30
        edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
        assert not edge.any()
        if len(drawing.legible) < len(made.stations):
            continue
        for x, y in drawing.places.values():  # dark pixels (a letter) near every station, beyond its marker
            rows, columns = np.nonzero(ink)
            away = np.hypot(columns - x, rows - y)
            assert ((away > 6.5) & (away < 24)).any()


def test_names_that_find_no_room_are_left_out() -> None:
    crowd = {chr(65 + i) * 12: (i % 5 * 0.01, i // 5 * 0.01) for i in range(25)} | {"Far": (1.0, 1.0)}
    lines = tuple(Line(name=f"L{i}", colour=RED, stops=(a, b)) for i, (a, b) in enumerate(pairwise(crowd)))
    stations = {name: Station(id=name, name=name, x=x, y=y) for name, (x, y) in crowd.items()}
    drawing = draw_network(Network(name="n", lines=lines, stations=stations), 512)
    assert "Far" in drawing.legible
    assert len(drawing.legible) < len(crowd) / 2


def test_vienna_is_legible_at_1024_and_has_a_legend() -> None:
    vienna = read_packaged("vienna").network
    drawing = draw_network(vienna, 1024)
    assert drawing.legible == set(vienna.stations)
    legend = np.asarray(drawing.picture)[-60:]
    for line in vienna.lines:
        assert (legend == rgb(line.colour)).all(-1).sum() > 50


def test_places_keep_the_margin_and_proportions() -> None:
    places = place_stations(CROSS, width=200, height=100, margin=10, stretch=1)
    assert places["A"] == (60, 50)
    assert places["D"] == (100, 90)
    wide = place_stations(CROSS, width=200, height=100, margin=10, stretch=1.5)
    assert wide["A"] == (40, 50)


def test_spreading_keeps_stations_apart_and_sides() -> None:
    places = {"A": (0.0, 0.0), "B": (0.001, 0.0), "C": (0.002, 0.0005), "D": (1.0, 1.0)}
    spread = spread_stations(network({"Red": (RED, "ABCD")}, places), 0.6)
    found = [(station.x, station.y) for station in spread.stations.values()]
    assert min(math.dist(a, b) for a, b in pairwise(found)) > 0.1
    assert [x for x, _ in found] == sorted(x for x, _ in found)


def test_fonts_cover_what_maps_write() -> None:
    assert choose_face("Adler") == ""
    accents = choose_face("Größe Łódź São Ελλάδα Москва")
    assert accents
    assert not missing_characters(accents, "Größe Łódź São Ελλάδα Москва")
    assert missing_characters(choose_face("西单"), "西单") == {"西", "单"}


def test_names_that_no_font_can_draw_are_not_asked_about() -> None:
    stations = {"a": "西单", "b": "Birken", "c": "Dorn"}
    chinese = Network(
        name="n",
        lines=(Line(name="1", colour=RED, stops=("a", "b", "c")),),
        stations={i: Station(id=i, name=n, x=k, y=0) for k, (i, n) in enumerate(stations.items())},
    )
    assert draw_network(chinese, 512).legible == {"b", "c"}


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_text("no font", encoding="utf-8")
    with pytest.raises(InputError, match="font must be a TrueType or OpenType file"):
        draw_network(CROSS, 512, font=tmp_path / "font.ttf")
