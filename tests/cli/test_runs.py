"""Whole runs through the command line, small enough for every day."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from refusals import assert_refused

from mmrl.config import load_config
from mmrl.families import resolve_model
from mmrl.runs import RUN_ENTRIES


def small_config(tmp_path: Path) -> Path:
    options = {"count": 24, "seed": 1, "width": 112, "height": 112}
    config = {
        "output_dir": str(tmp_path / "run"),
        "datasets": {
            "train": {"build": "scenes", "options": options},
            "test": {"build": "scenes", "options": {**options, "seed": 2}},
        },
        "training": {"num_generations": 2, "per_device_train_batch_size": 4, "max_completion_length": 24},
        "save_steps": 1,
        "stages": [
            {"name": "first", "mix": {"train": 1}, "tasks": ["scenes/exists"], "steps": 1},
            {"name": "second", "mix": {"train": 1}, "steps": 1},
        ],
        "evaluation": {"datasets": ["test"], "max_completion_length": 24},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_dry_run_prints_the_plan_and_writes_nothing(mmrl, tmp_path):
    path = small_config(tmp_path)
    outcome = mmrl("train", path, "--dry-run", "stages.0.steps=3")
    assert outcome.code == 0, outcome.err
    assert [outcome.out.count(part) for part in ("Stages", "Tasks and rewards", "Memory estimate")] == [1, 1, 1]
    lines = outcome.out.splitlines()
    assert (
        lines.index("Stages") < lines.index("Tasks and rewards") < outcome.out[: outcome.out.index("opt")].count("\n")
    )
    assert "scenes/exists" in outcome.out
    assert "steps: 3" not in outcome.out
    assert "optimiser state" in outcome.out
    assert max(len(line) for line in lines if "  " in line) <= 80, "tables keep their lines where nobody shows them"
    assert "training.gradient_checkpointing: true saves" in outcome.out
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_the_resolved_config_is_printed_alone_and_loads_back(mmrl, tmp_path):
    path = small_config(tmp_path)
    outcome = mmrl("train", path, "--show-config", "stages.0.steps=3")
    assert outcome.code == 0, outcome.err
    again = tmp_path / "again.yaml"
    again.write_text(outcome.out)
    assert load_config(again) == load_config(path, ["stages.0.steps=3"])
    both = mmrl("train", path, "--dry-run", "--show-config", "stages.0.steps=3")
    assert both.out.endswith(outcome.out)
    assert "Memory estimate" in both.out


def remove_processor(model: Path) -> None:
    for path in (*model.glob("*processor*"), *model.glob("token*")):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda model: (model / "config.json").unlink(), "found no config.json"),
        (lambda model: (model / "config.json").write_text("{"), "a model's config must be JSON"),
        (lambda model: (model / "model.safetensors").unlink(), "a model folder must hold weights"),
        (remove_processor, "a processor's files must be whole"),
    ],
)
def test_a_plan_is_made_without_the_model_which_is_then_refused(mmrl, tmp_path, damage, found):
    model = Path(shutil.copytree(resolve_model("tiny"), tmp_path / "model"))
    damage(model)
    outcome = mmrl("train", small_config(tmp_path), "--dry-run", f"model_name_or_path={model}")
    assert "scenes/exists" in outcome.out
    assert_refused(outcome, found, str(model))


@pytest.mark.slow
def test_a_run_trains_evaluates_and_reports_and_goes_on_where_it_stopped(mmrl, tmp_path):
    path = small_config(tmp_path)
    outcome = mmrl("train", path)
    assert outcome.code == 0, outcome.err
    run = tmp_path / "run"
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["tasks"]) == {"scenes"}
    entry = summary["tasks"]["scenes"]
    assert entry["n"] == 24
    assert 0 <= entry["before"] <= 1
    low, high = entry["gain_ci95"]
    assert low <= entry["after"] - entry["before"] <= high
    assert (run / "report.html").stat().st_size > 10_000
    assert (run / "stages" / "1-second" / "final" / "model.safetensors").is_file()
    last_lines = outcome.out.strip().splitlines()[-2:]
    assert last_lines[-1].endswith(str(run / "report.html"))

    data = {path: path.stat().st_mtime_ns for path in (run / "data").rglob("*")}
    dry = mmrl("train", path, "--dry-run", "datasets.train.options.count=20")
    assert dry.code == 0, dry.err
    weights = (run / "stages" / "1-second" / "final" / "model.safetensors").read_bytes()
    again = mmrl("train", path)
    assert again.code == 0
    assert "is finished; --overwrite starts it over" in again.out
    assert "is finished" not in outcome.out
    assert (run / "stages" / "1-second" / "final" / "model.safetensors").read_bytes() == weights
    assert {path: path.stat().st_mtime_ns for path in (run / "data").rglob("*")} == data
    refused = mmrl("train", path, "seed=5")
    assert refused.code == 2
    assert "another config" in refused.err

    assert {entry.name for entry in run.iterdir()} == RUN_ENTRIES
    replaced = mmrl("train", path, "seed=5", "--overwrite")
    assert replaced.code == 0, replaced.err
    assert "seed: 5" in (run / "config.yaml").read_text()
    assert (run / "stages" / "1-second" / "final" / "model.safetensors").read_bytes() != weights
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.yaml", "run"]


@pytest.mark.slow
def test_evaluating_a_model_stores_every_stage(mmrl, tmp_path):
    data = tmp_path / "maps"
    built = mmrl("build", "transit", "--out", data, "--count", 12, "--size", 112)
    assert built.code == 0, built.err
    outcome = mmrl("eval", "--data", data, "--out", tmp_path / "scored", "--max-completion-length", 32)
    assert outcome.code == 0, outcome.err
    rows = [json.loads(line) for line in (tmp_path / "scored" / "scores.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert all(0 <= row["scores"]["accuracy"] <= 1 for row in rows)
    assert (tmp_path / "scored" / "predictions.jsonl").is_file()
    assert (tmp_path / "scored" / "prompts.jsonl").is_file()


def test_doctor_names_every_part(mmrl):
    outcome = mmrl("doctor")
    assert outcome.code == 0
    for part in ("torch", "trl", "GPU", "attention", "video", "browser", "vLLM"):
        assert part in outcome.out


@pytest.mark.parametrize(
    "command", ["demo", "check", "train", "eval", "report", "doctor", "build transit", "build gui"]
)
def test_help_of_every_command_has_an_example(mmrl, command):
    outcome = mmrl(*command.split(), "--help")
    assert outcome.code == 0
    assert "Example" in outcome.out
