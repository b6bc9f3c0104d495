"""``mmrl contamination``: whether a training folder holds what a benchmark asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def contamination(  # noqa: PLR0913 - options of a command, not of a function that code calls
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A dataset folder, as mmrl build writes it.")],
    benchmark: Annotated[str, typer.Option(help="Which; mmrl eval --list names all.")],
    data: Annotated[Path, typer.Option(help="The benchmark's file or folder.")],
    pictures: Annotated[Path | None, typer.Option(help="Folder of its pictures, where the file has none.")] = None,
    scores: Annotated[Path | None, typer.Option(help="A scored run: show its accuracy without affected items.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all findings.")] = None,
    max_bits: Annotated[int, typer.Option(help="Of 256: how far near copies may differ.", min=0, max=128)] = 12,
    ngram: Annotated[int, typer.Option(help="Words in a row that must be shared.", min=3)] = 13,
) -> None:
    """Find pictures and long runs of words that a training folder shares with a benchmark.

    Pictures are compared by their pixels and by a hash that survives scaling and recompression.

    [bold]Example[/]: mmrl contamination data/city --benchmark mmstar --data MMStar.tsv --scores scores/mmstar
    """
    from rich.console import Console

    from eval.benchmarks import benchmark as find
    from eval.benchmarks.options import parse_options
    from eval.contamination import ContaminationRequest, clean_scores, find_contamination
    from mmrl.data import read_folder
    from mmrl.files import write_json
    from mmrl.progress import slow_progress

    chosen = find(benchmark)
    request = ContaminationRequest(
        training=read_folder(folder),
        benchmark=chosen,
        data=data,
        options=parse_options(chosen, ctx.args),
        pictures=pictures,
        max_bits=max_bits,
        ngram=ngram,
    )
    with slow_progress("comparing", unit="pictures") as progress:
        found = find_contamination(request, progress)
    if scores is not None:
        found["accuracy"] = clean_scores(scores, found["affected_items"])
    if out is not None:
        write_json(out, found)
    _show(Console(), found)


def _show(console: Console, found: dict[str, Any]) -> None:
    from eval.report.text import visible

    def say(text: str) -> None:
        console.print(visible(text, 400), markup=False, highlight=False, soft_wrap=True)

    pictures, texts = found["pictures"], found["texts"]
    affected = f"{len(found['affected_items'])} of {found['items']} items affected"
    if pictures["compared"]:
        say(f"{found['benchmark']}: {affected}")
    else:
        say("pictures were not compared: none of the benchmark's are at hand; give their folder as --pictures")
        say(f"{found['benchmark']}, by its texts alone: {affected}; shared pictures would not have been found")
    equal = sum(finding["differing_bits"] == 0 for finding in pictures["findings"])
    if pictures["compared"]:
        say(
            f"pictures: {pictures['compared']} compared with {pictures['training_pictures']}; {equal} with equal "
            f"hashes, {len(pictures['findings']) - equal} near copies, {len(pictures['unreadable'])} unreadable"
        )
    say(
        f"texts: {texts['compared']} compared; {len(texts['shared_runs'])} share {texts['run_length']} words in a row, "
        f"{len(texts['equal_questions'])} equal questions"
    )
    for finding in pictures["findings"][:5]:
        name, bits = finding["item"] or finding["picture"], finding["differing_bits"]
        say(f"  {name}: {finding['training_picture']} ({bits} bits)")
    for finding in texts["shared_runs"][:5]:
        say(f"  {finding['item']}: sample {finding['training_sample']}: {finding['words']}")
    for name, entry in found.get("accuracy", {}).items():
        if entry is not None:
            low, high = entry["ci95"]
            say(f"accuracy, {name}: {entry['mean']:.1%} ({low:.1%} to {high:.1%}), n = {entry['n']}")
