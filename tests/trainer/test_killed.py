"""Runs ended by SIGKILL in their own process, then finished in this one: the weights must be the same, bit by bit."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmrl.runs import is_complete
from tests.trainer.case import open_case, train_case, write_case

ROOT = Path(__file__).parents[2]
STEP = "mmrl.trainer.grpo:GRPOTrainer._prepare_inputs"
CHECKPOINT = "mmrl.trainer.grpo:mark_complete"
FINAL = "mmrl.trainer.stage_model:mark_complete"
BOUNDARY = "mmrl.trainer.stages:_log_stage_end"
REUSE = ["training.num_iterations=2", "training.beta=0.1", "stages.1.carry={optimizer: kept, reference: kept}"]


def killed(folder: Path, function: str, call: int, overrides: list[str]) -> None:
    command = [sys.executable, "-m", "tests.trainer.case", str(folder), function, str(call), *overrides]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> dict[str, Path]:
    """Runs that nothing interrupted, by their overrides."""
    folders = {}
    for overrides in ([], REUSE):
        folder = tmp_path_factory.mktemp("whole")
        write_case(folder, tiny_folder)
        train_case(folder, overrides)
        folders[str(overrides)] = folder
    return folders


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "overrides"),
    [
        ([(STEP, 3), (CHECKPOINT, 2)], []),
        ([(FINAL, 1)], []),
        ([(BOUNDARY, 1), (STEP, 6)], []),
        ([(STEP, 17)], REUSE),
    ],
    ids=["before and in a checkpoint", "half-written weights", "stage boundary", "reused completions"],
)
def test_a_killed_run_ends_in_identical_weights(
    tmp_path: Path, tiny_folder: Path, whole: dict[str, Path], kills: list[tuple[str, int]], overrides: list[str]
) -> None:
    write_case(tmp_path, tiny_folder)
    for function, call in kills:
        killed(tmp_path, function, call, overrides)
    train_case(tmp_path, overrides)
    for stage in ("0-look", "1-count"):
        final = tmp_path / "run/stages" / stage / "final"
        assert is_complete(final)
        ours, theirs = (
            load_file(final / "model.safetensors"),
            load_file(whole[str(overrides)] / "run/stages" / stage / "final/model.safetensors"),
        )
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    records = open_case(tmp_path)[2].read_log()
    steps = [(one["stage_index"], one["step"]) for one in records if "event" not in one]
    assert steps == [(0, step) for step in range(1, 6)] + [(1, step) for step in range(1, 5)]
