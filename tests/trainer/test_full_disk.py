"""A disk that is really full while a checkpoint is saved: one line, nothing half-written, and the run goes on later."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmrl.errors import InputError
from mmrl.runs import is_complete
from tests.trainer.case import train_case, write_case

Resize = Callable[[int], None]
AT_THE_END = ["save_steps=10", "stages.1.carry.optimizer=kept"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Resize]:
    """A run folder on a disk of its own; the function that it gives changes the disk's size in bytes."""
    run = tmp_path / "run"
    run.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(run)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(run)], check=True)

    try:
        yield resize
    finally:
        # Lazily: the error that a test holds may still hold the file that could not be written.
        subprocess.run(["umount", "--lazy", str(run)], check=True)


@pytest.mark.parametrize(
    ("share", "overrides"),
    [(0.5, []), (1.5, []), (0.5, AT_THE_END), (1.05, AT_THE_END), (2.0, AT_THE_END)],
    ids=["weights", "optimiser", "final weights", "processor", "kept optimiser"],
)
def test_a_full_disk_is_one_line_and_leaves_no_checkpoint(
    tmp_path: Path, tiny_folder: Path, small_disk: Resize, share: float, overrides: list[str]
) -> None:
    write_case(tmp_path, tiny_folder)
    small_disk(int((tiny_folder / "model.safetensors").stat().st_size * share))
    with pytest.raises(InputError, match="free some space") as caught:
        train_case(tmp_path, overrides)
    assert "\n" not in str(caught.value)
    stage = tmp_path / "run/stages/0-look"
    assert str(stage) in str(caught.value)
    assert [path.name for path in stage.iterdir() if path.is_dir()] == []


def test_a_run_goes_on_once_there_is_room(tmp_path: Path, tiny_folder: Path, small_disk: Resize) -> None:
    write_case(tmp_path, tiny_folder)
    small_disk((tiny_folder / "model.safetensors").stat().st_size * 4)  # one checkpoint, and no second
    with pytest.raises(InputError, match="checkpoint-4"):
        train_case(tmp_path)
    stage = tmp_path / "run/stages/0-look"
    assert [path.name for path in stage.iterdir() if path.is_dir()] == ["checkpoint-2"]
    assert is_complete(stage / "checkpoint-2")
    small_disk(64 << 20)
    assert is_complete(train_case(tmp_path))
