"""`mmrl score` from the command line."""

from __future__ import annotations

import json
import sys

import pytest
from refusals import assert_refused

ROW = {"question": "Which?", "A": "red", "B": "blue", "answer": "B", "category": "c"}


@pytest.fixture
def files(tmp_path):
    data, predictions = tmp_path / "data.jsonl", tmp_path / "predictions.jsonl"
    data.write_text("".join(json.dumps({"id": f"q{i}", **ROW}) + "\n" for i in range(4)))
    predictions.write_text("".join(json.dumps({"id": f"q{i}", "prediction": "AB"[i % 2]}) + "\n" for i in range(4)))
    return data, predictions, tmp_path / "out"


def _score(mmrl, files, *further):
    data, predictions, out = files
    return mmrl("score", "--benchmark", "mmstar", "--data", data, "--predictions", predictions, "--out", out, *further)


def test_scores_are_written_and_shown(mmrl, files):
    outcome = _score(mmrl, files)
    assert outcome.code == 0
    assert outcome.err == ""
    assert "50.0" in outcome.out
    assert "95 %" in outcome.out
    assert json.loads((files[2] / "summary.json").read_text())["accuracy"] == 0.5
    lines = (files[2] / "scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["scores"]["accuracy"] for line in lines] == [0, 1, 0, 1]


def test_a_second_run_replaces_the_first(mmrl, files):
    assert _score(mmrl, files).code == 0
    before = (files[2] / "scores.jsonl").read_bytes()
    assert _score(mmrl, files).code == 0
    assert (files[2] / "scores.jsonl").read_bytes() == before


def test_what_is_missing_or_unknown_is_one_line(mmrl, files):
    assert_refused(mmrl("score", "--benchmark", "mmstar"), "--data, --predictions, --out")
    assert_refused(
        mmrl("score", "--benchmark", "mmstarr", *["--data", "a", "--predictions", "b", "--out", "c"]), "mmstar?"
    )
    assert_refused(_score(mmrl, files, "--variant", "best"), "official, fixed, authors", "'best'")
    assert_refused(_score(mmrl, files, "--station", "x"), "'--station'", "mmstar")
    files[1].write_text('{"id": "q9", "prediction": "A"}\n')
    assert_refused(_score(mmrl, files), "ids of the data", "found 1", "q9")
    files[0].write_text('{"question": "x"}\n')
    assert_refused(_score(mmrl, files), "'answer'", "data.jsonl:1")
    assert not files[2].exists()


def test_options_of_a_benchmark(mmrl, tmp_path):
    for stem in "abcd":
        (tmp_path / "data").mkdir(exist_ok=True)
        row = {"question": "Which?", "options": ["red", "blue", "green"]}
        (tmp_path / "data" / f"{stem}.json").write_text(json.dumps(row))
    predictions = tmp_path / "p.jsonl"
    predictions.write_text("".join(json.dumps({"id": stem, "prediction": "red"}) + "\n" for stem in "abcd"))
    common = ("score", "--benchmark", "V*Bench", "--data", tmp_path / "data", "--predictions", predictions)
    outcome = mmrl(*common, "--out", tmp_path / "out", "--shuffle-seed", "3")
    assert outcome.code == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["options"] == {"shuffle_seed": 3}
    assert summary["accuracy"] == 1.0
    assert summary["files"]["data"]["files"] == 4
    assert_refused(mmrl(*common, "--out", tmp_path / "b", "--shuffle-seed", "many"), "--shuffle-seed", "integer")
    assert_refused(mmrl(*common, "--out", tmp_path / "b", "--shufle-seed=3"), "did you mean --shuffle-seed?")
    assert_refused(mmrl(*common, "--out", tmp_path / "b", "--shuffle-seed"), "must have a value")


def test_help_and_list_show_benchmarks_with_their_options(mmrl):
    help_text = mmrl("score", "--benchmark", "vstar", "--help").out
    assert "Examples" in help_text
    assert "--shuffle-seed" in help_text
    details = mmrl("score", "--list", "vstar", "seedbench2_plus", "mmstar").out
    for word in ("seedbench2_plus", "b18854d7075574be06b631cd5f7d2d6a", "CC-BY-NC-4.0", "official, fixed, authors"):
        assert word in details
    assert_refused(mmrl("score", "--list", "vstarr"), "vstarr", "vstar?")


def test_the_list_is_a_line_each(mmrl):
    from eval.benchmarks import BENCHMARKS

    listing = mmrl("score", "--list").out
    assert mmrl("eval", "--list").out == listing
    lines = [line.split() for line in listing.splitlines()]
    assert [line[0] for line in lines if line and line[0] in BENCHMARKS] == list(BENCHMARKS)
    assert len(lines) <= len(BENCHMARKS) + 3
    assert max(map(len, listing.splitlines()), default=0) <= 100
    row = next(line for line in lines if line[:1] == ["mmstar"])
    assert row == ["mmstar", "1,500", "huggingface.co/datasets/Lin-Chen/MMStar"]


def _many_groups(tmp_path):
    data, predictions = tmp_path / "many.jsonl", tmp_path / "many-predictions.jsonl"
    rows = [{"id": f"q{i}", **ROW, "category": f"kind {i:02d}"} for i in range(40)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    predictions.write_text("".join(json.dumps({"id": f"q{i}", "prediction": "B"}) + "\n" for i in range(40)))
    return data, predictions, tmp_path / "out"


def test_many_groups_are_folded_unless_all_are_wanted(mmrl, tmp_path):
    files = _many_groups(tmp_path)
    folded, whole = _score(mmrl, files).out, _score(mmrl, files, "--all-groups").out
    assert folded.count("kind ") == 8
    assert "32 more: --all-groups" in folded
    assert whole.count("kind ") == 40


def test_a_rule_that_would_read_the_predictions_is_named(mmrl, files):
    texts = "".join(json.dumps({"id": f"q{i}", "prediction": "<answer>B</answer>"}) + "\n" for i in range(4))
    files[1].write_text(texts)
    outcome = _score(mmrl, files, "--variant", "official")
    assert outcome.code == 0
    assert "hint: variant official reads 0% of the predictions" in outcome.out
    assert "hint: --variant fixed reads 100% of them" in outcome.out
    assert "hint" not in _score(mmrl, files, "--variant", "fixed").out


def test_where_no_rule_reads_the_predictions_that_is_said(mmrl, files):
    files[1].write_text("".join(json.dumps({"id": f"q{i}", "prediction": "~"}) + "\n" for i in range(4)))
    outcome = _score(mmrl, files)
    assert "no variant (fixed, authors) reads them" in outcome.out
    assert "'~'" in outcome.out


def test_hostile_names_do_not_reach_the_terminal(mmrl, files):
    escape = "\x1b]0;title\x07[bold]x[/]"
    files[0].write_text(json.dumps({"id": "q0", **ROW, "category": escape}) + "\n")
    files[1].write_text(json.dumps({"id": "q0", "prediction": escape}) + "\n")
    outcome = _score(mmrl, files)
    assert outcome.code == 0
    assert "\x1b]" not in outcome.out
    assert "\x07" not in outcome.out
    assert "[bold]x" in outcome.out


def test_importing_the_table_is_light():
    import subprocess

    code = "import sys, eval.benchmarks; print(sorted(m for m in sys.modules if m.startswith('eval.benchmarks')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['eval.benchmarks']"
