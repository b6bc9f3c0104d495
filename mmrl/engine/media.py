"""Pictures and clips, encoded once a pass however many prompts and completions show them.

transformers' models take the outputs of their encoders as ``mm_encoder_outputs`` in place of pixels; what travels in
them besides the features themselves (Qwen3-VL's deepstack features) is carried along.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mmrl.engine.prompts import ENCODERS, Prompt

FEATURES = ("pooler_output", "deepstack_features")
"""Fields of an encoder's output that the language model reads."""


@dataclass
class EncodeCount:
    """What was encoded, for the log."""

    encoded: int = 0
    """Pictures and clips that went through an encoder."""
    shown: dict[tuple[str, str], int] = field(default_factory=dict)
    """Modality and checksum of what a prompt shows -> how many pictures or clips that are."""

    @property
    def distinct(self) -> int:
        """Distinct pictures and clips that were shown, whether they had to be encoded or not."""
        return sum(self.shown.values())

    def show(self, prompt: Prompt, modality: str) -> None:
        """Note that a prompt's media of a modality are shown to the model."""
        self.shown[modality, prompt.keys[modality]] = prompt.counts.get(modality, 1)


def encode_media(backbone: Any, prompts: Sequence[Prompt], count: EncodeCount | None = None) -> dict[str, Any]:
    """Encode the media of some prompts, equal ones once, with gradients where the encoder is trained.

    Returns:
        ``mm_encoder_outputs`` for a row in which each prompt stands once, in this order; empty for text alone.
    """
    outputs: dict[str, Any] = {}
    for modality, method in ENCODERS.items():
        shown = [prompt for prompt in prompts if modality in prompt.media]
        if shown:
            by_key: dict[str, Any] = {}
            for prompt in shown:
                key = prompt.keys[modality]
                if count is not None:
                    count.show(prompt, modality)
                if key not in by_key:
                    kept = prompt.encoded.get((id(backbone), modality))
                    by_key[key] = kept or _encode(backbone, method, prompt, modality, count)
            outputs[modality] = _join([by_key[prompt.keys[modality]] for prompt in shown])
    return outputs


def keep_encoded(backbone: Any, prompts: Sequence[Prompt], count: EncodeCount | None = None) -> None:
    """Encode the media of some prompts without gradients and keep the outputs with them, for a frozen encoder."""
    kept: dict[tuple[str, str], Any] = {}
    for prompt in prompts:
        for modality in prompt.media:
            key = (modality, prompt.keys[modality])
            if key not in kept:
                with torch.no_grad():
                    kept[key] = _encode(backbone, ENCODERS[modality], prompt, modality, count)
            prompt.encoded[id(backbone), modality] = kept[key]


@contextlib.contextmanager
def kept_put_aside(prompts: Sequence[Prompt]) -> Iterator[None]:
    """Let a pass encode anew: the model's adapters are off for it, so that its encoder sees otherwise."""
    kept = [(prompt, prompt.encoded) for prompt in prompts]
    for prompt, _ in kept:
        prompt.encoded = {}
    try:
        yield
    finally:
        for prompt, encoded in kept:
            prompt.encoded = encoded


def _encode(backbone: Any, method: str, prompt: Prompt, modality: str, count: EncodeCount | None) -> Any:
    if count is not None:
        count.encoded += prompt.counts.get(modality, 1)
    device = next(backbone.parameters()).device
    arguments = {name: value.to(device) for name, value in prompt.media[modality].items()}
    return getattr(backbone, method)(**arguments, return_dict=True)


def _join(outputs: list[Any]) -> Any:
    """Put the encoder outputs of several prompts behind one another, as if they had been encoded together."""
    if len(outputs) == 1:
        return outputs[0]
    present = [name for name in FEATURES if getattr(outputs[0], name, None) is not None]
    return type(outputs[0])(**{name: _concatenate([getattr(one, name) for one in outputs]) for name in present})


def _concatenate(values: list[Any]) -> Any:
    """Concatenate features: tensors along their first axis, tuples of pictures as tuples, lists of layers by layer.

    LLaVA-OneVision returns clips as one tensor (clips, tokens, width) that the model flattens: clips of unequal
    length become one long one.
    """
    if isinstance(values[0], torch.Tensor):
        if len({value.shape[1:] for value in values}) > 1:
            return torch.cat([value.flatten(0, 1) for value in values]).unsqueeze(0)
        return torch.cat(values)
    if isinstance(values[0], list) and not isinstance(values[0][0], torch.Tensor):
        return [_concatenate(list(layer)) for layer in zip(*values, strict=True)]
    return type(values[0])(one for value in values for one in value)
