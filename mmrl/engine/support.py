"""Whether a model can share prompts, and if not, why: the reason goes to the log once and the ordinary pass is used."""

from __future__ import annotations

import inspect
from typing import Any

SHARED_ATTENTION = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention")
"""Attention implementations that compute plain causal attention, which the packed row's kernels compute too."""


def reason_not_to_share(model: Any) -> str | None:
    """Return why the prompts of a model cannot be computed once a group; None where they can.

    Args:
        model: the transformers model, unwrapped from PEFT and from parallel wrappers.
    """
    text = model.config.get_text_config()
    decoder = model.get_decoder()
    checks = (
        ("_is_stateful", "its layers keep a state instead of keys and values", getattr(model, "_is_stateful", False)),
        ("layer_types", "some layers do not attend to all tokens", _other_layers(text)),
        ("experts", "its router sees the batch as a whole", _has_routed_loss(text)),
        ("bidirectional", "picture tokens attend to one another both ways", _is_bidirectional(text)),
        ("softcap", "attention or logits are soft-capped or scaled", _has_scaled_logits(text)),
        ("dropout", "attention has dropout", float(getattr(text, "attention_dropout", 0.0) or 0.0) > 0),
        ("attention", f"its attention is {text._attn_implementation!r}", text._attn_implementation not in SHARED_ATTENTION),
        ("interface", "its attention ignores transformers' attention interface", not _uses_interface(decoder)),
        ("encoder outputs", "it does not take encoder outputs in place of pixels", not _takes_encoder_outputs(model)),
    )
    return next((reason for _, reason, found in checks if found), None)


def _other_layers(text: Any) -> bool:
    layer_types = set(getattr(text, "layer_types", None) or ["full_attention"])
    slides = getattr(text, "sliding_window", None) and getattr(text, "use_sliding_window", True)
    return layer_types != {"full_attention"} or bool(slides and not getattr(text, "layer_types", None))


def _has_routed_loss(text: Any) -> bool:
    return hasattr(text, "output_router_logits") and bool(getattr(text, "router_aux_loss_coef", 0.0))


def _is_bidirectional(text: Any) -> bool:
    return bool(getattr(text, "use_bidirectional_attention", None)) or text.model_type.startswith(("gemma3", "paligemma"))


def _has_scaled_logits(text: Any) -> bool:
    names = ("final_logit_softcapping", "attn_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier")
    return any(getattr(text, name, None) not in (None, 1, 1.0) for name in (*names, "lm_head_multiplier"))


def _uses_interface(decoder: Any) -> bool:
    """Tell whether every attention layer has an index and takes further keywords, as the interface's users do."""
    layers = [module for module in decoder.modules() if hasattr(module, "layer_idx") and hasattr(module, "q_proj")]
    takes_more = [
        any(one.kind is inspect.Parameter.VAR_KEYWORD for one in inspect.signature(layer.forward).parameters.values())
        for layer in layers
    ]
    return bool(layers) and len(layers) == decoder.config.num_hidden_layers and all(takes_more)


def _takes_encoder_outputs(model: Any) -> bool:
    sees = any(hasattr(model.base_model, name) for name in ("get_image_features", "get_video_features"))
    return not sees or "mm_encoder_outputs" in inspect.signature(type(model.base_model).forward).parameters
