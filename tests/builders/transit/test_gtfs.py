"""GTFS feeds: what a small feed written for the purpose must become, and one clear line for each broken one."""

import contextlib
import io
import random
import sys
import zipfile
from pathlib import Path

import pytest

from datasets_builders.transit.feed_network import read_feed_network, read_gtfs
from datasets_builders.transit.network import Network
from mmrl.errors import InputError

sys.path.insert(0, str(Path(__file__).parent))
from feeds import TABLES, write_feed


def lines_of(network: Network) -> dict[str, list[str]]:
    return {line.name: network.stop_names(line) for line in network.lines}


def test_platforms_become_stations_and_directions_one_line(tmp_path: Path) -> None:
    network = read_gtfs(write_feed(tmp_path / "city.zip"))
    assert network.name == "City"
    assert lines_of(network) == {"M1": ["Adler", "Birken", "Cäsar"], "M2": ["Birken", "Dorn"]}
    assert [network.stations[id_].name for id_ in network.interchanges] == ["Birken"]


def test_positions_keep_geographic_proportions(tmp_path: Path) -> None:
    network = read_gtfs(write_feed(tmp_path / "city.zip"))
    place = {station.name: (station.x, station.y) for station in network.stations.values()}
    east = place["Birken"][0] - place["Adler"][0]
    north = place["Birken"][1] - place["Cäsar"][1]
    assert east == pytest.approx(0.05 * 111.195 * 0.6665, rel=0.01)  # kilometres; the cosine of 48.2 degrees
    assert north == pytest.approx(0.05 * 111.195, rel=0.01)  # y grows southwards


def with_short_trips(path: Path, count: int) -> Path:
    trips = TABLES["trips"] + "".join(f"m1,x{i},0\n" for i in range(count))
    times = TABLES["stop_times"] + "".join(f"x{i},a1,1,\nx{i},b1,2,\n" for i in range(count))
    return write_feed(path, trips=trips, stop_times=times)


def test_frequent_trips_lengthen_the_line_and_rare_ones_do_not(tmp_path: Path) -> None:
    network = read_gtfs(with_short_trips(tmp_path / "f.zip", 2))  # three short trips, two long ones
    assert lines_of(network)["M1"] == ["Adler", "Birken", "Cäsar"]
    network = read_gtfs(with_short_trips(tmp_path / "g.zip", 18))  # 19 short trips: the long ones are 2 of 21
    assert lines_of(network)["M1"] == ["Adler", "Birken"]


def test_colours_are_kept_where_given_and_filled_where_missing(tmp_path: Path) -> None:
    colours = {line.name: line.colour for line in read_gtfs(write_feed(tmp_path / "f.zip")).lines}
    assert colours["M1"] == "#E3000F"
    assert colours["M2"].startswith("#")
    assert colours["M2"] != colours["M1"]


def test_buses_come_only_when_asked_for(tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "f.zip")
    assert "9" not in lines_of(read_gtfs(feed))
    assert lines_of(read_gtfs(feed, ["bus"])) == {"9": ["Adler", "Eule"]}


@pytest.mark.parametrize(
    ("route_type", "mode"), [(2, "rail"), (109, "rail"), (401, "metro"), (900, "tram"), (0, "tram")]
)
def test_basic_and_extended_route_types(tmp_path: Path, route_type: int, mode: str) -> None:
    feed = write_feed(tmp_path / "f.zip", routes=TABLES["routes"].replace(",402,", f",{route_type},"))
    assert "M2" in lines_of(read_gtfs(feed, [mode]))


def test_a_byte_order_mark_blank_lines_and_an_inner_folder_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in TABLES.items():
            archive.writestr(f"export/{name}.txt", ("\ufeff" + text + "\r\n\n").encode())
    assert lines_of(read_gtfs(path))["M1"] == ["Adler", "Birken", "Cäsar"]


def test_without_parents_stops_of_one_name_nearby_are_one_station(tmp_path: Path) -> None:
    bare = "\n".join(",".join(row.split(",")[:4]) for row in TABLES["stops"].splitlines())
    network = read_gtfs(write_feed(tmp_path / "f.zip", stops=bare))
    assert lines_of(network) == {"M1": ["Adler", "Birken", "Cäsar"], "M2": ["Birken", "Dorn"]}


def test_far_stations_of_one_name_stay_apart_and_are_named_by_line(tmp_path: Path) -> None:
    network = read_gtfs(write_feed(tmp_path / "f.zip", stops=TABLES["stops"].replace("d1,Dorn", "d1,Adler")))
    assert lines_of(network) == {"M1": ["Adler (M1)", "Birken", "Cäsar"], "M2": ["Birken", "Adler (M2)"]}


def test_transfers_join_stations_of_one_name(tmp_path: Path) -> None:
    stops = TABLES["stops"].replace("d1,Dorn", "d1,Adler")
    joined = "from_stop_id,to_stop_id,transfer_type\nd1,a1,2\n"
    network = read_gtfs(write_feed(tmp_path / "f.zip", stops=stops, transfers=joined))
    assert lines_of(network)["M2"] == ["Birken", "Adler"]
    forbidden = joined.replace(",2\n", ",3\n")
    network = read_gtfs(write_feed(tmp_path / "g.zip", stops=stops, transfers=forbidden))
    assert lines_of(network)["M2"] == ["Birken", "Adler (M2)"]


def test_each_direction_as_a_route_of_its_own_is_one_line(tmp_path: Path) -> None:
    routes = TABLES["routes"] + "m1b,op,M1-S,Northern,1,E3000F\n"
    trips = TABLES["trips"].replace("m1,m1-back", "m1b,m1-back").replace("m1,m1-short,0\n", "")
    network = read_gtfs(write_feed(tmp_path / "f.zip", routes=routes, trips=trips))
    assert list(lines_of(network)) == ["M1", "M2"]


def test_lines_of_one_name_are_told_apart_by_operator_or_number(tmp_path: Path) -> None:
    routes = TABLES["routes"].replace("m2,op,M2", "m2,rival,M1")
    assert list(lines_of(read_gtfs(write_feed(tmp_path / "f.zip", routes=routes)))) == ["M1 (op)", "M1 (rival)"]
    routes = TABLES["routes"].replace("m2,op,M2,", "m2,op,M1,Northern")
    assert list(lines_of(read_gtfs(write_feed(tmp_path / "g.zip", routes=routes)))) == ["M1", "M1 [2]"]


def test_names_lose_what_written_routes_give_a_meaning(tmp_path: Path) -> None:
    stops = TABLES["stops"].replace("Dorn", "Dorn: Ost_1_2").replace("Eule", "  ")
    network = read_gtfs(write_feed(tmp_path / "f.zip", stops=stops))
    assert lines_of(network)["M2"] == ["Birken", "Dorn Ost"]


def test_frequent_trips_that_turn_off_are_a_branch(tmp_path: Path) -> None:
    trips = TABLES["trips"] + "m1,y1,0\n"
    times = TABLES["stop_times"] + "y1,a1,1,\ny1,b1,2,\ny1,d1,3,\n"
    line = read_gtfs(write_feed(tmp_path / "f.zip", trips=trips, stop_times=times)).lines[0]
    assert (line.stops, line.branches) == (("A", "B", "c1"), (("B", "d1"),))


def test_directions_with_different_trips_are_one_line(tmp_path: Path) -> None:
    stops = TABLES["stops"] + "".join(f"x{i},Stop {i},48.3,16.{i},0,\n" for i in range(10, 19))
    routes = TABLES["routes"] + "yn,op,Gelb-N,,1,FFCC00\nys,op,Gelb-S,,1,FFCC00\n"
    trips = TABLES["trips"] + "yn,n1,0\nys,s1,0\n"
    times = TABLES["stop_times"] + "".join(f"n1,x{i},{i},\n" for i in range(10, 19))
    times += "".join(f"s1,x{i},{30 - i},\n" for i in range(10, 18))  # does not call at the first one
    network = read_gtfs(write_feed(tmp_path / "f.zip", stops=stops, routes=routes, trips=trips, stop_times=times))
    assert list(lines_of(network)) == ["M1", "M2", "Gelb"]
    assert len(lines_of(network)["Gelb"]) == 9


def test_transfers_between_stations_are_walks(tmp_path: Path) -> None:
    table = "from_stop_id,to_stop_id,transfer_type\nd1,c1,2\nc2,d1,0\na1,a2,2\na1,d1,3\na1,d1,4\na1,zz,0\n"
    network = read_gtfs(write_feed(tmp_path / "f.zip", transfers=table))
    assert [tuple(network.stations[id_].name for id_ in pair) for pair in network.transfers] == [("Cäsar", "Dorn")]


def test_rows_of_a_trip_may_be_scattered_over_the_table(tmp_path: Path) -> None:
    header, *rows = TABLES["stop_times"].splitlines()
    whole = read_gtfs(write_feed(tmp_path / "f.zip"))
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        feed = write_feed(tmp_path / "f.zip", stop_times="\n".join([header, *rows]))
        assert lines_of(read_gtfs(feed)) == lines_of(whole)


def test_an_unpacked_feed_is_a_feed(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_feed(tmp_path / "f.zip")) as archive:
        archive.extractall(tmp_path / "city")
    assert lines_of(read_gtfs(tmp_path / "city"))["M1"] == ["Adler", "Birken", "Cäsar"]


def test_what_is_left_out_is_counted_with_its_place(tmp_path: Path) -> None:
    routes = TABLES["routes"] + "m3,op,M3,,1,\nm4,op,M4,,1,\n"
    stops = TABLES["stops"].replace("c1,Cäsar,48.25,16.35,0,", "c1,Cäsar,48.25,16.35,0,c2")
    stops = stops.replace("16.3501,0,\nd1", "16.3501,0,c1\nd1").replace(
        "d1,Dorn,48.15,16.40,0,", "d1,Dorn,48.15,16.40,0,Q"
    )
    feed = write_feed(
        tmp_path / "f.zip",
        routes=routes,
        stops=stops,
        trips=TABLES["trips"] + "m3,one,0\n",
        stop_times=TABLES["stop_times"] + "one,a1,1,\none,a2,2,\n",
    )
    reading = read_feed_network(feed, ["metro"])
    assert lines_of(reading.network) == {"M1": ["Adler", "Birken", "Cäsar"], "M2": ["Birken", "Dorn"]}
    assert reading.left_out.counts == {
        "routes with fewer than two stations": 1,
        "routes without trips": 1,
        "parents of stops that lead in a circle": 2,
        "parents that are no stops": 1,
    }
    assert reading.left_out.first["routes with fewer than two stations"] == "f.zip:routes.txt line 5"
    assert str(tmp_path) not in reading.left_out.text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"routes": None}, "found no routes.txt"),
        ({"trips": None, "stops": None}, "found no trips.txt, stops.txt"),
        ({"routes": ""}, "found no route_id, route_type"),
        ({"routes": "route_id,route_type\nb9,3\n"}, "rail or metro or tram; found none among 1 routes"),
        ({"routes": "route_id,route_type\nm1,subway\n"}, "found 'subway'"),
        ({"stop_times": "trip_id,stop_id,stop_sequence\n"}, "trips over two stations; found none among 2 routes"),
        ({"stop_times": "trip_id,stop_id,stop_sequence\nm1-out,a1,first\n"}, "stop_times.txt line 2.stop_sequence"),
        ({"stop_times": "trip_id,stop_id,stop_sequence\nm1-out,a1," + "9" * 5000}, "found '" + "9" * 40 + "'; "),
        ({"stop_times": "trip_id,stop_id,stop_sequence\nm1-out,zz,1\n"}, "found 'zz' (1 unknown"),
        ({"stops": TABLES["stops"].replace("48.25,", "north,")}, "found 'north' for stop 'c1'"),
        ({"stops": TABLES["stops"].replace("48.25,", "98.25,")}, "stop_lat must be degrees from -90 to 90"),
        ({"stops": TABLES["stops"].replace("48.25,", "nan,")}, "stops.txt line 9.stop_lat"),
        ({"stops": TABLES["stops"].replace("c1,C", "c1," + "C" * 5000)}, "stops.txt line 9.stop_name; shorten"),
        ({"stop_times": None}, "found no stop_times.txt"),
    ],
)
def test_broken_feeds_are_refused_in_one_line(tmp_path: Path, changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_gtfs(write_feed(tmp_path / "broken.zip", **changes))
    assert message in str(caught.value)
    assert "broken.zip" in str(caught.value)
    assert "\n" not in str(caught.value)


ROUTE, STOP = "m2,op,M2,,402,\n", "d1,Dorn,48.15,16.40,0,\n"


def test_rows_that_say_the_same_again_are_counted(tmp_path: Path) -> None:
    twice = {"routes": TABLES["routes"] + ROUTE, "stops": TABLES["stops"] + STOP * 2}
    twice["trips"] = TABLES["trips"] + "m2,m2-out,0\n"
    once, reading = (
        read_feed_network(write_feed(tmp_path / f"{name}.zip", **changes), ("metro",))
        for name, changes in (("feed", {}), ("twice", twice))
    )
    assert reading.network.lines == once.network.lines
    assert reading.network.stations == once.network.stations
    assert reading.left_out.text() == (
        "left out: 1 routes listed twice (first: twice.zip:routes.txt line 5), 1 trips listed twice (first:"
        " twice.zip:trips.txt line 7), 2 stops listed twice (first: twice.zip:stops.txt line 13)"
    )


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        (
            "routes",
            "m2,op,M3,,402,\n",
            r"route_id must be unique; found 'm2' again with another route_short_name \(first in line 3\);"
            r" .*:routes.txt line 5.route_id",
        ),
        ("routes", "b9,op,9,Night bus,1,00FF00\n", "with another route_type"),
        (
            "stops",
            "d1,Dorn,48.15,16.41,0,\n",
            r"stop_id must be unique; found 'd1' again with another stop_lon \(first in line 11\);"
            r" .*:stops.txt line 13.stop_id; remove one",
        ),
        ("stops", "B,Berge,48.20,16.35,1,\n", "found 'B' again with another stop_name"),
    ],
)
def test_an_id_with_two_meanings_is_refused(tmp_path: Path, table: str, row: str, message: str) -> None:
    feed = write_feed(tmp_path / "f.zip", **{table: TABLES[table] + row})
    with pytest.raises(InputError, match=message) as caught:
        read_feed_network(feed, ("metro",))
    assert "\n" not in str(caught.value)


def test_stops_that_no_wanted_trip_uses_may_say_what_they_like(tmp_path: Path) -> None:
    read_gtfs(write_feed(tmp_path / "f.zip", stops=TABLES["stops"] + "e1,Elster,0,0,0,\n"), ("metro",))


def test_a_missing_file_and_what_is_no_zip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="existing GTFS feed; found no file"):
        read_gtfs(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("not a zip", encoding="utf-8")
    with pytest.raises(InputError, match="readable zip file"):
        read_gtfs(tmp_path / "text.zip")
    whole = write_feed(tmp_path / "whole.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="readable zip file"):
        read_gtfs(tmp_path / "cut.zip")


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def zipped(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, text in TABLES.items():
            archive.writestr(f"{name}.txt", text)
    return buffer.getvalue()


def set_everywhere(data: bytes, local: int, central: int, value: int) -> bytes:
    """Set two bytes at an offset of every member's header, local and central."""
    changed = bytearray(data)
    for magic, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = data.find(magic)
        while at >= 0:
            changed[at + offset : at + offset + 2] = value.to_bytes(2, "little")
            at = data.find(magic, at + 1)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (set_everywhere(zipped(zipfile.ZIP_DEFLATED), 6, 8, 1), "is encrypted"),
        (set_everywhere(zipped(zipfile.ZIP_DEFLATED), 8, 10, 99), "compression method is not supported"),
    ],
    ids=["password", "method 99"],
)
def test_archives_that_python_cannot_unpack(tmp_path: Path, data: bytes, found: str) -> None:
    (tmp_path / "f.zip").write_bytes(data)
    with pytest.raises(InputError, match=f"must be a readable zip file; found .*{found}"):
        read_gtfs(tmp_path / "f.zip")


@pytest.mark.parametrize("method", METHODS)
def test_damaged_bytes_never_escape_as_anything_but_a_refusal(tmp_path: Path, method: int) -> None:
    rng, data, path = random.Random(method), zipped(method), tmp_path / "f.zip"
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 2, 8])):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            read_gtfs(path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in TABLES.items():
            archive.writestr(f"{name}.txt", text.encode("latin-1"))
    with pytest.raises(InputError, match=r"CSV in UTF-8.*stops\.txt"):
        read_gtfs(path)
