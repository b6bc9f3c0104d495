"""Samples made by hand for the curriculum's tests."""

from __future__ import annotations

from collections.abc import Iterable

from mmrl.types import Answer, Level, Media, Sample, YesNo


def sample(
    name: str,
    *,
    task: str = "scenes/yes_no",
    level: Level = "easy",
    answer: Answer | None = None,
    picture: str | None = None,
    question: str | None = None,
) -> Sample:
    checksum = picture or f"sum-{name}"
    return Sample(
        id=name,
        task=task,
        question=question or f"question {name}",
        media=(Media(path=f"media/{checksum}.png", width=8, height=8, sha256=checksum),),
        answer=answer or YesNo(value=True),
        difficulty=level,
    )


def many(prefix: str, count: int, *, task: str = "scenes/yes_no", level: Level = "easy") -> list[Sample]:
    return [sample(f"{prefix}{number}", task=task, level=level) for number in range(count)]


def ids(samples: Iterable[Sample]) -> list[str]:
    return [one.id for one in samples]
