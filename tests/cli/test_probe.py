"""``mmrl probe``: the same file however it comes about, and refusals in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from refusals import assert_refused

from mmrl.curriculum.probe_file import read_probe
from mmrl.data import DatasetWriter
from mmrl.trainer.sampling import Sampler
from mmrl.types import Sample, YesNo
from tests.trainer.tiny import plain_images, write_tiny

ROOT = Path(__file__).parents[2]
KILLED = """
import sys
from tests.trainer.case import kill_at
from mmrl.cli import main
kill_at("mmrl.trainer.row_store:RowStore.append", 3)
sys.argv = ["mmrl", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and a dataset of seven rows."""
    folder = tmp_path_factory.mktemp("given")
    write_tiny(folder / "model")
    origin = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn", "licence": "CC0-1.0"}
    with DatasetWriter(folder / "data", **origin) as writer:
        for index, picture in enumerate(plain_images(7)):
            media = (writer.add_image(picture),)
            answer = YesNo(value=index % 2 == 0)
            writer.add(Sample(id=f"row-{index}", task="test/ask", question="Is it red?", media=media, answer=answer))
    return folder


def command(given: Path, out: Path, *more: object) -> list[str]:
    line = ["probe", given / "data", "--model", given / "model", "-k", 3, "--out", out, "--batch-size", 2]
    return [str(one) for one in (*line, "--max-completion-length", 5, *more)]


@pytest.fixture(scope="module")
def whole(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A probe that nothing interrupted, with texts."""
    out = tmp_path_factory.mktemp("whole") / "probe"
    subprocess.run([sys.executable, "-m", "mmrl", *command(given, out, "--keep-texts")], cwd=ROOT, check=True)
    return out


def test_a_row_says_how_often_and_how_it_failed(whole: Path, given: Path) -> None:
    probe = read_probe(whole)
    assert (probe.model, probe.dataset, probe.samples_per_row) == (str(given / "model"), "data", 3)
    assert list(probe.pass_rates) == [f"row-{index}" for index in range(7)]
    rows = [json.loads(line) for line in (whole / "rows.jsonl").read_text().splitlines()]
    for row in rows:
        assert sum(row["failures"].values()) == 3 - 3 * row["pass_rate"]
        assert len(row["texts"]) == 3
    assert len({text for row in rows for text in row["texts"]}) > 7, "completions differ, also within a row"


def test_a_killed_probe_goes_on_and_asks_nothing_twice(mmrl, given, whole, tmp_path, monkeypatch) -> None:
    out = tmp_path / "probe"
    line = command(given, out, "--keep-texts")
    ended = subprocess.run([sys.executable, "-c", KILLED, *line], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    stored = (out / "rows.jsonl").read_bytes()
    assert stored.count(b"\n") == 4, "two batches of two rows"
    (out / "rows.jsonl").write_bytes(
        stored + (whole / "rows.jsonl").read_bytes()[len(stored) :].split(b"\n")[0] + b"\n{"
    )
    asked: list[str] = []
    original = Sampler.sample

    def sample(self, rows, **options):
        asked.extend(one.sample.id for one in rows)
        return original(self, rows, **options)

    monkeypatch.setattr(Sampler, "sample", sample)
    assert mmrl(*line).code == 0
    assert asked == ["row-4", "row-5", "row-6"], "the rows of the half batch, and what had not been begun"
    assert (out / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert mmrl(*line).code == 0
    assert len(asked) == 3, "a finished probe asks nothing"


def test_shards_together_are_the_whole(mmrl, given, whole, tmp_path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    first = mmrl(*command(given, here, "--keep-texts", "--shard", "1/2"))
    assert first.code == 0
    assert "4 of 7 rows" in first.out
    unfinished = mmrl(*command(given, here, "--merge", here))
    assert_refused(unfinished, "every row of the dataset; found 3 of 7 missing", "run the shards that are missing")
    assert mmrl(*command(given, there, "--keep-texts", "--shard", "2/2")).code == 0
    merged = mmrl(*command(given, tmp_path / "joined", "--merge", here, "--merge", there))
    assert merged.code == 0, merged.err
    assert (tmp_path / "joined/rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert mmrl(*command(given, here, "--keep-texts", "--shard", "2/2")).code == 0
    assert (here / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes(), "the last shard in a folder joins"
    assert not list(here.glob("rows-*"))


def test_a_picture_that_cannot_be_opened_is_a_reason(mmrl, given, tmp_path) -> None:
    import shutil

    data = shutil.copytree(given / "data", tmp_path / "data")
    broken = json.loads((data / "metadata.jsonl").read_text().splitlines()[3])
    (data / json.loads(broken["media"])[0]["path"]).write_bytes(b"no picture")
    line = command(given, tmp_path / "probe")
    line[1] = str(data)
    outcome = mmrl(*line)
    assert outcome.code == 0, outcome.err
    assert "3 failed" in outcome.out
    row = json.loads((tmp_path / "probe/rows.jsonl").read_text().splitlines()[3])
    assert (row["pass_rate"], row["failures"]) == (0.0, {"failed": 3})
    assert "readable" in row["detail"] or "picture" in row["detail"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--seed", 1], ["goes on only with the same model", "found seed 0 there and 1 now"]),
        (["-k", 4], ["found samples_per_row 3 there and 4 now"]),
        (["--style", "loud"], ["--style must be one of direct, think, boxed, json; found 'loud'"]),
        (["--temperature", 0], ["--temperature must be above 0"]),
        (["--shard", "3/2"], ["--shard must be i/n with i from 1 to n; found '3/2'"]),
        (["--model", "tiny"], ["found model_checksum"]),
    ],
)
def test_other_settings_are_refused(mmrl, given, whole, more, words) -> None:
    before = (whole / "rows.jsonl").read_bytes()
    assert_refused(mmrl(*command(given, whole, *more)), *words)
    assert (whole / "rows.jsonl").read_bytes() == before


def test_what_is_no_probe_is_refused(mmrl, given, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    assert_refused(mmrl(*command(given, tmp_path / "file")), "--out must be a folder; found a file")
    (tmp_path / "rows.jsonl").write_text("{}\n")
    assert_refused(mmrl(*command(given, tmp_path)), "found rows without probe.json")
    absent = [str(one) for one in ("probe", tmp_path / "absent", "--out", tmp_path / "out")]
    assert_refused(mmrl(*absent), "must be a folder; found nothing")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_processes_share_the_rows(given: Path, whole: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "mmrl"]
    line = command(given, tmp_path / "probe", "--keep-texts", "--device", "cpu")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*launch, *line], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert (tmp_path / "probe/rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert sorted(path.name for path in (tmp_path / "probe").iterdir()) == ["probe.json", "rows.jsonl"]
