"""Every answer of the scenes builder, recomputed from the pixels alone."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from datasets_builders.scenes import ScenesConfig, scenes_examples
from mmrl.types import Answer, Boxes, Choice, Number, Sample, YesNo

PALETTE = {
    "red": (214, 42, 42),
    "blue": (38, 88, 214),
    "green": (36, 150, 66),
    "yellow": (240, 192, 20),
    "purple": (146, 60, 186),
    "black": (28, 28, 28),
}


@dataclass(frozen=True)
class Seen:
    """A shape as recognised in a picture."""

    color: str
    kind: str
    box: tuple[int, int, int, int]


def recognise(picture: Image.Image) -> list[Seen]:
    """Find connected dark or colourful pixels and tell their colour and, from the filled share, their kind."""
    pixels = np.asarray(picture).astype(float)
    inked = pixels.min(axis=2) < 190  # paper is lighter in every channel, each shape's colour darker in one
    paper = np.median(pixels[~inked], axis=0)
    return [_describe(pixels, component, paper) for component in _components(inked)]


def _components(inked: np.ndarray) -> list[list[tuple[int, int]]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(inked)}
    components = []
    while left:
        stack, component = [left.pop()], []
        while stack:
            y, x = stack.pop()
            component.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            stack += near
        components.append(component)
    return components


def _describe(pixels: np.ndarray, component: list[tuple[int, int]], paper: np.ndarray) -> Seen:
    ys, xs = (np.array(axis) for axis in zip(*component, strict=True))
    color_value = np.median(pixels[ys, xs], axis=0)
    color = min(PALETTE, key=lambda name: float(np.abs(color_value - PALETTE[name]).sum()))
    x1, y1, x2, y2 = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
    channel = int(np.argmin(color_value))
    coverage = (paper[channel] - pixels[ys, xs, channel]) / (paper[channel] - color_value[channel])
    share = float(np.clip(coverage, 0, 1).sum()) / ((x2 - x1) * (y2 - y1))
    kind = "square" if share > 0.9 else "circle" if share > 0.66 else "triangle" if share > 0.46 else "star"
    return Seen(color, kind, (x1, y1, x2, y2))


def answer_from(seen: list[Seen], sample: Sample) -> Answer | tuple[int, int, int, int]:
    """Answer a question about recognised shapes; for a place, the box."""
    words = sample.question.rstrip("?").split()
    if sample.task == "scenes/exists":
        return YesNo(value=any((shape.color, shape.kind) == (words[3], words[4]) for shape in seen))
    if sample.task == "scenes/count":
        if words[3] == "shapes":
            return Number(value=sum(shape.color == words[2] for shape in seen))
        return Number(value=sum(shape.kind == words[2].removesuffix("s") for shape in seen))
    if sample.task == "scenes/color":
        (shape,) = (shape for shape in seen if shape.kind == words[-1])
        return Choice(letters=("ABCD"[sample.choices.index(shape.color)],))
    (shape,) = (shape for shape in seen if (shape.color, shape.kind) == (words[3], words[4]))
    return shape.box


@pytest.mark.parametrize(("width", "height", "count"), [(112, 112, 240), (260, 180, 60)])
def test_every_answer_follows_from_the_pixels(width: int, height: int, count: int) -> None:
    config = ScenesConfig(count=count, seed=11, width=width, height=height)
    checked: Counter[str] = Counter()
    for draft in scenes_examples(config):
        seen = recognise(draft.picture)
        for sample in draft.samples:
            assert sample.meta["shapes"] == len(seen)
            expected = answer_from(seen, sample)
            if isinstance(sample.answer, Boxes):
                (box,) = sample.answer.boxes
                gold = np.array([box.x1, box.y1, box.x2, box.y2])
                assert np.abs(gold - np.array(expected)).max() <= 1, sample
            else:
                assert sample.answer == expected, sample
            checked[sample.task] += 1
    assert checked == dict.fromkeys(config.known_tasks, count // 4)


def test_the_gold_box_holds_the_named_colour_and_nothing_of_it_lies_around() -> None:
    config = ScenesConfig(count=40, seed=5, width=224, height=224, tasks=("scenes/locate",), questions_per_picture=1)
    for draft in scenes_examples(config):
        (sample,) = draft.samples
        assert isinstance(sample.answer, Boxes)
        (box,) = sample.answer.boxes
        color = re.findall("|".join(PALETTE), sample.question)[0]
        near = np.abs(np.asarray(draft.picture).astype(int) - PALETTE[color]).max(axis=2) <= 12
        x1, y1, x2, y2 = int(box.x1), int(box.y1), int(box.x2), int(box.y2)
        assert near[y1:y2, x1:x2].mean() > 0.3
        assert not near[y1 - 2 : y2 + 2, x1 - 2 : x1].any()
        assert not near[y1 - 2 : y2 + 2, x2 : x2 + 2].any()
        assert not near[y1 - 2 : y1, x1 - 2 : x2 + 2].any()
        assert not near[y2 : y2 + 2, x1 - 2 : x2 + 2].any()
