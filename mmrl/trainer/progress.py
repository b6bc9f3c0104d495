"""What a person sees while a stage trains: one bar with steps, rate, time left, the reward and what takes longest."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

import datasets
from rich import get_console
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from transformers.utils import logging as transformers_logging

from mmrl.trainer.telemetry import time_split

WIDE = 110
"""Columns of a terminal from which two phases of a step are named, and not one."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if not task.speed else f"{task.speed:.2f} {task.fields.get('unit', 'steps')}/s")


class _Reward(ProgressColumn):
    def render(self, task: Task) -> Text:
        reward = task.fields.get("reward")
        return Text("" if reward is None else f"reward {reward:.3f}")


class _Time(ProgressColumn):
    """The phases of a step that take longest."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def render(self, task: Task) -> Text:
        return Text(time_split(task.fields.get("measured", {}), self.count), style="dim")


def training_progress(console: Console | None = None) -> Progress:
    """Return a progress display for :func:`mmrl.trainer.run_curriculum`; use it as a context manager."""
    console = console or get_console()
    is_wide = console.width >= WIDE
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24 if is_wide else 10),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        _Reward(),
        _Time(2 if is_wide else 1),
    )
    return Progress(*columns, console=console)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' bars, notices and deprecation warnings away while a run has its own display."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    dataset_bars = datasets.are_progress_bars_disabled()
    # They would tell of rows that no reward function judged, which the run's log names.
    loggers = {name: logging.getLogger(name) for name in ("trl", "mmrl.trainer.finite")}
    levels = {name: one.level for name, one in loggers.items()}
    for one in loggers.values():
        one.setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        for name, one in loggers.items():
            one.setLevel(levels[name])
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        if not dataset_bars:
            datasets.enable_progress_bars()
