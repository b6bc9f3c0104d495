"""Self-improvement for real: what is sampled, kept and trained on, the guard, and kills at every point."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mmrl.errors import InputError
from mmrl.runs import is_complete
from tests.trainer.case import train_case
from tests.trainer.rejection_case import write_rejection_case

ROOT = Path(__file__).parents[2]
OWN = "run/stages/1-own"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("case")
    write_rejection_case(folder, tiny_folder)
    train_case(folder)
    return folder


@pytest.fixture
def warm(case: Path, tmp_path: Path) -> Path:
    """A copy of the run with its first stage alone."""
    for name in ("colours", "counts"):
        shutil.copytree(case / name, tmp_path / name)
    shutil.copy(case / "config.yaml", tmp_path)
    shutil.copytree(case / "run/stages/0-warm", tmp_path / "run/stages/0-warm")
    kept = [json.dumps(one) + "\n" for one in log_of(case) if one["stage_index"] == 0]
    (tmp_path / "run/log.jsonl").write_text("".join(kept))
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_of(folder: Path) -> list[dict[str, Any]]:
    return lines(folder / "run/log.jsonl")


def event(folder: Path, name: str) -> dict[str, Any]:
    (found,) = [one for one in log_of(folder) if one.get("event") == name and one["stage"] == "own"]
    return found


def same_weights(one: Path, other: Path) -> bool:
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_samples_every_prompt_and_keeps_the_best_of_each(case: Path) -> None:
    sampled = lines(case / OWN / "samples.jsonl")
    assert [one["id"] for one in sampled] == [f"colours/colours-{n}" for n in range(8)]
    assert all(len(one["completions"]) == 3 for one in sampled)
    kept = lines(case / OWN / "kept.jsonl")
    assert kept
    good = {
        (one["id"], done["text"])
        for one in sampled
        for done in one["completions"]
        if done["reward"] >= 1.0 and done["stop"] == "end"
    }
    assert {(one["id"], one["text"]) for one in kept} <= good
    assert {one["id"] for one in kept} == {name for name, _ in good}
    assert len({(one["id"], one["text"]) for one in kept}) == len(kept)
    told = event(case, "rejection")
    assert (told["prompts"], told["sampled"], told["kept"]) == (8, 24, len(kept))
    assert told["by_group"] == {"colours": len(kept)}


def test_trains_on_what_was_kept_and_takes_the_weights_that_forget_nothing(case: Path) -> None:
    final = case / OWN / "final"
    assert is_complete(final)
    assert not same_weights(final, case / "run/stages/0-warm/final")
    assert not (case / OWN / "candidate").exists()
    steps = [one["step"] for one in log_of(case) if "event" not in one and one["stage"] == "own"]
    assert steps == [1, 2, 3]
    guard = event(case, "guard")
    before, after = (lines(case / OWN / f"guard-{when}.jsonl") for when in ("before", "after"))
    assert [one["id"] for one in before] == [one["id"] for one in after] == [f"counts/counts-{n}" for n in range(8)]
    assert guard["before"] == sum(one["accuracy"] for one in before) / 8
    assert guard["before"] >= 0.75, "the warm-up has taught what the guard asks for"
    assert event(case, "stage_end")["reason"] == "steps"


def test_the_guard_refuses_weights_that_were_spoiled(warm: Path, case: Path) -> None:
    train_case(warm, ["stages.1.training.learning_rate=2.0"])
    assert same_weights(warm / OWN / "final", case / "run/stages/0-warm/final")
    assert not same_weights(warm / OWN / "refused", case / "run/stages/0-warm/final")
    assert is_complete(warm / OWN / "final")
    guard, refused = event(warm, "guard"), event(warm, "refused")
    assert guard["after"] < guard["before"] - 0.1
    assert guard["p"] < 0.05
    assert "the stage's weights are refused and the earlier ones kept: accuracy on counts fell by" in refused["message"]
    assert event(warm, "stage_end")["reason"] == "refused"
    log = (warm / "run/log.jsonl").read_bytes()
    train_case(warm, ["stages.1.training.learning_rate=2.0"])
    assert (warm / "run/log.jsonl").read_bytes() == log, "a finished run is left alone"


def test_nothing_worth_keeping_is_refused(warm: Path) -> None:
    with pytest.raises(InputError, match=r"reward 7 or more; found a best reward of 1\.1 among 24 of 8 prompts; .*"):
        train_case(warm, ["stages.1.rejection.reward_at_least=7.0"])
    assert not (warm / OWN / "final").exists()


def test_a_rubric_that_remembers_is_refused(warm: Path) -> None:
    shaping = "stages.1.rubric={terms: [{name: accuracy}], shaping: [{name: running, term: accuracy}]}"
    with pytest.raises(InputError, match=r"must judge each prompt by itself; found mechanisms .* stages\.own\.rubric"):
        train_case(warm, [shaping])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("mmrl.trainer.row_store:RowStore.append", 3),
        ("mmrl.trainer.rejection_samples:write_text", 1),
        ("mmrl.trainer.rejection_stage:train_on_examples", 1),
        ("mmrl.trainer.sft_data:ExampleCollator.__call__", 3),
        ("mmrl.trainer.rejection_stage:guard_tests", 1),
    ],
    ids=[
        "while sampling",
        "before what is kept",
        "between sampling and training",
        "while training",
        "before the verdict",
    ],
)
def test_a_kill_anywhere_changes_nothing(warm: Path, case: Path, function: str, call: int) -> None:
    command = [sys.executable, "-m", "tests.trainer.case", str(warm), function, str(call)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    train_case(warm)
    for name in ("samples.jsonl", "kept.jsonl", "guard-before.jsonl", "guard-after.jsonl"):
        assert (warm / OWN / name).read_bytes() == (case / OWN / name).read_bytes(), name
    assert same_weights(warm / OWN / "final", case / OWN / "final")
    assert not list((warm / OWN).glob("*-of-*.jsonl"))

    def told(folder: Path) -> list[Any]:
        own = [one for one in log_of(folder) if one["stage"] == "own" and one.get("event") != "resume"]
        return [(one.get("event"), one["step"], one.get("loss"), one.get("message")) for one in own]

    assert told(warm) == told(case)


@pytest.mark.slow
def test_two_processes_sample_and_keep_what_one_does_and_decide_alike(tmp_path: Path, tiny_folder: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, count in ((one, 1), (two, 2)):
        write_rejection_case(folder, tiny_folder)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        module = ["-m", "tests.trainer.rejection_case", str(folder)]
        done = subprocess.run([*command, *module], cwd=ROOT, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-3000:]
    logs = [[record for record in log_of(folder) if "event" not in record] for folder in (one, two)]
    assert [record["global_step"] for record in logs[1]] == list(range(1, 34))
    for mine, theirs in zip(*logs, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=2e-2, abs=2e-3)
    for name in ("samples", "guard-before", "guard-after"):
        ids = [[row["id"] for row in lines(folder / OWN / f"{name}.jsonl")] for folder in (one, two)]
        assert ids[0] == ids[1]
    decided = [event(folder, "stage_end")["reason"] for folder in (one, two)]
    assert decided == ["steps", "steps"]
    assert [event(folder, "guard")["after"] for folder in (one, two)] == [1.0, 1.0]
