"""What commands print for a person: names uncut, pictures asked for, wrong models refused without loading anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def two_runs(tmp_path):
    """Two folders with names and groups that are longer than a terminal of 80 columns allows beside figures."""
    folders = []
    for right in (0, 1):
        folder = tmp_path / f"{'a-very-long-name-of-a-run-' * 4}{right}"
        folder.mkdir()
        rows = [
            {"id": f"q{i}", "status": "ok", "scores": {"accuracy": float(i % 2 == right)}, "cluster": f"q{i}"}
            | {"groups": {"kind": "desktop application two"}}
            for i in range(4)
        ]
        (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        folders.append(folder)
    return folders


def test_names_are_not_cut_at_80_columns(mmrl, two_runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = mmrl("compare", *two_runs).out
    for folder in two_runs:
        assert str(folder) in shown.splitlines()[two_runs.index(folder)]
    assert "desktop application two" in shown
    assert "cluster" in shown


def test_contamination_without_pictures_is_no_clean_bill(mmrl, dataset, tmp_path):
    row = {"id": "q0", "question": "Which?", "A": "red", "B": "blue", "answer": "B", "category": "c"}
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    outcome = mmrl("contamination", dataset, "--benchmark", "mmstar", "--data", tmp_path / "data.jsonl")
    first, second = outcome.out.splitlines()[:2]
    assert first.startswith("pictures were not compared")
    assert "--pictures" in first
    assert "by its texts alone: 0 of 1 items affected" in second


@pytest.mark.parametrize("model", ["wrong", "no/such/model"])
def test_a_wrong_model_is_refused_before_anything_heavy_is_imported(tmp_path, model):
    (tmp_path / "folder").mkdir()
    code = (
        "import sys\n"
        f"sys.argv = ['mmrl', 'eval', '--model', {model!r}, '--data', {str(tmp_path / 'folder')!r}, "
        f"'--out', {str(tmp_path / 'out')!r}]\n"
        "from mmrl.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n"
        "    print(stop.code, sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"
    assert f"found {model!r}" in done.stderr
