"""``mmrl compare``: two scored runs on the same items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[Path, typer.Argument(help="A folder with scores.jsonl, or that file: before, or the baseline.")],
    second: Annotated[Path, typer.Argument(help="Another on the same items: after, or the rival.")],
    metric: Annotated[str, typer.Option(help="Score to compare.")] = "accuracy",
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures and the ids that differ.")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and of the clustered test.")] = 0,
    draws: Annotated[int, typer.Option(help="Of the bootstrap and of the clustered test.", min=100)] = 10_000,
) -> None:
    """Test whether two runs differ: exact McNemar, paired bootstrap, and a test that knows shared pictures.

    Both must hold the same items. By group, p-values are corrected for the number of groups.

    mmrl report FIRST SECOND shows the items themselves, disagreements first.

    [bold]Example[/]: mmrl compare scores/base scores/step-5000
    """
    from rich.console import Console

    from eval.compare import compare_runs
    from eval.compare_table import comparison_lines, comparison_table, name_lines, print_table
    from mmrl.files import write_json

    comparison = compare_runs(first, second, metric=metric, seed=seed, draws=draws)
    if out is not None:
        write_json(out, comparison)
    console = Console()
    for line in name_lines(comparison):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print_table(console, comparison_table(comparison))
    for line in comparison_lines(comparison):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
