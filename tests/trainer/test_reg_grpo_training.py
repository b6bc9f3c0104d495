"""Reg-GRPO in the trainer: the first step on fresh completions, the inner epochs after it, both readings of a ratio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmrl.trainer.batch import MicroBatch
from tests.trainer.test_grpo import GROUP, make_trainer


def gradients(trainer: Any) -> torch.Tensor:
    """Return the gradient of the first micro-step on fresh completions, before it is clipped."""
    torch.manual_seed(7)
    trainer.model.train()
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = 1  # as the training loop sets it
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    assert isinstance(batch, MicroBatch)
    trainer._compute_loss(trainer.model, batch).backward()
    trainer.passes.release()
    found = [one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None]
    return torch.cat(found)


@pytest.mark.parametrize(("floor", "size"), [(0.1, 0.1), (0.02, 0.02), (None, 1e-4)])
def test_the_first_step_goes_where_grpos_goes(
    tiny_folder: Path, tmp_path: Path, floor: float | None, size: float
) -> None:
    """At rho = 0 the gradient is 2 / s times GRPO's, s the floor, or without one the eps: bounded against explosive.

    On mean log-ratios both average each completion over its tokens; GRPO's advantages are divided by the unbiased
    deviation (and 1e-4), Reg-GRPO's by the population's.
    """
    common: dict[str, Any] = {"gradient_accumulation_steps": 1, "max_steps": 1}
    plain = gradients(make_trainer(tiny_folder, tmp_path / "a", loss_type="grpo", **common))
    regressed = gradients(
        make_trainer(
            tiny_folder, tmp_path / "b", loss_type="reg_grpo", reg_sigma_floor=floor, reg_mean_log_ratio=True, **common
        )
    )
    assert plain.norm() > 0
    cosine = torch.nn.functional.cosine_similarity(plain, regressed, dim=0)
    assert cosine.item() == pytest.approx(1.0, abs=1e-4)
    unbiased = (GROUP / (GROUP - 1)) ** 0.5
    assert (regressed.norm() / plain.norm()).item() == pytest.approx(2 / size * unbiased, rel=2e-3)


@pytest.mark.parametrize("mean", [False, True])
def test_inner_epochs_regress_on_what_the_first_one_moved(tiny_folder: Path, tmp_path: Path, mean: bool) -> None:
    trainer = make_trainer(
        tiny_folder,
        tmp_path,
        loss_type="reg_grpo",
        reg_mean_log_ratio=mean,
        num_iterations=3,
        gradient_accumulation_steps=1,
        max_steps=6,
        beta=0.1,
    )
    trainer.train()
    steps = [one for one in trainer.state.log_history if "loss" in one]
    spreads = [one["reg_grpo/log_ratio_std"] for one in steps]
    assert len(steps) == 6
    assert spreads[0] == pytest.approx(0, abs=1e-5), "the first pass over fresh completions is on-policy"
    assert spreads[3] == pytest.approx(0, abs=1e-5)
    for after in (1, 2, 4, 5):
        assert spreads[after] > 1e-4
        assert steps[after]["reg_grpo/correlation"] > 0, "log-ratios have begun to follow the advantages"
    assert all(one["kl"] >= -1e-6 for one in steps)
    assert all(torch.isfinite(one).all() for one in trainer.model.parameters())
