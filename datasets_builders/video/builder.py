"""Scripted clips with their questions, as a dataset folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from datasets_builders.build import Origin, Progress
from datasets_builders.demands import ask_each
from datasets_builders.video.compose import Ingredient, compose, fits
from datasets_builders.video.config import VideoConfig
from datasets_builders.video.demands import Demand, plan_demands
from datasets_builders.video.questions import Question, ask
from datasets_builders.video.rendering import rendered
from datasets_builders.video.script import Script
from mmrl.data import DatasetWriter
from mmrl.errors import InputError
from mmrl.types import Level, Sample

ORIGIN = Origin(builder="video", version="1")

_TRIES = 30
"""Scripts tried for one clip before some of its questions move on to the next."""


@dataclass(frozen=True)
class VideoDraft:
    """One clip, not yet rendered, with everything that is asked about it."""

    script: Script
    samples: tuple[Sample, ...]
    """``media`` is empty until the clip is stored."""


def build_video(config: VideoConfig, out: Path, progress: Progress | None = None, overwrite: bool = False) -> Path:
    """Write a dataset folder of scripted clips and return its path; memory does not grow with their number.

    Raises:
        InputError: ``out`` exists and is not to be overwritten, or cannot be written, or PyAV has no encoder.
    """
    writer = DatasetWriter(
        out,
        builder=ORIGIN.builder,
        version=ORIGIN.version,
        config=config.portable(),
        seed=config.seed,
        source=ORIGIN.source,
        licence=ORIGIN.licence,
        overwrite=overwrite,
    )
    done = 0
    with writer, tempfile.TemporaryDirectory(prefix="clips-") as folder:
        for draft, path in rendered(video_examples(config), Path(folder), config.workers):
            medium = writer.add_video(path)
            path.unlink()
            for sample in draft.samples:
                writer.add(replace(sample, media=(medium,)))
            done += len(draft.samples)
            if progress is not None:
                progress(done, config.count)
    return out


def video_examples(config: VideoConfig) -> Iterator[VideoDraft]:
    """Yield scripts with their questions, ``config.count`` questions in all; the same config gives the same drafts."""
    rng = Random(f"video/{config.seed}")
    demands = islice(plan_demands(config, rng), config.count)
    asked = 0
    waiting = list(islice(demands, config.questions_per_clip))
    while waiting:
        script, questions = _compose(config, waiting, rng)
        found = [question for question in questions if question]
        yield _draft(config, script, found, asked)
        asked += len(found)
        waiting = [demand for demand, question in zip(waiting, questions, strict=True) if question is None]
        waiting += islice(demands, config.questions_per_clip - len(waiting))


def _compose(config: VideoConfig, waiting: Sequence[Demand], rng: Random) -> tuple[Script, list[Question | None]]:
    """Find a script that answers all waiting demands, or as many as the tries allow: at least the first."""
    best: tuple[Script, list[Question | None]] | None = None
    most = 0
    for _ in range(_TRIES):
        script = compose(config, _ingredients(config, waiting), rng)
        if script is None:
            continue
        questions = ask_each(waiting, partial(ask, script, rng=rng))
        answered = sum(question is not None for question in questions)
        if answered > most:
            best, most = (script, questions), answered
        if most == len(waiting):
            break
    if best is None:
        raise InputError(
            f"clips must have room for what {waiting[0].task} asks about; found none in {_TRIES} tries; at "
            f"seconds={config.seconds}, max_events={config.max_events}; raise seconds or name other tasks"
        )
    return best


def _ingredients(config: VideoConfig, waiting: Sequence[Demand]) -> list[Ingredient]:
    """Return what the waiting demands need, the first ones first, as far as one clip can hold it."""
    parts: list[Ingredient] = []
    for demand in waiting:
        more = [*parts, *demand.wanted]
        if len(more) <= config.max_events and fits(config, more):
            parts = more
    return parts


def _draft(config: VideoConfig, script: Script, questions: Sequence[Question], first: int) -> VideoDraft:
    samples = tuple(
        Sample(
            id=f"video-{config.seed}-{index:06d}",
            task=question.task,
            question=question.text,
            media=(),
            answer=question.answer,
            choices=question.choices,
            difficulty=_level(len(script.events)),
            meta={"duration": script.seconds(script.frames), "events": len(script.events), **question.meta},
        )
        for index, question in enumerate(questions, first)
    )
    return VideoDraft(script, samples)


def _level(events: int) -> Level:
    """Difficulty by how much happens."""
    if events <= 2:
        return "easy"
    return "middle" if events == 3 else "hard"
