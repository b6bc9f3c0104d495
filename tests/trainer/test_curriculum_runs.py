"""Stages that follow the learner, replay, filter and look at held-out data, cut off anywhere: the same rows follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmrl.files import parse_json
from mmrl.runs import RunFolder
from mmrl.trainer import grpo, stage_model
from mmrl.trainer.decisions import TRACKER
from mmrl.trainer.stage_data import ROW_KEY
from mmrl.trainer.tracking import RowTracking
from tests.trainer.case import train_case, write_case
from tests.trainer.test_stages import Interrupted, assert_same_weights, interrupted_at, log_of, without_times

ADAPTIVE = [
    "datasets.held={path: held}",
    "stages.0.order=follow",
    "stages.1={name: count, mix: {counts: 1.0}, steps: 6, order: follow, replay: 0.25, filter: {difficulty: [easy]}}",
    "stages.1.stop={term: evenness, plateau: 3, min_gain: 0.0001, held_out: {dataset: held, every: 2, patience: 1}}",
]
"""Both stages choose their rows; the rules look, and none can fire on so little."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> tuple[Path, dict[int, list[str]]]:
    """A case that was trained without interruption, with the rows of every generation batch."""
    folder = tmp_path_factory.mktemp("whole")
    write_case(folder, tiny_folder)
    with pytest.MonkeyPatch.context() as patch:
        rows = watched(patch)
        train_case(folder, ADAPTIVE)
    return folder, rows


def watched(patch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """Return a dictionary that fills with the rows of each batch as it is trained; one made again must be the same."""
    seen: dict[int, list[str]] = {}
    original = RowTracking.observe

    def observe(self: RowTracking, inputs: Sequence[Any], rewards_NK: Any) -> None:
        rows = [one[ROW_KEY] for one in inputs]
        assert seen.setdefault(self.tracker.batch, rows) == rows
        original(self, inputs, rewards_NK)

    patch.setattr(RowTracking, "observe", observe)
    return seen


def decisions(folder: Path) -> list[dict[str, Any]]:
    left_out = ("resume", "stage_start")
    return without_times([one for one in log_of(folder) if one.get("event") not in left_out])


def assert_goes_on(whole: tuple[Path, dict[int, list[str]]], broken: Path, cut: Callable[[], None]) -> None:
    """Cut a run off, go on, and compare rows, decisions, weights and what the tracker has learnt."""
    with pytest.MonkeyPatch.context() as patch:
        rows = watched(patch)
        cut()
        train_case(broken, ADAPTIVE)
    assert rows == whole[1]
    assert decisions(broken) == decisions(whole[0])
    assert_same_weights(whole[0], broken)
    states = [parse_json(tracker_of(folder).read_bytes()) for folder in (whole[0], broken)]
    assert states[0] == states[1]


def tracker_of(folder: Path) -> Path:
    return folder / "run/stages/1-count/final/mechanisms.json"


def test_a_run_that_adapts_tells_what_it_decides(whole: tuple[Path, dict[int, list[str]]]) -> None:
    folder, rows = whole
    events = [one for one in log_of(folder) if "event" in one]
    kinds = [one["event"] for one in events if one["stage"] == "count"]
    assert kinds[:3] == ["stage_start", "mix", "replay"]
    replay = next(one for one in events if one["event"] == "replay")
    assert (replay["share"], replay["prompts"]) == (pytest.approx(6 / 24), 6)
    assert [one["step"] for one in events if one["event"] == "held_out"] == [2, 4, 6]
    shares = [sum(cell["share"] for cell in one["cells"].values()) for one in events if one["event"] == "weights"]
    assert len(shares) == 11
    assert shares == pytest.approx([1.0] * 11, abs=0.001)
    assert sorted(rows) == list(range(11))
    later = [key.partition("/")[0] for batch in range(5, 11) for key in rows[batch][::4]]
    assert (later.count("counts"), later.count("colours")) == (18, 6)
    state = parse_json(tracker_of(folder).read_bytes())[TRACKER]
    assert state["batch"] == 11
    assert {key.partition("/")[0] for key in state["rows"]} == {"colours", "counts"}, "what earlier stages saw goes on"


@pytest.mark.parametrize("call", [7, 19])
def test_a_run_that_was_cut_off_goes_on_with_the_same_rows(
    whole: tuple[Path, dict[int, list[str]]], tmp_path: Path, tiny_folder: Path, call: int
) -> None:
    write_case(tmp_path, tiny_folder)
    assert_goes_on(whole, tmp_path, lambda: interrupted_at(call, tmp_path, ADAPTIVE))


@pytest.mark.slow
@pytest.mark.parametrize("call", [call for call in range(2, 23) if call not in (7, 19)])
def test_wherever_it_was_cut_off(
    whole: tuple[Path, dict[int, list[str]]], tmp_path: Path, tiny_folder: Path, call: int
) -> None:
    write_case(tmp_path, tiny_folder)
    assert_goes_on(whole, tmp_path, lambda: interrupted_at(call, tmp_path, ADAPTIVE))


@pytest.mark.parametrize(
    ("module", "call"),
    [
        (stage_model, 1),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in ((grpo, 1), (grpo, 3), (stage_model, 2))),
    ],
)
def test_a_run_that_was_cut_off_while_it_saved_goes_on_with_the_same_rows(
    whole: tuple[Path, dict[int, list[str]]], tmp_path: Path, tiny_folder: Path, module: Any, call: int
) -> None:
    """``grpo`` saves checkpoints, ``stage_model`` what a finished stage leaves."""
    write_case(tmp_path, tiny_folder)

    def cut() -> None:
        original, calls = module.save_states, []

        def counted(*args: Any) -> None:
            calls.append(args)
            if len(calls) == call:
                raise Interrupted
            original(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "save_states", counted)
            with pytest.raises(Interrupted):
                train_case(tmp_path, ADAPTIVE)

    assert_goes_on(whole, tmp_path, cut)


def test_looking_at_held_out_data_changes_nothing(
    whole: tuple[Path, dict[int, list[str]]], tmp_path: Path, tiny_folder: Path
) -> None:
    """Without looks the same rows are drawn and the same weights come out."""
    write_case(tmp_path, tiny_folder)
    with pytest.MonkeyPatch.context() as patch:
        rows = watched(patch)
        train_case(tmp_path, [*ADAPTIVE[:3], "stages.1.stop=null"])
    assert rows == whole[1]
    assert_same_weights(whole[0], tmp_path)
    assert len(RunFolder(tmp_path / "run").read_log()) < len(log_of(whole[0]))
