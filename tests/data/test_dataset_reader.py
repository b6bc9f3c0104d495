"""The reader: exact round trip, plain ``datasets``, and one clear line for every kind of damage."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from tests.data.conftest import ANSWERS, META, WIDTH, edit_rows, open_writer, picture, sample, write_all_kinds

PROJECT = Path(__file__).resolve().parents[2]


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(InputError) as error:
        read_folder(folder)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


# ---------------------------------------------------------------------------------------------------- round trip


def test_samples_come_back_equal(folder):
    dataset = read_folder(folder)
    assert [row.answer for row in dataset.samples] == list(ANSWERS.values())
    for row, kind in zip(dataset.samples, ANSWERS, strict=True):
        assert row == sample(row.media[0], kind)
    assert dataset.samples[list(ANSWERS).index("route")].meta == META["route"]
    assert dataset.manifest["rows"] == len(ANSWERS)
    assert dataset.root == folder


def test_pictures_come_back_equal(folder):
    dataset = read_folder(str(folder))
    assert dataset.open_image(dataset.samples[0].media[0]).tobytes() == picture(0).tobytes()
    assert dataset.open_image(dataset.samples[1].media[0]).tobytes() == picture(1).tobytes()


def test_a_picture_of_another_size_is_refused(folder):
    dataset = read_folder(folder)
    media = dataset.samples[0].media[0]
    picture().resize((10, 10)).save(folder / media.path)
    with pytest.raises(InputError, match="64 x 48; found 10 x 10"):
        dataset.open_image(media)


LOAD = """
import json, sys
from datasets import load_dataset
rows = load_dataset(sys.argv[1], cache_dir=sys.argv[2])["train"]
assert not [name for name in sys.modules if name.split(".")[0] == "mmrl"]
first = rows[0]["images"][0]
print(json.dumps([len(rows), sorted(rows.features), rows["answer"][:3], rows["choices"][1], first.mode, first.size,
                  first.tobytes().hex()]))
"""


def load_plainly(folder: Path, home: Path) -> list[Any]:
    """What ``datasets`` reads from a folder, in a process that never imports mmrl."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, folder, home / "cache"],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_plain_datasets_opens_a_folder_of_one_picture(tmp_path):
    with open_writer(tmp_path / "one") as writer:
        shown = writer.add_image(picture())
        for number in range(3):
            writer.add(sample(shown, "choice", id=f"row-{number}"))
    assert check_folder(tmp_path / "one") == []
    count, columns, _, _, mode, size, pixels = load_plainly(tmp_path / "one", tmp_path)
    assert (count, mode, size) == (3, "RGB", [64, 48])
    assert "images" in columns
    assert pixels == picture().tobytes().hex()


def test_plain_datasets_opens_the_folder_with_pictures_decoded(folder, tmp_path):
    count, columns, answers, choices, mode, size, pixels = load_plainly(folder, tmp_path)
    assert count == len(ANSWERS)
    assert columns == sorted(
        [
            "images",
            "id",
            "task",
            "question",
            "answer",
            "answer_kind",
            "answer_json",
            "choices",
            "difficulty",
            "meta",
            "media",
        ]
    )
    assert answers == ["yes", "A, C", "2.5"]
    assert choices == ["red", "green", "blue"]
    assert (mode, size) == ("RGB", [64, 48])
    assert pixels == picture(0).tobytes().hex()


# ---------------------------------------------------------------------------------------------------- missing parts


def test_no_such_folder(tmp_path):
    refused(tmp_path / "gone", "found nothing", "gone")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "found a file")


@pytest.mark.parametrize("name", ["metadata.jsonl", "manifest.json"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    refused(folder, f"must hold {name}", str(folder))


def test_a_missing_picture_is_named_with_its_first_row(folder):
    path = read_folder(folder).samples[1].media[0].path
    (folder / path).unlink()
    refused(folder, "found no file", path, "metadata.jsonl:2.media")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        ("[]", "must say format"),
        ('{"format": "mmrl dataset folder", "format_version": 99}', "format_version must be 1; found 99"),
        ('{"format": "mmrl dataset folder", "format_version": 1, "builder": 5}', "manifest.json.builder"),
    ],
)
def test_a_damaged_manifest(folder, text, words):
    (folder / "manifest.json").write_text(text)
    refused(folder, words, "manifest.json")


def test_no_rows(folder):
    (folder / "metadata.jsonl").write_text("\n")
    refused(folder, "at least one row")


# ---------------------------------------------------------------------------------------------------- damaged rows


@pytest.mark.parametrize(
    "line",
    [b'{"id": 1', b"hello", b"[1]", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'["\\ud800"]', b"[" * 5000, b"{}extra"],
)
def test_a_line_that_is_no_json_object_is_named(folder, line):
    path = folder / "metadata.jsonl"
    path.write_bytes(path.read_bytes() + b"\n" + line + b"\n")  # one blank line in between
    refused(folder, "a row must be", f"metadata.jsonl:{len(ANSWERS) + 2};")


def test_a_torn_last_line_is_named(folder):
    path = folder / "metadata.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    refused(folder, "a row must be JSON", f"metadata.jsonl:{len(ANSWERS)};")


def set_field(name: str, value: object):
    def edit(rows):
        rows[2][name] = value

    return edit


def drop_field(name: str):
    return lambda rows: rows[2].pop(name)


def change_media(**facts: object):
    def edit(rows):
        media = json.loads(rows[2]["media"])
        media[0] |= facts
        rows[2] |= {"media": json.dumps(media), "images_file_names": [media[0]["path"]]}

    return edit


BAD_ROWS = {
    "no answer": (drop_field("answer"), "answer", "a row must have an answer"),
    "no answer_json": (drop_field("answer_json"), "answer_json", "a row must have an answer"),
    "null answer": (set_field("answer", None), "answer", "a row must have an answer; found None"),
    "empty answer": (set_field("answer_json", ""), "answer_json", "a row must have an answer; found ''"),
    "no question": (drop_field("question"), "question", "the column must be there"),
    "blank question": (set_field("question", "  "), "question", "not blank"),
    "number as id": (set_field("id", 5), "id", "must be text"),
    "no task": (set_field("task", "count"), "task", "family/name; found 'count'"),
    "unknown kind": (set_field("answer_kind", "poem"), "answer_kind", "found 'poem'"),
    "kind as a list": (set_field("answer_kind", ["number"]), "answer_kind", "found ['number']"),
    "blank text": (
        lambda rows: rows[2].update(answer_kind="text", answer='""', answer_json='{"kind": "text", "value": ""}'),
        "answer_json",
        "a row must have an answer",
    ),
    "other kind": (set_field("answer_kind", "text"), "answer_kind", "'number' as in answer_json; found 'text'"),
    "other answer": (set_field("answer", "3"), "answer", "'2.5' as in answer_json; found '3'"),
    "answer_json broken": (set_field("answer_json", "{"), "answer_json", "must be JSON text"),
    "answer_json no object": (set_field("answer_json", "[1]"), "answer_json", "JSON text of a dict"),
    "answer_json empty object": (set_field("answer_json", "{}"), "answer_json", ""),
    "answer_json odd": (set_field("answer_json", '{"kind": "number", "value": []}'), "answer_json", ""),
    "difficulty": (set_field("difficulty", "brutal"), "difficulty", "easy, middle, hard; found 'brutal'"),
    "difficulty as a list": (set_field("difficulty", []), "difficulty", "found []"),
    "choices": (set_field("choices", "A"), "choices", "list of text"),
    "meta": (set_field("meta", {}), "meta", "must be text"),
    "text only": (lambda rows: rows[2].update(media="[]", images_file_names=[]), "media", "at least one picture"),
    "other pictures": (set_field("images_file_names", ["media/x.png"]), "images_file_names", "paths in media"),
    "absolute path": (change_media(path="/etc/passwd"), "media", "inside the folder; found '/etc/passwd'"),
    "path upwards": (change_media(path="media/../../x.png"), "media", "inside the folder"),
    "windows path": (change_media(path="media\\x.png"), "media", "inside the folder"),
    "path no text": (change_media(path=3), "media", "inside the folder; found 3"),
    "path too long": (change_media(path="a/" + "m" * 256), "media", "at most 255 bytes"),
    "width beyond reason": (change_media(width=10**400), "media", "whole pixels"),
    "half a character": (set_field("meta", '{"a": "\\ud800"}'), "meta", "must be JSON text; found '\\ud800'"),
    "sound": (change_media(kind="sound"), "media", "'image' or 'video'"),
    "clip among pictures": (change_media(kind="video"), "images_file_names", "those of clips left out"),
    "half a pixel": (change_media(width=63.5), "media", "whole pixels"),
    "no size": (change_media(width=0), "media", "whole pixels"),
    "checksum": (change_media(sha256="abc"), "media", "64 hexadecimal digits"),
    "media facts": (set_field("media", "[5]"), "media", "path, kind, width, height and sha256"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_with_line_and_field(folder, name):
    edit, field, words = BAD_ROWS[name]
    edit_rows(folder, edit)
    refused(folder, f"metadata.jsonl:3.{field};", words)


def test_duplicate_ids_name_both_rows(folder):
    edit_rows(folder, lambda rows: rows[6].update(id=rows[1]["id"]))
    refused(folder, "'q-choice' in line 2 and again in line 7", "metadata.jsonl:7.id")


def test_rows_of_one_kind_without_choices_read_as_well(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        media = writer.add_image(picture())
        assert media.width == WIDTH
        writer.add(sample(media))
    assert len(read_folder(tmp_path / "a").samples) == 1


def test_reading_and_writing_again_gives_the_same_bytes(folder, tmp_path):
    again = write_all_kinds(tmp_path / "again")
    assert (again / "metadata.jsonl").read_bytes() == (folder / "metadata.jsonl").read_bytes()
