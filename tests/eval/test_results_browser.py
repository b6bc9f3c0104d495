"""Pages of scored items and of datasets in a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from result_folders import choice_rows, click_rows, draw_pictures, scored
from synthetic_run import HOSTILE

from eval.report.dataset import write_dataset
from eval.report.results import write_results
from eval.report.results_load import load_results
from mmrl.machine import find_browser

pytestmark = pytest.mark.browser
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium: run `playwright install chromium` or install a system chromium")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--disable-gpu"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
        browser = playwright.chromium.launch(executable_path=executable, args=arguments, timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Visit:
    """A page opened from the disk, with all that it complained about."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.page = browser.new_context(**context).new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: self.problems.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    @property
    def count(self) -> str:
        return self.page.locator("#count").inner_text()

    def select(self, name: str, value: str) -> None:
        self.page.locator(f'#selects select[data-name="{name}"]').select_option(value)


def page_of(out: Path, *folders: Path, pictures: Path | None = None) -> Path:
    return write_results([load_results(folder, pictures) for folder in folders], out)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ten questions; the first run has q0 to q4 right and writes nothing readable to q9, the second q3 to q8."""
    root = tmp_path_factory.mktemp("pair")
    rows = choice_rows(10)
    first = {f"q{i}": "B" if i < 5 else "A" for i in range(9)} | {"q9": "~"}
    second = {f"q{i}": "B" if 3 <= i <= 8 else "A" for i in range(10)}
    return scored(root / "first", "mmstar", rows, first), scored(root / "second", "mmstar", rows, second)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_the_page_opens_cleanly(browser, pair, tmp_path, width, scheme):
    page = page_of(tmp_path / "report.html", *pair)
    visit = Visit(browser, page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert visit.problems == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in visit.requests if not url.endswith("report.html") and not url.startswith("data:")] == []


def test_filters_change_what_is_counted(browser, pair, tmp_path):
    visit = Visit(browser, page_of(tmp_path / "report.html", pair[0]))
    assert visit.count == "10 of 10 items: accuracy 50.0 %"
    visit.select("group category", "first")  # q0, q2, q4, q6, q8: three of five are right
    assert visit.count == "5 of 10 items: accuracy 60.0 %"
    visit.page.get_by_role("button", name=re.compile("^wrong")).click()
    assert visit.count == "2 of 10 items: accuracy 0.0 %"
    assert visit.page.locator(".row").count() == 2
    visit.page.get_by_role("button", name="clear").click()
    visit.select("answer", "no answer found")
    assert visit.count == "1 of 10 items: accuracy 0.0 %"
    assert visit.page.locator("#detail").inner_text().count("q9") == 1


def test_search_looks_at_questions_and_outputs(browser, pair, tmp_path):
    visit = Visit(browser, page_of(tmp_path / "report.html", pair[0]))
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("question 7")
    visit.page.locator("#count").get_by_text("1 of 10").wait_for()
    visit.page.locator("#search").fill("~")
    visit.page.locator(".row .id", has_text="q9").wait_for()
    assert visit.page.locator(".row").count() == 1
    visit.page.locator("#search").fill("nowhere to be found")
    visit.page.get_by_text("No item fits").wait_for()
    assert visit.page.locator(".row").count() == 0


def test_two_runs_show_disagreements_first_with_mcnemar(browser, pair, tmp_path):
    visit = Visit(browser, page_of(tmp_path / "report.html", *pair))
    # Only the first has q0, q1, q2; only the second q5 to q8: 3 against 4 of 7, twice the tail of a fair coin is 1.
    verdict = visit.page.locator(".verdict").inner_text()
    assert "Better in A only: 3; better in B only: 4. McNemar, exact: p = 1;" in verdict
    assert "+10.00 points" in verdict
    ids = visit.page.locator(".row .id").all_inner_texts()
    assert ids == ["q5", "q6", "q7", "q8", "q0", "q1", "q2", "q9", "q3", "q4"]
    visit.page.get_by_role("button", name=re.compile("^better in A only")).click()
    assert visit.count == "3 of 10 items: A 100.0 %, B 0.0 %"


def test_the_keyboard_is_enough(browser, pair, tmp_path):
    visit = Visit(browser, page_of(tmp_path / "report.html", pair[0]), viewport={"width": 400, "height": 700})
    visit.page.locator("#list").focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("k")
    assert visit.page.locator("#detail .id").inner_text() == "q3"  # wrong ones first: q5 to q9, then q0 to q4
    assert visit.page.url.endswith("#item=q3")
    visit.page.keyboard.press("Escape")
    assert visit.page.locator("#list").is_visible()
    assert visit.page.evaluate("document.activeElement.id") == "list"


def test_a_link_opens_its_item(browser, pair, tmp_path):
    page = page_of(tmp_path / "report.html", pair[0])
    visit = Visit(browser, page)
    visit.page.goto(page.as_uri() + "#item=q4")
    assert visit.page.locator("#detail .id").inner_text() == "q4"


def test_places_are_drawn_where_they_are(browser, tmp_path):
    folder = scored(tmp_path / "clicks", "screenspot_pro", click_rows(), {"c0": "[120, 60]", "c1": "[300, 150]"})
    page = page_of(tmp_path / "report.html", folder, pictures=draw_pictures(tmp_path / "shots"))
    visit = Visit(browser, page, viewport={"width": 1280, "height": 900})
    visit.page.locator(".overlay rect.mark.gold").wait_for()
    assert visit.page.locator("#detail .id").inner_text() == "c1"  # the wrong one comes first
    picture = visit.page.locator(".canvas img").bounding_box()
    box = visit.page.locator(".overlay rect.mark.gold").bounding_box()
    scale = picture["width"] / 400
    assert box["x"] + box["width"] / 2 - picture["x"] == pytest.approx(120 * scale, abs=2)
    assert box["y"] + box["height"] / 2 - picture["y"] == pytest.approx(60 * scale, abs=2)
    path = visit.page.locator(".overlay path.mark.after").get_attribute("d")
    assert path == "M750 375h0.01"  # 300 of 400 and 150 of 200, in a drawing 1000 wide
    visit.page.locator(".legend label", has_text="true").click()
    assert not visit.page.locator(".overlay rect.mark.gold").is_visible()
    assert visit.problems == []


def test_intervals_are_drawn_on_a_line(browser, tmp_path):
    rows = [{"id": "x", "duration": 20.0, "timestamps": [[4.0, 8.0]], "sentences": ["opens the door"]}]
    folder = scored(tmp_path / "video", "charades_sta", rows, {"1:0": "6 to 10 seconds"})
    visit = Visit(browser, page_of(tmp_path / "report.html", folder))
    bar = visit.page.locator(".bar").first.bounding_box()
    gold, predicted = (visit.page.locator(f".part.{who}").bounding_box() for who in ("gold", "after"))
    assert (gold["x"] - bar["x"]) / bar["width"] == pytest.approx(0.2, abs=0.01)
    assert gold["width"] / bar["width"] == pytest.approx(0.2, abs=0.01)
    assert (predicted["x"] - bar["x"]) / bar["width"] == pytest.approx(0.3, abs=0.01)


def test_hostile_texts_do_not_run(browser, tmp_path):
    rows = [
        row | {"question": text, "A": text, "category": text} for row, text in zip(choice_rows(8), HOSTILE, strict=True)
    ]
    texts = {f"q{i}": f"B {text}" for i, text in enumerate(HOSTILE)}
    folder = scored(tmp_path / "hostile", "mmstar", rows, texts)
    visit = Visit(browser, page_of(tmp_path / "report.html", folder))
    visit.page.locator("summary", has_text="Accuracy by group").click()
    visit.page.locator("#list").focus()
    for _ in HOSTILE:
        visit.page.keyboard.press("j")
    visit.page.mouse.move(300, 500)
    assert visit.page.evaluate("window.pwned") is None
    assert visit.problems == []
    shown = visit.page.locator("body").inner_text()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    visit.page.locator("#search").fill("pwned = 2")
    visit.page.locator("#detail pre", has_text="</script><script>window.pwned = 2</script>").wait_for()


@pytest.mark.slow
def test_ten_thousand_items(browser, tmp_path):
    rows = choice_rows(10_000)
    folder = scored(tmp_path / "many", "mmstar", rows, {row["id"]: "AB"[i % 5 == 0] for i, row in enumerate(rows)})
    visit = Visit(browser, page_of(tmp_path / "report.html", folder))
    assert visit.count == "10,000 of 10,000 items: accuracy 20.0 %"
    assert visit.page.locator(".row").count() < 60
    visit.select("group category", "second")
    assert visit.count == "5,000 of 10,000 items: accuracy 20.0 %"
    visit.page.locator("#list").focus()
    visit.page.keyboard.press("End")
    # The last right one of the odd numbers: divisible by five, at most 9,999.
    assert visit.page.locator("#detail .id").inner_text() == "q9995"
    assert visit.page.locator(".row[aria-selected=true] .id").inner_text() == "q9995"


def test_a_dataset_gallery(browser, scenes, tmp_path):
    out = write_dataset(scenes, tmp_path / "gallery.html")
    visit = Visit(browser, out, viewport={"width": 1280, "height": 900})
    assert visit.page.locator(".card:visible").count() == 9
    card = visit.page.locator(".card[data-task='scenes/ground']").first
    frame, box = (card.locator(name).bounding_box() for name in (".frame svg", "rect.mark.gold"))
    assert box["width"] > 10
    assert frame["x"] <= box["x"] <= frame["x"] + frame["width"]
    visit.page.get_by_role("button", name="scenes/yes_no").click()
    assert visit.page.locator(".card:visible").count() == 4
    visit.page.locator("summary", has_text="Questions by task").click()
    counts = visit.page.locator(".counts tbody tr", has_text="scenes/yes_no").locator("td").all_inner_texts()
    assert counts == ["4", "", "", "4"]
    assert visit.problems == []
