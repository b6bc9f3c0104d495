"""``mmrl export``: scored items for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A folder of scores, as mmrl score and mmrl eval write it.")],
    to: Annotated[str, typer.Option(help="csv, wandb, vlmevalkit (.xlsx or .tsv) or lmms-eval (.jsonl).")],
    out: Annotated[Path, typer.Option(help="File to write; for wandb a folder.")],
) -> None:
    """Write scored items with their texts for a spreadsheet, Weights & Biases, VLMEvalKit or lmms-eval.

    The files of the last two are also what mmrl score takes as --predictions. wandb stays offline unless WANDB_MODE
    says otherwise: send the run with wandb sync.

    [bold]Examples[/]:

    mmrl export scores/mmstar --to csv --out mmstar.csv

    mmrl export scores/mmstar --to vlmevalkit --out MyModel_MMStar.xlsx
    """
    from rich.console import Console

    from eval.export import export_results
    from eval.report.results_load import load_results

    results = load_results(run)
    written = export_results(results, to, out)
    Console().print(f"{len(results.items):,} items: {written}", highlight=False, soft_wrap=True)
