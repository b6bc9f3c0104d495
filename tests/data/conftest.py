"""A small dataset with every kind of answer, written by the real writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from mmrl.data import DatasetWriter
from mmrl.types import (
    Action,
    Answer,
    Box,
    Boxes,
    Choice,
    Frame,
    Grounded,
    Interval,
    Intervals,
    Media,
    Number,
    Point,
    Route,
    RouteLeg,
    Sample,
    Text,
    YesNo,
)

WIDTH, HEIGHT = 64, 48
FRAME = Frame(kind="original", width=WIDTH, height=HEIGHT)
LINES = {"Red": ["A", "B", "C"], "Blue": ["C", "D", "Ω/e"]}

ANSWERS: dict[str, Answer] = {
    "yes_no": YesNo(value=True),
    "choice": Choice(letters=("A", "C")),
    "number": Number(value=2.5),
    "text": Text(value="Währinger Straße"),
    "point": Point(x=0, y=48, frame=FRAME),
    "boxes": Boxes(boxes=(Box(x1=1.5, y1=2, x2=64, y2=48, label="OK"), Box(x1=0, y1=0, x2=1, y2=1)), frame=FRAME),
    "intervals": Intervals(intervals=(Interval(start=1.5, end=3),)),
    "route": Route(
        legs=(RouteLeg(line="Red", departure="A", arrival="C"), RouteLeg(line="Blue", departure="C", arrival="Ω/e"))
    ),
    "action": Action(type="click", point=Point(x=10, y=20.25, frame=FRAME)),
    "grounded": Grounded(choice=Choice(letters=("B",)), intervals=Intervals(intervals=(Interval(start=0, end=2.5),))),
}
META: dict[str, Mapping[str, Any]] = {
    "route": {"lines": LINES, "origin": "A", "destination": "Ω/e", "transfers": 1},
}


def picture(seed: int = 0) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), (seed * 37 % 256, 80, 120))
    ImageDraw.Draw(image).rectangle((5 + seed, 5, 30, 20), fill="white")
    return image


def sample(shown: Media, kind: str = "yes_no", **changes: Any) -> Sample:
    """A sample of any kind; ``changes`` replace fields."""
    fields: dict[str, Any] = {
        "id": f"q-{kind}",
        "task": f"test/{kind}",
        "question": f"Which {kind}?\nSay it in “one” line.",
        "media": (shown,),
        "answer": ANSWERS[kind],
        "choices": ("red", "green", "blue") if kind in ("choice", "grounded") else (),
        "difficulty": "hard" if kind == "route" else "easy",
        "meta": META.get(kind, {}),
    }
    return Sample(**(fields | changes))


def open_writer(out: Path, **changes: Any) -> DatasetWriter:
    fields: dict[str, Any] = {
        "builder": "test",
        "version": "1",
        "config": {"size": [WIDTH, HEIGHT]},
        "seed": 7,
        "source": "drawn for a test",
        "licence": "CC0-1.0",
    }
    return DatasetWriter(out, **(fields | changes))


def write_all_kinds(out: Path, **changes: Any) -> Path:
    """Write one row of each kind about two pictures."""
    with open_writer(out, **changes) as writer:
        for position, kind in enumerate(ANSWERS):
            writer.add(sample(writer.add_image(picture(position % 2)), kind))
    return out


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden names included, with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def edit_rows(folder: Path, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the rows of a written folder as a careless hand would, leaving the manifest alone."""
    path = folder / "metadata.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_all_kinds(tmp_path / "maps")
