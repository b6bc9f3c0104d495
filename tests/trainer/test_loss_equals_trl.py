"""Our loss against the one that TRL's trainer computes, value, gradient and metrics, on the same log-probabilities."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import trl
from datasets import Dataset
from torch import Tensor

from mmrl.families import load_model, load_processor
from mmrl.trainer.loss_terms import entropy_bonus, entropy_threshold, high_entropy_mask, next_entropy_coefficient
from mmrl.trainer.losses import (
    LossInputs,
    LossOutput,
    LossScale,
    LossSpec,
    clip_extremes,
    loss_metrics,
    masked_total,
    policy_loss,
)

LOSS_TYPES = ["grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo"]
ROWS, TOKENS = 6, 7
LENGTHS = [7, 3, 5, 1, 6, 4]
MICRO_BATCHES, STEPS_PER_GENERATION = 3, 6


@pytest.fixture(scope="module")
def theirs(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> trl.GRPOTrainer:
    """TRL's own trainer on text, ready to compute losses."""
    args = trl.GRPOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")),
        per_device_train_batch_size=ROWS,
        num_generations=3,
        max_completion_length=9,
        use_cpu=True,
        bf16=False,
        report_to="none",
    )
    return trl.GRPOTrainer(
        load_model(str(tiny_folder)),
        lambda completions, **_: [0.0] * len(completions),
        args,
        train_dataset=Dataset.from_list([{"prompt": "red or blue?"}] * 4),
        processing_class=load_processor(str(tiny_folder)).tokenizer,
    )


@dataclass
class Case:
    """Tensors of a micro-batch in float64, each drawn from the seed, and what else TRL's loss reads."""

    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    old: bool = True
    sampling: bool = False
    sampler_ratio: str | None = None
    tools: bool = True
    training: bool = True
    advantage_tokens: bool = False
    quantile: float = 1.0
    entropy_coef: float = 0.0

    def __post_init__(self) -> None:
        draw = torch.Generator().manual_seed(self.seed)

        def normal(*shape: int, scale: float = 1.0) -> Tensor:
            return scale * torch.randn(*shape, generator=draw, dtype=torch.float64)

        self.logps = -normal(ROWS, TOKENS).abs() - 0.1
        self.old_logps = self.logps + normal(ROWS, TOKENS, scale=0.3)
        self.ref_logps = self.logps + normal(ROWS, TOKENS, scale=0.4)
        self.sampling_logps = self.old_logps + normal(ROWS, TOKENS, scale=0.1)
        self.sampling_logps[0, 1] = math.nan
        self.advantages = normal(ROWS, TOKENS) if self.advantage_tokens else normal(ROWS)
        self.entropies = normal(ROWS, TOKENS).abs()
        self.completion_mask = (torch.arange(TOKENS) < torch.tensor(LENGTHS).unsqueeze(1)).int()
        self.tool_mask = torch.ones_like(self.completion_mask)
        self.tool_mask[0, 2:4] = 0
        self.tool_mask[4, 0] = 0
        if self.tools:
            self.tool_mask[3] = 0  # a row in which nothing counts
        shape = {"token": (ROWS, TOKENS), "sequence": (ROWS, 1), None: (1, 1)}[self.sampler_ratio]
        self.ratio = normal(*shape, scale=0.4).exp()
        if self.sampler_ratio == "token":
            self.ratio = torch.where(self.mask.bool(), self.ratio, 1.0)
            self.ratio[0, 0] = 0.0  # rejected by a mask mode

    @property
    def mask(self) -> Tensor:
        return self.completion_mask * self.tool_mask if self.tools else self.completion_mask


@contextmanager
def set_up(trainer: Any, case: Case, logps: Tensor, entropies: Tensor) -> Iterator[trl.GRPOConfig]:
    """Give TRL's trainer the options of a case, as its constructor does, and the tensors in place of a model's."""
    args = copy.copy(trainer.args)
    changes = {"steps_per_generation": STEPS_PER_GENERATION, **case.options}
    for name, value in changes.items():
        assert hasattr(args, name), name
        setattr(args, name, value)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("loss_type", "beta", "importance_sampling_level", "off_policy_mask_threshold"):
            patch.setattr(trainer, name, getattr(args, name))
        patch.setattr(trainer, "args", args)
        patch.setattr(trainer, "epsilon_low", args.epsilon)
        patch.setattr(trainer, "epsilon_high", args.epsilon if args.epsilon_high is None else args.epsilon_high)
        patch.setattr(trainer, "use_vllm", case.sampler_ratio is not None)
        patch.setattr(trainer, "vllm_importance_sampling_correction", True)
        patch.setattr(trainer, "top_entropy_quantile", case.quantile)
        patch.setattr(trainer, "_entropy_bonus_enabled", case.entropy_coef != 0)
        patch.setattr(trainer, "entropy_coef", case.entropy_coef)
        patch.setattr(trainer, "current_gradient_accumulation_steps", MICRO_BATCHES, raising=False)
        patch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (logps, entropies, None))
        trainer.model.train(case.training)
        trainer._metrics = {"train": _Lists(), "eval": _Lists()}
        yield args


class _Lists(dict):  # type: ignore[type-arg]
    def __missing__(self, key: str) -> list[float]:
        return self.setdefault(key, [])


def trl_result(trainer: Any, case: Case) -> tuple[Tensor, Tensor, Tensor | None, dict[str, list[float]], Any]:
    """Return TRL's loss, its gradients by log-probs and entropies, its metrics, and the arguments used."""
    logps, entropies = case.logps.clone().requires_grad_(), case.entropies.clone().requires_grad_()
    ids = torch.zeros(ROWS, TOKENS, dtype=torch.long)
    inputs = {
        "prompt_ids": ids[:, :2],
        "prompt_mask": torch.ones(ROWS, 2, dtype=torch.int),
        "completion_ids": ids,
        "completion_mask": case.completion_mask,
        "advantages": case.advantages,
        "num_items_in_batch": torch.tensor(50),
        "ref_per_token_logps": case.ref_logps,
    }
    if case.old:
        inputs["old_per_token_logps"] = case.old_logps
    if case.sampling:
        inputs["sampling_per_token_logps"] = case.sampling_logps
    if case.sampler_ratio:
        inputs["importance_sampling_ratio"] = case.ratio
    if case.tools:
        inputs["tool_mask"] = case.tool_mask
    with set_up(trainer, case, logps, entropies) as args:
        loss = trainer._compute_loss(trainer.model, inputs)
        loss.backward()
        return (
            loss.detach(),
            logps.grad,
            entropies.grad,
            dict(trainer._metrics["train" if case.training else "eval"]),
            args,
        )


def our_inputs(case: Case, logps: Tensor, entropies: Tensor) -> LossInputs:
    entropy_mask = None
    if case.quantile < 1:
        threshold = entropy_threshold(entropies[case.mask.bool()], 1 - case.quantile)
        entropy_mask = high_entropy_mask(entropies, case.mask, threshold)
    return LossInputs(
        logps_NT=logps,
        mask_NT=case.mask,
        advantages=case.advantages,
        old_logps_NT=case.old_logps if case.old else None,
        ref_logps_NT=case.ref_logps,
        sampling_logps_NT=case.sampling_logps if case.sampling else None,
        importance_sampling_ratio=case.ratio if case.sampler_ratio else None,
        entropy_mask_NT=entropy_mask,
    )


def our_scale(case: Case) -> LossScale:
    micro_batches = MICRO_BATCHES if case.training else 1
    num_items = LossScale.window(
        torch.tensor(50),
        processes=1,
        micro_batches=micro_batches,
        steps_per_generation=STEPS_PER_GENERATION,
        training=case.training,
    )
    return LossScale(micro_batches=micro_batches, num_items=num_items)


def our_result(args: Any, case: Case) -> tuple[Tensor, Tensor, Tensor | None, LossOutput, LossInputs]:
    logps, entropies = case.logps.clone().requires_grad_(), case.entropies.clone().requires_grad_()
    inputs, scale = our_inputs(case, logps, entropies.detach()), our_scale(case)
    output = policy_loss(inputs, LossSpec.from_args(args), scale)
    loss = output.loss
    if case.entropy_coef:
        mask = case.mask if inputs.entropy_mask_NT is None else case.mask * inputs.entropy_mask_NT
        loss = loss - case.entropy_coef * entropy_bonus(entropies, mask, scale.micro_batches)
    loss.backward()
    return loss.detach(), logps.grad, entropies.grad, output, inputs


def assert_close(ours: Tensor, theirs: Tensor, *, relative: float = 1e-6) -> None:
    """Compare relative to the largest entry, so that entries near zero are held to the scale of the whole."""
    assert theirs.isfinite().all()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=relative * float(theirs.abs().max()) + 1e-15)


def assert_equal_results(trainer: Any, case: Case) -> None:
    loss, by_logps, by_entropies, metrics, args = trl_result(trainer, case)
    our_loss, our_by_logps, our_by_entropies, output, inputs = our_result(args, case)
    assert by_logps.abs().max() > 1e-4
    assert_close(our_loss, loss)
    assert_close(our_by_logps, by_logps)
    if case.entropy_coef:
        assert_close(our_by_entropies, by_entropies)
        assert metrics["policy_loss"] == pytest.approx([output.policy_loss.item()])
    assert_equal_metrics(metrics, output, inputs, case)


def assert_equal_metrics(metrics: dict[str, list[float]], output: LossOutput, inputs: LossInputs, case: Case) -> None:
    ours = {name: (total / count).item() for name, (total, count) in loss_metrics(output, inputs).items()}
    entropy, tokens = masked_total(case.entropies, case.mask)
    ours["entropy"] = (entropy / tokens).item()
    for name, row_N in clip_extremes(output, inputs).items():
        known = row_N[~row_N.isnan()]
        ours[name] = (known.min() if name.endswith("_min") else known.max()).item()
    extra = {"policy_loss", "entropy_coef"}
    assert ours == {name: pytest.approx(values[0], rel=1e-5) for name, values in metrics.items() if name not in extra}


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("beta", [0.0, 0.04])
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_every_loss_type_with_and_without_kl(theirs: trl.GRPOTrainer, loss_type: str, beta: float, level: str) -> None:
    options = {"loss_type": loss_type, "beta": beta, "importance_sampling_level": level}
    for old, training, corrected in itertools.product([True, False], repeat=3):
        changed = {**options, "use_bias_correction_kl": corrected}
        assert_equal_results(theirs, Case(options=changed, old=old, training=training))


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo", "dapo", "luspo"])
def test_two_sided_clipping(theirs: trl.GRPOTrainer, loss_type: str, level: str) -> None:
    options = {"loss_type": loss_type, "importance_sampling_level": level, "beta": 0.04}
    for delta, high in itertools.product([1.05, 1.5], [None, 0.05, 0.28]):
        assert_equal_results(theirs, Case(seed=1, options={**options, "delta": delta, "epsilon_high": high}))


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_off_policy_rows_are_dropped(theirs: trl.GRPOTrainer, loss_type: str) -> None:
    for threshold, sampling, tools in itertools.product([-0.05, 0.0, 0.1], [True, False], [True, False]):
        options = {"loss_type": loss_type, "beta": 0.04, "off_policy_mask_threshold": threshold}
        assert_equal_results(theirs, Case(seed=2, options=options, sampling=sampling, tools=tools))


@pytest.mark.parametrize(
    ("loss_type", "ratio"),
    [pair for pair in itertools.product(LOSS_TYPES, ["token", "sequence"]) if pair != ("vespo", "sequence")],
)
def test_the_samplers_ratio_corrects_the_policy_term(theirs: trl.GRPOTrainer, loss_type: str, ratio: str) -> None:
    for level in ("token", "sequence"):
        options = {"loss_type": loss_type, "beta": 0.04, "importance_sampling_level": level}
        assert_equal_results(theirs, Case(seed=3, options=options, sampler_ratio=ratio, sampling=True))


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_high_entropy_tokens_and_the_entropy_bonus(theirs: trl.GRPOTrainer, loss_type: str) -> None:
    for quantile, training in itertools.product([1.0, 0.4, 0.0], [True, False]):
        options = {"loss_type": loss_type, "beta": 0.04}
        case = Case(seed=4, options=options, quantile=quantile, training=training, entropy_coef=0.02)
        assert_equal_results(theirs, case)


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_an_advantage_for_each_token(theirs: trl.GRPOTrainer, loss_type: str) -> None:
    assert_equal_results(theirs, Case(seed=5, options={"loss_type": loss_type, "beta": 0.04}, advantage_tokens=True))


@pytest.mark.parametrize(
    "options",
    [
        {"loss_type": "cispo", "epsilon_high": 1.1},
        {"loss_type": "sapo", "sapo_temperature_pos": 0.7, "sapo_temperature_neg": 1.6},
        {
            "loss_type": "vespo",
            "vespo_k_pos": 1.2,
            "vespo_lambda_pos": 0.5,
            "vespo_k_neg": 0.7,
            "vespo_lambda_neg": 4.0,
        },
        {"loss_type": "grpo", "epsilon": 0.05, "epsilon_high": 0.5},
        {"loss_type": "grpo", "delta": 1.05},
    ],
)
def test_each_parameter_reaches_its_place(theirs: trl.GRPOTrainer, options: dict[str, Any]) -> None:
    plain = LossSpec(loss_type=options["loss_type"])
    case = Case(seed=6, options=options)
    assert_equal_results(theirs, case)
    output = policy_loss(our_inputs(case, case.logps, case.entropies), plain, our_scale(case))
    assert abs(output.loss - trl_result(theirs, case)[0]) > 1e-4


def test_the_window_divides_by_its_share_of_the_generation_batch_on_each_process(theirs: trl.GRPOTrainer) -> None:
    case = Case(options={"loss_type": "dapo"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "accelerator", _Processes(theirs.accelerator, count=2))
        loss, *_, args = trl_result(theirs, case)
    options = {"processes": 2, "micro_batches": MICRO_BATCHES, "steps_per_generation": STEPS_PER_GENERATION}
    scale = LossScale(num_items=LossScale.window(torch.tensor(50), **options, training=True))
    ours = policy_loss(our_inputs(case, case.logps, case.entropies), LossSpec.from_args(args), scale)
    assert_close(ours.loss, loss)


class _Processes(SimpleNamespace):
    """An accelerator that claims more processes than there are; its reductions stay those of one."""

    def __init__(self, accelerator: Any, count: int) -> None:
        super().__init__(num_processes=count, reduce=accelerator.reduce, gather=accelerator.gather)


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_single_precision_stays_within_its_rounding(theirs: trl.GRPOTrainer, loss_type: str) -> None:
    case = Case(seed=7, options={"loss_type": loss_type, "beta": 0.04})
    for name, value in vars(case).items():
        if isinstance(value, Tensor) and value.is_floating_point():
            setattr(case, name, value.float())
    loss, gradient, *_, args = trl_result(theirs, case)
    our_loss, our_gradient, *_ = our_result(args, case)
    assert our_loss.dtype == torch.float32
    assert_close(our_loss, loss, relative=1e-5)
    assert_close(our_gradient, gradient, relative=1e-5)


def test_the_adaptive_coefficient_moves_as_trls(theirs: trl.GRPOTrainer) -> None:
    bounds = {"entropy_target": 0.9, "entropy_coef_delta": 0.04, "entropy_coef_min": 0.01, "entropy_coef_max": 0.1}
    coefficients = []
    for level in (0.5, 0.5, 2.0, 2.0, 2.0):
        case = Case(options=bounds, entropy_coef=coefficients[-1] if coefficients else 0.05)
        case.entropies = torch.full((ROWS, TOKENS), level, dtype=torch.float64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(theirs, "use_adaptive_entropy", True)
            patch.setattr(theirs, "_last_world_entropy", 0.0)
            metrics = trl_result(theirs, case)[3]
        step = {"target": 0.9, "step": 0.04, "low": 0.01, "high": 0.1}
        coefficients.append(next_entropy_coefficient(case.entropy_coef, level, **step))
        assert metrics["entropy_coef"] == [pytest.approx(coefficients[-1])]
    assert coefficients == pytest.approx([0.09, 0.1, 0.06, 0.02, 0.01])


def test_the_comparison_can_fail(theirs: trl.GRPOTrainer) -> None:
    case = Case(options={"loss_type": "grpo", "beta": 0.04})
    loss, *_, args = trl_result(theirs, case)
    spec = replace(LossSpec.from_args(args), beta=0.05)
    ours = policy_loss(our_inputs(case, case.logps, case.entropies), spec, our_scale(case)).loss
    with pytest.raises(AssertionError):
        assert_close(ours, loss)
