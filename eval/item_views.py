"""What a person needs to see of a scored item: ``items.jsonl``, written beside the scores, read by reports and exports.

Scores alone say neither what was asked nor what was right, and a benchmark's file may be far away, or gigabytes large,
when somebody looks at them. A row holds ``id``, ``question``, ``choices``, ``gold`` (text), ``media`` (names as
the benchmark spells them), ``size`` (width and height of the frame of all places; null: pixels of the picture),
``marks`` (``gold`` and ``predicted``) and ``output``. A mark is one of

    {"box": [x1, y1, x2, y2]}   {"point": [x, y]}   {"polygon": [x1, y1, ...]}      each with "label" where known
    {"interval": [start, end]}                                                       seconds
    {"route": [{"line": ..., "from": ..., "to": ...}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval.benchmarks.base import Item, Options
from eval.benchmarks.grounding import GroundingItem
from eval.benchmarks.places import PlaceOptions, extent_of
from eval.scored import ScoredItem

ITEMS_NAME = "items.jsonl"
QUESTION_COLUMNS = ("question", "query", "instruction", "prompt_to_evaluate", "problem", "sent", "text", "sentence")
GOLD_COLUMNS = ("answer", "label", "answers", "Correct Answer", "solution", "golden_choice_idx")
_Mark = dict[str, Any]


def item_view(scored: ScoredItem, text: str, options: Options) -> dict[str, Any]:
    """Return the row of ``items.jsonl`` for a scored item whose prediction was ``text``."""
    item = scored.item
    choices = getattr(item, "choices", None) or {}
    return {
        "id": item.id,
        "question": question_of(item),
        "choices": {str(letter): str(value) for letter, value in choices.items()},
        "gold": gold_text(item),
        "media": list(item.media),
        "size": frame_of(item, options),
        "marks": {"gold": gold_marks(item), "predicted": predicted_marks(item, scored.outcome.parsed, options)},
        "output": text,
    }


def bounded(text: str, limit: int) -> str:
    """Return ``text`` or, where it is longer than ``limit``, its beginning and end: reasoning ends in the answer."""
    if len(text) <= limit:
        return text
    head, tail = 2 * limit // 3, limit - 2 * limit // 3
    return f"{text[:head]}\n[... {len(text) - limit:,} characters left out ...]\n{text[-tail:]}"


def question_of(item: Item) -> str:
    """Return what is asked, without the words on how to answer."""
    question = getattr(item, "question", None)
    return str(question if question else _first(item.row, QUESTION_COLUMNS) or "")


def gold_text(item: Item) -> str:
    """Return the right answer as text; a choice with its letter, several that count as right side by side."""
    answers = getattr(item, "answers", None)
    if isinstance(answers, Sequence) and not isinstance(answers, str):
        return " | ".join(map(str, answers))
    if isinstance(item, GroundingItem):
        return ", ".join(f"{start:g} to {end:g} s" for start, end in item.spans)
    references = getattr(getattr(item, "task", None), "references", None)
    if references:
        return " or ".join(_route_text(leg for leg in route.legs) for route in references[:2])
    answer, choices = getattr(item, "answer", None), getattr(item, "choices", None) or {}
    if choices and isinstance(answer, str):
        return f"{answer}. {choices[answer]}" if choices.get(answer) else answer
    return _row_gold(item.row)


def _row_gold(row: Mapping[str, Any]) -> str:
    target = row.get("target")
    if isinstance(target, Mapping):
        numbers = target.get("box") or target.get("polygon")
        return f"[{', '.join(f'{value:g}' for value in numbers)}]" if numbers else "nothing to be found"
    if isinstance(row.get("annotations"), list):
        return f"{len(row['annotations'])} objects"
    value = _first(row, GOLD_COLUMNS)
    return "" if value is None else str(value)


def _first(row: Mapping[str, Any], columns: Iterable[str]) -> Any:
    return next((row[name] for name in columns if row.get(name) not in (None, "")), None)


def _route_text(legs: Iterable[Any]) -> str:
    return "; ".join(f"{leg.line}: {leg.departure} > {leg.arrival}" for leg in legs)


# ---------------------------------------------------------------------------------------------------- places


def frame_of(item: Item, options: Options) -> list[float] | None:
    """Return what a whole picture measures in the frame of the marks; None means the picture's own pixels."""
    target = item.row.get("target")
    if isinstance(target, Mapping) and isinstance(options, PlaceOptions):
        return target["size"] or ([1.0, 1.0] if options.is_relative else None)
    if isinstance(item, GroundingItem):
        return [item.duration, 1.0] if item.duration else None
    size = item.row.get("width"), item.row.get("height")
    numbers = [float(side) for side in size if isinstance(side, int | float) and side > 0]
    return numbers if len(numbers) == 2 else None


def gold_marks(item: Item) -> list[_Mark]:
    """Return where the right answer is."""
    target = item.row.get("target")
    if isinstance(target, Mapping):
        return [{name: list(target[name])} for name in ("box", "polygon") if target.get(name)]
    if isinstance(item, GroundingItem):
        return _intervals(item.spans)
    if isinstance(item.row.get("spans"), list):
        return _intervals(item.row["spans"])
    if isinstance(item.row.get("annotations"), list):
        return [_annotation(one) for one in item.row["annotations"] if "bbox" in one]
    references = getattr(getattr(item, "task", None), "references", None) or ()
    return [{"route": [_leg(leg.line, leg.departure, leg.arrival) for leg in route.legs]} for route in references[:1]]


def predicted_marks(item: Item, parsed: Any, options: Options) -> list[_Mark]:
    """Return where the answer that was read is, in the frame of the gold one; nothing for answers without a place."""
    if isinstance(parsed, Mapping):
        return _place(item, parsed, options) + _intervals([parsed["span"]] if "span" in parsed else [])
    if isinstance(item, GroundingItem):
        return _intervals([parsed] if _is_pair(parsed) else parsed or [])
    if not isinstance(parsed, list):
        return []
    rows = [part for part in parsed if isinstance(part, Mapping)]
    boxes = [{"box": list(row["bbox_2d"]), "label": str(row.get("label", ""))} for row in rows if "bbox_2d" in row]
    legs = [_leg(row["line"], row["departure"], row["arrival"]) for row in rows if {"line", "departure"} <= row.keys()]
    return boxes or ([{"route": legs}] if legs else [])


def _place(item: Item, parsed: Mapping[str, Any], options: Options) -> list[_Mark]:
    """Turn a point or box of the model's coordinates into the gold one's."""
    if not isinstance(options, PlaceOptions) or not isinstance(item.row.get("target"), Mapping):
        return []
    size, extent = item.row["target"]["size"] or (1.0, 1.0), extent_of(item, options)
    scale = size[0] / extent[0], size[1] / extent[1]
    return [
        {name: [value * scale[place % 2] for place, value in enumerate(parsed[name])]}
        for name in ("box", "point")
        if name in parsed
    ]


def _annotation(one: Mapping[str, Any]) -> _Mark:
    x, y, width, height = one["bbox"]
    return {"box": [x, y, x + width, y + height], "label": str(one.get("label", ""))}


def _intervals(spans: Iterable[Any]) -> list[_Mark]:
    return [{"interval": [float(span[0]), float(span[1])]} for span in spans if _is_pair(span)]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(end, int | float) for end in value)


def _leg(line: Any, origin: Any, destination: Any) -> dict[str, str]:
    return {"line": str(line), "from": str(origin), "to": str(destination)}
