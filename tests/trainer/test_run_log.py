from __future__ import annotations

from pathlib import Path

import pytest

from mmrl.runs import RunFolder
from mmrl.trainer.run_log import StageLog, rewind_log, step_records


def filled(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    for index, (name, steps) in enumerate([("a", 2), ("b", 3)]):
        log = StageLog(run=run, stage=name, stage_index=index, steps_before=2 * index)
        log.event("stage_start", 0)
        for step in range(1, steps + 1):
            log.step(step, {"reward": float(step), "rewards/x/mean": 0.5, "unknown": 1}, ["x", "never"])
    return run


def test_step_records_hold_terms_by_name_and_null_where_none_spoke(tmp_path: Path) -> None:
    first = step_records(filled(tmp_path).read_log(), 1)[0]
    assert first["rewards/x"] == 0.5
    assert first["rewards/never"] is None
    assert (first["stage"], first["step"], first["global_step"], first["reward"]) == ("b", 1, 3, 1.0)
    assert "unknown" not in first


@pytest.mark.parametrize(
    ("stage", "step", "left"), [(1, 2, [1, 2, 1, 2]), (1, 0, [1, 2]), (0, 1, [1]), (1, 9, [1, 2, 1, 2, 3])]
)
def test_rewinding_drops_what_will_be_trained_again(tmp_path: Path, stage: int, step: int, left: list[int]) -> None:
    run = filled(tmp_path)
    rewind_log(run, stage_index=stage, step=step)
    assert [record["step"] for record in run.read_log() if "event" not in record] == left


def test_processes_beside_the_main_one_write_nothing(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    StageLog(run=run, stage="a", stage_index=0, steps_before=0, writes=False).event("stage_start", 0)
    assert run.read_log() == []
