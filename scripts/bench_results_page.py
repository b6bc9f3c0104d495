"""Print how long the page of scored items takes to write, to open and to filter, in a real Chromium.

    python scripts/bench_results_page.py --items 10000

Writes made-up choice items with long outputs into a temporary folder, scores them, and prints milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from eval.benchmarks import benchmark
from eval.report.results import write_results
from eval.report.results_load import load_results
from eval.score_file import ScoreRequest, score_file
from mmrl.machine import find_browser

SELECT = """name => new Promise(done => {
  const select = [...document.querySelectorAll('#selects select')].find(one => one.dataset.name === 'group category');
  const start = performance.now();
  select.value = name;
  select.dispatchEvent(new Event('change'));
  requestAnimationFrame(() => done(performance.now() - start));
})"""
SEARCH = """text => new Promise(done => {
  const box = document.getElementById('search'), count = document.getElementById('count');
  const start = performance.now();
  new MutationObserver(() => done(performance.now() - start)).observe(count, {childList: true});
  box.value = text;
  box.dispatchEvent(new Event('input'));
})"""


def make_page(folder: Path, items: int, characters: int) -> tuple[Path, float]:
    """Write, score and render made-up items; returns the page and the milliseconds of reading and rendering."""
    rows, texts = folder / "data.jsonl", folder / "predictions.jsonl"
    shared = {"A": "red", "B": "blue", "answer": "B"}
    with rows.open("w", encoding="utf-8") as data, texts.open("w", encoding="utf-8") as predictions:
        for number in range(items):
            row = {"id": f"q{number}", "question": f"Question {number}: which?", "category": f"kind {number % 20}"}
            data.write(json.dumps(row | shared) + "\n")
            thought = f"step {number} " * (characters // 10)
            text = f"<think>{thought}</think><answer>{'AB'[number % 3 == 0]}</answer>"
            predictions.write(json.dumps({"id": f"q{number}", "prediction": text}) + "\n")
    request = ScoreRequest(benchmark=benchmark("mmstar"), data=rows, predictions=texts, variant="fixed")
    score_file(request, folder / "scores")
    start = time.perf_counter()
    page = write_results([load_results(folder / "scores")], folder / "scores" / "report.html")
    return page, 1000 * (time.perf_counter() - start)


def visit(page: Path) -> dict[str, float]:
    """Open the page and use it; returns milliseconds by what was done."""
    from playwright.sync_api import sync_playwright

    executable = find_browser()
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        tab: Any = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        tab.goto(page.as_uri())
        tab.locator(".row").first.wait_for()
        taken = {"first view": 1000 * (time.perf_counter() - start)}
        taken["filter by group"] = tab.evaluate(SELECT, "kind 3")
        taken["filter taken back"] = tab.evaluate(SELECT, "")
        taken["first search (120 ms of waiting included)"] = tab.evaluate(SEARCH, "step 77")
        taken["second search (120 ms of waiting included)"] = tab.evaluate(SEARCH, "step 123")
        browser.close()
    return taken


def main() -> None:
    """Read options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=1500, help="of an output")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page, milliseconds = make_page(Path(folder), options.items, options.characters)
        print(f"{options.items:,} items, outputs of {options.characters:,} characters")
        print(f"page written: {milliseconds:8.0f} ms, {page.stat().st_size / 1e6:.1f} MB")
        for name, taken in visit(page).items():
            print(f"{name}: {taken:8.0f} ms")


if __name__ == "__main__":
    main()
