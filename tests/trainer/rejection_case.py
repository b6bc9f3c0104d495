"""A run that learns to say yes from gold answers, then from its own.

``python -m torch.distributed.run --nproc_per_node 2 -m tests.trainer.rejection_case FOLDER`` trains it in two.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState
from PIL import Image

from mmrl.data import DatasetWriter
from mmrl.types import Sample, YesNo
from tests.trainer.case import train_case

CONFIG: dict[str, Any] = {
    "output_dir": "run",
    "seed": 5,
    "datasets": {"colours": {"path": "colours"}, "counts": {"path": "counts"}},
    "rubric": {"terms": [{"name": "accuracy"}, {"name": "format", "weight": 0.1}]},
    "training": {
        "learning_rate": 3e-3,
        "num_generations": 3,
        "per_device_train_batch_size": 3,
        "max_completion_length": 8,
    },
    "save_steps": 2,
    "evaluation": {"batch_size": 6, "max_completion_length": 8},
    "stages": [
        {"name": "warm", "kind": "sft", "mix": {"colours": 1.0}, "steps": 30},
        {
            "name": "own",
            "kind": "rejection",
            "mix": {"colours": 1.0},
            "steps": 3,
            "training": {"learning_rate": 1e-4},
            "rejection": {"keep": 2, "guard": {"datasets": ["counts"], "max_drop": 0.1}},
        },
    ],
}


def write_rejection_case(folder: Path, model: Path) -> Path:
    """Write ``colours`` to train on, ``counts`` to guard, both answered with yes, and the config."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn", "licence": "CC0-1.0"}
    for name, green in (("colours", 90), ("counts", 120)):
        with DatasetWriter(folder / name, **origin) as writer:
            for index in range(8):
                media = (writer.add_image(Image.new("RGB", (56, 56), (30 * index, green, 200))),)
                said = YesNo(value=True)
                writer.add(
                    Sample(id=f"{name}-{index}", task="test/say", question="Is it red?", media=media, answer=said)
                )
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "model_name_or_path": str(model)}), encoding="utf-8")
    return path


def train_together(folder: Path) -> None:
    """Train with four examples a step, however many processes share them."""
    size = 4 // PartialState(cpu=True).num_processes
    train_case(folder, [f"training.per_device_train_batch_size={size}", "training.num_generations=2"])


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
