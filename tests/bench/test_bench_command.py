"""``mmrl bench trainer`` from end to end on a very small model, and what it refuses."""

from __future__ import annotations

import json
import statistics

import pytest

from mmrl.bench import BenchOptions, Setting
from mmrl.bench.phases import PHASES
from mmrl.bench.run import Worker
from mmrl.bench.settings import Job
from mmrl.errors import InputError, MmrlError
from tests.cli.refusals import assert_refused
from tests.trainer.tiny import write_tiny

LENGTHS = ("--prompt-tokens", 40, "--completion-tokens", 4, "--group", 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
def test_a_run_writes_what_it_measured(mmrl, model, tmp_path):
    out = tmp_path / "deep" / "bench.json"
    done = mmrl("bench", "trainer", *LENGTHS, "--pairs", 2, "--threads", 1, "--model", model, "--out", out)
    assert done.code == 0, done.err
    result = json.loads(out.read_text())
    medians = {}
    for name in ("trl", "mmrl"):
        one = result["trainers"][name]
        assert len(one["seconds"]) == 2
        assert one["median_seconds"] == statistics.median(one["seconds"])
        assert set(one["phases"]) == set(PHASES)
        assert min(one["phases"][phase] for phase in ("load", "process", "generate", "reward", "forward")) > 0
        assert min(one["phases"][phase] for phase in ("backward", "step")) > 0
        assert one["tokens"] == {"prompt_mean": 40.0, "completion_min": 4.0, "completion_max": 4.0}
        assert 0 < one["memory_before_first_step"] <= one["peak_memory"]
        medians[name] = one["median_seconds"]
    assert result["ratio"] == medians["trl"] / medians["mmrl"]
    assert (result["prompt"]["tokens_min"], result["prompt"]["tokens_max"]) == (40, 40)
    assert result["setting"] == {"prompt_tokens": 40, "completion_tokens": 4, "group": 2}
    assert result["machine"]["threads"] == 1
    assert result["machine"]["trl"].startswith("1.")
    assert f"{result['ratio']:.2f} times as fast" in done.out


@pytest.mark.slow
def test_a_sweep_of_one_trainer_has_every_point_and_no_ratio(mmrl, model, tmp_path):
    out = tmp_path / "sweep.json"
    points = ("--sweep", "40,3,2", "--sweep", "44,2,3")
    common = ("--pairs", 1, "--prompts", 1, "--threads", 1, "--beta", 0.04, "--model", model, "--out", out)
    done = mmrl("bench", "trainer", *points, *common, "--trainers", "mmrl")
    assert done.code == 0, done.err
    results = json.loads(out.read_text())["results"]
    assert [one["setting"]["prompt_tokens"] for one in results] == [40, 44]
    assert [one["trainers"]["mmrl"]["tokens"]["prompt_mean"] for one in results] == [40.0, 44.0]
    assert all(set(one["trainers"]) == {"mmrl"} and one["ratio"] is None for one in results)
    assert all(one["trainers"]["mmrl"]["phases"]["logprobs"] > 0 for one in results), "the reference model did not run"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("--prompt-tokens", "--sweep")),
        (("--prompt-tokens", 40, "--completion-tokens", 4), ("only a part",)),
        ((*LENGTHS, "--sweep", "40,4,2"), ("both",)),
        (("--sweep", "40,4"), ("'40,4'",)),
        (("--prompt-tokens", 40, "--completion-tokens", 0, "--group", 2), ("completion-tokens", "at least 1")),
        (("--prompt-tokens", 40, "--completion-tokens", 4, "--group", 1), ("group", "at least 2")),
        ((*LENGTHS, "--pairs", 0), ("--pairs",)),
        ((*LENGTHS, "--size", "9b"), ("--size", "'9b'")),
        ((*LENGTHS, "--dtype", "int8"), ("--dtype", "'int8'")),
        ((*LENGTHS, "--device", "abacus"), ("--device", "'abacus'")),
        ((*LENGTHS, "--trainers", "trl,verl"), ("--trainers", "'verl'")),
        (("--prompt-tokens", 12, "--completion-tokens", 4, "--group", 2), ("--prompt-tokens", "at least")),
    ],
)
def test_bad_input_is_one_line(mmrl, tmp_path, arguments, words):
    out = tmp_path / "bench.json"
    assert_refused(mmrl("bench", "trainer", *arguments, "--out", out), *words)
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_refused_before_measuring(mmrl, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(mmrl("bench", "trainer", *LENGTHS, "--out", tmp_path), "--out")
    assert_refused(mmrl("bench", "trainer", *LENGTHS, "--out", tmp_path / "file" / "bench.json"), "--out")


def job(model, folder) -> Job:
    setting = Setting(prompt_tokens=40, completion_tokens=2, group=2)
    return Job(
        trainer="trl", setting=setting, options=BenchOptions(), model=model, data=folder / "data", scratch=folder
    )


def test_what_the_user_can_correct_comes_back_from_the_trainers_process(tmp_path):
    worker = Worker(job(tmp_path / "absent", tmp_path))
    try:
        with pytest.raises(InputError, match="absent"):
            worker.receive()
    finally:
        worker.close()


def test_a_trainers_process_that_dies_is_named(model, tmp_path):
    worker = Worker(job(model, tmp_path))  # there are no rows, which is our own fault
    try:
        with pytest.raises(MmrlError, match="trainer trl must run all steps; it ended with exit code 1"):
            worker.receive()
    finally:
        worker.close()
