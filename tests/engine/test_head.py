from __future__ import annotations

import pytest
import torch

from mmrl.engine import head
from mmrl.engine.head import HeadOptions, score_tokens
from tests import zoo


def plain(model, hidden, targets, temperature):
    logits = model.get_output_embeddings()(hidden) / temperature
    log_probs = logits.log_softmax(dim=-1)
    return log_probs[torch.arange(len(targets)), targets], -(log_probs.exp() * log_probs).sum(dim=-1)


@pytest.mark.parametrize("kept", [True, False], ids=["logits kept", "logits recomputed"])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probabilities_entropies_and_gradients(kept, temperature, monkeypatch):
    if not kept:
        monkeypatch.setattr(head, "KEPT_BYTES", 0)
    monkeypatch.setattr(head, "TOKENS", 5)
    model, _ = zoo.build("qwen2_5_vl")
    weight = model.get_output_embeddings().weight
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(12, weight.shape[1], generator=generator, requires_grad=True)
    targets = torch.randint(len(weight), (12,), generator=generator)
    options = HeadOptions(temperature=temperature, entropy_gradient=True)
    found, expected = score_tokens(model, hidden, targets, options), plain(model, hidden, targets, temperature)
    outward = torch.randn(2, 12, generator=generator)
    gradients = [
        torch.autograd.grad((outward[0] * one[0] + outward[1] * one[1]).sum(), [hidden, weight], retain_graph=True)
        for one in (found, expected)
    ]
    for one, other in zip([*found, *gradients[0]], [*expected, *gradients[1]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_entropies_only_where_asked_and_without_a_graph():
    model, _ = zoo.build("qwen2_5_vl")
    hidden = torch.randn(3, model.get_output_embeddings().weight.shape[1], requires_grad=True)
    targets = torch.tensor([1, 2, 3])
    assert score_tokens(model, hidden, targets, HeadOptions(entropy=False))[1] is None
    entropy = score_tokens(model, hidden, targets, HeadOptions())[1]
    assert entropy is not None
    assert not entropy.requires_grad
