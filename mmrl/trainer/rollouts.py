"""Prompts with what was sampled from them: the rows of a generation batch, and the groups they make.

A *part* is the rows of one prompt on this process: all G of them, or fewer where a group spans two processes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mmrl.engine.passes import Prefilled
from mmrl.engine.prompts import NOT_MEDIA, Prompt
from mmrl.errors import InputError
from mmrl.trainer.batch import Completion, ScoredGroup
from mmrl.trainer.conversation import Conversation, without_media
from mmrl.trainer.processing import ProcessedPrompt, text_prompt


def parts_of(rows: int, group_size: int, *, offset: int = 0) -> list[range]:
    """Return the rows of each prompt; row ``i`` here is row ``offset + i`` of all processes together."""
    starts = [row for row in range(rows) if row == 0 or (offset + row) % group_size == 0]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], rows], strict=True)]


@dataclass(kw_only=True)
class Rollouts:
    """The rows of a generation batch on this process."""

    inputs: list[dict[str, Any]]
    conversations: list[Conversation]
    parts: list[range]
    prompts: list[ProcessedPrompt]
    """One for each part."""
    prefilled: Prefilled | None = None
    """The first prompts' forward pass with its graph, where training goes on from it."""
    group_size: int = 0
    prompt_token_ids: list[list[int]] = field(default_factory=list)
    token_ids: list[list[int]] = field(default_factory=list)
    masks: list[list[int]] | None = None
    """1 for tokens of the model, 0 for those of an environment."""
    completions: list[Any] = field(default_factory=list)
    """As reward functions see them: text, or messages."""
    sampling_logps: list[list[float | None]] | None = None
    truncated: list[bool] = field(default_factory=list)
    rewards_NK: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    """Rewards of all processes by function."""
    advantages_N: Tensor = field(default_factory=lambda: torch.zeros(0))
    """Of this process's rows."""
    token_advantages: list[Tensor | None] = field(default_factory=list)
    """Of this process's rows: an advantage for each token (T,), where a mechanism gives one."""
    dead_N: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))
    """Of this process's rows: whether all completions of the prompt, on all processes, earned the same."""

    def __post_init__(self) -> None:
        for rows in self.parts:
            prompt = self.inputs[rows[0]].get("prompt")
            same = all(self.inputs[row].get("prompt") == prompt for row in rows[1:])
            assert same, "a group mixes prompts; the sampler repeats each"

    def messages(self, trainer: Any) -> list[Any]:
        """Return the rows' prompts for generation; media only for a rollout function, which may want them."""
        prompts = [one.prompt for one in self.conversations]
        return prompts if trainer.rollout_func is not None else [without_media(prompt) for prompt in prompts]

    def images(self) -> list[Any] | None:
        """Return the rows' pictures for an inference server; None where no row has any."""
        images = [one.images or None for one in self.conversations]
        return images if any(images) else None

    def prompt_ids(self, *, unexpanded: bool) -> list[list[int]]:
        """Return each row's prompt; ``unexpanded`` with one placeholder a picture."""
        ids = [one.unexpanded_ids if unexpanded else one.prompt.ids_P.tolist() for one in self.prompts]
        return [one for one, rows in zip(ids, self.parts, strict=True) for _ in rows]

    def take(self, trainer: Any, generated: tuple[Any, ...]) -> None:
        """Take over what TRL's ``_generate`` returns.

        Raises:
            InputError: a completion without any token.
        """
        prompt_ids, token_ids, masks, completions, logps, extra, _, _ = generated
        self.group_size = trainer._group_size
        self.token_ids, self.masks, self.completions, self.sampling_logps = token_ids, masks, completions, logps
        self.prompt_token_ids = self.prompt_ids(unexpanded=False) if trainer.rollout_func is None else prompt_ids
        ends = {*trainer.eos_token_ids, trainer._tokenizer.pad_token_id}
        for row, ids in enumerate(token_ids):
            if len(ids) == 0:
                name = self.conversations[row].sample
                raise InputError(f"a completion must have at least one token; found an empty one; sample {name}")
        self.truncated = [ids[-1] not in ends for ids in token_ids]
        for name, values in extra.items():
            for row, columns in enumerate(self.inputs):
                if not isinstance(values, list):
                    columns[name] = values
                elif row < len(values):
                    columns[name] = values[row]

    # -------------------------------------------------------------------------------------------- sampling

    def by_prompt(self) -> Iterator[tuple[ProcessedPrompt, range]]:
        """Yield each part's prompt with its rows."""
        return zip(self.prompts, self.parts, strict=True)

    def by_size(self, sample: Callable[[list[int], int], list[list[int]]]) -> list[list[int]]:
        """Sample parts of equal size together.

        Args:
            sample: takes the indices of some parts and their size, returns their completions part by part.
        """
        sizes: dict[int, list[int]] = defaultdict(list)
        for index, rows in enumerate(self.parts):
            sizes[len(rows)].append(index)
        sampled: dict[int, list[int]] = {}
        for size, chosen in sizes.items():
            members = [row for index in chosen for row in self.parts[index]]
            sampled |= dict(zip(members, sample(chosen, size), strict=True))
        return [sampled[row] for row in range(len(self.inputs))]

    def generate_plainly(self, model: Any, generation_config: Any) -> list[list[int]]:
        """Sample with transformers' own cache, one prompt at a time, for models that cannot share prompts."""
        sampled = []
        for one, rows in self.by_prompt():
            # Beams are searched for each completion by itself, as TRL does.
            times, each = (len(rows), 1) if (generation_config.num_beams or 1) > 1 else (1, len(rows))
            generation_config.num_return_sequences = each
            ids = one.prompt.ids_P.expand(times, -1).to(model.device)
            fields = {name: torch.cat([value] * times).to(model.device) for name, value in one.prompt.fields.items()}
            output = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), **fields, generation_config=generation_config
            )
            generation_config.num_return_sequences = 1
            ends = generation_config.eos_token_id
            for ids_T in output[:, ids.shape[1] :].tolist():
                sampled.append(next((ids_T[: at + 1] for at, token in enumerate(ids_T) if token in ends), ids_T))
        return sampled

    # -------------------------------------------------------------------------------------------- sampling again

    def dead_parts(self) -> list[int]:
        """Return the parts whose completions all earned the same."""
        return [index for index, rows in enumerate(self.parts) if bool(self.dead_N[rows[0]])]

    def subset(self, parts: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
        """Return the dataset rows of some parts, and which rows these are."""
        rows = [row for index in parts for row in self.parts[index]]
        return [self.inputs[row] for row in rows], rows

    def replace(self, again: Rollouts, parts: Sequence[int]) -> None:
        """Put what was sampled again in place of what some parts have; ``again`` begins with these parts."""
        _, rows = self.subset(parts)
        for source, part in enumerate(parts):
            self.prompts[part] = again.prompts[source]
        for source, row in enumerate(rows):
            for name in ("inputs", "conversations", "token_ids", "completions", "truncated", "prompt_token_ids"):
                getattr(self, name)[row] = getattr(again, name)[source]
            for name in ("masks", "sampling_logps", "token_advantages"):
                if getattr(self, name):
                    getattr(self, name)[row] = getattr(again, name)[source]
        chosen = torch.tensor(rows, dtype=torch.long)
        self.rewards_NK[chosen] = again.rewards_NK[: len(rows)]

    # -------------------------------------------------------------------------------------------- groups

    def groups(self, *, weight_column: str | None = None, mask_truncated: bool = False) -> list[ScoredGroup]:
        """Return the rows as groups: those of a part with the same prompt tokens."""
        groups = []
        for one, rows in self.by_prompt():
            by_prompt: dict[tuple[int, ...], list[int]] = defaultdict(list)
            for row in rows:
                by_prompt[tuple(self.prompt_token_ids[row])].append(row)
            for ids, members in by_prompt.items():
                groups.append(
                    ScoredGroup(
                        prompt=self._prompt(one, ids),
                        completions=[self._completion(row, weight_column, mask_truncated) for row in members],
                        dead=bool(self.dead_N[members[0]]),
                        whole=len(members) == self.group_size,
                    )
                )
        return groups

    def _prompt(self, one: ProcessedPrompt, ids: tuple[int, ...]) -> Prompt:
        """Return the processed prompt, or one of the ids that a rollout function used instead."""
        if one.prompt.ids_P.tolist() == list(ids):
            return one.prompt
        if one.prompt.media:
            raise InputError(
                "a rollout function must return the token ids that the processor makes of a prompt with pictures; "
                f"found {len(ids)} ids, the processor makes {len(one.prompt)}; sample {one.conversation.sample}"
            )
        fields = {name: value for name, value in one.prompt.fields.items() if name not in NOT_MEDIA}
        assert not fields, f"fields without media: {sorted(fields)}"
        return text_prompt(ids, axes=len(one.prompt.positions_A_P))

    def _completion(self, row: int, weight_column: str | None, mask_truncated: bool) -> Completion:
        ids = torch.tensor(self.token_ids[row])
        mask = torch.ones(len(ids)) if self.masks is None else torch.tensor(self.masks[row]).float()
        if mask_truncated and self.truncated[row]:
            mask = torch.zeros(len(ids))
        logps = None if self.sampling_logps is None else self.sampling_logps[row]
        return Completion(
            ids_T=ids,
            mask_T=mask,
            advantage=float(self.advantages_N[row]),
            advantages_T=self.token_advantages[row] if self.token_advantages else None,
            weight=self._weight(row, weight_column),
            sampling_logps_T=None
            if logps is None
            else torch.tensor([torch.nan if one is None else one for one in logps]),
        )

    def _weight(self, row: int, column: str | None) -> float:
        if column is None:
            return 1.0
        weight = self.inputs[row].get(column)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
            raise InputError(
                f"column {column} must hold a finite weight of at least 0; found {weight!r}; "
                f"sample {self.conversations[row].sample}; correct that row, or leave sample_weight_column out"
            )
        return float(weight)
