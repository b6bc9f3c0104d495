"""A judge that runs here: a transformers model, read at the first token that it would write."""

from __future__ import annotations

import threading
from typing import Any

from mmrl.errors import InputError
from mmrl.judges.base import JudgeError, JudgeModel, JudgeSettings, Said
from mmrl.judges.verdict import yes_probability

WRITINGS = tuple(f"{space}{word}" for space in ("", " ") for word in ("yes", "Yes", "YES", "no", "No", "NO"))


class LocalJudge(JudgeModel):
    """Loads the model when it is first asked; one question at a time."""

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, dict[str, int]] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Name or folder of the model."""
        return {"local": self.settings.model}

    def ask(self, messages: list[dict[str, str]]) -> Said:
        """Return the probability of yes among yes and no as the first token, over all their writings."""
        import torch

        with self._lock, torch.inference_mode():
            model, processor, words = self._loaded = self._loaded or self._load()
            chat = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages]
            text = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            inputs = processor(text=[text], return_tensors="pt").to(model.device)
            logprobs = torch.log_softmax(model(**inputs).logits[0, -1].float(), dim=-1)
            found = yes_probability((word, float(logprobs[token])) for word, token in words.items())
        if found is None:
            raise JudgeError("must give yes or no some probability; found none")
        return Said(yes=found, source="logprobs")

    def _load(self) -> tuple[Any, Any, dict[str, int]]:
        from mmrl.families import best_device, load_model, load_processor, require_model

        require_model(self.settings.model)
        processor = load_processor(self.settings.model)
        words: dict[str, int] = {}
        for writing in WRITINGS:
            ids = processor.tokenizer.encode(writing, add_special_tokens=False)
            if len(ids) == 1 and ids[0] not in words.values():
                words[writing] = ids[0]
        if len({word.strip().casefold() for word in words}) < 2:
            raise InputError(
                f"a judge's model must have tokens for yes and for no; found {sorted(words)}; at "
                f"{self.settings.model}; choose another model"
            )
        return load_model(self.settings.model, dtype="float32", device=best_device()).eval(), processor, words
