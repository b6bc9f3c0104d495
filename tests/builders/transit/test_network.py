"""Networks and best journeys against a hand-drawn one.

Red runs A B C D, Blue runs E B F, Green runs F D G; Ring is a loop H I J K H. B, F and D are interchanges::

        E
        |
    A - B - C - D - G
        |       |
        F ------+
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_builders.transit.network import Line, Network, Station
from datasets_builders.transit.routes import best_journeys
from datasets_builders.transit.sources import restrict_at_random
from mmrl.errors import InputError


def make(lines: dict[str, str], colours: str = "#123456") -> Network:
    names = dict.fromkeys("".join(lines.values()))
    return Network(
        name="test",
        lines=tuple(Line(name=name, colour=colours, stops=tuple(stops)) for name, stops in lines.items()),
        stations={n: Station(id=n, name=n, x=float(i), y=0.0) for i, n in enumerate(names)},
    )


CITY = make({"Red": "ABCD", "Blue": "EBF", "Green": "FDG", "Ring": "HIJKH"})


def legs(origin: str, destination: str) -> list[list[tuple[str, str, str, int]]]:
    return [
        [(ride.line.name, ride.departure, ride.arrival, ride.hops) for ride in journey]
        for journey in best_journeys(CITY, origin, destination)
    ]


def test_lines_and_interchanges() -> None:
    assert [line.name for line in CITY.lines_at("B")] == ["Red", "Blue"]
    assert [line.name for line in CITY.lines_at("A")] == ["Red"]
    assert set(CITY.interchanges) == {"B", "D", "F"}
    assert CITY.on_same_line("A", "D")
    assert CITY.on_same_line("E", "F")
    assert not CITY.on_same_line("A", "E")


def test_a_loop_is_ridden_the_shorter_way() -> None:
    ring = CITY.lines[3]
    assert ring.is_loop
    assert not ring.is_simple
    assert [ring.ride_length("H", stop) for stop in "HIJK"] == [0, 1, 2, 1]
    assert ring.ride_length("K", "I") == 2


def test_a_direct_journey() -> None:
    assert legs("A", "D") == [[("Red", "A", "D", 3)]]
    assert legs("D", "A") == [[("Red", "D", "A", 3)]]


def test_equal_best_journeys_are_all_found() -> None:
    # A to G: Red to D (3 hops) and Green (1), or Red to B, Blue to F, Green: one transfer more.
    assert legs("A", "G") == [[("Red", "A", "D", 3), ("Green", "D", "G", 1)]]
    twin = make({"Red": "ABX", "Blue": "ACX", "Green": "BYC"})
    found = best_journeys(twin, "A", "Y")
    assert [[ride.line.name for ride in journey] for journey in found] == [["Red", "Green"], ["Blue", "Green"]]


def test_transfers_count_before_stops() -> None:
    # P to T: one long ride of five hops beats two short rides of two hops in all.
    city = make({"Long": "PQRSUT", "Short": "PV", "Brief": "VT"})
    journeys = best_journeys(city, "P", "T")
    assert [[ride.line.name for ride in journey] for journey in journeys] == [["Long"]]


def test_fewer_stops_decide_among_equal_transfers() -> None:
    city = make({"Red": "ABCDX", "Blue": "AEX", "Green": "XZ"})
    journeys = best_journeys(city, "A", "Z")
    assert [[(ride.line.name, ride.hops) for ride in journey] for journey in journeys] == [[("Blue", 2), ("Green", 1)]]


def test_two_transfers_and_unreachable() -> None:
    assert {len(journey) for journey in best_journeys(CITY, "E", "C")} == {2}
    assert {len(journey) for journey in best_journeys(CITY, "E", "G")} == {2}
    assert best_journeys(CITY, "A", "H") == ()
    chain = make({"1": "AB", "2": "BC", "3": "CD"})
    assert {len(journey) for journey in best_journeys(chain, "A", "D")} == {3}


@given(st.lists(st.lists(st.sampled_from("ABCDEFG"), min_size=2, max_size=5, unique=True), min_size=1, max_size=5))
def test_best_journeys_agree_with_exhaustive_search(lines: list[list[str]]) -> None:
    network = make({str(index): "".join(stops) for index, stops in enumerate(lines)})
    origin, *others = network.stations
    for destination in others:
        expected = exhaustive(network, origin, destination)
        found = best_journeys(network, origin, destination)
        assert {tuple((r.line.name, r.departure, r.arrival) for r in journey) for journey in found} == expected
        assert len(found) == len(expected)


def exhaustive(network: Network, origin: str, destination: str) -> set[tuple[tuple[str, str, str], ...]]:
    """All journeys of at most six rides, visiting no station twice as a change, that cost (rides, hops) least."""
    best: dict[tuple[int, int], set[tuple[tuple[str, str, str], ...]]] = {}
    waiting = [((), origin, 0)]
    while waiting:
        rides, here, hops = waiting.pop(0)
        if here == destination:
            best.setdefault((len(rides), hops), set()).add(rides)
            continue
        if best and len(rides) >= min(best)[0]:
            continue
        visited = {origin, *(arrival for _, _, arrival in rides)}
        for line in network.lines:
            if here in line.stops:
                for stop in line.stops:
                    if stop not in visited:
                        step = abs(line.stops.index(stop) - line.stops.index(here))
                        waiting.append(((*rides, (line.name, here, stop)), stop, hops + step))
    return best[min(best)] if best else set()


def test_a_part_of_a_network_keeps_only_what_it_serves() -> None:
    part = CITY.restricted_to(["Blue"])
    assert [line.name for line in part.lines] == ["Blue"]
    assert set(part.stations) == {"E", "B", "F"}
    assert part.interchanges == ()


def test_random_parts_are_connected_and_leave_lone_lines_out() -> None:
    parts = [restrict_at_random(CITY, random.Random(seed)) for seed in range(60)]
    names = {frozenset(line.name for line in part.lines) for part in parts}
    assert names == {
        frozenset({"Red", "Blue"}), frozenset({"Red", "Green"}), frozenset({"Blue", "Green"}),
        frozenset({"Red", "Blue", "Green"}),
    }  # fmt: skip
    apart = make({"Red": "AB", "Blue": "CD"})
    assert restrict_at_random(apart, random.Random(0)) == apart


def one_line(stops: tuple[str, ...] = ("a", "b"), colour: str = "#000000", name: str = "Red") -> Line:
    return Line(name=name, colour=colour, stops=stops)


@pytest.mark.parametrize(
    ("lines", "extra", "message"),
    [
        ((), {}, "at least one line"),
        ((one_line(), one_line()), {}, "line names must be unique; found 'Red' 2 times"),
        ((one_line(colour="red"),), {}, "colour must be #RRGGBB; found 'red'"),
        ((one_line(stops=("a",)),), {}, "two different stops or more; found 1"),
        ((one_line(stops=("a", "b", "b")),), {}, "found 'b' twice in a row"),
        ((one_line(stops=("a", "b", "z")),), {}, "known station; found 'z'"),
        ((one_line(name="A > B"),), {}, "without ; : > |; found 'A > B'"),
        ((one_line(name=" "),), {}, "must be text"),
        ((one_line(),), {"c": "C"}, "every station must be on a line; found 'c'"),
        ((one_line(stops=("a", "b", "c")),), {"c": "A"}, "station names must be unique; found 'A' 2 times"),
    ],
)
def test_contradictions_are_refused(lines: tuple[Line, ...], extra: dict[str, str], message: str) -> None:
    names = {"a": "A", "b": "B", **extra}
    stations = {id_: Station(id=id_, name=name, x=0, y=0) for id_, name in names.items()}
    with pytest.raises(InputError) as caught:
        Network(name="test", lines=lines, stations=stations)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
