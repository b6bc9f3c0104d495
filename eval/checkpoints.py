"""Every checkpoint of a training run, evaluated alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.backends.base import Backend
from eval.decoding import Decoding
from eval.model_files import model_checksum
from eval.run_benchmark import BenchmarkRun, run_benchmark
from eval.storage import SCORES_NAME
from mmrl.config import RunConfig, load_config
from mmrl.data import DatasetFolder, read_folder
from mmrl.errors import InputError
from mmrl.files import parse_json, write_json
from mmrl.progress import Progress
from mmrl.runs import RunFolder, is_complete

IDENTITY_NAME = "checkpoint.json"
"""Beside the scores of a checkpoint: which weights they are of, and how it was asked."""
_STAGE = re.compile(r"(\d+)-(.+)")
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Weights along a run."""

    name: str
    """``start``, or stage and checkpoint: ``0-look-checkpoint-20``, ``0-look-final``."""
    path: str
    """What loads: a folder, or the name of the model that the run started from."""
    step: int
    """Optimiser steps since the run began, over all stages."""
    stage: str
    """Empty for the start."""
    stage_index: int
    """-1 for the start."""


def run_checkpoints(run: Path) -> list[Checkpoint]:
    """Return what a run started from, its whole checkpoints and the final weights of its stages, in order of steps.

    Final weights stand for a checkpoint of the same step. Half-written checkpoints are passed over.

    Raises:
        InputError: there is no run, or it has no checkpoint.
    """
    folder = RunFolder.open(run)
    config = load_config(folder.config_path)
    steps = _steps(folder.read_log())
    found: dict[int, Checkpoint] = {}
    stages = sorted(
        (int(match[1]), match[2], path) for path in (run / "stages").glob("*") if (match := _STAGE.fullmatch(path.name))
    )
    before = 0
    for index, name, path in stages:
        last = steps.get(index, {})
        for step, checkpoint in _complete(path, final_step=max(last, default=0)):
            overall = last.get(step, before + step)
            found[overall] = Checkpoint(
                name=f"{path.name}-{checkpoint.name}", path=str(checkpoint), step=overall, stage=name, stage_index=index
            )
        before = max([before, *last.values(), *found])
    if not found:
        raise InputError(f"a run must have a checkpoint; found none; at {run / 'stages'}; train it first")
    start = Checkpoint(name="start", path=config.model_name_or_path, step=0, stage="", stage_index=-1)
    return [start, *(found[step] for step in sorted(found))]


def _steps(log: list[dict[str, Any]]) -> dict[int, dict[int, int]]:
    """Return, by stage, the run's step for each of the stage's own."""
    steps: dict[int, dict[int, int]] = {}
    for record in log:
        if isinstance(record.get("step"), int) and isinstance(record.get("global_step"), int):
            steps.setdefault(record.get("stage_index", 0), {})[record["step"]] = record["global_step"]
    return steps


def _complete(stage: Path, *, final_step: int) -> list[tuple[int, Path]]:
    """Return whole checkpoints of a stage with its own steps; the final weights come last, as the later of equals."""
    numbered = sorted((int(match[1]), path) for path in stage.iterdir() if (match := _CHECKPOINT.fullmatch(path.name)))
    last = max([final_step, *(step for step, _ in numbered)])
    both = [*numbered, (last, stage / "final")]
    return [(step, path) for step, path in both if step and is_complete(path)]


def evaluate_on_held_out(
    run: Path, checkpoint: Checkpoint, out: Path, *, device: str | None = None, progress: Progress | None = None
) -> None:
    """Evaluate a checkpoint on its run's held-out data as the run itself does; a finished evaluation is kept.

    Raises:
        InputError: the run has no held-out data, or its data are gone; or ``out`` holds another checkpoint's scores.
    """
    from eval.evaluate import evaluate
    from mmrl.families import best_device, load_model, load_processor

    config = load_config(RunFolder.open(run).config_path)
    folders = held_out_data(run, config)
    identity = {
        "checksum": model_checksum(checkpoint.path),
        "data": {name: sorted(sample.id for sample in folder.samples) for name, folder in folders.items()},
        "prompt_style": config.prompt_style,
        "evaluation": config.evaluation.model_dump(mode="json"),
    }
    if _is_done(out, identity):
        return
    model = load_model(
        checkpoint.path, dtype="bfloat16" if config.training.bf16 else "float32", device=device or best_device()
    )
    processor = load_processor(checkpoint.path, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    decoding = Decoding(
        batch_size=config.evaluation.batch_size,
        max_completion_length=config.evaluation.max_completion_length,
        video=config.video_request(),
        reading=config.video_reading(),
    )
    evaluate(model, processor, folders, out, style=config.prompt_style, decoding=decoding, progress=progress)
    write_json(out / IDENTITY_NAME, identity)


def _is_done(out: Path, identity: Mapping[str, Any]) -> bool:
    if not (out / IDENTITY_NAME).is_file() or not (out / SCORES_NAME).is_file():
        return False
    try:
        stored = parse_json((out / IDENTITY_NAME).read_bytes())
    except ValueError:
        return False
    if stored != identity:
        raise InputError(
            f"--out must be new or hold scores of the same checkpoints; found other weights, data or settings; at "
            f"{out}; choose another --out"
        )
    return True


def held_out_data(run: Path, config: RunConfig) -> dict[str, DatasetFolder]:
    """Return the folders that a run holds out, by name; ``InputError`` where it has none, or they are gone."""
    if not config.evaluation.datasets:
        raise InputError(
            f"a run must hold data out; found an evaluation without datasets; at {run / 'config.yaml'}; name a "
            "benchmark with --benchmark and --data"
        )
    places = {name: config.datasets[name].path for name in config.evaluation.datasets}
    return {name: read_folder(Path(path) if path else run / "data" / name) for name, path in places.items()}


def evaluate_on_benchmark(run: BenchmarkRun, backend: Backend, *, progress: Progress | None = None) -> None:
    """Run a checkpoint over a benchmark; what is answered already is not asked again."""
    run_benchmark(run, backend, progress=progress)
