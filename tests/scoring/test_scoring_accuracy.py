"""The one function that says whether an answer is right, from completion to score."""

import pytest

from mmrl.answers import parse_completion, write_completion
from mmrl.errors import InputError
from mmrl.geometry import PERMILLE_FRAME, UNIT_FRAME, convert_boxes, convert_point, model_frame, original_frame
from mmrl.scoring import accuracy, journey_of
from mmrl.types import (
    Action,
    Box,
    Boxes,
    Choice,
    Interval,
    Intervals,
    Number,
    Point,
    Route,
    RouteLeg,
    Sample,
    Text,
    YesNo,
    answer_kind,
)

PICTURE = original_frame(400, 300)
MODEL = model_frame(392, 308)
NETWORK = {"lines": {"Red": ["A", "B", "C"], "Blue": ["C", "F"]}, "origin": "A", "destination": "F", "transfers": 1}


def sample(answer, **meta):
    return Sample(id="s1", task="t/x", question="?", media=(), answer=answer, meta=meta)


def box(*edges, frame=PICTURE):
    x1, y1, x2, y2 = edges
    return Boxes(boxes=(Box(x1=x1, y1=y1, x2=x2, y2=y2),), frame=frame)


def route(*legs):
    return Route(legs=tuple(RouteLeg(line=line, departure=a, arrival=b) for line, a, b in legs))


def choice(letters):
    return Choice(letters=tuple(letters))


def spans(start, end):
    return Intervals(intervals=(Interval(start=start, end=end),))


GOLD = [
    sample(YesNo(value=False)),
    sample(choice("AC")),
    sample(Number(value=7)),
    sample(Text(value="Karlsplatz")),
    sample(Point(x=100, y=50, frame=PICTURE)),
    sample(Point(x=100, y=50, frame=PICTURE), box=[90, 40, 120, 60]),
    sample(box(10, 20, 50, 60)),
    sample(box(10, 20, 50, 60), rule="hit"),
    sample(spans(1, 3)),
    sample(route(("Red", "A", "C"), ("Blue", "C", "F")), **NETWORK),
    sample(Action(type="click", point=Point(x=100, y=50, frame=PICTURE))),
]


@pytest.mark.parametrize("style", ["direct", "think", "boxed", "json"])
@pytest.mark.parametrize("item", GOLD)
@pytest.mark.parametrize("frame", [PICTURE, MODEL, UNIT_FRAME, PERMILLE_FRAME])
def test_the_gold_answer_is_right_in_every_style_and_frame(item, style, frame):
    answer = item.answer
    if isinstance(answer, Boxes):
        answer = convert_boxes(answer, frame)
    elif isinstance(answer, Point):
        answer = convert_point(answer, frame)
    elif isinstance(answer, Action):
        answer = Action(type=answer.type, point=convert_point(answer.point, frame))
    completion = write_completion(answer, style=style)
    parsed = parse_completion(completion, kind=answer_kind(item.answer), style=style, frame=frame)
    assert accuracy(parsed.answer, item) == 1.0


@pytest.mark.parametrize("item", GOLD)
@pytest.mark.parametrize("other", GOLD)
def test_another_kind_scores_nothing(item, other):
    if answer_kind(item.answer) != answer_kind(other.answer):
        assert accuracy(other.answer, item) == 0.0
    assert accuracy(None, item) == 0.0


WRONG = [
    ("yes or no", sample(YesNo(value=True))),
    ("yes, no", sample(YesNo(value=False))),
    ("no, that is correct", sample(YesNo(value=True))),
    ("A, B, C, D", sample(choice("A"))),
    ("A, B, C, D", sample(choice("AC"))),
    ("A or C", sample(choice("A"))),
    ("6, 7, 8", sample(Number(value=7))),
    ("7.2", sample(Number(value=7))),
    ("17", sample(Number(value=7))),
    ("Karlsplatz, Stephansplatz", sample(Text(value="Karlsplatz"))),
    ("[[10, 20, 50, 60], [200, 20, 250, 60]]", sample(box(10, 20, 50, 60))),
    ("[0, 0, 400, 300]", sample(box(10, 20, 50, 60))),
    ("[50, 60, 10, 20]", sample(box(10, 20, 50, 60), rule="hit")),
    ("[30, 40, 30, 40]", sample(box(10, 20, 50, 60), rule="hit")),
    ("[[100, 50], [300, 200]]", sample(Point(x=100, y=50, frame=PICTURE))),
    ("[[0, 100]]", sample(spans(1, 3))),
    ("Red: A > F", sample(route(("Red", "A", "C")), **NETWORK)),
    ("Red: A > B; Blue: C > F", sample(route(("Red", "A", "C")), **NETWORK)),
    ("Red: A > C", sample(route(("Red", "A", "C")), **NETWORK)),
    ("Red: A > C; Green: C > F", sample(route(("Red", "A", "C")), **NETWORK)),
]


@pytest.mark.parametrize(("payload", "item"), WRONG)
def test_hedging_and_near_misses_score_nothing(payload, item):
    kind = answer_kind(item.answer)
    parsed = parse_completion(f"<answer>{payload}</answer>", kind=kind, style="direct", frame=PICTURE)
    assert accuracy(parsed.answer, item) == 0.0


def test_options():
    assert accuracy(Number(value=8), sample(Number(value=7), tolerance=1)) == 1.0
    assert accuracy(Number(value=7.5), sample(Number(value=7), relative_tolerance=0.1)) == 1.0
    assert accuracy(choice("A"), sample(choice("AC"), rule="jaccard")) == 0.5
    assert accuracy(spans(0, 4), sample(spans(0, 10), rule="tiou")) == pytest.approx(0.4)
    assert accuracy(spans(0, 4), sample(spans(0, 10))) == 0.0
    assert accuracy(spans(0, 5), sample(spans(0, 10))) == 1.0
    small = box(25, 35, 35, 45)
    assert accuracy(small, sample(box(10, 20, 50, 60))) == 0.0
    assert accuracy(small, sample(box(10, 20, 50, 60), rule="hit")) == 1.0
    near = Point(x=109, y=50, frame=PICTURE)
    assert accuracy(near, sample(Point(x=100, y=50, frame=PICTURE), radius=8)) == 0.0
    assert accuracy(near, sample(Point(x=100, y=50, frame=PICTURE), radius=9)) == 1.0


BROKEN = [
    (sample(box(10, 20, 50, 60), rule="iou"), "iou50 or hit"),
    (sample(choice("A"), rule="hit"), "exact or jaccard"),
    (sample(spans(1, 3), rule=["tiou"]), "tiou50 or tiou"),
    (sample(Number(value=7), tolerance=-1), "meta.tolerance"),
    (sample(Number(value=7), relative_tolerance="5%"), "meta.relative_tolerance"),
    (sample(Point(x=1, y=2, frame=PICTURE), box=[1, 2]), "meta.box"),
    (sample(Point(x=1, y=2, frame=PICTURE), radius=True), "meta.radius"),
    (sample(route(("Red", "A", "C"))), "meta.lines"),
    (sample(route(("Red", "A", "C")), lines={"Red": "AC"}), "meta.lines"),
    (sample(route(("Red", "A", "C")), lines={"Red": ["A", 7]}), "meta.lines"),
    (sample(route(("Red", "A", "C")), lines={"Red": ["A"]}), "meta.origin"),
    (sample(route(("Red", "A", "C")), lines={"Red": ["A"]}, origin="A", destination=""), "meta.destination"),
    (sample(Number(value=7), tolerance=10**400), "meta.tolerance"),
]


@pytest.mark.parametrize("transfers", [None, -3, True])
def test_a_journey_needs_transfers_which_accuracy_does_not_read(transfers):
    item = sample(route(("Red", "A", "C")), **(NETWORK | {"transfers": transfers}))
    with pytest.raises(InputError, match=r"meta\.transfers"):
        journey_of(item)
    without = {key: value for key, value in NETWORK.items() if key != "transfers"} | {"destination": "C"}
    assert accuracy(item.answer, sample(item.answer, **without)) == 1.0


@pytest.mark.parametrize(("item", "named"), BROKEN)
def test_broken_options_are_named_in_one_line(item, named):
    with pytest.raises(InputError) as error:
        accuracy(item.answer, item)
    message = str(error.value)
    assert named in message
    assert "s1" in message
    assert "\n" not in message
