"""Alarms of a run's log in its page."""

from __future__ import annotations

from eval.report.alarms import MEANINGS, alarm_rows
from mmrl.rewards.monitors import held_out_divergence

EVENT = {
    "event": "alarm",
    "stage": "plan",
    "stage_index": 0,
    "step": 40,
    "global_step": 140,
    "time": 1.0,
    "sign": "box_area",
    "before": 0.1,
    "now": 0.425,
    "message": "box_area went from 0.1 to 0.425",
}


def test_alarms_are_rows_with_numbers_and_steps() -> None:
    (row,) = alarm_rows([{"event": "stage_start", "stage": "plan"}, EVENT])
    assert (row.stage, row.step, row.sign, row.before, row.now) == ("plan", "140", "box area", "0.1", "0.425")
    assert row.meaning == MEANINGS["box_area"]
    assert alarm_rows([]) == []


def test_a_log_without_numbers_still_makes_a_row() -> None:
    (row,) = alarm_rows([{"event": "alarm", "sign": "new", "before": None, "now": "x"}])
    assert (row.before, row.now, row.meaning) == ("", "", "")


def test_held_out_accuracy_is_held_against_the_reward() -> None:
    rising = [0.1] * 5 + [0.5] * 5
    alarm = held_out_divergence(rising, 0.60, 0.50)
    assert alarm is not None
    assert (alarm.name, alarm.before, alarm.now) == ("held_out", 0.60, 0.50)
    assert "reward rose from 0.100 to 0.500" in alarm.message
    assert held_out_divergence(rising, 0.60, 0.59) is None, "within what is let pass"
    assert held_out_divergence(rising[::-1], 0.60, 0.50) is None, "the reward fell too"
    assert held_out_divergence([0.5], 0.6, 0.1) is None
