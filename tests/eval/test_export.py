"""Scored items for other tools, and their result files as predictions."""

from __future__ import annotations

import csv
import json

import pytest
from result_folders import choice_rows, lines, scored

from eval.export import export_results, plain_rows
from eval.predictions import read_predictions
from eval.report.results_load import load_results
from eval.score_file import ScoreRequest, score_file
from mmrl.errors import InputError
from mmrl.types import StopReason

TEXTS = {"1": "B", "2": '=SUM(A1)\t"quoted"\nsecond line', "3": "", "4": "Ünï\x07code </script>"}


@pytest.fixture
def results(tmp_path):
    rows = [row | {"id": str(i)} for i, row in enumerate(choice_rows(5), start=1)]
    return load_results(scored(tmp_path / "scores", "mmstar", rows, TEXTS))


def rescored(results, predictions):
    from eval.benchmarks import benchmark

    request = ScoreRequest(
        benchmark=benchmark("mmstar"), data=results.path.parent / "scores-data.jsonl", predictions=predictions
    )
    return score_file(request, results.path.parent / "again")


def test_csv_holds_an_item_a_row(results, tmp_path):
    path = export_results(results, "csv", tmp_path / "items.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["output"] for row in rows] == [*TEXTS.values(), ""]
    assert [row["score.accuracy"] for row in rows] == ["1.0", "0.0", "0.0", "0.0", "0.0"]
    assert rows[0]["gold"] == "B. blue"
    assert rows[0]["group.category"] == "first"
    assert [row["status"] for row in rows][2:] == ["empty", "no_answer", "missing"]


@pytest.mark.parametrize("suffix", [".tsv", ".xlsx"])
def test_vlmevalkit_files_go_there_and_back(results, tmp_path, suffix):
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra: tables)")
    path = export_results(results, "vlmevalkit", tmp_path / f"Model_MMStar{suffix}")
    given = read_predictions(path, {"1", "2", "3", "4", "5"})
    wanted = (
        TEXTS
        | {"5": ""}
        | ({"4": TEXTS["4"].replace("\x07", "\N{REPLACEMENT CHARACTER}")} if suffix == ".xlsx" else {})
    )
    assert {item: prediction.text for item, prediction in given.items()} == wanted
    assert rescored(results, path)["accuracy"] == 0.2


def test_vlmevalkit_tables_have_its_columns(results, tmp_path):
    path = export_results(results, "vlmevalkit", tmp_path / "x.tsv")
    with path.open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    assert row["index"] == "1"
    assert (row["A"], row["B"], row["answer"], row["prediction"]) == ("red", "blue", "B", "B")


def test_pandas_reads_a_workbook_without_formulas(results, tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra: tables)")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_excel(export_results(results, "vlmevalkit", tmp_path / "x.xlsx"))
    assert list(table["index"]) == [1, 2, 3, 4, 5]
    assert table["prediction"][1] == TEXTS["2"]


def test_a_long_output_needs_another_format_than_xlsx(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra: tables)")
    results = load_results(scored(tmp_path / "s", "mmstar", choice_rows(1), {"q0": "B" * 40_000}))
    with pytest.raises(InputError, match=r"at most 32,767 characters; found 40,000.*'q0', prediction; write .tsv"):
        export_results(results, "vlmevalkit", tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()


def test_lmms_eval_logs_go_there_and_back(results, tmp_path):
    path = export_results(results, "lmms-eval", tmp_path / "samples.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 4, "an item without any prediction was not asked"
    assert {"doc_id", "input", "target", "resps", "filtered_resps", "doc_hash", "accuracy"} <= rows[0].keys()
    assert rows[0]["resps"] == [["B"]]
    assert rescored(results, path)["accuracy"] == 0.2


def test_a_failed_request_of_others_is_a_failure_here(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("index\tprediction\n7\tFailed to obtain answer via API. retry\n8\t\n", encoding="utf-8")
    given = read_predictions(path, {"7", "8"})
    assert given["7"].stop is StopReason.FAILED
    assert given["8"].stop is StopReason.END
    assert given["8"].text == ""


def test_sample_logs_name_items_by_number_or_by_their_row(tmp_path):
    path = lines(
        tmp_path / "s.jsonl", [{"doc_id": 0, "resps": [["x"]]}, {"doc_id": 1, "doc": {"index": 5.0}, "resps": ["y"]}]
    )
    assert {item: one.text for item, one in read_predictions(path, {"0", "5"}).items()} == {"0": "x", "5": "y"}


def test_tables_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "a.tsv").write_text("index\tanswer\n1\tB\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("index,prediction\n", encoding="utf-8")
    (tmp_path / "c.xlsx").write_bytes(b"no workbook")
    lines(tmp_path / "d.jsonl", [{"doc_id": 0, "resps": [["x"], ["y"]]}])
    wanted = {
        "a.tsv": "columns prediction and index.*found index, answer",
        "b.csv": "at least one row",
        "d.jsonl": r"one reply; found 2; at .*d.jsonl:1.resps",
    }
    for name, words in wanted.items():
        with pytest.raises(InputError, match=words):
            read_predictions(tmp_path / name, {"0", "1"})
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra: tables)")
    with pytest.raises(InputError, match=r"an \.xlsx file must be one"):
        read_predictions(tmp_path / "c.xlsx", {"0"})


def test_wrong_targets_and_names_are_refused(mmrl, results, tmp_path):
    for options, words in (
        (("--to", "excel", "--out", tmp_path / "x"), "csv, wandb, vlmevalkit, lmms-eval; found 'excel'"),
        (("--to", "csv", "--out", tmp_path / "x.txt"), "must end in .csv"),
        (("--to", "lmms-eval", "--out", tmp_path / "x.json"), "must end in .jsonl"),
    ):
        outcome = mmrl("export", results.path, *options)
        assert outcome.code == 2
        assert words in outcome.err
    assert mmrl("export", tmp_path, "--to", "csv", "--out", tmp_path / "x.csv").code == 2
    assert mmrl("export", results.path, "--to", "csv", "--out", tmp_path / "x.csv").code == 0


@pytest.mark.slow
def test_wandb_keeps_a_table_offline(results, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    export_results(results, "wandb", tmp_path / "wb")
    wandb.teardown()  # its settings would stay for other tests of this process
    (stored,) = (tmp_path / "wb").rglob("*.table.json")
    table = json.loads(stored.read_text(encoding="utf-8"))
    rows = plain_rows(results)
    assert table["columns"] == list(rows[0])
    assert table["data"] == [list(row.values()) for row in rows]
    assert list((tmp_path / "wb").rglob("run-*.wandb"))
