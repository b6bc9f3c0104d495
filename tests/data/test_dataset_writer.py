"""The writer: what appears, that it appears whole or not at all, and what it refuses."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmrl.data import check_folder, read_folder
from mmrl.data.rows import COLUMNS
from mmrl.errors import InputError
from mmrl.media import png_bytes
from mmrl.types import Box, Boxes, Choice, Media, Number, Route, Text
from tests.data.conftest import ANSWERS, FRAME, open_writer, picture, sample, tree, write_all_kinds

PROJECT = Path(__file__).resolve().parents[2]


def write_one(out: Path, *, then: BaseException | None = None, **changes: Any) -> None:
    """Write a dataset of one row, unless ``then`` strikes first."""
    with open_writer(out, **changes) as writer:
        writer.add(sample(writer.add_image(picture(5))))
        if then is not None:
            raise then


# ---------------------------------------------------------------------------------------------------- what appears


def test_pictures_are_stored_once_and_rows_keep_their_order(folder):
    assert len(list((folder / "media").iterdir())) == 2
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert [row["answer_kind"] for row in rows] == list(ANSWERS)
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert rows[0]["images_file_names"] == rows[2]["images_file_names"] != rows[1]["images_file_names"]
    assert (rows[0]["answer"], rows[1]["answer"]) == ("yes", "A, C")


def test_the_manifest_accounts_for_everything(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["rows"] == 10
    assert manifest["tasks"]["test/route"] == 1
    assert manifest["difficulties"] == {"easy": 9, "hard": 1}
    assert (manifest["builder"], manifest["version"], manifest["seed"]) == ("test", "1", 7)
    assert (manifest["source"], manifest["licence"]) == ("drawn for a test", "CC0-1.0")
    assert manifest["config"] == {"size": [64, 48]}
    files = {name: data for name, data in tree(folder).items() if data is not None and name != "manifest.json"}
    assert manifest["checksums"] == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_equal_calls_give_equal_bytes(tmp_path):
    first, second = write_all_kinds(tmp_path / "a"), write_all_kinds(tmp_path / "elsewhere" / "b")
    assert tree(first) == tree(second)
    assert not [name for name, data in tree(first).items() if data and str(tmp_path).encode() in data]


def test_the_order_of_config_keys_does_not_matter(tmp_path):
    write_all_kinds(tmp_path / "a", config={"x": 1, "y": 2})
    write_all_kinds(tmp_path / "b", config={"y": 2, "x": 1})
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_picture_that_no_row_asks_about_is_dropped(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        writer.add_image(picture(1))
        writer.add(sample(writer.add_image(picture(0))))
    assert len(list((tmp_path / "a" / "media").iterdir())) == 1
    assert check_folder(tmp_path / "a") == []


def test_files_beside_a_picture_stand_under_its_name_and_go_with_it(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        kept = writer.add_image(picture(0), beside={".svg": b"<svg/>", ".json": b"{}"})
        assert writer.add_image(picture(0), png=png_bytes(picture(0)), beside={".svg": b"another"}) == kept
        writer.add_image(picture(1), beside={".svg": b"<svg/>"})
        writer.add(sample(kept))
    assert {
        path.suffix: path.read_bytes() for path in (tmp_path / "a" / "media").iterdir() if path.suffix != ".png"
    } == {
        ".svg": b"<svg/>",
        ".json": b"{}",
    }
    assert {path.stem for path in (tmp_path / "a" / "media").iterdir()} == {Path(kept.path).stem}
    assert check_folder(tmp_path / "a") == []
    (tmp_path / "a" / kept.path).with_suffix(".txt").write_text("mine")
    assert [str(problem) for problem in check_folder(tmp_path / "a")] == [
        f"{kept.path[:-4]}.txt: every file in media must belong to a row; found none that names it"
    ]


def test_a_picture_encoded_before_is_stored_as_it_is(tmp_path):
    for name, png in (("a", None), ("b", png_bytes(picture(0)))):
        with open_writer(tmp_path / name) as writer:
            writer.add(sample(writer.add_image(picture(0), png=png)))
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_row_may_show_several_pictures(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        media = (writer.add_image(picture(0)), writer.add_image(picture(1)), writer.add_image(picture(0)))
        writer.add(sample(media[0], media=media))
    assert read_folder(tmp_path / "a").samples[0].media == media
    assert media[0] == media[2]


def test_stored_pictures_are_rgb_whatever_came_in(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        media = writer.add_image(Image.new("RGBA", (5, 4), (0, 0, 0, 0)))
        writer.add(sample(media))
    opened = read_folder(tmp_path / "a").open_image(media)
    assert (opened.size, opened.getpixel((0, 0))) == ((5, 4), (255, 255, 255))


def test_tuples_and_mappings_in_meta_are_stored_as_json(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        writer.add(sample(writer.add_image(picture()), meta={"stops": ("A", "B"), "n": 1.5}))
    assert read_folder(tmp_path / "a").samples[0].meta == {"stops": ["A", "B"], "n": 1.5}


# ---------------------------------------------------------------------------------------------------- all or nothing


def test_nothing_shows_under_its_name_before_the_end(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        writer.add(sample(writer.add_image(picture())))
        assert not (tmp_path / "a").exists()
        assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_exception_leaves_nothing_and_passes_unchanged(tmp_path, error):
    with pytest.raises(error, match="mine"):
        write_one(tmp_path / "new" / "parents" / "a", then=error("mine"))
    assert tree(tmp_path) == {}


def test_an_exception_leaves_the_folder_to_be_overwritten(folder):
    before = tree(folder.parent)
    with pytest.raises(RuntimeError):
        write_one(folder, then=RuntimeError(), overwrite=True)
    assert tree(folder.parent) == before


def test_no_rows_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one row"), open_writer(tmp_path / "a") as writer:
        writer.add_image(picture())
    assert tree(tmp_path) == {}


FILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/data")
from conftest import open_writer, picture, sample
from mmrl.errors import InputError
from mmrl.media import png_bytes
import numpy, PIL.Image
noise = numpy.random.default_rng(0)
try:
    with open_writer(Path(sys.argv[1]), overwrite=True) as writer:
        for number in range(2000):
            pixels = noise.integers(0, 256, (40, 40, 3), dtype=numpy.uint8)
            media = writer.add_image(PIL.Image.fromarray(pixels) if sys.argv[2] == "media" else picture())
            writer.add(sample(media, id=str(number), question="why? " * 100))
            if sys.argv[3:] == [str(number)]:
                os.kill(os.getpid(), signal.SIGKILL)
except InputError as error:
    print(error)
"""


def fill(out: Path, what: str, prefix: str = "") -> str:
    command = f'{prefix} exec "$0" "$@"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, "-c", FILL, str(out), what],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("what", ["rows", "media"])
def test_a_refused_write_leaves_everything_as_it_was(folder, what):
    """The kernel refuses to let a file grow beyond 4 KiB (a picture) or 256 KiB (the rows), as a full disk would."""
    before = tree(folder.parent)
    said = fill(folder, what, f"ulimit -f {4 if what == 'media' else 256};")
    assert "writing needs a writable disk with room; found 'File too large'" in said
    assert said.count("\n") == 1
    assert tree(folder.parent) == before


@pytest.mark.parametrize("what", ["rows", "media"])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, what):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root; test_a_refused_write_... covers the same path")
    try:
        write_all_kinds(disk / "maps")
        before = tree(disk)
        said = fill(disk / "maps", what)
        assert "found 'No space left on device'" in said
        assert said.count("\n") == 1
        assert tree(disk) == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_going_on_after_a_failed_write_does_not_save_the_dataset(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def write_on() -> None:
        with open_writer(tmp_path / "a") as writer:
            writer.add(sample(writer.add_image(picture())))
            with monkeypatch.context() as patch, contextlib.suppress(InputError):
                patch.setattr(Path, "write_bytes", full)
                writer.add_image(picture(1))

    with pytest.raises(InputError, match="earlier write failed"):
        write_on()
    assert tree(tmp_path) == {}


def test_sigkill_leaves_out_untouched(folder):
    before = tree(folder)
    done = subprocess.run(
        [sys.executable, "-c", FILL, folder, "rows", "100"],
        cwd=PROJECT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == -signal.SIGKILL
    assert tree(folder) == before
    write_all_kinds(folder, overwrite=True)
    assert tree(folder) == before


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"):
        write_all_kinds(tmp_path / "file" / "a")
    with pytest.raises(InputError, match="File name too long"):
        write_all_kinds(tmp_path / ("a" * 300))
    assert list(tree(tmp_path)) == ["file"]


# ---------------------------------------------------------------------------------------------------- overwriting


def test_an_existing_folder_is_refused_without_overwrite(folder):
    before = tree(folder.parent)
    with pytest.raises(InputError, match="must be new; found it there already"):
        write_all_kinds(folder)
    assert tree(folder.parent) == before


def test_overwrite_replaces_the_whole_folder(folder):
    write_one(folder, overwrite=True)
    assert len(read_folder(folder).samples) == 1
    assert len(list((folder / "media").iterdir())) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["maps"]


def test_overwrite_takes_an_empty_folder(tmp_path):
    (tmp_path / "a").mkdir()
    write_all_kinds(tmp_path / "a", overwrite=True)
    assert check_folder(tmp_path / "a") == []


@pytest.mark.parametrize("name", ["notes.txt", "media/mine.png", "sub/notes.txt", ".hidden"])
def test_overwrite_never_deletes_what_is_not_the_datasets(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("precious")
    before = tree(folder.parent)
    with pytest.raises(InputError, match="only a folder of nothing but its dataset"):
        write_all_kinds(folder, overwrite=True)
    assert tree(folder.parent) == before


@pytest.mark.parametrize(
    "manifest", [None, "{", "[]", '{"format": "another"}', '{"builder": "web app", "checksums": {}}']
)
def test_overwrite_refuses_a_folder_without_our_manifest(tmp_path, manifest):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metadata.jsonl").write_text("precious")
    if manifest is not None:
        (tmp_path / "a" / "manifest.json").write_text(manifest)
    before = tree(tmp_path)
    with pytest.raises(InputError, match="manifest"):
        write_all_kinds(tmp_path / "a", overwrite=True)
    assert tree(tmp_path) == before


def test_overwrite_refuses_a_file(tmp_path):
    (tmp_path / "a").write_text("precious")
    with pytest.raises(InputError, match="found a file"):
        write_all_kinds(tmp_path / "a", overwrite=True)
    assert tree(tmp_path) == {"a": b"precious"}


def test_a_link_is_followed_not_replaced(folder):
    link = folder.parent / "link"
    link.symlink_to(folder)
    write_one(link, overwrite=True)
    assert link.is_symlink()
    assert len(read_folder(folder).samples) == 1


def test_a_file_that_arrives_while_writing_is_kept(folder):
    def write_while_it_arrives() -> None:
        with open_writer(folder, overwrite=True) as writer:
            writer.add(sample(writer.add_image(picture(5))))
            (folder / "notes.txt").write_text("precious")

    with pytest.raises(InputError, match=r"notes\.txt"):
        write_while_it_arrives()
    assert (folder / "notes.txt").read_text() == "precious"
    assert [path.name for path in folder.parent.iterdir()] == ["maps"]


# ---------------------------------------------------------------------------------------------------- refused samples


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer": None}, "a row must have an answer; found None; at sample 2 ('bad').answer"),
        ({"answer": "yes"}, "a row must have an answer; found 'yes'"),
        ({"answer": Number(value=float("nan"))}, "sample 2 ('bad').answer"),
        ({"answer": Boxes(boxes=(Box(x1=1, y1=0, x2=float("inf"), y2=5),), frame=FRAME)}, "sample 2 ('bad').answer"),
        ({"media": ()}, "at least one picture or clip, text alone is not a task here"),
        ({"question": " "}, "sample 2 ('bad').question"),
        ({"task": "no-family"}, "family/name"),
        ({"difficulty": "brutal"}, "easy, middle, hard"),
        ({"meta": {"a": {1, 2}}}, "meta.a"),
        ({"meta": {"a": float("nan")}}, "meta.a"),
        ({"question": "\ud800"}, "UTF-8"),
        ({"id": "first"}, "ids must be unique; found 'first' of sample 1 again; at sample 2 ('first').id"),
        ({"id": ""}, "sample 2 ('').id"),
        ({"media": (Media(path="media/other.png", width=1, height=1, sha256="0" * 64),)}, "must come from add_image"),
    ],
)
def test_an_unusable_sample_is_refused_and_can_be_skipped(tmp_path, changes, words):
    with open_writer(tmp_path / "a") as writer:
        media = writer.add_image(picture())
        writer.add(sample(media, id="first"))
        with pytest.raises(InputError) as error:
            writer.add(sample(media, **({"id": "bad"} | changes)))
        assert words in str(error.value)
        assert "\n" not in str(error.value)
    assert [row.id for row in read_folder(tmp_path / "a").samples] == ["first"]


@pytest.mark.parametrize("answer", [Choice(letters=()), Text(value=" "), Boxes(boxes=(), frame=FRAME), Route(legs=())])
def test_an_empty_answer_is_no_answer(tmp_path, answer):
    with pytest.raises(InputError, match="a row must have an answer"), open_writer(tmp_path / "a") as writer:
        writer.add(sample(writer.add_image(picture()), answer=answer))
    assert tree(tmp_path) == {}


def test_a_huge_or_empty_picture_is_refused(tmp_path):
    with pytest.raises(InputError, match="1 to 100,000,000 pixels"), open_writer(tmp_path / "a") as writer:
        writer.add_image(Image.new("1", (10_001, 10_000)))
    with pytest.raises(InputError, match="found 0 x 5"), open_writer(tmp_path / "a") as writer:
        writer.add_image(Image.new("RGB", (0, 5)))


def test_config_must_be_json(tmp_path):
    with pytest.raises(InputError, match=r"config\.area"):
        open_writer(tmp_path / "a", config={"area": {1}})


def test_a_closed_writer_is_refused(tmp_path):
    with open_writer(tmp_path / "a") as writer:
        media = writer.add_image(picture())
        writer.add(sample(media))
    with pytest.raises(InputError, match="found it closed"):
        writer.add(sample(media, id="late"))
