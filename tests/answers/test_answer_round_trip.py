"""What is written is read back: every kind of answer, in every style, and as stored JSON."""

import json

import pytest
from answer_strategies import FRAME, NASTY, answers, styles
from hypothesis import given, settings

from mmrl.answers import answer_from_json, answer_to_json, parse_completion, write_answer, write_completion
from mmrl.errors import InputError
from mmrl.geometry import PERMILLE_FRAME
from mmrl.types import (
    Action,
    Box,
    Boxes,
    Choice,
    Interval,
    Intervals,
    Number,
    Parsed,
    ParseStatus,
    Point,
    Route,
    RouteLeg,
    Text,
    YesNo,
    answer_kind,
)

STYLES = ["direct", "think", "boxed", "json"]


def frame_of(answer):
    match answer:
        case Point() | Boxes():
            return answer.frame
        case Action(point=Point(frame=frame)):
            return frame
    return FRAME


def read_back(answer, style):
    completion = write_completion(answer, style=style)
    return parse_completion(completion, kind=answer_kind(answer), style=style, frame=frame_of(answer))


@given(answers, styles)
@settings(max_examples=1500, deadline=None)
def test_every_answer_is_read_back_well_formed(answer, style):
    assert read_back(answer, style) == Parsed(status=ParseStatus.OK, answer=answer, well_formed=True)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", NASTY)
def test_hostile_names_are_read_back(name, style):
    plain = RouteLeg(line=name, departure=name, arrival=name)
    via = RouteLeg(line=name, departure=name, arrival=name, via_count=2, via=(name, name))
    box = Box(x1=1, y1=2, x2=3, y2=4, label=name)
    for answer in (
        Text(value=name),
        Route(legs=(plain, plain)),
        Route(legs=(via, plain)),
        Boxes(boxes=(box, box), frame=FRAME),
        Action(type="type", text=name),
    ):
        assert read_back(answer, style) == Parsed(status=ParseStatus.OK, answer=answer, well_formed=True)


@given(answers)
@settings(max_examples=500, deadline=None)
def test_json_is_exact(answer):
    stored = json.dumps(answer_to_json(answer))
    assert answer_from_json(json.loads(stored)) == answer
    assert json.loads(stored) == answer_to_json(answer)


RED = RouteLeg(line="Red", departure="A", arrival="C")
BLUE = RouteLeg(line="Blue", departure="C", arrival="F")
ONE_BOX = Box(x1=12, y1=30, x2=52, y2=46.5)
CANONICAL = [
    (YesNo(value=True), "yes"),
    (YesNo(value=False), "no"),
    (Choice(letters=("B",)), "B"),
    (Choice(letters=("A", "C")), "A, C"),
    (Number(value=3.0), "3"),
    (Number(value=-0.25), "-0.25"),
    (Text(value="Karlsplatz"), "Karlsplatz"),
    (Text(value=" x"), '" x"'),
    (Point(x=4, y=5.5, frame=FRAME), "[4, 5.5]"),
    (Boxes(boxes=(ONE_BOX,), frame=FRAME), "[12, 30, 52, 46.5]"),
    (
        Boxes(boxes=(ONE_BOX, Box(x1=0, y1=0, x2=1, y2=1, label="ok")), frame=FRAME),
        '[{"bbox_2d": [12, 30, 52, 46.5]}, {"bbox_2d": [0, 0, 1, 1], "label": "ok"}]',
    ),
    (Intervals(intervals=(Interval(start=1.5, end=3),)), "[[1.5, 3]]"),
    (Route(legs=(RED, BLUE)), "Red: A > C; Blue: C > F"),
    (Route(legs=(RouteLeg(line="U: 1", departure="A;", arrival="C"),)), '"U: 1": "A;" > C'),
    (
        Route(legs=(RouteLeg(line="Red", departure="A", arrival="C", via_count=2, via=("x", "y, z")), BLUE)),
        "Route Name: Red\nDeparture Stop: A\nArrival Stop: C\nNumber of Via Stops: 2\n"
        'Via Stops: x, "y, z"\n--\nRoute Name: Blue\nDeparture Stop: C\nArrival Stop: F',
    ),
    (
        Action(type="click", point=Point(x=1, y=2, frame=FRAME)),
        '{"action": "click", "point_2d": [1, 2]}',
    ),
    (Action(type="type", text="hi"), '{"action": "type", "text": "hi"}'),
]


@pytest.mark.parametrize(("answer", "text"), CANONICAL)
def test_canonical_forms(answer, text):
    assert write_answer(answer) == text


def test_completions_look_as_the_prompt_asks():
    yes = YesNo(value=True)
    assert write_completion(yes, style="direct") == "<answer>yes</answer>"
    assert write_completion(yes, style="think") == "<think>I look at the picture.</think>\n<answer>yes</answer>"
    assert write_completion(yes, style="boxed") == "\\boxed{yes}"
    assert write_completion(yes, style="json") == '```json\n"yes"\n```'
    boxes = Boxes(boxes=(ONE_BOX,), frame=FRAME)
    assert write_completion(boxes, style="json") == '```json\n[{"bbox_2d": [12, 30, 52, 46.5]}]\n```'


POINT_JSON = {"kind": "point", "x": 1, "y": 2, "frame": {"kind": "permille", "width": 1000, "height": 1000}}


def test_stored_form_of_a_point():
    assert answer_from_json(POINT_JSON) == Point(x=1, y=2, frame=PERMILLE_FRAME)
    assert answer_to_json(Point(x=1.0, y=2.0, frame=PERMILLE_FRAME)) == POINT_JSON


def boxes_json(**edges):
    box = {"x1": 0, "y1": 0, "x2": 1, "y2": 1, "label": None} | edges
    return {"kind": "boxes", "boxes": [box], "frame": POINT_JSON["frame"]}


def leg_json(**fields):
    leg = {"line": "R", "departure": "A", "arrival": "B", "via_count": None, "via": None} | fields
    return {"kind": "route", "legs": [leg]}


BROKEN = [
    ([], "JSON object"),
    ({}, "kind"),
    ({"kind": "bbox"}, "answer.kind"),
    ({"kind": "yes_no", "value": "yes"}, "true or false"),
    ({"kind": "yes_no", "value": True, "note": 1}, "note"),
    ({"kind": "choice", "letters": []}, "answer.letters"),
    ({"kind": "choice", "letters": ["B", "A"]}, "sorted"),
    ({"kind": "choice", "letters": ["A", "A"]}, "each once"),
    ({"kind": "choice", "letters": ["é"]}, "upper-case"),
    ({"kind": "choice", "letters": "AB"}, "list of strings"),
    ({"kind": "number", "value": "3"}, "finite number"),
    ({"kind": "number", "value": True}, "finite number"),
    ({"kind": "number", "value": float("nan")}, "finite number"),
    ({"kind": "number", "value": 10**400}, "finite number"),
    ({"kind": "text", "value": None}, "string"),
    (POINT_JSON | {"frame": None}, "answer.frame"),
    (POINT_JSON | {"frame": {"kind": "pixel", "width": 1, "height": 1}}, "answer.frame.kind"),
    (POINT_JSON | {"frame": {"kind": "unit", "width": 0, "height": 1}}, "positive"),
    (boxes_json(x2=0), "answer.boxes[0]"),
    (boxes_json(y1=2), "y1 < y2"),
    (boxes_json(label=3), "answer.boxes[0].label"),
    (boxes_json(x3=3), "x3"),
    ({"kind": "boxes", "boxes": [], "frame": POINT_JSON["frame"]}, "one or more"),
    ({"kind": "intervals", "intervals": [{"start": 2, "end": 1}]}, "answer.intervals[0]"),
    ({"kind": "intervals", "intervals": [{"start": -1, "end": 1}]}, "start"),
    ({"kind": "intervals", "intervals": [[1, 2]]}, "JSON object"),
    ({"kind": "route", "legs": []}, "one or more"),
    (leg_json(via_count=-1), "via_count"),
    (leg_json(via_count=1.5), "via_count"),
    (leg_json(via="x"), "via"),
    (leg_json(line=None), "answer.legs[0].line"),
    ({"kind": "action", "type": "tap", "point": None, "text": None}, "answer.type"),
    ({"kind": "action", "type": "click", "point": [1, 2], "text": None}, "answer.point"),
    ({"kind": "action", "type": "click", "text": None}, "point"),
]


@pytest.mark.parametrize(("data", "named"), BROKEN)
def test_broken_rows_are_refused_in_one_line_naming_the_field(data, named):
    with pytest.raises(InputError) as error:
        answer_from_json(data)
    message = str(error.value)
    assert named in message
    assert "found" in message
    assert "\n" not in message
    assert len(message) < 400
