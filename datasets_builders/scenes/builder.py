"""Scenes of coloured shapes: the simplest perception, with answers known by construction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from datasets_builders.build import Origin, Progress, build_drawn
from datasets_builders.demands import ask_each
from datasets_builders.drafts import Draft
from datasets_builders.rect import Rect
from datasets_builders.scenes.config import ScenesConfig
from datasets_builders.scenes.draw import COLORS, KINDS, Item, draw_scene, place_items
from datasets_builders.scenes.questions import Demand, Question, ask, plan_demands
from mmrl.types import Answer, Level, Sample

_TRIES = 60
"""Sets of items tried for one picture before some of its questions move on to the next."""


ORIGIN = Origin(builder="scenes", version="1")


def build_scenes(config: ScenesConfig, out: Path, progress: Progress | None = None, overwrite: bool = False) -> Path:
    """Write a dataset folder of pictures of coloured shapes and return its path.

    Raises:
        InputError: ``out`` exists and is not to be overwritten, or cannot be written.
    """
    return build_drawn(scenes_examples(config), config, out, ORIGIN, progress=progress, overwrite=overwrite)


def scenes_examples(config: ScenesConfig) -> Iterator[Draft]:
    """Yield pictures with their questions, ``config.count`` questions in all; the same config gives the same drafts."""
    rng = Random(f"scenes/{config.seed}")
    demands = islice(plan_demands(config, rng), config.count)
    asked = 0
    waiting = list(islice(demands, config.questions_per_picture))
    while waiting:
        items, questions = _compose(config, waiting, rng)
        yield _draft(config, items, [question for question in questions if question], asked, rng)
        asked += sum(question is not None for question in questions)
        waiting = [demand for demand, question in zip(waiting, questions, strict=True) if question is None]
        waiting += islice(demands, config.questions_per_picture - len(waiting))


def _compose(config: ScenesConfig, waiting: Sequence[Demand], rng: Random) -> tuple[list[Item], list[Question | None]]:
    """Find items that answer all waiting demands, or as many as the tries allow: at least one."""
    best: tuple[list[Item], list[Question | None]] = ([], [])
    most = tries = 0
    while most < len(waiting) and (tries < _TRIES or most == 0):
        tries += 1
        items = _draw_items(config, rng)
        questions = ask_each(waiting, partial(ask, items, rng=rng))
        answered = sum(question is not None for question in questions)
        if answered > most:
            best, most = (items, questions), answered
    return best


def _draw_items(config: ScenesConfig, rng: Random) -> list[Item]:
    """Draw items from a few kinds and colours, so that groups of equal ones occur."""
    kinds = rng.sample(KINDS, rng.randint(1, len(KINDS)))
    colors = rng.sample(tuple(COLORS), rng.randint(1, len(COLORS)))
    count = rng.randint(config.min_shapes, config.max_shapes)
    return [Item(rng.choice(colors), rng.choice(kinds)) for _ in range(count)]


def _draft(
    config: ScenesConfig, items: Sequence[Item], questions: Sequence[Question], first: int, rng: Random
) -> Draft:
    rects = place_items(items, config.width, config.height, rng)
    picture = draw_scene(items, rects, config.width, config.height, rng)
    samples = tuple(
        Sample(
            id=f"scenes-{config.seed}-{index:06d}",
            task=question.task,
            question=question.text,
            media=(),
            answer=_answer(question, rects, picture.size),
            choices=question.choices,
            difficulty=_level(len(items)),
            meta={"shapes": len(items)} | ({"rule": "iou50"} if question.task == "scenes/locate" else {}),
        )
        for index, question in enumerate(questions, first)
    )
    in_reading_order = sorted(zip(rects, items, strict=True), key=lambda place: (place[0].y, place[0].x))
    description = "; ".join(f"{item.name} {rect.text}" for rect, item in in_reading_order)
    return Draft(picture, samples, description)


def _answer(question: Question, rects: Sequence[Rect], size: tuple[int, int]) -> Answer:
    if isinstance(question.answer, int):
        return rects[question.answer].as_boxes(size)
    return question.answer


def _level(shapes: int) -> Level:
    """Difficulty by the number of shapes to tell apart."""
    if shapes <= 3:
        return "easy"
    return "middle" if shapes <= 6 else "hard"
