"""Which tokens end a completion, and which may never be sampled.

An untrained policy does sample image placeholders, and the next forward pass then fails because text and pictures no
longer match. Special tokens other than the end of a turn have no place in an answer either.
"""

from __future__ import annotations

from typing import Any


def eos_token_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return every token that ends a completion: the model's own and the tokenizer's."""
    declared = model.generation_config.eos_token_id
    ids = [] if declared is None else [declared] if isinstance(declared, int) else list(declared)
    if tokenizer.eos_token_id not in ids:
        ids.insert(0, tokenizer.eos_token_id)
    return tuple(ids)


def never_sampled(model_config: Any, tokenizer: Any, eos: tuple[int, ...]) -> list[int]:
    """Return the sorted ids that generation must not produce: special and placeholder tokens, the ends excepted.

    Special tokens are those that the tokenizer marks so; placeholders are the ``image_*``, ``video_*``,
    ``vision_*`` and ``audio_*`` token ids of the model's configuration, which some tokenizers leave unmarked.
    """
    special = set(tokenizer.all_special_ids)
    special.update(index for index, token in tokenizer.added_tokens_decoder.items() if token.special)
    for name, value in model_config.to_dict().items():
        if name.startswith(("image_", "video_", "vision_", "audio_")) and name.endswith(("_token_id", "_token_index")):
            special.update([value] if isinstance(value, int) else [])
    return sorted(special - set(eos))
