"""Looking at a held-out dataset while a stage trains: greedy answers by the policy as it is, and how right they are."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object

from mmrl.answers import parse_completion
from mmrl.scoring import accuracy
from mmrl.trainer.conversation import conversation_of, shows_media
from mmrl.trainer.rollouts import Rollouts
from mmrl.trainer.stage_data import RowOpener
from mmrl.types import answer_kind


@dataclass(kw_only=True)
class HeldOutProbe:
    """Answers a dataset with the trainer's own sampler; leaves the training as it is, its random numbers included."""

    opener: RowOpener
    """Opens the dataset's rows."""

    def look(self, trainer: Any) -> list[float]:
        """Return how right each row is answered, 0 to 1, in order; all processes call it at once and get the same.

        Media that cannot be opened, and answers that cannot be read, count as wrong.
        """
        total, count = len(self.opener.rows), trainer.accelerator.num_processes
        here = math.ceil(total / count)
        first = trainer.accelerator.process_index * here
        # Every process answers as many: where weights are gathered for each pass, all must take part.
        numbers = [min(number, total - 1) for number in range(first, first + here)]
        was_training = trainer.model.training
        trainer.model.eval()
        try:
            with torch.no_grad(), trainer._generating() as model:
                scores = [
                    score
                    for start in range(0, here, trainer.args.per_device_train_batch_size)
                    for score in self._score(
                        trainer, model, numbers[start : start + trainer.args.per_device_train_batch_size]
                    )
                ]
        finally:
            trainer.passes.release()
            trainer.model.train(was_training)
            trainer.telemetry.start_anew()
        return gather_object(scores)[:total]

    def _score(self, trainer: Any, model: Any, numbers: Sequence[int]) -> list[float]:
        reader = self.opener.clip_reader()
        rows = [self.opener.open_row(number, reader) for number in numbers]
        texts = trainer._tokenizer.batch_decode(_greedy(trainer, model, rows), skip_special_tokens=True)
        scores = []
        for row, text in zip(rows, texts, strict=True):
            kind = answer_kind(row["sample"].answer)
            parsed = parse_completion(text, kind=kind, style=self.opener.style, frame=row["frame"])
            scores.append(0.0 if row["media_error"] else accuracy(parsed.answer, row["sample"]))
        return scores


def _greedy(trainer: Any, model: Any, rows: list[dict[str, Any]]) -> list[list[int]]:
    """Return the tokens of one greedy completion a row."""
    structured = any(shows_media(row) for row in rows)
    conversations = [conversation_of(row, place, structured=structured) for place, row in enumerate(rows)]
    processed = trainer._prompt_processor().process_all(conversations)
    config = copy.deepcopy(trainer.generation_config)
    config.do_sample, config.num_beams = False, 1
    config.temperature = config.top_p = config.top_k = None
    if not trainer.passes.shares:
        parts = [range(place, place + 1) for place in range(len(rows))]
        rollouts = Rollouts(inputs=rows, conversations=conversations, parts=parts, prompts=processed)
        return rollouts.generate_plainly(model, config)
    prompts = [one.prompt for one in processed]
    prefilled = trainer.passes.prefill(model, prompts)
    trainer.passes.release()
    return trainer.passes.sample(model, prompts, prefilled, group_size=1, generation_config=config)
