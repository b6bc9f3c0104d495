"""``mmrl probe``: how often a model answers each row of a dataset right."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrl.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmrl.curriculum.probe_file import Probe, ProbeSettings
    from mmrl.data import DatasetFolder
    from mmrl.trainer.row_store import RowStore


def probe(  # noqa: PLR0913 - options of a command, not of a function that code calls
    ctx: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="A dataset folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the probe; an interrupted one is gone on with.")],
    model: Annotated[str, typer.Option(help="'tiny', a checkpoint folder, or a hub name.")] = "tiny",  # noqa: ARG001 - read from ctx
    samples: Annotated[int, typer.Option("-k", "--samples", min=1, help="Completions of each row.")] = 8,  # noqa: ARG001
    style: Annotated[str, typer.Option(help="direct, think, boxed or json.")] = "direct",  # noqa: ARG001
    temperature: Annotated[float, typer.Option(help="Of sampling, above 0.")] = 1.0,  # noqa: ARG001
    max_completion_length: Annotated[int, typer.Option(min=1, help="Tokens.")] = 256,  # noqa: ARG001
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same completions.")] = 0,  # noqa: ARG001
    batch_size: Annotated[int, typer.Option(min=1, help="Rows sampled together, each with its completions.")] = 8,  # noqa: ARG001
    min_pixels: Annotated[int | None, typer.Option(help="Image budget of the processor.")] = None,  # noqa: ARG001
    max_pixels: Annotated[int | None, typer.Option(help="Image budget of the processor.")] = None,  # noqa: ARG001
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",  # noqa: ARG001
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...; the default is cuda where there is one.")] = None,
    shard: Annotated[str, typer.Option(help="i/n: the i-th of n parts, which may run anywhere.")] = "1/1",
    merge: Annotated[list[Path] | None, typer.Option(help="Only join the rows of another part's folder.")] = None,
    keep_texts: Annotated[bool, typer.Option("--keep-texts", help="Store the completions too.")] = False,
) -> None:
    """Sample a model several times on every row and note its pass rate, mean accuracy and how it fails.

    A stage's filter reads the result; see docs/curriculum.md. The same command again goes on with a probe that was
    interrupted. Under [bold]accelerate launch[/] all processes share the rows.

    [bold]Examples[/]:

    mmrl probe runs/demo/data/counting --model Qwen/Qwen2.5-VL-3B-Instruct -k 8 --out probes/counting

    mmrl probe DATA --model M --out part1 --shard 1/2     (elsewhere: --out part2 --shard 2/2)

    mmrl probe DATA --model M --out part1 --merge part2
    """
    from eval.processes import team_of
    from mmrl.curriculum.probe_file import read_probe
    from mmrl.data import read_folder
    from mmrl.trainer.probing import begin_probe, merge_probes, probe_store

    number, count = _share(shard)
    folder = read_folder(dataset)
    settings = _settings(ctx.params, folder)
    if merge:
        store = probe_store(out, folder, settings, (1, 1))
        _finish(store, merge_probes(store, settings, merge), f"--merge of {len(merge)} folders")
        _show(read_probe(out), out)
        return
    team, place = team_of(device)
    share = (number - 1) * team.size + team.rank + 1, count * team.size
    store = probe_store(out, folder, settings, share)
    if team.leads:
        begin_probe(out, settings)
    team.wait()
    _fill(store, folder, settings, place, leads=team.leads, keep_texts=keep_texts)
    team.wait()
    if not team.leads:
        return
    missing = store.finish()
    if missing and count > 1:
        print(f"mmrl: {len(store.ids) - missing} of {len(store.ids)} rows are in {out}; the rest is other shards'")
        return
    _finish(store, missing, "the probe")
    _show(read_probe(out), out)


def _share(shard: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"--shard must be i/n with i from 1 to n; found {shard!r}; the second of four is 2/4")
    return number, count


def _settings(options: dict[str, Any], folder: DatasetFolder) -> ProbeSettings:
    """Return the probe's settings; ``InputError`` where the model, style, temperature or type cannot be used."""
    from typing import get_args

    from eval.model_files import model_checksum
    from mmrl.curriculum.probe_file import ProbeSettings, dataset_checksum
    from mmrl.types import PromptStyle

    for name, known in (("style", get_args(PromptStyle)), ("dtype", ("float32", "bfloat16"))):
        if options[name] not in known:
            raise InputError(f"--{name} must be one of {', '.join(known)}; found {options[name]!r}; choose one")
    if not options["temperature"] > 0:
        raise InputError(f"--temperature must be above 0, or all completions are equal; found {options['temperature']}")
    return ProbeSettings(
        model=options["model"],
        model_checksum=model_checksum(options["model"]),
        dataset=folder.root.resolve().name,
        dataset_checksum=dataset_checksum(folder.samples),
        rows=len(folder.samples),
        samples_per_row=options["samples"],
        prompt_style=options["style"],
        temperature=options["temperature"],
        seed=options["seed"],
        max_completion_length=options["max_completion_length"],
        rows_per_batch=options["batch_size"],
        min_pixels=options["min_pixels"],
        max_pixels=options["max_pixels"],
        dtype=options["dtype"],
    )


def _fill(
    store: RowStore,
    folder: DatasetFolder,
    settings: ProbeSettings,
    device: str | None,
    *,
    leads: bool,
    keep_texts: bool,
) -> None:
    """Sample this process's share, with a bar in the first process."""
    from mmrl.families import best_device, load_model, load_processor, require_device
    from mmrl.progress import slow_progress
    from mmrl.trainer.probing import run_probe
    from mmrl.trainer.progress import quiet_libraries
    from mmrl.trainer.sampling import Sampler, SamplingSettings

    place = device or best_device()
    require_device(place)

    def load() -> Sampler:
        processor = load_processor(settings.model, min_pixels=settings.min_pixels, max_pixels=settings.max_pixels)
        model = load_model(settings.model, dtype=settings.dtype, device=place)
        drawing = SamplingSettings(
            style=settings.prompt_style,
            group_size=settings.samples_per_row,
            temperature=settings.temperature,
            max_completion_length=settings.max_completion_length,
        )
        return Sampler(model, processor, drawing)

    try:
        with quiet_libraries(), slow_progress(f"probing {settings.model}", unit="rows") as bar:
            run_probe(store, folder, settings, load, keep_texts=keep_texts, progress=bar if leads else None)
    except KeyboardInterrupt:
        print(f"mmrl: interrupted; the same command goes on with the rows left in {store.folder}", file=sys.stderr)
        raise


def _finish(store: RowStore, missing: int, what: str) -> None:
    if missing:
        raise InputError(
            f"{what} must give every row of the dataset; found {missing} of {len(store.ids)} missing; "
            f"at {store.folder}; run the shards that are missing"
        )


def _show(made: Probe, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    rates = list(made.pass_rates.values())
    never, always = sum(rate == 0.0 for rate in rates), sum(rate == 1.0 for rate in rates)
    console = Console()
    table = Table(
        title=f"{made.model} on {made.dataset}, {made.samples_per_row} completions a row", title_justify="left"
    )
    for column in ("rows", "mean pass rate", "never right", "between", "always right"):
        table.add_column(column, justify="right")
    mean = sum(rates) / len(rates)
    table.add_row(str(len(rates)), f"{mean:.3f}", str(never), str(len(rates) - never - always), str(always))
    console.print(table)
    console.print(f"not right: {_reasons(list(made.failures.values()))}", highlight=False)
    console.print(f"probe: {out}", highlight=False, soft_wrap=True)


def _reasons(failures: Sequence[Any]) -> str:
    """Return how many completions failed in which way, the most frequent first."""
    from collections import Counter

    counts: Counter[str] = Counter()
    for one in failures:
        counts.update(one)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "none"
