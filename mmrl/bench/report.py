"""Results of a benchmark as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

GIB = 2**30


def setting_table(result: Mapping[str, Any]) -> Table:
    """Return one setting in detail: seconds by phase and memory of each trainer, and the ratios."""
    from rich.table import Table

    trainers = result["trainers"]
    table = Table()
    table.add_column("")
    for name in trainers:
        table.add_column(name, justify="right")
    # Without "other" and "step": between two steps a trainer waits while the other one runs.
    own = sorted({phase for one in trainers.values() for phase in one["logged_phases"]} - {"other", "step"})
    rows = [("seconds a step (median)", [one["median_seconds"] for one in trainers.values()])]
    rows += [(f"  {name}", [one["phases"][name] for one in trainers.values()]) for name in _phases(trainers)]
    rows += [(f"  own log: {name}", [one["logged_phases"].get(name) for one in trainers.values()]) for name in own]
    for label, values in rows:
        table.add_row(label, *(f"{value:.3f}" if value is not None else "" for value in values))
    for label, key in (("GiB before the first step", "memory_before_first_step"), ("GiB at the peak", "peak_memory")):
        table.add_row(label, *(f"{one[key] / GIB:.2f}" for one in trainers.values()))
    return table


def verdict(result: Mapping[str, Any]) -> str:
    """Return the ratios in one line."""
    if result["ratio"] is None:
        return "ratio: one trainer alone has none"
    pairs = result["pair_ratios"]
    return (
        f"mmrl is {result['ratio']:.2f} times as fast as TRL (single pairs {min(pairs):.2f} to {max(pairs):.2f}); "
        f"peak memory {result['memory_ratio']:.2f} of TRL's"
    )


def sweep_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return one line a setting."""
    from rich.table import Table

    table = Table(title=f"medians of {results[0]['options']['pairs']} steps", title_justify="left")
    for heading in ("P", "C", "G", "TRL s", "mmrl s", "ratio", "TRL GiB", "mmrl GiB", "memory"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(*_sweep_cells(result))
    return table


def describe(result: Mapping[str, Any]) -> str:
    """Return the setting, the model and the machine in a few words."""
    setting, prompt, machine, options = (result[key] for key in ("setting", "prompt", "machine", "options"))
    shortest, longest = prompt["tokens_min"], prompt["tokens_max"]
    tokens = str(shortest) if shortest == longest else f"{shortest} to {longest}"
    return (
        f"prompt {tokens} tokens ({prompt['image_tokens']} of the picture), completion {setting['completion_tokens']}, "
        f"group {setting['group']}, {options['prompts']} groups a step; {result['model']['name']}, "
        f"{result['model']['parameters'] / 1e6:,.1f} M parameters, {options['dtype']}, {machine['device']}, "
        f"threads {machine['threads']}"
    )


def _phases(trainers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = next(iter(trainers.values()))["phases"]
    return [name for name in names if any(one["phases"][name] >= 0.0005 for one in trainers.values())]


def _sweep_cells(result: Mapping[str, Any]) -> list[str]:
    trainers = result["trainers"]
    theirs, ours = trainers.get("trl"), trainers.get("mmrl")
    seconds = [f"{one['median_seconds']:.3f}" if one else "" for one in (theirs, ours)]
    memory = [f"{one['peak_memory'] / GIB:.2f}" if one else "" for one in (theirs, ours)]
    ratios = [f"{result[key]:.2f}" if result[key] is not None else "" for key in ("ratio", "memory_ratio")]
    numbers = [str(result["setting"][key]) for key in ("prompt_tokens", "completion_tokens", "group")]
    return [*numbers, *seconds, ratios[0], *memory, ratios[1]]
