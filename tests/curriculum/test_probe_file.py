"""Probe files: what is written is read back, and a probe of another model or other data is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmrl.curriculum.probe_file import (
    ProbeRow,
    ProbeSettings,
    dataset_checksum,
    read_probe,
    read_rows,
    require_probe_of,
    write_rows,
    write_settings,
)
from mmrl.errors import InputError
from mmrl.types import Number, Sample

SAMPLES = [
    Sample(id=name, task="scenes/count", question="How many?", media=(), answer=Number(value=count))
    for name, count in (("a", 1), ("b", 2), ("c", 3))
]
ROWS = [
    ProbeRow(id="a", pass_rate=1.0, mean_reward=1.0, failures={}),
    ProbeRow(id="b", pass_rate=0.25, mean_reward=0.5, failures={"wrong": 2, "bad_format": 1}, texts=("x\n", "é")),
    ProbeRow(id="c", pass_rate=0.0, mean_reward=0.0, failures={"failed": 4}, detail="no such file"),
]
SETTINGS = ProbeSettings(
    model="tiny",
    model_checksum="sha256:12",
    dataset="counts",
    dataset_checksum=dataset_checksum(SAMPLES),
    rows=3,
    samples_per_row=4,
    prompt_style="direct",
    temperature=1.0,
    seed=0,
    max_completion_length=16,
    rows_per_batch=2,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_settings(tmp_path, SETTINGS)
    write_rows(tmp_path, ROWS)
    return tmp_path


def test_reads_back_what_was_written(folder: Path) -> None:
    probe = read_probe(folder)
    assert (probe.model, probe.dataset, probe.samples_per_row) == ("tiny", "counts", 4)
    assert probe.settings == SETTINGS
    assert probe.pass_rates == {"a": 1.0, "b": 0.25, "c": 0.0}
    assert probe.mean_rewards == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert probe.failures["b"] == {"wrong": 2, "bad_format": 1}
    assert list(read_rows(folder / "rows.jsonl").values()) == ROWS


def test_is_of_the_model_that_is_trained(folder: Path) -> None:
    probe = read_probe(folder)
    require_probe_of(probe, model="tiny", samples=SAMPLES, where="stages.0.filter.probe")
    require_probe_of(probe, model="copy/of/it", model_checksum="sha256:12", samples=SAMPLES, where="x")
    with pytest.raises(InputError, match=r"trained, other; found one made with tiny; at stages\.0\.filter\.probe; run"):
        require_probe_of(probe, model="other", samples=SAMPLES, where="stages.0.filter.probe")
    with pytest.raises(InputError, match="tiny, whose files have changed since"):
        require_probe_of(probe, model="tiny", model_checksum="sha256:13", samples=SAMPLES, where="x")


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([*SAMPLES, replace(SAMPLES[0], id="d")], "no row 'd' in it"),
        ([replace(SAMPLES[0], answer=Number(value=7)), *SAMPLES[1:]], "rows that differ"),
        (SAMPLES[::-1], "rows that differ or stand in another order"),
    ],
)
def test_is_of_the_dataset_that_it_is_used_for(folder: Path, samples: list[Sample], found: str) -> None:
    with pytest.raises(InputError, match=f"counts of 3 rows, {found}"):
        require_probe_of(read_probe(folder), model="tiny", samples=samples, where="stages.0.filter.probe")


def test_a_torn_last_line_is_no_row(folder: Path) -> None:
    path = folder / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert list(read_rows(path)) == ["a", "b"]
    with pytest.raises(InputError, match=r"with 3 rows; found 2; at .*rows.jsonl; run the same mmrl probe again"):
        read_probe(folder)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"pass_rate": 0.25', '"pass_rate": 1.25', r"less than or equal to 1; found 1.25; at .*rows.jsonl:2.pass_rate"),
        ('"pass_rate": 0.25', '"pass_rate": true', r"a valid number; found True; at .*rows.jsonl:2.pass_rate"),
        ('"id": "b"', '"id": "a"', r"must stand once in a probe; found 'a' again; at .*:2"),
        ('"id": "b"', '"id": 3', r"a valid string; found 3; at .*:2.id"),
        ('{"id": "b"', '["id": "b"', r"must be JSON; .*; at .*:2"),
    ],
)
def test_a_damaged_row_is_named(folder: Path, old: str, new: str, reason: str) -> None:
    path = folder / "rows.jsonl"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=reason):
        read_probe(folder)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "must be JSON"),
        ("{}", "must say format 'mmrl probe 1'; found another file"),
        ('{"format": "mmrl probe 1"}', "Field required; found nothing; at .*probe.json.model; run"),
    ],
)
def test_damaged_settings_are_named(folder: Path, text: str, reason: str) -> None:
    (folder / "probe.json").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_probe(folder)


def test_a_folder_without_a_probe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a folder with probe.json; found none; at .*; run mmrl probe"):
        read_probe(tmp_path / "absent")
