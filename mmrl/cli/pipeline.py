"""A whole run: data, evaluation before, curriculum, evaluation after, summary, report.

Every part that is already complete in the run folder is kept, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from mmrl.cli.building import build_folder, builder_config, builder_version
from mmrl.config import RunConfig, config_text, load_config
from mmrl.config.differences import differences_text
from mmrl.config.text import read_yaml
from mmrl.curriculum import Plan, plan_run
from mmrl.data import DatasetFolder, read_folder
from mmrl.data.manifest import MANIFEST_NAME, read_manifest
from mmrl.errors import InputError
from mmrl.progress import progress_bar
from mmrl.rewards import build_advantage, build_rubric
from mmrl.rewards.sample_weights import build_sample_weight
from mmrl.runs import DONE_NAME, SUMMARY_NAME, RunFolder, is_vacant


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What the parts of a run share."""

    config: RunConfig
    run: RunFolder
    base_dir: Path
    """Folder that plug-in paths start from: the config file's."""
    console: Console


def goes_on(config: RunConfig, *, overwrite: bool) -> bool:
    """Return True where ``output_dir`` holds a run of this config to go on with, False where one may begin there.

    Raises:
        InputError: the folder holds a run of another config, or something that is no run, which is never overwritten.
    """
    path = Path(config.output_dir)
    if is_vacant(path):
        return False
    run = RunFolder(path)
    if not run.config_path.is_file():
        found = f"a folder without {run.config_path.name}" if path.is_dir() else "a file"
        raise InputError(f"output_dir must be new, or hold a run; found {found}; at {path}; choose another output_dir")
    if overwrite:
        _require_only_a_run(run)
        return False
    if run.config_path.read_bytes() != config_text(config).encode():
        raise InputError(
            "output_dir must be new or hold a run of the same config; found a run of another config"
            f"{_differing(run, config)}; at {path}; choose another output_dir, or start over with --overwrite"
        )
    return True


def _differing(run: RunFolder, config: RunConfig) -> str:
    """Return the settings in which a run's config differs, in brackets; nothing where it cannot be read."""
    try:
        stored = read_yaml(run.config_path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError):
        return ""
    told = differences_text(stored, config.model_dump(mode="json")) if isinstance(stored, Mapping) else ""
    return f" ({told})" if told else ""


def _require_only_a_run(run: RunFolder) -> None:
    """Refuse a folder that may hold anything else than a run: what is overwritten is gone."""
    foreign = run.foreign_entry()
    if run.path.is_symlink() or Path.cwd().is_relative_to(run.path.resolve()):
        found = "a link" if run.path.is_symlink() else "the working directory"
    elif foreign is not None:
        found = f"{foreign.name!r}, which no run writes"
    elif not (_is_stored_config(run.config_path) or (run.path / DONE_NAME).is_file()):
        found = f"a {run.config_path.name} that no run of this version wrote"
    else:
        return
    raise InputError(
        f"only the folder of a run is overwritten; found {found}; at {run.path}; choose another output_dir, or remove "
        "the folder yourself"
    )


def _is_stored_config(path: Path) -> bool:
    """Whether a config is written out in full, as a run stores it and nobody writes by hand."""
    try:
        return config_text(load_config(path)).encode() == path.read_bytes()
    except InputError:
        return False


def check_parts(config: RunConfig, base_dir: Path) -> None:
    """Refuse builder options, reward plug-ins and trackers that cannot be used, before anything is built or written.

    Raises:
        InputError: names the builder's options, the plug-in's file and function, or the missing package.
    """
    if config.report_to != "none" and not find_spec(config.report_to):
        raise InputError(
            f"report_to must name an installed package; found {config.report_to!r}, which is not; "
            f"pip install {config.report_to}, or leave report_to out"
        )
    for dataset in config.datasets.values():
        if dataset.build:
            builder_config(dataset.build, dataset.options)
    for stage in config.stages:
        build_rubric(config.stage_rubric(stage), base_dir)
        build_sample_weight(config.stage_training(stage).sample_weight, base_dir)
        build_advantage(config.stage_training(stage).advantage or (), base_dir)


def check_model(config: RunConfig) -> None:
    """Refuse a model of no known family or without its files, and pixel limits that its processor cannot keep."""
    from mmrl.families import load_processor, require_model

    require_model(config.model_name_or_path)
    load_processor(config.model_name_or_path, min_pixels=config.min_pixels, max_pixels=config.max_pixels)


def load_datasets(config: RunConfig, data_root: Path, console: Console) -> dict[str, DatasetFolder]:
    """Read every dataset of a config; those with ``build`` are built below ``data_root`` unless they stand there.

    Raises:
        InputError: a dataset stands there that was built by another version: a run must not change its data midway.
    """
    folders: dict[str, DatasetFolder] = {}
    for name, dataset in config.datasets.items():
        folder = Path(dataset.path) if dataset.path else data_root / name
        if dataset.build and not _is_built(folder, dataset.build, dataset.options):
            with progress_bar(f"building {name}", unit="questions", console=console) as progress:
                build_folder(dataset.build, dataset.options, folder, progress=progress, overwrite=True)
        folders[name] = read_folder(folder)
    return folders


def _is_built(folder: Path, builder: str, options: Mapping[str, Any]) -> bool:
    """Whether a folder was built; it is always whole then. ``InputError`` where by another builder or options."""
    if not (folder / MANIFEST_NAME).is_file():
        return False
    stored = read_manifest(folder)
    origin = (stored["builder"], stored["version"], stored["config"])
    if origin != (builder, builder_version(builder, options), builder_config(builder, options).portable()):
        raise InputError(
            f"a run's data must come from the builders that are installed; found {stored['builder']!r} of version "
            f"{stored['version']!r} or with other options; at {folder}; go back to that version, or start over with "
            "--overwrite"
        )
    return True


def make_plan(config: RunConfig, folders: Mapping[str, DatasetFolder]) -> Plan:
    """Work out the plan of a run over loaded datasets."""
    return plan_run(config, {name: folder.samples for name, folder in folders.items()})


def run_pipeline(pipeline: Pipeline, folders: Mapping[str, DatasetFolder]) -> Path:
    """Evaluate, train, evaluate, report; return the path of the report, or of the final weights without evaluation."""
    from mmrl.trainer import run_curriculum, training_progress

    config, run = pipeline.config, pipeline.run
    held_out = {name: folders[name] for name in config.evaluation.datasets}
    _evaluate_once(pipeline, "before", config.model_name_or_path, held_out)
    training = {name: folders[name] for name in (*config.training_datasets(), *config.guard_datasets())}
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
            batch_size=config.evaluation.batch_size,
            max_completion_length=config.evaluation.max_completion_length,
            video=config.video_request(),
        )
        evaluate(model, processor, held_out, out, style=config.prompt_style, decoding=decoding, progress=progress)
    del model
    gc.collect()


def _summarise(pipeline: Pipeline) -> None:
    from eval.summary import render_table, summarise

    summary = summarise(pipeline.run.eval_dir("before"), pipeline.run.eval_dir("after"))
    pipeline.run.write_json(SUMMARY_NAME, summary)
    pipeline.console.print(render_table(summary))
