"""Rubrics: composition, stated rewards, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmrl.config import RubricConfig, TermConfig
from mmrl.errors import InputError
from mmrl.rewards import TERMS, RewardTerm, Rubric, build_rubric, outline_rubric
from mmrl.types import Choice, Number, Parsed, ParseStatus, Rollout, Sample, StopReason, YesNo

SAMPLE = Sample(id="s7", task="scenes/yes_no", question="?", media=(), answer=YesNo(value=True))
COUNT = Sample(id="c1", task="scenes/count", question="?", media=(), answer=Number(value=3))


def rollout(stop: StopReason = StopReason.END, text: str = "x") -> Rollout:
    return Rollout(text=text, parsed=Parsed(status=ParseStatus.BAD_FORMAT), stop=stop)


def term(name: str, value: Any, weight: float = 1.0, **more: Any) -> RewardTerm:
    function = value if callable(value) else (lambda _sample, _rollout: value)
    return RewardTerm(name=name, function=function, weight=weight, **more)


def test_the_total_is_the_weighted_sum_and_the_parts_stay_unweighted() -> None:
    rubric = Rubric([term("a", 0.5, 2.0), term("b", 1.0, 0.25), term("c", 0.75, 0.0)])
    breakdown = rubric.score(SAMPLE, rollout())
    assert breakdown.total == 1.25
    assert breakdown.terms == {"a": 0.5, "b": 1.0, "c": 0.75}
    assert breakdown.note == ""


def test_terms_that_abstain_or_do_not_apply_are_left_out() -> None:
    choice_only = term("choice_only", 1.0, 4.0, kinds=frozenset({"choice"}))
    rubric = Rubric([term("a", 0.5), term("quiet", None, 9.0), choice_only])
    breakdown = rubric.score(SAMPLE, rollout())
    assert breakdown.total == 0.5
    assert breakdown.terms == {"a": 0.5, "quiet": None, "choice_only": None}


def test_all_abstaining_is_told() -> None:
    breakdown = Rubric([term("quiet", None)]).score(SAMPLE, rollout())
    assert (breakdown.total, breakdown.note) == (0.0, "abstained")


def test_a_term_without_weight_is_watched_and_changes_nothing() -> None:
    watched = Rubric([term("quiet", None), term("watched", 1.0, 0.0)]).score(SAMPLE, rollout())
    assert (watched.total, watched.note) == (0.0, "abstained")
    assert watched.terms == {"quiet": None, "watched": 1.0}


def test_unusable_completions_get_the_stated_reward_and_no_term_sees_them() -> None:
    def never(_sample: Sample, _rollout: Rollout) -> float:
        raise AssertionError("must not be called")

    rubric = Rubric([term("a", never)], truncated=-0.25, failed=-1.0)
    cut = rubric.score(SAMPLE, rollout(StopReason.LENGTH))
    assert (cut.total, cut.note, cut.terms) == (-0.25, "truncated", {"a": None})
    failed = rubric.score(SAMPLE, rollout(StopReason.FAILED))
    assert (failed.total, failed.note, failed.terms) == (-1.0, "failed", {"a": None})


def test_truncated_completions_may_be_scored_like_any_other_failed_ones_not() -> None:
    rubric = Rubric([term("a", 1.0)], truncated=None, failed=-1.0)
    assert rubric.score(SAMPLE, rollout(StopReason.LENGTH)).total == 1.0
    assert rubric.score(SAMPLE, rollout(StopReason.FAILED)).total == -1.0


@pytest.mark.parametrize(("value", "total"), [(True, 1.0), (1, 1.0), (np.float32(0.5), 0.5), (np.int64(2), 2.0)])
def test_any_real_number_is_a_value(value: Any, total: float) -> None:
    breakdown = Rubric([term("a", value)]).score(SAMPLE, rollout())
    assert breakdown.total == total
    assert type(breakdown.terms["a"]) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", [1.0], 1j, np.array([1.0, 2.0])])
def test_values_that_are_no_finite_number_name_the_term_and_the_sample(value: Any) -> None:
    with pytest.raises(InputError, match=r"must return a finite number or None; found .*; term mine, sample s7"):
        Rubric([term("mine", value)]).score(SAMPLE, rollout())


def test_what_a_function_raises_is_passed_on_with_the_place() -> None:
    def broken(_sample: Sample, _rollout: Rollout) -> float:
        return {}["missing"]

    with pytest.raises(KeyError, match="missing") as caught:
        Rubric([term("mine", broken)]).score(SAMPLE, rollout())
    assert caught.value.__notes__ == ["raised by reward term mine on sample s7"]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "at least one term; found none"),
        ([term("a", 1), term("b", 1), term("a", 0)], "names must differ; found a 2 times"),
        ([term("a", 1, -0.5)], r"finite and 0 or more; found -0\.5; rubric\.terms\.a"),
        ([term("a", 1, math.nan)], "finite and 0 or more; found nan"),
        ([term("a", 1, math.inf)], "finite and 0 or more; found inf"),
        ([term("a", 1, 0.0), term("b", 1, 0.0)], "at least one weight must be above 0"),
    ],
)
def test_unusable_terms_are_refused(terms: list[RewardTerm], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rubric(terms)


@pytest.mark.parametrize("stated", [{"truncated": math.nan}, {"failed": math.inf}])
def test_stated_rewards_must_be_finite(stated: dict[str, float]) -> None:
    with pytest.raises(InputError, match="a stated reward must be finite"):
        Rubric([term("a", 1)], **stated)


def test_every_task_needs_a_verifying_term_with_a_weight() -> None:
    numbers = term("numbers", 1, verifies=True, kinds=frozenset({"number"}))
    watched = term("watched", 1, 0.0, verifies=True)
    rubric = Rubric([numbers, watched, term("style", 1, 0.1)])
    rubric.check_covers([COUNT])
    with pytest.raises(
        InputError, match=r"found only numbers, style for scenes/yes_no \(yes_no\); rubric; add accuracy"
    ):
        rubric.check_covers([COUNT, SAMPLE])
    assert rubric.verifying("number") == ("numbers",)
    assert rubric.verifying("yes_no") == ()
    assert rubric.shaping("yes_no") == ("style",)


def test_a_rubric_is_built_from_its_config(tmp_path: Any) -> None:
    (tmp_path / "mine.py").write_text("def short(sample, rollout):\n    return float(len(rollout.text) < 3)\n")
    config = RubricConfig(
        terms=(
            TermConfig(name="format", weight=0.1),
            TermConfig(name="brief", weight=0.5, use="mine.py:short", verifies=True),
        ),
        truncated=None,
        failed=-1.0,
    )
    rubric = build_rubric(config, tmp_path)
    assert (rubric.truncated, rubric.failed) == (None, -1.0)
    assert rubric.score(SAMPLE, rollout(text="ab")).terms == {"format": 0.0, "brief": 1.0}
    assert rubric.score(SAMPLE, rollout(text="ab")).total == 0.5
    assert rubric.score(SAMPLE, rollout(text="abc")).total == 0.0
    assert rubric.verifying("choice") == ("brief",)
    assert TERMS["format"].weight == 1.0


def test_an_outline_loads_nothing_and_cannot_score() -> None:
    outline = outline_rubric(RubricConfig(terms=(TermConfig(name="mine", use="none.py:f", verifies=True),)))
    outline.check_covers([SAMPLE])
    with pytest.raises(AssertionError, match="does not score"):
        outline.score(SAMPLE, rollout())


def test_unknown_terms_are_refused() -> None:
    with pytest.raises(InputError, match=r"found acuracy; rubric\.terms; use one of format, accuracy"):
        build_rubric(RubricConfig(terms=(TermConfig(name="acuracy"),)), ".")


def test_functions_see_the_sample_and_the_completion() -> None:
    seen: list[tuple[str, str]] = []

    def look(sample: Sample, rollout: Rollout) -> None:
        seen.append((sample.id, rollout.text))

    function: Callable[[Sample, Rollout], None] = look
    Rubric([term("look", function)]).score(
        Sample(id="q", task="t/x", question="?", media=(), answer=Choice(letters=("A",))), rollout(text="hello")
    )
    assert seen == [("q", "hello")]
