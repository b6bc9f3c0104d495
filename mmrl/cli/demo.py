"""``mmrl demo``: the whole path on a CPU in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmrl.errors import InputError


def demo_config_path() -> Path:
    """Return the demo's config, which stands beside the package in the project's folder.

    Raises:
        InputError: the package is installed without the project's folder.
    """
    path = Path(__file__).parents[2] / "configs" / "demo.yaml"
    if not path.is_file():
        raise InputError(f"mmrl demo needs the project's configs folder; found none at {path}; clone the project")
    return path


def demo(
    output_dir: Annotated[Path, typer.Option(help="Where the run goes.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start an unfinished one over too.")] = False,
) -> None:
    """Build small datasets, train the tiny model through three stages, evaluate before and after, write a report.

    An unfinished demo goes on where it stopped; a finished one starts over.

    [bold]Example[/]: mmrl demo --output-dir runs/demo
    """
    from rich.console import Console

    from mmrl.cli.train import start_run
    from mmrl.config import load_config
    from mmrl.runs import DONE_NAME

    path = demo_config_path()
    config = load_config(path, [f"output_dir={output_dir}", f"seed={seed}"])
    finished = (output_dir / DONE_NAME).is_file()
    start_run(config, path.parent, overwrite=overwrite or finished, console=Console())
