"""What every importer makes of a row: an annotation, from which a sample follows once its picture is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmrl.box_conventions import Edges, Size, StatedBox
from mmrl.geometry import original_frame
from mmrl.scoring.regions import inner_point
from mmrl.types import Action, ActionType, Answer, Box, Boxes, Level, Point


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What is done on a screen, where the row is a step and not only a target."""

    type: ActionType
    text: str | None = None
    place: tuple[float, float] | None = None
    """x and y as shares of the screen; a click without it is at the centre of the box."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One question about one picture."""

    id: str
    where: str
    image: str
    """The picture as the row names it."""
    task: str
    question: str
    boxes: tuple[StatedBox, ...] = ()
    """What is asked for, or for a step where it may happen."""
    polygon: tuple[float, ...] = ()
    """x1, y1, x2, y2, ... in pixels, in place of a box: any point inside is right."""
    step: Step | None = None
    rule: Literal["hit", "iou50"] = "hit"
    meta: Mapping[str, Any] = field(default_factory=dict)
    size: Size | None = None
    """Of the picture as stated; a picture of another size is not the one that was annotated."""

    @property
    def bounds(self) -> tuple[Edges, ...]:
        """The box around the polygon; none where there is no polygon."""
        xs, ys = self.polygon[::2], self.polygon[1::2]
        return ((min(xs), min(ys), max(xs), max(ys)),) if self.polygon else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A row that makes no question."""

    where: str
    reason: str


def answer_of(annotation: Annotation, edges: tuple[Edges, ...], size: tuple[int, int]) -> tuple[Answer, dict[str, Any]]:
    """Return the gold answer in pixels of the picture, and what scoring needs beside it.

    Args:
        annotation: the question.
        edges: its boxes in pixels, inside the picture.
        size: width and height of the picture, pixels.
    """
    frame = original_frame(*size)
    meta = dict(annotation.meta)
    step = annotation.step
    if annotation.polygon:
        corners = list(zip(annotation.polygon[::2], annotation.polygon[1::2], strict=True))
        x, y = inner_point(corners)
        return Point(x=x, y=y, frame=frame), meta | {"polygon": list(annotation.polygon)}
    if step is None:
        boxes = tuple(Box(x1=x1, y1=y1, x2=x2, y2=y2) for x1, y1, x2, y2 in edges)
        return Boxes(boxes=boxes, frame=frame), meta | {"rule": annotation.rule}
    point = None
    if step.place is not None:
        point = Point(x=step.place[0] * size[0], y=step.place[1] * size[1], frame=frame)
    elif step.type == "click" and edges:
        x1, y1, x2, y2 = edges[0]
        point = Point(x=(x1 + x2) / 2, y=(y1 + y2) / 2, frame=frame)
    if edges:
        meta["box"] = list(edges[0])
    return Action(type=step.type, point=point, text=step.text), meta


def level_of(edges: tuple[Edges, ...], size: tuple[int, int]) -> Level:
    """Return the difficulty by the smallest box's share of the picture: from 1 % easy, from 0.25 % middle.

    A question without a place, such as a refusal, counts as easy.
    """
    shares = [(x2 - x1) * (y2 - y1) / (size[0] * size[1]) for x1, y1, x2, y2 in edges]
    least = min(shares, default=1.0)
    if least >= 0.01:
        return "easy"
    return "middle" if least >= 0.0025 else "hard"
