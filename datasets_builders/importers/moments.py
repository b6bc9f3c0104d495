"""Sentences with the stretches of a clip that they describe: Charades-STA, ActivityNet Captions, QVHighlights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets_builders.importers.annotation import LeftOut
from datasets_builders.importers.clip_annotation import ClipAnnotation, Shown, Span
from datasets_builders.importers.rows import Row, is_number, read_object, read_rows
from mmrl.errors import InputError

MOMENT_QUESTION = "When does this happen: {sentence}"
MOMENTS_QUESTION = "When does this happen: {sentence} Give every stretch of time."

_CHARADES_LINE = re.compile(r"(\S+) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)##(.*\S)")


def charades_sta(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield the sentences of ``VIDEO start end##sentence`` lines, or of the JSON form that later releases share."""
    if path.suffix == ".json":
        yield from activitynet_captions(path, name="charades")
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Charades-STA must be a readable text file; found {error}; at {path}; check --data") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        found = _CHARADES_LINE.fullmatch(line.strip())
        if found is None:
            raise InputError(
                f"a line must be 'VIDEO start end##sentence'; found {line!r:.60}; at {where}; "
                "give the file as its authors publish it"
            )
        video, start, end, sentence = found.groups()
        yield _moment(f"charades-{video}-{number}", where, video, sentence, (float(start), float(end)))


def activitynet_captions(path: Path, name: str = "activitynet") -> Iterator[ClipAnnotation | LeftOut]:
    """Yield the sentences of ``{video: {duration, timestamps, sentences}}``."""
    for video, value in read_object(path).items():
        if not isinstance(value, dict):
            raise InputError(
                f"an entry must be an object; found {type(value).__name__}; at {path.name}:{video}; "
                "give the file as its authors publish it"
            )
        row = Row(value, f"{path.name}:{video}", video)
        spans, sentences = spans_of(row, "timestamps"), row.get("sentences")
        if not (isinstance(sentences, list) and len(sentences) == len(spans)):
            raise row.wrong("sentences", f"a list of {len(spans)} sentences, one for each of timestamps", sentences)
        duration = _duration(row)
        for number, (span, sentence) in enumerate(zip(spans, sentences, strict=True)):
            where = f"{path.name}:{video}[{number}]"
            if not (isinstance(sentence, str) and sentence.strip()):
                yield LeftOut(where=where, reason="a sentence without words")
                continue
            yield _moment(f"{name}-{video}-{number}", where, video, sentence, span, duration)


def _moment(
    key: str, where: str, video: str, sentence: str, span: Span, duration: float | None = None
) -> ClipAnnotation:
    return ClipAnnotation(
        id=key,
        where=where,
        shown=(Shown(video),),
        task="moment/localize",
        question=MOMENT_QUESTION.format(sentence=" ".join(sentence.split())),
        spans=(span,),
        duration=duration,
    )


def qvhighlights(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield the queries of ``highlight_*_release.jsonl``: all relevant windows answer; the test split has none."""
    for row in read_rows(path):
        if row.get("relevant_windows") in (None, []):
            yield LeftOut(where=row.where, reason="no relevant windows")
            continue
        yield ClipAnnotation(
            id=f"qvhighlights-{row.text('qid')}",
            where=row.where,
            shown=(Shown(row.text("vid")),),
            task="moment/localize_all",
            question=MOMENTS_QUESTION.format(sentence=" ".join(row.text("query").split())),
            spans=spans_of(row, "relevant_windows"),
            duration=_duration(row),
        )


def spans_of(row: Row, column: str) -> tuple[Span, ...]:
    """Return a column's list of ``[start, end]``; ``InputError`` where it is something else."""
    value = row.get(column)
    if not (isinstance(value, list) and value and all(map(_is_pair, value))):
        raise row.wrong(column, "a list of [start, end] in seconds", value)
    return tuple((float(start), float(end)) for start, end in value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _duration(row: Row) -> float | None:
    value = row.get("duration")
    if value is not None and not (is_number(value) and value > 0):
        raise row.wrong("duration", "a number above 0, in seconds", value)
    return value
