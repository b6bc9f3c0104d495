"""A model's opinion of free answers beside a benchmark's own rules: what it adds, and how far the two agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item
from eval.benchmarks.free_answers import FreeItem, final_answer
from eval.predictions import GivenPrediction
from eval.scored import FAILED, MISSING, ScoredItem
from eval.storage import write_rows
from mmrl.errors import InputError
from mmrl.judges import Claim, Judge, Opinion
from mmrl.judges.controls import try_controls
from mmrl.judges.judge import YES
from mmrl.progress import Progress

JUDGEMENTS_NAME = "judgements.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a judge thinks of one item's answer."""

    scored: ScoredItem
    """By the rules."""
    answer: str
    """The final answer that was judged; empty where there is none."""
    opinion: Opinion | None
    """None where there is no prediction to judge."""

    @property
    def rule(self) -> bool:
        """Whether the rules call it right."""
        return self.scored.outcome.scores["accuracy"] == 1.0

    @property
    def verdict(self) -> bool | None:
        """Whether the judge calls it right; None where it did not say."""
        if self.opinion is None or self.opinion.yes is None:
            return None
        return self.opinion.yes >= YES

    @property
    def row(self) -> dict[str, Any]:
        """The stored form."""
        yes, reason = (self.opinion.yes, self.opinion.reason) if self.opinion else (None, self.scored.status)
        told = {"rule": self.rule, "yes": yes, "reason": reason}
        return {"id": self.scored.item.id, "answer": self.answer[:500], **told}


def judge_items(
    scored: Sequence[ScoredItem], given: Mapping[str, GivenPrediction], judge: Judge, progress: Progress | None = None
) -> list[Judgement]:
    """Ask a judge about every item that has a prediction, those that are right by the rules too.

    Raises:
        InputError: the judge would fail on every item.
    """
    waiting = [_claim(one, given.get(one.item.id)) for one in scored]
    found: list[Judgement] = []
    with ThreadPoolExecutor(judge.settings.concurrency) as pool:
        try:
            futures = [None if claim is None else pool.submit(judge.opinion, claim) for claim in waiting]
            for one, claim, future in zip(scored, waiting, futures, strict=True):
                opinion = None if future is None else future.result()
                found.append(Judgement(scored=one, answer=claim.answer if claim else "", opinion=opinion))
                if progress is not None:
                    progress(len(found), len(scored))
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def _claim(one: ScoredItem, given: GivenPrediction | None) -> Claim | None:
    if given is None or one.status in (MISSING, FAILED):
        return None
    answer = final_answer(given.text)
    item = one.item
    assert isinstance(item, FreeItem)
    text = answer if isinstance(answer, str) else ""
    return Claim(question=item.question, reference="\n".join(item.answers), answer=text)


def with_judge(judgements: Sequence[Judgement]) -> list[ScoredItem]:
    """Return the items with two more metrics: ``judge``, where it said anything, and ``accuracy_or_judge``.

    The latter is right where the rules or the judge say so; ``accuracy`` stays the rules' own.
    """
    found = []
    for one in judgements:
        scores = dict(one.scored.outcome.scores)
        if one.verdict is not None:
            scores["judge"] = float(one.verdict)
        scores["accuracy_or_judge"] = max(scores["accuracy"], float(bool(one.verdict)))
        found.append(replace(one.scored, outcome=replace(one.scored.outcome, scores=scores)))
    return found


def judge_summary(judgements: Sequence[Judgement], judge: Judge) -> dict[str, Any]:
    """Return model, counts, agreement with the rules and what control answers showed; JSON values."""
    pairs = [(one.rule, one.verdict) for one in judgements if one.verdict is not None]
    reasons = Counter(one.opinion.reason.partition(":")[0] for one in judgements if one.opinion is not None)
    return {
        "model": judge.model.identity,
        "settings": judge.settings.model_dump(mode="json", include={"show_question", "decoy", "max_characters"}),
        "opinions": {name: reasons[name] for name in ("judge", "refused", "decoy", "failed")},
        "agreement": agreement(pairs),
        "controls": try_controls(judge),
    }


def agreement(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """Return how far rules and judge agree, over items on which both have a verdict: n, rate, kappa and counts.

    Formula: kappa = (p_o - p_e) / (1 - p_e), p_o the rate, p_e what the two shares of yes give by chance
    Source: Cohen, A coefficient of agreement for nominal scales (1960). None where both always say the same one thing.
    """
    n = len(pairs)
    counts = Counter(pairs)
    if n == 0:
        return {"n": 0, "rate": None, "kappa": None, "both": 0, "rules_only": 0, "judge_only": 0, "neither": 0}
    rate = (counts[True, True] + counts[False, False]) / n
    rules, judged = (sum(pair[place] for pair in pairs) / n for place in (0, 1))
    chance = rules * judged + (1 - rules) * (1 - judged)
    return {
        "n": n,
        "rate": rate,
        "kappa": (rate - chance) / (1 - chance) if chance < 1 else None,
        "both": counts[True, True],
        "rules_only": counts[True, False],
        "judge_only": counts[False, True],
        "neither": counts[False, False],
    }


def judge_warnings(summary: Mapping[str, Any]) -> list[str]:
    """Return sentences on a judge that is not to be believed, or that did not answer."""
    controls, failed = summary["controls"], summary["opinions"]["failed"]
    found = []
    if controls["right"] < 3 or controls["wrong"]:
        found.append(
            f"the judge accepts {controls['right']} of {controls['controls']} right and {controls['wrong']} of "
            f"{controls['controls']} wrong control answers; its verdicts are not to be relied on"
        )
    if failed:
        found.append(f"the judge gave no verdict on {failed} items; they count by the rules alone")
    return found


def require_free_answers(benchmark: Benchmark, items: Sequence[Item]) -> None:
    """Refuse a judge for a benchmark whose answers are letters, boxes or points."""
    if not all(isinstance(item, FreeItem) for item in items):
        raise InputError(f"--judge must stand with a benchmark of free answers; found {benchmark.name}; leave it out")


def write_judgements(judgements: Sequence[Judgement], out: Path) -> Path:
    """Write what was judged, a line an item."""
    write_rows(out / JUDGEMENTS_NAME, (one.row for one in judgements))
    return out / JUDGEMENTS_NAME
