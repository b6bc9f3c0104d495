"""What the curriculum decided, in the report: a table with numbers, marks on the reward curve, curves of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.report import write_report
from eval.report.training import curves, decision_rows
from mmrl.runs import RunFolder
from mmrl.trainer.run_log import StageLog


def decided(folder: Path) -> RunFolder:
    """Write the log of a run of two stages, each ended by a rule."""
    run = RunFolder(folder)
    cells = {"maps/plan <b>hard</b>": {"rows": 3, "rate": 0.25, "share": 0.125}}
    for index, (stage, steps) in enumerate((("judge", 4), ("plan", 6))):
        log = StageLog(run=run, stage=stage, stage_index=index, steps_before=4 * index)
        log.event("stage_start", 0)
        log.event("filter", 0, dataset="maps", rows=20, kept=12, other_levels=3, too_hard=5)
        log.event("mix", 0, sources={"maps": {"rows": 12, "prompts": 32}})
        for step in range(1, steps + 1):
            log.step(step, {"reward": step / 10, "loss": 0.0}, [])
            if index:
                log.event("weights", step, cells=cells)
                log.event("held_out", step, dataset="look", accuracy=step / 8, items=16)
        if index == 0:
            rule = {"mean": 0.7, "lower_bound": 0.62, "at_least": 0.6, "steps": 20}
            log.event("early_stop", steps, rule="reward", **rule)
    numbers = {"accuracy": 0.75, "lower_bound": 0.5, "at_least": 0.5, "items": 16}
    log.event("early_stop", 6, rule="held_out", **numbers)
    return run


def split(run: RunFolder) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    records = run.read_log()
    return [one for one in records if "event" not in one], [one for one in records if "event" in one]


def test_each_decision_is_a_row_with_its_numbers(tmp_path: Path) -> None:
    rows = decision_rows(split(decided(tmp_path))[1])
    assert [(row.stage, row.step, row.what) for row in rows] == [
        ("judge", "0", "filter"),
        ("judge", "0", "mix"),
        ("judge", "4", "promotion"),
        ("plan", "4", "filter"),
        ("plan", "4", "mix"),
        ("plan", "10", "promotion"),
    ]
    assert rows[0].text == "maps: 12 of 20 rows kept; left out 3 of other levels, 5 too hard"
    assert rows[2].text == "the mean of 20 steps was 0.7, surely 0.62 or more; asked for 0.6"
    assert rows[5].text == "75.0% of 16 held-out items, surely 50.0% or more; asked for 50.0%"


def test_ends_are_marked_on_the_reward_curve_and_shares_are_drawn(tmp_path: Path) -> None:
    drawn = curves(*split(decided(tmp_path)))
    assert drawn.reward is not None
    assert [span.name for span in drawn.reward.spans] == ["judge · ended by reward", "plan · ended by held out"]
    # Step 4 of 1 to 10 stands at a third of the axis, step 10 at its end.
    assert drawn.reward.raw.endswith("M333.3 0V1000M1000.0 0V1000")
    assert [(chart.title, chart.last) for chart in drawn.held_out] == [("look", "75 %")]
    assert [(chart.title, chart.last) for chart in drawn.sampling] == [("maps/plan <b>hard</b>", "12.5 %")]


def test_a_log_without_decisions_or_with_damaged_ones_is_shown_all_the_same(tmp_path: Path) -> None:
    steps, events = split(decided(tmp_path))
    plain = curves(steps)
    assert plain.reward is not None
    assert (plain.decisions, plain.held_out, plain.sampling) == ((), (), ())
    assert not plain.reward.raw.endswith("V1000")
    damaged = [{**one, "rule": "of another version"} for one in events if one["event"] == "early_stop"]
    assert [row.what for row in decision_rows(damaged)] == ["early_stop", "early_stop"]


def test_the_page_holds_the_table_and_escapes_names(tmp_path: Path) -> None:
    page = write_report(decided(tmp_path).path).read_text(encoding="utf-8")
    assert "What the curriculum decided" in page
    assert "surely 0.62 or more" in page
    assert "maps/plan &lt;b&gt;hard&lt;/b&gt;" in page
    assert "<b>hard</b>" not in page
