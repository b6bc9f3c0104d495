"""Readers of every format on small files written here, and one clear line, or a count, for each broken one."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from datasets_builders.transit import TransitConfig
from datasets_builders.transit.csv_tables import read_csv_tables
from datasets_builders.transit.network import Network
from datasets_builders.transit.omm import read_omm
from datasets_builders.transit.reading import Reading
from datasets_builders.transit.sources import open_sources
from mmrl.errors import InputError

OMM = """<?xml version="1.0" encoding="UTF-8"?>
<omm-file version="1.0.0">
  <stations>
    <station lat="52.5" lon="13.0" name="Adler"/>
    <station lat="52.6" lon="13.1" name="Birken"/>
    <station lat="52.7" lon="13.0" name="Dorn"/>
  </stations>
  <lines>
    <line circular="true" color="#E64DFF" name="S1">
      <stop station="Adler"/><stop station="Birken"/><stop station="Dorn"/>
    </line>
    <line circular="false" color="#00844A" name="S2"><stop station="Dorn"/><stop station="Adler"/></line>
  </lines>
</omm-file>
"""
MAP = {
    "nodes": [
        {"id": id_, "label": label, "metadata": {"x": x, "y": y}}
        for id_, label, x, y in (("1", "Adler", 0, 0), ("2", "Birken", 1, 0), ("3", "Dorn", 2, 1), ("4", "Eule", 2, -1))
    ],
    "edges": [
        {"source": "1", "target": "2", "metadata": {"lines": ["U1", "U2"]}},
        {"source": "2", "target": "3", "metadata": {"lines": ["U1"]}},
        {"source": "4", "target": "2", "metadata": {"lines": ["U1"]}},
    ],
    "lines": [{"id": "U1", "color": "blue"}, {"id": "U2", "color": "#a3c"}, {"id": "U3", "color": None}],
}
STATIONS = 'id,latitude,longitude,name\n1,51.5,0.1,"Adler, East"\n2,51.6,0.1,Birken\n3,51.7,0.1,Dorn\n'
LINES = "line,name,colour\n7,Central Line,F15B2E\n8,Ghost Line,000000\n"
CONNECTIONS = "station1,station2,line,time\n2,1,7,1\n2,3,7,2\n"
LIST = {
    "Red Line": ["Adler Station (Transfer Station)", "Birken Station", "Dorn Staton", "Birken Station "],
    "Line 2": ["Adler (Britomart) Station", "adler Station(Transfer Station)", "Rebibbia Station"],
    "Line B": [
        *["Eule Station", "Farn Station", "Gras Station (Transfer Station) (Branch-starting Station)"],
        *["Heide Station", "Rebibbia Station", "Ilm Station", "Jura Station"],
    ],
}


def lines_of(network: Network) -> dict[str, list[str]]:
    return {line.name: network.stop_names(line) for line in network.lines}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def open_one(path: Path, **options: object) -> Reading:
    (reading,) = open_sources(TransitConfig(source=str(path), **options))
    return reading


def test_open_metro_maps(tmp_path: Path) -> None:
    network = read_omm(write(tmp_path / "city.omm", OMM)).network
    assert lines_of(network) == {"S1": ["Adler", "Birken", "Dorn", "Adler"], "S2": ["Dorn", "Adler"]}
    assert [line.colour for line in network.lines] == ["#E64DFF", "#00844A"]
    assert network.stations["Dorn"].y < network.stations["Adler"].y  # north is up


def test_open_metro_maps_are_drawn_by_their_view(tmp_path: Path) -> None:
    places = {"Adler": 5, "Birken": 9, "Dorn": 1, "Eule": 4}
    view = "".join(f'<station name="{name}" x="{x}" y="7"/>' for name, x in places.items())
    text = OMM.replace("</stations>", '<station lat="52.8" lon="13.3" name="Eule"/></stations>')
    text = text.replace('<stop station="Dorn"/><stop', '<stop station="Eule"/><stop')
    text = text.replace("</omm-file>", f'<views><view name="v">{view}</view></views></omm-file>')
    reading = read_omm(write(tmp_path / "city.omm", text))
    assert {name: station.x for name, station in reading.network.stations.items()} == places
    assert not reading.geographic
    assert read_omm(write(tmp_path / "flat.omm", OMM)).geographic


def test_transit_map(tmp_path: Path) -> None:
    reading = open_one(write(tmp_path / "city.json", MAP))
    lines = {line.name: line for line in reading.network.lines}
    assert set(lines) == {"U1", "U2"}
    assert set(lines["U1"].calls) == {"1", "2", "3", "4"}
    assert lines["U1"].colour == "#0000FF"
    assert lines["U2"].colour == "#AA33CC"
    assert reading.left_out.counts == {"lines with fewer than two stations": 1}
    assert reading.left_out.text().endswith("(first: city.json:lines[2])")


def test_transit_map_with_north_up(tmp_path: Path) -> None:
    down, up = (open_one(write(tmp_path / "city.json", MAP), north_up=up).network.stations for up in (False, True))
    assert (down["3"].y > down["4"].y) is True
    assert (up["3"].y < up["4"].y) is True


def test_tables(tmp_path: Path) -> None:
    write(tmp_path / "city/london.stations.csv", STATIONS)
    write(tmp_path / "city/london.lines.csv", LINES)
    write(tmp_path / "city/london.connections.csv", CONNECTIONS)
    reading = open_one(tmp_path / "city")
    assert sorted(lines_of(reading.network)["Central Line"]) == ["Adler, East", "Birken", "Dorn"]
    assert lines_of(reading.network)["Central Line"][1] == "Birken"
    assert reading.left_out.counts == {"lines with fewer than two stations": 1}


def test_station_lists(tmp_path: Path) -> None:
    reading = open_one(write(tmp_path / "rome.json", LIST))
    network = reading.network
    assert lines_of(network) == {
        "Red Line": ["Adler", "Birken", "Dorn", "Birken [2]"],  # a name that returns is another station
        "Line 2": ["Adler (Britomart)", "Adler", "Rebibbia"],  # brackets of the name stay, marks go, spelling is one
        "Line B": ["Eule", "Farn", "Gras", "Heide", "Rebibbia", "Ilm", "Jura"],
    }
    assert network.lines[2].branches == (("Gras", "Ilm", "Jura"),)
    assert set(network.interchanges) == {"Adler", "Rebibbia"}
    assert [line.colour for line in network.lines] == ["#E3242B", "#1E5BD6", "#17A34A"]
    assert network.name == "Rome"
    assert reading.split == "test"


def test_station_lists_in_chinese_and_rings(tmp_path: Path) -> None:
    ring = ["西单", "复兴门站（换乘站）", "机场（T2）站", "西直门站（支线起始站）"]
    network = open_one(write(tmp_path / "beijing.json", {"Line 2": ring}), size=112).network
    assert lines_of(network) == {"Line 2": ["西单", "复兴门", "机场（T2）", "西直门", "西单"]}


def test_a_folder_gives_all_networks_and_splits_share_none(tmp_path: Path) -> None:
    write(tmp_path / "all/rome.json", LIST)
    write(tmp_path / "all/oslo.json", {"L": ["Nord Station", "Sud Station"]})
    write(tmp_path / "all/osm/a.omm", OMM)
    write(tmp_path / "all/osm/b.omm", OMM.replace('lat="52.5"', 'lat="52.9"'))
    names = {
        split: [r.network.name for r in open_sources(TransitConfig(source=str(tmp_path / "all"), split=split))]
        for split in ("train", "test", None)
    }
    assert sorted(names[None]) == ["A", "B", "Oslo", "Rome"]
    assert "Rome" in names["test"]
    assert "Oslo" in names["train"]
    assert not set(names["train"]) & set(names["test"])
    assert any({"A", "B"} <= set(found) for found in (names["train"], names["test"]))  # one city drawn twice


def test_three_networks_are_enough_for_three_splits(tmp_path: Path) -> None:
    for index, names in enumerate(("AB", "CD", "EF", "GH", "IJ")):
        nodes = [{"id": n, "label": f"{n}o", "x": i, "y": 0} for i, n in enumerate(names)]
        edges = [{"source": names[0], "target": names[1], "metadata": {"lines": ["U"]}}]
        write(tmp_path / f"{index}.json", {"nodes": nodes, "edges": edges, "lines": [{"id": "U"}]})
    found = [
        {reading.network.name for reading in open_sources(TransitConfig(source=str(tmp_path), split=split))}
        for split in ("train", "validation", "test")
    ]
    assert sorted(map(len, found)) == [1, 1, 3]
    assert set().union(*found) == set("01234")


def broken(table: Mapping[str, object], **changes: object) -> dict[str, object]:
    return {**table, **changes}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.omm", "no xml", "must be XML; found"),
        ("a.omm", "<omm-file/>", "must hold stations and lines; found none"),
        ("a.omm", OMM.replace('"13.1"', '"nan"'), "found 'nan'; {path}:line 5.lon"),
        ("a.omm", OMM.replace("Dorn", "Adler"), "found 'Adler' again; {path}:line 6"),
        ("a.omm", OMM.replace('stop station="Dorn"', 'stop station="Zoo"'), "found 'Zoo'; {path}:line 10"),
        ("a.omm", OMM.replace("Birken", "B" * 5000), "found 5000 in 'BBB"),
        ("a.json", "[", "must be JSON; found"),
        ("a.json", broken(MAP, edges=[{"source": "1", "target": "9"}]), "found '9'; {path}:edges[0]"),
        ("a.json", broken(MAP, edges=[{"source": "1", "target": "2"}]), "found 'None'; {path}:edges[0].metadata.lines"),
        ("a.json", broken(MAP, nodes=[{"id": "1"}]), "found 'None'; {path}:nodes[0].metadata.x"),
        ("a.json", broken(MAP, nodes=[MAP["nodes"][0]] * 2), "found '1' again; {path}:nodes[1].id"),
        ("a.json", broken(MAP, lines=[], edges=[]), "at least one line; found none"),
        ("a.json", {"L": ["A", "B" * 5000]}, "found 5000 in 'BBB"),
        ("a.json", {"L": ["A", "（换乘站）"]}, "a stop must have a name; found none; {path}:'L'[1]"),
        ("a.json", {"Line 1": ["𐘀𐘁", "𐘂𐘃"]}, "Chinese, Japanese, Korean); found '𐘀𐘁' (Linear) and 1 more"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, name: str, content: object, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(InputError) as caught:
        open_sources(TransitConfig(source=str(path)))
    assert message.replace("{path}", str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stations": STATIONS.replace("51.6", "nan")}, "found 'nan'; {folder}/stations.csv:line 3.latitude"),
        ({"stations": STATIONS + "3,1,1,Again\n"}, "found '3' again; {folder}/stations.csv:line 5.id"),
        ({"stations": STATIONS.replace("name", "title")}, "found no name; {folder}/stations.csv:line 1"),
        ({"connections": CONNECTIONS + "1,9,7\n"}, "found '9'; {folder}/connections.csv:line 4.station2"),
        ({"stations": "id,latitude,longitude,name\n"}, "stations.csv must have a row"),
    ],
)
def test_broken_tables_are_refused_in_one_line(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    for table, text in ({"stations": STATIONS, "lines": LINES, "connections": CONNECTIONS} | changes).items():
        write(tmp_path / f"{table}.csv", text)
    with pytest.raises(InputError) as caught:
        read_csv_tables(tmp_path)
    assert message.replace("{folder}", str(tmp_path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_without_a_font_are_counted_where_others_have_one(tmp_path: Path) -> None:
    reading = open_one(write(tmp_path / "a.json", {"L": ["Nord", "Mitte", "𐘀𐘁", "Sud"]}))
    assert reading.left_out.counts == {"stations drawn without their names, which no font at hand can write": 1}


def test_a_split_without_a_network_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "rome.json", LIST)
    with pytest.raises(InputError, match="found 'train' and 1 networks of others"):
        open_sources(TransitConfig(source=str(path), split="train"))


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder of networks must hold one; found none"):
        open_sources(TransitConfig(source=str(tmp_path)))
