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

    from mmrl.judges import Judge

JudgeServer = Annotated[
    str | None, typer.Option("--judge", help="Ask a judge about free answers too: http://host:port/v1, or 'local'.")
]
JudgeModelName = Annotated[str | None, typer.Option(help="The judge's name on its server, or a model to load.")]
JudgeCache = Annotated[Path | None, typer.Option(help="Folder of the judge's verdicts, shared between runs.")]

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


def score(  # noqa: PLR0913 - options of a command
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
    judge: JudgeServer = None,
    judge_model: JudgeModelName = None,
    judge_cache: JudgeCache = None,
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
        judge=make_judge(judge, judge_model, judge_cache),
    )
    with slow_progress(f"scoring {chosen.name}", unit="items") as progress:
        summary = score_file(request, out, progress)
    show_summary(Console(), summary, out, all_groups=all_groups)
    if is_hardly_read(summary):
        for hint in hints(request):
            Console().print(f"hint: {hint}", markup=False, highlight=False, soft_wrap=True)


def make_judge(server: str | None, model: str | None, cache: Path | None) -> Judge | None:
    """Return the judge that options name; nothing is asked yet.

    Raises:
        InputError: a part is missing, or the address cannot be one.
    """
    if server is None:
        if model is not None or cache is not None:
            raise InputError("--judge-model and --judge-cache must stand beside --judge; found no --judge; add it")
        return None
    if model is None:
        raise InputError("--judge must stand beside --judge-model; found none; name the model that judges")
    from mmrl.judges import JudgeSettings, build_judge

    address = None if server == "local" else server
    return build_judge(JudgeSettings(model=model, server=address, cache=str(cache) if cache else None))


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
    if judged := summary.get("judge"):
        console.print(judge_line(judged, summary), markup=False, highlight=False, soft_wrap=True)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    interval = summary["metrics"]["accuracy"]["interval"]
    console.print(f"intervals of accuracy: {interval}; written: {out}", markup=False, highlight=False, soft_wrap=True)


def judge_line(judged: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return what a judge added, and how far it agrees with the rules, in one line."""
    told, refused = judged["agreement"], judged["opinions"]["refused"] + judged["opinions"]["decoy"]
    kappa = "not defined" if told["kappa"] is None else f"{told['kappa']:.3f}"
    rate = "none" if told["rate"] is None else f"{100 * told['rate']:.1f} %"
    either = 100 * summary["metrics"]["accuracy_or_judge"]["mean"]
    return (
        f"judge {judged['model']['model'] if 'model' in judged['model'] else judged['model']['local']}: right by rules "
        f"or judge {either:.2f}; agreement with the rules {rate}, kappa {kappa}, n {told['n']}; refused as attacks or "
        f"empty {refused}, without a verdict {judged['opinions']['failed']}"
    )
