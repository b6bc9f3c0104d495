"""Routes on the maps that they are asked about, from the record beside the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets_builders.transit import TransitConfig, build_transit
from eval.report.dataset import write_dataset
from eval.report.map_traces import map_record, route_traces
from mmrl.data import read_folder
from mmrl.errors import InputError
from mmrl.types import Route, RouteLeg

CENTRES = {"a": [0.0, 0.0], "b": [10.0, 0.0], "c": [20.0, 0.0], "d": [20.0, 10.0], "e": [10.0, 10.0], "f": [30.0, 0.0]}
RECORD = {
    "stations": [{"id": id_, "name": id_.upper(), "centre": centre} for id_, centre in CENTRES.items()],
    "lines": [
        {"name": "Fork", "stops": ["a", "b", "c"], "branches": [["b", "e"]]},
        {"name": "Ring", "stops": ["b", "c", "d", "e", "b"], "branches": []},
    ],
}


def route(*legs: tuple[str, str, str]) -> Route:
    return Route(legs=tuple(RouteLeg(line=line, departure=start, arrival=end) for line, start, end in legs))


def test_legs_go_along_trunk_branch_and_the_shorter_way_round_a_ring() -> None:
    asked = route(("Fork", "A", "E"), ("Ring", "E", "B"), ("Fork", "C", "A"))
    assert route_traces(asked, RECORD) == [
        {"trace": [0.0, 0.0, 10.0, 0.0, 10.0, 10.0]},
        {"trace": [10.0, 10.0, 10.0, 0.0]},
        {"trace": [20.0, 0.0, 10.0, 0.0, 0.0, 0.0]},
    ]


@pytest.mark.parametrize("leg", [("Fork", "A", "F"), ("Tram", "A", "B"), ("Fork", "A", "Zoo"), ("Fork", "A", "A")])
def test_legs_that_the_map_does_not_have_are_left_out(leg: tuple[str, str, str]) -> None:
    assert route_traces(route(leg), RECORD) == []


def test_the_gallery_draws_the_route_through_its_stations(tmp_path: Path) -> None:
    out = build_transit(TransitConfig(count=3, size=480, seed=2, tasks=("transit/plan",)), tmp_path / "maps")
    folder = read_folder(out)
    page = write_dataset(folder, tmp_path / "page.html").read_text(encoding="utf-8")
    for sample in folder.samples:
        assert isinstance(sample.answer, Route)
        record = map_record(out / sample.media[0].path)
        assert record is not None
        centres = {station["name"]: station["centre"] for station in record["stations"]}
        traces = route_traces(sample.answer, record)
        assert len(traces) == len(sample.answer.legs)
        for leg, trace in zip(sample.answer.legs, traces, strict=True):
            assert trace["trace"][:2] == centres[leg.departure]
            assert trace["trace"][-2:] == centres[leg.arrival]
            points = " ".join(map(str, trace["trace"]))
            assert f'<polyline class="mark trace gold" points="{points}"/>' in page


def test_pictures_without_a_record_and_damaged_records(tmp_path: Path) -> None:
    assert map_record(tmp_path / "x.png") is None
    (tmp_path / "x.json").write_text('{"format": "other"}', encoding="utf-8")
    assert map_record(tmp_path / "x.png") is None
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="the record of a map must be JSON; found"):
        map_record(tmp_path / "x.png")
