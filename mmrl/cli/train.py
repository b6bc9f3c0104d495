"""``mmrl train``: a staged run from a config."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from mmrl.config import RunConfig
    from mmrl.data import DatasetFolder
    from mmrl.runs import RunFolder


WIDEST = 120
"""Columns of printed tables at most, however wide the terminal."""


def train(
    config: Annotated[Path, typer.Argument(help="A YAML config; see configs/.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, dotted: stages.0.steps=10")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and a memory estimate, check the model's files, stop.")
    ] = False,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the config with every default filled in, and stop.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start over in an existing output_dir.")] = False,
    audit: Annotated[bool, typer.Option(help="Begin with a short audit of the rewards; see mmrl audit.")] = True,
) -> None:
    """Train the stages of a config, evaluate before and after, write a report.

    What a config may set, with names, defaults and meanings: docs/options.md.

    Datasets with `build:` are built first. The same command again goes on with a run that was interrupted, from its
    last complete checkpoint; the result is the same as without the interruption. Ctrl-C is such an interruption.

    [bold]Examples[/]:

    mmrl train configs/demo.yaml --dry-run

    mmrl train configs/demo.yaml output_dir=runs/mine seed=1 stages.0.steps=20
    """
    from rich.console import Console

    from mmrl.config import config_text, load_config

    console = Console()
    loaded = load_config(config, overrides or [])
    if dry_run:
        _print_plan(loaded, config.parent, console)
    if show_config:
        console.print(config_text(loaded), markup=False, highlight=False, soft_wrap=True)
    if dry_run or show_config:
        return
    start_run(loaded, config.parent, overwrite=overwrite, console=console, audit=audit)


def start_run(config: RunConfig, base_dir: Path, *, overwrite: bool, console: Console, audit: bool = True) -> Path:
    """Run or resume a config; returns the path of the report.

    A new run counts as started once its data are built, its plan is made and, with ``audit``, its rewards have passed
    on a few samples (a run that has passed is not audited again): where it is refused before,
    ``output_dir`` is as it was; where it is interrupted, it goes on from the datasets that are built. A run to be
    overwritten is out of the way meanwhile, so nothing can rest on its files.
    """
    from mmrl.cli.audit import audit_before_training
    from mmrl.cli.pipeline import Pipeline, check_model, check_parts, goes_on, load_datasets, make_plan, run_pipeline
    from mmrl.config import config_text
    from mmrl.runs import DONE_NAME, RunFolder, replacing, settle_replaced, withdrawing

    path = Path(config.output_dir)
    if told := settle_replaced(path):
        console.print(f"note: {told}", highlight=False, markup=False, soft_wrap=True)
    resumed = goes_on(config, overwrite=overwrite)
    if resumed and (path / DONE_NAME).is_file():
        told = f"the run at {path} is finished; --overwrite starts it over"
        console.print(f"note: {told}", highlight=False, markup=False, soft_wrap=True)
    command = "the same command without --overwrite" if overwrite else "the same command"
    with contextlib.nullcontext() if resumed else replacing(path):
        check_parts(config, base_dir)
        check_model(config)
        stood = path.is_dir()
        run = RunFolder.open(path) if resumed else RunFolder.create(path, config_text(config))
        with contextlib.nullcontext() if resumed else withdrawing(path, keep_folder=stood):
            folders = load_datasets(config, run.path / "data", console)
            make_plan(config, folders)
            if audit:
                audit_before_training(config, folders, run, base_dir, console)
    with _telling_how_to_go_on(run, command):
        return run_pipeline(Pipeline(config=config, run=run, base_dir=base_dir, console=console), folders)


@contextlib.contextmanager
def _telling_how_to_go_on(run: RunFolder, command: str) -> Iterator[None]:
    """End with code 130 where the block is interrupted (Ctrl-C), and say what the run goes on from."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        last = run.last_checkpoint()
        start = f"from its last checkpoint, {last}" if last else "from its start: it has no checkpoint yet"
        print(f"mmrl: interrupted; {command} goes on with the run at {run.path} {start}", file=sys.stderr)
        raise typer.Exit(130) from interrupt


def _print_plan(config: RunConfig, base_dir: Path, console: Console) -> None:
    """Print what a run would do; datasets to be built are built in a temporary folder and removed.

    Raises:
        InputError: the run would be refused. Where that is for its model, its plan is printed before.
    """
    from mmrl.cli.pipeline import check_model, check_parts, load_datasets, make_plan

    check_parts(config, base_dir)
    with tempfile.TemporaryDirectory() as temporary:  # never in the run's own folder, which may belong to a run
        folders = load_datasets(config, Path(temporary), console)
        plan = make_plan(config, folders)
        width = min(console.width, WIDEST)
        console.print(plan.render(width=width), markup=False, highlight=False, soft_wrap=True)
        check_model(config)  # before the estimate, which opens clips of the temporary folder
        console.print(_memory(config, folders, width), markup=False, highlight=False, soft_wrap=True)


def _memory(config: RunConfig, folders: Mapping[str, DatasetFolder], width: int) -> str:
    from mmrl.trainer.progress import quiet_libraries
    from mmrl.trainer.stage_memory import memory_text

    with quiet_libraries():
        return memory_text(config, folders, width=width)
