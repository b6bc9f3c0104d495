"""What ``mmrl eval --list``, ``mmrl score --list`` and ``--help`` say about benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from eval.benchmarks.base import Benchmark

LIST_HELP = "Show all benchmarks, a line each; with names after it, files and options of these."


def list_benchmarks(names: Sequence[str]) -> None:
    """Print one line a benchmark, or all about the ones that are named."""
    from rich.console import Console

    from eval.benchmarks import BENCHMARKS, benchmark

    console = Console()
    if names:
        for name in names:
            describe_benchmark(benchmark(name))
        return
    _say(console, "Files are never fetched: download them from their pages, and give them as they are.")
    _say(console, "Details of one: mmrl eval --list NAME\n")
    width = max(map(len, BENCHMARKS))
    for name in BENCHMARKS:
        _say(console, benchmark_line(benchmark(name), width))


def benchmark_line(benchmark: Benchmark, width: int) -> str:
    """Return name, number of items where it is known, and page."""
    from eval.benchmarks.sizes import ITEMS

    address = benchmark.source.page.removeprefix("https://").removeprefix("www.")
    return f"{benchmark.name:{width}}  {ITEMS.get(benchmark.name, '-'):16}  {address}"


def describe_benchmark(benchmark: Benchmark) -> None:
    """Print where a benchmark comes from, its files, variants and options."""
    from rich.console import Console

    from eval.benchmarks.options import option_rows
    from eval.benchmarks.sizes import ITEMS

    console = Console()
    console.print(benchmark.name, style="bold", highlight=False)
    _say(console, f"  source    {benchmark.source.page} (licence: {benchmark.source.licence})")
    if benchmark.name in ITEMS:
        _say(console, f"  items     {ITEMS[benchmark.name]}")
    for file in benchmark.source.files:
        size = f", {file.size:,} bytes" if file.size else ""
        _say(console, f"  file      {file.name}{size}{f', md5 {file.md5}' if file.md5 else ''}")
    _say(console, f"  variants  {', '.join(benchmark.variants)}")
    if benchmark.notes:
        _say(console, f"            {benchmark.notes}")
    for flag, kind, text in option_rows(benchmark):
        _say(console, f"  {flag}  ({kind})  {text}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
