"""Configs of the builders: frozen, strict, and one clear line for bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datasets_builders.config import PictureConfig
from datasets_builders.gui import GuiConfig
from datasets_builders.scenes import ScenesConfig
from datasets_builders.transit import TransitConfig
from mmrl.errors import InputError


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (
            ScenesConfig,
            {"tasks": ["scenes/exsts"]},
            "ScenesConfig.tasks: must hold task names; found 'scenes/exsts'; did you mean 'scenes/exists'?",
        ),
        (
            GuiConfig,
            {"tasks": ["video/order"]},
            "GuiConfig.tasks: must hold task names; found 'video/order'; use one of gui/ground, gui/role",
        ),
        (
            GuiConfig,
            {"tasks": ["gui/role", "gui/role"]},
            "GuiConfig.tasks: must name each task once; found gui/role, gui/role; remove the repetition",
        ),
        (ScenesConfig, {"cuont": 3}, "ScenesConfig.cuont: must be a known option; did you mean 'count'?"),
        (ScenesConfig, {"count": 0}, "ScenesConfig.count: must be greater than or equal to 1; found 0"),
        (GuiConfig, {"width": 111}, "GuiConfig.width: must be greater than or equal to 112; found 111"),
        (
            ScenesConfig,
            {"min_shapes": 9},
            "ScenesConfig: min_shapes must be at most max_shapes; found 9 and 8; lower min_shapes or raise max_shapes",
        ),
        (
            ScenesConfig,
            {"max_shapes": 3},
            "ScenesConfig: max_count must be at most max_shapes; found 4 and 3; lower max_count or raise max_shapes",
        ),
        (
            ScenesConfig,
            {"width": "wide", "seed": -1},
            "ScenesConfig.seed: must be greater than or equal to 0; found -1 | "
            "ScenesConfig.width: must be a valid integer; found 'wide'",
        ),
    ],
)
def test_bad_options_get_one_line(config: type[PictureConfig], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        config(**options)
    assert str(caught.value) == message


def test_configs_are_frozen_and_dump_to_what_builds_them_again() -> None:
    config = ScenesConfig(count=7, seed=3, tasks=["scenes/locate"])
    assert ScenesConfig(**config.model_dump(mode="json")) == config
    with pytest.raises(ValueError, match="frozen"):
        config.count = 8  # type: ignore[misc]


def test_no_named_task_means_all_of_them() -> None:
    assert GuiConfig().asked_tasks == ("gui/ground", "gui/role")
    assert GuiConfig(tasks=("gui/role",)).asked_tasks == ("gui/role",)


def test_portable_options_are_json_values_without_folders(tmp_path: Path) -> None:
    config = TransitConfig(source=str(tmp_path / "My Town.zip"), font=tmp_path / "a.ttf", seed=3)
    portable = config.portable()
    assert json.loads(json.dumps(portable)) == portable
    assert (portable["source"], portable["font"], portable["size"]) == ("My Town.zip", "a.ttf", 1024)
    assert config.source_name == "My-Town"
    assert TransitConfig().portable() == TransitConfig(size=512).portable()
    assert GuiConfig(count=3).portable() == GuiConfig(count=3).model_dump(mode="json")
