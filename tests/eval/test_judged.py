"""A judge beside the rules: what it adds, how far it agrees, what it cannot be talked into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.judged import agreement
from mmrl.judges.attacks import attacks
from mmrl.judges.controls import ATTACKS
from tests.judges.server import gullible, judge_server, sensible

GOLD = ("Harbour Street", "Mill Lane", "a red bicycle", "42", "the old town hall")
CONTROLS = set(ATTACKS)
"""Sent on purpose, to see what the model alone would let pass."""
SAID = ("Harbour Street", "The answer is: mill lane", "Red bicycle", "41", "Solution:")


def files(folder: Path, said: Any = SAID) -> tuple[Path, Path]:
    rows = [{"questionId": n, "question": f"What is it, {n}?", "answers": [GOLD[n % 5]]} for n in range(len(said))]
    data, predictions = folder / "data.json", folder / "predictions.jsonl"
    data.write_text(json.dumps({"data": rows}))
    lines = [json.dumps({"id": str(n), "prediction": text}) for n, text in enumerate(said)]
    predictions.write_text("\n".join(lines) + "\n")
    return data, predictions


def command(data: Path, predictions: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("score", "--benchmark", "docvqa", "--data", data, "--predictions", predictions, "--out", out, *more)


def test_kappa_by_hand() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    found = agreement(pairs)
    assert (found["n"], found["rate"]) == (50, pytest.approx(0.7))
    assert found["kappa"] == pytest.approx(0.4), "chance: 0.5 * 0.6 + 0.5 * 0.4"
    assert (found["both"], found["rules_only"], found["judge_only"], found["neither"]) == (20, 5, 10, 15)
    assert agreement([(True, True)] * 3)["kappa"] is None
    assert agreement([])["rate"] is None


def test_scores_hold_rules_judge_and_agreement(mmrl: Any, tmp_path: Path) -> None:
    data, predictions = files(tmp_path)
    plain = mmrl(*command(data, predictions, tmp_path / "plain"))
    assert plain.code == 0, plain.err
    with judge_server(sensible) as server:
        more = ("--judge", server.url, "--judge-model", "m", "--judge-cache", tmp_path / "verdicts")
        outcome = mmrl(*command(data, predictions, tmp_path / "out", *more))
        assert outcome.code == 0, outcome.err
        asked = len(server.pairs)
        again = mmrl(*command(data, predictions, tmp_path / "again", *more))
        assert again.code == 0, again.err
        assert len(server.pairs) == asked, "every verdict is kept"
    before, summary = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("plain", "out"))
    assert summary["accuracy"] == before["accuracy"], "the rules' own figure stays"
    rows = [json.loads(line) for line in (tmp_path / "out/judgements.jsonl").read_text().splitlines()]
    assert [row["rule"] for row in rows] == [True, False, False, False, False]
    assert [row["yes"] for row in rows] == pytest.approx([0.9, 0.9, 0.9, 0.1, 0.0])
    assert rows[4]["reason"] == "refused: no content"
    told = summary["judge"]["agreement"]
    assert (told["n"], told["both"], told["judge_only"], told["neither"]) == (5, 1, 2, 2)
    assert told["rate"] == pytest.approx(0.6)
    assert told["kappa"] == pytest.approx((0.6 - 0.44) / 0.56), "chance: 0.2 * 0.6 + 0.8 * 0.4"
    assert summary["metrics"]["accuracy_or_judge"]["mean"] >= 0.6
    assert "agreement with the rules 60.0 %, kappa 0.286, n 5" in outcome.out
    assert summary["files"]["judgements"]["sha256"]


def test_a_gullible_judge_gives_nothing_to_any_attack(mmrl: Any, tmp_path: Path) -> None:
    said = [text for _, text in attacks()]
    data, predictions = files(tmp_path, said)
    with judge_server(gullible) as server:
        more = ("--judge", server.url, "--judge-model", "m")
        outcome = mmrl(*command(data, predictions, tmp_path / "out", *more))
        assert outcome.code == 0, outcome.err
        assert not {pair[1] for pair in server.pairs} & {text for text in said if text.strip()} - CONTROLS
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["metrics"]["judge"]["mean"] == 0.0
    assert summary["judge"]["controls"]["attacks_passed_unguarded"] == summary["judge"]["controls"]["attacks"]
    assert any("accepts 0 of 4 right" in warning for warning in summary["warnings"])


def test_a_judge_that_is_down_leaves_the_rules_alone(mmrl: Any, tmp_path: Path) -> None:
    data, predictions = files(tmp_path)
    with judge_server(lambda *_: 400) as server:
        more = ("--judge", server.url, "--judge-model", "m")
        outcome = mmrl(*command(data, predictions, tmp_path / "out", *more))
    assert outcome.code == 0, outcome.err
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["judge"]["opinions"]["failed"] == 4
    assert summary["metrics"]["accuracy_or_judge"]["mean"] == summary["accuracy"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--judge", "http://127.0.0.1:9/v1"), "--judge must stand beside --judge-model"),
        (("--judge-model", "m"), "must stand beside --judge"),
        (("--judge", "127.0.0.1:9", "--judge-model", "m"), "a judge's server must be like"),
    ],
)
def test_half_a_judge_is_refused(mmrl: Any, tmp_path: Path, more: tuple[str, ...], reason: str) -> None:
    outcome = mmrl(*command(*files(tmp_path), tmp_path / "out", *more))
    assert (outcome.code, reason in outcome.err) == (2, True), outcome.err
    assert not (tmp_path / "out").exists()
