"""Importers of clips on hand-made rows: each format becomes a dataset that passes its own check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datasets_builders.importers import CLIP_FORMATS, ImportRequest, ImportResult, import_dataset
from datasets_builders.video.encode import render
from datasets_builders.video.script import Script
from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from mmrl.types import Boxes, Choice, Grounded, Interval, Intervals, Number, Sample, Text


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """A folder with a clip of 8 s under several names and a picture."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "videos" / "Ego4D").mkdir(parents=True)
    (folder / "images" / "Ego4D").mkdir(parents=True)
    empty = Script(width=112, height=64, fps=4, frames=32, tick=2, actors=(), events=(), paper=1)
    render(empty, folder / "AO8RW.mp4")
    for name in ("4010069381.mp4", "v_abc.mp4", "q_210.0_218.0.mp4", "videos/Ego4D/e.mp4", "recording.mp4"):
        (folder / name).write_bytes((folder / "AO8RW.mp4").read_bytes())
    (folder / "BROKEN.mp4").write_bytes(b"no clip")
    Image.new("RGB", (64, 48), "navy").save(folder / "images" / "Ego4D" / "e.jpg")
    return folder


def run(name: str, path: Path, clips: Path, out: Path) -> tuple[ImportResult, list[Sample]]:
    result = import_dataset(ImportRequest(format=name, data=path, media=clips, out=out))
    assert check_folder(out) == []
    return result, read_folder(out).samples


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def times(*spans: tuple[float, float]) -> Intervals:
    return Intervals(intervals=tuple(Interval(start=start, end=end) for start, end in spans))


def test_charades_lines(clips, tmp_path):
    text = (
        "AO8RW 0.0 6.9##a person is putting a book on a shelf.\nAO8RW 2.5 9.3##they leave.\n"
        "AO8RW 8.5 9.0##too late.\nNONE1 0.0 1.0##no clip.\nBROKEN 0.0 1.0##no bytes.\nAO8RW 3.0 3.0##an instant.\n"
    )
    result, samples = run("charades_sta", written(tmp_path / "test.txt", text), clips, tmp_path / "out")
    assert [sample.answer for sample in samples] == [times((0, 6.9)), times((2.5, 8))]  # the clip ends at 8 s
    assert samples[0].question == "When does this happen: a person is putting a book on a shelf."
    assert result.left_out == {
        "a stretch after the clip's end": 1,
        "no clip of that name": 1,
        "a clip that cannot be read": 1,
        "a stretch without length": 1,
    }
    assert result.first["no clip of that name"] == "test.txt:4"


def test_a_charades_line_of_another_form_is_refused(clips, tmp_path):
    with pytest.raises(InputError, match=r"must be 'VIDEO start end##sentence'; found 'AO8RW 1,0 2##x'; at t\.txt:1"):
        run("charades_sta", written(tmp_path / "t.txt", "AO8RW 1,0 2##x"), clips, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_activitynet_captions(clips, tmp_path):
    rows = {
        "v_abc": {"duration": 8.4, "timestamps": [[0.5, 3], [1, 8]], "sentences": [" A man  jumps.", "He lands."]},
        "AO8RW": {"duration": 30.0, "timestamps": [[1, 2]], "sentences": ["Another length."]},
    }
    result, samples = run("activitynet_captions", written(tmp_path / "val.json", rows), clips, tmp_path / "out")
    assert [sample.answer for sample in samples] == [times((0.5, 3)), times((1, 8))]
    assert samples[0].question == "When does this happen: A man jumps."
    assert result.left_out == {"a clip of another length than stated": 1}


def test_qvhighlights_asks_for_all_windows(clips, tmp_path):
    rows = [
        {"qid": 7, "query": "A dog runs", "duration": 8, "vid": "q_210.0_218.0", "relevant_windows": [[0, 2], [4, 6]]},
        {"qid": 8, "query": "hidden", "duration": 8, "vid": "q_210.0_218.0"},
    ]
    path = written(tmp_path / "highlight_val_release.jsonl", "\n".join(map(json.dumps, rows)))
    result, (sample,) = run("qvhighlights", path, clips, tmp_path / "out")
    assert sample.answer == times((0, 2), (4, 6))
    assert result.left_out == {"no relevant windows": 1}


def test_nextgqa_from_its_two_files(clips, tmp_path):
    written(
        tmp_path / "val.csv",
        "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4\n"
        "4010069381,240,112,64,why did the boy run,to play,6,CW,to eat,to play,fear,cold,fun\n"
        "4010069381,240,112,64,how many,two,9,CW,one,two,three,four,five\n",
    )
    written(
        tmp_path / "gsub_val.json", {"4010069381": {"duration": 8, "location": {"6": [[1, 3], [5, 6.5]]}, "fps": 30}}
    )
    result, (sample,) = run("nextgqa", tmp_path / "val.csv", clips, tmp_path / "out")
    assert sample.answer == Grounded(choice=Choice(letters=("B",)), intervals=times((1, 3), (5, 6.5)))
    assert (sample.question, sample.choices[1], sample.meta["type"]) == ("Why did the boy run?", "to play", "CW")
    assert result.left_out == {"no stretches": 1}


def test_nextgqa_as_rows(clips, tmp_path):
    row = {
        "id": "4010069381_6", "video": "4010069381", "question": "why?", "options": ["(A) one", "(B) two"],
        "duration": 8, "glue": [[1, 3]], "type": "CW", "answer": "(B)",
    }  # fmt: skip
    _, (sample,) = run("nextgqa", written(tmp_path / "rows.json", [row]), clips, tmp_path / "out")
    assert sample.choices == ("one", "two")
    assert sample.answer == Grounded(choice=Choice(letters=("B",)), intervals=times((1, 3)))


def test_seed_bench_r1_shows_clip_and_picture(clips, tmp_path):
    row = {
        "sample_id": 3, "question": "What next?", "choice_a": "cut", "choice_b": "stir", "choice_c": "wash",
        "choice_d": "eat", "golden_choice_idx": "C", "video_source": "Ego4D", "video_basename": "e.mp4",
        "current_observation_basename": "e.jpg", "task_progress_metadata": [{"narration_text": "x"}],
        "task_level": "L2",
    }  # fmt: skip
    trained = {key: value for key, value in row.items() if not key.startswith(("choice", "golden"))} | {
        "sample_id": 4, "answer": "wash", "negative_answers": ["cut", "stir", "eat", "dry"],
        "task_progress_metadata": [],
    }  # fmt: skip
    path = written(tmp_path / "validation_L2.jsonl", "\n".join(map(json.dumps, [row, trained])))
    _, (first, second) = run("seed_bench_r1", path, clips, tmp_path / "out")
    assert [medium.kind for medium in first.media] == ["video", "image"]
    assert (first.answer, first.meta["task_level"]) == (Choice(letters=("C",)), "L2")
    assert [medium.kind for medium in second.media] == ["image"]
    assert isinstance(second.answer, Choice)
    assert second.choices["ABCD".index(second.answer.letters[0])] == "wash"


def test_video_r1_answers_are_typed_by_problem(clips, tmp_path):
    def row(number: int, kind: str, solution: str, **more: Any) -> dict[str, Any]:
        base = {"problem_id": number, "problem": "What?", "data_type": "video", "problem_type": kind, "options": []}
        return base | {"solution": f"<answer>{solution}</answer>", "path": "./videos/Ego4D/e.mp4"} | more

    rows = [
        row(1, "multiple choice", "B", options=["A. red", "B. blue"]),
        row(2, "numerical", "1,250"),
        row(3, "free-form", "a dog"),
        row(4, "OCR", "EXIT", data_type="image", path="./images/Ego4D/e.jpg"),
        row(5, "regression", "about two"),
    ]
    result, samples = run("video_r1", written(tmp_path / "rows.json", rows), clips, tmp_path / "out")
    expected = [Choice(letters=("B",)), Number(value=1250), Text(value="a dog"), Text(value="EXIT")]
    assert [sample.answer for sample in samples] == expected
    assert samples[0].choices == ("red", "blue")
    assert [sample.task for sample in samples][2:] == ["video_r1/free_form", "video_r1/ocr"]
    assert result.left_out == {"a numerical answer that is no number": 1}


def control(name: str, kind: str, edges: list[int], *children: dict[str, Any]) -> dict[str, Any]:
    rect = dict(zip(("left", "top", "right", "bottom"), edges, strict=True))
    return {"Name": name, "ControlType": kind, "BoundingRectangle": rect, "Children": list(children)}


def test_recording_scales_rectangles_and_shifts_clocks(clips, tmp_path):
    """A screen of 1400 x 800 in a video of 112 x 64; then at 125 %, then 1680 x 960 at 150 %."""
    written(tmp_path / "metadata.json", {"screen_width": 1400, "screen_height": 800, "video_start_timestamp": 1000.25})

    def event(number: int, action: str, tree: dict[str, Any], title: str = "") -> str:
        start = 1000.25 + 2 * number
        target = {"mark": bool(title), "title": title}
        row = {"id": number, "action": action, "axtree": tree, "start_time": start, "end_time": start + 0.5}
        return json.dumps(row | {"target": target, "description": "Single left Click"})

    label = control("1680 × 960", "TextControl", [110, 70, 190, 90])
    item = control("1680 × 960", "ListItemControl", [100, 60, 200, 100], label)
    start = control("Start", "ButtonControl", [0, 760, 350, 800])
    keep = control("Keep", "ButtonControl", [100, 100, 200, 200])
    rows = [
        event(1, "click", control("Bar", "PaneControl", [0, 760, 1400, 800], start), "Start"),
        event(2, "Click on 1680x960", control("W", "WindowControl", [0, 0, 1120, 600], item), "W"),
        event(3, "Click on Keep", control("W", "WindowControl", [0, 0, 1120, 600], keep)),
    ]
    written(tmp_path / "reduced_events_vis.jsonl", "\n".join(rows))
    _, samples = run("recording", tmp_path, clips, tmp_path / "out")
    places = [sample for sample in samples if isinstance(sample.answer, Boxes)]
    boxes = [(box.x1, box.y1, box.x2, box.y2) for sample in places for box in sample.answer.boxes]
    # Screen to video is 112 / 1400 = 0.08: 350 x 0.08 = 28, then 100 x 1.25 x 0.08 = 10, then 100 x 1.5 x 0.08 = 12.
    assert boxes == [pytest.approx(b) for b in ((0, 60.8, 28, 64), (10, 6, 20, 10), (12, 12, 24, 24))]
    assert [sample.meta["scale"] for sample in places] == [1.0, 1.25, 1.5]
    assert [sample.meta["time"] for sample in places] == [2, 4, 6]
    assert samples[1].answer == times((1.25, 3.25))  # half a second, widened to two


def test_all_formats_are_told_where_one_is_unknown(clips, tmp_path):
    with pytest.raises(InputError, match="charades_sta") as error:
        run("charades", tmp_path, clips, tmp_path / "out")
    assert all(name in str(error.value) for name in CLIP_FORMATS)
