"""Tracking by trackio, in a process of its own: the package fixes where it writes when it is imported."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.case import write_case

ROOT = Path(__file__).parents[2]
NEVER = ["mmrl.trainer.stages:run_curriculum", "99"]
"""When the run is to be killed."""


@pytest.mark.slow
def test_trackio_keeps_a_run_for_each_stage(tmp_path: Path, tiny_folder: Path) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed (extra: track)")
    write_case(tmp_path, tiny_folder)
    overrides = ["report_to=trackio", "stages.0.steps=1", "stages.1.steps=1"]
    trained = subprocess.run(
        [sys.executable, "-m", "tests.trainer.case", str(tmp_path), *NEVER, *overrides],
        cwd=ROOT,
        env={**os.environ, "TRACKIO_DIR": str(tmp_path / "tracked")},
        capture_output=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr.decode()[-2000:]
    (database,) = (tmp_path / "tracked").glob("*.db")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT run_name, metrics FROM metrics ORDER BY id").fetchall()
    rewards = [name for name, metrics in rows if "train/reward" in json.loads(metrics)]
    assert rewards == ["run/0-look", "run/1-count"]
