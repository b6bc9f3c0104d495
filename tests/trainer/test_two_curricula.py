"""Two processes that share the work take the same rows and make the same decisions as one that does all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmrl.files import parse_json
from mmrl.trainer.decisions import TRACKER
from tests.trainer.case import write_case
from tests.trainer.test_stages import log_of, without_times

ROOT = Path(__file__).parents[2]
ONE = [sys.executable]
TWO = [*ONE, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def trained(folder: Path, model: Path, command: list[str]) -> Path:
    write_case(folder, model)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}
    command = [*command, "-m", "tests.trainer.two_curricula", str(folder)]
    # The limit is there for a run that hangs: the processes wait for one another.
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def decisions(folder: Path) -> list[dict[str, Any]]:
    return without_times([one for one in log_of(folder) if "event" in one])


@pytest.mark.slow
def test_two_processes_decide_as_one(tmp_path: Path, tiny_folder: Path) -> None:
    one, two = (trained(tmp_path / name, tiny_folder, command) for name, command in (("one", ONE), ("two", TWO)))
    assert decisions(two) == decisions(one)
    kinds = [(each["event"], each.get("rule")) for each in decisions(one) if each["event"] in ("early_stop", "replay")]
    assert kinds == [("early_stop", "reward"), ("replay", None), ("early_stop", "plateau")], "decisions were made"
    for stage in ("0-look", "1-count"):
        left = [
            parse_json((folder / f"run/stages/{stage}/final/mechanisms.json").read_bytes()) for folder in (one, two)
        ]
        assert left[0][TRACKER] == left[1][TRACKER], "the same rows, in the same batches, with the same outcomes"
