"""``mmrl report``: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Write report.html of a run: curves, accuracy before and after, group statistics, a gallery. One file, no network.

    Works on an unfinished run too and says what is missing.

    [bold]Example[/]: mmrl report runs/demo
    """
    from rich.console import Console

    from eval.report import write_report

    Console().print(f"report: {write_report(run)}", highlight=False, soft_wrap=True)
