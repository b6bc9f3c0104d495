"""When hardly any prediction could be read: which other rule of the benchmark would, and what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.predictions import GivenPrediction, read_predictions
from eval.report.text import visible
from eval.score_file import ScoreRequest, checked_variant, default_options, load_items
from eval.scored import FAILED, MISSING
from mmrl.types import ParseStatus, StopReason

HARDLY = 0.1
"""Share of given predictions; where fewer are read, something is wrong with the file or the rule."""
_TRIED = 300


def is_hardly_read(summary: Mapping[str, Any]) -> bool:
    """Whether fewer than a tenth of the predictions that are there could be read."""
    statuses = summary["statuses"]
    given = sum(count for status, count in statuses.items() if status not in (MISSING, FAILED))
    return given > 0 and statuses.get(str(ParseStatus.OK), 0) < HARDLY * given


def hints(request: ScoreRequest) -> list[str]:
    """Return sentences: what is unread, an example of it, and the variants that read more."""
    benchmark, chosen = request.benchmark, checked_variant(request.benchmark, request.variant)
    shares, example = readable_shares(request)
    lines = [f"variant {chosen} reads {shares[chosen]:.0%} of the predictions; the first reads {example}"]
    better = {name: share for name, share in shares.items() if name != chosen and share > max(HARDLY, shares[chosen])}
    for name, share in sorted(better.items(), key=lambda pair: -pair[1]):
        lines.append(f"--variant {name} reads {share:.0%} of them")
    if not better:
        others = ", ".join(name for name in benchmark.variants if name != chosen)
        tried = f"no variant ({others}) reads them" if others else "the benchmark has no other variant"
        lines.append(f"{tried}; are these raw outputs to {benchmark.name}'s own prompt?")
    return lines


def readable_shares(request: ScoreRequest) -> tuple[dict[str, float], str]:
    """Return, by variant, the share of the first predictions that it reads, and the first of them, shortened."""
    benchmark = request.benchmark
    options = request.options if request.options is not None else default_options(benchmark)
    items = load_items(benchmark, request.data, options)
    given = read_predictions(request.predictions, {item.id for item in items})
    pairs = [(item, given[item.id]) for item in items if _is_there(given.get(item.id))][:_TRIED]
    shares = {
        variant: sum(
            benchmark.score(item, prediction.text, variant, options).status is ParseStatus.OK
            for item, prediction in pairs
        )
        / len(pairs)
        for variant in benchmark.variants
    }
    return shares, repr(visible(pairs[0][1].text, 80))


def _is_there(prediction: GivenPrediction | None) -> bool:
    return prediction is not None and prediction.stop is not StopReason.FAILED
