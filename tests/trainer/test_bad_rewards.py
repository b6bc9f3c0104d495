"""Rewards that are none stop training with one line; abstentions are handled, counted and told."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from mmrl.runs import is_complete
from tests.trainer.case import train_case, write_case
from tests.trainer.refused import GROUP, log_of, make, refusal, reward, row


def raising(**_: Any) -> list[float]:
    raise KeyError("the column\nis missing")


async def raising_later(**_: Any) -> list[float]:
    raise ZeroDivisionError("division by zero")


def answering(*values: Any) -> Callable[..., Any]:
    """Return a reward function whose rewards begin with these values."""

    def term(completions: list[Any], **_: Any) -> list[Any]:
        return [*values, *[1.0] * (len(completions) - len(values))]

    return term


def answering_later(*values: Any) -> Callable[..., Any]:
    async def term(completions: list[Any], **_: Any) -> list[Any]:
        return [*values, *[1.0] * (len(completions) - len(values))]

    return term


def short(**_: Any) -> list[float]:
    return [1.0]


async def short_later(**_: Any) -> list[float]:
    return [1.0]


def nothing(**_: Any) -> None:
    return None


def one_number(**_: Any) -> float:
    return 1.0


def generated(completions: list[Any], **_: Any) -> Any:
    return (1.0 for _ in completions)


def named(completions: list[Any], **_: Any) -> dict[int, float]:
    return dict.fromkeys(range(len(completions)), 1.0)


MANY = r"term \w+, samples s1 to s1, step 1; correct that function$"
ONE = "term term, sample s1, step 1; correct that reward function"
BAD_REWARDS = {
    "raises": (raising, rf"found KeyError: 'the column.*is missing'; {MANY}"),
    "raises later": (raising_later, rf"found ZeroDivisionError: division by zero; {MANY}"),
    "too few": (short, rf"one reward for each of 4 completions; found 1 of them; {MANY}"),
    "too few later": (short_later, rf"one reward for each of 4 completions; found 1 of them; {MANY}"),
    "nothing": (nothing, rf"found None; {MANY}"),
    "a number": (one_number, rf"found a float; {MANY}"),
    "a generator": (generated, rf"found a generator; {MANY}"),
    "a mapping": (named, rf"found a dict; {MANY}"),
    "nan": (answering(0.5, math.nan), rf"found nan; {ONE}"),
    "nan later": (answering_later(math.nan), rf"found nan; {ONE}"),
    "infinite": (answering(-math.inf), rf"found -inf; {ONE}"),
    "too large for float32": (answering(1e39), rf"found 1e\+39; {ONE}"),
    "too large for a float": (answering(10**400), rf"found 10000.*; {ONE}"),
    "text": (answering("1.0"), rf"found '1.0'; {ONE}"),
    "several": (answering([0.1, 0.2]), rf"found \[0.1, 0.2\]; {ONE}"),
    "a tensor of several": (answering(torch.ones(2)), rf"found tensor.*; {ONE}"),
}


@pytest.mark.parametrize("kind", BAD_REWARDS)
def test_a_bad_reward_stops_training_with_term_sample_and_step(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    function, words = BAD_REWARDS[kind]
    trainer = make(tiny_folder, tmp_path, functions=[reward, function])
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    message = refusal(trainer.train)
    assert re.search(words, message), message
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())


class Judge(nn.Module):
    """Stands where a reward model does; its scores are given."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score
        self.config = type("Config", (), {"_name_or_path": "judges/nan"})()

    def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
        scores = torch.ones(len(input_ids), 1)
        scores[1] = self.score
        return type("Output", (), {"logits": scores})()


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_reward_model_without_a_number_is_no_abstention(tiny_folder: Path, tmp_path: Path, score: float) -> None:
    trainer = make(tiny_folder, tmp_path, functions=reward)
    trainer.reward_funcs.append(Judge(score))
    trainer.reward_func_names.append("judge")
    trainer.reward_processing_classes.append(trainer.processing_class.tokenizer)
    trainer.reward_weights = torch.ones(2)
    message = refusal(trainer.train)
    assert re.search(rf"score must be finite; found {score}; term judge, sample s1, step 1", message), message


# ------------------------------------------------------------------------------------------------ abstentions


def test_a_group_that_no_one_judges_has_no_gradient_and_is_counted(tiny_folder: Path, tmp_path: Path) -> None:
    def abstaining(id: list[str], **_: Any) -> list[float | None]:
        return [None if name == "s1" else float(index % 3) for index, name in enumerate(id)]

    trainer = make(tiny_folder, tmp_path, functions=abstaining, per_device_train_batch_size=2 * GROUP, max_steps=1)
    trainer.model.train()
    scored = trainer._generate_and_score_completions([row(id=name) for name in ("s1", "s2") for _ in range(GROUP)])
    assert [group.dead for group in scored.groups] == [True, False]
    assert [one.advantage for one in scored.groups[0].completions] == [0.0] * GROUP
    assert any(one.advantage != 0 for one in scored.groups[1].completions)
    metrics = trainer._metrics["train"]
    assert (metrics["groups/unjudged"], metrics["groups/dead"]) == ([0.5], [0.5])
    assert metrics["reward"] == [pytest.approx((1 + 2 + 0 + 1) / 4)]


def test_a_batch_that_no_one_judges_changes_nothing_and_training_goes_on(tiny_folder: Path, tmp_path: Path) -> None:
    def abstaining(completions: list[Any], trainer_state: Any, **_: Any) -> list[float | None]:
        first = trainer_state.global_step == 0
        return [None if first else float(index) for index in range(len(completions))]

    trainer = make(tiny_folder, tmp_path, functions=abstaining)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    first, second = (entry for entry in trainer.state.log_history if "loss" in entry)
    assert (first["loss"], first["grad_norm"], first["groups/unjudged"], first["groups/dead"]) == (0, 0, 1, 1)
    assert first["reward"] is None
    assert second["groups/unjudged"] == 0
    assert second["grad_norm"] > 0
    assert any(not torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())


def test_a_script_is_told_in_one_line_who_judged_nothing_where(
    tiny_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def first(completions: list[Any], **_: Any) -> list[None]:
        return [None for _ in completions]

    def second(id: list[str], **_: Any) -> list[float | None]:
        return [None if name == "s2" else 1.0 for name in id]

    trainer = make(tiny_folder, tmp_path, functions=[first, second], per_device_train_batch_size=2 * GROUP, max_steps=1)
    trainer.train()
    (told,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING" and "None" in one.getMessage()]
    assert "\n" not in told
    assert f"found {GROUP} of {2 * GROUP} for which all returned None" in told
    assert "terms first, second, samples s2, step 1;" in told


def test_a_run_names_the_samples_that_no_one_judged_and_goes_on(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_case(tmp_path, tiny_folder)
    (tmp_path / "reward.py").write_text("def evenness(sample, rollout):\n    return None\n", encoding="utf-8")
    terms = "rubric.terms=[{name: evenness, use: 'reward.py:evenness', verifies: true}]"
    capfd.readouterr()
    final = train_case(tmp_path, [terms, "stages.0.steps=1", "stages.1.steps=1"])
    assert is_complete(final)
    assert capfd.readouterr().err == "", "no row is printed"
    records = log_of(tmp_path)
    events = [one for one in records if one.get("event") == "unjudged"]
    assert [(one["stage"], one["step"], one["abstained"]) for one in events] == [
        ("look", 1, ["evenness"]),
        ("count", 1, ["evenness"]),
    ]
    assert all(re.fullmatch(r"(colours|counts)-\d", name) for one in events for name in one["samples"])
    assert len(events[0]["samples"]) == 4, "16 completions of 4 prompts"
    steps = [one for one in records if "event" not in one]
    assert [(one["reward"], one["groups/unjudged"], one["groups/dead"]) for one in steps] == [(None, 1, 1)] * 2


# ------------------------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "raise KeyError('gone')",
            r"found KeyError: 'gone'; raised by reward term evenness on sample colours-\d, step 1",
        ),
        ("return float('nan')", r"found nan; term evenness, sample colours-\d; correct its function; at step 1"),
    ],
)
def test_a_run_with_a_bad_reward_ends_with_one_line_and_no_checkpoint(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmrl: Any, body: str, words: str
) -> None:
    write_case(tmp_path, tiny_folder)
    (tmp_path / "reward.py").write_text(f"def evenness(sample, rollout):\n    {body}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    outcome = mmrl("train", "config.yaml", "--no-audit")
    assert outcome.code == 2, outcome.err
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert len(lines) == 1, outcome.err
    assert re.search(words, lines[0]), lines[0]
    assert [one.get("event") for one in log_of(tmp_path)] == ["stage_start", "mix"]
    left = {path.name for path in (tmp_path / "run/stages/0-look").iterdir()}
    assert left == {"stage.json"}
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["seed"] == 3


def test_an_asynchronous_reward_may_be_a_partial_one(tiny_folder: Path, tmp_path: Path) -> None:
    async def scaled(completions: list[Any], scale: float, **_: Any) -> list[float]:
        return [scale * row for row in range(len(completions))]

    trainer = make(tiny_folder, tmp_path, functions=functools.partial(scaled, scale=2.0), max_steps=1)
    trainer.train()
    assert next(log["reward"] for log in trainer.state.log_history if "reward" in log) > 0
