"""Video-R1's bonuses against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmrl.rewards.shaping import LengthWindow, TemporalContrast
from mmrl.rewards.shaping.temporal import contrast_holds, in_window
from mmrl.types import Rollout
from tests.rewards.mechanisms.cases import YES, completion, group, rubric_of

VIDEO_R1 = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
"""Ordered accuracies 1/2; the shuffled group [1, 0, 0, 0] has 1/4."""


def rollouts(values: list[float], means: dict[str, float] | None) -> list[Rollout]:
    return [replace(completion(f"accuracy={value}"), shuffled_means=means) for value in values]


def contrasted(values: list[float], means: dict[str, float] | None, **settings: float) -> list[float]:
    rubric = rubric_of({"accuracy": 1.0}, shaping=[TemporalContrast(**settings)])
    scored = rubric.score_groups([YES] * len(values), rollouts(values, means), group_size=len(values))
    return [one.total for one in scored]


def test_video_r1s_example() -> None:
    assert contrasted(VIDEO_R1, {"accuracy": 0.25}) == pytest.approx([value * 1.3 for value in VIDEO_R1])


@pytest.mark.parametrize(
    ("shuffled", "share", "bonus"),
    [(0.5, 1.0, 0.3), (0.51, 1.0, 0.0), (0.6, 0.8, 0.3), (0.63, 0.8, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.3)],
)
def test_the_bonus_needs_the_order_of_the_frames(shuffled: float, share: float, bonus: float) -> None:
    found = contrasted(VIDEO_R1, {"accuracy": shuffled}, share=share)
    assert found == pytest.approx([value * (1 + bonus) for value in VIDEO_R1])


def test_wrong_answers_and_pictures_get_nothing() -> None:
    assert contrasted([0.0] * 4, {"accuracy": 0.0}) == [0.0] * 4
    assert contrasted([1.0, 0.0], None) == [1.0, 0.0]
    assert contrasted([0.05, 0.2], {"accuracy": 0.0}) == pytest.approx([0.05, 0.5]), "right is above a tenth"


def test_each_group_is_compared_with_its_own_shuffled_one() -> None:
    rubric = rubric_of({"accuracy": 1.0}, shaping=[TemporalContrast(bonus=0.5)])
    members = rollouts([1.0, 0.0], {"accuracy": 0.5}) + rollouts([1.0, 0.0], {"accuracy": 0.75})
    scored = rubric.score_groups([YES] * 4, members, group_size=2)
    assert [one.total for one in scored] == [1.5, 0.0, 1.0, 0.0]


def test_contrast_of_nothing() -> None:
    assert not contrast_holds([], 0.0, 1.0)


# ------------------------------------------------------------------------------------------------ length


@pytest.mark.parametrize(
    ("lengths", "right", "inside"),
    [
        ([320, 512, 319, 513], [True] * 4, [True, True, False, False]),
        ([400, 400], [True, False], [False, False]),  # one right answer alone
        ([400, 400, 100], [True, False, True], [True, False, False]),
        ([], [], []),
    ],
)
def test_window(lengths: list[int], right: list[bool], inside: list[bool]) -> None:
    assert in_window(lengths, right, 320, 512) == inside


def test_right_answers_in_the_window_get_the_bonus() -> None:
    values = [{"accuracy": 1.0}, {"accuracy": 1.0}, {"accuracy": 0.1}, {"accuracy": 1.0}]
    members = [completion(tokens=tokens) for tokens in (6, 4, 6, 6)]
    shaped = LengthWindow(low=5, high=7).shape([1.0, 1.0, 0.1, None], group(values, members))
    assert shaped == [1.2, 1.0, 0.1, None]


def test_an_empty_window_is_refused() -> None:
    assert list(LengthWindow(low=5, high=4).conflicts()) == [("high", "must be at least low, 5; found 4")]
    assert not list(LengthWindow().conflicts())
