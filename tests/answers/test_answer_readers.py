"""What each reader accepts and refuses, hostile strings included."""

import pytest

from mmrl.answers import parse_completion
from mmrl.geometry import model_frame
from mmrl.types import (
    Action,
    Box,
    Boxes,
    Choice,
    Interval,
    Intervals,
    Number,
    ParseStatus,
    Point,
    Route,
    RouteLeg,
    Text,
    YesNo,
)

FRAME = model_frame(1932, 1092)
BAD, MANY, RANGE, NONE = (
    ParseStatus.BAD_FORMAT,
    ParseStatus.MANY_ANSWERS,
    ParseStatus.OUT_OF_RANGE,
    ParseStatus.NO_ANSWER,
)


def parse(kind, payload):
    return parse_completion(f"<answer>{payload}</answer>", kind=kind, style="direct", frame=FRAME)


def choice(*letters):
    return Choice(letters=letters)


def point(x, y):
    return Point(x=x, y=y, frame=FRAME)


def boxes(*edges, labels=None):
    labels = labels or [None] * len(edges)
    return Boxes(
        boxes=tuple(
            Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label) for (x1, y1, x2, y2), label in zip(edges, labels, strict=True)
        ),
        frame=FRAME,
    )


def spans(*pairs):
    return Intervals(intervals=tuple(Interval(start=start, end=end) for start, end in pairs))


def leg(line, departure, arrival, **via):
    return RouteLeg(line=line, departure=departure, arrival=arrival, **via)


AC = Route(legs=(leg("Red", "A", "C"),))
ACF = Route(legs=(leg("Red", "A", "C"), leg("Blue", "C", "F")))
SKELETON = "Route Name: Red\nDeparture Stop: A\nArrival Stop: C"

ACCEPTED = {
    "yes_no": [
        *[(text, YesNo(value=True)) for text in ("yes", "Yes", "YES", " yes ", "yes.", '"yes"', "**Yes**", "'yes'.")],
        *[(text, YesNo(value=False)) for text in ("no", "No.", "**No.**", "`no`", "$no$")],
    ],
    "choice": [
        ("B. Karlsplatz", Choice(letters=("B",))),
        ("B) red", Choice(letters=("B",))),
        ("C: a long way round", Choice(letters=("C",))),
        *[(text, choice("B")) for text in ("B", "b", "B.", "(B)", "B)", "[B]", "**B**", '"B"', "B, B", "(b).")],
        *[(text, choice("A", "C")) for text in ("A, C", "C,A", "A C", "A and C", "(A), (C)", "A;C", "A & C", "a, c.")],
        ("A, B, C, D", choice("A", "B", "C", "D")),
    ],
    "number": [
        *[(text, Number(value=3)) for text in ("3", "3.", "3.0", "+3", " 3 ", '"3"', "03", "**3**", "$3$", "0.3e1")],
        ("-0.5", Number(value=-0.5)),
        ("\u22122", Number(value=-2)),
        (".5", Number(value=0.5)),
        ("1,234", Number(value=1234)),
        ("12,345,678.5", Number(value=12345678.5)),
        ("1E3", Number(value=1000)),
    ],
    "text": [
        ("Karlsplatz", Text(value="Karlsplatz")),
        ("  St. Marx.  ", Text(value="St. Marx.")),
        ('"Karlsplatz"', Text(value="Karlsplatz")),
        ('"a" or "b"', Text(value='"a" or "b"')),
        ('say "x"', Text(value='say "x"')),
        ("[1, 2]", Text(value="[1, 2]")),
        ("os.system('x')", Text(value="os.system('x')")),
        ("西单", Text(value="西单")),
    ],
    "point": [
        *[
            (text, point(3, 4))
            for text in (
                "[3, 4]",
                "[3,4].",
                "(3, 4)",
                "[[3, 4]]",
                '{"point_2d": [3, 4]}',
                '[{"point_2d": [3.0, 4], "label": "OK"}]',
                "```json\n[3, 4]\n```",
                "```\n[3, 4]\n```",
            )
        ],
        ("[-1.5, 2e2]", point(-1.5, 200)),
        ("[5000, 1]", point(5000, 1)),
    ],
    "boxes": [
        *[
            (text, boxes((1, 2, 3, 4)))
            for text in (
                "[1, 2, 3, 4]",
                " [1.0,2,3,4]. ",
                "(1, 2, 3, 4)",
                "[[1, 2, 3, 4]]",
                '{"bbox_2d": [1, 2, 3, 4]}',
                '[{"bbox_2d": [1, 2, 3, 4], "confidence": 0.9}]',
                '[{"bbox_2d": [1, 2, 3, 4], "label": null}]',
                "```json\n[1, 2, 3, 4]\n```",
            )
        ],
        ("[[1,2,3,4],[5,6,7,8]]", boxes((1, 2, 3, 4), (5, 6, 7, 8))),
        ('[{"bbox_2d": [1,2,3,4], "label": "a"}, [5,6,7,8]]', boxes((1, 2, 3, 4), (5, 6, 7, 8), labels=["a", None])),
        ("[-5, -5, 2000, 2000]", boxes((-5, -5, 2000, 2000))),
    ],
    "intervals": [
        *[(text, spans((1.5, 3))) for text in ("[1.5, 3]", "[[1.5, 3]]", "(1.5, 3)", '{"start": 1.5, "end": 3}')],
        ("[[0, 0], [4, 9]]", spans((0, 0), (4, 9))),
        ('[{"start": 4, "end": 9}]', spans((4, 9))),
    ],
    "route": [
        *[
            (text, AC)
            for text in ("Red: A > C", "Red: A -> C;", " Red:A→C ", "Red : A => C", '"Red": "A" > "C"', SKELETON)
        ],
        *[
            (text, ACF)
            for text in (
                "Red: A > C; Blue: C > F",
                "Red: A > C\nBlue: C > F\n",
                f"{SKELETON}\n--\nRoute Name: Blue\nDeparture Stop: C\nArrival Stop: F\n--",
                f"{SKELETON}\n\nroute name: Blue\nDEPARTURE STOP: C\nArrival stop : F",
                '[{"line": "Red", "departure": "A", "arrival": "C"},'
                ' {"line": "Blue", "departure": "C", "arrival": "F", "via": null}]',
            )
        ],
        ('{"line": "Red", "departure": "A", "arrival": "C"}', AC),
        ("U1: Wien: Mitte > Praterstern", Route(legs=(leg("U1", "Wien: Mitte", "Praterstern"),))),
        ('"U: 1": "A; B" > "C > D"', Route(legs=(leg("U: 1", "A; B", "C > D"),))),
        ("地铁1号线：西单 > 复兴门", Route(legs=(leg("地铁1号线", "西单", "复兴门"),))),
        ('Red: "A" x > C', Route(legs=(leg("Red", '"A" x', "C"),))),
        (f"{SKELETON}\nNumber of Via Stops: 2", Route(legs=(leg("Red", "A", "C", via_count=2),))),
        (f"{SKELETON}\nVia Stops: x, y", Route(legs=(leg("Red", "A", "C", via=("x", "y")),))),
        (f'{SKELETON}\nVia Stops: "x, y", "None"', Route(legs=(leg("Red", "A", "C", via=("x, y", "None")),))),
        (f"{SKELETON}\nVia Stops: none", Route(legs=(leg("Red", "A", "C", via=()),))),
        (f"{SKELETON}\r\nVia Stops:\r\n", Route(legs=(leg("Red", "A", "C", via=()),))),
    ],
    "action": [
        ('{"action": "click", "point_2d": [3, 4]}', Action(type="click", point=point(3, 4))),
        ('[{"action": "wait"}]', Action(type="wait")),
        ('{"action": "type", "text": "hi", "point_2d": null}', Action(type="type", text="hi")),
        ('{"action": "press", "text": "ctrl+c", "reason": "copy"}', Action(type="press", text="ctrl+c")),
    ],
}

REFUSED = {
    "yes_no": [
        ("maybe", BAD),
        ("yes, it is", BAD),
        ("yes yes", BAD),
        ("yesno", BAD),
        ("true", BAD),
        ("1", BAD),
        ("ye\u017f", BAD),
        ('["yes"]', BAD),
        ("yes/no", MANY),
        ("yes and no", MANY),
        ("No. Yes.", MANY),
        ("no, that is not correct, yes", MANY),
        ("not yes", BAD),
        ("no, that is correct", BAD),
        ('__import__("os")', BAD),
    ],
    "choice": [
        ("", NONE),
        (",", BAD),
        ("AC", BAD),
        ("dog", BAD),
        ("B) red C) blue", MANY),
        ("A) or B", MANY),
        ("B) red\nC) blue", MANY),
        ("b) red", BAD),
        ("B)red", BAD),
        ("option B", BAD),
        ("é", BAD),
        ("Ａ", BAD),
        ("1", BAD),
        ("A or B", MANY),
        ("A/B", MANY),
        ("A because not C", MANY),
        ("A-D", MANY),
    ],
    "number": [
        ("three", BAD),
        ("3 stops", BAD),
        ("3%", BAD),
        ("1_000", MANY),
        ("0x10", MANY),
        ("٣", BAD),
        ("e5", BAD),
        (".", BAD),
        ("--3", BAD),
        ("3..", BAD),
        ("9" * 65, BAD),
        ("3 or 4", MANY),
        ("3, 4", MANY),
        ("1,5", MANY),
        ("1,2345", MANY),
        ("1/2", MANY),
        ("2+1", MANY),
        ("1.2.3", MANY),
        ("nan", RANGE),
        ("-Infinity", RANGE),
        ("1e999", RANGE),
    ],
    "point": [
        ("3, 4", BAD),
        ("[3]", BAD),
        ("[1, 2, 3, 4]", BAD),
        ('["3", "4"]', BAD),
        ("[true, 4]", BAD),
        ("[3, null]", BAD),
        ("(3, (4))", BAD),
        ("{'point_2d': [3, 4]}", BAD),
        ('{"bbox_2d": [1, 2, 3, 4]}', BAD),
        ("the point [3, 4]", BAD),
        ("[3, 4] I think", BAD),
        ("[[[3, 4]]]", BAD),
        ("[0x3, 4]", BAD),
        ("[3, 4,]", BAD),
        ("[" * 50, BAD),
        ("[]", NONE),
        ("[3, 4] [5, 6]", MANY),
        ("[[3, 4], [5, 6]]", MANY),
        ('{"point_2d": [3, 4], "point_2d": [5, 6]}', MANY),
        ("[NaN, 4]", RANGE),
        ("[Infinity, 4]", RANGE),
        ("[1e999, 4]", RANGE),
        ("[1e7, 4]", RANGE),
        (f"[{'9' * 400}, 4]", RANGE),
        (f"[{'9' * 5000}, 4]", BAD),
    ],
    "boxes": [
        ("1, 2, 3, 4", BAD),
        ("[1, 2, 3]", BAD),
        ("[1, 2, 3, 4, 5]", BAD),
        ("[1, 2, 3, [4]]", BAD),
        ("[[1, 2, 3, 4], 5]", BAD),
        ('["1", "2", "3", "4"]', BAD),
        ('{"bbox": [1, 2, 3, 4]}', BAD),
        ('{"bbox_2d": "[1, 2, 3, 4]"}', BAD),
        ('{"bbox_2d": [1, 2, 3, 4], "label": 7}', BAD),
        ("[{'bbox_2d': [1, 2, 3, 4]}]", BAD),
        ("[1, 2, 3, 4", BAD),
        ("[1, 2, 3, 9**9**9]", BAD),
        ("[__import__('os').system('x'), 2, 3, 4]", BAD),
        ("no box", BAD),
        ("[]", NONE),
        ("[1, 2, 3, 4] or [5, 6, 7, 8]", MANY),
        ("[1, 2, 3, 4], [5, 6, 7, 8]", MANY),
        ("[3, 2, 1, 4]", RANGE),
        ("[1, 4, 3, 2]", RANGE),
        ("[1, 2, 1, 4]", RANGE),
        ("[0, 0, 0, 0]", RANGE),
        ("[1, 2, 3, NaN]", RANGE),
        ("[1, 2, Infinity, 4]", RANGE),
        ("[[1, 2, 3, 4], [4, 3, 2, 1]]", RANGE),
    ],
    "intervals": [
        ("1.5 - 3", BAD),
        ("[1.5]", BAD),
        ('["0:01", "0:03"]', BAD),
        ('{"start": 1}', BAD),
        ("[[1, 2, 3]]", BAD),
        ("[]", NONE),
        ("[1, 2] [3, 4]", MANY),
        ("[3, 1.5]", RANGE),
        ("[-1, 3]", RANGE),
        ("[0, NaN]", RANGE),
        ("[[0, 1], [2, Infinity]]", RANGE),
    ],
    "route": [
        ("Red", BAD),
        ("Red: A", BAD),
        ("A > C", BAD),
        (": A > C", BAD),
        ("Red: > C", BAD),
        ("Red: A >", BAD),
        ("Red: A > B > C", BAD),
        ("Red: A; Blue: C > F", BAD),
        ("Red: A > C. Blue: C > F", BAD),
        ("Red: A > C, then walk\nto F", BAD),
        ("Route Name: Red", BAD),
        ("Route Name: Red\nDeparture Stop: A", BAD),
        ("Route Name:\nDeparture Stop: A\nArrival Stop: C", BAD),
        (f"{SKELETON}\nEnjoy the ride", BAD),
        (f"{SKELETON}\nNumber of Via Stops: two", BAD),
        (f"{SKELETON}\nNumber of Via Stops: -1", BAD),
        (f"{SKELETON}\nVia Stops: x,,y", BAD),
        ('[{"line": "Red"}]', BAD),
        ('[{"line": 1, "departure": "A", "arrival": "C"}]', BAD),
        ('[{"line": "R", "departure": "A", "arrival": "C", "via": "x"}]', BAD),
        ('[{"line": "R", "departure": "A", "arrival": "C", "via_count": true}]', BAD),
        ('["Red: A > C"]', BAD),
        (";;;", NONE),
        ("[]", NONE),
        (f"{SKELETON}\nArrival Stop: D", MANY),
    ],
    "action": [
        ("click", BAD),
        ("click(3, 4)", BAD),
        ('{"action": "tap"}', BAD),
        ('{"action": ["click"]}', BAD),
        ('{"type": "click"}', BAD),
        ('{"action": "click", "point_2d": [3]}', BAD),
        ('{"action": "type", "text": 5}', BAD),
        ("[]", NONE),
        ('[{"action": "wait"}, {"action": "done"}]', MANY),
        ('{"action": "click", "point_2d": [[1, 2], [3, 4]]}', MANY),
        ('{"action": "click", "action": "done"}', MANY),
        ('{"action": "click", "point_2d": [NaN, 4]}', RANGE),
    ],
}


def flat(table):
    return [(kind, payload, expected) for kind, rows in table.items() for payload, expected in rows]


@pytest.mark.parametrize(("kind", "payload", "answer"), flat(ACCEPTED))
def test_accepted(kind, payload, answer):
    parsed = parse(kind, payload)
    assert (parsed.status, parsed.answer) == (ParseStatus.OK, answer)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("kind", "payload", "status"), flat(REFUSED))
def test_refused(kind, payload, status):
    parsed = parse(kind, payload)
    assert (parsed.status, parsed.answer) == (status, None)
    assert "\n" not in parsed.detail


JSON_STYLE = [
    ("number", "3", Number(value=3)),
    ("number", '"3"', Number(value=3)),
    ("choice", '["C", "A"]', choice("A", "C")),
    ("choice", '{"answer": "B"}', choice("B")),
    ("text", '"[1, 2]"', Text(value="[1, 2]")),
    ("text", '"\\"x\\""', Text(value='"x"')),
    ("point", '"[3, 4]"', point(3, 4)),
    ("route", '"Red: A > C"', AC),
    ("boxes", '[{"bbox_2d": [1, 2, 3, 4], "label": "a"}]', boxes((1, 2, 3, 4), labels=["a"])),
]


@pytest.mark.parametrize(("kind", "body", "answer"), JSON_STYLE)
def test_fenced_json(kind, body, answer):
    parsed = parse_completion(f"```json\n{body}\n```", kind=kind, style="json", frame=FRAME)
    assert (parsed.status, parsed.answer, parsed.well_formed) == (ParseStatus.OK, answer, True)


JSON_REFUSED = [
    ("number", "true", BAD),
    ("number", "NaN", RANGE),
    ("number", "1" + "0" * 400, RANGE),
    ("number", "[3]", BAD),
    ("text", "3", BAD),
    ("choice", "[]", BAD),
    ("choice", "[1]", BAD),
    ("yes_no", '["yes", "no"]', BAD),
    ("boxes", "7", BAD),
    ("route", "7", BAD),
    ("intervals", "null", BAD),
    ("action", "null", BAD),
]


@pytest.mark.parametrize(("kind", "body", "status"), JSON_REFUSED)
def test_fenced_json_refused(kind, body, status):
    parsed = parse_completion(f"```json\n{body}\n```", kind=kind, style="json", frame=FRAME)
    assert (parsed.status, parsed.answer) == (status, None)
