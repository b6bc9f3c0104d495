"""The page on scale: launch files that accelerate reads, tables that the script prints, arithmetic checked by hand."""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate.commands.config.config_args import load_config_from_file

from mmrl.trainer.memory_shape import shape_of

ROOT = Path(__file__).resolve().parents[1]
scale_table = SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / "scale_table.py"), run_name="scale_table"))
FILES = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))
DEFAULTS = argparse.Namespace(prompt_tokens=2_000, media_tokens=1_300, completion=1_024, group=8, gpus=[1, 8, 16, 32])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_accelerate_reads_every_launch_file(path: Path) -> None:
    config = load_config_from_file(str(path))
    assert config.mixed_precision == "no"  # the run config decides
    assert config.num_processes > 1
    assert f"configs/accelerate/{path.name}" in path.read_text()
    assert f"`{path.name}`" in (ROOT / "docs" / "scale.md").read_text()


@pytest.mark.parametrize(("name", "weights"), [("3B", 3_754_622_976), ("7B", 8_292_166_656), ("72B", 73_410_777_344)])
def test_the_page_holds_what_the_script_computes(name: str, weights: int) -> None:
    shape = shape_of(scale_table.model_config(scale_table.MODELS[name]))
    assert shape.total == weights  # of the published checkpoints
    page = (ROOT / "docs" / "scale.md").read_text()
    assert scale_table.memory_table(shape, DEFAULTS).strip() in page
    assert scale_table.traffic_table(shape, DEFAULTS.gpus).strip() in page


def test_state_and_traffic_by_hand() -> None:
    shape = shape_of(scale_table.model_config(scale_table.MODELS["3B"]))
    whole = 3_754_622_976
    assert scale_table.state_bytes(shape, "ddp", 8) == 18 * whole
    assert scale_table.state_bytes(shape, "zero2", 4) == 7 * whole  # 2 + 2 + 12 / 4
    assert scale_table.state_bytes(shape, "zero3 / fsdp2", 8) == pytest.approx(2 * whole + 4 * whole / 36)
    assert scale_table.traffic_bytes(shape, "ddp", 2) == 4 * whole
    assert scale_table.traffic_bytes(shape, "zero3 / fsdp2", 4) == 6 * whole
