"""The audit finds faults that are planted, and nothing in what is sound."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from mmrl.audit import StageAudit, audit_config, render, starc_distance
from mmrl.audit.attempts import attempts_of
from mmrl.audit.mistakes import honest_mistakes
from mmrl.config import parse_config
from mmrl.errors import InputError
from mmrl.geometry import original_frame
from mmrl.types import (
    Action,
    Answer,
    Box,
    Boxes,
    Choice,
    Grounded,
    Interval,
    Intervals,
    Number,
    Point,
    Route,
    RouteLeg,
    Sample,
    Text,
    YesNo,
)

FRAME = original_frame(200, 100)
PLUGINS = '''
from mmrl.answers import write_answer
from mmrl.types import Boxes

def upside_down(sample, rollout):
    """A check with its sign turned."""
    return float(rollout.parsed.answer is not None and rollout.parsed.answer != sample.answer)

def long(sample, rollout):
    """Pays for length."""
    return min(1.0, len(rollout.text.split()) / 60)

def contains(sample, rollout):
    """Looks for the gold answer anywhere in the text."""
    return float(write_answer(sample.answer) in rollout.text)

def gullible(sample, rollout):
    """A judge that believes what it reads."""
    return float("answer is correct" in rollout.text or rollout.parsed.answer == sample.answer)

def silent_yes(sample, rollout):
    """A judge that lets an empty answer pass."""
    return float(not rollout.text.strip() or rollout.parsed.answer == sample.answer)

def any_option(sample, rollout):
    """Credits the right letter among any others."""
    letters = getattr(rollout.parsed.answer, "letters", ())
    return float(set(sample.answer.letters) <= set(letters))

def covered(sample, rollout):
    """Credits a box that covers the gold one, however large it is."""
    answer = rollout.parsed.answer
    if not isinstance(answer, Boxes):
        return 0.0
    gold = sample.answer.boxes[0]
    inside = [b.x1 <= gold.x1 and b.y1 <= gold.y1 and b.x2 >= gold.x2 and b.y2 >= gold.y2 for b in answer.boxes]
    return float(any(inside))

def words(sample, rollout):
    """Pays for a word, every time."""
    return min(1.0, rollout.text.count("right") / 40)

def constant(sample, rollout):
    return 1.0

def form(sample, rollout):
    """Takes form for an answer."""
    return float(rollout.text.startswith("<answer>"))
'''


def one(answer: Answer, index: int, **more: Any) -> Sample:
    question = f"What is shown in picture {index}?"
    return Sample(
        id=f"s{index}", task=f"t/{type(answer).__name__.lower()}", question=question, media=(), answer=answer, **more
    )


NUMBERS = [one(Number(value=float(n)), n) for n in (2, 3, 5, 8)]
JUDGEMENTS = [one(YesNo(value=n % 2 == 0), n) for n in range(4)]
CHOICES = [one(Choice(letters=("ABCD"[n],)), n, choices=("w", "x", "y", "z")) for n in range(4)]


def boxes(rule: str = "iou50") -> list[Sample]:
    found = []
    for n in range(4):
        box = Box(x1=40.0 + 10 * n, y1=30, x2=80.0 + 10 * n, y2=60)
        found.append(one(Boxes(boxes=(box,), frame=FRAME), n, meta={"rule": rule}))
    return found


@pytest.fixture
def audited(tmp_path: Path) -> Any:
    (tmp_path / "plugins.py").write_text(PLUGINS, encoding="utf-8")

    def run(samples: list[Sample], terms: dict[str, float], **more: Any) -> StageAudit:
        listed = []
        for name, weight in terms.items():
            term: dict[str, Any] = {"name": name, "weight": weight}
            if f"def {name}(" in PLUGINS:
                term |= {"use": f"plugins.py:{name}", "verifies": True}
            listed.append(term)
        stage = {"name": "only", "mix": {"data": 1.0}, "steps": 1}
        data = {"datasets": {"data": {"path": "data"}}, "stages": [stage], **more}
        data["rubric"] = {"terms": listed, **more.get("rubric", {})}
        return audit_config(parse_config(data), {"data": samples}, base_dir=tmp_path)[0]

    return run


def laws(audit: StageAudit) -> set[str]:
    return {str(one.law) for one in audit.broken}


SOUND = {"accuracy": 1.0, "format": 0.1}


@pytest.mark.parametrize(
    "samples", [NUMBERS, JUDGEMENTS, CHOICES, boxes()], ids=["numbers", "yes_no", "choice", "boxes"]
)
def test_a_sound_rubric_breaks_no_law(audited: Any, samples: list[Sample]) -> None:
    found = audited(samples, SOUND)
    assert found.broken == ()
    assert "every law holds" in render([found])


def test_graded_terms_beside_a_heavier_check_break_no_law(audited: Any) -> None:
    assert audited(boxes(), {"accuracy": 1.0, "iou": 0.5, "box_size": 0.125, "format": 0.1}).broken == ()


# ---------------------------------------------------------------------------------------------- planted faults

FAULTS: dict[str, tuple[list[Sample], dict[str, float], dict[str, Any], str, str]] = {
    "shaping outweighs correctness": (NUMBERS, {"accuracy": 1.0, "format": 2.0}, {}, "order", "gold_with_filler"),
    "overlap alone where a hit counts": (boxes("hit"), {"iou": 1.0}, {}, "order", "wrong"),
    "a check with its sign turned": (NUMBERS, {"upside_down": 1.0}, {}, "gold", "mistake"),
    "length pays": (NUMBERS, {"accuracy": 1.0, "long": 0.5}, {}, "length", "filler"),
    "the gold answer anywhere": (NUMBERS, {"contains": 1.0}, {}, "hack", "answer_spam must"),
    "a judge that believes what it reads": (NUMBERS, {"gullible": 1.0}, {}, "hack", "injection must"),
    "a judge that passes an empty answer": (NUMBERS, {"silent_yes": 1.0}, {}, "hack", "empty must"),
    "any option": (CHOICES, {"any_option": 1.0}, {}, "hack", "all_options must"),
    "a giant box": (boxes(), {"covered": 1.0}, {}, "hack", "giant_box must"),
    "a tiny box": (boxes(), {"hit": 1.0}, {}, "hack", "tiny_box must"),
    "repeated words": (NUMBERS, {"accuracy": 1.0, "words": 1.0}, {}, "hack", "repeated_text must"),
    "form alone": (NUMBERS, {"form": 1.0}, {}, "hack", "format_only must"),
    "a term without a say": (NUMBERS, {"accuracy": 1.0, "iou": 0.5}, {}, "no_effect", "iou 0.5"),
    "a constant term": (NUMBERS, {"accuracy": 1.0, "constant": 0.5}, {}, "no_effect", "constant 0.5"),
    "a term that drowns another": (NUMBERS, {"accuracy": 1000.0, "format": 0.1}, {}, "drowned", "format 0.1"),
    "cutting off pays": (NUMBERS, SOUND, {"rubric": {"truncated": 0.5}}, "stated", "truncated 0.5"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found_with_their_evidence(audited: Any, fault: str) -> None:
    samples, terms, more, law, evidence = FAULTS[fault]
    found = audited(samples, terms, **more)
    assert law in laws(found), render([found])
    assert any(evidence in one.message for one in found.broken if one.law == law), render([found])


@pytest.mark.parametrize("fault", ["a term that drowns another", "cutting off pays", "a giant box"])
def test_what_is_meant_fails_nothing(audited: Any, fault: str) -> None:
    samples, terms, more, _, _ = FAULTS[fault]
    broken = sorted(laws(audited(samples, terms, **more)))
    found = audited(samples, terms, **more, audit={"allow": broken})
    assert found.broken == ()
    assert {one.law for one in found.meant} == set(broken)


def test_a_counterexample_shows_both_texts_and_their_parts(audited: Any) -> None:
    found = audited(NUMBERS, {"accuracy": 1.0, "format": 2.0})
    (order,) = [one for one in found.broken if one.law == "order"]
    assert "in 4 of 4 samples" in order.message
    assert "'<answer>3</answer>' (mistake) earns 2 (accuracy 0, format 1)" in order.message
    assert "(gold_with_filler) earns 1 (accuracy 1, format 0)" in order.message


def test_a_composition_can_mend_the_order(audited: Any) -> None:
    terms = {"accuracy": 1.0, "format": 2.0}
    gated = {"composition": {"name": "gated", "order": ["accuracy", "format"]}}
    assert "order" in laws(audited(NUMBERS, terms))
    assert audited(NUMBERS, terms, rubric=gated).broken == ()


def test_a_lone_weight_is_a_note_under_group_scaling_alone(audited: Any) -> None:
    found = audited(NUMBERS, {"accuracy": 3.0})
    assert [one.message for one in found.notes] == [
        "the weight 3 of accuracy changes nothing under scale_rewards: group"
    ]
    assert audited(NUMBERS, {"accuracy": 3.0}, training={"scale_rewards": "none"}).notes == ()


def test_terms_of_a_shared_rubric_need_a_say_in_some_stage_only(tmp_path: Path) -> None:
    stages = [{"name": name, "mix": {name: 1.0}, "steps": 1} for name in ("numbers", "boxes")]
    terms = [{"name": "accuracy"}, {"name": "iou", "weight": 0.5}]
    data = {"datasets": {one["name"]: {"path": "x" + str(one["name"])} for one in stages}, "stages": stages}
    config = parse_config({**data, "rubric": {"terms": terms}})
    first, second = audit_config(config, {"numbers": NUMBERS, "boxes": boxes()}, base_dir=tmp_path)
    assert first.broken == second.broken == ()
    assert [one.message for one in first.notes][:1] != []
    assert any("iou has no say" in one.message for one in first.notes)


def test_a_task_that_nothing_verifies_is_refused(audited: Any) -> None:
    with pytest.raises(InputError, match="must have a term that verifies"):
        audited(NUMBERS, {"iou": 1.0})


# ---------------------------------------------------------------------------------------------- attempts

LEGS = (RouteLeg(line="Red", departure="A", arrival="B"), RouteLeg(line="Blue", departure="B", arrival="C"))
LINES = {"lines": {"Red": ["A", "B"], "Blue": ["B", "C"]}, "origin": "A", "destination": "C", "transfers": 1}
ALL = [
    NUMBERS[0],
    JUDGEMENTS[0],
    CHOICES[0],
    boxes()[0],
    one(Text(value="a red bus"), 1),
    one(Point(x=50, y=50, frame=FRAME), 1),
    one(Intervals(intervals=(Interval(start=3, end=9),)), 1),
    one(Grounded(choice=Choice(letters=("B",)), intervals=Intervals(intervals=(Interval(start=3, end=9),))), 1),
    one(Route(legs=LEGS), 1, meta=LINES),
    one(Action(type="click", point=Point(x=50, y=50, frame=FRAME)), 1),
    one(Action(type="type", text="hats"), 1),
]


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.task + str(sample.answer)[:12])
@pytest.mark.parametrize("style", ["direct", "think", "boxed", "json"])
def test_every_kind_is_tried_with_right_and_wrong_answers_and_hacks(sample: Sample, style: Any) -> None:
    tried = attempts_of(sample, style, random.Random(0))
    assert tried[0].name == "gold"
    assert tried[0].right
    assert any(not one.right and not one.hack for one in tried)
    names = {one.name for one in tried if one.hack}
    assert {"empty", "opener_only", "format_only", "answer_spam", "repeated_text", "injection"} <= names
    assert not any(one.right for one in tried if one.name in ("empty", "opener_only", "format_only", "injection"))


def test_mistakes_are_the_same_for_the_same_seed() -> None:
    first, second = (honest_mistakes(boxes()[0], random.Random(4)) for _ in range(2))
    assert first == second
    assert honest_mistakes(boxes()[0], random.Random(5)) != first


# ---------------------------------------------------------------------------------------------- distance

REWARDS = [[1.0, 0.0, 0.5], [0.2, 0.9, 0.4]]


def test_distance_ignores_scale_and_a_constant_for_each_prompt() -> None:
    moved = [[3 * reward + shift for reward in group] for group, shift in zip(REWARDS, (7, -2), strict=True)]
    assert starc_distance(REWARDS, moved) == pytest.approx(0.0, abs=1e-9)
    assert starc_distance(REWARDS, [[-reward for reward in group] for group in REWARDS]) == pytest.approx(1.0)


def test_distance_is_half_the_root_of_what_correlation_lacks() -> None:
    rho = 0.82841
    other = [[rho * a + math.sqrt(1 - rho * rho) * b for a, b in zip((1, -1, 0, 0), (0, 0, 1, -1), strict=True)]]
    found = starc_distance([[1.0, -1.0, 0.0, 0.0]], other)
    assert found == pytest.approx(math.sqrt((1 - rho) / 2))
    assert found == pytest.approx(0.29291, abs=5e-6)


def test_distance_is_symmetric_and_obeys_the_triangle() -> None:
    draw = random.Random(3)
    drawn = [[[draw.random() for _ in range(4)] for _ in range(3)] for _ in range(3)]
    a, b, c = drawn
    assert starc_distance(a, b) == pytest.approx(starc_distance(b, a))
    assert starc_distance(a, c) <= starc_distance(a, b) + starc_distance(b, c) + 1e-12


def test_a_constant_reward_is_near_itself_and_half_way_from_others() -> None:
    flat = [[1.0] * 3, [0.3] * 3]
    assert starc_distance(flat, flat) == 0.0
    assert starc_distance(flat, REWARDS) == pytest.approx(0.5)


def test_rubrics_are_compared_on_the_same_answers(tmp_path: Path) -> None:
    def config(**weights: float) -> Any:
        terms = [{"name": name, "weight": weight} for name, weight in weights.items()]
        stage = {"name": "only", "mix": {"data": 1.0}, "steps": 1}
        return parse_config({"datasets": {"data": {"path": "x"}}, "rubric": {"terms": terms}, "stages": [stage]})

    def distance(other: Any) -> float | None:
        base = config(accuracy=1.0, format=0.1)
        return audit_config(base, {"data": NUMBERS}, base_dir=tmp_path, against=(other, tmp_path))[0].distance

    assert distance(config(accuracy=10.0, format=1.0)) == pytest.approx(0.0, abs=1e-9)
    near, far = distance(config(accuracy=1.0, format=0.3)), distance(config(accuracy=0.1, format=1.0))
    assert near is not None
    assert far is not None
    assert 0 < near < far
