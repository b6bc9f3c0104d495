"""``mmrl bench``: TRL's trainer and ours against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrl.errors import InputError

if TYPE_CHECKING:
    from mmrl.bench import BenchOptions, Setting

app = typer.Typer(help="Measure speed and memory.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure speed and memory."""


@app.command("trainer")
def trainer(  # noqa: PLR0913 - options of a command, not of a function that code calls
    out: Annotated[Path, typer.Option(help="JSON file for the result.")],
    prompt_tokens: Annotated[int | None, typer.Option(help="Tokens of a prompt, its picture included.")] = None,
    completion_tokens: Annotated[int | None, typer.Option(help="Tokens of a completion.")] = None,
    group: Annotated[int | None, typer.Option(help="Completions of a prompt.")] = None,
    sweep: Annotated[list[str] | None, typer.Option(help="Instead of the three: P,C,G; repeat for several.")] = None,
    prompts: Annotated[int, typer.Option(help="Groups of an optimiser step.")] = 2,
    pairs: Annotated[int, typer.Option(help="Timed steps of each trainer.")] = 5,
    warmup: Annotated[int, typer.Option(help="Steps of each before those that count.")] = 1,
    size: Annotated[str, typer.Option(help="Random model: 5m, 0.5b, 1b or 3b.")] = "5m",
    model: Annotated[str | None, typer.Option(help="A model folder instead of a random model.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    device: Annotated[str, typer.Option(help="auto (cuda where there is one), cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Threads of torch; the default is torch's own.")] = None,
    gradient_checkpointing: Annotated[bool, typer.Option("--gradient-checkpointing", help="In both trainers.")] = False,
    beta: Annotated[float, typer.Option(help="KL coefficient; above 0 a reference model runs too.")] = 0.0,
    trainers: Annotated[str, typer.Option(help="Which run, in the order of each turn.")] = "trl,mmrl",
) -> None:
    """Time full optimiser steps of TRL's GRPOTrainer and of mmrl's in turn, on the same model and data.

    Every step reads rows, processes, generates, rewards, runs forward and backward, and updates. The median of the
    timed steps counts; phases and peak memory are written too.

    [bold]Examples[/]:

    mmrl bench trainer --prompt-tokens 300 --completion-tokens 32 --group 8 --out bench.json

    mmrl bench trainer --sweep 64,256,8 --sweep 300,32,8 --sweep 1066,32,8 --threads 1 --out sweep.json

    mmrl bench trainer --prompt-tokens 1066 --completion-tokens 64 --group 8 --size 3b --dtype bfloat16 --out gpu.json
    """
    from mmrl.bench import BenchOptions

    settings = _settings(sweep, (prompt_tokens, completion_tokens, group))
    _require_file_place(out)
    given = BenchOptions(
        prompts=prompts,
        pairs=pairs,
        warmup=warmup,
        size=size,
        model=model,
        dtype=dtype,
        device="cpu" if device == "auto" else device,
        threads=1 if threads is None else threads,
        gradient_checkpointing=gradient_checkpointing,
        beta=beta,
        trainers=tuple(name.strip() for name in trainers.split(",")),
    )
    _run(settings, _resolved(given, device=device, threads=threads), out)


def _settings(sweep: list[str] | None, numbers: tuple[int | None, int | None, int | None]) -> list[Setting]:
    from mmrl.bench import Setting, parse_setting

    prompt_tokens, completion_tokens, group = numbers
    if sweep and numbers == (None, None, None):
        return [parse_setting(text) for text in sweep]
    if sweep or prompt_tokens is None or completion_tokens is None or group is None:
        raise InputError(
            "mmrl bench trainer needs --prompt-tokens, --completion-tokens and --group, or --sweep P,C,G; "
            f"found {'both' if sweep else 'only a part'}; give one of the two"
        )
    return [Setting(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, group=group)]


def _require_file_place(out: Path) -> None:
    """Refuse a place that could not be written to after minutes of measuring."""
    parent = next(folder for folder in (out.parent, *out.parent.parents) if folder.exists())
    if out.is_dir() or not parent.is_dir():
        raise InputError(f"--out must be a file in a folder; found {out}, where that cannot be; choose another name")


def _resolved(options: BenchOptions, *, device: str, threads: int | None) -> BenchOptions:
    """Return options with what only torch and the model's files can tell."""
    import dataclasses

    import torch

    from mmrl.families import best_device, require_device, require_model, resolve_model

    chosen = best_device() if device == "auto" else device
    require_device(chosen)
    model = options.model
    if model is not None:
        require_model(model)
        model = resolve_model(model)
        if not Path(model).is_dir():
            raise InputError(f"--model must be a model folder; found {model!r}; download it first")
    return dataclasses.replace(
        options, device=chosen, model=model, threads=torch.get_num_threads() if threads is None else threads
    )


def _run(settings: list[Setting], options: BenchOptions, out: Path) -> None:
    """Run, write after every setting, so that a long sweep that is interrupted leaves what it has measured, print."""
    from rich.console import Console

    from mmrl.bench.report import describe, setting_table, sweep_table, verdict
    from mmrl.bench.run import run_benchmark
    from mmrl.files import write_json
    from mmrl.progress import progress_bar

    console = Console()
    results = []
    with progress_bar("optimiser steps", unit="steps", console=console) as progress:
        for result in run_benchmark(settings, options, progress=progress):
            results.append(result)
            write_json(out, result if len(settings) == 1 else {"results": results})
    for result in results:
        console.print(describe(result), highlight=False, soft_wrap=True)
        console.print(setting_table(result))
        console.print(verdict(result), highlight=False, soft_wrap=True)
    if len(results) > 1:
        console.print(sweep_table(results))
    console.print(f"written: {out}", highlight=False, soft_wrap=True)
