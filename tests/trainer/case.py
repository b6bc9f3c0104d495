"""A small staged run: two datasets, a model of about 100,000 parameters, a reward that untrained text can earn.

Run as a module it trains the run, and ends itself by SIGKILL at a stated point:
``python -m tests.trainer.case FOLDER FUNCTION CALL [key=value ...]``.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mmrl.config import RunConfig, load_config
from mmrl.data import DatasetFolder, DatasetWriter, read_folder
from mmrl.runs import RunFolder
from mmrl.types import Number, Sample, YesNo
from tests.trainer.tiny import plain_images

REWARD = '''
def evenness(sample, rollout):
    """Share of even tokens: an untrained policy earns some of it, and each completion another amount."""
    return sum(token % 2 == 0 for token in rollout.token_ids_T) / len(rollout.token_ids_T)
'''

CONFIG: dict[str, Any] = {
    "model_name_or_path": "tiny",
    "output_dir": "run",
    "seed": 3,
    "datasets": {"colours": {"path": "colours"}, "counts": {"path": "counts"}},
    "rubric": {
        "terms": [
            {"name": "evenness", "use": "reward.py:evenness", "verifies": True},
            {"name": "accuracy", "weight": 0.5},
            {"name": "format", "weight": 0.1},
        ],
        "truncated": None,
    },
    "training": {
        "learning_rate": 3e-3,
        "num_generations": 4,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "max_completion_length": 6,
        "lr_scheduler_type": "linear",
    },
    "save_steps": 2,
    "stages": [
        {"name": "look", "mix": {"colours": 1.0}, "steps": 5},
        {"name": "count", "mix": {"colours": 1.0, "counts": 2.0}, "steps": 4, "order": "interleaved"},
    ],
}


def write_case(folder: Path, model: Path) -> Path:
    """Write datasets, reward and config; returns the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn", "licence": "CC0-1.0"}
    for name, size in (("colours", 56), ("counts", 56), ("held", 84)):
        with DatasetWriter(folder / name, **origin) as writer:
            for index, picture in enumerate(plain_images(7, size=size)):
                media = (writer.add_image(picture),)
                answer = YesNo(value=index % 2 == 0) if name == "colours" else Number(value=float(index))
                question = "Is it red?" if name == "colours" else "How many squares are there?"
                writer.add(
                    Sample(id=f"{name}-{index}", task=f"test/{name}", question=question, media=media, answer=answer)
                )
    (folder / "reward.py").write_text(REWARD, encoding="utf-8")
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "model_name_or_path": str(model)}), encoding="utf-8")
    return path


def open_case(folder: Path, overrides: Sequence[str] = ()) -> tuple[RunConfig, dict[str, DatasetFolder], RunFolder]:
    """Return what ``run_curriculum`` takes."""
    config = load_config(folder / "config.yaml", overrides)
    datasets = {name: read_folder(folder / name) for name in config.datasets}
    return config, datasets, RunFolder(folder / "run")


def train_case(folder: Path, overrides: Sequence[str] = ()) -> Path:
    """Train, or go on with, the run in ``folder``; returns the final weights' folder."""
    from mmrl.trainer import run_curriculum

    return run_curriculum(*open_case(folder, overrides), base_dir=folder)


def kill_at(function: str, call: int) -> None:
    """Arrange that this process is killed when ``module:name`` is about to be called for the ``call``-th time."""
    module_name, _, name = function.partition(":")
    holder: Any = importlib.import_module(module_name)
    *parents, name = name.split(".")
    for parent in parents:
        holder = getattr(holder, parent)
    original, calls = getattr(holder, name), 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **options)

    setattr(holder, name, counted)


if __name__ == "__main__":
    kill_at(sys.argv[2], int(sys.argv[3]))
    train_case(Path(sys.argv[1]), sys.argv[4:])
