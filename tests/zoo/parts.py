"""What the families share: a tokenizer with a family's own special tokens, a chat template, and seeded weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmrl.families.tiny_spec import train_tokenizer

TEXTS = (
    "How many squares are there? Is the shape red? Answer yes or no in <answer></answer>.",
    "What differs between the two pictures? Describe the clip. 0 1 2 3 4 5 6 7 8 9 10 11 12",
)
VOCABULARY = 300
"""Before a family's special tokens: the 256 bytes, Qwen's seven, the four tags, and a few merges."""

INITIALIZER_RANGE = 0.1
"""Near 1 / sqrt(width), so that attention, positions and pictures all move the logits."""


def family_tokenizer(*, eos: str, named: dict[str, str], others: Sequence[str] = ()) -> Any:
    """Return the byte-level tokenizer with special tokens added.

    ``named`` are attributes that the family's processor reads (``image_token`` and the like, each with its ``_id``),
    ``others`` are special tokens without a name of their own.
    """
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    backend = train_tokenizer(TEXTS, vocabulary=VOCABULARY).backend_tokenizer
    tokens = dict.fromkeys([eos, *named.values(), *others])
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in tokens])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<|endoftext|>",
        eos_token=eos,
        extra_special_tokens=list(others),
        model_specific_special_tokens=named,
        padding_side="left",
        model_max_length=4096,
    )


def chat_template(*, opening: str, image: str, video: str, closing: str, reply: str, start: str = "") -> str:
    """Return a chat template for contents that are a string or parts of type text, image and video.

    Every argument is literal text except ``opening``, a Jinja expression in ``message`` that begins a turn.
    """
    part = (
        "{%- if part.type == 'image' -%}{{- '" + image + "' -}}"
        "{%- elif part.type == 'video' -%}{{- '" + video + "' -}}"
        "{%- elif part.type == 'text' -%}{{- part.text -}}{%- endif -%}"
    )
    turn = (
        "{{- " + opening + " -}}"
        "{%- if message.content is string -%}{{- message.content -}}"
        "{%- else -%}{%- for part in message.content -%}" + part + "{%- endfor -%}{%- endif -%}"
        "{{- '" + closing + "' -}}"
    )
    return (
        "{{- '" + start + "' -}}"
        "{%- for message in messages -%}" + turn + "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '" + reply + "' -}}{%- endif -%}"
    )


def text_sizes(tokenizer: Any, *, layers: int) -> dict[str, Any]:
    """Return the part of a text configuration that every family has, about 80,000 parameters at two layers."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": INITIALIZER_RANGE,
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def vision_sizes(*, image_size: int, patch_size: int = 8) -> dict[str, Any]:
    """Return the configuration of a vision tower of the SigLIP kind: two layers of width 32."""
    return {
        "image_size": image_size,
        "patch_size": patch_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "initializer_range": INITIALIZER_RANGE,
    }


def seeded_model(model_class: Any, config: Any, *, seed: int) -> Any:
    """Return an untrained fp32 model of ``config``, the same for the same seed, with end and padding tokens set.

    Parameters that start constant (biases at zero, norms at one, some position tables at zero) are moved off it:
    otherwise a pass that drops or doubles one of them would go unnoticed.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config).float()
        with torch.no_grad():
            for parameter in model.parameters():
                if bool((parameter == parameter.flatten()[0]).all()):
                    parameter.add_(torch.randn_like(parameter) * INITIALIZER_RANGE)
    text = config.get_text_config()
    model.generation_config.eos_token_id = text.eos_token_id
    model.generation_config.pad_token_id = text.pad_token_id
    return model
