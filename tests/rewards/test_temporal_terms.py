"""Terms of tasks on clips against tables of completions, honest and adversarial, read as training reads them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mmrl.answers import parse_completion
from mmrl.answers.evidence import evidence_of, write_evidence
from mmrl.errors import InputError
from mmrl.rewards import TERMS, Rubric
from mmrl.rewards.temporal import TEMPORAL_TERMS
from mmrl.scoring.temporal import order_agreement
from mmrl.types import Answer, Choice, Grounded, Interval, Intervals, Rollout, Sample, Text, answer_kind


def sample(answer: Answer, **meta: Any) -> Sample:
    return Sample(id="s1", task="video/x", question="?", media=(), answer=answer, meta=meta)


def spans(*pairs: tuple[float, float]) -> Intervals:
    return Intervals(intervals=tuple(Interval(start=start, end=end) for start, end in pairs))


EVENT = sample(spans((10, 30)), duration=50)
TWO = sample(spans((0, 10), (20, 30)), duration=40)
OPTION = sample(Choice(letters=("B",)), evidence=[[0, 10], [20, 30]])
ORDER = sample(Text(value="Red square, blue circle, star"))


def value(term: str, asked: Sample, text: str) -> float | None:
    parsed = parse_completion(text, kind=answer_kind(asked.answer), style="direct")
    return Rubric([TERMS[term]]).score(asked, Rollout(text=text, parsed=parsed)).terms[term]


def test_terms_say_what_they_apply_to_and_whether_they_verify() -> None:
    facts = {term.name: (set(term.kinds or ()), term.verifies, term.graded) for term in TEMPORAL_TERMS}
    assert facts == {
        "tiou": ({"intervals"}, True, True),
        "intervals_iou": ({"intervals"}, True, True),
        "tiou_edges": ({"intervals"}, True, True),
        "event_order": ({"text"}, True, True),
        "grounded": (set(), True, True),
    }


@pytest.mark.parametrize(
    ("text", "tiou", "several", "edges"),
    [
        ("[[10, 30]]", 1, 1, 1),
        ("[10, 30]", 1, 1, 1),
        ("[[5, 15]]", 0.2, 0.2, 0.2 * 0.9 * 0.7),  # 5 of 25 seconds; off by 5 and by 15 of 50
        ("[[30, 40]]", 0, 0, 0),  # touches
        ("[[0, 50]]", 0.4, 0.4, 0.4 * 0.8 * 0.6),
        ("[[0, 100000]]", 20 / 100000, 20 / 100000, 0),  # beyond the clip: the released product would be negative
        ("[[20, 20]]", 0, 0, 0),  # an instant
        ("[[30, 10]]", 0, 0, 0),  # never swapped
        ("[[10, 30], [10, 30]]", 0, 1, 0),  # said twice: one stretch, in two answers
        ("[[10, 20], [20, 30]]", 0, 1, 0),
        ("[[0, 1], [10, 30], [49, 50]]", 0, 20 / 22, 0),  # a spray with the right one in it
        ("10 to 30", 0, 0, 0),
        ("[[10, 1e999]]", 0, 0, 0),
        ("", 0, 0, 0),
    ],
)
def test_one_stretch(text: str, tiou: float, several: float, edges: float) -> None:
    completion = f"<answer>{text}</answer>"
    assert value("tiou", EVENT, completion) == pytest.approx(tiou)
    assert value("intervals_iou", EVENT, completion) == pytest.approx(several)
    assert value("tiou_edges", EVENT, completion) == pytest.approx(edges)


def test_time_r1s_example() -> None:
    """Gold 12..22, predicted 10..20 of 30 seconds: IoU 8/12 times (1 - 2/30) twice."""
    asked = sample(spans((12, 22)), duration=30)
    assert value("tiou_edges", asked, "<answer>[[10, 20]]</answer>") == pytest.approx(0.5807, abs=5e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[0, 10], [20, 30]]", 1),
        ("[[20, 30], [0, 10]]", 1),
        ("[[5, 25]]", 10 / 30),  # where comparing hulls would give 2/3
        ("[[0, 30]]", 20 / 30),
        ("[[0, 10]]", 0.5),
        ("[[12, 18]]", 0),
    ],
)
def test_several_stretches(text: str, expected: float) -> None:
    completion = f"<answer>{text}</answer>"
    assert value("intervals_iou", TWO, completion) == pytest.approx(expected)
    assert value("tiou", TWO, completion) is None
    assert value("tiou_edges", TWO, completion) is None


@pytest.mark.parametrize("wrong", [None, 0, -3, "30", True, float("nan")])
def test_edges_are_weighed_by_a_stated_length_alone(wrong: object) -> None:
    broken = replace(EVENT, meta={"duration": wrong})
    with pytest.raises(InputError, match=r"option 'duration' must be .*; in sample 's1', meta\.duration; state it"):
        value("tiou_edges", broken, "<answer>[[10, 30]]</answer>")


# ------------------------------------------------------------------------------------------------ order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red square, blue circle, star", 1),
        ("Red square > blue circle > star", 1),
        ("blue circle, red square, star", 2 / 3),
        ("star, blue circle, red square", 0),
        ("star, red square, blue circle", 1 / 3),
        ("red square, star", 0),  # one is missing
        ("red square, blue circle, star, star", 0),
        ("red square, blue circle, comet", 0),
        ("red square", 0),
        ("", 0),
    ],
)
def test_order(text: str, expected: float) -> None:
    assert value("event_order", ORDER, f"<answer>{text}</answer>") == pytest.approx(expected)


def test_order_is_kendalls_tau_and_half_on_average() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    import itertools

    orders = list(itertools.permutations("abcd"))
    shares = [order_agreement(order, "abcd") for order in orders]
    taus = [scipy_stats.kendalltau(range(4), [order.index(name) for name in "abcd"]).statistic for order in orders]
    assert shares == pytest.approx([(tau + 1) / 2 for tau in taus])
    assert sum(shares) / len(shares) == pytest.approx(0.5)


def test_a_single_event_has_no_order() -> None:
    assert value("event_order", sample(Text(value="star")), "<answer>star</answer>") is None


# ------------------------------------------------------------------------------------------------ grounded answers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<answer>B</answer><glue>[[0, 10], [20, 30]]</glue>", 1),
        ("<answer>B</answer>\n<glue>[(0, 10), (20, 30)]</glue>", 1),
        ("<answer>B</answer><glue>[[5, 25]]</glue>", 1 / 3),
        ("<answer>B</answer><glue>[5, 25]</glue>", 1 / 3),
        ("<answer>A</answer><glue>[[0, 10], [20, 30]]</glue>", 0),
        ("<answer>B</answer>", 0),
        ("<answer>B</answer><glue></glue>", 0),
        ("<answer>B</answer><glue>[[12, 18]]</glue>", 0),
        ("<answer>B</answer><glue>[[5, 5]]</glue>", 0),  # the instant that games IoP
        ("<answer>B</answer><glue>[[30, 0]]</glue>", 0),
        ("<answer>B</answer><glue>[[0, 10]]</glue><glue>[[20, 30]]</glue>", 0),  # two places say two things
        ("<think><glue>[[0, 10], [20, 30]]</glue></think><answer>B</answer>", 0),
        ("<answer>B</answer><glue>" + "[" * 5000 + "</glue>", 0),
        ("<answer>B</answer><glue>always</glue>", 0),
        ("<answer>B</answer>" + "<glue>" * 5000, 0),
    ],
)
def test_grounded(text: str, expected: float) -> None:
    assert value("grounded", OPTION, text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answer": "B", "times": [[0, 10], [20, 30]]}', 1),
        ('{"answer": "B", "times": [[5, 25]]}', 1 / 3),
        ('{"answer": "A", "times": [[0, 10], [20, 30]]}', 0),
        ('{"answer": "A, B", "times": [[0, 10], [20, 30]]}', 0),
        ('{"answer": "B", "times": [[12, 18]]}', 0),
        ('{"answer": "B", "times": [[5, 5]]}', 0),
        ('{"answer": "B"}', 0),
        ("B", 0),
    ],
)
def test_an_option_with_its_times(text: str, expected: float) -> None:
    asked = sample(Grounded(choice=Choice(letters=("B",)), intervals=spans((0, 10), (20, 30))))
    assert value("grounded", asked, f"<answer>{text}</answer>") == pytest.approx(expected)


def test_evidence_is_read_back_as_written() -> None:
    for stated in (spans((0, 10)), spans((1.5, 2), (3, 4.25))):
        assert evidence_of("<answer>B</answer>" + write_evidence(stated)) == stated
    assert evidence_of("<glue>[" + ", ".join(["[0, 1]"] * 101) + "]</glue>") is None


def test_an_answer_without_stated_evidence_is_not_judged_by_it() -> None:
    assert value("grounded", sample(Choice(letters=("B",))), "<answer>B</answer><glue>[[0, 1]]</glue>") is None


@pytest.mark.parametrize("wrong", ["0-10", [], [[3, 1]], [[1]], [[0, "1"]], [[-1, 2]], [[0, float("inf")]], 5])
def test_wrong_evidence_is_told(wrong: object) -> None:
    broken = replace(OPTION, meta={"evidence": wrong})
    with pytest.raises(InputError, match=r"option 'evidence' must be .*; in sample 's1', meta\.evidence; correct"):
        value("grounded", broken, "<answer>B</answer><glue>[[0, 1]]</glue>")
