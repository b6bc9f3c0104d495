from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mmrl.errors import InputError
from mmrl.rewards import RewardTerm, Rubric
from mmrl.trainer.finite import function_name, checked_reward
from mmrl.trainer.rewards import RubricRewards
from mmrl.types import Rollout, Sample, YesNo

EOS = 2
YES = "<answer>yes</answer>"
NO = "<answer>no</answer>"


def sample(identifier: str = "s1", *, value: bool = True) -> Sample:
    return Sample(id=identifier, task="test/yes_no", question="Is it red?", media=(), answer=YesNo(value=value))


def correct(one: Sample, rollout: Rollout) -> float:
    return float(rollout.parsed.answer == one.answer)


def only_when_parsed(_sample: Sample, rollout: Rollout) -> float | None:
    return 0.25 if rollout.parsed.answer is not None else None


def rubric(**stated: Any) -> Rubric:
    terms = [
        RewardTerm(name="correct", function=correct, weight=2.0, verifies=True),
        RewardTerm(name="parsed", function=only_when_parsed, weight=4.0),
    ]
    return Rubric(terms, **stated)


def call(
    rewards: RubricRewards, texts: list[str], *, ids: list[list[int]] | None = None, errors: list[str] | None = None
) -> tuple[dict[str, list[float | None]], dict[str, float]]:
    """Call the functions as TRL does, in order; returns their values and the logged metrics."""
    metrics: dict[str, float] = {}
    batch = {
        "prompts": [None] * len(texts),
        "completions": [[{"role": "assistant", "content": text}] for text in texts],
        "completion_ids": ids or [[7, EOS]] * len(texts),
        "sample": [sample(f"s{index}") for index in range(len(texts))],
        "frame": [None] * len(texts),
        "media_error": errors or [""] * len(texts),
        "log_metric": metrics.__setitem__,
        "log_extra": None,
        "trainer_state": SimpleNamespace(global_step=4),
    }
    return {function_name(function): function(**batch) for function in rewards.functions}, metrics


def make(**stated: Any) -> RubricRewards:
    return RubricRewards(rubric(**stated), style="direct", eos_ids=[EOS])


def test_terms_are_unweighted_and_the_total_is_the_rubrics() -> None:
    rewards = make()
    values, metrics = call(rewards, [YES, NO, "nothing"])
    assert values == {"correct": [1.0, 0.0, 0.0], "parsed": [0.25, 0.25, None], "total": [3.0, 1.0, 0.0]}
    assert rewards.weights == [0.0, 0.0, 1.0]
    assert metrics["parse_failures"] == pytest.approx(1 / 3)
    assert metrics["failed_rollouts"] == 0.0


@pytest.mark.parametrize(("truncated", "total"), [(-0.5, -0.5), (None, 3.0)])
def test_a_completion_without_end_token_is_truncated(truncated: float | None, total: float) -> None:
    values, _ = call(make(truncated=truncated), [YES, YES], ids=[[7, 8, 9], [7, EOS]])
    assert values["total"] == [total, 3.0]


def test_bad_media_get_the_rubrics_value_for_failures_and_are_reported_once() -> None:
    rewards = make(failed=-1.0)
    values, metrics = call(rewards, [YES, YES], errors=["a picture must be a file", ""])
    assert values["total"] == [-1.0, 3.0]
    assert values["correct"] == [None, 1.0]
    assert metrics["failed_rollouts"] == 0.5
    assert rewards.take_failures() == [("s0", "a picture must be a file")]
    assert rewards.take_failures() == []


def test_where_every_term_abstains_there_is_no_reward() -> None:
    silent = Rubric([RewardTerm(name="silent", function=only_when_parsed, verifies=True)])
    values, _ = call(RubricRewards(silent, style="direct", eos_ids=[EOS]), ["nothing", YES])
    assert values["total"] == [None, 0.25]


def test_each_batch_is_scored_anew() -> None:
    rewards = make()
    call(rewards, [YES])
    assert call(rewards, [NO, NO])[0]["total"] == [1.0, 1.0]


def test_a_value_that_is_no_number_is_named_with_sample_term_and_step() -> None:
    broken = Rubric([RewardTerm(name="broken", function=lambda *_: float("nan"), verifies=True)])
    with pytest.raises(InputError, match=r"found nan; term broken, sample s0; .* at step 5"):
        call(RubricRewards(broken, style="direct", eos_ids=[EOS]), [YES])


def test_a_term_may_not_take_the_name_of_the_sum() -> None:
    taken = Rubric([RewardTerm(name="total", function=correct, verifies=True)])
    with pytest.raises(InputError, match="no reward term may be named 'total'"):
        RubricRewards(taken, style="direct", eos_ids=[EOS])


def test_the_guard_keeps_names_and_passes_finite_values_and_abstentions() -> None:
    def mine(**_: Any) -> list[float | None]:
        return [1, None, -2.5]

    guarded = checked_reward(mine)
    assert function_name(guarded) == "mine"
    assert guarded(completions=["a", "b", "c"]) == [1, None, -2.5]
    assert checked_reward("some/reward-model") == "some/reward-model"


def test_the_guard_names_the_row_where_there_is_no_sample() -> None:
    with pytest.raises(InputError, match=r"found inf; term <lambda>, sample row 1 of the batch, step 1"):
        checked_reward(lambda **_: [0.0, float("inf")])(completions=["a", "b"])
