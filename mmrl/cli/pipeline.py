"""A whole run: data, evaluation before, curriculum, evaluation after, summary, report.

Every part that is already complete in the run folder is kept, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mmrl.cli.building import build_folder, builder_config
from mmrl.config import RunConfig, config_text
from mmrl.curriculum import Plan, plan_run
from mmrl.data import DatasetFolder, read_folder
from mmrl.errors import InputError
from mmrl.files import parse_json
from mmrl.progress import progress_bar
from mmrl.runs import RunFolder

DONE_NAME = "done.json"


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What the parts of a run share."""

    config: RunConfig
    run: RunFolder
    base_dir: Path
    """Folder that plug-in paths start from: the config file's."""
    console: Console


def open_run(config: RunConfig, *, overwrite: bool) -> RunFolder:
    """Create the run folder, or open it to go on with an unfinished run of the same config.

    Raises:
        InputError: the folder holds a run of another config, or something that is no run.
    """
    path = Path(config.output_dir)
    text = config_text(config)
    if overwrite and (path / "config.yaml").is_file():
        shutil.rmtree(path)
    if not (path / "config.yaml").is_file():
        return RunFolder.create(path, text)
    run = RunFolder.open(path)
    if run.config_path.read_text(encoding="utf-8") != text:
        raise InputError(
            f"output_dir must be new or hold a run of the same config; found a run of another config; at {path}; "
            "choose another output_dir, or start over with --overwrite"
        )
    return run


def load_datasets(config: RunConfig, data_root: Path, console: Console) -> dict[str, DatasetFolder]:
    """Read every dataset of a config; those with ``build`` are built below ``data_root`` unless they stand there."""
    folders: dict[str, DatasetFolder] = {}
    for dataset in config.datasets.values():
        if dataset.build:
            builder_config(dataset.build, dataset.options)
    for name, dataset in config.datasets.items():
        folder = Path(dataset.path) if dataset.path else data_root / name
        if dataset.build and not _is_built(folder, dataset.build, dataset.options):
            with progress_bar(f"building {name}", unit="questions", console=console) as progress:
                build_folder(dataset.build, dataset.options, folder, progress=progress, overwrite=True)
        folders[name] = read_folder(folder)
    return folders


def _is_built(folder: Path, builder: str, options: Mapping[str, Any]) -> bool:
    """Whether a folder was built by this builder with these options; a built folder is always whole."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    stored = parse_json(manifest.read_bytes())
    return bool(stored.get("config") == builder_config(builder, options).portable())


def make_plan(config: RunConfig, folders: Mapping[str, DatasetFolder]) -> Plan:
    """Work out the plan of a run over loaded datasets."""
    return plan_run(config, {name: folder.samples for name, folder in folders.items()})


def run_pipeline(pipeline: Pipeline, folders: Mapping[str, DatasetFolder]) -> Path:
    """Evaluate, train, evaluate, report; return the path of the report, or of the final weights without evaluation."""
    from mmrl.trainer import run_curriculum, training_progress

    config, run = pipeline.config, pipeline.run
    held_out = {name: folders[name] for name in config.evaluation.datasets}
    _evaluate_once(pipeline, "before", config.model_name_or_path, held_out)
    training = {name: folders[name] for name in config.training_datasets()}
    with training_progress(pipeline.console) as progress:
        final = run_curriculum(config, training, run, base_dir=pipeline.base_dir, progress=progress)
    _evaluate_once(pipeline, "after", str(final), held_out)
    if held_out:
        _summarise(pipeline)
    run.write_json(DONE_NAME, {"final": final.relative_to(run.path).as_posix()})
    from eval.report import write_report

    report = write_report(run.path)
    pipeline.console.print(f"weights: {final}\nreport:  {report}", highlight=False, soft_wrap=True)
    return report


def _evaluate_once(pipeline: Pipeline, when: str, model_path: str, held_out: Mapping[str, DatasetFolder]) -> None:
    """Evaluate a model on the held-out folders and keep the result; a finished evaluation is not repeated."""
    from eval.decoding import Decoding
    from eval.evaluate import evaluate
    from mmrl.families import best_device, load_model, load_processor
    from mmrl.trainer.progress import quiet_libraries

    if not held_out or (pipeline.run.path / "eval" / when / "scores.jsonl").is_file():
        return
    out = pipeline.run.eval_dir(when)
    config = pipeline.config
    with quiet_libraries(), progress_bar(f"evaluating {when}", unit="items", console=pipeline.console) as progress:
        dtype = "bfloat16" if config.training.bf16 else "float32"
        model = load_model(model_path, dtype=dtype, device=best_device())
        processor = load_processor(model_path, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
        decoding = Decoding(
            batch_size=config.evaluation.batch_size, max_completion_length=config.evaluation.max_completion_length
        )
        evaluate(model, processor, held_out, out, style=config.prompt_style, decoding=decoding, progress=progress)
    del model
    gc.collect()


def _summarise(pipeline: Pipeline) -> None:
    from eval.summary import render_table, summarise

    summary = summarise(pipeline.run.eval_dir("before"), pipeline.run.eval_dir("after"))
    pipeline.run.write_json("summary.json", summary)
    pipeline.console.print(render_table(summary))
