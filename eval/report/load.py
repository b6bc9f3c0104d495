"""Reading a run folder for its report: whatever is there, and a plain sentence for whatever is not yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eval.storage import PROMPTS_NAME, SCORES_NAME, SETTINGS_NAME, Key
from eval.stored import checked_summary, prompt_rows, score_rows
from eval.summary import summarise
from mmrl.errors import InputError
from mmrl.files import parse_json
from mmrl.runs import CONFIG_NAME, LOG_NAME, RunFolder

_MAX_STEP = 2**53
"""Up to here floats tell whole numbers apart."""


@dataclass(kw_only=True, slots=True)
class RunRecord:
    """What a run folder holds, in memory."""

    path: Path
    config_text: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    """Logged optimiser steps in order; of a step logged twice (a resumed run) the last record."""
    events: list[dict[str, Any]] = field(default_factory=list)
    summary: Mapping[str, Any] | None = None
    prompts: dict[Key, dict[str, Any]] = field(default_factory=dict)
    before: dict[Key, dict[str, Any]] = field(default_factory=dict)
    after: dict[Key, dict[str, Any]] = field(default_factory=dict)
    dataset_roots: dict[str, list[Path]] = field(default_factory=dict)
    """Where a dataset's pictures may stand, by dataset name, best first."""
    notices: list[str] = field(default_factory=list)
    """Sentences about what is missing or damaged."""


def load_run(path: Path) -> RunRecord:
    """Read a run folder; missing or damaged parts become notices.

    Raises:
        InputError: there is no folder at ``path``.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise InputError(f"a run must be a folder; found {found}; at {path}; correct the path or start the run")
    record = RunRecord(path=path)
    _load_config(record)
    _load_log(record)
    _load_evaluations(record)
    _load_summary(record)
    return record


def _load_config(record: RunRecord) -> None:
    path = record.path / CONFIG_NAME
    if not path.is_file():
        record.notices.append(f"The run folder holds no {CONFIG_NAME}, so the plan is not shown.")
        return
    record.config_text = path.read_text(encoding="utf-8", errors="replace")
    try:
        config = yaml.safe_load(record.config_text)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: an impossible date, a number of 5000 digits
        config = None
    if isinstance(config, dict):
        record.config = config
    else:
        record.notices.append(f"{CONFIG_NAME} is not a YAML mapping; its text is shown as it is.")


def _load_log(record: RunRecord) -> None:
    if not (record.path / LOG_NAME).is_file():
        record.notices.append(f"There is no {LOG_NAME}: training has not started, or did not get as far as a step.")
        return
    try:
        lines = RunFolder(record.path).read_log()
    except InputError as error:
        record.notices.append(f"The training log cannot be read: {error}")
        return
    record.events = [line for line in lines if "event" in line]
    logged = [line for line in lines if "event" not in line]
    by_step = {line["global_step"]: line for line in logged if _is_step(line)}
    record.steps = [by_step[step] for step in sorted(by_step)]
    damaged = sum(not _is_step(line) for line in logged)
    if damaged:
        record.notices.append(f"Lines of the training log that name no step and stage are left out: {damaged}.")
    if not record.steps:
        record.notices.append("The training log holds no step yet.")


def _is_step(line: Mapping[str, Any]) -> bool:
    numbers = line.get("global_step"), line.get("stage_index", 0)
    return all(type(number) is int and 0 <= number <= _MAX_STEP for number in numbers)


def _load_evaluations(record: RunRecord) -> None:
    for when in ("before", "after"):
        folder = record.path / "eval" / when
        if not (folder / SCORES_NAME).is_file():
            record.notices.append(f"There is no evaluation {when} training yet (eval/{when}/{SCORES_NAME}).")
            continue
        try:
            scores = score_rows(folder / SCORES_NAME, ("prediction",))
            prompts = prompt_rows(folder / PROMPTS_NAME)
        except InputError as error:
            record.notices.append(f"The evaluation {when} training cannot be read: {error}")
            continue
        setattr(record, when, scores)
        record.prompts = prompts
        _add_roots(record, folder)


def _add_roots(record: RunRecord, folder: Path) -> None:
    """Note where pictures stand: the run's own data folder first, then the folder that the evaluation names."""
    for dataset in {key[0] for key in record.prompts}:
        record.dataset_roots.setdefault(dataset, [record.path / "data" / dataset])
    path = folder / SETTINGS_NAME
    if not path.is_file():
        return
    try:
        datasets = parse_json(path.read_bytes())["datasets"]
        stated = {name: folder / facts["path"] for name, facts in datasets.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        record.notices.append(
            f"{path.relative_to(record.path).as_posix()} is damaged; pictures outside data/ are not shown."
        )
        return
    for name, root in stated.items():
        record.dataset_roots.setdefault(name, []).append(root)


def _load_summary(record: RunRecord) -> None:
    path = record.path / "summary.json"
    try:
        if path.is_file():
            record.summary = checked_summary(parse_json(path.read_bytes()))
        elif record.before and record.after:
            record.summary = summarise(record.path / "eval" / "before", record.path / "eval" / "after")
            record.notices.append("summary.json is not written yet; the figures come from the two evaluations.")
    except ValueError as error:
        record.notices.append(f"The summary cannot be used: {error}")
