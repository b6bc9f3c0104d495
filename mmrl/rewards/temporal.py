"""Reward terms of tasks on clips, by name: stretches of time, the order of events.

Stretches are seconds from the clip's start. A completion without a typed answer gets 0.

================ ========= ======== ==============================================================================
name             kinds     verifies value
================ ========= ======== ==============================================================================
tiou             intervals graded   overlap over hull of one stretch and the gold one (Charades-STA's tIoU)
intervals_iou    intervals graded   time in both over time in either, any number of stretches (VideoChat-R1)
tiou_edges       intervals graded   tiou times the closeness of start and end, each at least 0 (Time-R1's IoU v2)
event_order      text      graded   share of pairs of events that stand in the right order (Kendall's tau, 0 to 1)
grounded         all       graded   correctness times the overlap of the stretches stated beside the answer
================ ========= ======== ==============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmrl import scoring
from mmrl.answers.evidence import evidence_of
from mmrl.errors import InputError
from mmrl.rewards.rubric import RewardTerm
from mmrl.scoring.temporal import Span, edge_weighted_iou, hull_iou, order_agreement
from mmrl.scoring.values import choice_exact, normalise_text
from mmrl.types import AnswerKind, Grounded, Interval, Intervals, Rollout, Sample, Text


def tiou_term(sample: Sample, rollout: Rollout) -> float | None:
    """Overlap over hull of the one stretch that is answered with the gold one; several answered earn 0.

    Abstains where the gold answer holds several stretches: ``intervals_iou`` compares those.
    """
    spans = _single(sample, rollout)
    return spans if spans is None or isinstance(spans, float) else hull_iou(*spans)


def intervals_iou_term(sample: Sample, rollout: Rollout) -> float | None:
    """Time in both sets of stretches over time in either; overlapping stretches of one side count once."""
    if not isinstance(sample.answer, Intervals):
        return None
    answer = rollout.parsed.answer
    return scoring.temporal_iou(answer, sample.answer) if isinstance(answer, Intervals) else 0.0


def tiou_edges_term(sample: Sample, rollout: Rollout) -> float | None:
    """Overlap over hull times the closeness of start and of end, each relative to the clip and at least 0.

    Time-R1's IoU v2 with its factors cut at 0, where the release multiplies two negative ones to a reward. The clip's
    seconds stand in ``meta["duration"]``.
    """
    spans = _single(sample, rollout)
    return spans if spans is None or isinstance(spans, float) else edge_weighted_iou(*spans, duration=duration(sample))


def event_order_term(sample: Sample, rollout: Rollout) -> float | None:
    """Share of the pairs of events that stand in the right order, (Kendall's tau + 1) / 2; 0 for other events.

    Events are parts of the text between commas or ``>``. Abstains where the gold text names fewer than two.
    """
    gold = events_in(sample.answer.value) if isinstance(sample.answer, Text) else []
    if len(gold) < 2:
        return None
    answer = rollout.parsed.answer
    return order_agreement(events_in(answer.value), gold) if isinstance(answer, Text) else 0.0


def grounded_term(sample: Sample, rollout: Rollout) -> float | None:
    """Correctness times the overlap of the stretches stated beside the answer with those that show it.

    Acc@GQA as a reward: a right answer for which nothing, or the wrong time, is shown earns nothing. By overlap over
    union in place of NExT-GQA's IoP, which an instant within the gold stretch games. Answers of another kind than
    ``grounded`` have their stretches in one ``<glue>`` (VideoChat-R1) and the gold ones in ``meta["evidence"]``,
    ``[[start, end], ...]`` in seconds; abstains without them.
    """
    if isinstance(sample.answer, Grounded):
        answer = rollout.parsed.answer
        if not isinstance(answer, Grounded) or not choice_exact(answer.choice, sample.answer.choice):
            return 0.0
        return scoring.temporal_iou(answer.intervals, sample.answer.intervals)
    gold = evidence(sample)
    if gold is None:
        return None
    stated = evidence_of(rollout.text)
    if stated is None:
        return 0.0
    return scoring.accuracy(rollout.parsed.answer, sample) * scoring.temporal_iou(stated, gold)


def events_in(text: str) -> list[str]:
    """Return the events that a text lists between commas or ``>``, in compatibility form and case folded."""
    return [normalise_text(part) for part in text.replace(">", ",").split(",") if part.strip()]


def duration(sample: Sample) -> float:
    """Return the seconds of a sample's clip, ``meta["duration"]``.

    Raises:
        InputError: none is stated, or no number above 0.
    """
    value = sample.meta.get("duration")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(
            f"option 'duration' must be the clip's seconds, above 0; found {value!r:.80}; in sample {sample.id!r}, "
            "meta.duration; state it, or use the term tiou"
        )
    return float(value)


def evidence(sample: Sample) -> Intervals | None:
    """Return the stretches that show the answer, ``meta["evidence"]``; None where none are stated.

    Raises:
        InputError: something else than pairs of seconds stands there.
    """
    spans = sample.meta.get("evidence")
    if spans is None:
        return None
    if not isinstance(spans, Sequence) or isinstance(spans, str) or not spans or not all(map(_is_span, spans)):
        raise InputError(
            f"option 'evidence' must be [[start, end], ...] in seconds, none ending before it starts; found "
            f"{spans!r:.80}; in sample {sample.id!r}, meta.evidence; correct the row or build the dataset again"
        )
    return Intervals(intervals=tuple(Interval(start=float(start), end=float(end)) for start, end in spans))


def _is_span(span: object) -> bool:
    if not isinstance(span, list | tuple) or len(span) != 2:
        return False
    numbers = [value for value in span if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and all(map(math.isfinite, numbers)) and 0 <= numbers[0] <= numbers[1]


def _single(sample: Sample, rollout: Rollout) -> tuple[Span, Span] | float | None:
    """Return predicted and gold stretch; 0 where not exactly one is answered, None where the gold ones are several."""
    gold = sample.answer
    if not isinstance(gold, Intervals) or len(gold.intervals) != 1:
        return None
    answer = rollout.parsed.answer
    if not isinstance(answer, Intervals) or len(answer.intervals) != 1:
        return 0.0
    return _span(answer.intervals[0]), _span(gold.intervals[0])


def _span(interval: Interval) -> Span:
    return (interval.start, interval.end)


_TIMES: frozenset[AnswerKind] = frozenset({"intervals"})

TEMPORAL_TERMS = (
    RewardTerm(name="tiou", function=tiou_term, kinds=_TIMES, verifies=True, graded=True),
    RewardTerm(name="intervals_iou", function=intervals_iou_term, kinds=_TIMES, verifies=True, graded=True),
    RewardTerm(name="tiou_edges", function=tiou_edges_term, kinds=_TIMES, verifies=True, graded=True),
    RewardTerm(name="event_order", function=event_order_term, kinds=frozenset({"text"}), verifies=True, graded=True),
    RewardTerm(name="grounded", function=grounded_term, verifies=True, graded=True),
)
"""Each with weight 1; a config gives them theirs."""
