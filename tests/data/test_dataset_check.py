"""The check: silent on a sound folder, and naming row, field and reason for everything that is not."""

import dataclasses
import json

import pytest

from mmrl.data import Problem, check_folder, read_folder
from mmrl.data.gold import faults_of
from mmrl.errors import InputError
from mmrl.types import (
    Action,
    Box,
    Boxes,
    Choice,
    Frame,
    Interval,
    Intervals,
    Media,
    Point,
    Route,
    RouteLeg,
)
from tests.data.conftest import ANSWERS, FRAME, LINES, META, edit_rows, open_writer, picture, sample

MEDIA = Media(path="media/a.png", width=64, height=48, sha256="0" * 64)


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


def about_rows(problems: list[Problem]) -> list[Problem]:
    """Leave out what the changed checksum of the rows itself brings about."""
    return [problem for problem in problems if problem.row is not None]


# ---------------------------------------------------------------------------------------------------- whole folders


def test_a_sound_folder_has_no_problem_and_progress_counts_its_rows(folder):
    calls: list[tuple[int, int]] = []
    assert check_folder(folder, lambda done, total: calls.append((done, total))) == []
    assert calls == [(done, 10) for done in range(1, 11)]


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="found nothing"):
        check_folder(tmp_path / "gone")
    with pytest.raises(InputError, match="found none"):
        check_folder(tmp_path)


def test_every_changed_byte_of_the_rows_is_noticed(folder):
    edit_rows(folder, lambda rows: rows[0].update(question="Another?"))
    problem = only(check_folder(folder))
    assert (problem.row, problem.field) == (None, "manifest.json.checksums")
    assert "metadata.jsonl" in problem.reason


def test_bad_rows_do_not_hide_each_other(folder):
    def edit(rows):
        rows[1]["answer"] = None
        rows[4]["task"] = "x"
        rows[6]["id"] = rows[0]["id"]

    edit_rows(folder, edit)
    assert [(problem.row, problem.field) for problem in about_rows(check_folder(folder))] == [
        (2, "answer"),
        (5, "task"),
        (7, "id"),
    ]


def test_a_line_that_is_no_json(folder):
    path = folder / "metadata.jsonl"
    path.write_bytes(path.read_bytes() + b"{\n")
    problem = about_rows(check_folder(folder))[0]
    assert (problem.row, problem.field) == (11, "")
    assert str(problem).startswith("metadata.jsonl:11: a row must be JSON")


def test_an_empty_folder(folder):
    (folder / "metadata.jsonl").write_bytes(b"")
    assert check_folder(folder)[0] == Problem(
        None, "metadata.jsonl", "a dataset must hold at least one row; found none"
    )


# ---------------------------------------------------------------------------------------------------- media


def first_picture(folder):
    return folder / read_folder(folder).samples[0].media[0].path


ROWS_OF_FIRST_PICTURE = [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "found nothing"),
        (lambda path: path.write_bytes(b""), "an empty file"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "damaged"),
        (lambda path: path.write_text("hello"), "found no PNG"),
    ],
)
def test_a_picture_that_does_not_open_is_named_by_every_row(folder, damage, words):
    damage(first_picture(folder))
    problems = check_folder(folder)
    assert [problem.row for problem in problems] == ROWS_OF_FIRST_PICTURE
    assert {problem.field for problem in problems} == {"media"}
    assert all(words in problem.reason for problem in problems)


def test_another_picture_of_the_same_size_is_noticed(folder):
    picture(9).save(first_picture(folder))
    problems = check_folder(folder)
    assert [problem.row for problem in about_rows(problems)] == ROWS_OF_FIRST_PICTURE
    assert all("must have the checksum" in problem.reason for problem in about_rows(problems))
    assert [problem.field for problem in problems if problem.row is None] == ["manifest.json.checksums"]


def test_a_picture_of_another_size_is_noticed(folder):
    picture().resize((10, 12)).save(first_picture(folder))
    reasons = [problem.reason for problem in about_rows(check_folder(folder)) if problem.row == 1]
    assert len(reasons) == 2
    assert "must have 64 x 48 pixels; found 10 x 12" in reasons[0]


def test_a_picture_that_processors_refuse_is_noticed(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        writer.add(sample(writer.add_image(picture().resize((400, 2))), id="fine"))
        media = writer.add_image(picture().resize((600, 2)))
        writer.add(sample(media, id="long"))
    problem = only(check_folder(tmp_path / "a"))
    assert (problem.row, problem.field) == (2, "media")
    assert "at most 200 times its shorter one; found 600 x 2" in problem.reason
    with pytest.raises(InputError, match="at most 200 times its shorter one; found 600 x 2"):
        read_folder(tmp_path / "a").open_image(media)


def test_a_picture_without_a_row_is_noticed(folder):
    picture(9).save(folder / "media" / "extra.png")
    problem = only(check_folder(folder))
    assert (problem.row, problem.field) == (None, "media/extra.png")


# ---------------------------------------------------------------------------------------------------- manifest


def edit_manifest(folder, **fields):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("fields", [{"rows": 8}, {"tasks": {"test/count": 9}}, {"difficulties": {"easy": 9}}])
def test_wrong_counts(folder, fields):
    edit_manifest(folder, **fields)
    problem = only(check_folder(folder))
    assert problem.row is None
    assert problem.field == f"manifest.json.{next(iter(fields))}"


def test_a_checksum_too_many_or_missing(folder):
    checksums = json.loads((folder / "manifest.json").read_text())["checksums"]
    edit_manifest(folder, checksums=checksums | {"media/gone.png": "0"})
    assert "media/gone.png" in only(check_folder(folder)).reason
    del checksums["metadata.jsonl"]
    edit_manifest(folder, checksums=checksums)
    assert "metadata.jsonl must be listed" in only(check_folder(folder)).reason


@pytest.mark.parametrize("text", ["{", '{"format": "other"}'])
def test_a_damaged_manifest_is_a_problem(folder, text):
    (folder / "manifest.json").write_text(text)
    assert only(check_folder(folder)).field == "manifest.json"


def test_a_missing_manifest_is_a_problem(folder):
    (folder / "manifest.json").unlink()
    assert only(check_folder(folder)).field == "manifest.json"


# ---------------------------------------------------------------------------------------------------- gold answers


@pytest.mark.parametrize("kind", ANSWERS)
def test_gold_of_every_kind_is_proved(kind):
    assert list(faults_of(sample(MEDIA, kind))) == []


def boxes(*edges: float, frame: Frame = FRAME) -> Boxes:
    x1, y1, x2, y2 = edges
    return Boxes(boxes=(Box(x1=x1, y1=y1, x2=x2, y2=y2),), frame=frame)


BAD_ANSWERS = {
    "box outside": (boxes(0, 0, 64.5, 48), "inside 64 x 48"),
    "box before": (boxes(-1, 0, 5, 5), "inside 64 x 48"),
    "box inverted": (boxes(9, 0, 5, 5), "inside 64 x 48"),
    "box empty": (boxes(5, 0, 5, 5), "inside 64 x 48"),
    "box nan": (boxes(float("nan"), 0, 5, 5), "inside 64 x 48"),
    "box in per-mille": (boxes(0, 0, 5, 5, frame=Frame(kind="permille", width=1000, height=1000)), "original frame"),
    "box of another picture": (boxes(0, 0, 5, 5, frame=Frame(kind="original", width=65, height=48)), "original frame"),
    "point outside": (Point(x=3, y=48.01, frame=FRAME), "a point must lie inside 64 x 48"),
    "action outside": (Action(type="click", point=Point(x=-0.1, y=0, frame=FRAME)), "a point must lie inside"),
    "interval inverted": (Intervals(intervals=(Interval(start=3, end=1),)), "before its end"),
    "interval before": (Intervals(intervals=(Interval(start=-3, end=1),)), "start at 0"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_out_of_place(name):
    answer, words = BAD_ANSWERS[name]
    faults = list(faults_of(sample(MEDIA, answer=answer)))
    assert [field for field, _ in faults] == ["answer"]
    assert words in faults[0][1]


def test_edges_of_the_picture_are_inside():
    assert list(faults_of(sample(MEDIA, answer=boxes(0, 0, 64, 48)))) == []


@pytest.mark.parametrize(
    ("letters", "choices", "field", "words"),
    [
        (("D",), ("x", "y", "z"), "answer", "among 'ABC'"),
        (("C", "A"), ("x", "y", "z"), "answer", "sorted"),
        (("A", "A"), ("x", "y", "z"), "answer", "each once"),
        (("A",), ("x",), "choices", "2 to 26"),
        (("A",), tuple(map(str, range(27))), "choices", "2 to 26"),
        (("A",), ("x", " "), "choices", "blank"),
        (("A",), ("x", "x"), "choices", "differ"),
    ],
)
def test_options_and_letters(letters, choices, field, words):
    faults = list(faults_of(sample(MEDIA, answer=Choice(letters=letters), choices=choices)))
    assert any(place == field and words in reason for place, reason in faults)


def test_options_without_a_choice_question():
    assert list(faults_of(sample(MEDIA, choices=("x", "y")))) == [
        ("choices", "only choice questions may have options; found 2 for a yes_no")
    ]


def test_a_route_that_the_network_does_not_allow_earns_nothing():
    meta = {"lines": LINES, "origin": "A", "destination": "D", "transfers": 0}
    wrong = Route(legs=(RouteLeg(line="Red", departure="A", arrival="D"),))
    faults = list(faults_of(sample(MEDIA, "route", answer=wrong, meta=meta)))
    assert [field for field, _ in faults] == ["answer"]
    assert "must earn accuracy 1.0; found" in faults[0][1]


def test_a_route_without_its_network_is_a_fault_of_meta():
    assert [field for field, _ in faults_of(sample(MEDIA, "route", meta={}))] == ["meta"]


@pytest.mark.parametrize(
    ("key", "value"), [("transfers", None), ("transfers", -3), ("lines", {"Red": ["A", 7, "C"], "Blue": ["C", "Ω/e"]})]
)
def test_a_route_that_some_reward_could_not_score_is_a_fault_of_meta(key, value):
    faults = list(faults_of(sample(MEDIA, "route", meta={**META["route"], key: value})))
    assert [field for field, _ in faults] == ["meta"]
    assert f"meta.{key}" in faults[0][1]


def test_an_answer_that_a_completion_cannot_carry_is_found():
    """Times beyond a million seconds are refused in completions, so no completion could ever equal this gold."""
    faults = list(faults_of(sample(MEDIA, answer=Intervals(intervals=(Interval(start=0, end=2e6),)))))
    assert len(faults) >= 4
    assert all(field == "answer" for field, _ in faults)
    for style in ("direct", "think", "boxed", "json"):
        assert any(f"must be readable in style {style}" in reason for _, reason in faults)


def test_problems_of_gold_answers_carry_their_row(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        media = writer.add_image(picture())
        writer.add(sample(media, id="fine"))
        writer.add(sample(media, id="outside", answer=boxes(0, 0, 100, 10)))
    problem = only(check_folder(tmp_path / "a"))
    assert (problem.row, problem.field) == (2, "answer")
    assert str(problem).startswith("metadata.jsonl:2.answer: a box must have an area")
    assert dataclasses.is_dataclass(problem)
