"""Rules about the tree itself: what may import what, how large things may grow, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mmrl", "datasets_builders", "eval")
LIGHT = ("types", "errors", "geometry", "answers", "scoring", "rewards", "prompts", "data", "config", "curriculum")


def shipped_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


def sources() -> list[Path]:
    return sorted(path for package in (*PACKAGES, "scripts") for path in (ROOT / package).rglob("*.py"))


def functions(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path, *, top_level_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_mmrl_never_imports_builders_or_evaluation_but_in_its_command_line():
    for path in (ROOT / "mmrl").rglob("*.py"):
        in_cli = path.is_relative_to(ROOT / "mmrl" / "cli")
        names = imported(path, top_level_only=in_cli)
        assert not names & {"datasets_builders", "eval"}, path


def test_builders_never_import_evaluation():
    for path in (ROOT / "datasets_builders").rglob("*.py"):
        assert "eval" not in imported(path, top_level_only=False), path


def test_light_modules_load_without_torch():
    modules = [f"mmrl.{name}" for name in LIGHT] + ["mmrl.cli", "datasets_builders.scenes", "datasets_builders.transit"]
    program = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
assert "torch" not in sys.modules, "torch was imported"
assert "transformers" not in sys.modules, "transformers was imported"
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_any_module_opens_no_file_for_writing_and_no_socket():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__main__.py"
    ]
    program = f"""
import sys
import torch, transformers, trl, datasets, peft, accelerate
import importlib
def watch(event, arguments):
    if event.startswith("socket.connect"):
        raise AssertionError(("socket", arguments))
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    if writes and "__pycache__" not in str(arguments[0]):
        raise AssertionError(("write", arguments))
sys.addaudithook(watch)
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 450, f"{len(lines)} lines"
    for function in functions(path):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= 60, f"{function.name} has {length} lines"


def test_no_file_holds_a_path_of_somebodys_machine():
    pattern = re.compile(r"(?<![\w./])/(?:home|Users|root|mnt|work)/[\w.-]+")
    for path in shipped_files():
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".json", ".txt", ".j2", ".css", ".js"}:
            found = pattern.search(path.read_text(encoding="utf-8"))
            assert found is None or path == Path(__file__), f"{path.relative_to(ROOT)}: {found}"


def test_no_large_file_but_the_tiny_models_weights():
    for path in shipped_files():
        limit = 12_000_000 if path.name == "model.safetensors" else 600_000
        assert path.stat().st_size <= limit, path.relative_to(ROOT)


def test_no_registry_address_in_what_is_installed_from():
    for name in ("constraints.txt", "pyproject.toml", "Makefile"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name
    assert all(
        re.fullmatch(r"[A-Za-z0-9._-]+==[^\s@]+", line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    )


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "configs").glob("*.yaml")) + sorted((ROOT / "configs" / "recipes").glob("*.yaml")),
    ids=lambda path: path.name,
)
def test_every_shipped_run_config_loads_and_its_builders_accept_their_options(path):
    from mmrl.cli.building import builder_config
    from mmrl.config import load_config

    config = load_config(path)
    for dataset in config.datasets.values():
        assert dataset.build
        builder_config(dataset.build, dataset.options)
    assert path.read_text(encoding="utf-8").startswith("#"), "a config opens with what it is for"


@pytest.mark.parametrize("name", ["rewardmap.yaml", "rewardmap_released.yaml", "rewardmap_tiny.yaml"])
def test_rewardmaps_recipes_go_through_four_blocks_in_one_pass(name, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from mmrl.cli.main import app
    from mmrl.config import load_config

    path = ROOT / "configs" / "recipes" / name
    config = load_config(path)
    blocks = [stage.tasks for stage in config.stages]
    counts = ("transit/count_lines_at", "transit/count_lines"), ("transit/choose_between",)
    if name == "rewardmap_tiny.yaml":  # what the tiny model can begin to do
        counts = ("transit/count_lines", "transit/count_stops"), ("transit/count_between",)
    assert blocks == [("transit/same_line", "transit/on_line"), *counts, ("transit/plan",)]
    assert [(stage.carry.optimizer, stage.carry.reference) for stage in config.stages[1:]] == [("kept", "kept")] * 3
    assert config.training.sample_weight == "rewardmap"
    monkeypatch.chdir(tmp_path)
    few = [f"datasets.{dataset}.options.count=12" for dataset in config.datasets]
    result = CliRunner().invoke(app, ["train", str(path), "--dry-run", "model_name_or_path=tiny", *few])
    assert result.exit_code == 0, result.output
    assert "count_between ends after its last step" in result.output
    assert not list(tmp_path.iterdir())


def test_rewardmaps_presets_differ_as_paper_and_release_do():
    from mmrl.config import load_config

    paper, released = (
        load_config(ROOT / "configs" / "recipes" / f"{name}.yaml") for name in ("rewardmap", "rewardmap_released")
    )
    assert (paper.training.num_generations, released.training.num_generations) == (8, 4)
    assert (paper.training.beta, released.training.beta) == (1e-3, 1e-2)
    assert (paper.training.scale_rewards, released.training.scale_rewards) == ("none", "group")
    assert paper.training.learning_rate == released.training.learning_rate == 1e-6
    assert sum(stage.steps for stage in paper.stages) == sum(stage.steps for stage in released.stages) == 204
    terms = [{term.name: term.weight for term in run.stage_rubric(run.stages[-1]).terms} for run in (paper, released)]
    assert terms[0]["route_detail"] == terms[1]["route_detail_released"] == 0.5
