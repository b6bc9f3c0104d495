"""Hypothesis strategies: every kind of answer, with names that hold whatever a name can hold."""

from hypothesis import strategies as st

from mmrl.answers.places import MAX_COORDINATE
from mmrl.geometry import PERMILLE_FRAME, is_valid_box, model_frame
from mmrl.types import (
    Action,
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
    Text,
    YesNo,
)

FRAME = model_frame(1932, 1092)

NASTY = [
    "A > C; Blue: C > F",
    "Line: 1",
    "Praha hl.n. (A<->C)",
    '"quoted"',
    'say "no"',
    "",
    " outer ",
    "None",
    "none",
    "Route Name",
    "Route Name: x",
    "--",
    "a, b",
    "a-",
    "[1, 2]",
    "{x",
    "}",
    "\\boxed{no}",
    "\\text{a}",
    "```",
    "```json\n1\n```",
    "</answer>",
    "<answer>no</answer>",
    "</think><answer>no</answer>",
    "two\nlines",
    "a\u2028b",
    "1：2",
    "西单（换乘站）",
    "Žižkov →",
    "Market St.",
    "a\\",
    '"',
    "yes",
]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=20), st.text(alphabet='<>:;,"\\{}[]()-.` \nNa', max_size=12))

coordinates = st.one_of(
    st.integers(-1_000_000, 1_000_000).map(float),
    st.floats(-MAX_COORDINATE, MAX_COORDINATE),
)


def _box(x: tuple[float, float], y: tuple[float, float], label: str | None) -> Box:
    return Box(x1=min(x), y1=min(y), x2=max(x), y2=max(y), label=label)


pairs = st.tuples(coordinates, coordinates)
boxes = st.builds(_box, pairs, pairs, st.none() | texts).filter(is_valid_box)
points = st.builds(Point, x=coordinates, y=coordinates, frame=st.sampled_from([FRAME, PERMILLE_FRAME]))
times = st.floats(0, MAX_COORDINATE)
legs = st.builds(
    RouteLeg,
    line=texts,
    departure=texts,
    arrival=texts,
    via_count=st.none() | st.integers(0, 999_999_999),
    via=st.none() | st.lists(texts, max_size=3).map(tuple),
)
plain_legs = st.builds(RouteLeg, line=texts, departure=texts, arrival=texts)
action_types = st.sampled_from(
    ["click", "double_click", "right_click", "type", "select", "scroll", "press", "wait", "done"]
)

choices = st.sets(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=1).map(
    lambda letters: Choice(letters=tuple(sorted(letters)))
)
intervals = st.lists(st.tuples(times, times), min_size=1, max_size=4).map(
    lambda spans: Intervals(intervals=tuple(Interval(start=min(span), end=max(span)) for span in spans))
)

answers = st.one_of(
    st.builds(YesNo, value=st.booleans()),
    choices,
    st.builds(Number, value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000).map(float)),
    st.builds(Text, value=texts),
    points,
    st.builds(Boxes, boxes=st.lists(boxes, min_size=1, max_size=4).map(tuple), frame=st.just(FRAME)),
    intervals,
    st.builds(Grounded, choice=choices, intervals=intervals),
    st.builds(Route, legs=st.lists(legs, min_size=1, max_size=4).map(tuple)),
    st.builds(Route, legs=st.lists(plain_legs, min_size=1, max_size=4).map(tuple)),
    st.builds(Action, type=action_types, point=st.none() | points, text=st.none() | texts),
)
styles = st.sampled_from(["direct", "think", "boxed", "json"])
