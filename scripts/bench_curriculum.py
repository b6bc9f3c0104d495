"""Does a curriculum that adapts learn faster than the same data unordered? The tiny model, three seeds, on a CPU.

    python scripts/bench_curriculum.py --out runs/bench_curriculum
    python scripts/bench_curriculum.py --steps 12 --every 4 --items 16 --seeds 0     # only to see that it works

Arms: ``mixed`` (all data of configs/demo.yaml in one shuffled stage), ``follow`` (one stage whose rows follow the
learner) and ``staged`` (the easy level until it stands still, then everything, following the learner, with replay). All
see the same rows, rewards, batch and settings, and at most the same steps. Every few steps the policy answers a
held-out set greedily; counted are the steps until it first answers ``--target`` of it, and a run that never does counts
as having taken them all. What is claimed is the ratio to ``mixed``, seed by seed, with Student's interval of its
logarithm over seeds.

Run by run, seed by seed: the same command goes on where it was stopped. After every run OUT/report.html and
OUT/summary.json are written anew.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.special import stdtrit

from eval.arms import Arm, Claim, findings
from eval.report.comparison import Comparison, write_comparison
from eval.stored import score_rows
from mmrl.cli.building import build_folder
from mmrl.cli.train import start_run
from mmrl.config import RunConfig, load_config, parse_config
from mmrl.data import DatasetWriter, read_folder
from mmrl.files import write_json
from mmrl.runs import DONE_NAME, RunFolder

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "configs" / "demo.yaml"
ARMS = {
    "mixed": "all data, unordered",
    "follow": "rows that follow the learner",
    "staged": "easy rows first, then all, following the learner",
}
CLAIMS = tuple(Claim(better=arm, worse="mixed") for arm in ("staged", "follow"))
TRAINED = ("scenes_train", "gui_train", "transit_train", "direct_train")
TESTS = ("scenes_test", "gui_test", "transit_test")
SETS = {"look": 500_000, "test": 900_000}
"""Held-out sets by name with the seed of their pictures: what is looked at in training, and what is evaluated after."""
WANTED = 2 / 3
"""Share of the steps of ``mixed`` that is asked of ``staged``."""


def main() -> None:
    """Train what is missing, then write what is known."""
    arguments = _arguments()
    for seed in arguments.seeds:
        for arm in arguments.arms:
            if not arguments.report_only and not (_folder(arguments, arm, seed) / DONE_NAME).is_file():
                _train(arguments, arm, seed)
                _write(arguments)
    print(_write(arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench_curriculum"), help="folder of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="at least three for an interval")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=360, help="most optimiser steps of every run, at least 12")
    parser.add_argument("--every", type=int, default=10, help="steps between looks at the held-out set")
    parser.add_argument("--items", type=int, default=150, help="items of each held-out set, a third of each family")
    parser.add_argument("--target", type=float, default=0.6, help="held-out accuracy to be reached")
    parser.add_argument("--report-only", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    if arguments.steps < 12 or arguments.items < 3 or not 1 <= arguments.every <= arguments.steps // 3:
        parser.error("--steps must be 12 or more, --items 3 or more, --every at most a third of --steps")
    return arguments


# ---------------------------------------------------------------------------------------------------- runs


def _folder(arguments: argparse.Namespace, arm: str, seed: int) -> Path:
    folder: Path = arguments.out / f"{arm}-{seed}"
    return folder


def _train(arguments: argparse.Namespace, arm: str, seed: int) -> None:
    from rich.console import Console

    start = time.monotonic()
    start_run(arm_config(arguments, arm, seed), DEMO.parent, overwrite=False, console=Console())
    print(f"{arm}, seed {seed}: {(time.monotonic() - start) / 60:.1f} min")


def arm_config(arguments: argparse.Namespace, arm: str, seed: int) -> RunConfig:
    """Return the config of one run: the demo's data and last rewards, with the arm's stages."""
    data = load_config(DEMO).model_dump(mode="json")
    folders = {name: _built(arguments, data["datasets"], name, name, seed=None) for name in TRAINED}
    folders |= {name: _held_out(arguments, data["datasets"], name) for name in SETS}
    data["output_dir"], data["seed"] = str(_folder(arguments, arm, seed)), seed
    data["stages"] = _stages(arguments, data["stages"][-1], arm)
    data["datasets"] = {name: {"path": str(folder)} for name, folder in folders.items()}
    data["evaluation"]["datasets"] = ["test"]
    return parse_config(data)


def _stages(arguments: argparse.Namespace, last: Mapping[str, Any], arm: str) -> list[dict[str, Any]]:
    looks = {"held_out": {"dataset": "look", "every": arguments.every}}
    steps = arguments.steps
    whole = {**last, "name": "all", "training": {}, "order": "follow", "steps": steps, "stop": looks}
    if arm == "mixed":
        return [{**whole, "order": "shuffled"}]
    if arm == "follow":
        return [whole]
    begin = steps // 3
    rule = {**looks, "plateau": max(2, begin // 4), "term": "accuracy"}
    easy = {**whole, "name": "easy", "steps": begin, "filter": {"difficulty": ["easy"]}, "stop": rule}
    return [easy, {**whole, "steps": steps - begin, "replay": 0.2, "carry": {"optimizer": "kept", "reference": "kept"}}]


def _built(
    arguments: argparse.Namespace, recipe: Mapping[str, Any], name: str, stored: str, *, seed: int | None
) -> Path:
    """Return a dataset of the demo, built where it is missing; with a seed another one of its kind."""
    folder: Path = arguments.out / "data" / stored
    if not folder.is_dir():
        print(f"building {folder}")
        options = dict(recipe[name]["options"])
        if seed is not None:
            options |= {"seed": seed, "count": max(1, arguments.items // len(TESTS))}
        build_folder(recipe[name]["build"], options, folder)
    return folder


def _held_out(arguments: argparse.Namespace, recipe: Mapping[str, Any], name: str) -> Path:
    """Return a held-out set of all families in one folder, built where it is missing."""
    folder: Path = arguments.out / "data" / f"{name}-{arguments.items}"
    if folder.is_dir():
        return folder
    parts = [
        _built(arguments, recipe, test, f"{name}-{test}-{arguments.items}", seed=SETS[name] + place)
        for place, test in enumerate(TESTS)
    ]
    origin: dict[str, Any] = {"builder": "bench_curriculum", "version": "1", "config": {}, "seed": SETS[name]}
    with DatasetWriter(folder, **origin, source="built", licence="CC0-1.0") as writer:
        for part in map(read_folder, parts):
            for sample in part.samples:
                media = tuple(writer.add_image(part.open_image(medium)) for medium in sample.media)
                writer.add(replace(sample, id=f"{sample.family}-{sample.id}", media=media))
    return folder


# ---------------------------------------------------------------------------------------------------- results


def steps_to(curve: Sequence[tuple[float, float]], target: float) -> float | None:
    """Return the step of the first look with at least this accuracy, or None where there is none."""
    return next((step for step, accuracy in curve if accuracy >= target), None)


def ratio_interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the ratio second / first, seed by seed, as geometric mean with 95 % interval (t on logarithms)."""
    logs = [math.log(second / first) for first, second in pairs]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    half = float(stdtrit(len(logs) - 1, 0.975)) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def _write(arguments: argparse.Namespace) -> str:
    """Write report and summary of all runs that are done; returns the verdict."""
    arms = [_arm(arguments, name) for name in ARMS]
    reached = {
        arm.name: {seed: steps_to(curve, arguments.target) for seed, curve in arm.curves.items()} for arm in arms
    }
    ratios = {claim.better: _ratio(arguments, reached, claim.better) for claim in CLAIMS}
    sentence = _verdict(arguments, ratios["staged"])
    notes = [*(_ratio_note(name, ratios[name]) for name in ratios), *_notes(arguments)]
    comparison = Comparison(
        title="A curriculum that adapts, against the same data unordered",
        verdict=sentence,
        arms=arms,
        findings=findings(arms, CLAIMS),
        curve_title="Held-out accuracy at each look while training",
        notes=notes,
        window=1,
    )
    write_comparison(comparison, arguments.out / "report.html")
    summary = {"verdict": sentence, "target": arguments.target, "steps": arguments.steps, "ratios": ratios}
    curves = {arm.name: {str(seed): curve for seed, curve in arm.curves.items()} for arm in arms}
    steps = {name: {str(seed): step for seed, step in each.items()} for name, each in reached.items()}
    write_json(arguments.out / "summary.json", {**summary, "steps_to_target": steps, "curves": curves})
    return sentence


def _ratio(
    arguments: argparse.Namespace, reached: Mapping[str, Mapping[int, float | None]], arm: str
) -> dict[str, Any] | None:
    """Return the ratio of an arm's steps to those of ``mixed`` over the seeds of both; None before there are any."""
    seeds = sorted(reached[arm].keys() & reached["mixed"].keys())
    if not seeds:
        return None
    # One that never gets there has taken more than all steps; counted as all, it makes neither side look slower.
    pairs = [tuple(reached[name][seed] or float(arguments.steps) for name in ("mixed", arm)) for seed in seeds]
    mean, low, high = ratio_interval([(one, other) for one, other in pairs])
    finite = {"low": low, "high": high} if math.isfinite(high) else {"low": None, "high": None}
    never = {name: [seed for seed in seeds if reached[name][seed] is None] for name in ("mixed", arm)}
    return {"ratio": mean, **finite, "seeds": len(seeds), "never_reached": never}


def _ratio_note(arm: str, ratio: Mapping[str, Any] | None) -> str:
    if ratio is None:
        return f"{ARMS[arm]}: not trained yet."
    interval = "one seed, no interval" if ratio["high"] is None else f"95 % {ratio['low']:.2f} to {ratio['high']:.2f}"
    never = "".join(
        f" {ARMS[name]} never got there with seed {', '.join(map(str, seeds))}."
        for name, seeds in ratio["never_reached"].items()
        if seeds
    )
    return f"{ARMS[arm]}: {ratio['ratio']:.2f} of the steps ({interval}).{never}"


def _verdict(arguments: argparse.Namespace, ratio: Mapping[str, Any] | None) -> str:
    """Return one honest sentence on whether adaptive staging needs at most two thirds of the steps."""
    goal = f"{100 * arguments.target:.0f} % of the held-out items"
    if ratio is None:
        return f"No verdict yet: staged and mixed are not both trained ({goal})."
    over = f"over {ratio['seeds']} seed{'s' if ratio['seeds'] != 1 else ''}"
    if ratio["never_reached"]["staged"]:
        return f"Not shown: adaptive staging did not reach {goal} in {arguments.steps} steps with every seed, {over}."
    needed = f"adaptive staging reached {goal} in {ratio['ratio']:.2f} of the steps of unordered mixing {over}"
    if ratio["ratio"] > WANTED:
        return f"It does not: {needed}, more than two thirds."
    if ratio["high"] is not None and ratio["high"] <= WANTED:
        return f"Shown: {needed}, with the whole interval (up to {ratio['high']:.2f}) at two thirds or less."
    return f"In the mean, not surely: {needed}; the interval reaches beyond two thirds."


def _notes(arguments: argparse.Namespace) -> list[str]:
    return [
        f"The built-in model, at most {arguments.steps} optimiser steps a run, a look after every {arguments.every}; "
        f"{arguments.items} items of scenes, screens and maps in each held-out set; greedy decoding.",
        "The table above is the accuracy on a second held-out set after training; the steps are counted on the first, "
        "by the first look that reaches the target. A run that never does counts as having taken all its steps.",
        "Staged runs may end their first stage early and so take fewer steps in all.",
    ]


def _arm(arguments: argparse.Namespace, name: str) -> Arm:
    done = [seed for seed in arguments.seeds if (_folder(arguments, name, seed) / DONE_NAME).is_file()]
    return Arm(
        name=name,
        title=ARMS[name],
        scores={seed: _item_scores(_folder(arguments, name, seed)) for seed in done},
        curves={seed: _looks(_folder(arguments, name, seed)) for seed in done},
    )


def _item_scores(folder: Path) -> list[float]:
    rows = score_rows(folder / "eval" / "after" / "scores.jsonl")
    return [float(rows[key]["scores"]["accuracy"]) for key in sorted(rows)]


def _looks(folder: Path) -> list[tuple[float, float]]:
    records = RunFolder.open(folder).read_log()
    return [(one["global_step"], one["accuracy"]) for one in records if one.get("event") == "held_out"]


if __name__ == "__main__":
    main()
