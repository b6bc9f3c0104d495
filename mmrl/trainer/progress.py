"""What a person sees while a stage trains: one bar with steps, rate, time left and the current reward."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import datasets
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from transformers.utils import logging as transformers_logging


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if not task.speed else f"{task.speed:.2f} steps/s")


class _Reward(ProgressColumn):
    def render(self, task: Task) -> Text:
        reward = task.fields.get("reward")
        return Text("" if reward is None else f"reward {reward:.3f}")


def training_progress(console: Console | None = None) -> Progress:
    """Return a progress display for :func:`mmrl.trainer.run_curriculum`; use it as a context manager."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        _Reward(),
    )
    return Progress(*columns, console=console)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' bars, notices and deprecation warnings away while a run has its own display."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    dataset_bars = datasets.are_progress_bars_disabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        if not dataset_bars:
            datasets.enable_progress_bars()
