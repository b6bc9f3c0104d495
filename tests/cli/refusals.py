"""What tests of the command line share: a small config, and how a refusal looks."""

from __future__ import annotations

import yaml


def assert_refused(outcome, *words):
    assert outcome.code == 2, outcome
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert len(lines) == 1, outcome.err
    for word in words:
        assert word in lines[0], lines[0]


def config_file(tmp_path, folder, **changes):
    config = {
        "output_dir": str(tmp_path / "run"),
        "datasets": {"train": {"path": str(folder)}},
        "training": {"num_generations": 4, "per_device_train_batch_size": 8},
        "save_steps": 1,
        "stages": [{"name": "one", "mix": {"train": 1}, "steps": 1}],
        **changes,
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
