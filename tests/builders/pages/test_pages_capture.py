"""Capture in a real Chromium: boxes where the style sheet puts them, hidden things left out, the same bytes again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets_builders.drafts import Draft
from datasets_builders.gui.pages import PagesConfig, build_pages
from datasets_builders.gui.pages.server import serve_folder
from mmrl.data import check_folder, read_folder
from mmrl.types import Action, Boxes, Point, Sample

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
SITE, HOSTILE = HERE / "site", HERE / "hostile"


def _samples(drafts: list[Draft], page: str) -> list[Sample]:
    return [sample for draft in drafts for sample in draft.samples if sample.meta["page"] == page]


def _boxes(samples: list[Sample]) -> dict[str, list[int]]:
    """The box that the row states for each accessible name."""
    return {sample.meta["name"]: sample.meta["box"] for sample in samples if "box" in sample.meta}


def _asked(samples: list[Sample], task: str) -> set[str]:
    return {sample.question for sample in samples if sample.task == task}


@pytest.fixture(scope="module")
def site(capture: Callable) -> list[Sample]:
    drafts, report = capture(SITE, include=("index.html",), questions_per_view=200)
    assert report.as_json()["left_out"] == 0
    return _samples(drafts, "index.html")


def test_boxes_are_where_the_style_sheet_puts_them(site: list[Sample]) -> None:
    boxes = _boxes(site)
    assert boxes["Save"] == [240, 280, 360, 316]
    assert boxes["E-mail address"] == [240, 110, 540, 146]
    assert boxes["Plan"] == [600, 110, 800, 146]
    assert boxes["Orders"] == [20, 150, 170, 186]
    assert boxes["Delete account"] == [520, 280, 564, 316]


def test_words_of_a_label_are_read_in_the_order_of_the_page(capture: Callable, tmp_path: Path) -> None:
    words = 'I agree to the <a href="#"><b>Terms</b> of use</a> and <i>Privacy</i> rules'
    label = f'<label><input type="checkbox"> {words}</label>'
    (tmp_path / "index.html").write_text(f"<!doctype html><title>t</title>{label}", encoding="utf-8")
    drafts, _ = capture(tmp_path, questions_per_view=50)
    named = [sample.question for sample in _samples(drafts, "index.html") if "I agree" in sample.question]
    assert any('"I agree to the Terms of use and Privacy rules"' in question for question in named), named
    assert not any("I agree to the and" in question for question in named)


@pytest.mark.parametrize(("scale", "zoom"), [(2.0, 1.0), (1.0, 1.25), (1.5, 0.8)])
def test_boxes_follow_scale_and_zoom(capture: Callable, scale: float, zoom: float) -> None:
    drafts, _ = capture(SITE, include=("index.html",), scales=(scale,), zooms=(zoom,))
    (draft,) = drafts
    assert draft.picture.size == pytest.approx((1280 * scale, 720 * scale), abs=2)
    box = _boxes(list(draft.samples))["Save"]
    assert box == pytest.approx([edge * scale * zoom for edge in (240, 280, 360, 316)], abs=1)


def test_boxes_follow_scrolling(capture: Callable) -> None:
    drafts, _ = capture(SITE, include=("index.html",), scrolls=(0.25,), questions_per_view=200)
    (draft,) = drafts
    assert draft.samples[0].meta["view"]["scroll"] == 0.25
    shift = round(0.25 * (1400 - 720))
    assert _boxes(list(draft.samples))["Save"] == [240, 280 - shift, 360, 316 - shift]
    directions = {s.answer.text for s in draft.samples if isinstance(s.answer, Action) and s.answer.type == "scroll"}
    assert directions == {"up", "down"}


def test_hidden_covered_tiny_and_giant_controls_are_not_asked_about(capture: Callable) -> None:
    drafts, report = capture(HOSTILE, include=("hidden.html",))
    assert set(_boxes(_samples(drafts, "hidden.html"))) == {"Really there", "Closed part"}
    assert report.dropped.keys() >= {"covered", "tiny", "giant"}


def test_frames_and_shadow_roots_are_seen_in_their_place(capture: Callable) -> None:
    drafts, _ = capture(HOSTILE, include=("frames.html",), questions_per_view=100)
    boxes = _boxes(_samples(drafts, "frames.html"))
    # A frame's content begins behind its border of 5 and padding of 10 pixels.
    assert boxes["In a frame"] == [135, 95, 255, 125]
    assert boxes["In a sandbox"] == [520, 80, 640, 110]
    assert boxes["Open root"] == [110, 310, 250, 344]
    assert boxes["Closed root"] == [510, 310, 650, 344]
    assert "Below the frame" not in boxes


def test_right_to_left_pages(capture: Callable) -> None:
    drafts, _ = capture(HOSTILE, include=("rtl.html",), questions_per_view=100)
    samples = _samples(drafts, "rtl.html")
    assert _boxes(samples)["حفظ التغييرات"] == [1080, 20, 1240, 56]
    relations = {s.question.split(" ", 1)[1]: s.meta["name"] for s in samples if s.task == "gui/relation"}
    left = [name for text, name in relations.items() if "left of" in text and "حفظ التغييرات" in text]
    assert left == ["الصفحة الرئيسية"]


def test_every_kind_of_instruction_is_asked_and_ambiguous_ones_are_told_apart(site: list[Sample]) -> None:
    assert {sample.task for sample in site} == set(PagesConfig.known_tasks)
    texts = " ".join(_asked(site, "gui/text"))
    assert '"Edit" in the row of "Ada Byron"' in texts
    assert '"Edit" in the row of "Lin Wei"' in texts
    assert '"Settings" in the sidebar' in texts, "a heading says Settings too"
    assert '"More"' not in texts.replace('"More" right of "Help"', ""), "two links say More and one has no landmark"
    assert "screen readers" not in texts
    states = " ".join(_asked(site, "gui/state"))
    assert "the ticked checkbox" in states
    assert "the unticked checkbox" in states
    assert "bell icon" in " ".join(_asked(site, "gui/icon"))
    assert any('checkbox left of "Remember me"' in question for question in _asked(site, "gui/relation"))


def test_typed_actions_carry_place_and_text(site: list[Sample]) -> None:
    actions = {s.answer.type: s for s in site if isinstance(s.answer, Action) and s.task in ("gui/type", "gui/select")}
    typed, chosen = actions["type"], actions["select"]
    assert typed.meta["name"] == "E-mail address"
    assert "@" in typed.answer.text
    assert chosen.answer.text in ("Free", "Company"), "Team is chosen already"
    assert f'"{chosen.answer.text}"' in chosen.question
    for sample in (typed, chosen):
        x1, y1, x2, y2 = sample.meta["box"]
        assert x1 < sample.answer.point.x < x2
        assert y1 < sample.answer.point.y < y2


def test_answers_take_the_forms_that_are_wanted(capture: Callable) -> None:
    for form, kind in (("point", Point), ("box", Boxes), ("action", Action)):
        tasks = ("gui/text", "gui/relation")
        drafts, _ = capture(SITE, include=("index.html",), forms=(form,), tasks=tasks)
        assert {type(sample.answer) for sample in drafts[0].samples} == {kind}


def test_absent_controls_are_balanced_by_present_ones_in_the_same_words(capture: Callable) -> None:
    drafts, _ = capture(SITE, HOSTILE, include=("index.html", "orders.html", "frames.html"), tasks=("gui/absent",))
    for draft in drafts:
        answers = [repr(sample.answer) for sample in draft.samples]
        said_no = sum("value=False" in answer or "impossible" in answer for answer in answers)
        assert said_no * 2 == len(answers) > 0
        shown = " ".join(str(sample.meta.get("name")) for sample in draft.samples)
        for sample in draft.samples:
            if "value=False" in repr(sample.answer):
                assert sample.question.split('"')[1] not in shown


def test_a_running_app_is_followed_on_its_own_host(capture: Callable) -> None:
    """``index.html`` links to itself, to ``orders.html`` and to a page that is not there."""
    with serve_folder(SITE) as origin:
        drafts, report = capture(f"{origin}/index.html", follow=1, tasks=("gui/text",))
    views = {view["page"].removeprefix(origin): view for view in report.as_json()["by_view"]}
    assert list(views) == ["/index.html", "/orders.html", "/settings.html"]
    assert views["/settings.html"]["left_out"] == "the server answered 404"
    assert [draft.samples[0].meta["page"].removeprefix(origin) for draft in drafts] == ["/index.html", "/orders.html"]


def test_same_config_same_bytes_whatever_runs_at_once(chromium: str, tmp_path: Path) -> None:  # noqa: ARG001
    """``orders.html`` draws a chart from time and chance, which must be the page's own."""
    prints = []
    for contexts in (1, 3):
        out = tmp_path / f"of{contexts}"
        build_pages(PagesConfig(pages=(str(SITE),), contexts=contexts, seed=3), out)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        report = out.with_name(f"{out.name}.capture.json")
        prints.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in [*files, report]])
    assert prints[0] == prints[1]
    assert check_folder(tmp_path / "of1") == []
    other = tmp_path / "other"
    build_pages(PagesConfig(pages=(str(SITE),), seed=4), other)
    assert {s.question for s in read_folder(other).samples} != {
        s.question for s in read_folder(tmp_path / "of1").samples
    }
