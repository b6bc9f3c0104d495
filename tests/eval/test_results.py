"""What a folder of scores says about its items, and what `mmrl report` takes."""

from __future__ import annotations

import json
import re

import pytest
from result_folders import choice_rows, click_rows, draw_pictures, lines, scored

from eval.compare import compare_runs
from eval.item_views import bounded
from eval.report.dataset import choose_samples
from eval.report.results import clean_marks, page_data, render_results, script_json
from eval.report.results_load import load_results
from mmrl.errors import InputError


def data_in(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_items_say_what_was_asked_and_what_is_right(tmp_path):
    folder = scored(tmp_path / "s", "mmstar", choice_rows(2), {"q0": "B"})
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert rows[0]["question"] == "Question 0: which colour?"
    assert rows[0]["choices"] == {"A": "red", "B": "blue"}
    assert rows[0]["gold"] == "B. blue"
    assert [row["output"] for row in rows] == ["B", ""]


@pytest.mark.parametrize(
    ("coordinates", "text", "mark"),
    [
        ("original", "[120, 60]", {"point": [120, 60]}),
        ("permille", "[300, 300]", {"point": [120, 60]}),  # of 400 x 200
        ("unit", "[0.25, 0.25, 0.5, 0.5]", {"box": [100, 50, 200, 100]}),
    ],
)
def test_predicted_places_are_in_pixels_of_the_picture(tmp_path, coordinates, text, mark):
    folder = scored(tmp_path / "s", "screenspot_pro", click_rows(), {"c0": text}, coordinates=coordinates)
    item = load_results(folder).items["", "c0"]
    assert item.size == (400, 200)
    assert item.gold_marks == [{"box": [100, 50, 140, 70]}]
    ((shape, numbers),) = item.marks[0].items()
    assert {shape: pytest.approx(numbers)} == mark
    assert load_results(folder).items["", "c1"].marks == []


def test_pictures_are_found_below_a_folder(tmp_path):
    folder = scored(tmp_path / "s", "screenspot_pro", click_rows(), {"c0": "[1, 1]"})
    results = load_results(folder, draw_pictures(tmp_path / "a b" / "shots"))
    (medium,) = page_data([results], tmp_path / "pages")["items"][0]["media"]
    assert medium["url"] == "../a%20b/shots/shot0.png"
    assert page_data([load_results(folder)], tmp_path)["items"][0]["media"][0]["url"] == ""


def test_a_picture_outside_the_stated_folder_is_not_linked(tmp_path):
    folder = scored(tmp_path / "s", "screenspot_pro", click_rows(), {"c0": "[1, 1]"})
    (tmp_path / "secret.png").write_bytes(b"x")
    lines(
        folder / "prompts.jsonl",
        [{"id": f"c{i}", "media": [{"name": "../secret.png", "kind": "image"}]} for i in (0, 1)],
    )
    assert load_results(folder).items["", "c0"].media[0].path is None


def test_a_run_of_dataset_folders_is_read_too(small_run):
    results = load_results(small_run / "eval" / "after")
    assert results.name.endswith("/eval/after")
    item = next(item for item in results.items.values() if item.groups["task"] == "gui/ground")
    assert "box" in item.gold_marks[0]
    assert item.output
    assert item.groups["task"] in render_results([results], small_run)


def test_no_text_can_end_the_data():
    text = script_json({"a": "</script><!--<script>", "b": "&lt;"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--<script>", "b": "&lt;"}


def test_the_figures_are_those_of_compare(tmp_path):
    rows = choice_rows(10)
    first = scored(tmp_path / "a", "mmstar", rows, {f"q{i}": "A" for i in range(10)})
    second = scored(tmp_path / "b", "mmstar", rows, {f"q{i}": "B" for i in range(8)})
    html = render_results([load_results(first), load_results(second)], tmp_path)
    assert compare_runs(first, second)["p_mcnemar"] == 2 / 2**8  # eight of eight, both tails
    assert "McNemar, exact: p = 0.00781;" in html
    assert len(data_in(html)["items"]) == 10
    other = scored(tmp_path / "c", "mmstar", rows[:3], {"q0": "A"})
    with pytest.raises(InputError, match="same items"):
        render_results([load_results(first), load_results(other)], tmp_path)


def test_marks_of_others_are_drawn_only_where_they_can_be():
    marks = [{"box": [1, 2, 3]}, {"box": [1, 2, float("nan"), 4]}, {"point": ["x", 1]}, "no", {"point": [1, 2.00001]}]
    assert clean_marks(marks) == [{"point": [1, 2.0]}]


def test_long_outputs_keep_both_ends():
    text = bounded("a" * 5000 + "the answer is B", 300)
    assert text.startswith("aaa")
    assert text.endswith("the answer is B")
    assert "4,715 characters left out" in text


def test_a_gallery_takes_tasks_in_turn_and_the_same_for_a_seed(scenes):
    chosen = choose_samples(scenes.samples, 3, seed=1)
    assert {sample.task for sample in chosen} == {"scenes/ground", "scenes/yes_no", "scenes/count"}
    assert chosen == choose_samples(scenes.samples, 3, seed=1)
    assert len(choose_samples(scenes.samples, 100, seed=0)) == 9


def test_the_command_tells_folders_apart(mmrl, scenes, tmp_path):
    (tmp_path / "empty").mkdir()
    folder = scored(tmp_path / "s", "mmstar", choice_rows(2), {"q0": "B"})
    assert mmrl("report", folder).code == 0
    assert (folder / "report.html").is_file()
    assert mmrl("report", scenes.root, "--count", "4").code == 0
    page = scenes.root.with_name("scenes-report.html").read_text(encoding="utf-8")
    assert page.count('class="card"') == 4
    assert not (scenes.root / "report.html").exists(), "a manifest vouches for every file of a dataset folder"
    for arguments, words in (
        ((tmp_path / "empty",), "found none of what these hold"),
        ((scenes.root, folder), "a second folder must stand beside a folder of scores"),
        ((folder, tmp_path / "empty"), "results must be a folder with scores.jsonl"),
        ((scenes.root, "--pictures", tmp_path), "--pictures must stand beside a folder of scores"),
    ):
        outcome = mmrl("report", *arguments)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        assert words in outcome.err
