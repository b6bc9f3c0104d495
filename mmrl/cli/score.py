"""``mmrl score``: a benchmark's own rules over a file of predictions, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mmrl.cli.benchmarks import LIST_HELP, describe_benchmark, list_benchmarks
from mmrl.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

LENIENT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options that the command does not know are the benchmark's."""


class ScoreCommand(TyperCommand):
    """Lists benchmarks, and shows after its own help the options of the benchmark that was named before ``--help``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Answer ``--list [NAME ...]`` before anything is required."""
        if "--list" in args:
            list_benchmarks([argument for argument in args if not argument.startswith("-")])
            raise typer.Exit
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the command's help, then the benchmark's."""
        super().format_help(ctx, formatter)
        if name := ctx.params.get("benchmark"):
            from eval.benchmarks import benchmark

            describe_benchmark(benchmark(name))


def score(
    ctx: typer.Context,
    benchmark: Annotated[str | None, typer.Option(help="Which; --list names all.", is_eager=True)] = None,
    data: Annotated[Path | None, typer.Option(help="The file or folder as its authors publish it.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"id": ..., "prediction": "raw text"}, or results of VLMEvalKit or lmms-eval.'),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for scores.jsonl and summary.json.")] = None,
    variant: Annotated[str | None, typer.Option(help="Scoring rule; the benchmark's first by default.")] = None,
    all_groups: Annotated[bool, typer.Option("--all-groups", help="Print every group and figure.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help=LIST_HELP)] = False,  # noqa: ARG001 - read by ScoreCommand
) -> None:
    """Score stored predictions by a benchmark's own rules: no model, no pictures.

    Items without a prediction count as wrong. Each benchmark may have options of its own: name it before --help.

    [bold]Examples[/]:

    mmrl score --benchmark mmstar --data MMStar.tsv --predictions predictions.jsonl --out scores/mmstar

    mmrl score --benchmark mmstar --help
    """
    from rich.console import Console

    from eval.benchmarks import benchmark as find
    from eval.benchmarks.options import parse_options
    from eval.score_file import ScoreRequest, score_file
    from eval.unreadable import hints, is_hardly_read
    from mmrl.progress import slow_progress

    if benchmark is None or data is None or predictions is None or out is None:
        given = {"--benchmark": benchmark, "--data": data, "--predictions": predictions, "--out": out}
        absent = ", ".join(name for name, value in given.items() if value is None)
        raise InputError(
            f"mmrl score needs --benchmark, --data, --predictions and --out; found no {absent}; see --help"
        )
    chosen = find(benchmark)
    request = ScoreRequest(
        benchmark=chosen,
        data=data,
        predictions=predictions,
        variant=variant,
        options=parse_options(chosen, ctx.args),
    )
    with slow_progress(f"scoring {chosen.name}", unit="items") as progress:
        summary = score_file(request, out, progress)
    show_summary(Console(), summary, out, all_groups=all_groups)
    if is_hardly_read(summary):
        for hint in hints(request):
            Console().print(f"hint: {hint}", markup=False, highlight=False, soft_wrap=True)


def show_summary(console: Console, summary: dict[str, Any], out: Path, *, all_groups: bool = False) -> None:
    """Print a summary's table, figures and warnings, and where it was written."""
    from eval.score_table import MAX_FIGURES, figure_lines, summary_table

    console.print(summary_table(summary, all_groups=all_groups))
    lines = figure_lines(summary["figures"])
    shown = lines if all_groups or len(lines) <= MAX_FIGURES else lines[: MAX_FIGURES - 1]
    for line in shown:
        console.print(line, markup=False, highlight=False)
    if len(shown) < len(lines):
        console.print(f"and {len(lines) - len(shown)} more figures: --all-groups, or summary.json", highlight=False)
    if summary["headline"]["name"] != "accuracy":
        name = summary["headline"]["name"].removeprefix("figures.").replace("_", " ").replace(".", ", ")
        value = summary["headline"]["value"]
        figure = f"{100 * value:.2f}" if -1.0 <= value <= 1.0 else f"{value:.3f}"
        console.print(f"published figure ({name}): {figure}", markup=False, highlight=False)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    interval = summary["metrics"]["accuracy"]["interval"]
    console.print(f"intervals of accuracy: {interval}; written: {out}", markup=False, highlight=False, soft_wrap=True)
