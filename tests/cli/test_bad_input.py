"""Bad input gets one clear line and exit code 2, and leaves nothing half-written behind."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib

import pytest
from refusals import assert_refused, config_file

from mmrl.config import config_text, load_config
from mmrl.errors import InputError
from mmrl.runs import RunFolder


def edit_rows(folder, change):
    path = folder / "metadata.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


# ------------------------------------------------------------------------------------------------ building


def test_missing_feed(mmrl, tmp_path):
    outcome = mmrl("build", "transit", "--source", tmp_path / "absent.zip", "--out", tmp_path / "out")
    assert_refused(outcome, "an existing GTFS feed; found no file", "absent.zip")
    assert list(tmp_path.iterdir()) == []


def test_not_a_feed(mmrl, tmp_path):
    (tmp_path / "feed.zip").write_bytes(b"not a zip")
    outcome = mmrl("build", "transit", "--source", tmp_path / "feed.zip", "--out", tmp_path / "out")
    assert_refused(outcome, "must be a readable zip file; found File is not a zip file", "feed.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["feed.zip"]


BUS_FEED = {
    "routes": "route_id,route_short_name,route_type\nr1,10,3\n",
    "trips": "route_id,service_id,trip_id\nr1,s,t1\n",
    "stops": "stop_id,stop_name,stop_lat,stop_lon\na,A,1.0,2.0\nb,B,1.1,2.1\n",
    "stop_times": "trip_id,stop_id,stop_sequence\nt1,a,1\nt1,b,2\n",
}
NO_TRIPS = {
    "routes": "route_id,route_short_name,route_type\nr1,U1,1\n",
    "trips": "route_id,service_id,trip_id\n",
    "stop_times": "trip_id,stop_id,stop_sequence\n",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "must have a route of rail or metro or tram; found none among 1 routes"),
        (NO_TRIPS, "must have a route with trips over two stations; found none among 1 routes"),
    ],
    ids=["buses only", "metro without trips"],
)
def test_feed_without_usable_lines(mmrl, tmp_path, changes, words):
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as feed:
        for name, text in {**BUS_FEED, **changes}.items():
            feed.writestr(f"{name}.txt", text)
    outcome = mmrl("build", "transit", "--source", tmp_path / "feed.zip", "--out", tmp_path / "out")
    assert_refused(outcome, words, "feed.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["feed.zip"]


def test_unknown_builder_option_names_the_nearest(mmrl, tmp_path):
    outcome = mmrl("build", "scenes", "--out", tmp_path / "out", "max_shape=3")
    assert_refused(outcome, "ScenesConfig.max_shape: must be a known option; did you mean 'max_shapes'?")


def test_a_folder_that_is_there_already_is_replaced_with_the_flag_that_is_named(mmrl, tmp_path):
    command = ("build", "scenes", "--out", tmp_path / "out", "--count", 4, "--width", 112, "--height", 112)
    assert mmrl(*command).code == 0
    assert_refused(mmrl(*command), "must be new; found it there already", "replace it with --overwrite")
    assert mmrl(*command, "--overwrite").code == 0


@pytest.mark.parametrize("value", ["true", "3.0", "'3'"])
def test_a_builder_takes_whole_numbers_only(mmrl, tmp_path, value):
    outcome = mmrl("build", "scenes", "--out", tmp_path / "out", f"count={value}")
    assert_refused(outcome, "ScenesConfig.count: must be a valid integer; found")
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_not_replaced(mmrl, dataset):
    before = (dataset / "metadata.jsonl").read_bytes()
    assert_refused(mmrl("build", "scenes", "--out", dataset, "--count", 8), str(dataset))
    assert (dataset / "metadata.jsonl").read_bytes() == before


# ------------------------------------------------------------------------------------------------ checking


def test_sound_dataset_passes(mmrl, dataset):
    outcome = mmrl("check", dataset)
    assert outcome.code == 0
    assert "every gold answer earns full accuracy" in outcome.out


def test_row_without_answer(mmrl, dataset):
    edit_rows(dataset, lambda rows: [{**rows[0], "answer_json": None}, *rows[1:]])
    outcome = mmrl("check", dataset)
    assert outcome.code == 2
    assert "metadata.jsonl:1.answer_json: a row must have an answer; found None" in outcome.out


def test_duplicate_ids(mmrl, dataset, tmp_path):
    edit_rows(dataset, lambda rows: [*rows, rows[0]])
    assert_refused(
        mmrl("train", config_file(tmp_path, dataset)), "ids must be unique", "again in line 13", "metadata.jsonl:13.id"
    )
    assert mmrl("check", dataset).code == 2


def test_corrupt_picture(mmrl, dataset):
    picture = next((dataset / "media").iterdir())
    picture.write_bytes(picture.read_bytes()[:60])
    outcome = mmrl("check", dataset)
    assert outcome.code == 2
    assert picture.name in outcome.out


def test_picture_of_300_megapixels(mmrl, dataset):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 15_000, 8, 2, 0, 0, 0)
    picture = next((dataset / "media").iterdir())
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    outcome = mmrl("check", dataset)
    assert outcome.code == 2
    assert "must have 1 to 100,000,000 pixels; found 20000 x 15000" in outcome.out
    assert picture.name in outcome.out


def test_check_of_a_missing_folder(mmrl, tmp_path):
    assert_refused(mmrl("check", tmp_path / "absent"), "a dataset must be a folder; found nothing", "absent")


# ------------------------------------------------------------------------------------------------ training


def test_unknown_config_key_names_path_and_nearest(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset, training={"learnig_rate": 1e-4})
    assert_refused(mmrl("train", path), "training.learnig_rate", "learning_rate")
    assert not (tmp_path / "run").exists()


def test_impossible_batch_arithmetic(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset, training={"num_generations": 8, "per_device_train_batch_size": 12})
    assert_refused(mmrl("train", path), "num_generations", "12")
    assert not (tmp_path / "run").exists()


def test_rubric_without_term_for_a_task(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset, rubric={"terms": [{"name": "format", "weight": 1.0}]})
    assert_refused(mmrl("train", path), "scenes/")
    assert not (tmp_path / "run").exists()


def test_missing_config(mmrl, tmp_path):
    assert_refused(mmrl("train", tmp_path / "absent.yaml"), "absent.yaml")


def test_missing_model_folder(mmrl, dataset, tmp_path):
    (tmp_path / "model").mkdir()
    path = config_file(tmp_path, dataset, model_name_or_path=str(tmp_path / "model"))
    assert_refused(mmrl("train", path), "config.json")


def test_output_of_another_run_is_kept(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert_refused(mmrl("train", path), "output_dir must be new, or hold a run; found a folder without config.yaml")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_a_run_of_another_config_is_refused_with_what_differs(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset)
    config = load_config(path)
    run = RunFolder.create(tmp_path / "run", config_text(config))
    assert_refused(mmrl("train", path, "seed=5"), "found a run of another config (seed: 0 there, 5 now); at ")
    changes = ["seed=5", "max_pixels=9", "training.beta=0.1", "stages.0.steps=2", "stages.0.tasks=[a/b]"]
    changes += ["prompt_style=think", "stages.0.training.bf16=true", "training.learning_rate=1e-5"]
    named = (
        '(seed: 0 there, 5 now; max_pixels: null there, 9 now; prompt_style: "direct" there, "think" now; '
        "training.beta: 0.0 there, 0.1 now; stages.0.steps: 1 there, 2 now; and 2 more); at "
    )
    assert_refused(mmrl("train", path, *changes), named)
    run.config_path.write_text("seed: {")
    assert_refused(mmrl("train", path), "found a run of another config; at ")
    run.config_path.write_text(config_text(config).replace("seed: 0\n", ""))
    assert_refused(mmrl("train", path), "(seed: nothing there, 0 now)")


@pytest.mark.parametrize("use", ["nofile.py:f", "mine.py:nothing"])
@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_a_missing_reward_plug_in_of_any_stage_comes_before_everything(mmrl, tmp_path, use, flags):
    (tmp_path / "mine.py").write_text("def f(sample, rollout):\n    return 0.0\n")
    terms = [{"name": "accuracy"}, {"name": "mine", "use": use}]
    first = {"name": "one", "mix": {"train": 1}, "steps": 1}
    stages = [first, {**first, "name": "two", "rubric": {"terms": terms}}]
    path = config_file(tmp_path, tmp_path / "absent", stages=stages)  # data are looked at after the plug-ins
    assert_refused(mmrl("train", path, *flags), use.partition(":")[0], "plug-in")
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_is_not_installed(mmrl, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("mmrl.cli.pipeline.find_spec", lambda _: None)
    path = config_file(tmp_path, dataset, report_to="trackio")
    assert_refused(mmrl("train", path), "'trackio', which is not", "pip install trackio")
    assert not (tmp_path / "run").exists()


def test_a_start_that_fails_leaves_nothing_in_the_way_of_the_corrected_config(mmrl, dataset, tmp_path):
    path = config_file(tmp_path, dataset, rubric={"terms": [{"name": "format"}]})
    (tmp_path / "run").mkdir()
    assert_refused(mmrl("train", path), "rubric")
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("manifest", ["{", "[]", "{}"])
def test_damaged_manifest_inside_a_run(mmrl, tmp_path, manifest):
    path = config_file(tmp_path, tmp_path, datasets={"train": {"build": "scenes", "options": {"count": 8}}})
    run = RunFolder.create(tmp_path / "run", config_text(load_config(path)))
    run.write_text("data/train/manifest.json", manifest)
    assert_refused(mmrl("train", path), "data/train/manifest.json")


def test_data_of_another_builder_version_are_neither_used_nor_replaced(dataset, tmp_path):
    from rich.console import Console

    from mmrl.cli.pipeline import load_datasets

    options = {"count": 12, "width": 112, "height": 112}
    stages = [{"name": "one", "mix": {"scenes": 1}, "steps": 1}]
    datasets = {"scenes": {"build": "scenes", "options": options}}
    config = load_config(config_file(tmp_path, "", datasets=datasets, stages=stages))
    manifest = dataset / "manifest.json"
    built = manifest.stat().st_ino
    load_datasets(config, tmp_path, Console(quiet=True))
    assert manifest.stat().st_ino == built
    for key, value in {"version": "0", "builder": "gui"}.items():
        changed = json.dumps(json.loads(manifest.read_text()) | {key: value})
        manifest.write_text(changed)
        with pytest.raises(InputError, match="must come from the builders that are installed"):
            load_datasets(config, tmp_path, Console(quiet=True))
        assert manifest.read_text() == changed


def test_a_report_of_a_folder_that_is_no_run_is_refused(mmrl, tmp_path):
    (tmp_path / "notes.txt").write_text("{}")
    outcome = mmrl("report", tmp_path)
    assert outcome.code == 2
    assert "a report is of a run, of scores, or of a dataset folder; found none of what these hold" in outcome.err
    assert not (tmp_path / "report.html").exists()
