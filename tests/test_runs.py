"""Run folders, their log, and checkpoints that count only when whole; killed processes and full disks are real."""

import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmrl import files
from mmrl.errors import InputError
from mmrl.runs import (
    MARKER_NAME,
    RunFolder,
    is_complete,
    latest_complete,
    mark_complete,
    replacing,
    saving_checkpoint,
    withdrawing,
)

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", "seed: 1\n")


def in_a_process(code: str, *arguments: object, before: object = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


def limit_files_to_64_kib() -> None:
    """The kernel then refuses to let any file of the process grow further, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


# ---------------------------------------------------------------------------------------------------- folder


def test_create_stores_the_config_and_open_finds_it(tmp_path):
    RunFolder.create(tmp_path / "a" / "run", "seed: 1\n")
    assert RunFolder.open(tmp_path / "a" / "run").config_path.read_text() == "seed: 1\n"


def test_create_takes_an_empty_folder_but_no_used_one(tmp_path):
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty", "")
    with pytest.raises(InputError, match="found an existing folder"):
        RunFolder.create(tmp_path / "empty", "")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="found an existing file"):
        RunFolder.create(tmp_path / "file", "")


def test_open_refuses_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"found no folder"):
        RunFolder.open(tmp_path / "gone")
    with pytest.raises(InputError, match=r"folder without config.yaml"):
        RunFolder.open(tmp_path)


def test_making_the_object_touches_nothing(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert run.config_path == tmp_path / "run" / "config.yaml"
    assert not run.path.exists()


def test_stage_and_eval_folders(run):
    assert run.stage_dir(2, "plan").relative_to(run.path).as_posix() == "stages/2-plan"
    assert run.eval_dir("before").relative_to(run.path).as_posix() == "eval/before"
    assert run.stage_dir(2, "plan").is_dir()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-a", "a b", "a\n"])
def test_names_that_would_leave_the_folder_are_refused(run, name):
    with pytest.raises(InputError, match="a name must be"):
        run.stage_dir(0, name)
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]


# ---------------------------------------------------------------------------------------------------- replacing


def test_a_replaced_folder_is_gone_when_all_went_well(run):
    run.write_json("summary.json", 1)
    with replacing(run.path):
        RunFolder.create(run.path, "seed: 2\n")
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]
    assert [path.read_text() for path in run.path.iterdir()] == ["seed: 2\n"]


@pytest.mark.parametrize("error", [InputError, KeyboardInterrupt])
def test_a_replaced_folder_is_back_after_any_exception(run, error):
    def begin() -> None:
        with replacing(run.path):
            RunFolder.create(run.path, "seed: 2\n").write_json("data/a.json", 1)
            raise error

    with pytest.raises(error):
        begin()
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]
    assert [path.read_text() for path in run.path.iterdir()] == ["seed: 1\n"]


@pytest.mark.parametrize(("error", "left"), [(InputError, []), (KeyboardInterrupt, ["config.yaml", "data"])])
@pytest.mark.parametrize("stood", [False, True])
def test_a_refused_run_is_withdrawn_and_an_interrupted_one_stays(tmp_path, error, left, stood):
    path = tmp_path / "new"

    def begin() -> None:
        run = RunFolder.create(path, "seed: 2\n")
        with withdrawing(path, keep_folder=stood):
            run.write_json("data/a.json", 1)
            raise error

    with pytest.raises(error):
        begin()
    assert path.is_dir() == (stood or bool(left))
    assert sorted(entry.name for entry in path.glob("*")) == left


def test_a_folder_that_was_killed_in_its_first_write_may_be_begun_again(tmp_path):
    (tmp_path / ".config.yaml.0a1b2c3d.partial").touch()
    assert RunFolder.create(tmp_path, "seed: 1\n").config_path.is_file()


def test_a_kill_while_a_folder_is_replaced_loses_nothing(run):
    code = """
import os, signal, sys
from pathlib import Path
from mmrl.runs import RunFolder, replacing
with replacing(Path(sys.argv[1])):
    RunFolder.create(sys.argv[1], "seed: 2")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_a_process(code, run.path).returncode == -signal.SIGKILL
    (aside,) = run.path.parent.glob("run.replaced-*")
    assert (aside / "config.yaml").read_text() == "seed: 1\n"


def test_what_no_run_writes_is_found(run):
    run.append_log({"step": 1})
    run.stage_dir(0, "one")
    (run.path / ".log.jsonl.0a1b2c3d.partial").touch()
    assert run.foreign_entry() is None
    for name in ("notes.txt", ".notes.txt.0a1b2c3d.partial", ".git"):
        (run.path / name).touch()
        assert run.foreign_entry() == run.path / name
        (run.path / name).unlink()


# ---------------------------------------------------------------------------------------------------- JSON


def test_json_round_trip_and_replacement(run):
    run.write_json("eval/before/summary.json", {"ä": [1, 2.5, None]})
    run.write_json("eval/before/summary.json", {"ä": [2]})
    assert run.read_json("eval/before/summary.json") == {"ä": [2]}
    assert [path.name for path in (run.path / "eval/before").iterdir()] == ["summary.json"]


def test_a_value_that_json_cannot_say_leaves_the_old_file(run):
    run.write_json("a.json", 1)
    for bad in (math.nan, {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            run.write_json("a.json", bad)
    assert run.read_json("a.json") == 1
    assert not list(run.path.glob(".*"))


def test_reading_missing_or_damaged_json(run):
    with pytest.raises(InputError, match=r"must hold a.json; found nothing"):
        run.read_json("a.json")
    (run.path / "a.json").write_text('{"a": NaN}')
    with pytest.raises(InputError, match="NaN is not JSON"):
        run.read_json("a.json")


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(run):
    run.write_json("a.json", 1)
    code = """
import sys
from pathlib import Path
from mmrl.errors import InputError
from mmrl.runs import RunFolder
try:
    RunFolder(Path(sys.argv[1])).write_json("a.json", "x" * 100_000)
except InputError as error:
    print(error)
"""
    done = in_a_process(code, run.path, before=limit_files_to_64_kib)
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    assert done.stdout.count("\n") == 1
    assert run.read_json("a.json") == 1
    assert sorted(path.name for path in run.path.iterdir()) == ["a.json", "config.yaml"]


def test_a_kill_before_the_rename_leaves_the_old_file(run):
    run.write_json("a.json", 1)
    code = """
import os, signal, sys
from pathlib import Path
from mmrl.runs import RunFolder
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
RunFolder(Path(sys.argv[1])).write_json("a.json", 2)
"""
    assert in_a_process(code, run.path).returncode == -signal.SIGKILL
    assert run.read_json("a.json") == 1


# ---------------------------------------------------------------------------------------------------- log


def test_log_round_trip(run):
    assert run.read_log() == []
    run.append_log({"step": 1, "text": "line\u2028end\n"})
    run.append_log({"step": 2})
    assert run.read_log() == [{"step": 1, "text": "line\u2028end\n"}, {"step": 2}]


def test_measurements_that_are_no_number_become_null(run):
    run.append_log({"loss": math.nan, "parts": [math.inf, 1.5]})
    assert run.read_log() == [{"loss": None, "parts": [None, 1.5]}]


@pytest.mark.parametrize("torn", ['{"step": 3', '{"step": 3}', "x" * 10_000])
def test_a_torn_last_line_is_dropped_and_the_next_record_is_whole(run, torn):
    run.append_log({"step": 1})
    with (run.path / "log.jsonl").open("a") as file:
        file.write(torn)
    assert run.read_log() == [{"step": 1}]
    run.append_log({"step": 2})
    assert run.read_log() == [{"step": 1}, {"step": 2}]


def test_a_log_of_one_torn_line_starts_anew(run):
    (run.path / "log.jsonl").write_text('{"st')
    assert run.read_log() == []
    run.append_log({"step": 1})
    assert run.read_log() == [{"step": 1}]


def test_damage_inside_the_log_is_named_with_its_line(run):
    (run.path / "log.jsonl").write_text('{"a": 1}\n{"b"\n[1]\n')
    with pytest.raises(InputError, match=r"log.jsonl:2"):
        run.read_log()
    (run.path / "log.jsonl").write_text('{"a": 1}\n[1]\n')
    with pytest.raises(InputError, match=r"JSON object; found b'\[1\]'; at .*log.jsonl:2"):
        run.read_log()


def test_the_log_survives_sigkill(run):
    code = """
import os, signal, sys
from pathlib import Path
from mmrl.runs import RunFolder
run = RunFolder(Path(sys.argv[1]))
for step in range(100):
    run.append_log({"step": step})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_a_process(code, run.path).returncode == -signal.SIGKILL
    assert [record["step"] for record in run.read_log()] == list(range(100))


def test_a_full_disk_cuts_the_log_after_a_whole_line(run):
    code = """
import sys
from pathlib import Path
from mmrl.errors import InputError
from mmrl.runs import RunFolder
run = RunFolder(Path(sys.argv[1]))
try:
    while True:
        run.append_log({"text": "x" * 1000})
except InputError as error:
    print(error)
"""
    done = in_a_process(code, run.path, before=limit_files_to_64_kib)
    assert "writing needs a writable disk" in done.stdout, done.stderr
    data = (run.path / "log.jsonl").read_bytes()
    assert data.endswith(b"\n")
    assert len(run.read_log()) == 65536 // len(json.dumps({"text": "x" * 1000}) + "\n")


# ---------------------------------------------------------------------------------------------------- checkpoints


def checkpoint(stage: Path, step: int, *, complete: bool = True) -> Path:
    folder = stage / f"checkpoint-{step}"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 20)
    (folder / "sub" / "state.json").write_text("{}")
    if complete:
        mark_complete(folder)
    return folder


def test_the_marker_lists_every_file(tmp_path):
    folder = checkpoint(tmp_path, 10)
    listing = json.loads((folder / MARKER_NAME).read_text())["files"]
    assert sorted(listing) == ["model.safetensors", "sub/state.json"]
    assert listing["sub/state.json"] == {
        "size": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }
    assert is_complete(folder)


def test_marking_again_does_not_list_the_marker(tmp_path):
    folder = checkpoint(tmp_path, 10)
    mark_complete(folder)
    assert MARKER_NAME not in json.loads((folder / MARKER_NAME).read_text())["files"]


def test_nothing_to_mark(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputError, match="must hold files; found none"):
            mark_complete(folder)


def damage_nothing_marked(folder: Path) -> None:
    (folder / MARKER_NAME).unlink()


def damage_missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def damage_shorter(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 100)


def damage_same_size(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(bytes(5120))


def damage_marker_torn(folder: Path) -> None:
    os.truncate(folder / MARKER_NAME, 30)


def damage_marker_emptied(folder: Path) -> None:
    (folder / MARKER_NAME).write_text('{"files": {}}')


def damage_marker_of_another_shape(folder: Path) -> None:
    (folder / MARKER_NAME).write_text('{"files": {"model.safetensors": 5120}}')


DAMAGES = [
    damage_nothing_marked,
    damage_missing,
    damage_shorter,
    damage_same_size,
    damage_marker_torn,
    damage_marker_emptied,
    damage_marker_of_another_shape,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_never_taken(tmp_path, damage):
    whole, newer = checkpoint(tmp_path, 90), checkpoint(tmp_path, 100)
    assert latest_complete(tmp_path) == newer
    damage(newer)
    assert not is_complete(newer)
    assert latest_complete(tmp_path) == whole


def test_numbers_are_compared_not_names(tmp_path):
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-999").touch()
    assert latest_complete(tmp_path) == tmp_path / "checkpoint-100"


def test_no_checkpoint(tmp_path):
    assert latest_complete(tmp_path) is None
    assert latest_complete(tmp_path / "gone") is None
    checkpoint(tmp_path, 1, complete=False)
    assert latest_complete(tmp_path) is None


def test_a_copied_checkpoint_stays_complete(tmp_path):
    folder = checkpoint(tmp_path, 10)
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert is_complete(tmp_path / "elsewhere")


def test_a_kill_while_saving_leaves_an_incomplete_checkpoint(tmp_path):
    """Whatever write the kill falls on, the marker is not there, since it comes last."""
    whole = checkpoint(tmp_path, 1)
    code = """
import os, signal, sys
from pathlib import Path
import mmrl.runs
folder = Path(sys.argv[1])
folder.mkdir()
(folder / "model.safetensors").write_bytes(b"x" * 1000)
mmrl.runs.write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
mmrl.runs.mark_complete(folder)
"""
    assert in_a_process(code, tmp_path / "checkpoint-2").returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint-2" / "model.safetensors").exists()
    assert latest_complete(tmp_path) == whole


def test_an_error_that_is_not_the_disks_passes_unchanged(tmp_path):
    folder = checkpoint(tmp_path, 1)
    with pytest.raises(RuntimeError, match=r"^out of memory$"), saving_checkpoint(folder):
        raise RuntimeError("out of memory")
    assert is_complete(folder)


# ---------------------------------------------------------------------------------------------------- JSON values


def test_plain_json_gives_plain_values_or_names_the_path():
    assert files.plain_json({"a": (1, [True, None])}, "meta") == {"a": [1, [True, None]]}
    for value, path in [({"a": [1, {2}]}, r"meta\.a\[1\]"), ({"a": {1: 2}}, r"meta\.a"), (math.inf, "at meta;")]:
        with pytest.raises(InputError, match=path):
            files.plain_json(value, "meta")


def test_parse_json_refuses_what_is_not_json():
    for text in ("[NaN]", "[-Infinity]", b"\xff", "[" * 100_000, '{"a": 1,}'):
        with pytest.raises(ValueError):  # noqa: PT011
            files.parse_json(text)
