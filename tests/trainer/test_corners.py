"""Where options meet: adapters on frozen parts, text among pictures, what exceptions leave, what users return."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from datasets import Dataset

from mmrl.engine import decode
from mmrl.errors import InputError
from mmrl.trainer.conversation import conversation_of
from tests import zoo
from tests.trainer import exact

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return zoo.write("qwen2_5_vl", tmp_path_factory.mktemp("zoo") / "model")


def text_and_picture() -> Dataset:
    """Return one row of text and one with a picture."""
    return Dataset.from_list(
        [
            {"prompt": [{"role": "user", "content": "Is it red?"}], "images": []},
            {"prompt": [{"role": "user", "content": "Is it very red?"}], "images": zoo.images(1)},
        ]
    )


def test_frozen_adapters_stay_frozen_past_a_reference_pass(folder):
    run = exact.train("ours", folder, exact.rows("image"), lora=True, beta=0.04, freeze_vision_tower=True, steps=2)
    trained = [{name for name in step if "visual.blocks" in name} for step in run.gradients]
    assert trained == [set(), set()]


def test_a_reference_without_adapters_sees_without_them(folder):
    """Adapters that are not zero at first change what the frozen tower makes of a picture."""
    frozen = {"freeze_vision_tower": True, "freeze_projector": True}
    ours = exact.train("ours", folder, exact.rows("image"), lora=True, beta=0.04, **frozen)
    theirs = exact.train("trl", folder, exact.rows("image"), lora=True, beta=0.04)
    kl = [next(log["kl"] for log in run.logs if "loss" in log) for run in (ours, theirs)]
    assert kl[0] == pytest.approx(kl[1], rel=1e-4)


@pytest.mark.parametrize("dead_place", [0, 1])
def test_dead_groups_that_alone_show_pictures_leave_zero_gradients(folder, dead_place):
    def one_dead(completion_ids: list[list[int]], **_: Any) -> list[float]:
        values = exact.reward(completion_ids)
        values[dead_place * exact.GROUP : (dead_place + 1) * exact.GROUP] = [1.0] * exact.GROUP
        return values

    runs = [
        exact.train("ours", folder, text_and_picture(), rewards=one_dead, dead_groups=how) for how in ("skip", "keep")
    ]
    assert runs[0].gradients[0].keys() == runs[1].gradients[0].keys()
    assert exact.worst(*runs) < 1e-5


def test_text_alone_with_only_the_vision_tower_trained(folder):
    run = exact.train("ours", folder, exact.rows("text"), freeze_language_model=True, freeze_projector=True)
    assert all(value.abs().max() == 0 for value in run.gradients[0].values())


def test_rollouts_may_be_tensors(folder):
    def tensors(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        output = exact.rollout(prompts, trainer)
        return {name: values and [torch.tensor(ids) for ids in values] for name, values in output.items()}

    options = {"mask_truncated_completions": True}
    lists = exact.train("ours", folder, exact.rows("image"), **options)
    given = exact.train("ours", folder, exact.rows("image"), rollout_func=tensors, **options)
    assert exact.worst(given, lists) == 0


def test_beams_are_searched_as_trl_does(folder):
    options = {"sampled": True, **exact.sampling(folder)}
    options["generation_kwargs"] = {**options["generation_kwargs"], "num_beams": 2, "do_sample": False}
    runs = [exact.train(kind, folder, exact.rows("image"), **options) for kind in ("ours", "trl")]
    assert runs[0].token_ids == runs[1].token_ids


def test_logits_that_are_no_numbers_are_not_sampled():
    scores = torch.zeros(2, 5)
    scores[1, 3] = torch.nan
    with pytest.raises(InputError, match="logits must be finite"):
        decode._draw(scores, sampled=True)


def test_an_exception_in_evaluation_leaves_the_model_as_it_was(folder, monkeypatch):
    run = exact.train("ours", folder, exact.rows("image"), per_device_eval_batch_size=exact.GROUP)
    trainer = run.trainer

    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("mmrl.trainer.micro.policy_loss", broken)
    with pytest.raises(RuntimeError, match="broken"):
        trainer.evaluate(exact.rows("image", 1))
    text = trainer.model.config.get_text_config()
    assert text._attn_implementation == "sdpa"
    trainer.model(input_ids=torch.tensor([[30, 31]]))


def test_notes_of_completions_that_are_sampled_again_replace_the_old_ones(folder):
    calls = []

    def noting(completion_ids: list[list[int]], log_extra: Any = None, **_: Any) -> list[float]:
        calls.append(len(completion_ids))
        log_extra("round", [len(calls)] * len(completion_ids))
        varied = [float(row % 3) for row in range(len(completion_ids))]
        return varied if len(calls) > 1 else [1.0] * exact.GROUP + varied[exact.GROUP :]

    options = {"sampled": True, "max_completion_length": 4, "dead_groups": "resample"}
    run = exact.train("ours", folder, exact.rows("image"), rewards=noting, **options)
    assert list(run.trainer._logs["extra"]["round"]) == [2] * exact.GROUP + [1] * exact.GROUP


@pytest.mark.parametrize("column", ["images", "videos"])
def test_one_path_in_a_column_of_several_is_refused(column):
    row = {"prompt": [{"role": "user", "content": "Is it red?"}], column: "x.mp4", "id": "a7"}
    with pytest.raises(InputError, match=rf"column {column} must hold a list; found the text 'x.mp4'; sample a7"):
        conversation_of(row, 0, structured=False)
