"""What a benchmark writes: medians, ratios, phases, memory, and the machine that it ran on."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrl.bench.data import Rows
from mmrl.bench.phases import PHASES
from mmrl.bench.settings import BenchOptions, Setting
from mmrl.errors import MmrlError
from mmrl.files import without_nonfinite
from mmrl.machine import version_of

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Records of all steps, warm-up first, by trainer."""


def check_steps(records: Records, setting: Setting, options: BenchOptions) -> None:
    """Refuse to compare steps that were not the same work.

    Raises:
        MmrlError: a step's completions were shorter than stated, or a group's rewards had no variance, so that a
            trainer may pass it over.
    """
    length = setting.completion_tokens
    for name, steps in records.items():
        for index, record in enumerate(steps, start=1):
            log = record["log"]
            found = (log["completions/min_length"], log["completions/max_length"])
            if found != (length, length):
                raise MmrlError(f"completions must have {length} tokens; found {found} in step {index} of {name}")
            if log["frac_reward_zero_std"] != 0:
                raise MmrlError(f"every group must have reward variance; found one without in step {index} of {name}")
    assert all(len(steps) == options.steps for steps in records.values())


def setting_result(
    setting: Setting, options: BenchOptions, *, rows: Rows, model: Path, records: Records
) -> dict[str, Any]:
    """Return all that is known of a setting as plain JSON values."""
    from mmrl.bench.model import count_parameters

    width, height = rows.pictures_P[0].size
    trainers = {name: _trainer_result(steps, setting, options) for name, steps in records.items()}
    return {
        "setting": dataclasses.asdict(setting),
        "prompt": {
            "tokens_min": min(rows.tokens_P),
            "tokens_max": max(rows.tokens_P),
            "image_tokens": rows.image_tokens,
            "picture": [width, height],
        },
        "options": {**dataclasses.asdict(options), "trainers": list(options.trainers)},
        "model": {"name": options.model or f"random {options.size}", "parameters": count_parameters(model)},
        "machine": machine(options),
        "trainers": trainers,
        **_comparison(trainers),
    }


def _trainer_result(steps: Sequence[Mapping[str, Any]], setting: Setting, options: BenchOptions) -> dict[str, Any]:
    timed = steps[options.warmup :]
    seconds = [record["seconds"] for record in timed]
    logged = sorted({key for record in timed for key in record["log"] if key.startswith("time/")})
    return {
        "median_seconds": statistics.median(seconds),
        "seconds": seconds,
        "phases": {name: statistics.median(record["phases"][name] for record in timed) for name in PHASES},
        "logged_phases": {
            key.removeprefix("time/"): statistics.median(record["log"][key] for record in timed if key in record["log"])
            for key in logged
        },
        "memory_before_first_step": timed[-1]["memory"]["before_first_step"],
        "peak_memory": timed[-1]["memory"]["peak"],
        "tokens": _tokens(steps, setting, options),
        "last_log": without_nonfinite(timed[-1]["log"]),
    }


def _tokens(steps: Sequence[Mapping[str, Any]], setting: Setting, options: BenchOptions) -> dict[str, float]:
    """Return what the trainer itself counted: mean tokens of a prompt over all steps, and the completions' bounds."""
    rows = len(steps) * options.prompts * setting.group
    return {
        "prompt_mean": steps[-1]["log"]["num_tokens"] / rows - setting.completion_tokens,
        "completion_min": min(record["log"]["completions/min_length"] for record in steps),
        "completion_max": max(record["log"]["completions/max_length"] for record in steps),
    }


def _comparison(trainers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return TRL against ours; nulls where only one ran. Above 1 in ``ratio`` ours is faster."""
    if not {"trl", "mmrl"} <= trainers.keys():
        return {"ratio": None, "pair_ratios": None, "memory_ratio": None, "memory_ratio_above_start": None}
    theirs, ours = trainers["trl"], trainers["mmrl"]
    grown = [one["peak_memory"] - one["memory_before_first_step"] for one in (ours, theirs)]
    return {
        "ratio": theirs["median_seconds"] / ours["median_seconds"],
        "pair_ratios": [a / b for a, b in zip(theirs["seconds"], ours["seconds"], strict=True)],
        "memory_ratio": ours["peak_memory"] / theirs["peak_memory"],
        "memory_ratio_above_start": grown[0] / grown[1] if grown[1] else None,
    }


def machine(options: BenchOptions) -> dict[str, Any]:
    """Return what the numbers depend on beside the code."""
    import torch

    cuda = options.device != "cpu"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_name(),
        "cores": usable,
        "threads": options.threads,
        "device": torch.cuda.get_device_name(options.device) if cuda else "cpu",
        "cuda": torch.version.cuda if cuda else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version_of(name) for name in ("torch", "transformers", "trl", "accelerate", "mmrl")},
    }


def _cpu_name() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
