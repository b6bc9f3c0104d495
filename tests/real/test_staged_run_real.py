"""From a real feed to trained weights, through the command line."""

from __future__ import annotations

import json

import pytest
import yaml


@pytest.mark.slow
def test_sao_paulo_becomes_a_sound_dataset_and_a_staged_run_trains_on_it(mmrl, shared_data, tmp_path):
    feed = shared_data / "transit" / "gtfs" / "sao_paulo.zip"
    data = tmp_path / "sao_paulo"
    built = mmrl("build", "transit", "--source", feed, "--out", data, "--count", 40, "--size", 448)
    assert built.code == 0, built.err
    assert mmrl("check", data).code == 0
    config = {
        "output_dir": str(tmp_path / "run"),
        "datasets": {"city": {"path": str(data)}},
        "rubric": {"terms": [{"name": "accuracy"}, {"name": "route_detail", "weight": 0.5}]},
        "training": {"num_generations": 2, "per_device_train_batch_size": 4, "max_completion_length": 32},
        "save_steps": 1,
        "stages": [
            {"name": "judge", "mix": {"city": 1}, "tasks": ["transit/same_line", "transit/on_line"], "steps": 1},
            {"name": "plan", "mix": {"city": 1}, "tasks": ["transit/plan"], "steps": 1},
        ],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    outcome = mmrl("train", tmp_path / "config.yaml")
    assert outcome.code == 0, outcome.err
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [record for record in log if "reward" in record]
    assert [record["stage"] for record in steps] == ["judge", "plan"]
    assert (tmp_path / "run" / "stages" / "1-plan" / "final" / "model.safetensors").is_file()
    assert (tmp_path / "run" / "report.html").is_file()
