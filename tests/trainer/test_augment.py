"""Augmentation and shuffled groups at work in staged runs of the tiny model on clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mmrl.config import load_config
from mmrl.data import DatasetWriter
from mmrl.errors import InputError
from mmrl.families import load_processor
from mmrl.trainer import GRPOTrainer
from mmrl.trainer.advantage_rule import STATES_NAME
from mmrl.trainer.columns import CHANGE, SHUFFLED
from mmrl.trainer.stages import _build_trainer, _prepare_jobs
from mmrl.types import Sample, YesNo
from mmrl.video import VideoRequest, read_video
from tests.trainer.case import open_case, train_case, write_case
from tests.trainer.test_stages import assert_same_weights, interrupted_at, log_of
from tests.trainer.tiny import plain_images
from tests.video.clips import write_clip

VIDEO = {"max_pixels": 56 * 56, "min_pixels": 56 * 56, "video_fps": 2.0, "video_max_frames": 6}
GRADES = '''
def grade(sample, rollout):
    """Samples of even number are easy, those of odd number hard; a little of the length tells answers apart."""
    return 0.8 * (int(sample.id[1:]) % 2 == 0) + 0.01 * len(rollout.token_ids_T)
'''
AUGMENTED = {"window": 4, "easy": "noise", "hint": 1.0}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("films") / "one.mp4", 12, fps=4, size=(56, 56))


def write_films(folder: Path, model: Path, film: Path, training: dict[str, Any], **rubric: Any) -> Path:
    """Write a case of one stage on clips and a picture, with a reward that makes some samples easy and others hard."""
    write_case(folder, model)
    (folder / "grade.py").write_text(GRADES, encoding="utf-8")
    origin: dict[str, Any] = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn"}
    with DatasetWriter(folder / "colours", overwrite=True, licence="CC0-1.0", **origin) as writer:
        for row in range(6):
            medium = writer.add_image(plain_images(1)[0]) if row == 5 else writer.add_video(film)
            reasoning = {} if row == 3 else {"reasoning": "It is red at first. The answer is yes."}
            writer.add(
                Sample(
                    id=f"s{row}",
                    task="test/colours",
                    question="Is it red?",
                    media=(medium,),
                    answer=YesNo(value=True),
                    meta=reasoning,
                )
            )
    path = folder / "config.yaml"
    data = yaml.safe_load(path.read_text()) | VIDEO
    data["stages"] = data["stages"][:1]
    data["rubric"] = {
        "terms": [{"name": "grade", "use": "grade.py:grade", "verifies": True}, {"name": "accuracy"}],
        "truncated": None,
        **rubric,
    }
    data["training"] |= training
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def trainer_of(folder: Path) -> GRPOTrainer:
    config, datasets, run = open_case(folder)
    job = _prepare_jobs(config, datasets, run, folder)[0]
    processor = load_processor(config.model_name_or_path, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    return _build_trainer(job, processor)[0]


def batches(trainer: GRPOTrainer, count: int) -> list[Any]:
    """Generate and score the first batches as training does; returns what they rolled out."""
    trainer.model.train()
    seen = []
    rolled = trainer._roll_out

    def noted(inputs: Any, *args: Any, **options: Any) -> Any:
        seen.append(rolled(inputs, *args, **options))
        return seen[-1]

    trainer._roll_out = noted  # type: ignore[method-assign]
    rows = iter(trainer.get_train_dataloader())
    for _ in range(count):
        trainer._generate_and_score_completions(next(rows))
    return seen


def by_sample(rollouts: Any) -> dict[str, dict[str, Any]]:
    return {rollouts.inputs[part[0]]["sample"].id: rollouts.inputs[part[0]] for part in rollouts.parts}


def test_easy_samples_get_noise_and_hard_ones_a_hint(tmp_path: Path, tiny_folder: Path, film: Path) -> None:
    trainer = trainer_of(write_films(tmp_path, tiny_folder, film, {"augmentation": AUGMENTED}))
    first, second, again = batches(trainer, 2)
    assert not any(CHANGE in row and row[CHANGE] for row in first.inputs), "the window was not full"
    rows = by_sample(second)
    assert len(rows) == 4
    for name, row in rows.items():
        change = row[CHANGE]
        text = row["prompt"][0]["content"][-1]["text"]
        if name == "s3":
            assert change is None, "no reasoning, and none can be asked for in the direct style"
            assert "Hint" not in text
        elif int(name[1:]) % 2:
            assert change["operator"] == "hint"
            assert "Is it red?\nHint: It is red at first.\n" in text
            assert "yes" not in change["hint"]
        else:
            assert change["operator"] == "noise"
            clean = read_video(film, VideoRequest(fps=2.0, max_frames=6, max_pixels=56 * 56))
            assert change["strength"] == pytest.approx(0.3 * min(1, -change["difficulty"] / 2))
            black = row["videos"][0].frames_FHWC[clean.frames_FHWC == 0].astype(float)
            # Half of the noise points out of the range; the mean of the other half of a Gaussian is 0.399 deviations.
            assert black.mean() == pytest.approx(0.399 * 255 * change["strength"], rel=0.05)
    # All members of a group saw the same, and the loss sees what they saw.
    for part, prompt in zip(second.parts, second.prompts, strict=True):
        assert len({id(second.inputs[row]["prompt"]) for row in part}) <= len(part)
        assert all(second.inputs[row][CHANGE] == second.inputs[part[0]][CHANGE] for row in part)
        assert all(second.prompt_token_ids[row] == prompt.prompt.ids_P.tolist() for row in part)
    assert again.inputs[0][CHANGE] is not None
    metrics = trainer._metrics["train"]
    changed = [row[CHANGE] for row in rows.values() if row[CHANGE]]
    hinted = [one for one in changed if one["operator"] == "hint"]
    assert metrics["augment/hinted"][-1] == len(hinted) / 4
    assert metrics["augment/harder"][-1] == (len(changed) - len(hinted)) / 4
    assert metrics["augment/skipped"] == [0.0, float("s3" in rows) / 4]


def test_the_same_seed_step_and_sample_give_the_same_noise(tmp_path: Path, tiny_folder: Path, film: Path) -> None:
    seen = []
    for name in "ab":
        case = write_films(tmp_path / name, tiny_folder, film, {"augmentation": {"window": 4, "hint": 0.0}})
        rows = by_sample(batches(trainer_of(case), 2)[1])
        seen.append({key: row["videos"][0].frames_FHWC for key, row in rows.items() if row[CHANGE] and row["videos"]})
    assert seen[0].keys() == seen[1].keys() != set()
    assert all(np.array_equal(seen[0][key], seen[1][key]) for key in seen[0])


@pytest.mark.parametrize(("easy", "frames"), [("fewer_frames", 4), ("mask", 6)])
def test_fewer_and_masked_frames(tmp_path: Path, tiny_folder: Path, film: Path, easy: str, frames: int) -> None:
    # Rewards differ by about 0.4 of 2 from the mean; with `most` 5/3 that is about a third of the frames.
    settings = {"window": 4, "easy": easy, "most": 5 / 3, "hint": 0.0}
    rows = by_sample(batches(trainer_of(write_films(tmp_path, tiny_folder, film, {"augmentation": settings})), 2)[1])
    changed = [row for row in rows.values() if row[CHANGE]]
    assert changed
    for row in changed:
        shown = row["videos"][0].frames_FHWC
        assert len(shown) == frames
        assert easy != "mask" or sum(bool((frame == 128).all()) for frame in shown) == 2


def test_the_policys_own_best_reasoning_is_taken_where_none_is_written(
    tmp_path: Path, tiny_folder: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An untrained model writes no reasoning, so what it samples aside is put in its place; all else runs."""
    folder = write_films(tmp_path, tiny_folder, film, {"augmentation": AUGMENTED}, terms=[{"name": "accuracy"}])
    path = folder / "config.yaml"
    path.write_text(path.read_text() + "\nprompt_style: think\n", encoding="utf-8")
    trainer = trainer_of(folder)
    assert trainer.augmentation is not None
    written = [
        "<think>It is blue. It is not red.</think><answer>no</answer>",
        "<think>It is warm. It glows. The answer is yes.</think><answer>yes</answer>",
    ]
    asked: list[str] = []

    def sampled(trainer: Any, rows: Any, size: int) -> list[list[list[int]]]:
        asked.extend(row["prompt"][0]["content"][-1]["text"] for row in rows)
        ids = [trainer._tokenizer(text)["input_ids"] + [*trainer.eos_token_ids][:1] for text in written]
        assert size == 4
        return [ids for _ in rows]

    monkeypatch.setattr("mmrl.trainer.augment.sample_aside", sampled)
    trainer.augmentation.window.add([1.0] * 4)  # all answers of an untrained model are wrong: all samples are hard
    rows = by_sample(batches(trainer, 1)[0])
    bare = [row for name, row in rows.items() if name == "s3"]
    assert len(asked) == len(bare) == ("s3" in rows)
    for row in rows.values():
        assert row[CHANGE]["operator"] == "hint"
    if bare:
        assert "Is it red?\nThe right answer is yes. Say why.\n" in asked[0]
        assert bare[0][CHANGE]["hint"] == "It is warm. It glows."


def test_a_resumed_run_goes_on_exactly_and_tells_each_change(
    tmp_path: Path, tmp_path_factory: Any, tiny_folder: Path, film: Path
) -> None:
    training = {"augmentation": {"window": 4}}
    case = write_films(tmp_path, tiny_folder, film, training)
    train_case(case)
    broken = write_films(tmp_path_factory.mktemp("broken"), tiny_folder, film, training)
    interrupted_at(8, broken)
    kept = json.loads((broken / "run/stages/0-look/checkpoint-2" / STATES_NAME).read_text())
    assert len(kept["augmentation"]["means"]) == 4
    train_case(broken)
    assert_same_weights(case, broken, stages=["0-look"])
    told = [
        [
            {key: value for key, value in one.items() if key != "time"}
            for one in log_of(folder)
            if one.get("event") == "augmented"
        ]
        for folder in (case, broken)
    ]
    assert told[0] == told[1] != []
    steps = [one for one in log_of(case) if "event" not in one]
    for event in told[0]:
        counted = next(one for one in steps if one["step"] == event["step"])
        shares = counted["augment/harder"] + counted["augment/hinted"]
        assert len(event["changes"]) == round(4 * shares)
        for change in event["changes"]:
            assert change["operator"] == ("hint" if change["difficulty"] > 0 else "noise")
            assert {"sample", "degree", "strength", "reward_before", "reward_after"} <= change.keys()


def test_validation_is_never_touched(tmp_path: Path, tiny_folder: Path, film: Path) -> None:
    trainer = trainer_of(write_films(tmp_path, tiny_folder, film, {"augmentation": AUGMENTED}))
    batches(trainer, 1)
    assert trainer.augmentation is not None
    trainer.model.eval()
    rows = next(iter(trainer.get_train_dataloader()))
    window = trainer.augmentation.window.state()
    trainer._generate_and_score_completions(rows)
    assert trainer.augmentation.window.state() == window
    assert not any(row.get(CHANGE) for row in trainer._rollouts.inputs)  # type: ignore[union-attr]
    assert "augment/harder" not in trainer._metrics["eval"]


# ------------------------------------------------------------------------------------------------ shuffled groups


def test_clips_are_compared_with_a_shuffled_group_and_pictures_are_not(
    tmp_path: Path, tiny_folder: Path, film: Path
) -> None:
    shaping = [{"name": "temporal_contrast", "correct": "grade", "above": 0.0, "share": 0.5, "size": 3}]
    trainer = trainer_of(write_films(tmp_path, tiny_folder, film, {}, shaping=shaping))
    aside = []
    original = trainer._sample

    def noted(rollouts: Any, *, keep_graph: bool) -> Any:
        if not keep_graph:
            aside.append(rollouts)
        return original(rollouts, keep_graph=keep_graph)

    trainer._sample = noted  # type: ignore[method-assign]
    (first, second) = batches(trainer, 2)
    for rollouts, other in zip((first, second), aside, strict=True):
        clips = {row["sample"].id: row for row in by_sample(rollouts).values() if row["videos"]}
        assert {row["sample"].id for row in other.inputs} == clips.keys()
        assert all(len(part) == 3 for part in other.parts)
        for row in other.inputs:
            shown, ordered = row["videos"][0].frames_FHWC, clips[row["sample"].id]["videos"][0].frames_FHWC
            assert not np.array_equal(shown, ordered)
            assert sorted(frame.tobytes() for frame in shown) == sorted(frame.tobytes() for frame in ordered)
        names = trainer.reward_func_names
        for place, row in enumerate(rollouts.inputs):
            values = dict(zip(names, rollouts.rewards_NK[place].tolist(), strict=True))
            plain = values["grade"] + values["accuracy"]
            if row["videos"]:
                assert row[SHUFFLED].keys() == {"grade", "accuracy"}
                assert values["total"] == pytest.approx(plain + 0.3)
            else:
                assert row[SHUFFLED] is None
                assert values["total"] == pytest.approx(plain)
    assert len(trainer._metrics["train"]["mechanisms/shuffled/grade"]) == 2


def test_the_shuffled_group_is_not_trained_on(tmp_path: Path, tiny_folder: Path, film: Path) -> None:
    shaping = [{"name": "temporal_contrast", "correct": "grade"}]
    trainer = trainer_of(write_films(tmp_path, tiny_folder, film, {}, shaping=shaping))
    trainer.model.train()
    scored = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    assert [len(group.completions) for group in scored.groups] == [4, 4, 4, 4]


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.augmentation={windows: 3}"], "training.augmentation.windows"),
        (["training.augmentation={easy: blur}"], "training.augmentation.easy"),
        (["training.augmentation={hint: 1.5}"], "training.augmentation.hint"),
        (["training.augmentation={}", "training.advantage=[{name: leave_one_out}]"], "leave one out"),
        (["training.augmentation={}", "training.use_vllm=true"], "found use_vllm, which takes no clips"),
        (["rubric.shaping=[{name: temporal_contrast}]", "training.use_vllm=true"], "samples a group of its own"),
    ],
)
def test_what_is_refused(tmp_path: Path, tiny_folder: Path, overrides: list[str], message: str) -> None:
    write_case(tmp_path, tiny_folder)
    with pytest.raises(InputError, match=message):
        load_config(tmp_path / "config.yaml", overrides)
