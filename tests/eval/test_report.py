"""The report as a file: what it says, what it does without, and what it never lets through."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from synthetic_run import HOSTILE, make_run

from eval.report import write_report
from eval.report.accuracy import accuracy_rows, headline, signed
from eval.report.charts import line_chart, nice_axis, nice_ticks
from eval.report.cost import PHASES, training_cost
from eval.report.gallery import build_gallery, choose_items, compare
from eval.report.load import load_run
from eval.report.pictures import encode_picture, marks_of
from eval.report.text import visible
from eval.report.training import curves, remarks, stage_rows
from eval.summary import render_scores, summarise
from mmrl.answers import answer_to_json
from mmrl.errors import InputError
from mmrl.types import Action, Box, Boxes, Frame, Point, YesNo


class Page(HTMLParser):
    """Elements with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(run_folder: Path) -> Page:
    return Page(write_report(run_folder).read_text(encoding="utf-8"))


def test_page_is_self_contained(page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, name, value)
        assert not any(name.startswith("on") for name in attributes)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy


def test_page_says_what_the_summary_holds(page: Page, run_folder: Path) -> None:
    summary = json.loads((run_folder / "summary.json").read_text())
    for numbers in summary["tasks"].values():
        assert f"{100 * numbers['before']:.1f} %" in page.text
        assert signed(numbers["after"] - numbers["before"]) in page.text
    for stage in ("perceive", "locate", "reason"):
        assert stage in page.text
    assert page.text.count("ends at") == 16, "reward, four terms, five group figures, three each of cost and optimiser"


def test_same_run_gives_the_same_bytes(run_folder: Path) -> None:
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


def test_pictures_are_embedded_once_each(page: Page) -> None:
    uses = Counter(a["href"] for tag, a in page.elements if tag == "use")
    images = [a["id"] for tag, a in page.elements if tag == "image"]
    assert set(uses) == {f"#{name}" for name in images}
    assert len(images) == len(set(images)) < sum(uses.values())


def test_hostile_text_stays_text(hostile_run: Path) -> None:
    html = write_report(hostile_run).read_text(encoding="utf-8")
    page = Page(html)
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["script"] == 1
    assert tags["img"] == 0
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "<script>window.pwned = 1</script>" in page.text, "shown as it was written"
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "[U+001B][31m" in page.text
    assert "[U+202E]" in page.text
    assert HOSTILE[1] not in html


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a run must be a folder; found nothing; at .*nowhere"):
        write_report(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        write_report(tmp_path / "file")


def test_empty_folder_gives_a_page_that_says_so(tmp_path: Path) -> None:
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    for sentence in (
        "holds no config.yaml",
        "There is no log.jsonl",
        "no evaluation before training yet",
        "no evaluation after training yet",
        "No comparison yet",
        "No reward curve yet",
        "No items to show",
    ):
        assert sentence in text


@pytest.fixture
def small_run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", count=6)


def test_before_only(small_run: Path) -> None:
    shutil.rmtree(small_run / "eval" / "after")
    (small_run / "summary.json").unlink()
    page = Page(write_report(small_run).read_text(encoding="utf-8"))
    assert "no evaluation after training yet" in page.text
    outcomes = {a["data-outcome"] for _, a in page.elements if "data-outcome" in a}
    assert outcomes == {"right", "wrong"}


def test_summary_not_written_yet_is_computed(small_run: Path) -> None:
    (small_run / "summary.json").unlink()
    text = Page(write_report(small_run).read_text(encoding="utf-8")).text
    assert "summary.json is not written yet" in text
    assert "task families" in text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("summary.json", "{", "The summary cannot be used"),
        (
            "summary.json",
            '{"tasks": {"a": {"before": 0}}}',
            "The summary cannot be used: tasks.a.after: Field required",
        ),
        ("config.yaml", "a: 2020-99-99", "config.yaml is not a YAML mapping"),
        ("config.yaml", "a: [", "config.yaml is not a YAML mapping"),
        ("log.jsonl", "{}\nnonsense\n{}\n", "The training log cannot be read: a log line must be JSON"),
        ("log.jsonl", "", "The training log holds no step yet"),
        ("eval/after/scores.jsonl", "nonsense\n", "The evaluation after training cannot be read"),
        ("eval/after/evaluation.json", "{", "eval/after/evaluation.json is damaged"),
    ],
)
def test_damaged_parts_are_named_and_the_rest_shown(small_run: Path, name: str, content: str, sentence: str) -> None:
    (small_run / name).write_text(content)
    text = Page(write_report(small_run).read_text(encoding="utf-8")).text
    assert sentence in text
    assert "Held-out accuracy" in text


def edit_line(path: Path, place: str, value: Any) -> None:
    """Set a dotted place in a JSON file, or in the second line of a file of JSON lines."""
    lines = [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines()
    row = json.loads(lines[-1 if len(lines) == 1 else 1])
    *outer, last = place.split(".")
    inner = row
    for key in outer:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[last] = value
    lines[-1 if len(lines) == 1 else 1] = json.dumps(row)
    path.write_text("\n".join(lines) + "\n")


AFTER = "The evaluation after training cannot be read: "
SUMMARY = "The summary cannot be used: "
DAMAGED_VALUES = [
    ("eval/after/scores.jsonl", "scores", {}, AFTER + "scores.accuracy: Field required"),
    ("eval/after/scores.jsonl", "scores.accuracy", "x", AFTER + "scores.accuracy: Input should be a valid number"),
    ("eval/after/scores.jsonl", "scores.accuracy", True, AFTER + "scores.accuracy: Input should be a valid number"),
    ("eval/after/scores.jsonl", "status", [], AFTER + "status: "),
    ("eval/after/scores.jsonl", "parsed", {"kind": "boxes"}, AFTER + "parsed: "),
    ("eval/after/scores.jsonl", "parsed", 7, AFTER + "parsed: "),
    ("eval/after/scores.jsonl", "prediction", "\ud800", AFTER + "a line must be JSON; found '\\ud800'"),
    ("eval/after/prompts.jsonl", "gold", None, AFTER + "gold: "),
    ("eval/after/prompts.jsonl", "gold", {"kind": "yes_no", "value": 3}, AFTER + "gold: "),
    ("eval/after/prompts.jsonl", "media", [{}], AFTER + "media.0.path: "),
    ("eval/after/prompts.jsonl", "media.0.width", 0, AFTER + "media.0.width: "),
    ("summary.json", "tasks.gui.after_ci95", -1, SUMMARY + "tasks.gui.after_ci95: "),
    ("summary.json", "tasks.gui.p_value", [], SUMMARY + "tasks.gui.p_value: "),
    ("summary.json", "tasks.gui.before", 7, SUMMARY + "tasks.gui.before: "),
    ("summary.json", "tasks.gui.gain_ci95", [0.1], SUMMARY + "tasks.gui.gain_ci95: "),
    ("summary.json", "subtasks", None, SUMMARY + "subtasks: "),
    ("log.jsonl", "stage_index", None, "that name no step and stage are left out: 1."),
    ("log.jsonl", "stage_index", -1, "that name no step and stage are left out: 1."),
    ("log.jsonl", "global_step", "1", "that name no step and stage are left out: 1."),
]


@pytest.mark.parametrize(("name", "place", "value", "sentence"), DAMAGED_VALUES)
def test_a_damaged_value_is_named_and_the_rest_shown(
    small_run: Path, name: str, place: str, value: Any, sentence: str
) -> None:
    edit_line(small_run / name, place, value)
    page = Page(write_report(small_run).read_text(encoding="utf-8"))
    (notice,) = load_run(small_run).notices
    assert sentence in notice
    assert "\n" not in notice
    assert notice[:40] in page.text
    assert "No items to show" not in page.text


@pytest.mark.parametrize(
    ("name", "value"), [("scores", {}), ("scores", {"accuracy": "x"}), ("parsed", {"kind": "boxes"}), ("task", 3)]
)
def test_damaged_scores_are_refused_in_one_line_by_every_reader(small_run: Path, name: str, value: Any) -> None:
    before, after = small_run / "eval" / "before", small_run / "eval" / "after"
    edit_line(after / "scores.jsonl", name, value)
    for read in (lambda: summarise(before, after), lambda: render_scores(after / "scores.jsonl")):
        with pytest.raises(
            InputError, match=rf"^{name}[.a-z]*: .*; found .*scores\.jsonl, id '.*'; run the evaluation"
        ):
            read()


def test_a_picture_with_an_impossible_name_is_only_missing(small_run: Path) -> None:
    for name in ("x" * 400, "a\0b"):
        for when in ("before", "after"):
            edit_line(small_run / "eval" / when / "prompts.jsonl", "media.0.path", name)
        assert "any more" in Page(write_report(small_run).read_text(encoding="utf-8")).text


def test_missing_pictures_are_named(small_run: Path) -> None:
    shutil.rmtree(small_run / "data" / "gui_test")
    text = Page(write_report(small_run).read_text(encoding="utf-8")).text
    assert "is not in the dataset folder any more" in text


def test_pictures_outside_the_run_are_found_by_the_stated_path(small_run: Path) -> None:
    moved = small_run.parent / "elsewhere"
    (small_run / "data" / "gui_test").rename(moved)
    settings = {"datasets": {"gui_test": {"path": "../../../elsewhere", "samples": 1}}}
    (small_run / "eval" / "after" / "evaluation.json").write_text(json.dumps(settings))
    assert "any more" not in Page(write_report(small_run).read_text(encoding="utf-8")).text


def test_a_media_path_cannot_leave_its_folder(small_run: Path) -> None:
    Image.new("RGB", (9, 9)).save(small_run / "secret.png")
    for when in ("before", "after"):
        path = small_run / "eval" / when / "prompts.jsonl"
        path.write_text(re.sub(r'"media/[0-9a-f]+\.png"', '"../../secret.png"', path.read_text()))
    gallery = build_gallery(load_run(small_run))
    assert not gallery.pictures


# ---------------------------------------------------------------------------------------------------- pieces


def cost_steps(**changes: Any) -> list[dict[str, Any]]:
    """Return a step of one second and, in another stage, two of three and five seconds."""
    steps = [
        {"stage": "a", "stage_index": 0, "time/generate": 0.75, "time/backward": 0.25, "memory/peak_gb": 1.0},
        {"stage": "b", "stage_index": 1, "time/generate": 3.0, "time/backward": 0.0, "memory/peak_gb": 2.0},
        {"stage": "b", "stage_index": 1, "time/generate": 4.5, "time/backward": 0.5, "memory/peak_gb": 2.5},
    ]
    return [{"global_step": place + 1, **step, **changes} for place, step in enumerate(steps)]


def test_cost_by_hand() -> None:
    cost = training_cost(cost_steps())
    assert cost is not None
    assert [name for name, _ in cost.phases] == ["generate", "backward"]
    first, second = cost.stages
    assert (first.seconds, second.seconds) == ("1 s", "4 s")
    assert [(part.phase, part.width, part.text) for part in first.parts] == [
        ("generate", 18.75, "75 %"),
        ("backward", 6.25, "25 %"),
    ]
    assert [(part.phase, part.width) for part in second.parts] == [("generate", 93.75), ("backward", 6.25)]
    assert [part.labelled for part in second.parts] == [True, False]
    assert first.summary == "1 s a step: generate 0.75 s (75 %), backward 0.25 s (25 %)"
    assert (first.peak_memory, second.peak_memory) == ("1.0 GB", "2.5 GB")
    assert (first.tokens_per_second, first.dead_groups, cost.resampled) == ("", "", False)


def test_cost_of_other_logs() -> None:
    assert training_cost([]) is None
    assert training_cost(steps_of([0.5, 0.7])) is None, "a log without phases"
    damaged = {"time/generate": -1.0, "time/backward": "x", "memory/peak_gb": None, "groups/resampled": 1.5}
    assert training_cost(cost_steps(**damaged)) is None
    measured = {"groups/dead": 0.256, "groups/resampled": 1.5, "engine/tokens_per_second": 12345.6}
    cost = training_cost(cost_steps(**measured, **{"engine/encoded_per_medium": 2, "engine/positions_per_token": 0.97}))
    assert cost is not None
    assert cost.resampled
    row = cost.stages[0]
    shown = (row.dead_groups, row.resampled, row.tokens_per_second, row.encoded_per_medium, row.positions_per_token)
    assert shown == ("26 %", "1.5", "12,346", "2.00", "0.97")


def test_cost_knows_the_phases_that_training_logs() -> None:
    from mmrl.trainer.telemetry import PHASES as LOGGED

    assert tuple(PHASES) == LOGGED


def test_dead_groups_are_those_of_the_engine_where_it_logged_them(small_run: Path) -> None:
    steps = load_run(small_run).steps
    assert [row.flat_groups for row in stage_rows(load_run(small_run))] == [
        f"{100 * sum(values) / len(values):.0f} %"
        for values in ([one["groups/dead"] for one in steps if one["stage_index"] == index] for index in range(3))
    ]
    titles = [chart.title for chart in curves(steps).groups]
    assert "Judged by no term" not in titles, "what never happened has no chart"
    rare = [{**step, "groups/unjudged": 0.25, "groups/resampled": 2.0} for step in steps]
    assert {"Judged by no term", "Groups sampled again"} <= {chart.title for chart in curves(rare).groups}
    old = [{key: value for key, value in step.items() if not key.startswith("groups/")} for step in steps]
    assert curves(old).groups[0].title == "Groups without reward variance"


def test_resumed_steps_count_once(small_run: Path) -> None:
    lines = (small_run / "log.jsonl").read_text().splitlines()
    again = json.loads(lines[50]) | {"reward": 0.987}
    (small_run / "log.jsonl").write_text("\n".join([*lines, json.dumps(again)]) + "\n")
    record = load_run(small_run)
    assert len(record.steps) == 170
    assert [step["reward"] for step in record.steps if step["global_step"] == again["global_step"]] == [0.987]
    assert remarks(record.events) == ["Stage locate, step 120: resume (from checkpoint-60)"]


def steps_of(values: list[Any], stage_of: list[int] | None = None) -> list[dict[str, Any]]:
    stages = stage_of or [0] * len(values)
    return [
        {"global_step": place + 1, "stage": f"s{stage}", "stage_index": stage, "reward": value}
        for place, (value, stage) in enumerate(zip(values, stages, strict=True))
    ]


def test_chart_geometry_by_hand() -> None:
    chart = line_chart(steps_of([0.0, 1.0, 0.5], [0, 0, 1]), "reward", title="r")
    assert chart is not None
    assert chart.raw == "M0.0 1000.0L500.0 0.0M1000.0 500.0h0.1"
    assert [(span.name, span.left, span.width) for span in chart.spans] == [("s0", 0.0, 75.0), ("s1", 75.0, 25.0)]
    assert chart.points[1] == (50.0, 100.0, "2", "1")
    assert chart.last == "0.5"


def test_shares_start_at_zero_and_small_ones_fill_their_chart() -> None:
    tops = []
    for values in ([0.2, 0.7], [0.03, 0.08], [0.0, 0.0]):
        chart = line_chart(steps_of(values), "reward", title="r", share=True)
        assert chart is not None
        assert chart.y_ticks[0].label == "0 %"
        tops.append(chart.y_ticks[-1].label)
    assert tops == ["100 %", "8 %", "1 %"]


def test_chart_gaps_and_long_runs() -> None:
    assert line_chart(steps_of([None, 1.0]), "reward", title="r") is None
    assert line_chart([], "reward", title="r") is None
    chart = line_chart(steps_of([1.0, None, float("nan"), True, 3.0]), "reward", title="r")
    assert chart is not None
    assert [point[2] for point in chart.points] == ["1", "5"]
    long = line_chart(steps_of([float(i % 2) for i in range(4000)]), "reward", title="r")
    assert long is not None
    assert len(long.points) == 400
    assert {point[3] for point in long.points} == {"0.5"}


def test_numbers_beyond_any_axis_are_left_out() -> None:
    chart = line_chart(steps_of([1.0, 10**400, 1e308, 5e-324, 1e300, -1e300]), "reward", title="r")
    assert chart is not None
    assert [point[2] for point in chart.points] == ["1", "4", "5", "6"]
    assert line_chart(steps_of([0.0, 5e-324]), "reward", title="r") is not None


def test_smoothing_never_crosses_a_stage() -> None:
    chart = line_chart(steps_of([0.0] * 60 + [1.0] * 60, [0] * 60 + [1] * 60), "reward", title="r")
    assert chart is not None
    assert chart.window == 7
    assert {float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", chart.smooth)} == {0.0, 1000.0}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.3, 0.75, (0.0, 0.8)),
        (0.6, 0.75, (0.6, 0.75)),
        (0.1, 0.9, (0.0, 1.0)),
        (5.0, 5.0, (0.0, 8.0)),
        (0.3, 0.1 + 0.2, (0.0, 0.6)),
        (0.0, 0.0, (0.0, 1.0)),
        (-3.0, -1.0, (-3.0, 0.0)),
        (1e-5, 1e-5, (0.0, 1.5e-5)),
        (980.0, 1000.0, (980.0, 1000.0)),
    ],
)
def test_axes_are_round_and_hold_the_values(low: float, high: float, expected: tuple[float, float]) -> None:
    axis = nice_axis(low, high)
    assert axis.low <= low <= high <= axis.high
    assert (axis.low, axis.high) == pytest.approx(expected)
    assert 2 <= len(nice_ticks(axis.low, axis.high)) <= 8


def test_items_are_chosen_evenly_and_failures_stay_in_sight() -> None:
    outcomes = {
        ("d", f"{task}{i}"): ("improved" if i < 30 else "worse" if i < 33 else "both wrong")
        for task in "ab"
        for i in range(40)
    }
    outcomes[("d", "c0")] = "both right"
    chosen = choose_items(outcomes, {key: key[1][0] for key in outcomes}, 21)  # type: ignore[arg-type]
    assert Counter(key[1][0] for key in chosen) == {"a": 10, "b": 10, "c": 1}
    assert Counter(outcomes[key] for key in chosen) == {"improved": 10, "worse": 6, "both wrong": 4, "both right": 1}
    assert [outcomes[key] for key in chosen] == sorted(
        (outcomes[key] for key in chosen), key=["improved", "worse", "both wrong", "both right"].index
    )


def test_outcomes() -> None:
    assert [compare(0, 1), compare(1, 0), compare(1, 1), compare(0, 0), compare(0.5, 0.5), compare(0.5, 0.6)] == [
        "improved",
        "worse",
        "both right",
        "both wrong",
        "both wrong",
        "improved",
    ]


def test_marks_stand_in_the_stored_pictures_pixels() -> None:
    model = Frame(kind="model", width=50, height=100)
    boxes = Boxes(boxes=(Box(x1=5, y1=10, x2=15, y2=30),), frame=model)
    (mark,) = marks_of(answer_to_json(boxes), "after", 100, 300)
    assert (mark.x, mark.y, mark.width, mark.height) == (10, 30, 20, 60)
    click = Action(type="click", point=Point(x=25, y=50, frame=model))
    (dot,) = marks_of(answer_to_json(click), "gold", 100, 300)
    assert (dot.shape, dot.x, dot.y) == ("point", 50, 150)
    assert marks_of(answer_to_json(YesNo(value=True)), "gold", 9, 9) == []
    assert marks_of(None, "before", 9, 9) == []
    assert marks_of({"kind": "boxes"}, "before", 9, 9) == []


def test_large_pictures_are_scaled() -> None:
    import base64
    import io

    kind, data = encode_picture(Image.effect_noise((2000, 500), 60).convert("RGB")).split(",", 1)
    assert kind in ("data:image/webp;base64", "data:image/png;base64")
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (768, 192)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[2J\x00\x7f", "[U+001B][2J[U+0000][U+007F]"),
        ("a\u202eb\u200bc\ufeff", "a[U+202E]b[U+200B]c[U+FEFF]"),
        ("a\u00a0b\u2028c", "a b[U+2028]c"),
        ("\ud800", "\ufffd"),
        ("Längenfeldgasse 東京 ✓", "Längenfeldgasse 東京 ✓"),
        ("x" * 12, "xxxxxxxxxx … (2 more characters)"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text, limit=10 if len(text) == 12 else 1200) == shown


def entry(before: float, after: float, low: float, high: float) -> dict[str, Any]:
    return {"before": before, "after": after, "n": 10, "gain_ci95": [low, high]}


def test_a_mix_with_an_impossible_weight_is_left_out(small_run: Path) -> None:
    config = small_run / "config.yaml"
    config.write_text(config.read_text().replace("scenes_train: 2.0", "scenes_train: 1" + "0" * 400))
    assert stage_rows(load_run(small_run))[0].mix == ""


def test_headline_follows_the_intervals() -> None:
    tasks = {"a": entry(0.2, 0.4, 0.1, 0.3), "b": entry(0.4, 0.2, -0.3, -0.1), "c": entry(0.4, 0.4, -0.1, 0.1)}
    assert headline(accuracy_rows({"tasks": tasks, "subtasks": {}})) == (
        "Held-out accuracy rose in 1 of 3 task families: a +20.0 points. It fell in 1: b −20.0 points. "
        "Unclear, since the interval holds zero, in 1: c 0.0 points."
    )
    assert headline(accuracy_rows({"tasks": {"c": tasks["c"]}, "subtasks": {}})) == (
        "No clear change of held-out accuracy in 1 task family, each interval holds zero: c 0.0 points."
    )
    assert headline(accuracy_rows({"tasks": {"b": tasks["b"]}, "subtasks": {}})) == (
        "Held-out accuracy rose in none of 1 task family. It fell in 1: b −20.0 points."
    )
