"""Ctrl-C while a run trains: one line says what the same command goes on from."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from mmrl.runs import RunFolder
from mmrl.trainer import GRPOTrainer
from tests.trainer.case import write_case
from tests.trainer.tiny import write_tiny


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process SIGINT before a step of the first stage is trained."""
    original = GRPOTrainer.training_step

    def training_step(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.state.global_step == step - 1 and self.args.run_name.endswith("0-look"):
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments, **options)

    monkeypatch.setattr(GRPOTrainer, "training_step", training_step)


@pytest.mark.parametrize(
    ("step", "overwrite", "start"),
    [
        (1, True, "from its start: it has no checkpoint yet"),
        (4, False, "from its last checkpoint, stages/0-look/checkpoint-2"),
    ],
)
def test_an_interrupted_run_says_how_it_goes_on_and_does(mmrl, tmp_path, monkeypatch, step, overwrite, start):
    write_case(tmp_path, write_tiny(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        interrupt_at(step, patch)
        outcome = mmrl("train", "config.yaml", "--no-audit", *["--overwrite"] * overwrite)
    assert outcome.code == 130
    command = "the same command without --overwrite" if overwrite else "the same command"
    *_, last = outcome.err.splitlines()
    assert last == f"mmrl: interrupted; {command} goes on with the run at run {start}"
    assert mmrl("train", "config.yaml", "--no-audit").code == 0
    events = [one for one in RunFolder(tmp_path / "run").read_log() if one.get("event") == "resume"]
    assert [(one["stage"], one["step"]) for one in events] == [("look", 2 if step > 2 else 0)]
    assert (tmp_path / "run/done.json").is_file()


def test_a_finished_stage_is_what_a_run_goes_on_from(tmp_path):
    run = RunFolder.create(tmp_path / "run", "seed: 1\n")
    assert run.last_checkpoint() is None
    for name in ("0-a/checkpoint-9", "0-a/checkpoint-10", "0-a/final", "10-c/half", "2-b/checkpoint-3"):
        run.write_text(f"stages/{name}/weights", "1")
        if name != "10-c/half":
            run.write_text(f"stages/{name}/complete.json", "{}")
    assert str(run.last_checkpoint()) == "stages/2-b/checkpoint-3"
    run.write_text("stages/2-b/complete.json", "{}")
    (tmp_path / "run/stages/2-b/checkpoint-3/complete.json").unlink()
    assert str(run.last_checkpoint()) == "stages/0-a/final"
