"""Datasets of full maps: grounding from the boxes that the drawing states, branches on the picture, any script."""

import contextlib
import json
from collections import Counter
from pathlib import Path

import datasets
import pytest

from datasets_builders.transit import TransitConfig, build_transit, transit_examples
from datasets_builders.transit.drawing import MapDrawing
from datasets_builders.transit.maps import make_map, make_maps
from datasets_builders.transit.network_file import read_packaged
from datasets_builders.transit.questions import PROFILES
from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from mmrl.types import Boxes


def test_a_folder_of_grounding_questions_is_sound(tmp_path: Path) -> None:
    config = TransitConfig(count=45, profile="grounding", size=640, questions_per_map=15, branches=1, stations_max=12)
    out = build_transit(config, tmp_path / "maps")
    assert check_folder(out) == []
    folder = read_folder(out)
    assert Counter(sample.task for sample in folder.samples) == dict.fromkeys(PROFILES["grounding"], 15)
    for sample in folder.samples:
        assert isinstance(sample.answer, Boxes)
        (box,) = sample.answer.boxes
        picture = folder.open_image(sample.media[0]).crop((int(box.x1), int(box.y1), int(box.x2), int(box.y2)))
        assert len(picture.getcolors(1 << 24)) > 1  # something is drawn there


def test_made_up_maps_bear_a_towns_name() -> None:
    config = TransitConfig(seed=3, drawing={"vary": False})
    towns = set()
    for index in range(3):
        shown, _ = make_map(config, [], index, lambda network: False)  # noqa: ARG005
        assert shown is not None
        assert isinstance(shown.drawing, MapDrawing)
        (title,) = shown.drawing.titles
        town = title.text.removesuffix(" Transit Map")
        assert town.isalpha()
        assert town not in {station.name for station in shown.network.stations.values()}
        towns.add(town)
    assert len(towns) == 3


def files_of(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_workers_encode_and_change_no_byte(tmp_path: Path) -> None:
    one, two = (
        files_of(build_transit(TransitConfig(count=14, size=480, workers=n, drawing={"svg": True}), tmp_path / str(n)))
        for n in (1, 2)
    )
    assert one == two
    assert sum(name.endswith(".svg") for name in one) == sum(name.endswith(".png") for name in one) == 3


def test_a_picture_that_a_worker_encoded_can_be_looked_at() -> None:
    config = TransitConfig(count=6, size=448)
    alone, packed = (next(transit_examples(config.model_copy(update={"workers": n}))) for n in (1, 2))
    assert alone.png is None
    assert packed.png is not None
    assert packed.picture.size == alone.picture.size
    assert packed.picture.tobytes() == alone.picture.tobytes()
    assert packed.samples == alone.samples


def test_skipped_networks_are_not_sent_to_workers() -> None:
    config = TransitConfig(source="vienna", count=6, size=448, workers=2)
    maps = make_maps(config, [read_packaged("vienna").network], lambda network: True)  # noqa: ARG005
    with contextlib.closing(maps):
        assert [next(maps)[0] for _ in range(40)] == [None] * 40


def test_beside_each_picture_stands_what_it_shows(tmp_path: Path) -> None:
    config = TransitConfig(count=12, profile="grounding", size=900, lines_max=3, branches=1, stations_max=14, seed=5)
    out = build_transit(config, tmp_path / "maps")
    assert check_folder(out) == []
    for sample in read_folder(out).samples:
        record = json.loads((out / sample.media[0].path).with_suffix(".json").read_text(encoding="utf-8"))
        assert record["size"] == [sample.media[0].width, sample.media[0].height]
        stations = {station["id"]: station for station in record["stations"]}
        assert {stop for line in record["lines"] for stop in line["stops"]} <= stations.keys()
        assert isinstance(sample.answer, Boxes)
        (box,) = ([box.x1, box.y1, box.x2, box.y2] for box in sample.answer.boxes)
        shown = {
            "transit/ground_station": [station["mark"] for station in stations.values()],
            "transit/ground_label": [station["label"] for station in stations.values()],
            "transit/ground_badge": [badge["box"] for badge in record["badges"]],
        }[sample.task]
        assert box in shown
        for station in stations.values():
            left, top, right, bottom = station["mark"]
            assert left < station["centre"][0] < right
            assert top < station["centre"][1] < bottom


def test_plain_datasets_reads_a_folder_with_files_beside_a_single_picture(tmp_path: Path) -> None:
    config = TransitConfig(count=4, size=448, drawing={"svg": True})
    out = build_transit(config, tmp_path / "maps")
    assert len(list((out / "media").glob("*.png"))) == 1
    opened = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"]
    assert opened.num_rows == 4
    assert max(opened[0]["images"][0].size) == 448


@pytest.mark.parametrize(("change", "named"), [("delete", "must be listed"), ("edit", "must be listed")])
def test_files_beside_pictures_are_checked(tmp_path: Path, change: str, named: str) -> None:
    out = build_transit(TransitConfig(count=3, size=448), tmp_path / "maps")
    (path,) = (out / "media").glob("*.json")
    path.unlink() if change == "delete" else path.write_text("{}", encoding="utf-8")
    (problem,) = check_folder(out)
    assert named in problem.reason
    assert path.name in problem.reason


@pytest.mark.parametrize(("size", "style", "message"), [(300, "map", "at least 448"), (3000, "plain", "at most 2048")])
def test_sizes_that_a_style_cannot_have_are_refused(size: int, style: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        TransitConfig(size=size, drawing={"style": style})
    assert message in str(caught.value)
