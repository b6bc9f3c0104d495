"""``mmrl score`` as a function: a benchmark's published file and a file of predictions become scores and a summary.

extractions.jsonl   id, parsed, status, detail: what was read from each prediction
scores.jsonl        id, parsed, status, scores, and what comparing and grouping need: cluster, groups, stop
items.jsonl         id, question, gold answer, output, places: what a person looks at
judgements.jsonl    id, answer, rule, yes, reason: what a judge said, where one was asked
summary.json        means with intervals, failures, groups, the benchmark's own figures, hashes of all files
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Options, Outcome
from eval.file_hashes import file_record, md5_warnings
from eval.item_views import ITEMS_NAME, item_view
from eval.judged import (
    judge_items,
    judge_summary,
    judge_warnings,
    require_free_answers,
    with_judge,
    write_judgements,
)
from eval.predictions import GivenPrediction, read_predictions
from eval.score_summary import score_summary
from eval.scored import EXTRACTIONS_NAME, FAILED, MISSING, ScoredItem, prediction_warnings, write_scores
from eval.storage import SCORES_NAME, write_rows
from mmrl.errors import InputError
from mmrl.files import write_json
from mmrl.judges import Judge
from mmrl.progress import Progress
from mmrl.types import ParseStatus, StopReason

SUMMARY_NAME = "summary.json"
_PROGRESS_EVERY = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest:
    """What is to be scored."""

    benchmark: Benchmark
    data: Path
    predictions: Path
    variant: str | None = None
    """One of the benchmark's; None means its first."""
    options: Options | None = None
    """None means the defaults."""
    judge: Judge | None = None
    """Asked about free answers beside the rules."""


def score_file(request: ScoreRequest, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Score a file of predictions and write the files above into ``out``; returns the summary.

    Raises:
        InputError: data, predictions, options or the variant cannot be used; nothing is written then.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder; found a file; at {out}; choose another place")
    benchmark, variant = request.benchmark, checked_variant(request.benchmark, request.variant)
    options = request.options if request.options is not None else default_options(benchmark)
    items = load_items(benchmark, request.data, options)
    given = read_predictions(request.predictions, {item.id for item in items})
    if request.judge is not None:
        require_free_answers(benchmark, items)
    scored = score_items(benchmark, items, given, variant=variant, options=options, progress=progress)
    judgements = judge_items(scored, given, request.judge, progress) if request.judge is not None else []
    scored = with_judge(judgements) if judgements else scored
    judged = {"judge": judge_summary(judgements, request.judge)} if request.judge is not None else {}
    figures = (
        benchmark.aggregate([(s.item, s.outcome) for s in scored], variant, options) if benchmark.aggregate else {}
    )
    means = score_summary(scored)
    summary = {
        "benchmark": benchmark.name,
        "variant": variant,
        "options": options.model_dump(mode="json"),
        **means,
        "figures": figures,
        **judged,
        "headline": headline(benchmark, {**means, "figures": figures}),
        "warnings": [*md5_warnings(benchmark.source, request.data), *prediction_warnings(scored)],
    }
    summary["warnings"] += judge_warnings(judged["judge"]) if judged else []
    (out / SUMMARY_NAME).unlink(missing_ok=True)  # a summary never stands beside scores of another run
    write_scores(scored, out)
    texts = {item: prediction.text for item, prediction in given.items()}
    write_rows(out / ITEMS_NAME, (item_view(one, texts.get(one.item.id, ""), options) for one in scored))
    files = {"data": request.data, "predictions": request.predictions}
    files |= {path.stem: path for path in (out / EXTRACTIONS_NAME, out / SCORES_NAME)}
    if judgements:
        files["judgements"] = write_judgements(judgements, out)
    summary["files"] = {name: file_record(path) for name, path in files.items()}
    write_json(out / SUMMARY_NAME, summary)
    return summary


def checked_variant(benchmark: Benchmark, variant: str | None) -> str:
    """Return ``variant`` or the benchmark's default; ``InputError`` where it has none of that name."""
    if variant is not None and variant not in benchmark.variants:
        raise InputError(
            f"--variant of {benchmark.name} must be one of {', '.join(benchmark.variants)}; found {variant!r}"
        )
    return variant or benchmark.variants[0]


def default_options(benchmark: Benchmark) -> Options:
    """Return a benchmark's options with nothing set; ``InputError`` names those that have no default."""
    needed = [name for name, field in benchmark.options.model_fields.items() if field.is_required()]
    if needed:
        flags = ", ".join("--" + name.replace("_", "-") for name in needed)
        raise InputError(f"{benchmark.name} must be given {flags}; found nothing; see its --help")
    return benchmark.options()


def headline(benchmark: Benchmark, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return path and value of the number that a benchmark's authors publish; accuracy where these items lack it."""
    value: Any = summary
    for name in benchmark.headline.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, int | float):
        return {"name": benchmark.headline, "value": value}
    return {"name": "accuracy", "value": summary["accuracy"]}


def load_items(benchmark: Benchmark, data: Path, options: Options) -> list[Item]:
    """Read a benchmark's items; ``InputError`` where there are none or an id stands for several."""
    items = benchmark.load(data, options)
    if not items:
        raise InputError(f"{benchmark.name} must have items; found none; at {data}; is it the right file?")
    counts = Counter(item.id for item in items)
    repeated = [item for item in items if counts[item.id] > 1]
    if repeated:
        raise InputError(
            f"every item must have an id of its own; found {len(repeated)} items that share one, first "
            f"{repeated[0].id!r}; at {repeated[0].where}; download the file again"
        )
    return items


def score_items(
    benchmark: Benchmark,
    items: Sequence[Item],
    given: Mapping[str, GivenPrediction],
    *,
    variant: str,
    options: Options,
    progress: Progress | None = None,
) -> list[ScoredItem]:
    """Score every item, those without a prediction as wrong; in the order of ``items``."""
    scored = []
    for done, item in enumerate(items, start=1):
        scored.append(_score_item(benchmark, item, given.get(item.id), variant, options))
        if progress is not None and (done % _PROGRESS_EVERY == 0 or done == len(items)):
            progress(done, len(items))
    return scored


def _score_item(
    benchmark: Benchmark, item: Item, given: GivenPrediction | None, variant: str, options: Options
) -> ScoredItem:
    if given is not None and given.stop is not StopReason.FAILED:
        outcome = benchmark.score(item, given.text, variant, options)
        _check_outcome(benchmark, item, outcome)
        return ScoredItem(item, outcome, str(outcome.status), str(given.stop))
    status = MISSING if given is None else FAILED
    nothing = benchmark.score(item, "", variant, options)
    _check_outcome(benchmark, item, nothing)
    # An official rule may credit an empty text; no text at all is never right.
    lost = replace(
        nothing,
        parsed=None,
        status=ParseStatus.EMPTY,
        scores={**nothing.scores, "accuracy": 0.0},
        detail="no prediction was given" if given is None else "the model or its server failed",
    )
    return ScoredItem(item, lost, status, status)


def _check_outcome(benchmark: Benchmark, item: Item, outcome: Outcome) -> None:
    """A scorer that breaks its contract is our fault, or a plug-in's: stop before a wrong number is written."""
    bad = [name for name, value in outcome.scores.items() if not math.isfinite(value)]
    assert "accuracy" in outcome.scores, f"{benchmark.name} gave {item.id!r} no accuracy"
    assert not bad, f"{benchmark.name} scored {item.id!r} {dict(outcome.scores)}"
