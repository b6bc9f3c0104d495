"""MMBench: questions of twenty abilities, asked once or with options in every rotation (Liu et al. 2023, 2307.06281).

In circular evaluation row k of a question has index i + k * 1,000,000, and the question counts as right only if all
its rows are. ``accuracy`` is by row; the circular figures stand beside it. Answers of the test split are not
published.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Options, Outcome, PublishedFile, Source
from eval.benchmarks.choices import (
    VARIANT_NOTES,
    by_group,
    choice_figures,
    rotated_items,
    score_choice,
    vlmevalkit_prompt,
)
from eval.benchmarks.files import id_text, read_published
from eval.statistics import wilson_interval

ROTATION_STEP = 1_000_000
GROUPS = {"split": ("split",), "l2_category": ("l2-category", "l2_category"), "category": ("category",)}
ABBREVIATIONS = {
    "coarse_perception": "CP",
    "finegrained_perception (instance-level)": "FP-S",
    "finegrained_perception (cross-instance)": "FP-C",
    "logic_reasoning": "LR",
    "relation_reasoning": "RR",
    "attribute_reasoning": "AR",
}


def _load(path: Path, options: Options) -> list[Item]:  # noqa: ARG001 - the shape of a Loader
    rows = read_published(path, required=("index|id", "question", "A", "answer"))
    return rotated_items(rows, lambda row: base_index(id_text(row.value("index", "id"))), GROUPS)


def base_index(item_id: str) -> str:
    """Return the question that a rotation belongs to; ids that are no whole numbers stand for themselves."""
    return str(int(item_id) % ROTATION_STEP) if item_id.isascii() and item_id.isdigit() else item_id


def _aggregate(scored: Sequence[tuple[Item, Outcome]], variant: str, options: Any) -> dict[str, Any]:
    """Return the share of questions right in every rotation: overall, by split, ability and category."""
    overall, questions = _circular(scored), len(_questions(scored))
    circular: dict[str, Any] = {"overall": overall, "questions": questions}
    circular["overall_ci95"] = list(wilson_interval(overall, questions))
    for name in ("split", "l2_category", "category"):
        parts = by_group(scored, name)
        if parts:
            circular[name] = {ABBREVIATIONS.get(group, group): _circular(part) for group, part in parts.items()}
    return {"circular": circular, **choice_figures(scored, variant, options)}


def _questions(scored: Sequence[tuple[Item, Outcome]]) -> dict[str, list[float]]:
    questions: dict[str, list[float]] = {}
    for item, outcome in scored:
        questions.setdefault(base_index(id_text(item.row.get("index", item.id))), []).append(outcome.scores["accuracy"])
    return questions


def _circular(scored: Sequence[tuple[Item, Outcome]]) -> float:
    questions = _questions(scored).values()
    return sum(min(hits) for hits in questions) / len(questions)


MMBENCH = Benchmark(
    name="mmbench",
    source=Source(
        page="https://github.com/open-compass/MMBench",
        licence="unknown",
        files=(
            PublishedFile(name="MMBench_DEV_EN.tsv", md5="b6caf1133a01c6bb705cf753bb527ed8"),
            PublishedFile(name="MMBench_DEV_EN_V11.tsv", md5="30c05be8f2f347a50be25aa067248184"),
        ),
    ),
    load=_load,
    prompt=vlmevalkit_prompt,
    score=score_choice,
    aggregate=_aggregate,
    headline="figures.circular.overall",
    notes=VARIANT_NOTES,
)
