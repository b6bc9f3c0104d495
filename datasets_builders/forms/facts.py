"""What a source row states: a question, what is right, and what could be stated wrongly instead."""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Any

from datasets_builders.forms.distractors import changed_routes, moved_boxes, near_numbers
from datasets_builders.forms.evener import Evener
from mmrl.answers import write_answer
from mmrl.geometry import box_center
from mmrl.scoring import accuracy, normalise_text
from mmrl.types import Answer, Box, Boxes, Choice, Frame, Number, Route, Sample, Text, answer_kind

IN_THOUSANDTHS = "Boxes are [x1, y1, x2, y2] in thousandths of the picture's width and height."
"""Coordinates within questions are stated so, as each model family writes pixels of another size."""

Wrong = Callable[[str, int, Evener], list[str]]
"""(table, number, evener) -> wrong statements, fewer where no more are known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing to be asked in several forms."""

    id: str
    task: str
    sample: Sample
    question: str
    """As it is asked with a statement or options; names no form."""
    right: tuple[str, ...]
    """The right statements: one, but for sets."""
    wrong: Wrong
    answer: Answer | None
    """The open form's; None where there is none."""
    open_question: str
    meta: dict[str, Any] = field(default_factory=dict)
    """For scoring the open form."""
    as_set: bool = False
    """Whether several options can be right."""


class Pool:
    """What the datasets know: texts by task, classes, and where boxes lie."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.texts: dict[str, Counter[str]] = defaultdict(Counter)
        self.centers: list[tuple[float, float]] = []
        self.labels: Counter[str] = Counter()
        for sample in samples:
            if isinstance(sample.answer, Text):
                self.texts[sample.task][sample.answer.value] += 1
            if isinstance(sample.answer, Boxes):
                frame = sample.answer.frame
                for box in sample.answer.boxes:
                    x, y = box_center(box)
                    self.centers.append((x / frame.width, y / frame.height))
                self.labels.update(label for label in labels_of(sample) if label)


def labels_of(sample: Sample) -> list[str]:
    """Return the class of each box: its own label, else ``meta.class``; empty where neither is stated."""
    assert isinstance(sample.answer, Boxes)
    stated = str(sample.meta.get("class") or "")
    return [box.label or stated for box in sample.answer.boxes]


def facts_of(sample: Sample, pool: Pool) -> Iterator[Fact]:
    """Yield what a row lets ask; nothing for kinds that have no three forms."""
    match sample.answer:
        case Number(value=value):
            yield _number_fact(sample, value)
        case Text(value=text):
            yield _word_fact(sample, text, list(pool.texts[sample.task]), sample.question, sample.answer)
        case Choice(letters=letters):
            yield from _choice_fact(sample, letters)
        case Route():
            yield _route_fact(sample)
        case Boxes(boxes=boxes, frame=frame):
            yield _box_fact(sample, boxes, frame, pool)
            labels = labels_of(sample)
            if all(labels) and len(pool.labels) > 1:
                yield _class_fact(sample, boxes, labels, pool)


def _plain(sample: Sample, **changes: Any) -> Fact:
    given: dict[str, Any] = {
        "id": sample.id,
        "task": sample.task,
        "sample": sample,
        "question": sample.question,
        "answer": sample.answer,
        "open_question": sample.question,
        "meta": dict(sample.meta),
    }
    return Fact(**(given | changes))


def _number_fact(sample: Sample, value: float) -> Fact:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    step = 1.0 if value == int(value) else 10.0 ** int(exponent)
    allowed = max(sample.meta.get("tolerance") or 0.0, (sample.meta.get("relative_tolerance") or 0.0) * abs(value))
    step *= int(allowed / step) + 1  # what the open form takes for right is no wrong option

    def wrong(table: str, number: int, evener: Evener) -> list[str]:
        return [_written(one) for one in near_numbers(value, step, number, table, evener)]

    return _plain(sample, right=(_written(value),), wrong=wrong)


def _written(value: float) -> str:
    return write_answer(Number(value=int(value) if value == int(value) else value))


def _word_fact(sample: Sample, text: str, known: Sequence[str], question: str, answer: Answer) -> Fact:
    """Wrong words are those of the same task; of many, the third nearest in length."""
    right = normalise_text(text)
    others = [one for one in known if normalise_text(one) != right]
    near = sorted(others, key=lambda one: (abs(len(one) - len(text)), one))[: max(6, len(others) // 3)]

    def wrong(table: str, number: int, evener: Evener) -> list[str]:
        ordered = evener.wrong(table, near, len(near))
        unlike = (one for one in ordered if accuracy(Text(value=one), sample) < 1)  # 1/2 and 0.5 may be one answer
        return list(islice(unlike, number))

    return _plain(sample, right=(text,), wrong=wrong, question=question, open_question=question, answer=answer)


def _choice_fact(sample: Sample, letters: tuple[str, ...]) -> Iterator[Fact]:
    """Options stay the source's own; openly only one right option can be asked for."""
    texts = dict(zip(string.ascii_uppercase, sample.choices, strict=False))
    right = tuple(texts[letter] for letter in letters)
    others = [text for text in sample.choices if text not in right]
    if not others:
        return

    def wrong(table: str, number: int, evener: Evener) -> list[str]:
        return evener.wrong(table, others, number)

    answer = Text(value=right[0]) if len(right) == 1 else None
    meta = {key: value for key, value in sample.meta.items() if key != "rule"}
    yield _plain(sample, right=right, wrong=wrong, answer=answer, meta=meta, as_set=len(right) > 1)


def _route_fact(sample: Sample) -> Fact:
    gold = sample.answer
    assert isinstance(gold, Route)
    bare = Route(legs=tuple(replace(leg, via=None, via_count=None) for leg in gold.legs))

    def wrong(table: str, number: int, evener: Evener) -> list[str]:  # noqa: ARG001
        routes = [write_answer(route) for route in changed_routes(sample, evener.rng)]
        return evener.rng.sample(routes, len(routes))[:number]

    return _plain(sample, right=(write_answer(bare),), wrong=wrong)


def _box_fact(sample: Sample, boxes: Sequence[Box], frame: Frame, pool: Pool) -> Fact:
    """Several boxes have no wrong statement of their own: they are asked for openly alone."""

    def wrong(table: str, number: int, evener: Evener) -> list[str]:  # noqa: ARG001
        if len(boxes) > 1:
            return []
        return [box_text(one, frame) for one in moved_boxes(boxes[0], pool.centers, frame, number, evener.rng)]

    question = f"{sample.question} {IN_THOUSANDTHS}"
    return _plain(sample, right=tuple(box_text(box, frame) for box in boxes), wrong=wrong, question=question)


def box_text(box: Box, frame: Frame) -> str:
    """Return a box in thousandths of its frame; sizes are rounded as such, so that moved boxes keep theirs."""
    x, y = 1000 / frame.width, 1000 / frame.height
    left, top = round(box.x1 * x), round(box.y1 * y)
    return str([left, top, left + round((box.x2 - box.x1) * x), top + round((box.y2 - box.y1) * y)])


def _class_fact(sample: Sample, boxes: Sequence[Box], labels: Sequence[str], pool: Pool) -> Fact:
    assert isinstance(sample.answer, Boxes)
    places = " and ".join(box_text(box, sample.answer.frame) for box in boxes)
    question = f"Which kinds of things are marked by {places}? {IN_THOUSANDTHS}"
    right = tuple(sorted(set(labels)))
    others = [label for label in pool.labels if label not in right]

    def wrong(table: str, number: int, evener: Evener) -> list[str]:
        return evener.wrong(table, others, number)

    return _plain(
        sample,
        id=f"{sample.id}-classes",
        task=f"{sample.family}/classes",
        right=right,
        wrong=wrong,
        question=question,
        open_question=f"{question} Name each kind once, joined by commas.",
        answer=Text(value=", ".join(right)),
        meta={"rule": "labels", "boxes": len(boxes)},
        as_set=True,
    )


def has_forms(sample: Sample) -> bool:
    """Whether a row's kind of answer can be asked in other forms."""
    return answer_kind(sample.answer) in ("number", "text", "choice", "route", "boxes")
