"""What multiple-choice benchmarks share: items with options, the prompt, the score."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters, ascii_uppercase
from typing import Any

from eval.benchmarks.base import Item, Outcome
from eval.benchmarks.files import PublishedRow, id_text
from eval.benchmarks.multiple_choice import READ_AS_MISSING, REFUSED, fixed_letter, official_letter
from mmrl.types import ParseStatus

SELECT = "Please select the correct answer from the options above. \n"
"""How VLMEvalKit closes a question that has options; the blank before the newline belongs to it."""
UNKNOWN_TEXT = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Text of an option of which only the letter is known."""
VARIANT_NOTES = "official: VLMEvalKit's exact matching, no judge model; fixed: reads tags, boxes, statements"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceItem(Item):
    """A question with lettered options."""

    question: str
    choices: Mapping[str, str]
    """Letter to text, in order; options that the row leaves blank are not there."""
    answer: str
    """The right letter."""
    hint: str = ""
    pictures: int = 1
    """How many the question shows."""


def lettered_columns(row: PublishedRow, prefix: str = "") -> dict[str, str]:
    """Return the options that stand in columns A, B, ..., or with that prefix in ``choice_A`` or ``choice_a``, ..."""
    letters = ascii_letters if prefix else ascii_uppercase
    columns = {name[-1].upper(): name for name in row.data if name[:-1] == prefix and name[-1:] and name[-1] in letters}
    texts = ((letter, row.get(columns[letter])) for letter in sorted(columns))
    return {letter: str(text) for letter, text in texts if text is not None}


def lettered(texts: Sequence[Any]) -> dict[str, str]:
    """Return options in order under A, B, ..."""
    return {letter: str(text) for letter, text in zip(ascii_uppercase, texts, strict=False)}


def picture_cluster(rows: Sequence[PublishedRow], *columns: str) -> list[str]:
    """Return, row by row, what stands for its picture: equal values are one picture.

    A short cell that is another row's index means "the picture of that row". Rows without a picture column are on
    their own.
    """
    columns = columns or ("image", "image_path")
    pictures = [row.get(*columns) for row in rows]
    by_index = {_index(row): picture for row, picture in zip(rows, pictures, strict=True)}
    clusters = []
    for row, picture in zip(rows, pictures, strict=True):
        shown = by_index.get(str(picture), picture)
        clusters.append(_index(row) if shown is None else str(shown))
    return clusters


def _index(row: PublishedRow) -> str:
    """What other rows call this one by: its ``index``, whatever id predictions name it by."""
    index = row.get("index")
    return row.id() if index is None else id_text(index)


def picture_names(row: PublishedRow, *columns: str) -> tuple[str, ...]:
    """Return the files that a row names as its pictures; a list may be written as text: ``['a.jpg', 'b.jpg']``."""
    value = row.get(*(columns or ("image_path",)))
    if isinstance(value, str) and value.startswith("["):
        value = re.findall(r"""['"]([^'"]+)['"]""", value)
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def answer_letter(row: PublishedRow, *names: str) -> str:
    """Return the right letter: ``B``, ``b``, ``(B)`` and ``B.`` are B; ``InputError`` for anything else."""
    text = row.text(*names)
    letter = text.strip().strip("().").upper()
    if len(letter) != 1 or letter not in ascii_uppercase:
        raise row.wrong(names[0], "an option letter (hidden test answers cannot be scored)", text)
    return letter


def choice_item(row: PublishedRow, *, id_columns: Sequence[str], cluster: str, **parts: Any) -> ChoiceItem:
    """Return the item of a row of a VLMEvalKit table, or of one with other columns: ``parts`` replace what is read.

    ``groups`` maps names of groups to the columns that state them; rows that leave one blank are in no such group.
    """
    groups = {name: row.get(*columns) for name, columns in parts.pop("groups", {}).items()}
    fields: dict[str, Any] = {
        "id": row.id(*id_columns),
        "row": row.data,
        "where": row.where,
        "cluster": cluster,
        "groups": {name: id_text(value) for name, value in groups.items() if value is not None},
        "hint": str(row.get("hint") or ""),
    }
    fields |= parts
    if "question" not in fields:
        fields["question"] = row.text("question")
    if "choices" not in fields:
        fields["choices"] = lettered_columns(row)
    if "answer" not in fields:
        fields["answer"] = answer_letter(row, "answer")
    return ChoiceItem(**fields)


def rotated_items(
    rows: Sequence[PublishedRow], question_of: Callable[[PublishedRow], str], groups: Mapping[str, tuple[str, ...]]
) -> list[Item]:
    """Return the items of a table that asks each question in several rotations of its options.

    Rotations, and questions about one picture, are one cluster: rows are clustered by picture where the table has
    pictures, else by what ``question_of`` says is their question.
    """
    pictured = any(row.get("image", "image_path") is not None for row in rows)
    clusters = picture_cluster(rows) if pictured else [question_of(row) for row in rows]
    return [
        choice_item(row, id_columns=("index",), cluster=cluster, groups=groups)
        for row, cluster in zip(rows, clusters, strict=True)
    ]


def vlmevalkit_text(item: ChoiceItem) -> str:
    """Return VLMEvalKit's prompt: hint, question, options, request; without options the question alone."""
    hint = f"Hint: {item.hint}\n" if item.hint else ""
    options = "".join(f"{letter}. {text}\n" for letter, text in item.choices.items())
    return f"{hint}Question: {item.question}\n" + (f"Options:\n{options}{SELECT}" if options else "")


def vlmevalkit_prompt(item: Item, options: Any) -> list[dict[str, Any]]:  # noqa: ARG001 - the shape of a Prompter
    """Return the chat message of :func:`vlmevalkit_text`, pictures first."""
    assert isinstance(item, ChoiceItem)
    return user_message(vlmevalkit_text(item), item.pictures)


def user_message(text: str, pictures: int) -> list[dict[str, Any]]:
    """Return one user turn: so many pictures, then the text."""
    content = [*({"type": "image"} for _ in range(pictures)), {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def score_choice(item: Item, text: str, variant: str, options: Any) -> Outcome:  # noqa: ARG001 - the shape of a Scorer
    """Score by the ``official`` or the ``fixed`` rule of :mod:`eval.benchmarks.multiple_choice`."""
    assert isinstance(item, ChoiceItem)
    return official_outcome(item, text) if variant == "official" else fixed_outcome(item, text)


def official_outcome(item: ChoiceItem, text: str) -> Outcome:
    """Score as VLMEvalKit does, which never sees options that pandas reads as missing."""
    choices = item.choices
    if _has_unseen(item):
        choices = {letter: option for letter, option in choices.items() if option not in READ_AS_MISSING}
    return letter_outcome(item, text, official_letter(text, choices))


def fixed_outcome(item: ChoiceItem, text: str) -> Outcome:
    """Score the letter of the fixed rule."""
    reading = fixed_letter(text, item.choices)
    return Outcome(
        parsed=reading.letter,
        status=reading.status,
        scores={"accuracy": float(reading.letter == item.answer)},
        detail=reading.detail,
    )


def choice_figures(scored: Sequence[tuple[Item, Outcome]], variant: str, options: Any) -> dict[str, Any]:  # noqa: ARG001
    """Return how many items have options that the official rule never sees, where there are any: an ``Aggregator``."""
    unseen = sum(isinstance(item, ChoiceItem) and _has_unseen(item) for item, _ in scored)
    return {"items_with_options_read_as_missing": unseen} if unseen else {}


def _has_unseen(item: ChoiceItem) -> bool:
    return not READ_AS_MISSING.isdisjoint(item.choices.values())


def accuracy_of(scored: Sequence[tuple[Item, Outcome]]) -> float:
    """Return the mean accuracy of at least one scored item."""
    return sum(outcome.scores["accuracy"] for _, outcome in scored) / len(scored)


def by_group(scored: Sequence[tuple[Item, Outcome]], name: str) -> dict[str, list[tuple[Item, Outcome]]]:
    """Return scored items by their group of one name, sorted; items without it are left out."""
    parts: dict[str, list[tuple[Item, Outcome]]] = {}
    for item, outcome in scored:
        if name in item.groups:
            parts.setdefault(item.groups[name], []).append((item, outcome))
    return dict(sorted(parts.items()))


def letter_outcome(item: ChoiceItem, text: str, letter: str | None) -> Outcome:
    """Return the outcome of a letter; None and ``Z`` are no answer."""
    if letter is None or letter == REFUSED:
        status = ParseStatus.NO_ANSWER if text.strip() else ParseStatus.EMPTY
        detail = "read as a refusal" if letter == REFUSED else "no option could be inferred"
        return Outcome(parsed=None, status=status, scores={"accuracy": 0.0}, detail=detail)
    return Outcome(parsed=letter, status=ParseStatus.OK, scores={"accuracy": float(letter == item.answer)})
