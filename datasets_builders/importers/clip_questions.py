"""Questions about clips: NExT-GQA, SEED-Bench-R1 and Video-R1."""

from __future__ import annotations

import csv
import re
import string
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Literal

from datasets_builders.importers.annotation import LeftOut
from datasets_builders.importers.clip_annotation import ClipAnnotation, Shown
from datasets_builders.importers.moments import spans_of
from datasets_builders.importers.rows import Row, read_object, read_rows
from mmrl.errors import InputError
from mmrl.types import Choice, Number, Text

_OPTION = re.compile(r"\(?([A-Z])[.):]\)?\s*(.*\S)\s*", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def nextgqa(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield grounded questions of ``val.csv`` or ``test.csv`` with ``gsub_*.json`` beside it, or of rows with ``glue``.

    Questions without stretches, as all of the training split, are left out.
    """
    if path.suffix != ".csv":
        yield from _nextgqa_rows(path)
        return
    grounds = read_object(path.with_name(f"gsub_{path.stem}.json"))
    mapped = path.with_name("map_vid_vidorID.json")
    paths = read_object(mapped) if mapped.is_file() else {}
    for row in _csv_rows(path):
        video, question = row.text("video_id", "video"), row.text("qid")
        ground = grounds.get(video)
        location = ground.get("location") if isinstance(ground, dict) else None
        spans = location.get(question) if isinstance(location, dict) else None
        if not (isinstance(ground, dict) and spans):
            yield LeftOut(where=row.where, reason="no stretches")
            continue
        choices = tuple(row.text(f"a{number}") for number in range(5))
        data = {"glue": spans, "duration": ground.get("duration")}
        grounded = Row(row.data | data, row.where, row.key)
        shown = str(paths.get(video, video))
        yield _grounded(grounded, f"nextgqa-{video}-{question}", shown, choices, _index(row, choices))


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, values in enumerate(csv.DictReader(file), start=2):
                yield Row(dict(values), f"{path.name}:{number}", f"{path.stem}-{number}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"NExT-GQA must be a readable CSV; found {error}; at {path}; check --data") from None


def _index(row: Row, choices: tuple[str, ...]) -> int | None:
    """Return which option is right: the file states the answer's words, or their number."""
    answer = row.text("answer")
    if answer in choices:
        return choices.index(answer)
    return int(answer) if answer.isdigit() and int(answer) < len(choices) else None


def _nextgqa_rows(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Rows as VideoChat-R1 shares them: options ``(A) ...``, answer ``(C)``, stretches under ``glue``."""
    for row in read_rows(path):
        choices = _options(row)
        letter = row.text("answer").strip("(). ")
        index = string.ascii_uppercase.find(letter) if len(letter) == 1 else -1
        yield _grounded(row, f"nextgqa-{row.text('id')}", row.text("video"), choices, index)


def _grounded(row: Row, key: str, shown: str, choices: tuple[str, ...], index: int | None) -> ClipAnnotation | LeftOut:
    if index is None or not 0 <= index < len(choices):
        return LeftOut(where=row.where, reason="an answer that is none of the options")
    if len(set(choices)) < len(choices):
        return LeftOut(where=row.where, reason="options that are the same")
    duration = row.get("duration")
    return ClipAnnotation(
        id=key,
        where=row.where,
        shown=(Shown(shown),),
        task="video_qa/grounded",
        question=_sentence(row.text("question")),
        answer=Choice(letters=(string.ascii_uppercase[index],)),
        choices=choices,
        spans=spans_of(row, "glue"),
        duration=float(duration) if isinstance(duration, int | float) else None,
        meta={"type": row.data["type"]} if isinstance(row.get("type"), str) else {},
    )


def _sentence(text: str) -> str:
    """NExT-QA writes questions without a capital and a question mark."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(("?", ".")) else "?")


def seed_bench_r1(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield the questions of ``validation_L*.jsonl`` and of the training files, whose wrong options are drawn.

    The clip of what was done so far comes first, then the picture of the current moment; without progress there is no
    clip.
    """
    for row in read_rows(path):
        key = row.text("sample_id")
        if row.get("negative_answers") is not None:
            choices, letter = _drawn_options(row, Random(f"seed_bench_r1/{key}"))
        else:
            choices = tuple(row.text(f"choice_{name}") for name in "abcd")
            letter = row.text("golden_choice_idx").upper()
        if len(set(choices)) < len(choices) or letter not in string.ascii_uppercase[: len(choices)]:
            yield LeftOut(where=row.where, reason="options that are the same, or none that is right")
            continue
        source = row.text("video_source")
        shown = [Shown(f"images/{source}/{row.text('current_observation_basename')}", "image")]
        if row.get("task_progress_metadata"):
            shown.insert(0, Shown(f"videos/{source}/{row.text('video_basename')}"))
        level = {key: row.data[key] for key in ("task_level", "domain") if isinstance(row.get(key), str)}
        yield ClipAnnotation(
            id=f"seed_bench_r1-{key}",
            where=row.where,
            shown=tuple(shown),
            task="video_qa/next_action",
            question=row.text("question"),
            answer=Choice(letters=(letter,)),
            choices=choices,
            meta=level,
        )


def _drawn_options(row: Row, rng: Random) -> tuple[tuple[str, ...], str]:
    answer, wrong = row.text("answer"), row.get("negative_answers")
    if not (isinstance(wrong, list) and all(isinstance(text, str) and text.strip() for text in wrong)):
        raise row.wrong("negative_answers", "a list of texts", wrong)
    others = list(dict.fromkeys(text.strip() for text in wrong if text.strip() != answer))
    choices = rng.sample(others, min(3, len(others)))
    place = rng.randint(0, len(choices))
    choices.insert(place, answer)
    return tuple(choices), string.ascii_uppercase[place]


def video_r1(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield Video-R1's rows about clips and pictures; the answer's kind follows ``problem_type``."""
    for row in read_rows(path):
        found = _ANSWER.search(row.text("solution"))
        solution = found[1].strip() if found else ""
        kind = row.text("problem_type")
        choices = _options(row) if kind == "multiple choice" else ()
        answer = _typed(kind, solution, choices)
        if isinstance(answer, str):
            yield LeftOut(where=row.where, reason=answer)
            continue
        media: Literal["image", "video"] = "image" if row.get("data_type") == "image" else "video"
        yield ClipAnnotation(
            id=f"video_r1-{row.text('problem_id')}",
            where=row.where,
            shown=(Shown(row.text("path").removeprefix("./"), media),),
            task=f"video_r1/{re.sub(r'[^a-z]+', '_', kind.lower())}",
            question=row.text("problem"),
            answer=answer,
            choices=choices,
            meta={key: row.data[key] for key in ("data_source",) if isinstance(row.get(key), str)},
        )


def _typed(kind: str, solution: str, choices: tuple[str, ...]) -> Choice | Number | Text | str:
    """Return the typed answer, or why there is none."""
    if not solution:
        return "no answer"
    if kind == "multiple choice":
        fits = len(solution) == 1 and solution in string.ascii_uppercase[: len(choices)]
        if not fits or not 2 <= len(set(choices)) == len(choices):
            return "options that are the same, or none that is right"
        return Choice(letters=(solution,))
    if kind in ("numerical", "regression"):
        try:
            return Number(value=float(solution.replace(",", "")))
        except ValueError:
            return "a numerical answer that is no number"
    return Text(value=solution)


def _options(row: Row) -> tuple[str, ...]:
    """Return the options without their letters; they must stand in the order of these."""
    value: Any = row.get("options")
    if not (isinstance(value, list) and value and all(isinstance(text, str) for text in value)):
        raise row.wrong("options", "a list of texts", value)
    options = []
    for text, letter in zip(value, string.ascii_uppercase, strict=False):
        found = _OPTION.fullmatch(text.strip())
        options.append(found[2] if found and found[1] == letter else text.strip())
    return tuple(options)
