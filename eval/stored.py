"""What stored rows and summaries must hold before anything is computed from them: checked once, where they are read.

They come from files that may be damaged or written by others. What is not named here is only ever shown as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from eval.storage import Key, rows_by_key
from mmrl.answers import answer_from_json
from mmrl.errors import InputError
from mmrl.media import MAX_IMAGE_PIXELS

Share = Annotated[float, Field(ge=0.0, le=1.0)]
"""An accuracy, or a part of all items."""
Count = Annotated[int, Field(ge=0)]
Interval = Annotated[list[Annotated[float, Field(ge=-1.0, le=1.0)]], Field(min_length=2, max_length=2)]
"""Lower and upper end."""


def _readable(answer: dict[str, Any]) -> dict[str, Any]:
    answer_from_json(answer)
    return answer


AnswerJson = Annotated[dict[str, Any], AfterValidator(_readable)]
Side = Annotated[int, Field(gt=0, le=MAX_IMAGE_PIXELS)]


class _Strict(BaseModel):
    """Takes numbers for numbers and text for text; further fields are ignored."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Scores(_Strict):
    accuracy: Share


class _ScoreRow(_Strict):
    task: str
    status: str
    scores: _Scores
    stop: str | None = None
    prediction: str = ""
    parsed: AnswerJson | None = None


class _Media(_Strict):
    path: str
    kind: str = "image"
    width: Side
    height: Side


class _PromptRow(_Strict):
    task: str
    question: str
    choices: list[str] = []
    gold: AnswerJson
    gold_text: str
    media: list[_Media]


class _Entry(_Strict):
    """One group of items, as :func:`eval.summary.entry` writes it; only the first four numbers have to be there."""

    before: Share
    after: Share
    n: Annotated[int, Field(ge=1)]
    gain_ci95: Interval
    p_value: Share | None = None
    before_ci95: Interval | None = None
    after_ci95: Interval | None = None
    clusters: Count | None = None
    parse_failures_before: Share | None = None
    parse_failures_after: Share | None = None
    truncated_before: Share | None = None
    truncated_after: Share | None = None
    failed_before: Count | None = None
    failed_after: Count | None = None


class _Summary(_Strict):
    tasks: dict[str, _Entry]
    subtasks: dict[str, _Entry] = {}


def score_rows(path: Path, required: Iterable[str] = ()) -> dict[Key, dict[str, Any]]:
    """Return the rows of a ``scores.jsonl`` by dataset and id, each with a readable accuracy and answer.

    ``required`` names keys that have to be there besides those that every row needs.

    Raises:
        InputError: the file is missing or damaged; file, item and field are named.
    """
    return _checked(path, rows_by_key(path, ("task", "status", "scores", *required)), _ScoreRow)


def prompt_rows(path: Path) -> dict[Key, dict[str, Any]]:
    """Return the rows of a ``prompts.jsonl`` by dataset and id; ``InputError`` as for :func:`score_rows`."""
    return _checked(path, rows_by_key(path, ("dataset",)), _PromptRow)


def _checked(path: Path, rows: dict[Key, dict[str, Any]], model: type[BaseModel]) -> dict[Key, dict[str, Any]]:
    for (_, item), row in rows.items():
        try:
            model.model_validate(row)
        except ValidationError as error:
            raise InputError(f"{_first_problem(error)}; at {path}, id {item!r}; run the evaluation again") from None
    return rows


def checked_summary(data: Any) -> dict[str, Any]:
    """Return what the JSON value of a ``summary.json`` states, absent numbers left out.

    Raises:
        InputError: it has another shape; the field is named.
    """
    try:
        return _Summary.model_validate(data).model_dump(exclude_none=True)
    except ValidationError as error:
        raise InputError(f"{_first_problem(error)}; in summary.json; evaluate the run again") from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "it"
    return f"{place}: {first['msg']}; found {first['input']!r:.80}"
