"""``mmrl check``: prove that a dataset folder can be trained and scored on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    limit: Annotated[int, typer.Option(help="Problems to print at most.")] = 20,
) -> None:
    """Prove that every row's own gold answer earns full accuracy and that media open and match.

    Exits with 2 and names row, field and reason where something is wrong.

    [bold]Example[/]: mmrl check data/city
    """
    from rich.console import Console

    from mmrl.data import check_folder
    from mmrl.progress import progress_bar

    with progress_bar(f"checking {folder}", unit="rows") as progress:
        problems = check_folder(folder, progress)
    console = Console()
    for problem in problems[:limit]:
        console.print(f"{folder}/{problem}", markup=False, highlight=False, soft_wrap=True)
    if problems:
        console.print(f"{len(problems)} problems in {folder}.", highlight=False)
        raise typer.Exit(2)
    sound = f"{folder} is sound: every gold answer earns full accuracy, all media open and match."
    console.print(sound, highlight=False, markup=False, soft_wrap=True)
