"""The gallery of held-out items: which ones are shown, and what a card says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.report.load import RunRecord
from eval.report.pictures import Mark, Picture, PictureShelf, marks_of
from eval.report.text import visible
from eval.storage import Key
from eval.summary import accuracy_of
from mmrl.answers import answer_from_json, write_answer
from mmrl.types import ParseStatus, StopReason

MAX_ITEMS = 60

Outcome = Literal["improved", "worse", "both wrong", "both right", "wrong", "right"]
OUTCOMES: tuple[Outcome, ...] = ("improved", "worse", "both wrong", "both right", "wrong", "right")
"""In the order in which items are chosen and filters stand; the last two where there is one evaluation only."""

_STATUS_TEXT = {
    ParseStatus.EMPTY: "nothing written",
    ParseStatus.NO_ANSWER: "no answer found",
    ParseStatus.MANY_ANSWERS: "more than one answer",
    ParseStatus.BAD_FORMAT: "not in the asked form",
    ParseStatus.OUT_OF_RANGE: "impossible answer",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a model answered to one item, for display."""

    when: Literal["before", "after"]
    right: bool
    accuracy: float
    answer: str
    """The answer that was read; empty where there is none."""
    problem: str
    """Why there is none; empty where there is one."""
    raw: str
    """The completion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One item of the gallery."""

    id: str
    task: str
    outcome: Outcome
    question: str
    choices: tuple[str, ...]
    gold: str
    readings: tuple[Reading, ...]
    picture: Picture | None
    no_picture: str
    """Why there is none."""
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """The cards with their pictures, and the counts of all items behind the choice."""

    cards: tuple[Card, ...]
    pictures: tuple[Picture, ...]
    totals: Mapping[str, int]
    """Number of all evaluated items by outcome, in the order of ``OUTCOMES``."""
    tasks: Mapping[str, int]
    """Number of cards by task."""
    shown: Mapping[str, int]
    """Number of cards by outcome, in the order of ``OUTCOMES``."""


def build_gallery(record: RunRecord, limit: int = MAX_ITEMS) -> Gallery:
    """Choose about ``limit`` items evenly over tasks and prepare their cards."""
    outcomes = item_outcomes(record)
    chosen = choose_items(outcomes, {key: str(record.prompts[key]["task"]) for key in outcomes}, limit)
    shelf = PictureShelf(record.dataset_roots)
    cards = tuple(_card(record, key, outcomes[key], shelf) for key in chosen)
    tasks = sorted({card.task for card in cards})
    return Gallery(
        cards=cards,
        pictures=tuple(shelf.pictures),
        totals=_counts(list(outcomes.values())),
        tasks={task: sum(card.task == task for card in cards) for task in tasks},
        shown=_counts([card.outcome for card in cards]),
    )


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {outcome: outcomes.count(outcome) for outcome in OUTCOMES if outcome in outcomes}


def item_outcomes(record: RunRecord) -> dict[Key, Outcome]:
    """Return what became of each item that has a prompt: compared where both evaluations hold it."""
    if record.before and record.after:
        shared = (key for key in record.prompts if key in record.before and key in record.after)
        return {key: compare(accuracy_of(record.before[key]), accuracy_of(record.after[key])) for key in shared}
    single = record.before or record.after
    return {
        key: "right" if accuracy_of(single[key]) >= 1.0 else "wrong" for key in record.prompts if key in single
    }


def compare(before: float, after: float) -> Outcome:
    """Name the change of one item's score."""
    if after != before:
        return "improved" if after > before else "worse"
    return "both right" if after >= 1.0 else "both wrong"


def choose_items(outcomes: Mapping[Key, Outcome], task_of: Mapping[Key, str], limit: int) -> list[Key]:
    """Return at most ``limit`` items, evenly over tasks; within a task outcomes take turns, changed items twice as often.

    Turns keep a page honest: however many items improved, failures stay in sight. Order: by outcome, then tasks in turn.
    """
    by_task: defaultdict[str, list[Key]] = defaultdict(list)
    for key in outcomes:
        by_task[task_of[key]].append(key)
    queues = [_turns(by_task[task], outcomes) for task in sorted(by_task)]
    chosen: list[Key] = []
    while len(chosen) < limit and any(queues):
        for queue in queues:
            if queue and len(chosen) < limit:
                chosen.append(queue.pop(0))
    return sorted(chosen, key=lambda key: OUTCOMES.index(outcomes[key]))


def _turns(keys: Sequence[Key], outcomes: Mapping[Key, Outcome]) -> list[Key]:
    waiting = {outcome: [key for key in keys if outcomes[key] == outcome] for outcome in OUTCOMES}
    ordered: list[Key] = []
    while any(waiting.values()):
        for outcome in OUTCOMES:
            turns = 2 if outcome in ("improved", "worse") else 1
            ordered += waiting[outcome][:turns]
            del waiting[outcome][:turns]
    return ordered


# ---------------------------------------------------------------------------------------------------- cards


def _card(record: RunRecord, key: Key, outcome: Outcome, shelf: PictureShelf) -> Card:
    prompt = record.prompts[key]
    media = prompt["media"][0] if prompt["media"] else None
    found = shelf.get(key[0], media) if media else "this item has no picture"
    picture = found if isinstance(found, Picture) else None
    rows = {"before": record.before.get(key), "after": record.after.get(key)}
    marks: list[Mark] = []
    if picture:
        marks += marks_of(prompt["gold"], "gold", picture.width, picture.height)
        for when in ("before", "after"):
            row = rows[when]
            marks += marks_of(row.get("parsed"), when, picture.width, picture.height) if row else []  # type: ignore[arg-type]
    return Card(
        id=key[1],
        task=str(prompt["task"]),
        outcome=outcome,
        question=visible(str(prompt["question"])),
        choices=tuple(visible(str(choice)) for choice in prompt.get("choices", ())),
        gold=visible(str(prompt["gold_text"])),
        readings=tuple(_reading(when, row) for when, row in rows.items() if row),  # type: ignore[arg-type]
        picture=picture,
        no_picture="" if picture else str(found),
        marks=tuple(marks),
    )


def _reading(when: Literal["before", "after"], row: Mapping[str, Any]) -> Reading:
    answer = ""
    if row.get("parsed") is not None:
        answer = visible(write_answer(answer_from_json(row["parsed"])))
    value = accuracy_of(row)
    return Reading(
        when=when,
        right=value >= 1.0,
        accuracy=value,
        answer=answer,
        problem="" if answer else _problem(row),
        raw=visible(str(row["prediction"])),
    )


def _problem(row: Mapping[str, Any]) -> str:
    if row.get("stop") == StopReason.FAILED:
        return visible(f"could not be run: {row.get('detail', '')}")
    reason = _STATUS_TEXT.get(row["status"], str(row["status"]))
    return f"{reason}, cut off by the token limit" if row.get("stop") == StopReason.LENGTH else reason
