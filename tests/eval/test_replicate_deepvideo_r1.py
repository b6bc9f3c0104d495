"""DeepVideo-R1's miniature replication: what its arms train, and what its hints say."""

from __future__ import annotations

import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from mmrl.config import RunConfig
from mmrl.curriculum.hints import hint_of
from mmrl.data import read_folder

SCRIPT = Path(__file__).parents[2] / "scripts" / "replicate_deepvideo_r1.py"
ARMS = ("grpo", "reg_grpo", "grpo_augmented", "reg_grpo_augmented")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT), run_name="replicate_deepvideo_r1")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    out = tmp_path_factory.mktemp("replication")
    return Namespace(out=out, words=5, steps=12, clips=6, test_items=4, window=8)


@pytest.fixture(scope="module")
def configs(script: dict[str, Any], arguments: Namespace) -> dict[str, RunConfig]:
    build = script["_data"]
    small = {"pictures": {"count": 4}, "clips_words": {"count": 4}}

    def few(arguments: Namespace, seed: int, recipe: Any) -> Any:
        changed = {name: {"options": {**one["options"], **small.get(name, {})}} for name, one in recipe.items()}
        return build(arguments, seed, changed)

    for function in ("arm_config", "words_config"):
        script[function].__globals__["_data"] = few
    return {arm: script["arm_config"](arguments, arm, 3) for arm in ARMS} | {
        "words": script["words_config"](arguments, 3)
    }


def test_arms_differ_in_loss_and_augmentation_alone(configs: dict[str, RunConfig]) -> None:
    told = {arm: configs[arm].model_dump(mode="json") for arm in ARMS}
    assert {arm: config["training"].pop("loss_type") for arm, config in told.items()} == {
        "grpo": "grpo",
        "reg_grpo": "reg_grpo",
        "grpo_augmented": "grpo",
        "reg_grpo_augmented": "reg_grpo",
    }
    augmented = {arm: config["training"].pop("augmentation") for arm, config in told.items()}
    assert [arm for arm, settings in augmented.items() if settings] == ["grpo_augmented", "reg_grpo_augmented"]
    assert augmented["grpo_augmented"] == augmented["reg_grpo_augmented"]
    assert {config.pop("output_dir") for config in told.values()} == {configs[arm].output_dir for arm in ARMS}
    assert all(config == told["grpo"] for config in told.values())


def test_all_arms_begin_with_the_words_of_their_seed(configs: dict[str, RunConfig]) -> None:
    words = configs["words"]
    assert [(stage.kind, stage.steps) for stage in words.stages] == [("sft", 5)]
    assert {configs[arm].model_name_or_path for arm in ARMS} == {f"{words.output_dir}/stages/0-words/final"}
    assert {sum(stage.steps for stage in configs[arm].stages) for arm in ARMS} == {12}
    shown = {one.path for name, one in words.datasets.items()}
    assert not shown & {one.path for arm in ARMS for one in configs[arm].datasets.values()}


def test_hints_tell_when_an_event_starts_and_never_when_it_ends(configs: dict[str, RunConfig]) -> None:
    trained = read_folder(Path(configs["grpo"].datasets["clips_train"].path or "")).samples
    assert len(trained) == 6
    for sample in trained:
        (first, *_) = sample.answer.intervals  # type: ignore[union-attr]
        assert hint_of(sample.meta["reasoning"], 0.01, sample) == f"It starts at {first.start:g}."
    shown = read_folder(Path(configs["words"].datasets["clips_hinted"].path or "")).samples
    assert all("\nHint: It starts at " in sample.question for sample in shown)
    tested = read_folder(Path(configs["grpo"].datasets["clips_test"].path or "")).samples
    assert not any("Hint" in sample.question or "reasoning" in sample.meta for sample in tested)
