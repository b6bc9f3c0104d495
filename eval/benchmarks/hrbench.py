"""HR-Bench: 200 questions on 4K or 8K pictures, each with its options in four rotations (Wang et al. 2024, 2408.15556).

The published figure is the accuracy within each rotation (``cycle_category``), averaged over rotations: not the share
of questions that are right in all four. The 800 rows are 200 independent questions, which the intervals know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Options, Outcome, PublishedFile, Source
from eval.benchmarks.choices import (
    VARIANT_NOTES,
    accuracy_of,
    by_group,
    choice_figures,
    rotated_items,
    score_choice,
    vlmevalkit_prompt,
)
from eval.benchmarks.files import read_published

GROUPS = {"category": ("category",), "cycle": ("cycle_category",)}


def _load(path: Path, options: Options) -> list[Item]:  # noqa: ARG001 - the shape of a Loader
    rows = read_published(path, required=("question", "A", "answer"))
    return rotated_items(rows, lambda row: row.text("question"), GROUPS)


def _aggregate(scored: Sequence[tuple[Item, Outcome]], variant: str, options: Any) -> dict[str, Any]:
    """Return accuracies within rotations averaged over them, for all, single and cross; none of rows without cycle."""
    parts = {"all": scored, **by_group(scored, "category")}
    cycles = {name: by_group(part, "cycle") for name, part in parts.items()}
    means = {name: _mean_accuracy(found) for name, found in cycles.items() if found}
    return {"mean_over_cycles": means, **choice_figures(scored, variant, options)}


def _mean_accuracy(cycles: Mapping[str, Sequence[tuple[Item, Outcome]]]) -> float:
    return sum(accuracy_of(part) for part in cycles.values()) / len(cycles)


HRBENCH = Benchmark(
    name="hrbench",
    source=Source(
        page="https://huggingface.co/datasets/DreamMr/HR-Bench",
        licence="unknown",
        files=(
            PublishedFile(name="hr_bench_4k.tsv", md5="f6b041b03d49543494b8a56d2e35be65"),
            PublishedFile(name="hr_bench_8k.tsv", md5="274c9c7f89329b804a4723178a00219c"),
        ),
    ),
    load=_load,
    prompt=vlmevalkit_prompt,
    score=score_choice,
    aggregate=_aggregate,
    headline="figures.mean_over_cycles.all",
    notes=VARIANT_NOTES,
)
