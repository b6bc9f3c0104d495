"""Folders of scores as `mmrl score` leaves them, of hand-made benchmark files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from eval.benchmarks import benchmark
from eval.score_file import ScoreRequest, score_file

Row = dict[str, Any]


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def scored(out: Path, name: str, rows: Sequence[Row], texts: Mapping[str, str], **options: Any) -> Path:
    """Score ``texts`` (by id) on ``rows`` and return the folder of scores."""
    bench = benchmark(name)
    variant = options.pop("variant", None)
    request = ScoreRequest(
        benchmark=bench,
        data=lines(out.parent / f"{out.name}-data.jsonl", rows),
        predictions=lines(out.parent / f"{out.name}-predictions.jsonl", prediction_rows(texts)),
        variant=variant,
        options=bench.options(**options),
    )
    score_file(request, out)
    return out


def prediction_rows(texts: Mapping[str, str]) -> list[Row]:
    return [{"id": item, "prediction": text} for item, text in texts.items()]


def choice_rows(count: int) -> list[Row]:
    """Questions in two categories; B is right."""
    return [
        {
            "id": f"q{i}",
            "question": f"Question {i}: which colour?",
            "A": "red",
            "B": "blue",
            "answer": "B",
            "category": ("first", "second")[i % 2],
        }
        for i in range(count)
    ]


def click_rows() -> list[Row]:
    """Two clicks on pictures of 400 x 200; the target is [100, 50, 140, 70]."""
    shared = {"bbox": [100, 50, 140, 70], "img_size": [400, 200], "group": "Dev", "platform": "macos"}
    return [
        {"id": f"c{i}", "img_filename": f"shot{i}.png", "instruction": f"press {i}", **shared}
        | {"application": "vscode", "ui_type": ("icon", "text")[i]}
        for i in range(2)
    ]


def draw_pictures(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(2):
        picture = Image.new("RGB", (400, 200), "white")
        ImageDraw.Draw(picture).rectangle((100, 50, 140, 70), fill="red")
        picture.save(folder / f"shot{i}.png")
    return folder
