"""Accuracy along a run: which checkpoints count, at which steps, and what is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from benchmark_files import write_counting

from eval.checkpoint_curve import checkpoint_curve, write_curve
from eval.checkpoints import Checkpoint, run_checkpoints
from eval.statistics import wilson_interval
from eval.storage import write_rows
from mmrl.errors import InputError
from mmrl.runs import RunFolder, mark_complete
from tests.trainer.case import CONFIG, write_case
from tests.trainer.tiny import write_tiny


def make_run(path: Path) -> Path:
    """A run of two stages of 5 and 4 steps, saved every second step; its last checkpoint is half-written."""
    run = RunFolder.create(path, yaml.safe_dump(CONFIG))
    for stage, (name, steps) in enumerate([("look", 5), ("count", 4)]):
        for step in range(1, steps + 1):
            run.append_log({"stage": name, "stage_index": stage, "step": step, "global_step": 5 * stage + step})
        for folder in (*(f"checkpoint-{step}" for step in range(2, steps + 1, 2)), "final"):
            run.write_text(f"stages/{stage}-{name}/{folder}/weights", f"{stage} {folder}")
            mark_complete(path / f"stages/{stage}-{name}/{folder}")
    (path / "stages/1-count/final/complete.json").unlink()
    return path


def test_whole_checkpoints_in_the_order_of_steps(tmp_path):
    found = run_checkpoints(make_run(tmp_path / "run"))
    assert [(one.name, one.step) for one in found] == [
        ("start", 0),
        ("0-look-checkpoint-2", 2),
        ("0-look-checkpoint-4", 4),
        ("0-look-final", 5),
        ("1-count-checkpoint-2", 7),
        ("1-count-checkpoint-4", 9),
    ]
    assert found[0].path == "tiny"
    mark_complete(tmp_path / "run/stages/1-count/final")
    assert run_checkpoints(tmp_path / "run")[-1].name == "1-count-final", "final weights stand for their step"


def test_a_run_without_checkpoints_is_refused(tmp_path):
    RunFolder.create(tmp_path / "run", yaml.safe_dump(CONFIG))
    with pytest.raises(InputError, match="must have a checkpoint; found none"):
        run_checkpoints(tmp_path / "run")


def test_means_and_intervals_at_every_step(tmp_path):
    scored = {}
    for step, right in ((0, 1), (10, 3)):
        point = Checkpoint(
            name=f"<b>{step}", path="", step=step, stage="look" if step else "", stage_index=-1 + step // 10
        )
        folder = tmp_path / str(step)
        rows = [
            {"id": str(i), "task": f"t/{'ab'[i % 2]}", "scores": {"accuracy": float(i < right)}, "cluster": str(i)}
            for i in range(4)
        ]
        write_rows(folder / "scores.jsonl", rows)
        scored[point] = folder
    page = write_curve(checkpoint_curve(tmp_path, scored), tmp_path)
    points = json.loads((tmp_path / "checkpoints.json").read_text())["points"]
    assert [(point["step"], point["accuracy"]["mean"]) for point in points] == [(0, 0.25), (10, 0.75)]
    assert [tuple(point["accuracy"]["ci95"]) for point in points] == [
        wilson_interval(0.25, 4),
        wilson_interval(0.75, 4),
    ]
    assert {name: entry["mean"] for name, entry in points[1]["groups"].items()} == {"t/a": 1.0, "t/b": 0.5}
    text = page.read_text()
    assert text.count('class="dot"') == 2 * 3
    assert "<b>0" not in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.slow
def test_a_trained_run_on_held_out_data_and_on_a_benchmark(tmp_path, monkeypatch, mmrl):
    write_case(tmp_path, write_tiny(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    assert mmrl("build", "scenes", "--out", "exam", "--count", 6, "--width", 112, "--height", 112).code == 0
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["datasets"]["exam"] = {"path": "exam"}
    config["evaluation"] = {"datasets": ["exam"], "max_completion_length": 6}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert mmrl("train", "config.yaml", "--no-audit").code == 0
    outcome = mmrl("eval", "--checkpoints", "run", "--out", "curve")
    assert outcome.code == 0, outcome.err
    points = json.loads(Path("curve/checkpoints.json").read_text())["points"]
    assert [point["step"] for point in points] == [0, 2, 4, 5, 7, 9]
    for name, when in (("start", "before"), ("1-count-final", "after")):
        own = Path(f"run/eval/{when}/scores.jsonl").read_bytes()
        assert Path(f"curve/{name}/scores.jsonl").read_bytes() == own, "the run's own evaluation says the same"
    times = {path: path.stat().st_mtime_ns for path in Path("curve").rglob("predictions.jsonl")}
    assert mmrl("eval", "--checkpoints", "run", "--out", "curve").code == 0
    assert times == {path: path.stat().st_mtime_ns for path in Path("curve").rglob("predictions.jsonl")}
    write_counting(Path("data.jsonl"), 4)
    line = ("--benchmark", "countbench", "--data", "data.jsonl", "--max-completion-length", 4)
    outcome = mmrl("eval", "--checkpoints", "run", *line, "--out", "counted")
    assert outcome.code == 0, outcome.err
    assert [point["accuracy"]["n"] for point in json.loads(Path("counted/checkpoints.json").read_text())["points"]] == [
        4
    ] * 6
