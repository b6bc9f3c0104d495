"""Where the tokens of several groups stand in one packed row, and what is read off that row.

A group is one prompt and the completions sampled from it. Packed, its tokens stand once each: ``[prompt | c1 | c2 |
... | cG]``, group after group, with no padding. The last token of a completion predicts nothing, so it is left out of
the row. Position ids of every completion start where its prompt ends, and each completion attends to its prompt and
to itself (:mod:`mmrl.engine.attention`), so what the model computes is what it computes for ``[prompt | completion]``
in a row of its own.

Axis letters: ``_G`` completions of a group, ``_T`` tokens of the packed row, ``_S`` scored tokens, ``_A`` position
axes (1, or 3 for models with temporal, height and width positions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The tokens of one group in a packed row."""

    prompt: int
    """Prompt tokens in the row; 0 where the prompt's keys and values come from a :class:`KeyValues` store."""
    lengths_G: tuple[int, ...]
    """Tokens of each completion in the row, its last token left out; a completion may have none."""

    @property
    def completions(self) -> int:
        """Completion tokens in the row."""
        return sum(self.lengths_G)

    @cached_property
    def gather_GC(self) -> torch.Tensor:
        """Index, among the group's tokens, of token ``c`` of completion ``g``; padded with its last one."""
        starts = [end - length for end, length in zip(accumulate(self.lengths_G), self.lengths_G, strict=True)]
        longest = torch.arange(max(self.lengths_G, default=0))
        rows = [
            start + longest.clamp(max=max(length - 1, 0)) for start, length in zip(starts, self.lengths_G, strict=True)
        ]
        return torch.stack([row for row, length in zip(rows, self.lengths_G, strict=True) if length])

    @cached_property
    def real_GC(self) -> torch.Tensor:
        """Which entries of :attr:`gather_GC` are tokens and not padding."""
        longest = torch.arange(max(self.lengths_G, default=0))
        return torch.stack([longest < length for length in self.lengths_G if length])

    @cached_property
    def is_even(self) -> bool:
        """Whether all completions have the same number of tokens, so that no padding is needed between them."""
        return len(set(self.lengths_G)) == 1


@dataclass(kw_only=True)
class KeyValues:
    """Keys and values of prompts, layer by layer: each prompt's own once, however many completions read them."""

    layers: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = field(default_factory=dict)
    """Layer index -> for each prompt ``(keys, values)``, each (1, heads, tokens, width)."""


@dataclass(kw_only=True)
class Layout:
    """How attention reads a packed row."""

    segments: tuple[Segment, ...]
    stored: KeyValues | None = None
    """Prompts that stand before the row, in the order of the segments; None where the row holds its prompts itself."""
    capture: KeyValues | None = None
    """Where prompts' keys and values are put while the row is computed."""
    cache: dict[str, Any] = field(default_factory=dict)
    """What an attention kernel works out once and uses in every layer."""

    @property
    def split_sizes(self) -> list[int]:
        """Tokens of prompt, completions, prompt, completions, ... in the row."""
        return [size for segment in self.segments for size in (segment.prompt, segment.completions)]


@dataclass(frozen=True, kw_only=True)
class PackedRow:
    """A row of token ids with positions, and which of its positions are scored against which token."""

    input_ids_T: torch.Tensor
    positions_A_T: torch.Tensor
    layout: Layout
    scored_S: torch.Tensor
    """Index in the row of the token that predicts; for the first token of a completion the prompt's last."""
    targets_S: torch.Tensor
    """The token that was sampled there. Ordered group by group, completion by completion, token by token."""


def pack(
    prompts: Sequence[tuple[torch.Tensor, torch.Tensor]],
    completions: Sequence[Sequence[torch.Tensor]],
) -> PackedRow:
    """Put groups into one row.

    Args:
        prompts: for each group its prompt's ``(ids_P, positions_A_P)``.
        completions: for each group the token ids of its completions, each of at least one token.
    """
    ids: list[torch.Tensor] = []
    positions: list[torch.Tensor] = []
    scored: list[torch.Tensor] = []
    segments = []
    start = 0
    for (prompt_ids, prompt_positions), group in zip(prompts, completions, strict=True):
        size = len(prompt_ids)
        heads = [completion[:-1] for completion in group]
        ids += [prompt_ids, *heads]
        positions += [prompt_positions, *(_following(prompt_positions, len(head)) for head in heads)]
        own = start + size
        for head in heads:
            scored.append(torch.cat([torch.tensor([start + size - 1]), torch.arange(own, own + len(head))]))
            own += len(head)
        start = own
        segments.append(Segment(prompt=size, lengths_G=tuple(len(head) for head in heads)))
    targets = [completion for group in completions for completion in group]
    return PackedRow(
        input_ids_T=torch.cat(ids),
        positions_A_T=torch.cat(positions, dim=1),
        layout=Layout(segments=tuple(segments)),
        scored_S=torch.cat(scored) if scored else torch.zeros(0, dtype=torch.long),
        targets_S=torch.cat(targets) if targets else torch.zeros(0, dtype=torch.long),
    )


def pack_after(
    positions: Sequence[torch.Tensor], completions: Sequence[Sequence[torch.Tensor]], stored: KeyValues
) -> PackedRow:
    """Put completions alone into one row, behind prompts that were computed before.

    ``scored_S`` counts from the prompts' last tokens, one a group, which stand before the row: index ``b`` is the last
    token of prompt ``b``, index ``B + t`` token ``t`` of the row, where B is the number of groups.

    Args:
        positions: for each group its prompt's positions (A, P).
        completions: as for :func:`pack`.
        stored: the prompts' keys and values.
    """
    heads = [[completion[:-1] for completion in group] for group in completions]
    parts = [_following(before, len(head)) for before, group in zip(positions, heads, strict=True) for head in group]
    scored = []
    own = len(heads)
    for index, group in enumerate(heads):
        for head in group:
            scored.append(torch.cat([torch.tensor([index]), torch.arange(own, own + len(head))]))
            own += len(head)
    return PackedRow(
        input_ids_T=torch.cat([head for group in heads for head in group]),
        positions_A_T=torch.cat(parts, dim=1),
        layout=Layout(
            segments=tuple(Segment(prompt=0, lengths_G=tuple(len(head) for head in group)) for group in heads),
            stored=stored,
        ),
        scored_S=torch.cat(scored),
        targets_S=torch.cat([completion for group in completions for completion in group]),
    )


def _following(positions_A_P: torch.Tensor, count: int) -> torch.Tensor:
    """Return the positions (A, count) of text after a prompt: one more than the prompt's largest, on every axis."""
    first = positions_A_P.max() + 1
    return (first + torch.arange(count)).expand(len(positions_A_P), count)
