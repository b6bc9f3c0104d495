from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from mmrl.engine.parts import part_of
from mmrl.errors import InputError
from mmrl.families import load_model, load_processor
from mmrl.runs import is_complete
from mmrl.trainer import GRPOTrainer, run_curriculum, training_progress
from mmrl.trainer.run_log import step_records
from tests.trainer.case import open_case, train_case, write_case


class Interrupted(BaseException):
    """Stands for whatever ends a process, where the test itself must go on."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A case that has been trained without interruption."""
    folder = tmp_path_factory.mktemp("case")
    write_case(folder, tiny_folder)
    train_case(folder)
    return folder


@pytest.fixture
def fresh(tmp_path: Path, tiny_folder: Path) -> Path:
    """A case with nothing trained yet."""
    write_case(tmp_path, tiny_folder)
    return tmp_path


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]


def weights(folder: Path, stage: str) -> dict[str, torch.Tensor]:
    return load_file(folder / "run/stages" / stage / "final/model.safetensors")


def assert_same_weights(one: Path, other: Path, stages: Sequence[str] = ("0-look", "1-count")) -> None:
    for stage in stages:
        first, second = weights(one, stage), weights(other, stage)
        assert first.keys() == second.keys()
        different = [name for name in first if not torch.equal(first[name], second[name])]
        assert not different, f"{stage}: {different}"


def is_of_the_machine(name: str) -> bool:
    """Whether a measurement differs between two equal runs: seconds and memory."""
    return name.startswith(("time", "memory/")) or name in ("step_time", "engine/tokens_per_second")


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if not is_of_the_machine(key)} for one in records]


def interrupt(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """End training when the ``call``-th micro-batch is asked for."""
    original, calls = GRPOTrainer._prepare_inputs, 0

    def counted(self: GRPOTrainer, batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Interrupted
        return original(self, batch)

    monkeypatch.setattr(GRPOTrainer, "_prepare_inputs", counted)


def interrupted_at(call: int, folder: Path, overrides: Sequence[str] = ()) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, call)
        with pytest.raises(Interrupted):
            train_case(folder, overrides)


# ---------------------------------------------------------------------------------------------- a whole run


def test_log_has_each_step_once_with_its_measurements(case: Path) -> None:
    records = log_of(case)
    steps = [
        (one["stage"], one["stage_index"], one["step"], one["global_step"]) for one in records if "event" not in one
    ]
    assert steps == [("look", 0, n, n) for n in range(1, 6)] + [("count", 1, n, 5 + n) for n in range(1, 5)]
    events = [(one["event"], one["stage"], one["step"]) for one in records if "event" in one]
    assert events == [
        ("stage_start", "look", 0),
        ("mix", "look", 0),
        ("stage_end", "look", 5),
        ("stage_start", "count", 0),
        ("mix", "count", 0),
        ("stage_end", "count", 4),
    ]
    for record in step_records(records, 0):
        assert record["reward"] == pytest.approx(
            record["rewards/evenness"] + 0.5 * record["rewards/accuracy"] + 0.1 * record["rewards/format"]
        )
        wanted = {"reward_std", "frac_reward_zero_std", "completions/mean_length", "completions/clipped_ratio"}
        assert wanted | {"parse_failures", "loss", "grad_norm", "learning_rate", "time"} <= record.keys()
        assert record["parse_failures"] == 1.0


def test_every_stage_leaves_a_loadable_model_and_processor(case: Path, tiny_folder: Path) -> None:
    start = load_model(str(tiny_folder)).state_dict()
    for stage in ("0-look", "1-count"):
        final = case / "run/stages" / stage / "final"
        assert is_complete(final)
        assert load_processor(str(final)).tokenizer.eos_token == "<|im_end|>"
        state = load_model(str(final)).state_dict()
        assert any(not torch.equal(state[name], start[name]) for name in start)
    first, second = weights(case, "0-look"), weights(case, "1-count")
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_same_config_same_weights_and_a_finished_run_is_left_alone(case: Path, fresh: Path) -> None:
    final = train_case(fresh)
    assert_same_weights(case, fresh)
    assert without_times(log_of(case)) == without_times(log_of(fresh))
    written, log = (final / "model.safetensors").stat().st_mtime_ns, (fresh / "run/log.jsonl").read_bytes()
    assert train_case(fresh) == final
    assert (final / "model.safetensors").stat().st_mtime_ns == written
    assert (fresh / "run/log.jsonl").read_bytes() == log


def test_only_the_newest_checkpoints_are_kept(fresh: Path) -> None:
    train_case(fresh, ["save_steps=1"])
    assert sorted(path.name for path in (fresh / "run/stages/0-look").glob("checkpoint-*")) == [
        "checkpoint-3",
        "checkpoint-4",
    ]


def test_progress_shows_steps_and_reward_and_nothing_else_is_printed(
    fresh: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    screen = StringIO()
    with training_progress(Console(file=screen, force_terminal=True, width=120)) as progress:
        run_curriculum(*open_case(fresh), base_dir=fresh, progress=progress)
    shown = screen.getvalue()
    assert all(text in shown for text in ("look", "count", "5/5", "4/4", "steps/s", "reward 0."))
    assert re.search(r"reward 0\.\d{3} (.\[\d*m)*[a-z]+( [a-z]+)? +\d+ %, [a-z]+", shown), "the two longest phases"
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


# ---------------------------------------------------------------------------------------------- interruption


@pytest.mark.parametrize("call", [1, 6, 12, 16], ids=["first step", "mid step", "second stage", "after its checkpoint"])
def test_an_interrupted_run_ends_in_the_same_weights_and_log(case: Path, fresh: Path, call: int) -> None:
    interrupted_at(call, fresh)
    train_case(fresh)
    assert_same_weights(case, fresh)
    records = log_of(fresh)
    steps = [one for one in records if "event" not in one]
    assert without_times(steps) == without_times([one for one in log_of(case) if "event" not in one])
    assert sum(one.get("event") == "resume" for one in records) == 1


def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_taken(case: Path, fresh: Path) -> None:
    interrupted_at(10, fresh)
    newest = fresh / "run/stages/0-look/checkpoint-4/optimizer.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert not is_complete(newest.parent)
    train_case(fresh)
    resume = next(one for one in log_of(fresh) if one.get("event") == "resume")
    assert (resume["stage"], resume["step"]) == ("look", 2)
    assert [one["step"] for one in step_records(log_of(fresh), 0)] == [1, 2, 3, 4, 5]
    assert_same_weights(case, fresh)


@pytest.mark.parametrize("call", [12, 16], ids=["before", "after a checkpoint of the next stage"])
def test_a_damaged_final_folder_is_trained_again(case: Path, fresh: Path, call: int) -> None:
    interrupted_at(call, fresh)
    weights_file = fresh / "run/stages/0-look/final/model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-1])
    train_case(fresh)
    assert_same_weights(case, fresh)
    steps = [(one["stage_index"], one["step"]) for one in log_of(fresh) if "event" not in one]
    assert steps == [(0, step) for step in range(1, 6)] + [(1, step) for step in range(1, 5)]
    assert sum(one.get("event") == "stage_end" for one in log_of(fresh)) == 2


PEFT = ["training.use_peft=true", "training.lora_r=4"]
REUSE = [
    "training.num_iterations=2",
    "training.beta=0.1",
    "stages.1.carry={optimizer: kept, reference: kept}",
    "save_steps=2",
]
STOP = ["stages.0.stop={reward_at_least: 0.1, over_steps: 3, min_steps: 2}"]


@pytest.mark.parametrize(("overrides", "call"), [(PEFT, 7), (REUSE, 8), (REUSE, 17), (STOP, 6)])
def test_interrupted_runs_with_other_settings_end_the_same(
    tmp_path: Path, tiny_folder: Path, overrides: list[str], call: int
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        write_case(folder, tiny_folder)
    train_case(whole, overrides)
    interrupted_at(call, broken, overrides)
    train_case(broken, overrides)
    assert_same_weights(whole, broken)
    logs = [without_times([one for one in log_of(folder) if "event" not in one]) for folder in (whole, broken)]
    assert logs[0] == logs[1]


def test_steps_on_reused_completions_repeat_their_rewards(fresh: Path) -> None:
    train_case(fresh, REUSE)
    rewards = [record["reward"] for record in step_records(log_of(fresh), 0)]
    assert rewards[0] == rewards[1]
    assert rewards[2] == rewards[3]
    assert len(set(rewards)) == 3


def test_another_config_or_data_is_not_mixed_into_a_begun_run(case: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(case, folder)
    with pytest.raises(
        InputError,
        match=r"stage look was begun with \(training.learning_rate: 0.003 there, 1e-05 now\);.*new output_dir",
    ):
        train_case(folder, ["training.learning_rate=1e-5"])
    with pytest.raises(InputError, match=r"\(seed: \d+ there, \d+ now; samples_sha256: .* there, .* now\)"):
        train_case(folder, ["seed=4"])


# ---------------------------------------------------------------------------------------------- settings


def test_early_stop_ends_a_stage_and_records_its_numbers(fresh: Path) -> None:
    train_case(fresh, STOP)
    records = log_of(fresh)
    first = step_records(records, 0)
    assert [one["step"] for one in first] == [1, 2, 3]
    stop = next(one for one in records if one.get("event") == "early_stop")
    assert (stop["step"], stop["rule"], stop["at_least"], stop["steps"]) == (3, "reward", 0.1, 3)
    assert stop["mean"] == pytest.approx(sum(one["reward"] for one in first) / 3, abs=1e-6)
    assert 0.1 <= stop["lower_bound"] < stop["mean"]
    assert next(one for one in records if one.get("event") == "stage_end")["reason"] == "early_stop"
    assert step_records(records, 1)[0]["global_step"] == 4


def test_a_frozen_vision_tower_stays_as_it_was(fresh: Path, tiny_folder: Path) -> None:
    train_case(fresh, ["training.freeze_vision_tower=true"])
    before, after = load_file(tiny_folder / "model.safetensors"), weights(fresh, "1-count")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {part_of(name) for name in moved} == {"projector", "language model"}


def test_the_engines_options_train_together(fresh: Path, tiny_folder: Path) -> None:
    """Groups cut into batches and passes, a loss of our own making, weights by difficulty, a frozen projector."""
    settings = {
        "per_device_train_batch_size": 2,
        "max_tokens_per_pass": 64,
        "loss_type": "dr_grpo",
        "length_divisor": 8,
        "sample_weight": "{easy: 0.5}",
        "dead_groups": "resample",
        "max_resamples": 1,
        "freeze_projector": "true",
    }
    train_case(fresh, [f"training.{name}={value}" for name, value in settings.items()])
    before, after = load_file(tiny_folder / "model.safetensors"), weights(fresh, "1-count")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {part_of(name) for name in moved} == {"vision tower", "language model"}


@pytest.mark.parametrize("weight", ["{easy: 0}", "weigh.py:nothing"])
def test_samples_of_weight_0_teach_nothing(fresh: Path, tiny_folder: Path, weight: str) -> None:
    (fresh / "weigh.py").write_text("def nothing(sample):\n    return 0.0\n", encoding="utf-8")
    train_case(fresh, [f"training.sample_weight={weight}"])
    before, after = load_file(tiny_folder / "model.safetensors"), weights(fresh, "1-count")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_adapter_is_merged_at_the_end_of_its_stage(fresh: Path, tiny_folder: Path) -> None:
    train_case(fresh, [*PEFT, "training.freeze_vision_tower=true", "training.beta=0.1"])
    before, after = load_file(tiny_folder / "model.safetensors"), weights(fresh, "1-count")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {part_of(name) for name in moved} == {"projector", "language model"}
    assert all(name.endswith("_proj.weight") or ".merger.mlp." in name for name in moved)
    assert not (fresh / "run/stages/1-count/final/adapter_config.json").exists()


def test_gradient_checkpointing_and_bf16_train(fresh: Path) -> None:
    train_case(
        fresh, ["training.gradient_checkpointing=true", "training.bf16=true", "stages.0.steps=1", "stages.1.steps=1"]
    )
    assert all(tensor.dtype == torch.float32 for tensor in weights(fresh, "1-count").values())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.per_device_train_batch_size=3"], "multiple of num_generations"),
        (["stages.0.tasks=['none/*']"], "tasks"),
        (["rubric.terms=[{name: format}]"], "verifies"),
        ([*PEFT, "stages.1.carry.optimizer=kept"], r"carry\.optimizer: must not be kept with use_peft"),
        ([*PEFT, "training.beta=0.1", "stages.1.carry.reference=kept"], r"carry\.reference: must not be kept"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    fresh: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train_case(fresh, overrides)
    assert not list((fresh / "run").rglob("*.json*"))


def test_a_picture_that_breaks_is_reported_and_the_run_goes_on(fresh: Path) -> None:
    config, datasets, run = open_case(fresh)
    broken = datasets["colours"].samples[2]
    path = datasets["colours"].root / broken.media[0].path
    path.write_bytes(path.read_bytes()[:50])
    run_curriculum(config, datasets, run, base_dir=fresh)
    events = [one for one in log_of(fresh) if one.get("event") == "bad_media"]
    assert events
    assert {one["sample"] for one in events} == {broken.id}
    assert all("picture" in one["reason"] for one in events)
    by_step = {(one["stage_index"], one["step"]): one for one in log_of(fresh) if "event" not in one}
    failed = {key for key, one in by_step.items() if one["failed_rollouts"] > 0}
    assert failed == {(one["stage_index"], one["step"]) for one in events}
    assert len(by_step) == 9


def test_a_loss_that_is_no_number_stops_the_run(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = GRPOTrainer._compute_loss

    def spoiled(self: GRPOTrainer, model: Any, inputs: Any) -> torch.Tensor:
        return original(self, model, inputs) * (float("nan") if self.state.global_step == 2 else 1.0)

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", spoiled)
    with pytest.raises(InputError, match="loss must be finite; found nan; at step 3 of stage look"):
        train_case(fresh)
    assert not (fresh / "run/stages/0-look/checkpoint-4").exists()


# ---------------------------------------------------------------------------------------------- tracking


def test_tensorboard_gets_event_files(fresh: Path) -> None:
    train_case(fresh, ["report_to=tensorboard", "stages.0.steps=1", "stages.1.steps=1"])
    for stage in ("0-look", "1-count"):
        files = list((fresh / "run/stages" / stage).rglob("events.out.tfevents.*"))
        assert files
        assert any(b"reward" in path.read_bytes() for path in files)


@pytest.mark.slow
def test_wandb_writes_an_offline_run_for_each_stage(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(fresh))
    monkeypatch.setenv("WANDB_SILENT", "true")
    pytest.importorskip("wandb").teardown()  # it reads the environment once a process
    train_case(fresh, ["report_to=wandb", "stages.0.steps=1", "stages.1.steps=1"])
    runs = sorted((fresh / "wandb").glob("offline-run-*"))
    assert len(runs) == 2
    assert all(list(path.glob("run-*.wandb")) for path in runs)
