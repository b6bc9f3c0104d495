"""Sampling and evaluating inside of a stage: rows are shared by its processes and kept in the stage's folder."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from accelerate import PartialState
from rich.progress import Progress

from mmrl.families import load_model, load_processor
from mmrl.trainer.row_store import RowStore, fill
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sampling import Sampler, SamplingSettings

if TYPE_CHECKING:
    from mmrl.trainer.stages import StageJob

Lines = Callable[[Sampler, range], list[str]]
"""Makes the lines of some rows, by their places."""


def process_share() -> tuple[int, int]:
    """Return which of how many processes this one is, from 1."""
    state = PartialState()
    return state.process_index + 1, state.num_processes


def fill_stores(
    job: StageJob,
    makers: Sequence[tuple[RowStore, Lines, str]],
    location: str,
    progress: Progress | None,
) -> None:
    """Make what some stores lack with one model, which is loaded only if anything is missing."""
    state = PartialState()
    loaded: list[Sampler] = []
    for store, lines, title in makers:

        def make(places: range, lines: Lines = lines) -> list[str]:
            if not loaded:
                loaded.append(_load(job, location))
            return lines(loaded[0], places)

        fill(store, make, _bar(progress, f"{job.stage.name}: {title}") if state.is_main_process else None)
        state.wait_for_everyone()
        if state.is_main_process:
            missing = store.finish()
            assert not missing, f"{missing} rows of {store.path} are missing"
        state.wait_for_everyone()
    loaded.clear()
    gc.collect()


def _load(job: StageJob, location: str) -> Sampler:
    config = job.config
    processor = load_processor(location, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    dtype = "bfloat16" if job.training.bf16 else "float32"
    model = load_model(location, dtype=dtype, device=str(PartialState().device))
    return Sampler(model, processor, SamplingSettings(style=config.stage_style(job.stage)))


def _bar(progress: Progress | None, title: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    tasks: list[Any] = []

    def advance(done: int, total: int) -> None:
        if not tasks:
            tasks.append(progress.add_task(title, total=total))
        progress.update(tasks[0], completed=done)

    return advance


def log_once(job: StageJob, log: StageLog, event: str, *, step: int = 0, **details: Any) -> None:
    """Log an event of the stage unless it stands in the log, as after a kill."""
    told = details.get("message")
    known = [(one.get("event"), one["stage_index"], one.get("message")) for one in job.run.read_log()]
    if (event, job.index, told) not in known:
        log.event(event, step, **details)
