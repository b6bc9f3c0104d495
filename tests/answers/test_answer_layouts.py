"""Where the answer stands: accepted and refused completions of each prompt style, hostile ones included."""

import sys

import pytest
from answer_strategies import styles
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.answers import parse_completion, write_completion
from mmrl.errors import InputError
from mmrl.geometry import PERMILLE_FRAME
from mmrl.types import Parsed, ParseStatus, Text, YesNo, answer_kind

YES, NO = YesNo(value=True), YesNo(value=False)
FENCE = "```"

# Style, completion, answer, whether it is well-formed.
ACCEPTED = [
    ("direct", "<answer>yes</answer>", YES, True),
    ("direct", " \n<answer> Yes. </answer>\n", YES, True),
    ("direct", "I think <answer>yes</answer>", YES, False),
    ("direct", "<answer>yes</answer> or so", YES, False),
    ("direct", "<think>no</think><answer>yes</answer>", YES, False),
    ("direct", "<answer>yes</answer><answer>YES</answer>", YES, False),
    ("direct", "</answer><answer>yes</answer>", YES, False),
    ("direct", "<think><answer>no</answer></think><answer>yes</answer>", YES, False),
    ("direct", f"<answer>{FENCE}\nyes\n{FENCE}</answer>", YES, True),
    ("think", "<think>a red sign</think><answer>yes</answer>", YES, True),
    ("think", "<think>\na < b > c\n</think>\n\n<answer>no</answer>\n", NO, True),
    ("think", "<answer>yes</answer>", YES, False),
    ("think", "<think></think><answer>yes</answer>", YES, False),
    ("think", "<think> \n</think><answer>yes</answer>", YES, False),
    ("think", "<think>a</think> so <answer>yes</answer>", YES, False),
    ("think", "a <think>b</think><answer>yes</answer>", YES, False),
    ("think", "<think>b</think><answer>yes</answer> done", YES, False),
    ("think", "<answer>yes</answer><think>b</think>", YES, False),
    ("think", "reasoned</think><answer>yes</answer>", YES, False),
    ("think", "<think>a</think><think>b</think><answer>yes</answer>", YES, False),
    ("think", "<think>maybe <answer>no</answer></think><answer>yes</answer>", YES, False),
    ("think", "<think>never closed <answer>yes</answer>", YES, False),
    ("boxed", "\\boxed{yes}", YES, True),
    ("boxed", "The sign is red, so $\\boxed{yes}$.", YES, True),
    ("boxed", "\\[\\boxed{ \\text{Yes} }\\]\n", YES, True),
    ("boxed", "<think>no</think> \\boxed{yes}", YES, True),
    ("boxed", "\\boxed{yes} as I said", YES, False),
    ("boxed", "\\boxed{yes} \\boxed{yes}", YES, False),
    ("boxed", "<think>\\boxed{no}</think>\\boxed{yes}", YES, False),
    ("boxed", "\\boxed{yes}<think>\\boxed{no}</think>", YES, False),
    ("boxed", "{ stray } \\frac{1}{2} \\boxed{yes}", YES, True),
    ("json", f'{FENCE}json\n"yes"\n{FENCE}', YES, True),
    ("json", f"{FENCE}json\ntrue\n{FENCE}\n", YES, True),
    ("json", f'{FENCE}\n{{"answer": "no"}}\n{FENCE}', NO, True),
    ("json", f"{FENCE}json\nyes\n{FENCE}", YES, False),
    ("json", f'Here: {FENCE}json\n"yes"\n{FENCE}', YES, False),
    ("json", f'{FENCE}json\n"yes"\n{FENCE} Good.', YES, False),
    ("json", f'{FENCE}json\n"yes"\n{FENCE}\n{FENCE}json\n"yes"\n{FENCE}', YES, False),
    ("json", f'<think>hm</think>{FENCE}json\n"yes"\n{FENCE}', YES, False),
    ("json", '"yes"', YES, False),
    ("json", "true", YES, False),
]


@pytest.mark.parametrize(("style", "completion", "answer", "well_formed"), ACCEPTED)
def test_accepted(style, completion, answer, well_formed):
    parsed = parse_completion(completion, kind="yes_no", style=style)
    assert parsed == Parsed(status=ParseStatus.OK, answer=answer, well_formed=well_formed)


# Style, completion and why it is refused.
REFUSED = [
    ("direct", "", ParseStatus.EMPTY),
    ("direct", " \n\t", ParseStatus.EMPTY),
    ("direct", "yes", ParseStatus.NO_ANSWER),
    ("direct", "<answer></answer>", ParseStatus.NO_ANSWER),
    ("direct", "<answer> \n</answer>", ParseStatus.NO_ANSWER),
    ("direct", "<answer>yes", ParseStatus.NO_ANSWER),
    ("direct", "yes</answer>", ParseStatus.NO_ANSWER),
    ("direct", "<Answer>yes</Answer>", ParseStatus.NO_ANSWER),
    ("direct", "\\boxed{yes}", ParseStatus.NO_ANSWER),
    ("direct", "<think><answer>yes</answer></think>", ParseStatus.NO_ANSWER),
    ("direct", "<ans<think></think>wer>yes</answer>", ParseStatus.NO_ANSWER),
    ("direct", "<answer>yes</answer><answer>no</answer>", ParseStatus.MANY_ANSWERS),
    ("direct", "<answer>yes</answer><answer>perhaps</answer>", ParseStatus.MANY_ANSWERS),
    ("direct", "<answer>yes</answer><answer></answer>", ParseStatus.MANY_ANSWERS),
    ("direct", "<answer>yes</answer><answer>no", ParseStatus.MANY_ANSWERS),
    ("direct", "<answer>yes or no</answer>", ParseStatus.MANY_ANSWERS),
    ("direct", "<answer><answer>yes</answer></answer>", ParseStatus.BAD_FORMAT),
    ("direct", "<answer>perhaps</answer>", ParseStatus.BAD_FORMAT),
    ("direct", "<answer>\\boxed{yes}</answer>", ParseStatus.BAD_FORMAT),
    ("think", "<think>yes</think>", ParseStatus.NO_ANSWER),
    ("think", "<think>a</think><answer>yes</answer><think>b</think><answer>no</answer>", ParseStatus.MANY_ANSWERS),
    ("think", "<answer>yes</answer></think><answer>no</answer>", ParseStatus.MANY_ANSWERS),
    ("boxed", "yes", ParseStatus.NO_ANSWER),
    ("boxed", "\\boxed{}", ParseStatus.NO_ANSWER),
    ("boxed", "\\boxed{yes", ParseStatus.NO_ANSWER),
    ("boxed", "\\boxed yes", ParseStatus.NO_ANSWER),
    ("boxed", "boxed{yes}", ParseStatus.NO_ANSWER),
    ("boxed", "<think>\\boxed{yes}</think>", ParseStatus.NO_ANSWER),
    ("boxed", "\\boxed{yes} no, \\boxed{no}", ParseStatus.MANY_ANSWERS),
    ("boxed", "\\boxed{yes}, \\boxed{no", ParseStatus.MANY_ANSWERS),
    ("boxed", "\\boxed{\\boxed{yes}}", ParseStatus.BAD_FORMAT),
    ("boxed", "\\boxed{\\text{yes} or \\text{no}}", ParseStatus.MANY_ANSWERS),
    ("json", "yes", ParseStatus.NO_ANSWER),
    ("json", f"{FENCE}json\n{FENCE}", ParseStatus.NO_ANSWER),
    ("json", f'{FENCE}json\n"yes"', ParseStatus.NO_ANSWER),
    ("json", f'{FENCE}\n"yes"\n{FENCE}\n{FENCE}\n"no"\n{FENCE}', ParseStatus.MANY_ANSWERS),
    ("json", f'{FENCE}\n"yes"\n{FENCE}\n{FENCE}\n"no"\n', ParseStatus.MANY_ANSWERS),
    ("json", f'{FENCE}\n{{"answer": "yes", "answer": "no"}}\n{FENCE}', ParseStatus.MANY_ANSWERS),
    ("json", f'{FENCE}\n["yes", "no"]\n{FENCE}', ParseStatus.BAD_FORMAT),
    ("json", f'{FENCE}\n{{"result": "yes"}}\n{FENCE}', ParseStatus.BAD_FORMAT),
    ("json", f"{FENCE}\n1\n{FENCE}", ParseStatus.BAD_FORMAT),
]


@pytest.mark.parametrize(("style", "completion", "status"), REFUSED)
def test_refused(style, completion, status):
    parsed = parse_completion(completion, kind="yes_no", style=style)
    assert parsed.status == status
    assert parsed.answer is None
    assert parsed.detail


def test_a_bad_answer_in_the_right_place_is_still_well_formed():
    parsed = parse_completion("<answer>perhaps</answer>", kind="yes_no", style="direct")
    assert parsed.status is ParseStatus.BAD_FORMAT
    assert parsed.well_formed
    assert not parse_completion("<answer></answer>", kind="yes_no", style="direct").well_formed


def test_coordinates_need_a_frame():
    for kind in ("point", "boxes", "action"):
        with pytest.raises(InputError, match="frame"):
            parse_completion("<answer>[1, 2]</answer>", kind=kind, style="direct")


LENGTH = 200_000
HOSTILE = [
    "[",
    "]",
    "{",
    "}",
    "(",
    "[]",
    "[[1,2],",
    '{"a":',
    '"',
    '\\"',
    '";',
    "<answer>",
    "</answer>",
    "<answer>[",
    "<answer>yes</answer>",
    "<think>",
    "</think>",
    "<think></think>",
    "<think><answer>",
    "\\boxed{",
    "\\boxed",
    "\\boxed{yes}",
    "```",
    "```json\n",
    "```json\n[1,2,3,4]\n```\n",
    "9",
    "9,",
    "1.",
    "-",
    "--\n",
    "A ",
    "A, ",
    "A: B > C; ",
    "A: ",
    "> ",
    "Route Name: A\n",
    "Route Name: A\nDeparture Stop: B\nArrival Stop: C\n--\n",
    "Via Stops: ",
    "yes no ",
    "\u0661",
    " ",
    "\n",
    "\x00",
    "\ud800",
]
KINDS = ["yes_no", "choice", "number", "text", "point", "boxes", "intervals", "route", "action"]


WRAPPED = {"direct": "<answer>{}</answer>", "boxed": "\\boxed{{{}}}", "json": "```json\n{}\n```"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("style", WRAPPED)
@pytest.mark.parametrize("piece", HOSTILE)
def test_long_nonsense_is_data(piece, style):
    """Quadratic scanning of these would take hours: that the test ends at all is the check."""
    filler = piece * (LENGTH // len(piece))
    limit = sys.getrecursionlimit()
    for completion in (filler, WRAPPED[style].format(filler)):
        for kind in {KINDS[HOSTILE.index(piece) % len(KINDS)], "boxes", "route"}:
            parsed = parse_completion(completion, kind=kind, style=style, frame=PERMILLE_FRAME)
            assert (parsed.answer is not None) == (parsed.status is ParseStatus.OK)
            assert len(parsed.detail) < 500
    assert sys.getrecursionlimit() == limit


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bracket", "[]{}(")
def test_a_megabyte_of_brackets_is_data(bracket, kind):
    parsed = parse_completion(
        f"<answer>{bracket * 1_000_000}</answer>", kind=kind, style="direct", frame=PERMILLE_FRAME
    )
    assert parsed.status is (ParseStatus.OK if kind == "text" else ParseStatus.BAD_FORMAT)
    assert parsed.well_formed


def test_deep_nesting_is_bad_format():
    for opening in ("[", '{"a":', "[["):
        parsed = parse_completion(
            f"<answer>{opening * 300_000}</answer>", kind="boxes", style="direct", frame=PERMILLE_FRAME
        )
        assert parsed.status is ParseStatus.BAD_FORMAT
        assert "depth" in parsed.detail


TOKENS = [
    "<answer>",
    "</answer>",
    "<think>",
    "</think>",
    "\\boxed{",
    "}",
    "{",
    "```",
    "json",
    "\n",
    " ",
    '"',
    "\\",
    ":",
]
TOKENS += [">", ";", ",", "[", "]", "(", ")", "yes", "no", "A", "B", "1", "-2.5", "NaN", "bbox_2d", "Route Name:", "--"]


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join), st.sampled_from(KINDS), styles)
@settings(max_examples=1000, deadline=None)
def test_whatever_is_written_is_data(text, kind, style):
    parsed = parse_completion(text, kind=kind, style=style, frame=PERMILLE_FRAME)
    assert (parsed.answer is not None) == (parsed.status is ParseStatus.OK)
    if parsed.answer is not None:
        assert answer_kind(parsed.answer) == kind
        again = parse_completion(
            write_completion(parsed.answer, style=style), kind=kind, style=style, frame=PERMILLE_FRAME
        )
        assert again == Parsed(status=ParseStatus.OK, answer=parsed.answer, well_formed=True)
    else:
        assert parsed.detail


def test_free_text_is_taken_as_it_stands():
    long = "x" * 100_000
    parsed = parse_completion(f"<answer>{long}</answer>", kind="text", style="direct")
    assert parsed.answer == Text(value=long)
