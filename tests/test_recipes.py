"""Recipes that reproduce a paper load, plan, and say what the paper says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrl.config import load_config

RECIPES = Path(__file__).parents[1] / "configs" / "recipes"


@pytest.mark.parametrize("name", ["gui_g1", "gui_g1_tiny"])
def test_gui_g1_plans_without_training(mmrl, tmp_path, name):
    """The recipe's model is not fetched: the built-in one stands in, and plans on the recipe's pictures and limits."""
    counts = ("datasets.gui_train.options.count=8", "datasets.gui_test.options.count=4", "model_name_or_path=tiny")
    told = mmrl("train", RECIPES / f"{name}.yaml", "--dry-run", f"output_dir={tmp_path / 'run'}", *counts)
    assert told.code == 0, told.err
    assert "hit, iou" in told.out
    assert "gui/ground" in told.out
    assert not (tmp_path / "run" / "stages").exists()


@pytest.mark.parametrize("name", ["gui_g1", "gui_g1_tiny"])
def test_gui_g1_has_the_papers_reward_and_the_codes_loss(name):
    config = load_config(RECIPES / f"{name}.yaml")
    assert {term.name: term.weight for term in config.rubric.terms} == {"hit": 1, "iou": 0.25, "box_size": 0.125}
    training = config.training
    assert (training.loss_type, training.scale_rewards, training.beta) == ("dr_grpo", "none", 0)
    assert (training.sample_weight, training.num_generations, training.temperature) == ("gui_g1", 8, 0.9)


def test_gui_g1_has_the_published_settings():
    config = load_config(RECIPES / "gui_g1.yaml")
    training = config.training
    assert (training.learning_rate, training.length_divisor, training.max_completion_length) == (1e-6, 64, 128)
    assert (training.per_device_train_batch_size, training.gradient_accumulation_steps) == (8, 2)
    assert (config.min_pixels, config.max_pixels, config.prompt_style) == (3136, 12_845_056, "json")
    assert not training.use_peft
    prompts_a_step = 4 * training.per_device_train_batch_size * training.gradient_accumulation_steps // 8
    assert config.stages[0].steps == 17_485 // prompts_a_step


@pytest.mark.parametrize("name", ["deepvideo_r1", "deepvideo_r1_tiny"])
def test_deepvideo_r1_plans_without_training(mmrl, tmp_path, name):
    sizes = ["datasets.clips_train.options.count=4", "datasets.clips_test.options.count=2", "model_name_or_path=tiny"]
    if name.endswith("tiny"):
        sizes += ["datasets.pictures.options.count=8", "datasets.clips_words.options.count=4"]
    told = mmrl("train", RECIPES / f"{name}.yaml", "--dry-run", f"output_dir={tmp_path / 'run'}", *sizes)
    assert told.code == 0, told.err
    assert "intervals_iou" in told.out
    assert "video/localize" in told.out


def test_deepvideo_r1_has_the_published_settings():
    config = load_config(RECIPES / "deepvideo_r1.yaml")
    training = config.training
    assert (training.loss_type, training.num_generations, training.beta) == ("reg_grpo", 8, 0.1)
    assert (config.max_pixels, config.video_max_frames, config.prompt_style) == (252 * 252, 16, "think")
    assert training.augmentation["window"] == 100
    assert training.freeze_vision_tower
    assert {term.name: term.weight for term in config.rubric.terms} == {"accuracy": 1, "intervals_iou": 1, "format": 1}
    assert sum(stage.steps for stage in config.stages) == 2000
