"""Do DeepVideo-R1's two parts help in miniature? The built-in model on scripted clips, four arms, several seeds, a CPU.

    python scripts/replicate_deepvideo_r1.py --out runs/replicate_deepvideo_r1
    python scripts/replicate_deepvideo_r1.py --words 8 --steps 4 --clips 64 --test-items 8   # to see that it works

Arms: ``grpo``, ``reg_grpo``, and each with difficulty-aware augmentation. All arms of a seed start from the same
weights, made by showing gold answers to the built-in model, which has never seen a clip; all take equally many
optimiser steps on the same clips in the same order. Settings are those of configs/recipes/deepvideo_r1_tiny.yaml,
pictures before clips included, and hints: each clip has a written reasoning, which tells when an event starts and not
when it ends.

Run by run, seed by seed: the same command goes on where it was stopped. After every run OUT/report.html (curves, a
table with intervals, a verdict) and OUT/summary.json are written anew.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.arms import Arm, Claim, arm_estimate, difference, findings, verdict
from eval.report.comparison import Comparison, write_comparison
from eval.stored import score_rows
from mmrl.answers import answer_from_json
from mmrl.cli.building import build_folder
from mmrl.cli.train import start_run
from mmrl.config import RunConfig, load_config, parse_config
from mmrl.data import DatasetWriter, read_folder
from mmrl.files import write_json
from mmrl.runs import DONE_NAME, RunFolder
from mmrl.scoring import temporal_iou
from mmrl.types import Intervals, Sample

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "configs" / "recipes" / "deepvideo_r1_tiny.yaml"
ARMS = {
    "grpo": "GRPO",
    "reg_grpo": "Reg-GRPO",
    "grpo_augmented": "GRPO with augmentation",
    "reg_grpo_augmented": "Reg-GRPO with augmentation",
}
CLAIMS = (
    Claim(better="reg_grpo", worse="grpo"),
    Claim(better="grpo_augmented", worse="grpo"),
    Claim(better="reg_grpo_augmented", worse="reg_grpo"),
    Claim(better="reg_grpo_augmented", worse="grpo_augmented"),
)
ORDER = "the paper's order (each part helps, both together best)"
Measure = Callable[[Path, str], list[float]]


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
    parser.add_argument("--out", type=Path, default=Path("runs/replicate_deepvideo_r1"), help="folder of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="at least three for a verdict worth it")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--words", type=int, default=300, help="steps on gold answers before all arms")
    parser.add_argument("--steps", type=int, default=120, help="optimiser steps by reward of every run, at least 4")
    parser.add_argument("--clips", type=int, default=1600, help="questions to train on by reward")
    parser.add_argument("--test-items", type=int, default=300, help="held-out questions")
    parser.add_argument("--window", type=int, default=100, help="groups over which recent rewards are averaged")
    parser.add_argument("--report-only", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    if arguments.steps < 4 or arguments.test_items < 2 or arguments.words < 1:
        parser.error("--steps must be 4 or more, --test-items 2 or more, --words 1 or more")
    return arguments


# ---------------------------------------------------------------------------------------------------- runs


def _folder(arguments: argparse.Namespace, arm: str, seed: int) -> Path:
    folder: Path = arguments.out / f"{arm}-{seed}"
    return folder


def _train(arguments: argparse.Namespace, arm: str, seed: int) -> None:
    from rich.console import Console

    start = time.monotonic()
    if not (_folder(arguments, "words", seed) / DONE_NAME).is_file():
        start_run(words_config(arguments, seed), RECIPE.parent, overwrite=False, console=Console())
    start_run(arm_config(arguments, arm, seed), RECIPE.parent, overwrite=False, console=Console())
    print(f"{arm}, seed {seed}: {(time.monotonic() - start) / 60:.1f} min")


def words_config(arguments: argparse.Namespace, seed: int) -> RunConfig:
    """Return the run on gold answers that all arms of a seed start from; a fifth of its questions carries a hint."""
    data = load_config(RECIPE).model_dump(mode="json")
    data["output_dir"], data["seed"] = str(_folder(arguments, "words", seed)), seed
    stage = {**data["stages"][0], "steps": arguments.words, "mix": {"clips_words": 0.8, "clips_hinted": 0.2}}
    data["stages"] = [stage]
    folders = _data(arguments, seed, data["datasets"])
    data["datasets"] = {name: {"path": str(folders[name])} for name in ("clips_words", "clips_hinted")}
    data["evaluation"]["datasets"] = []
    return parse_config(data)


def arm_config(arguments: argparse.Namespace, arm: str, seed: int) -> RunConfig:
    """Return the config of one run: the tiny recipe's stages by reward, from the weights that know the words."""
    data = load_config(RECIPE).model_dump(mode="json")
    data["output_dir"], data["seed"] = str(_folder(arguments, arm, seed)), seed
    data["model_name_or_path"] = str(_folder(arguments, "words", seed) / "stages" / "0-words" / "final")
    augmented = {"window": arguments.window, "easy": "noise", "hint": 0.7}
    data["training"]["augmentation"] = augmented if arm.endswith("augmented") else None
    data["training"]["loss_type"] = "reg_grpo" if arm.startswith("reg") else "grpo"
    if not arm.startswith("reg"):
        data["training"].pop("reg_sigma_floor")
    pictures, clips = data["stages"][1:]
    pictures["steps"] = max(1, round(arguments.steps * pictures["steps"] / (pictures["steps"] + clips["steps"])))
    clips["steps"] = arguments.steps - pictures["steps"]
    data["stages"] = [pictures, clips]
    folders = _data(arguments, seed, data["datasets"])
    data["datasets"] = {name: {"path": str(folders[name])} for name in ("pictures", "clips_train", "clips_test")}
    return parse_config(data)


def _data(arguments: argparse.Namespace, seed: int, recipe: Mapping[str, Any]) -> dict[str, Path]:
    """Build what is missing: training data of each seed, the same for all arms, and test clips, the same for all."""
    clips = recipe["clips_train"]["options"]
    test = {**recipe["clips_test"]["options"], "count": arguments.test_items, "seed": 900_001}
    wanted: dict[str, tuple[str, str, dict[str, Any]]] = {
        "pictures": ("scenes", f"pictures-{seed}", {**recipe["pictures"]["options"], "seed": 10 * seed + 10}),
        "words": ("video", f"words-{seed}", {**recipe["clips_words"]["options"], "seed": 10 * seed + 11}),
        "clips": ("video", f"clips-{seed}", {**clips, "count": arguments.clips, "seed": 10 * seed + 12}),
        "clips_test": ("video", f"clips_test-{arguments.test_items}", test),
    }
    folders = {}
    for name, (builder, stored, options) in wanted.items():
        folders[name] = arguments.out / "data" / stored
        if not folders[name].is_dir():
            print(f"building {folders[name]}")
            build_folder(builder, options, folders[name])
    for name, source, change in (
        ("clips_train", "clips", reasoned),
        ("clips_words", "words", reasoned),
        ("clips_hinted", "words", hinted),
    ):
        folders[name] = arguments.out / "data" / f"{name}-{seed}"
        if not folders[name].is_dir():
            _changed(folders[source], folders[name], change)
    return folders


def _changed(source: Path, out: Path, change: Callable[[Sample], Sample]) -> None:
    """Write a dataset folder anew with each of its samples changed."""
    folder = read_folder(source)
    origin = folder.manifest
    with DatasetWriter(
        out,
        builder="replicate_deepvideo_r1",
        version="1",
        config={"of": source.name},
        seed=0,
        source=str(origin["source"]),
        licence=str(origin["licence"]),
    ) as writer:
        for sample in folder.samples:
            media = tuple(writer.add_video(folder.root / one.path) for one in sample.media)
            writer.add(replace(change(sample), media=media))


def reasoned(sample: Sample) -> Sample:
    """Return the sample with a written reasoning, of which a hint may be taken: when each stretch starts."""
    assert isinstance(sample.answer, Intervals)
    starts = " ".join(f"It starts at {one.start:g}." for one in sample.answer.intervals)
    return replace(sample, meta={**sample.meta, "reasoning": starts})


def hinted(sample: Sample) -> Sample:
    """Return the sample with that reasoning in its question, as augmentation writes hints."""
    hint = reasoned(sample).meta["reasoning"]
    return replace(sample, id=f"{sample.id}-hinted", question=f"{sample.question}\nHint: {hint}")


# ---------------------------------------------------------------------------------------------------- results


def _write(arguments: argparse.Namespace) -> str:
    """Write report and summary of all runs that are done; returns the verdict, which is on overlap."""
    arms = [_arm(arguments, name, item_overlaps) for name in ARMS]
    found = findings(arms, CLAIMS)
    sentence = verdict(found, CLAIMS, order=ORDER)
    comparison = Comparison(
        title="DeepVideo-R1 in miniature",
        verdict=sentence,
        arms=arms,
        findings=found,
        curve_title="Share of groups without variance on clips, after augmentation where there is any",
        notes=_notes(arguments, arms),
        window=max(1, min(15, arguments.steps // 8)),
    )
    write_comparison(comparison, arguments.out / "report.html")
    write_json(arguments.out / "summary.json", _summary(arguments, arms, sentence))
    return sentence


def _notes(arguments: argparse.Namespace, arms: Sequence[Arm]) -> list[str]:
    return [
        f"Scores are temporal IoU on {arguments.test_items} held-out questions about clips of other seeds, greedy "
        f"decoding. The built-in model, {arguments.words} steps on gold answers, the same for all arms of a seed, then "
        f"{arguments.steps} optimiser steps by reward: pictures first, then pictures and clips.",
        *(f"{arm.title}: {_told(_gain(arguments, arm))}" for arm in arms if arm.scores),
        "Curves are of steps on clips; thin ones are seeds, thick ones their mean, both smoothed.",
        "A miniature says what the method does to this model on these clips, and nothing about the paper's figures.",
    ]


def _told(gain: Mapping[str, Any]) -> str:
    low, high = gain["ci95"]
    return f"overlap {gain['gain']:+.3f} by training by reward, 95 % interval over seeds {low:+.3f} to {high:+.3f}."


def _done(arguments: argparse.Namespace, name: str) -> list[int]:
    return [seed for seed in arguments.seeds if (_folder(arguments, name, seed) / DONE_NAME).is_file()]


def _arm(arguments: argparse.Namespace, name: str, measure: Measure, when: str = "after") -> Arm:
    folders = {seed: _folder(arguments, name, seed) for seed in _done(arguments, name)}
    return Arm(
        name=name,
        title=ARMS[name],
        scores={seed: measure(folder, when) for seed, folder in folders.items()},
        curves={seed: dead_curve(folder) for seed, folder in folders.items()},
    )


def item_overlaps(folder: Path, when: str) -> list[float]:
    """Return the temporal IoU of every held-out item; 0 where no answer was read."""
    gold = {one.id: one.answer for one in read_folder(_test_folder(folder)).samples}
    rows = score_rows(folder / "eval" / when / "scores.jsonl")
    found = []
    for key in sorted(rows):
        parsed, answer = rows[key].get("parsed"), gold[key[1]]
        predicted = answer_from_json(parsed) if parsed else None
        assert isinstance(answer, Intervals)
        found.append(temporal_iou(predicted, answer) if isinstance(predicted, Intervals) else 0.0)
    return found


def _test_folder(folder: Path) -> Path:
    return Path(load_config(folder / "config.yaml").datasets["clips_test"].path or "")


def item_accuracies(folder: Path, when: str) -> list[float]:
    """Return whether each held-out item is right: an overlap of at least a half."""
    rows = score_rows(folder / "eval" / when / "scores.jsonl")
    return [float(rows[key]["scores"]["accuracy"]) for key in sorted(rows)]


def dead_curve(folder: Path, key: str = "groups/dead") -> list[tuple[float, float]]:
    """Return a share of groups at each step on clips."""
    records = RunFolder.open(folder).read_log()
    steps = [one for one in records if "event" not in one and one.get("stage") == "clips"]
    return [(one["global_step"], one[key]) for one in steps if one.get(key) is not None]


def _gain(arguments: argparse.Namespace, arm: Arm) -> dict[str, Any]:
    """Return what an arm gained in overlap over its own start, paired by item, with its interval over seeds."""
    estimate = difference(arm, _arm(arguments, arm.name, item_overlaps, "before"))
    assert estimate is not None
    return {"gain": estimate.gain, "ci95": [estimate.low, estimate.high]}


def _summary(arguments: argparse.Namespace, arms: Sequence[Arm], sentence: str) -> dict[str, Any]:
    accuracy = [_arm(arguments, name, item_accuracies) for name in ARMS]
    compared = {"tiou": arms, "accuracy": accuracy}
    return {
        "verdict": sentence,
        "words": arguments.words,
        "steps": arguments.steps,
        "arms": {arm.name: _arm_summary(arguments, arm, other) for arm, other in zip(arms, accuracy, strict=True)},
        "differences": {
            measure: [
                {
                    "better": one.claim.better,
                    "worse": one.claim.worse,
                    "points": one.estimate.gain,
                    "ci95": [one.estimate.low, one.estimate.high],
                    "seeds": one.seeds,
                }
                for one in findings(chosen, CLAIMS)
            ]
            for measure, chosen in compared.items()
        },
    }


def _arm_summary(arguments: argparse.Namespace, overlap: Arm, accuracy: Arm) -> dict[str, Any]:
    if not overlap.scores:
        return {"seeds": []}
    measured = {"tiou": overlap, "accuracy": accuracy}
    for name, key in (("dead_groups", "groups/dead"), ("dead_groups_before_augmentation", "augment/dead_before")):
        curves = {seed: dead_curve(_folder(arguments, overlap.name, seed), key) for seed in overlap.scores}
        if all(curves.values()):
            shares = {seed: [math.fsum(value for _, value in one) / len(one)] for seed, one in curves.items()}
            measured[name] = replace(overlap, scores=shares)
    estimates = {name: arm_estimate(arm) for name, arm in measured.items()}
    return {
        "seeds": sorted(overlap.scores),
        **{name: {"mean": one.gain, "ci95": [one.low, one.high]} for name, one in estimates.items()},
        "tiou_gain_by_reward": _gain(arguments, overlap),
    }


if __name__ == "__main__":
    main()
