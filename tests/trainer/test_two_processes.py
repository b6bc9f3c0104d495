"""Two processes that share the work leave what one process leaves that does all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mmrl.errors import InputError
from mmrl.trainer import GRPOConfig
from tests import zoo
from tests.trainer import exact
from tests.trainer.two_processes import CASES, SAMPLED, make

TOLERANCE = 1e-5
ROOT = Path(__file__).parents[2]
METRICS = {"reward", "reward_std", "groups/dead", "completions/mean_length", "entropy", "kl"}
"""Logged means that must not depend on the number of processes."""
TOKEN_MEANS = {"entropy", "kl"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return zoo.write("qwen2_5_vl", tmp_path_factory.mktemp("zoo") / "model")


@pytest.fixture(scope="module")
def halves(model, tmp_path_factory):
    """Make all runs in two processes; returns ``of(name)``: what each of the two left."""
    out = tmp_path_factory.mktemp("halves")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "tests.trainer.two_processes", str(model), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    # The limit is there for a run that hangs: the processes wait for one another.
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)

    def of(name: str) -> list[dict[str, Any]]:
        files = [out / f"{name}-{rank}.pt" for rank in (0, 1)]
        assert all(file.exists() for file in files), f"{name} was not finished:\n{done.stderr[-4000:]}"
        return [torch.load(file, weights_only=False) for file in files]

    assert done.returncode == 0, done.stderr[-4000:]
    return of


def as_run(made: dict[str, Any]) -> exact.Run:
    return exact.Run(gradients=made["gradients"], losses=made["losses"], logs=made["logs"])


def assert_same_weights(one: dict[str, Any], other: dict[str, Any], *, rtol: float) -> None:
    assert one["weights"].keys() == other["weights"].keys()
    for name, value in one["weights"].items():
        torch.testing.assert_close(value, other["weights"][name], rtol=rtol, atol=rtol)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_equal_one_process(name, halves, model):
    first, second = halves(name)
    whole = make(model, CASES[name], processes=1)
    assert [first["processes"], second["processes"], whole["processes"]] == [2, 2, 1]
    assert_same_weights(first, second, rtol=0.0)
    assert exact.worst(as_run(first), as_run(whole)) < TOLERANCE
    assert_same_weights(first, whole, rtol=TOLERANCE)
    metrics = METRICS if CASES[name].same_means else METRICS - TOKEN_MEANS
    for half_log, whole_log in zip(first["logs"], whole["logs"], strict=True):
        assert {metric: half_log[metric] for metric in metrics & half_log.keys()} == pytest.approx(
            {metric: whole_log[metric] for metric in metrics & whole_log.keys()}, rel=1e-4
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a dead group on one", "dead groups on one", "pieces of a dead group"])
def test_the_dead_group_is_on_one_process_alone(name, halves):
    """Without it these two cases would show nothing."""
    dead = [bool(half["dead"].any()) for half in halves(name)]
    assert sorted(dead) == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLED)
def test_sampling_ends_and_trains_both_alike(name, halves):
    first, second = halves(name)
    assert len(first["gradients"]) == 2
    assert_same_weights(first, second, rtol=0.0)


@pytest.mark.slow
def test_processes_sample_different_completions_of_a_group(halves):
    completions = halves("sampling a group on both")[0]["completions"]
    assert len(completions) >= exact.GROUP
    half = exact.GROUP // 2
    assert completions[:half] != completions[half : 2 * half]


def test_sampling_again_needs_whole_groups_on_each_process(tmp_path, monkeypatch):
    monkeypatch.setattr(GRPOConfig, "world_size", 2)
    options: dict[str, Any] = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "num_generations": 4}
    with pytest.raises(InputError, match=r"whole groups on every process.*found 2 and 4"):
        GRPOConfig(per_device_train_batch_size=2, dead_groups="resample", **options)
    assert GRPOConfig(per_device_train_batch_size=4, dead_groups="resample", **options).dead_groups == "resample"
