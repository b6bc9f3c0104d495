"""Importers on hand-made rows and pictures: each format becomes a dataset that passes its own check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datasets_builders.importers import FORMATS, ImportRequest, import_dataset
from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from mmrl.scoring import accuracy
from mmrl.types import Action, Boxes, Point

GUI = {"img_filename": "a.png", "instruction": "close", "img_size": [400, 200]}
ROWS: dict[str, dict[str, Any]] = {
    "screenspot": {"img_filename": "a.png", "instruction": "close", "bbox": [100, 50, 40, 20], "data_type": "icon"},
    "screenspot_v2": GUI | {"bbox": [100, 50, 140, 70], "ui_type": "icon"},
    "screenspot_pro": GUI | {"bbox": [100, 50, 140, 70], "ui_type": "icon", "id": "x_1"},
    "osworld_g": GUI | {"box_type": "bbox", "box_coordinates": [100, 50, 40, 20]},
    "mmbench_gui": GUI | {"bbox": [0.25, 0.25, 0.35, 0.35], "data_type": "icon"},
    "ui_vision": {
        "image_path": "a.png",
        "image_size": [400, 200],
        "bbox": [140, 70, 100, 50],
        "prompt_to_evaluate": "c",
    },
    "refcoco": {"image": "x/a.png", "sent": "left man", "bbox": [100, 50, 140, 70], "width": 400, "height": 200},
}
"""One row a format; all ask for [100, 50, 140, 70] of a picture of 400 x 200."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    Image.new("RGB", (400, 200), "navy").save(folder / "deep" / "a.png")
    return folder


def run(name: str, data: Any, pictures: Path, file: str = "rows.json", **options: Any):
    path = pictures.parent / file
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    request = ImportRequest(format=name, data=path, media=pictures, out=pictures.parent / "out", **options)
    return import_dataset(request)


def samples(pictures: Path):
    assert check_folder(pictures.parent / "out") == []
    return read_folder(pictures.parent / "out").samples


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_format_gives_pixels_of_the_picture(name, pictures):
    result = run(name, [ROWS[name]], pictures)
    assert (result.samples, result.pictures, result.left_out) == (1, 1, {})
    (sample,) = samples(pictures)
    assert isinstance(sample.answer, Boxes)
    (box,) = sample.answer.boxes
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((100, 50, 140, 70))
    assert (sample.answer.frame.width, sample.answer.frame.height) == (400, 200)
    assert sample.meta["rule"] == ("iou50" if name == "refcoco" else "hit")
    assert sample.difficulty == "easy"  # 800 of 80,000 pixels: 1 %


def test_json_lines_and_problem_sentences(pictures):
    asked = "Please provide the bounding box coordinate of the region this sentence describes: left man."
    row = {"image": "a.png", "problem": asked, "solution": [100, 50, 140, 70]}
    run("refcoco", json.dumps(row) + "\n\n" + json.dumps(row), pictures, file="rows.jsonl")
    assert [sample.question for sample in samples(pictures)] == ["Find what this sentence describes: left man."] * 2


COCO = {
    "images": [{"id": 5, "file_name": "a.png", "width": 400, "height": 200}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [10, 20, 30, 40], "iscrowd": 0},
        {"id": 2, "image_id": 5, "category_id": 1, "bbox": [100, 20, 30, 40], "iscrowd": 0},
        {"id": 3, "image_id": 5, "category_id": 2, "bbox": [0, 0, 400, 200], "iscrowd": 1},
    ],
}


def test_coco_asks_for_all_of_a_class(pictures):
    result = run("coco", COCO, pictures)
    assert result.left_out == {"a crowd has no boxes of its own": 1}
    (sample,) = samples(pictures)
    assert sample.question == "Find every cat in this picture."
    assert [(box.x1, box.y1, box.x2, box.y2) for box in sample.answer.boxes] == [(10, 20, 40, 60), (100, 20, 130, 60)]
    assert sample.meta == {"class": "cat", "objects": 2, "rule": "iou50"}


def test_coco_with_many_of_a_class_leaves_it_out(pictures):
    many = [{"image_id": 5, "category_id": 1, "bbox": [i, 0, 5, 5]} for i in range(11)]
    one = [{"image_id": 5, "category_id": 2, "bbox": [1, 0, 5, 5]}]
    assert run("coco", COCO | {"annotations": many + one}, pictures).left_out == {
        "more than 10 objects of one class": 1
    }


def voc(objects: str, name: str = "a.png", size: tuple[int, int] = (400, 200)) -> str:
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )


def thing(name: str, *edges: Any) -> str:
    tags = "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True))
    return f"<object><name>{name}</name><bndbox>{tags}</bndbox></object>"


def test_voc_asks_once_a_class_and_cuts_a_pixel_of_overhang(pictures):
    text = voc(thing("cell", 10, 20, 40, 60) + thing("cell", 380, 20, 401, 60) + thing("disc", 1, 1, 9, 9))
    assert run("voc", text, pictures, file="a.xml").samples == 2
    cells, discs = samples(pictures)
    assert cells.answer.boxes[1].x2 == 400
    assert discs.question == "Find every disc in this picture."


def step(action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "step_num": 1,
        "image": "a.png",
        "inner_monologue": {"low_level_instruction": "Do it."},
        "ground_truth_actions": [action],
        **more,
    }


BOX = {"rel_bbox": [0.25, 0.25, 0.1, 0.1], "abs_bbox": [100, 50, 40, 20]}
CLICK = {"type": "click", "params": {"position": {"x": 0.3, "y": 0.3}}, "metadata": {"bboxes": [BOX]}}


def test_a_click_is_a_step_and_a_target(pictures):
    run("agentnet", {"steps": [step(CLICK)]}, pictures)
    act, ground = samples(pictures)
    assert isinstance(act.answer, Action)
    assert act.answer.point is not None
    assert (act.answer.type, act.answer.point.x, act.answer.point.y) == ("click", 120, 60)
    assert act.meta["box"] == pytest.approx([100, 50, 140, 70])
    assert (act.task, ground.task) == ("gui/step", "gui/ground")
    assert ground.answer.boxes[0].x2 == pytest.approx(140)


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        ({"type": "write", "params": {"text": "hello "}}, "type", "hello "),
        ({"type": "hotkey", "params": {"keys": ["ctrl", "c"]}}, "press", "ctrl+c"),
        ({"type": "scroll", "params": {"amount": -3, "position": {"x": 0.5, "y": 0.5}}}, "scroll", "down"),
        ({"type": "terminate", "params": {"status": "success"}}, "done", None),
        ({"type": "wait", "params": {}}, "wait", None),
    ],
)
def test_other_steps_are_typed_actions(pictures, action, kind, text):
    assert run("agentnet", {"steps": [step(action)]}, pictures).samples == 1
    (sample,) = samples(pictures)
    assert (sample.answer.type, sample.answer.text) == (kind, text)


def test_steps_with_no_single_right_answer_are_left_out(pictures):
    drag = {"type": "dragTo", "params": {"position": {"x": 0.3, "y": 0.3}}}
    two = CLICK | {"metadata": {"bboxes": [BOX, BOX]}}
    steps = [
        step(CLICK),
        step(drag),
        step(two),
        step(CLICK, alternative_options=[[CLICK]]),
        step(CLICK, inner_monologue={}),
        step({"type": "scroll", "params": {"amount": 0}}),
        step(CLICK, ground_truth_actions=[]),
    ]
    for number, one in enumerate(steps):
        one["step_num"] = number
    result = run("agentnet", {"steps": steps}, pictures)
    assert result.samples == 2
    assert result.left_out == {
        "dragTo is not one typed action": 1,
        "several targets are right": 1,
        "several actions are right": 1,
        "no instruction of its own": 1,
        "scroll is not one typed action": 1,
        "no action is not one typed action": 1,
    }


# ---------------------------------------------------------------------------------------------------- other targets

L_SHAPE = [100.0, 20, 300, 20, 300, 60, 140, 60, 140, 180, 100, 180]
"""A bar above and a leg at its left end: the centre of its bounds, (200, 100), lies outside."""


def osworld(kind: str, numbers: list[float], name: str) -> dict[str, Any]:
    return GUI | {"box_type": kind, "box_coordinates": numbers, "id": name}


def test_a_polygon_asks_for_a_point_inside(pictures):
    result = run("osworld_g", [osworld("polygon", L_SHAPE, "1")], pictures)
    assert (result.samples, result.left_out) == (1, {})
    (sample,) = samples(pictures)
    frame = sample.answer.frame
    assert sample.meta["polygon"] == L_SHAPE
    right = {place: accuracy(Point(x=place[0], y=place[1], frame=frame), sample) for place in PLACES}
    assert right == {(120, 170): 1.0, (290, 30): 1.0, (300, 60): 1.0, (200, 100): 0.0, (301, 60): 0.0}
    assert accuracy(sample.answer, sample) == 1.0
    assert sample.difficulty == "easy"  # 200 x 160 of 400 x 200


PLACES = ((120, 170), (290, 30), (300, 60), (200, 100), (301, 60))


def test_polygons_of_four_numbers_are_corners_and_flat_ones_are_left_out(pictures):
    rows = [osworld("polygon", [100, 50, 140, 70], "1"), osworld("polygon", [10, 10, 20, 10, 30, 10], "2")]
    rows.append(osworld("polygon", [10, 10, 500, 10, 30, 90], "3"))
    result = run("osworld_g", rows, pictures)
    assert result.left_out == {"a polygon without an inside": 1, "a polygon outside its picture": 1}
    (sample,) = samples(pictures)
    assert (sample.answer.boxes[0].x2, sample.answer.boxes[0].y2) == (140, 70)


def test_refusals_are_asked_in_the_words_of_as_many_clicks(pictures):
    rows = [osworld("bbox", [100, 50, 40, 20], str(number)) for number in range(4)]
    rows += [osworld("refusal", [-1, -1, -1, -1], f"r{number}") | {"instruction": "fly"} for number in range(2)]
    run("osworld_g", rows, pictures)
    asked = [sample for sample in samples(pictures) if sample.task == "gui/absent"]
    assert [sample.id for sample in asked] == ["osworld_g-r0", "osworld_g-r1", "osworld_g-0-click", "osworld_g-2-click"]
    assert [(sample.answer.type, sample.answer.text) for sample in asked[:2]] == [("done", "impossible")] * 2
    click = asked[2]
    assert (click.answer.type, click.answer.point.x, click.answer.point.y) == ("click", 120, 60)
    assert click.meta["box"] == [100, 50, 140, 70]
    assert click.question.replace("close", "fly") == asked[0].question
    assert accuracy(asked[0].answer, click) == 0.0


def test_a_region_of_the_layout_asks_for_its_box(pictures):
    row = {"image_path": "a.png", "image_size": [400, 200], "bbox": [0, 0, 400, 50], "name": "Toolbar"}
    run("ui_vision", [row, row | {"explanation": "tools for drawing"}], pictures)
    first, second = samples(pictures)
    assert first.question == "Find this region of the screenshot: Toolbar"
    assert second.question == "Find this region of the screenshot: Toolbar: tools for drawing"
    assert (first.task, first.meta["rule"]) == ("gui/region", "iou50")


# ---------------------------------------------------------------------------------------------------- what is left out


def test_rows_without_a_usable_picture_are_counted(pictures):
    Image.new("RGB", (300, 200)).save(pictures / "small.png")
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n")
    Image.new("RGB", (400, 200)).save(pictures / "twice.png")
    (pictures / "deep" / "twice.png").write_bytes((pictures / "twice.png").read_bytes())
    names = ["a.png", "gone.png", "small.png", "broken.png", "elsewhere/twice.png", "../../a.png"]
    rows = [ROWS["screenspot_pro"] | {"img_filename": name, "id": name} for name in names]
    rows.append(ROWS["screenspot_pro"] | {"gt_type": "negative", "id": "n"})
    result = run("screenspot_pro", rows, pictures)
    # The last name is looked up by its last part, inside the folder; the refusal brings a click in the same words.
    assert result.samples == 4
    assert result.left_out == {
        "no picture of that name": 1,
        "a picture of another size than stated": 1,
        "a picture that cannot be read": 1,
        "several pictures of that name": 1,
    }
    assert result.first["no picture of that name"] == "rows.json:2"
    manifest = json.loads((pictures.parent / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["left_out"] == result.left_out


def test_nothing_left_is_refused_and_nothing_is_written(pictures):
    with pytest.raises(InputError, match=r"found none of 1 usable: 1 no picture of that name \(first: rows.json:1\)"):
        run("screenspot_pro", [ROWS["screenspot_pro"] | {"img_filename": "gone.png"}], pictures)
    assert not (pictures.parent / "out").exists()


@pytest.mark.parametrize(
    ("name", "convention"),
    [("screenspot", "xyxy"), ("screenspot_pro", "unit_xyxy"), ("mmbench_gui", "xyxy"), ("screenspot_pro", "xywh")],
)
def test_a_wrong_convention_is_refused(pictures, name, convention):
    row = ROWS[name] | ({"bbox": [300, 150, 340, 170]} if convention == "xywh" else {})
    with pytest.raises(InputError, match=rf"as {convention} says; found 1 of 1 rows.*rows.json:1; .*--box-convention"):
        run(name, [row], pictures, box_convention=convention)


BAD = [
    ("voc", "<annotation>", "must be XML"),
    ("voc", '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "plain XML; found a document type"),
    ("voc", voc(thing("cell", 1, 2, "wide", 4)), "xmax must be a number; found 'wide'"),
    ("voc", voc(thing("cell", 1, 2, "nan", 4)), "xmax must be a number"),
    ("voc", voc(thing("", 1, 2, 3, 4)), "must state name"),
    ("coco", "[]", "must be one JSON object; found list"),
    ("coco", "{}", "must have a list 'images'"),
    ("coco", json.dumps(COCO | {"images": []}), "must be known"),
    ("screenspot", "{", "must be JSON"),
    ("screenspot", "[]", "must hold rows; found none"),
    ("screenspot", "[3]", "must be objects; found int"),
    ("screenspot", json.dumps([{**ROWS["screenspot"], "bbox": [1, 2, 3]}]), "a list of 4 numbers"),
    ("screenspot", json.dumps([{**ROWS["screenspot"], "instruction": " "}]), "text that is not blank"),
    ("screenspot_pro", json.dumps([{**ROWS["screenspot_pro"], "img_size": [0, 5]}]), "width and height above 0"),
    (
        "osworld_g",
        json.dumps([{**ROWS["osworld_g"], "box_type": "circle"}]),
        "bbox, polygon or refusal; found 'circle'",
    ),
    (
        "osworld_g",
        json.dumps([{**ROWS["osworld_g"], "box_type": "polygon", "box_coordinates": [1] * 5}]),
        "three corners",
    ),
    ("agentnet", "{}", "must have a list of steps"),
    ("agentnet", '{"steps": [3]}', "a step must be an object; found 3"),
    ("nothing", "[]", "--format must be one of screenspot,"),
]


@pytest.mark.parametrize(("name", "text", "told"), BAD)
def test_bad_annotations_are_one_line(pictures, name, text, told):
    with pytest.raises(InputError) as error:
        run(name, text, pictures, file="a.xml" if name == "voc" else "rows.json")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not (pictures.parent / "out").exists()


def test_the_command_tells_what_came_and_what_did_not(mmrl, pictures):
    rows = pictures.parent / "rows.json"
    rows.write_text(json.dumps([ROWS["screenspot"], ROWS["screenspot"] | {"img_filename": "b.png"}]), encoding="utf-8")
    out = pictures.parent / "out"
    told = mmrl("build", "import", "--format", "screenspot", "--data", rows, "--media", pictures, "--out", out)
    assert told.code == 0, told.err
    assert f"1 questions about 1 pictures in {out}" in told.out
    assert "left out: 1 no picture of that name (first: rows.json:2)" in told.out
    assert mmrl("check", out).code == 0
    again = mmrl("build", "import", "--format", "screenspot", "--data", rows, "--media", pictures, "--out", out)
    assert again.code == 2
    wrong = ("--box-convention", "tlbr", "--overwrite")
    told = mmrl("build", "import", "--format", "screenspot", "--data", rows, "--media", pictures, "--out", out, *wrong)
    assert told.code == 2
    assert "xywh, xyxy, unit_xyxy, unit_xywh; found 'tlbr'" in told.err


def test_the_same_rows_give_the_same_bytes(pictures):
    run("voc", voc(thing("cell", 10, 20, 40, 60)), pictures, file="a.xml")
    first = {file.name: file.read_bytes() for file in (pictures.parent / "out").rglob("*") if file.is_file()}
    run("voc", voc(thing("cell", 10, 20, 40, 60)), pictures, file="a.xml", overwrite=True)
    assert first == {file.name: file.read_bytes() for file in (pictures.parent / "out").rglob("*") if file.is_file()}


def test_every_format_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in FORMATS)
