"""The report in a real browser: no error, no request, working filters, and nothing hostile ever runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report import write_report
from mmrl.machine import find_browser

pytestmark = pytest.mark.browser
PATIENCE_MS = 120_000
"""A busy machine is no failure."""


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
    """A page opened from the disk, with everything that it complained about or asked for."""

    def __init__(self, browser: Any, report: Path, **context: Any) -> None:
        self.page = browser.new_context(**context).new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: self.problems.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(report.as_uri())

    def outside_requests(self) -> list[str]:
        return [url for url in self.requests if not url.startswith("data:") and not url.endswith("/report.html")]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (420, "light")], ids=["light", "dark", "narrow"]
)
def test_report_opens_cleanly(browser: Any, run_folder: Path, tmp_path: Path, width: int, scheme: str) -> None:
    visit = Visit(browser, write_report(run_folder), viewport={"width": width, "height": 900}, color_scheme=scheme)
    headings = visit.page.locator("h1, h2").all_inner_texts()
    assert headings == ["demo", "Held-out accuracy", "Training", "Held-out items", "Plan"]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing may stick out sideways"
    shot = tmp_path / "report.png"
    visit.page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000
    assert visit.problems == []
    assert visit.outside_requests() == []


def test_pictures_and_boxes_are_drawn(browser: Any, run_folder: Path) -> None:
    page = Visit(browser, write_report(run_folder)).page
    card = page.locator(".card[data-task='gui/ground']").first
    frame = card.locator(".frame svg").bounding_box()
    box = card.locator("rect.mark.gold").first.bounding_box()
    assert frame["width"] > 150
    assert box["width"] > 20
    assert frame["x"] <= box["x"] + 4
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 4
    colours = page.evaluate(
        "['gold', 'before', 'after'].map(who => getComputedStyle(document.querySelector('rect.mark.' + who)).stroke)"
    )
    assert len(set(colours)) == 3


def test_filters(browser: Any, run_folder: Path) -> None:
    page = Visit(browser, write_report(run_folder)).page
    every = page.locator(".card:visible").count()
    assert 50 <= every <= 60
    page.get_by_role("button", name="worse").click()
    page.get_by_role("button", name="gui/ground").click()
    shown = page.locator(".card:visible")
    expected = page.locator(".card[data-outcome='worse'][data-task='gui/ground']").count()
    assert shown.count() == expected > 0
    assert page.get_by_role("button", name="worse").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="all outcomes").click()
    page.get_by_role("button", name="all tasks").click()
    assert page.locator(".card:visible").count() == every


def test_pointing_at_a_curve_shows_its_value(browser: Any, run_folder: Path) -> None:
    page = Visit(browser, write_report(run_folder)).page
    area = page.locator(".tall .area")
    assert not page.locator(".tall .tip").is_visible()
    area.hover(position={"x": 40, "y": 60})
    assert page.locator(".tall .tip").inner_text().startswith("step ")


def test_hostile_text_never_runs(browser: Any, hostile_run: Path) -> None:
    visit = Visit(browser, write_report(hostile_run))
    visit.page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    for name in ("improved", "worse", "both wrong", "<script>"):
        visit.page.get_by_role("button", name=name).first.click()
    visit.page.mouse.move(300, 300)
    assert visit.page.evaluate("window.pwned") is None
    assert visit.problems == []
    assert visit.outside_requests() == []
    assert visit.page.get_by_text("<script>window.pwned = 1</script>").count() > 0


def test_the_page_refuses_scripts_that_are_not_its_own(browser: Any, run_folder: Path, tmp_path: Path) -> None:
    """The second line of defence: even if text came through unescaped, the content policy stops it."""
    broken = tmp_path / "report.html"
    html = write_report(run_folder).read_text(encoding="utf-8")
    broken.write_text(html.replace("<main>", "<main><script>window.pwned = 1</script>", 1), encoding="utf-8")
    visit = Visit(browser, broken)
    assert visit.page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in problem for problem in visit.problems)
