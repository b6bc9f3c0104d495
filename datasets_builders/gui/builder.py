"""Drawn windows of labelled widgets: the simplest grounding, with boxes known by construction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from datasets_builders.build import Origin, Progress, build_drawn
from datasets_builders.demands import ask_each
from datasets_builders.drafts import Draft
from datasets_builders.gui.config import GuiConfig
from datasets_builders.gui.draw import draw_window
from datasets_builders.gui.layout import Widget, Window, lay_out_window
from datasets_builders.gui.questions import Question, ask, plan_demands
from mmrl.types import Answer, Level, Sample, YesNo

ORIGIN = Origin(builder="gui", version="1")


def build_gui(config: GuiConfig, out: Path, progress: Progress | None = None, overwrite: bool = False) -> Path:
    """Write a dataset folder of drawn windows and return its path.

    Raises:
        InputError: ``out`` exists and is not to be overwritten, or cannot be written.
    """
    return build_drawn(gui_examples(config), config, out, ORIGIN, progress=progress, overwrite=overwrite)


def gui_examples(config: GuiConfig) -> Iterator[Draft]:
    """Yield windows with their questions, ``config.count`` questions in all; the same config gives the same drafts."""
    rng = Random(f"gui/{config.seed}")
    demands = islice(plan_demands(config, rng), config.count)
    asked = 0
    waiting = list(islice(demands, config.questions_per_picture))
    while waiting:
        window = lay_out_window(config, rng)
        questions = ask_each(waiting, partial(ask, window, rng=rng))
        yield _draft(config, window, [question for question in questions if question], asked)
        asked += sum(question is not None for question in questions)
        waiting = [demand for demand, question in zip(waiting, questions, strict=True) if question is None]
        waiting += islice(demands, config.questions_per_picture - len(waiting))


def _draft(config: GuiConfig, window: Window, questions: Sequence[Question], first: int) -> Draft:
    samples = tuple(
        _sample(f"gui-{config.seed}-{index:06d}", window, question) for index, question in enumerate(questions, first)
    )
    in_reading_order = sorted(window.widgets, key=lambda widget: (widget.rect.y, widget.rect.x))
    description = "; ".join(f"{widget.label} {widget.kind} {widget.rect.text}" for widget in in_reading_order)
    return Draft(draw_window(window), samples, description)


def _sample(name: str, window: Window, question: Question) -> Sample:
    answer: Answer
    meta: dict[str, Any] = {"widgets": len(window.widgets)}
    if question.task == "gui/ground":
        assert question.target is not None
        meta |= {"rule": "hit", "kind": question.target.kind}
        answer, decisive = question.target.rect.as_boxes(window.size), question.target
    else:
        # All widgets must be looked at to deny that one is there, so the smallest decides for yes and no alike.
        answer, decisive = YesNo(value=question.target is not None), min(window.widgets, key=_area)
    return Sample(
        id=name,
        task=question.task,
        question=question.text,
        media=(),
        answer=answer,
        difficulty=_level(_area(decisive) / (window.size[0] * window.size[1])),
        meta=meta,
    )


def _area(widget: Widget) -> int:
    return widget.rect.width * widget.rect.height


def _level(share: float) -> Level:
    """Difficulty by the share of the picture that the widget fills."""
    if share >= 0.01:
        return "easy"
    return "middle" if share >= 0.0025 else "hard"
