"""The wording of prompts is part of the experiment: these tests keep it from drifting unseen."""

from __future__ import annotations

import pytest

from mmrl.geometry import PERMILLE_FRAME, UNIT_FRAME, model_frame
from mmrl.prompts import answer_hint, build_prompt, question_text
from mmrl.types import Box, Boxes, Choice, Media, Route, RouteLeg, Sample, YesNo

PICTURE = Media(path="media/a.png", width=200, height=100, sha256="0")


def sample(**changes):
    values = {"id": "1", "task": "scenes/exists", "question": "Is there a red circle?", "media": (PICTURE,)}
    return Sample(**{**values, "answer": YesNo(value=True), **changes})


@pytest.mark.parametrize(
    ("kind", "style", "frame", "expected"),
    [
        ("yes_no", "direct", None, "Answer yes or no in <answer></answer>."),
        (
            "number",
            "think",
            None,
            "Answer with a number. Reason in <think></think> first, then put the answer in <answer></answer>.",
        ),
        ("choice", "boxed", None, "Answer with the letter of the right option, put in \\boxed{}."),
        (
            "boxes",
            "json",
            PERMILLE_FRAME,
            "Answer with the box [x1, y1, x2, y2] from 0 to 1000, as JSON in a fenced json block.",
        ),
        (
            "grounded",
            "direct",
            None,
            'Answer with the option and its times in seconds as {"answer": letter, "times": [[start, end]]}'
            " in <answer></answer>.",
        ),
        ("point", "direct", UNIT_FRAME, "Answer with the point [x, y] from 0 to 1 in <answer></answer>."),
        (
            "boxes",
            "direct",
            model_frame(112, 112),
            "Answer with the box [x1, y1, x2, y2] in pixels in <answer></answer>.",
        ),
    ],
)
def test_hint_wording(kind, style, frame, expected):
    assert answer_hint(kind, style=style, frame=frame) == expected


def test_every_style_and_kind_has_a_hint_without_format_leftovers():
    from typing import get_args

    from mmrl.types import AnswerKind, PromptStyle

    for kind in get_args(AnswerKind):
        for style in get_args(PromptStyle):
            hint = answer_hint(kind, style=style, frame=PERMILLE_FRAME)
            assert "{unit}" not in hint
            assert "{{" not in hint
            assert hint.endswith(".")


def test_options_are_lettered_in_order():
    text = question_text(sample(answer=Choice(letters=("B",)), choices=("red", "blue"), question="Which colour?"))
    assert text == "Which colour?\nA) red\nB) blue"


def test_media_come_first_and_in_order():
    clip = Media(path="media/b.mp4", kind="video", width=10, height=10, sha256="1")
    (message,) = build_prompt(sample(media=(PICTURE, clip)), style="direct", frame=None)
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["image", "video", "text"]
    assert message["content"][-1]["text"] == "Is there a red circle?\nAnswer yes or no in <answer></answer>."


def test_gold_answer_never_stands_in_the_prompt():
    gold = Boxes(boxes=(Box(x1=17, y1=23, x2=91, y2=97),), frame=model_frame(200, 100))
    (message,) = build_prompt(sample(answer=gold, task="gui/ground"), style="direct", frame=model_frame(200, 100))
    assert not any(number in message["content"][-1]["text"] for number in ("17", "23", "91", "97"))


@pytest.mark.parametrize(
    ("leg", "form"),
    [
        ({}, "as Line: from > to, joined by ;"),
        ({"via_count": 1}, "Arrival Stop: ..., Number of Via Stops: ..., and -- between rides"),
        ({"via": ("B",)}, "Arrival Stop: ..., Via Stops: ..., and -- between rides"),
    ],
)
def test_routes_are_asked_for_in_the_form_that_their_answers_have(leg, form):
    route = Route(legs=(RouteLeg(line="Red", departure="A", arrival="C", **leg),))
    (message,) = build_prompt(sample(answer=route), style="boxed", frame=None)
    assert message["content"][1]["text"].endswith(f"{form}, put in \\boxed{{}}.")
