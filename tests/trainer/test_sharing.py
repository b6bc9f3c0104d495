"""Models that cannot share prompts fall back to the ordinary pass, say why once, and train as TRL's trainer does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import trl
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from mmrl.engine.support import reason_not_to_share
from mmrl.families.tiny_spec import train_tokenizer
from mmrl.trainer import GRPOConfig, GRPOTrainer, policy
from tests import zoo
from tests.trainer.exact import Recorder, Run, worst

SIZES = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def text_model(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "full":
        return LlamaForCausalLM(LlamaConfig(**SIZES))
    return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=4))


def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(3)
    ids = [trainer.processing_class(prompt)["input_ids"] for prompt in prompts]
    lengths = [3 + row % 4 for row in range(len(prompts))]
    completions = [torch.randint(20, 250, (length,), generator=generator).tolist() for length in lengths]
    return {"prompt_ids": ids, "completion_ids": completions, "logprobs": None}


def train(trainer_class: Any, config_class: Any, model: Any, out: Any, **options: Any) -> Run:
    run = Run()
    settings = {"per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": 8, "max_steps": 1}
    quiet = {"use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no", "disable_tqdm": True}
    fixed = {"optim": "sgd", "max_grad_norm": 0.0, "gradient_checkpointing": False, "learning_rate": 0.1}
    trainer = trainer_class(
        model,
        lambda completion_ids, **_: [float(sum(ids) % 5) for ids in completion_ids],
        config_class(output_dir=str(out), **settings, **quiet, **fixed, **options),
        train_dataset=Dataset.from_dict({"prompt": ["How many squares are there?", "Is the shape red? yes or no"]}),
        processing_class=train_tokenizer(["How many squares are there? Is the shape red? yes or no"], vocabulary=300),
        callbacks=[Recorder(run)],
        rollout_func=rollout,
    )
    trainer.train()
    run.trainer = trainer
    return run


def test_language_models_without_pictures_share_prompts_too(tmp_path):
    theirs = train(trl.GRPOTrainer, trl.GRPOConfig, text_model("full"), tmp_path)
    ours = train(GRPOTrainer, GRPOConfig, text_model("full"), tmp_path)
    assert ours.trainer.passes.shares
    assert worst(ours, theirs) < 1e-5


def test_sliding_windows_fall_back_with_a_reason(tmp_path, caplog):
    theirs = train(trl.GRPOTrainer, trl.GRPOConfig, text_model("sliding"), tmp_path)
    ours = train(GRPOTrainer, GRPOConfig, text_model("sliding"), tmp_path)
    assert ours.trainer.passes.reason == "some of its layers do not attend to all tokens"
    assert worst(ours, theirs) < 1e-5


def test_a_model_whose_packed_pass_differs_is_caught_when_it_is_first_used(tmp_path, monkeypatch):
    """As if nobody had thought of sliding windows."""
    monkeypatch.setattr(policy, "reason_not_to_share", lambda _: None)
    theirs = train(trl.GRPOTrainer, trl.GRPOConfig, text_model("sliding"), tmp_path)
    ours = train(GRPOTrainer, GRPOConfig, text_model("sliding"), tmp_path)
    assert ours.trainer.passes.reason is not None
    assert "its packed pass differs from the plain one" in ours.trainer.passes.reason
    assert worst(ours, theirs) < 1e-5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layer_types": ["full_attention", "linear_attention"]}, "some of its layers do not attend to all tokens"),
        ({"attention_dropout": 0.1}, "its attention has dropout"),
        ({"final_logit_softcapping": 30.0}, "its logits are scaled or capped"),
        ({"use_bidirectional_attention": True}, "its picture tokens attend to one another both ways"),
        ({"_attn_implementation_internal": "paged|sdpa"}, "its attention is paged|sdpa"),
        ({"output_router_logits": False, "router_aux_loss_coef": 0.01}, "its router's loss sees the batch as a whole"),
    ],
)
def test_reasons(change, reason):
    model, _ = zoo.build("qwen2_5_vl")
    assert reason_not_to_share(model) is None
    for name, value in change.items():
        setattr(model.config.get_text_config(), name, value)
    assert reason_not_to_share(model) == reason
