"""Stored stages, scoring without a model, and the comparison of two evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.decoding import Decoding, FailedPrediction
from eval.evaluate import evaluate, rescore
from eval.scores import prediction_row, row_prediction, score_predictions
from eval.statistics import mcnemar_exact, paired_gain_interval
from eval.storage import read_rows, write_rows
from eval.summary import render_scores, render_table, summarise
from mmrl.answers import write_completion
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import family_of, frame_rule
from mmrl.geometry import convert_boxes
from mmrl.types import Boxes, ParseStatus, Prediction, Sample, StopReason


def perfect(sample: Sample, frame: Any) -> Prediction:
    answer = convert_boxes(sample.answer, frame) if isinstance(sample.answer, Boxes) else sample.answer
    return Prediction(id=sample.id, prediction=write_completion(answer, style="direct"))


def test_scores_of_perfect_wrong_unreadable_and_failed_predictions(scenes: DatasetFolder, small_model: Any) -> None:
    """The model's frame differs from the picture's for most sizes here, so a score of 1 proves the conversion."""
    rule = frame_rule(family_of("qwen2_5_vl"), small_model[1])
    samples = scenes.samples
    frames = [rule(sample.media[0]) for sample in samples]
    assert any(
        (frame.width, frame.height) != (s.media[0].width, s.media[0].height)
        for s, frame in zip(samples, frames, strict=True)
    )
    predictions = [perfect(sample, frame) for sample, frame in zip(samples, frames, strict=True)]
    predictions[1] = Prediction(id="s1", prediction="<answer>no</answer>")
    predictions[2] = Prediction(id="s2", prediction="<answer>1", stop=StopReason.LENGTH)
    predictions[4] = FailedPrediction(id="s4", prediction="", stop=StopReason.FAILED, reason="disk on fire")
    scored = score_predictions(samples, predictions[::-1], "direct", rule)
    assert [item.score.id for item in scored] == [sample.id for sample in samples]
    assert [item.score.scores["accuracy"] for item in scored] == [1, 0, 0, 1, 0, 1, 1, 1, 1]
    assert scored[2].score.status is not ParseStatus.OK
    assert scored[4].parsed.detail == "disk on fire"
    assert scored[7].cluster == scored[8].cluster != scored[0].cluster


def test_predictions_must_match_samples(scenes: DatasetFolder, small_model: Any) -> None:
    rule = frame_rule(family_of("qwen2_5_vl"), small_model[1])
    given = [Prediction(id=sample.id, prediction="") for sample in scenes.samples]
    with pytest.raises(InputError, match=r"found no prediction for the id 's8' among 8 predictions for 9 samples"):
        score_predictions(scenes.samples, given[:-1], "direct", rule)
    with pytest.raises(InputError, match="found an unknown id 'zz'"):
        score_predictions(scenes.samples, [*given, Prediction(id="zz", prediction="")], "direct", rule)
    with pytest.raises(InputError, match="found a repeated id"):
        score_predictions(scenes.samples, [*given, given[0]], "direct", rule)


def test_prediction_rows_round_trip() -> None:
    plain = Prediction(id="a", prediction='x\u2028y\n"', stop=StopReason.LENGTH)
    failed = FailedPrediction(id="b", prediction="", stop=StopReason.FAILED, reason="why")
    for prediction in (plain, failed):
        assert row_prediction(json.loads(json.dumps(prediction_row("d", prediction)))) == prediction


def test_evaluation_stores_four_stages_and_scores_can_be_redone(
    small_model: tuple[Any, Any], scenes: DatasetFolder, tmp_path: Path
) -> None:
    model, processor = small_model
    out = tmp_path / "run" / "eval" / "before"
    told: list[tuple[int, int]] = []
    decoding = Decoding(batch_size=4, max_completion_length=4)
    path = evaluate(
        model,
        processor,
        {"first": scenes, "second": scenes},
        out,
        style="direct",
        decoding=decoding,
        progress=lambda done, total: told.append((done, total)),
    )
    assert path == out / "scores.jsonl"
    prompts, predictions, scores = (read_rows(out / f"{name}.jsonl") for name in ("prompts", "predictions", "scores"))
    keys = [(name, sample.id) for name in ("first", "second") for sample in scenes.samples]
    for rows in (prompts, predictions, scores):
        assert [(row["dataset"], row["id"]) for row in rows] == keys
    assert {"id", "task", "prediction", "parsed", "status", "scores"} <= scores[0].keys()
    assert scores[0]["scores"].keys() == {"accuracy"}
    assert scenes.samples[0].question in prompts[0]["messages"][0]["content"][-1]["text"]
    assert told[-1] == (18, 18)
    settings = json.loads((out / "evaluation.json").read_text())
    assert (out / settings["datasets"]["first"]["path"]).resolve() == scenes.root.resolve()
    assert not Path(settings["datasets"]["first"]["path"]).is_absolute()

    # The same answers written by a perfect model score 1 everywhere, from the files alone.
    rule = frame_rule(family_of("qwen2_5_vl"), processor)
    better = [
        prediction_row(name, perfect(sample, rule(sample.media[0])))
        for name in ("first", "second")
        for sample in scenes.samples
    ]
    write_rows(out / "predictions.jsonl", better)
    rescore(out, {"first": scenes.samples, "second": scenes.samples})
    assert [row["scores"]["accuracy"] for row in read_rows(out / "scores.jsonl")] == [1.0] * 18

    write_rows(out / "predictions.jsonl", better[:-1])
    with pytest.raises(
        InputError, match=r"every prompt must have a prediction; found 1 without, first \('second', 's8'\)"
    ):
        rescore(out, {"first": scenes.samples, "second": scenes.samples})
    with pytest.raises(InputError, match="a prediction must have a sample"):
        rescore(out, {"first": scenes.samples})


def test_a_second_evaluation_leaves_nothing_of_the_first(
    small_model: tuple[Any, Any], scenes: DatasetFolder, tmp_path: Path
) -> None:
    model, processor = small_model
    write_rows(tmp_path / "scores.jsonl", [{"id": "old"}])
    (tmp_path / "prompts.jsonl").mkdir()  # writing the prompts must fail
    with pytest.raises(InputError, match="writing needs a writable disk"):
        evaluate(model, processor, {"d": scenes}, tmp_path, style="direct", decoding=Decoding())
    assert not (tmp_path / "scores.jsonl").exists()
    with pytest.raises(InputError, match="at least one dataset"):
        evaluate(model, processor, {}, tmp_path, style="direct", decoding=Decoding())


# ---------------------------------------------------------------------------------------------------- summary


def row(
    item: str, task: str, accuracy: float, *, cluster: str | None = None, status: str = "ok", stop: str = "end"
) -> dict[str, Any]:
    return {
        "dataset": "d",
        "id": item,
        "task": task,
        "cluster": cluster or item,
        "status": status,
        "stop": stop,
        "scores": {"accuracy": accuracy},
    }


def write_pair(root: Path, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> tuple[Path, Path]:
    write_rows(root / "before" / "scores.jsonl", before)
    write_rows(root / "after" / "scores.jsonl", after)
    return root / "before", root / "after"


def test_summary_by_hand(tmp_path: Path) -> None:
    tasks = ["gui/ground"] * 4 + ["gui/name"] * 2 + ["transit/plan"] * 2
    clusters = ["p", "p", "q", "q", "r", "s", "t", "u"]
    first, second = [0, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1, 1, 0]
    before = [
        row(str(i), task, a, cluster=c) for i, (task, a, c) in enumerate(zip(tasks, first, clusters, strict=True))
    ]
    after = [
        row(str(i), task, a, cluster=c) for i, (task, a, c) in enumerate(zip(tasks, second, clusters, strict=True))
    ]
    before[0]["status"], before[0]["stop"], before[1]["status"] = "no_answer", "length", "bad_format"
    after[7]["status"], after[7]["stop"] = "empty", "failed"
    summary = summarise(*write_pair(tmp_path, before, after[::-1]))
    assert list(summary) == ["tasks", "subtasks"]
    assert list(summary["tasks"]) == ["gui", "transit"]
    assert list(summary["subtasks"]) == ["gui/ground", "gui/name", "transit/plan"]
    gui = summary["tasks"]["gui"]
    assert (gui["before"], gui["after"], gui["n"], gui["clusters"]) == (2 / 6, 4 / 6, 6, 4)
    gain = paired_gain_interval(first[:6], second[:6], clusters[:6])
    assert gui["gain_ci95"] == [gain.low, gain.high]
    assert gui["p_value"] == mcnemar_exact(1, 3) == 0.625
    assert (gui["parse_failures_before"], gui["parse_failures_after"], gui["truncated_before"]) == (2 / 6, 0, 1 / 6)
    assert summary["tasks"]["transit"]["failed_after"] == 1
    assert summary["subtasks"]["transit/plan"]["gain_ci95"][0] < 0 < summary["subtasks"]["transit/plan"]["gain_ci95"][1]
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_items_of_two_datasets_may_share_ids(tmp_path: Path) -> None:
    rows = [row("1", "a/x", 1.0), row("1", "a/x", 0.0) | {"dataset": "other"}]
    assert summarise(*write_pair(tmp_path, rows, rows))["tasks"]["a"]["n"] == 2
    with pytest.raises(InputError, match="an item must have one row; found two"):
        summarise(*write_pair(tmp_path, [rows[0], rows[0]], rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "1", "task": "a/x", "scores": {"accuracy": 1}}\n', r"must hold 'status'.*scores\.jsonl:1\.status"),
        ("\n[1]\n", r"must be a JSON object; found list; at .*scores\.jsonl:2"),
        ('{"id": NaN}\n', r"must be JSON; found NaN is not JSON; at .*scores\.jsonl:1"),
        ("", "must hold the same items; found 1 items in one only"),
    ],
)
def test_damaged_score_files_are_named(tmp_path: Path, content: str, message: str) -> None:
    before, after = write_pair(tmp_path, [row("1", "a/x", 1.0)], [])
    (after / "scores.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        summarise(before, after)
    (after / "scores.jsonl").unlink()
    with pytest.raises(InputError, match=r"found nothing; at .*run the evaluation first"):
        summarise(before, after)


def test_terminal_table(tmp_path: Path) -> None:
    before = [row(str(i), "a/[red]x" if i % 2 else "a/y", 0.0) for i in range(40)]
    after = [row(str(i), "a/[red]x" if i % 2 else "a/y", float(i < 30)) for i in range(40)]
    console = Console(width=110, record=True, color_system=None)
    console.print(render_table(summarise(*write_pair(tmp_path, before, after))))
    text = console.export_text()
    assert "75.0%" in text
    assert "+75.0" in text
    assert "[red]x" in text, "a task's name is text, not markup"


def test_terminal_table_of_one_evaluation(tmp_path: Path) -> None:
    rows = [row(str(i), "gui/ground" if i < 8 else "gui/name", float(i < 6), cluster=f"c{i // 2}") for i in range(10)]
    rows[9]["status"], rows[9]["stop"] = "empty", "failed"
    write_rows(tmp_path / "scores.jsonl", rows)
    console = Console(width=110, record=True, color_system=None)
    console.print(render_scores(tmp_path / "scores.jsonl"))
    lines = console.export_text().splitlines()
    (family,) = (line for line in lines if "gui" in line)
    # Five pictures, both items of each right or wrong together: Wilson at p = 0.6, n = 5.
    assert [cell.strip() for cell in family.split("│")[1:-1]] == [
        "gui",
        "10",
        "60.0%",
        "23.1% to 88.2%",
        "10.0%",
        "0.0%",
        "1",
    ]
    assert any("ground" in line and "75.0%" in line for line in lines)
    write_rows(tmp_path / "scores.jsonl", [])
    with pytest.raises(InputError, match="an evaluation must hold items; found none"):
        render_scores(tmp_path / "scores.jsonl")
