"""Whether a model can share prompts, and if not, why: the reason goes to the log once and the ordinary pass is used."""

from __future__ import annotations

import inspect
from typing import Any

PLAIN_ATTENTION = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention")
"""Attention implementations that compute plain causal attention, which the packed row's kernels compute too."""
TESTED = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3", "internvl", "llava_onevision")
"""``config.model_type`` of the families on which tests compare the packed pass with TRL's trainer, gradient by gradient.

Any other model is compared with the plain pass when it is first used.
"""


def reason_not_to_share(model: Any) -> str | None:
    """Return why the prompts of a model cannot be computed once a group; None where nothing speaks against it.

    Args:
        model: the transformers model, unwrapped from PEFT and from parallel wrappers.
    """
    text = model.config.get_text_config()
    implementation = text._attn_implementation
    found = {
        "its layers keep a state instead of keys and values": bool(getattr(model, "_is_stateful", False)),
        "some of its layers do not attend to all tokens": _attends_to_some(text),
        "its router's loss sees the batch as a whole": _has_router_loss(text),
        "its picture tokens attend to one another both ways": _is_bidirectional(text),
        "its logits are scaled or capped": _scales_logits(text),
        "its attention has dropout": float(getattr(text, "attention_dropout", 0.0) or 0.0) > 0,
        f"its attention is {implementation}": implementation not in PLAIN_ATTENTION,
        "its attention does not go through transformers' attention interface": not _uses_interface(model.get_decoder()),
        "it takes no encoder outputs in place of pixels": not _takes_encoder_outputs(model),
    }
    return next((reason for reason, applies in found.items() if applies), None)


def _attends_to_some(text: Any) -> bool:
    layer_types = getattr(text, "layer_types", None)
    if layer_types:
        return set(layer_types) != {"full_attention"}
    return bool(getattr(text, "sliding_window", None)) and bool(getattr(text, "use_sliding_window", True))


def _has_router_loss(text: Any) -> bool:
    return hasattr(text, "output_router_logits") and bool(getattr(text, "router_aux_loss_coef", 0.0))


def _is_bidirectional(text: Any) -> bool:
    return bool(getattr(text, "use_bidirectional_attention", None))


def _scales_logits(text: Any) -> bool:
    names = (
        "final_logit_softcapping",
        "attn_logit_softcapping",
        "logit_scale",
        "logits_scaling",
        "output_multiplier",
        "lm_head_multiplier",
    )
    return any(getattr(text, name, None) not in (None, 1, 1.0) for name in names)


def _uses_interface(decoder: Any) -> bool:
    """Tell whether every attention layer has an index and takes further keywords, as the interface's users do."""
    layers = [module for module in decoder.modules() if hasattr(module, "layer_idx") and hasattr(module, "o_proj")]
    takes_more = [
        any(one.kind is inspect.Parameter.VAR_KEYWORD for one in inspect.signature(layer.forward).parameters.values())
        for layer in layers
    ]
    return len(layers) == decoder.config.num_hidden_layers and all(takes_more)


def _takes_encoder_outputs(model: Any) -> bool:
    sees = any(hasattr(model.base_model, name) for name in ("get_image_features", "get_video_features"))
    return not sees or "mm_encoder_outputs" in inspect.signature(type(model.base_model).forward).parameters
