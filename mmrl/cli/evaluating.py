"""What ``mmrl eval`` does once its options are read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrl.errors import InputError

if TYPE_CHECKING:
    from eval.backends.base import Backend
    from eval.decoding import Decoding
    from eval.run_benchmark import BenchmarkRun
    from mmrl.judges import Judge


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server and how it is asked."""

    url: str
    model_name: str | None
    api_key_env: str
    concurrency: int
    retries: int
    time_limit: float
    """Seconds for one request."""
    max_requests: int | None
    max_tokens_total: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Which model is asked, and how."""

    model: str
    decoding: Decoding
    dtype: str
    device: str | None
    min_pixels: int | None
    max_pixels: int | None
    backend: str
    cache: Path | None
    server: ServerChoice | None


@dataclass(frozen=True, slots=True)
class BenchmarkChoice:
    """A benchmark and its files."""

    name: str
    data: Sequence[Path]
    pictures: Path | None
    variant: str | None
    retry_failed: bool
    rest: Sequence[str]
    """Its own options, as written."""
    judge: Judge | None = None
    """Asked about free answers beside the rules."""


def evaluate_folders(asking: Asking, data: Sequence[Path], out: Path, *, style: str) -> None:
    """Evaluate a local model on dataset folders and print a table."""
    from rich.console import Console

    from eval.evaluate import evaluate, require_folder
    from eval.summary import render_scores, require_some_answered
    from mmrl.data import read_folder
    from mmrl.families import best_device, load_model, load_processor, require_device, require_model
    from mmrl.progress import progress_bar

    require_folder(out)
    require_model(asking.model)  # before torch is imported
    device = asking.device or best_device()
    require_device(device)
    folders = {folder.name: read_folder(folder) for folder in data}
    if len(folders) < len(data):
        raise InputError(
            f"dataset folders must have different names; found {', '.join(str(folder) for folder in data)}"
        )
    processor = load_processor(asking.model, min_pixels=asking.min_pixels, max_pixels=asking.max_pixels)
    model = load_model(asking.model, dtype=asking.dtype, device=device)
    with progress_bar("evaluating", unit="items") as progress:
        scores = evaluate(model, processor, folders, out, style=style, decoding=asking.decoding, progress=progress)  # type: ignore[arg-type]
    console = Console()
    console.print(render_scores(scores))
    console.print(f"scores: {scores}", highlight=False, soft_wrap=True)
    require_some_answered(scores)


def evaluate_benchmark(asking: Asking, choice: BenchmarkChoice, out: Path) -> None:
    """Run a model over a public benchmark, store all stages and print its summary."""
    from rich.console import Console

    from eval.processes import team_of
    from eval.run_benchmark import run_benchmark
    from mmrl.cli.score import show_summary
    from mmrl.progress import slow_progress

    run = benchmark_run(choice, out)
    team, device = team_of(asking.device)
    backend = make_backend(asking, device)
    label = f"asking {asking.server.model_name if asking.server else asking.model}"
    try:
        with slow_progress(label, unit="items") as bar:
            summary = run_benchmark(run, backend, team=team, progress=bar if team.leads else None)
    except KeyboardInterrupt:
        print(f"mmrl: interrupted; replies are kept in {out}; the same command goes on with the rest", file=sys.stderr)
        raise
    if summary is not None:
        show_summary(Console(), summary, out)
        if summary["predictions"]["failed"] == summary["n"]:
            raise InputError(
                f"a model must answer some items; found that all {summary['n']} failed; see 'reason' in "
                f"{out / 'predictions.jsonl'}; then run again with --retry-failed"
            )


def benchmark_run(choice: BenchmarkChoice, out: Path) -> BenchmarkRun:
    """Return what is asked of a benchmark; ``InputError`` where its name, file or own options are wrong."""
    from eval.benchmarks import benchmark
    from eval.benchmarks.options import parse_options
    from eval.run_benchmark import BenchmarkRun

    if len(choice.data) > 1:
        raise InputError(
            f"--data must be one file or folder of a benchmark; found {len(choice.data)}; evaluate them in turn"
        )
    found = benchmark(choice.name)
    return BenchmarkRun(
        benchmark=found,
        data=choice.data[0],
        out=out,
        pictures=choice.pictures,
        variant=choice.variant,
        options=parse_options(found, choice.rest),
        retry_failed=choice.retry_failed,
        judge=choice.judge,
    )


def evaluate_checkpoints(asking: Asking, run: Path, out: Path, choice: BenchmarkChoice | None) -> None:
    """Evaluate all checkpoints of a run, on its held-out data or a benchmark, and draw accuracy over steps."""
    from rich.console import Console

    from eval.checkpoint_curve import checkpoint_curve, write_curve
    from eval.checkpoints import evaluate_on_benchmark, evaluate_on_held_out, run_checkpoints
    from eval.report.checkpoint_page import curve_table
    from mmrl.progress import progress_bar

    checkpoints = run_checkpoints(run)
    console, scored = Console(), {}
    for number, checkpoint in enumerate(checkpoints, start=1):
        folder = out / checkpoint.name
        with progress_bar(f"{number}/{len(checkpoints)} {checkpoint.name}", unit="items", console=console) as progress:
            if choice is None:
                evaluate_on_held_out(run, checkpoint, folder, device=asking.device, progress=progress)
            else:
                backend = make_backend(replace(asking, model=str(checkpoint.path)), asking.device)
                evaluate_on_benchmark(benchmark_run(choice, folder), backend, progress=progress)
        scored[checkpoint] = folder
    curve = checkpoint_curve(run, scored)
    page = write_curve(curve, out)
    console.print(curve_table(curve))
    console.print(f"page: {page}", highlight=False, soft_wrap=True)


def make_backend(asking: Asking, device: str | None) -> Backend:
    """Return the backend that the options name, behind a cache where one is named; nothing is loaded yet."""
    from eval.backends.cache import CachedBackend

    backend = _server(asking) if asking.server else _local(asking, device)
    return CachedBackend(backend, asking.cache) if asking.cache else backend


def _local(asking: Asking, device: str | None) -> Backend:
    from mmrl.families import require_model

    require_model(asking.model)  # before torch is imported
    limits: dict[str, Any] = {"min_pixels": asking.min_pixels, "max_pixels": asking.max_pixels}
    if asking.backend == "transformers":
        from eval.backends.local import TransformersBackend

        return TransformersBackend(asking.model, asking.decoding, dtype=asking.dtype, device=device, **limits)
    if asking.backend == "vllm":
        from eval.backends.vllm import VllmBackend

        return VllmBackend(asking.model, asking.decoding, dtype=asking.dtype, **limits)
    raise InputError(f"--backend must be transformers or vllm; found {asking.backend!r}")


def _server(asking: Asking) -> Backend:
    from eval.backends.server import ServerBackend, ServerOptions

    chosen = asking.server
    assert chosen is not None, "asked for where a server is named"
    if not chosen.model_name:
        raise InputError("--server must stand beside --model-name; found none; name the model as the server does")
    if asking.min_pixels is not None or asking.max_pixels is not None:
        raise InputError("--server must stand without pixel limits, which are the server's; found some; set them there")
    return ServerBackend(
        ServerOptions(
            url=chosen.url,
            model=chosen.model_name,
            api_key_env=chosen.api_key_env,
            concurrency=chosen.concurrency,
            retries=chosen.retries,
            time_limit=chosen.time_limit,
            max_completion_length=asking.decoding.max_completion_length,
            max_requests=chosen.max_requests,
            max_tokens_total=chosen.max_tokens_total,
        )
    )
