"""A run folder as a finished run leaves it, made of drawn pictures and simulated figures."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw

from eval.storage import write_rows
from eval.summary import summarise

STAGES = (
    ("perceive", 60, ("accuracy", "format")),
    ("locate", 60, ("accuracy", "iou", "format")),
    ("reason", 50, ("accuracy", "route_detail", "format")),
)
COLOURS = {"red": "#d94a3d", "green": "#3f9a57", "blue": "#3568c0", "yellow": "#e0b02e", "purple": "#8a4fb0"}
STATIONS = [
    "Karlsplatz",
    "Stephansplatz",
    "Schwedenplatz",
    "Praterstern",
    "Westbahnhof",
    "Volkstheater",
    "Landstraße",
    "Längenfeldgasse",
]

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    '"><img src=x onerror="window.pwned = 3">',
    "' onmouseover='window.pwned = 4' x='",
    "\x1b[31mred\x1b[0m \x07 bell",
    "\u202egnol\u202c \u200bzero",
    "{{ 7 * 7 }} {% raw %} &amp; ]]> <!-- <svg onload=window.pwned=5>",
    "`${alert(1)}` \\u003cscript\\u003e javascript:alert(1)",
)

CONFIG = {
    "model_name_or_path": "tiny",
    "output_dir": "runs/demo",
    "seed": 0,
    "prompt_style": "direct",
    "stages": [
        {"name": "perceive", "mix": {"scenes_train": 2.0, "gui_train": 1.0}, "steps": 60, "order": "shuffled"},
        {"name": "locate", "mix": {"gui_train": 1.0, "scenes_train": 1.0}, "steps": 60, "order": "easy_to_hard"},
        {"name": "reason", "mix": {"transit_train": 3.0, "gui_train": 1.0}, "steps": 50, "order": "shuffled"},
    ],
    "evaluation": {
        "datasets": ["scenes_test", "gui_test", "transit_test"],
        "batch_size": 64,
        "max_completion_length": 64,
    },
}


def draw_scene(rng: random.Random) -> Image.Image:
    image = Image.new("RGB", (112, 112), "#f4f1ea")
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(3, 6)):
        x, y, size = rng.randint(4, 84), rng.randint(4, 84), rng.randint(12, 24)
        shape = rng.choice([draw.ellipse, draw.rectangle])
        shape((x, y, x + size, y + size), fill=rng.choice(list(COLOURS.values())))
    return image


def draw_window(rng: random.Random) -> tuple[Image.Image, dict[str, list[float]]]:
    image = Image.new("RGB", (168, 112), "#e9ecef")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 168, 13), fill="#3b4a5a")
    draw.text((4, 1), "Preferences", fill="white")
    boxes = {}
    for row, label in enumerate(rng.sample(["Save", "Cancel", "Apply", "Help", "Reset"], 3)):
        x, y = rng.randint(6, 80), 22 + 29 * row
        draw.rectangle((x, y, x + 62, y + 20), fill="#ffffff", outline="#6c7785")
        draw.text((x + 8, y + 4), label, fill="#222222")
        boxes[label] = [x, y, x + 62, y + 20]
    return image, boxes


def draw_map(rng: random.Random) -> Image.Image:
    image = Image.new("RGB", (220, 160), "white")
    draw = ImageDraw.Draw(image)
    for colour in rng.sample(list(COLOURS.values()), 3):
        points = [(x, rng.randint(20, 140)) for x in (14, 70, 130, 205)]
        draw.line(points, fill=colour, width=4)
        for x, y in points:
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill="white", outline="black")
    return image


def _store(image: Image.Image, folder: Path) -> dict[str, Any]:
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    name = f"media/{digest[:16]}.png"
    (folder / "media").mkdir(parents=True, exist_ok=True)
    image.save(folder / name)
    return {"path": name, "kind": "image", "width": image.width, "height": image.height}


def _items(root: Path, rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Return items: dataset, task, question, picture, right and wrong answer, chances before and after."""
    items: list[dict[str, Any]] = []
    for index in range(count):
        media = _store(draw_scene(rng), root / "scenes_test")
        gold = rng.randint(0, 5)
        items.append(
            _item(
                "scenes_test",
                "scenes/count",
                f"How many {rng.choice(list(COLOURS))} shapes are there?",
                ("number", gold, (gold + 1) % 6),
                media,
                (0.38, 0.66),
            )
        )
        items.append(
            _item(
                "scenes_test",
                "scenes/yes_no",
                f"Is there a {rng.choice(list(COLOURS))} circle?",
                ("yes_no", index % 2 == 0, index % 2 == 1),
                media,
                (0.58, 0.74),
            )
        )
        window, boxes = draw_window(rng)
        media = _store(window, root / "gui_test")
        label, box = rng.choice(sorted(boxes.items()))
        wrong = [max(0, c + rng.randint(-18, 18)) for c in box[:2]]
        items.append(
            _item(
                "gui_test",
                "gui/ground",
                f"Where is the button “{label}”?",
                ("boxes", box, [*wrong, wrong[0] + 62, wrong[1] + 20]),
                media,
                (0.31, 0.63),
            )
        )
        media = _store(draw_map(rng), root / "transit_test")
        start, end = rng.sample(STATIONS, 2)
        items.append(
            _item(
                "transit_test",
                "transit/yes_no",
                f"Are {start} and {end} on one line?",
                ("yes_no", index % 2 == 1, index % 2 == 0),
                media,
                (0.55, 0.60),
            )
        )
        if index % 2 == 0:
            legs = ("route", ("U4", start, end), ("U1", start, end))
            items.append(
                _item("transit_test", "transit/plan", f"How do I get from {start} to {end}?", legs, media, (0.24, 0.22))
            )
    return items


def _item(
    dataset: str,
    task: str,
    question: str,
    answers: tuple[str, Any, Any],
    media: dict[str, Any],
    chances: tuple[float, float],
) -> dict[str, Any]:
    kind, gold, wrong = answers
    frame = {"kind": "original", "width": media["width"], "height": media["height"]}
    return {
        "dataset": dataset,
        "task": task,
        "question": question,
        "media": media,
        "chances": chances,
        "gold": _answer(kind, gold, frame),
        "wrong": _answer(kind, wrong, frame),
    }


def _answer(kind: str, value: Any, frame: dict[str, Any]) -> tuple[Any, str]:
    from mmrl.answers import answer_to_json, write_answer
    from mmrl.types import Answer, Box, Boxes, Frame, Number, Route, RouteLeg, YesNo

    answer: Answer
    if kind == "number":
        answer = Number(value=float(value))
    elif kind == "yes_no":
        answer = YesNo(value=value)
    elif kind == "route":
        answer = Route(legs=(RouteLeg(line=value[0], departure=value[1], arrival=value[2]),))
    else:
        answer = Boxes(boxes=(Box(x1=value[0], y1=value[1], x2=value[2], y2=value[3]),), frame=Frame(**frame))
    return answer_to_json(answer), write_answer(answer)


def cost_of_a_step(stage: int, progress: float, noise: Callable[[float], float]) -> dict[str, float]:
    """Return what the engine measures: later stages have longer completions and a reference policy."""
    generate = (0.52, 0.74, 1.31)[stage] - 0.1 * progress + abs(noise(0.03))
    seconds = {
        "load": 0.03 + abs(noise(0.004)),
        "process": 0.11 + abs(noise(0.01)),
        "generate": generate,
        "reward": 0.02 + abs(noise(0.002)),
        "old_logps": 0.0,
        "ref_logps": 0.13 + abs(noise(0.01)) if stage == 2 else 0.0,
        "forward": 0.24 + abs(noise(0.01)),
        "backward": 0.47 + abs(noise(0.02)),
        "optimizer": 0.05 + abs(noise(0.003)),
        "other": 0.01,
    }
    step, tokens = sum(seconds.values()), 2150 + 400 * stage
    return {
        **{f"time/{phase}": value for phase, value in seconds.items()},
        "time/step": step,
        "engine/media_encoded": 16 + 4 * (stage == 2),
        "engine/media_distinct": 8,
        "engine/encoded_per_medium": (16 + 4 * (stage == 2)) / 8,
        "engine/positions": 0.97 * tokens,
        "engine/real_tokens": tokens,
        "engine/positions_per_token": 0.97,
        "engine/tokens_per_second": tokens / step,
        "memory/peak_gb": 2.1 + 0.2 * stage,
        "groups/dead": min(1, max(0, 0.22 + 0.25 * progress + noise(0.06))),
        "groups/unjudged": 0.0,
        "groups/resampled": 0.0,
    }


def write_log(path: Path, rng: random.Random) -> None:
    lines: list[dict[str, Any]] = []
    global_step, clock = 0, 0.0
    for index, (stage, steps, terms) in enumerate(STAGES):
        lines.append(
            {
                "event": "stage_start",
                "stage": stage,
                "stage_index": index,
                "step": 0,
                "global_step": global_step,
                "time": clock,
            }
        )
        for step in range(1, steps + 1):
            global_step += 1
            clock += 1.7 + rng.random()
            progress = 1 - math.exp(-step / 25)
            noise = lambda scale: rng.gauss(0, scale)  # noqa: E731
            record = {
                "stage": stage,
                "stage_index": index,
                "step": step,
                "global_step": global_step,
                "time": round(clock, 2),
                "reward": 0.34 + 0.3 * progress + noise(0.05),
                "reward_std": 0.3 - 0.08 * progress + noise(0.02),
                "frac_reward_zero_std": min(1, max(0, 0.2 + 0.25 * progress + noise(0.06))),
                "completions/mean_length": 17 - 5 * progress + noise(0.7),
                "completions/clipped_ratio": max(0, 0.05 * (1 - progress) + noise(0.01)),
                "parse_failures": max(0, 0.12 * (1 - progress) + noise(0.01)),
                "loss": noise(0.01),
                "grad_norm": 0.8 + abs(noise(0.3)),
                "learning_rate": 1e-4,
            }
            record |= cost_of_a_step(index, progress, noise)
            for place, term in enumerate(terms):
                record[f"rewards/{term}"] = min(
                    1,
                    max(
                        0,
                        (0.9 if term == "format" else 0.3 + 0.08 * place)
                        + 0.3 * progress * (term != "format")
                        + noise(0.04),
                    ),
                )
            lines.append(record)
        if index == 1:
            lines.append(
                {
                    "event": "resume",
                    "stage": stage,
                    "stage_index": 1,
                    "step": steps,
                    "global_step": global_step,
                    "time": clock,
                    "message": "from checkpoint-60",
                }
            )
        lines.append(
            {
                "event": "stage_end",
                "stage": stage,
                "stage_index": index,
                "step": steps,
                "global_step": global_step,
                "time": clock,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _rows(
    items: list[dict[str, Any]], rng: random.Random, when: str, hostile: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    prompts, scores = [], []
    for index, item in enumerate(items):
        key = {"dataset": item["dataset"], "id": f"{item['dataset']}-{index:04d}", "task": item["task"]}
        right = rng.random() < item["chances"][when == "after"]
        answer, text = item["gold"] if right else item["wrong"]
        unreadable = not right and rng.random() < (0.25 if when == "before" else 0.06)
        prediction = "<answer>the the the" if unreadable else f"<answer>{text}</answer>"
        question = item["question"]
        if hostile and index < 4 * len(HOSTILE):
            prediction, question = "\n".join(HOSTILE), f"{question} {HOSTILE[index % len(HOSTILE)]}"
            unreadable, right = True, False
        prompts.append(
            {
                **key,
                "difficulty": "easy",
                "style": "direct",
                "frame": None,
                "messages": [],
                "question": question,
                "choices": [],
                "gold": item["gold"][0],
                "gold_text": item["gold"][1],
                "media": [item["media"]],
            }
        )
        scores.append(
            {
                **key,
                "cluster": item["media"]["path"],
                "prediction": prediction,
                "stop": "length" if unreadable else "end",
                "parsed": None if unreadable else answer,
                "status": "no_answer" if unreadable else "ok",
                "detail": "",
                "well_formed": not unreadable,
                "scores": {"accuracy": float(right)},
            }
        )
    return prompts, scores


def make_run(path: Path, *, hostile: bool = False, count: int = 60) -> Path:
    """Write a whole run folder; with ``hostile``, completions, questions and names try to break out of the page."""
    rng = random.Random(7)
    path.mkdir(parents=True)
    config = CONFIG if not hostile else {**CONFIG, "model_name_or_path": HOSTILE[1], "note": list(HOSTILE)}
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    write_log(path / "log.jsonl", rng)
    items = _items(path / "data", rng, count)
    if hostile:
        for item in items[:40]:
            item["task"] = f"gui/{HOSTILE[0].replace('/', '|')}"
    for when in ("before", "after"):
        prompts, scores = _rows(items, rng, when, hostile)
        write_rows(path / "eval" / when / "prompts.jsonl", prompts)
        write_rows(path / "eval" / when / "scores.jsonl", scores)
    summary = summarise(path / "eval" / "before", path / "eval" / "after")
    (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return path
