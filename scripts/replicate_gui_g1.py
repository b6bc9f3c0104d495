"""GUI-G1 in miniature: do boxes shrink under hit-only rewards, grow under IoU alone, and keep their size under both?

    python scripts/replicate_gui_g1.py --out runs/replicate_gui_g1
    python scripts/replicate_gui_g1.py --steps 8 --test-items 16 --seeds 0     # only to see that it works

The tiny model on drawn windows of 112 pixels, a CPU. Arms: the rewards ``hit``, ``iou``, ``hit_iou`` and ``full`` (hit
+ 0.25 IoU + 0.125 box size), all with a constant length divisor and the difficulty weight, as in
configs/recipes/gui_g1_tiny.yaml; then ``full`` with each answer's own length as divisor (``own_length``), without the
difficulty weight (``unweighted``), and with neither change (``plain``). Every prompt is asked once, so that the
completions of a step answer unseen questions.

Run by run, seed by seed: the same command goes on where it was stopped. After every run OUT/report.html (verdict,
tables, curves with intervals over seeds) and OUT/summary.json are written anew; ``--markdown FILE`` writes the tables
for docs/gui_g1.md. A run of 200 steps took 105 to 107 s on one of two busy cores, evaluation included: about 40 minutes
for all seven arms and three seeds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.arm_runs import ArmRuns, Reply, mean_accuracy, mean_iou, mean_log_area
from eval.report.experiment import (
    PERCENT,
    TIMES,
    BandChart,
    CheckedClaim,
    Experiment,
    Table,
    Unit,
    checked_claim,
    claims_table,
    interval_text,
    markdown_table,
    write_experiment,
)
from eval.seed_curves import SeedMean, paired_mean, seed_mean
from mmrl.cli.building import build_folder
from mmrl.config import RunConfig, load_config, parse_config
from mmrl.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "configs" / "recipes" / "gui_g1_tiny.yaml"
KEPT = math.log(1.1)
"""A mean size within a tenth of the gold size counts as kept."""
AREA = "rewards/area_ratio"


@dataclass(frozen=True, slots=True)
class Setting:
    """What an arm trains with."""

    title: str
    weights: dict[str, float]
    loss_type: str = "dr_grpo"
    sample_weight: str | None = "gui_g1"


FULL = {"hit": 1.0, "iou": 0.25, "box_size": 0.125}
ARMS = {
    "hit": Setting("hit only", {"hit": 1.0}),
    "iou": Setting("IoU only", {"iou": 1.0}),
    "hit_iou": Setting("hit and IoU", {"hit": 1.0, "iou": 0.25}),
    "full": Setting("hit, IoU and box size", FULL),
    "own_length": Setting("the same, divided by own length", FULL, loss_type="grpo"),
    "unweighted": Setting("the same, no difficulty weight", FULL, sample_weight=None),
    "plain": Setting("the same, own length and no weight", FULL, loss_type="grpo", sample_weight=None),
}
REWARD_ARMS = ("hit", "iou", "hit_iou", "full")


def main() -> None:
    """Train what is missing, then write what is known."""
    arguments = _arguments()
    runs = ArmRuns(arguments.out, arguments.seeds)
    for seed in arguments.seeds:
        for arm in arguments.arms:
            if not arguments.report_only and not runs.is_done(arm, seed):
                runs.train(arm, seed, arm_config(arguments, arm, seed), ROOT)
                _write(arguments, runs)
    print("\n".join(_write(arguments, runs)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/replicate_gui_g1"), help="folder of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="at least three for a verdict worth it")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=200, help="optimiser steps of every run, at least 8")
    parser.add_argument("--learning-rate", type=float, default=2e-4, help="twice the tiny recipe's")
    parser.add_argument("--test-items", type=int, default=400, help="held-out questions, one a picture")
    parser.add_argument("--markdown", type=Path, help="also write the tables as Markdown")
    parser.add_argument("--report-only", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    if arguments.steps < 8 or arguments.test_items < 2 or arguments.learning_rate <= 0:
        parser.error("--steps must be 8 or more, --test-items 2 or more, --learning-rate above 0")
    return arguments


# ---------------------------------------------------------------------------------------------------- runs


def arm_config(arguments: argparse.Namespace, arm: str, seed: int) -> RunConfig:
    """Return the config of one run: the tiny recipe with other rewards, loss, weight, data and length."""
    data, setting = load_config(RECIPE).model_dump(mode="json"), ARMS[arm]
    data["output_dir"] = str(ArmRuns(arguments.out, arguments.seeds).folder(arm, seed))
    data["seed"], data["save_steps"] = seed, arguments.steps
    data["rubric"] = {"terms": _terms(setting), "truncated": 0.0}
    data["training"] |= {
        "learning_rate": arguments.learning_rate,
        "temperature": 1.0,
        "max_completion_length": 24,
        "loss_type": setting.loss_type,
        "length_divisor": 12 if setting.loss_type == "dr_grpo" else None,
        "sample_weight": setting.sample_weight,
    }
    data["stages"][0]["steps"] = arguments.steps
    data["datasets"] = _data(arguments, seed, data["datasets"]["gui_train"]["options"])
    data["evaluation"]["max_completion_length"] = 24
    return parse_config(data)


def _terms(setting: Setting) -> list[dict[str, Any]]:
    """Return the arm's terms, and of weight 0 what is watched: hits, overlap, size."""
    terms: list[dict[str, Any]] = [{"name": name, "weight": weight} for name, weight in setting.weights.items()]
    terms += [{"name": name, "weight": 0.0} for name in ("hit", "iou") if name not in setting.weights]
    watched = {"name": "area_ratio", "weight": 0.0, "use": "eval/box_size.py:log_area_ratio_term"}
    return [*terms, watched]


def _data(arguments: argparse.Namespace, seed: int, recipe: dict[str, Any]) -> dict[str, Any]:
    """Build what is missing: training windows of each seed, the same for all arms, and test windows for all."""
    prompts = 8 * arguments.steps
    test = {"count": arguments.test_items, "seed": 900_001, "questions_per_picture": 1}
    wanted = {
        ("gui_train", f"train-{prompts}-{seed}"): recipe | {"count": prompts, "seed": seed + 10},
        ("gui_test", f"test-{arguments.test_items}"): recipe | test,
    }
    folders = {}
    for (name, stored), options in wanted.items():
        folder = arguments.out / "data" / stored
        folders[name] = {"path": str(folder)}
        if not folder.is_dir():
            print(f"building {folder}")
            build_folder("gui", options, folder)
    return folders


# ---------------------------------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Outcome:
    """Held-out hit rate, overlap and log area ratio of an arm, by seed."""

    hit: dict[int, float]
    iou: dict[int, float]
    area: dict[int, float]


def outcome(replies: dict[int, list[Reply]]) -> Outcome:
    """Return the measures of an arm's held-out answers; a seed without any box has no area."""
    areas = {seed: mean_log_area(found) for seed, found in replies.items()}
    return Outcome(
        hit={seed: mean_accuracy(found) for seed, found in replies.items()},
        iou={seed: mean_iou(found) for seed, found in replies.items()},
        area={seed: area for seed, area in areas.items() if area is not None},
    )


def check_claims(found: dict[str, Outcome]) -> list[CheckedClaim]:
    """Return the paper's statements on box sizes, accuracy and loss, each with what was measured."""
    hit, iou, full = found["hit"], found["iou"], found["full"]
    return [
        _size("hit only: boxes become smaller than gold", hit, lambda one: one.is_below, lambda one: one.is_above),
        _size("IoU only: boxes become larger than gold", iou, lambda one: one.is_above, lambda one: one.is_below),
        _size(
            "hit, IoU and size: boxes keep the gold size, within a tenth",
            full,
            lambda one: one.within(KEPT),
            lambda one: one.low > KEPT or one.high < -KEPT,
        ),
        _order("boxes: all three terms larger than hit only", full.area, hit.area, TIMES),
        _order("boxes: IoU only larger than all three terms", iou.area, full.area, TIMES),
        _order("overlap: all three terms above hit only", full.iou, hit.iou, PERCENT),
        _order("hit rate: all three terms above IoU only", full.hit, iou.hit, PERCENT),
        _order(
            "hit rate: a constant divisor above the own length", found["unweighted"].hit, found["plain"].hit, PERCENT
        ),
        _order("hit rate: difficulty weight above none", full.hit, found["unweighted"].hit, PERCENT),
    ]


def _size(
    text: str, one: Outcome, holds: Callable[[SeedMean], bool], fails: Callable[[SeedMean], bool]
) -> CheckedClaim:
    return checked_claim(text, seed_mean(list(one.area.values())) if one.area else None, TIMES, holds, fails)


def _order(text: str, first: dict[int, float], second: dict[int, float], unit: Unit) -> CheckedClaim:
    return checked_claim(text, paired_mean(first, second), unit)


def verdict(claims: Sequence[CheckedClaim]) -> list[str]:
    """Return what may honestly be said of the paper's statement on box sizes, and of the rest."""
    if any(claim.found == "not trained" for claim in claims):
        return ["No verdict yet: not every arm is trained."]
    sizes = claims[:3]
    shown = [claim for claim in sizes if claim.holds]
    start = {3: "Appears", 0: "Does not appear"}.get(len(shown), f"Appears in part, {len(shown)} of 3")
    told = "; ".join(f"{claim.text}: {claim.word} ({claim.found})" for claim in sizes)
    rest = claims[3:]
    counts = {word: sum(claim.holds is word for claim in rest) for word in (True, False, None)}
    return [
        f"{start}: the paper's statement on box sizes. {told}.",
        f"Of {len(rest)} further comparisons {counts[True]} are shown, {counts[False]} go the other way, "
        f"{counts[None]} are not decided.",
    ]


def _write(arguments: argparse.Namespace, runs: ArmRuns) -> list[str]:
    """Write report and summary of all runs that are done; returns the verdict."""
    found = {arm: outcome(runs.replies(arm)) for arm in ARMS}
    before = outcome(next((runs.replies(arm, "before") for arm in ARMS if runs.done(arm)), {}))
    claims = check_claims(found)
    sentences = verdict(claims)
    table = _results(found, before)
    experiment = Experiment(
        title="GUI-G1 in miniature",
        verdict=sentences,
        claims=claims,
        tables=[table],
        charts=_charts(runs),
        notes=_notes(arguments),
        window=max(1, min(15, arguments.steps // 8)),
    )
    write_experiment(experiment, arguments.out / "report.html")
    write_json(arguments.out / "summary.json", _summary(arguments, found, before, claims, sentences))
    if arguments.markdown:
        parts = [" ".join(sentences), markdown_table(table), markdown_table(claims_table(claims)), *_notes(arguments)]
        write_text(arguments.markdown, "\n\n".join(part.strip() for part in parts) + "\n")
    return sentences


def _results(found: dict[str, Outcome], before: Outcome) -> Table:
    columns = ["Trained with", "Seeds", "Hit rate", "IoU", "Area over gold area"]
    rows = [_result_row(ARMS[arm].title, one) for arm, one in found.items()]
    return Table("Held-out questions after training", columns, [_result_row("nothing", before), *rows])


def _result_row(title: str, one: Outcome) -> list[str]:
    cells = [(one.hit, PERCENT), (one.iou, PERCENT), (one.area, TIMES)]
    shown = [interval_text(seed_mean(list(values.values())) if values else None, unit) for values, unit in cells]
    return [title, str(len(one.hit)), *shown]


def _charts(runs: ArmRuns) -> list[BandChart]:
    titles = {
        "Area of the boxes over the gold area, geometric mean of a step's completions": (AREA, TIMES),
        "Hit rate of a step's completions": ("rewards/hit", PERCENT),
        "IoU of a step's completions": ("rewards/iou", PERCENT),
    }
    groups = {"rewards": REWARD_ARMS, "loss and weight": tuple(arm for arm in ARMS if arm not in REWARD_ARMS[:3])}
    return [
        BandChart(f"{title} ({name})", unit, {ARMS[arm].title: runs.curves(arm, key) for arm in arms})
        for name, arms in groups.items()
        for title, (key, unit) in titles.items()
    ]


def _notes(arguments: argparse.Namespace) -> list[str]:
    return [
        f"The built-in model on drawn windows of 112 pixels; {arguments.steps} optimiser steps a run of 8 prompts with "
        f"8 completions, every prompt once; learning rate {arguments.learning_rate:g}; temperature 1; "
        f"{arguments.test_items} held-out windows, greedy decoding. An answer cut off at 24 tokens earns nothing.",
        "Sizes are geometric means over answers with a box. The untrained model answers with boxes that are too large "
        "when it decodes greedily, so sizes are compared with gold, not with before.",
        "Runs of one seed are paired: same prompts, same order. A difference of sizes is a ratio here: 1.50 × means "
        "half as large again. A miniature says what the method does to this model on these windows, and nothing about "
        "the paper's figures.",
    ]


def _summary(
    arguments: argparse.Namespace,
    found: dict[str, Outcome],
    before: Outcome,
    claims: Sequence[CheckedClaim],
    sentences: Sequence[str],
) -> dict[str, Any]:
    return {
        "verdict": list(sentences),
        "steps": arguments.steps,
        "learning_rate": arguments.learning_rate,
        "before": _measures(before),
        "arms": {arm: _measures(one) for arm, one in found.items()},
        "claims": [{"text": one.text, "found": one.found, "holds": one.holds} for one in claims],
    }


def _measures(one: Outcome) -> dict[str, dict[str, float]]:
    """Return each measure by seed; sizes as natural logarithms."""
    parts = {"hit": one.hit, "iou": one.iou, "log_area_ratio": one.area}
    return {name: {str(seed): value for seed, value in values.items()} for name, values in parts.items()}


if __name__ == "__main__":
    main()
