"""The runs of an experiment: arms by seeds in one folder, trained one after another, each only once."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.box_size import log_area_ratio
from eval.seed_curves import Point
from eval.stored import prompt_rows, score_rows
from mmrl.answers import answer_from_json
from mmrl.config import RunConfig
from mmrl.geometry import box_iou, convert_boxes
from mmrl.runs import DONE_NAME, RunFolder
from mmrl.types import Answer, Boxes


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """Runs ``OUT/ARM-SEED``."""

    out: Path
    seeds: Sequence[int]

    def folder(self, arm: str, seed: int) -> Path:
        """Where a run is."""
        return self.out / f"{arm}-{seed}"

    def is_done(self, arm: str, seed: int) -> bool:
        """Whether a run has ended."""
        return (self.folder(arm, seed) / DONE_NAME).is_file()

    def done(self, arm: str) -> list[int]:
        """Seeds of an arm whose runs have ended."""
        return [seed for seed in self.seeds if self.is_done(arm, seed)]

    def train(self, arm: str, seed: int, config: RunConfig, base_dir: Path) -> None:
        """Train a run, or go on with it; plug-ins of the config are found from ``base_dir``."""
        from rich.console import Console

        from mmrl.cli.train import start_run

        start = time.monotonic()
        start_run(config, base_dir, overwrite=False, console=Console())
        print(f"{arm}, seed {seed}: {time.monotonic() - start:.0f} s")

    def curves(self, arm: str, quantity: str) -> dict[int, list[Point]]:
        """Return a logged quantity of an arm by seed, at the steps that have it."""
        return {seed: logged(self.folder(arm, seed), quantity) for seed in self.done(arm)}

    def replies(self, arm: str, when: str = "after") -> dict[int, list[Reply]]:
        """Return an arm's held-out answers by seed."""
        return {seed: read_replies(self.folder(arm, seed) / "eval" / when) for seed in self.done(arm)}


def logged(run: Path, quantity: str) -> list[Point]:
    """Return optimiser step and value of a logged quantity, at the steps that have it."""
    steps = [record for record in RunFolder.open(run).read_log() if "event" not in record]
    return [(record["global_step"], value) for record in steps if (value := record.get(quantity)) is not None]


@dataclass(frozen=True, slots=True)
class Reply:
    """A held-out answer: its accuracy, its text, what was read of it, and the gold answer."""

    accuracy: float
    text: str
    parsed: Answer | None
    gold: Answer


def read_replies(folder: Path) -> list[Reply]:
    """Return the stored answers of one evaluation, by id.

    Raises:
        InputError: a file is missing or damaged.
    """
    prompts = prompt_rows(folder / "prompts.jsonl")
    rows = score_rows(folder / "scores.jsonl")
    return [_reply(rows[key], prompts[key]) for key in sorted(rows)]


def _reply(row: dict[str, Any], prompt: dict[str, Any]) -> Reply:
    parsed = row.get("parsed")
    return Reply(
        accuracy=float(row["scores"]["accuracy"]),
        text=row.get("prediction", ""),
        parsed=answer_from_json(parsed) if parsed else None,
        gold=answer_from_json(prompt["gold"]),
    )


def mean_accuracy(replies: Sequence[Reply]) -> float:
    """Return the mean accuracy."""
    return math.fsum(reply.accuracy for reply in replies) / len(replies)


def mean_log_area(replies: Sequence[Reply]) -> float | None:
    """Return the mean log ratio of predicted and gold area over answers with a box; None where there is none."""
    ratios = [ratio for reply in replies if (ratio := log_area_ratio(reply.parsed, reply.gold)) is not None]
    return math.fsum(ratios) / len(ratios) if ratios else None


def mean_iou(replies: Sequence[Reply]) -> float:
    """Return the mean overlap of single boxes; anything else that was answered counts as 0."""
    return math.fsum(_iou(reply) for reply in replies) / len(replies)


def _iou(reply: Reply) -> float:
    predicted, gold = reply.parsed, reply.gold
    if not isinstance(predicted, Boxes) or not isinstance(gold, Boxes):
        return 0.0
    if len(predicted.boxes) != 1 or len(gold.boxes) != 1:
        return 0.0
    return box_iou(convert_boxes(predicted, gold.frame).boxes[0], gold.boxes[0])
