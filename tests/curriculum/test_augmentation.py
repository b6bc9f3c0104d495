"""What is done to samples that are too easy or too hard, by numbers worked out by hand; and what a hint may say."""

from __future__ import annotations

from typing import Any

import pytest

from mmrl.curriculum.augmentation import Augmentation, RewardWindow, generator
from mmrl.curriculum.hints import hint_of, states_answer, thought_of
from mmrl.types import Answer, Choice, Interval, Intervals, Number, Sample, Text, YesNo


@pytest.mark.parametrize(
    ("settings", "difficulty", "expected"),
    [
        ({}, 0.0, None),
        ({}, 0.05, None),  # the dead zone, its edge included
        ({}, -0.05, None),
        ({}, -0.5, ("noise", 0.25, 0.3 * 0.25)),
        ({}, -5.0, ("noise", 1.0, 0.3)),  # never more than all of it
        ({"easy": "mask"}, -1.0, ("mask", 0.5, 0.25)),
        ({"easy": "fewer_frames", "most": 3.0}, -1.0, ("fewer_frames", 0.5, 1.0)),
        ({"easy": "none"}, -1.0, None),
        ({}, 1.0, ("hint", 0.5, 0.35)),
        ({"hint": 0.0}, 1.0, None),
        ({"dead_zone": 0.0}, 1e-6, ("hint", 5e-7, 3.5e-7)),
        ({"easy": "noise", "most": 1.0}, -1.0, ("noise", 0.5, 0.5)),
    ],
)
def test_change(settings: dict[str, Any], difficulty: float, expected: tuple[str, float, float] | None) -> None:
    change = Augmentation(**settings).change(difficulty, greatest=2.0)
    if expected is None:
        assert change is None
        return
    assert change is not None
    assert (change.operator, change.difficulty) == (expected[0], difficulty)
    assert (change.degree, change.strength) == pytest.approx(expected[1:])


def test_the_window_holds_the_last_groups_and_speaks_when_it_is_full() -> None:
    window = RewardWindow(3)
    assert window.state() == {}
    window.add([1.0, 0.0])
    assert window.mean is None
    window.add([0.5])
    assert window.mean == 0.5
    window.add([2.0])
    assert window.mean == pytest.approx(2.5 / 3)
    other = RewardWindow(3)
    other.restore(window.state())
    assert (other.mean, other.state()) == (window.mean, {"means": [0.0, 0.5, 2.0]})


def test_chance_depends_on_seed_step_and_sample_alone() -> None:
    first = generator(1, 2, "a").random()
    assert generator(1, 2, "a").random() == first
    assert len({first, *(generator(*one).random() for one in [(2, 2, "a"), (1, 3, "a"), (1, 2, "b")])}) == 4


# ------------------------------------------------------------------------------------------------ hints


def sample(answer: Answer, choices: tuple[str, ...] = ()) -> Sample:
    return Sample(id="s", task="t/x", question="?", media=(), answer=answer, choices=choices)


OPTION = sample(Choice(letters=("B",)), ("it waits", "it opens the door", "it sits"))
SPAN = sample(Intervals(intervals=(Interval(start=1.5, end=3),)))
REASONING = "First a man comes in. He looks round.\nThen he takes the handle. So the answer is B."


@pytest.mark.parametrize(
    ("share", "hint"),
    [
        (0.0, ""),
        (0.1, "First a man comes in."),
        (0.25, "First a man comes in."),
        (0.26, "First a man comes in. He looks round."),
        (0.7, "First a man comes in. He looks round. Then he takes the handle."),
        (1.0, "First a man comes in. He looks round. Then he takes the handle."),
    ],
)
def test_a_hint_is_the_beginning_without_the_answer(share: float, hint: str) -> None:
    assert hint_of(REASONING, share, OPTION) == hint


@pytest.mark.parametrize(
    ("asked", "sentence", "told"),
    [
        (OPTION, "The answer must be B", True),
        (OPTION, "Option (B) fits.", True),
        (OPTION, "B. fits", True),
        (OPTION, "I see that it opens the door.", True),
        (OPTION, "He goes to the door.", False),
        (OPTION, "Be careful: A man.", False),
        (SPAN, "It is there from 1.5 to 3 seconds.", True),
        (SPAN, "It begins at 1.5 s.", False),
        (SPAN, "Nothing happens in the first second.", False),
        (sample(Number(value=3)), "There are 3 of them.", True),
        (sample(Number(value=3)), "There are 13 of them.", False),
        (sample(YesNo(value=True)), "So the answer is yes", True),
        (sample(YesNo(value=True)), "The answer is not no", True),
        (sample(YesNo(value=True)), "There is no car in it.", False),
        (sample(Text(value="Red bus")), "I see a red bus there.", True),
        (sample(Text(value="Red bus")), "I see something red.", False),
    ],
)
def test_what_gives_an_answer_away(asked: Sample, sentence: str, told: bool) -> None:
    assert states_answer(sentence, asked) is told


def test_tags_never_reach_a_hint() -> None:
    assert hint_of("A cup. <answer>B</answer> is it. It falls.", 1.0, OPTION) == "A cup. It falls."


def test_thoughts() -> None:
    assert thought_of("<think> so\nit is </think><answer>B</answer>") == "so\nit is"
    assert thought_of("<answer>B</answer>") == ""
    assert thought_of("<think>cut off") == ""
