"""Network files, and the shipped Vienna as facts that a traveller can check."""

import json
from pathlib import Path
from typing import Any

import pytest

from datasets_builders.transit.colours import colour_distance, distinct_colours
from datasets_builders.transit.network_file import read_network_file, read_packaged
from datasets_builders.transit.routes import best_journeys
from mmrl.errors import InputError

SMALL: dict[str, Any] = {
    "format": "mmrl-network/1",
    "name": "Small",
    "lines": [{"name": "U1", "colour": "#E3000F", "stops": ["A", "B"]}],
    "stations": [{"name": "A", "x": 0, "y": 22}, {"name": "B", "x": 1.5, "y": 20}],
}


def write(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "net.json"
    path.write_text(json.dumps({**SMALL, **changes}), encoding="utf-8-sig")
    return path


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    file = read_network_file(write(tmp_path, licence="CC0-1.0"))
    assert file.licence == "CC0-1.0"
    assert file.network.stop_names(file.network.lines[0]) == ["A", "B"]
    assert (file.network.stations["B"].x, file.network.stations["B"].y) == (1.5, 20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format must be 'mmrl-network/1'; found 'other'"),
        ({"stations": [{"name": "A", "x": "left", "y": 0}]}, "stations[0].x"),
        ({"stations": [*SMALL["stations"], {"name": "A", "x": 3, "y": 3}]}, "found 'A' again"),
        ({"lines": [{"name": "U1", "colour": "#E3000F", "stops": ["A", "C"]}]}, "known station; found 'C'"),
        ({"lines": []}, "at least one line"),
        ({"line": []}, "Extra inputs"),
        ({"name": None}, ":name"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_network_file(write(tmp_path, **changes))
    assert message in str(caught.value)
    assert "net.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_json_and_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="must be JSON"):
        read_network_file(path)
    for text, found in (
        ("[" * 100_000, "nested too deeply"),
        ('{"x": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"name": "\\ud800"}', "lone surrogate"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=f"must be JSON; found .*{found}"):
            read_network_file(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="must be UTF-8"):
        read_network_file(path)
    with pytest.raises(InputError, match="found no file"):
        read_network_file(tmp_path / "none.json")


def test_vienna_has_its_lines_termini_and_interchanges() -> None:
    vienna = read_packaged("vienna").network
    ends = {line.name: (line.stops[0], line.stops[-1], len(line.stops)) for line in vienna.lines}
    assert ends == {
        "U1": ("Oberlaa", "Leopoldau", 24),
        "U2": ("Seestadt", "Karlsplatz", 20),
        "U3": ("Ottakring", "Simmering", 21),
        "U4": ("Hütteldorf", "Heiligenstadt", 20),
        "U6": ("Siebenhirten", "Floridsdorf", 24),
    }
    meets = {id_: "".join(line.name[1] for line in vienna.lines_at(id_)) for id_ in vienna.interchanges}
    assert meets == {
        "Karlsplatz": "124", "Stephansplatz": "13", "Schwedenplatz": "14", "Praterstern": "12", "Schottenring": "24",
        "Volkstheater": "23", "Landstraße": "34", "Längenfeldgasse": "46", "Westbahnhof": "36", "Spittelau": "46",
    }  # fmt: skip
    assert len(vienna.stations) == 98


def test_vienna_is_travelled_as_in_vienna() -> None:
    vienna = read_packaged("vienna").network
    (journey,) = best_journeys(vienna, "Schönbrunn", "Stephansplatz")
    assert [(ride.line.name, ride.arrival) for ride in journey] == [("U4", "Karlsplatz"), ("U1", "Stephansplatz")]
    assert {len(one) for one in best_journeys(vienna, "Floridsdorf", "Seestadt")} == {3}
    u3 = next(line for line in vienna.lines if line.name == "U3")
    between = u3.stops[u3.stops.index("Westbahnhof") + 1 : u3.stops.index("Stephansplatz")]
    assert between == ("Zieglergasse", "Neubaugasse", "Volkstheater", "Herrengasse")


def test_alike_missing_and_pale_colours_are_replaced() -> None:
    wished = ["0455A1", "#133C8D", "", "nonsense", "FFFFFF", "FFFF00"]
    colours = distinct_colours(wished)
    assert colours[0] == "#0455A1"
    assert colours[1] != "#133C8D"  # too near to the first
    rgb = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in colours]
    assert colours[5] not in wished  # darkened, but still yellow
    assert rgb[5][0] == rgb[5][1] > rgb[5][2]
    pairs = [colour_distance(a, b) for i, a in enumerate(rgb) for b in [*rgb[:i], (255, 255, 255)]]  # type: ignore[arg-type]
    assert min(pairs) >= 100
