"""Runs a stage's mechanisms on advantages over the batch of all processes, and keeps what mechanisms remember.

Legend: ``_N`` completions, group by group, of all processes; ``_K`` reward functions: terms, then the
total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from mmrl.config.schema import MechanismConfig
from mmrl.files import parse_json, write_json
from mmrl.rewards import build_advantage
from mmrl.rewards.advantage import AdvantageMechanism, Batch, Constrained, Thoughts
from mmrl.rewards.advantage.thoughts import checked_steps, token_advantages
from mmrl.rewards.mechanism import Stateful
from mmrl.trainer.rewards import RubricRewards
from mmrl.trainer.rollouts import Rollouts

STATES_NAME = "mechanisms.json"
"""File of a checkpoint."""


class AdvantageRule:
    """Mechanisms on advantages, in order; thoughts, which have one for each token, come last."""

    def __init__(self, mechanisms: Sequence[Any], rewards: RubricRewards, label: Any = None) -> None:
        self.mechanisms = [one for one in mechanisms if isinstance(one, AdvantageMechanism)]
        self.thoughts = next((one for one in mechanisms if isinstance(one, Thoughts)), None)
        self.rewards = rewards
        self.label = label
        """Labels the steps of a completion, for thoughts."""

    @classmethod
    def of(
        cls, configs: Sequence[MechanismConfig], rewards: RubricRewards, base_dir: str | Path
    ) -> AdvantageRule | None:
        """Return the rule that a config lists, its plug-in loaded; None for an empty list.

        Raises:
            InputError: a mechanism is not known, or its plug-in cannot be loaded.
        """
        if not configs:
            return None
        mechanisms, label = build_advantage(configs, base_dir)
        return cls(mechanisms, rewards, label)

    def stateful(self) -> dict[str, Stateful]:
        """Return the mechanisms that remember something, by their name."""
        return {f"advantage.{one.name}": one for one in self.mechanisms if isinstance(one, Stateful)}

    def apply(self, trainer: Any, advantages_N: Tensor, rewards_NK: Tensor) -> Tensor:
        """Return the advantages (N,) after all mechanisms; all processes call it at once."""
        batch = Batch(
            group_size=trainer._group_size,
            rewards_N=rewards_NK[:, -1].tolist(),
            terms=self._terms(rewards_NK),
            facts_N=gather_object(self.rewards.facts()),
            scale=trainer.scale_rewards,
        )
        values = advantages_N.tolist()
        for mechanism in self.mechanisms:
            values = mechanism.apply(values, batch)
            if isinstance(mechanism, Constrained):
                for name, multiplier in mechanism.multipliers.items():
                    mode = "train" if trainer.model.training else "eval"
                    trainer._metrics[mode][f"mechanisms/multiplier/{name}"].append(multiplier)
        return torch.tensor(values, dtype=advantages_N.dtype, device=advantages_N.device)

    def _terms(self, rewards_NK: Tensor) -> dict[str, list[float]]:
        """Return each term's values; where a reward was stated, for a completion cut off, that is every term's."""
        terms_NK, total_N = rewards_NK[:, :-1], rewards_NK[:, -1]
        stated_N = terms_NK.isnan().all(dim=1) & ~total_N.isnan()
        filled_NK = torch.where(stated_N.unsqueeze(1), total_N.unsqueeze(1), terms_NK)
        names = [term.name for term in self.rewards.rubric.terms]
        return {name: filled_NK[:, place].tolist() for place, name in enumerate(names)}

    def set_token_advantages(self, rollouts: Rollouts, rewards_NK: Tensor) -> None:
        """Give this process's rows an advantage for each token, where thoughts are among the mechanisms.

        Raises:
            InputError: the labelling function returned something else than steps.
        """
        if self.thoughts is None:
            return
        names = [term.name for term in self.rewards.rubric.terms]
        right_N = rewards_NK[:, names.index(self.thoughts.correct)] == 1.0
        rollouts.token_advantages = [None] * len(self.rewards.last)
        for rows in rollouts.parts:
            accuracy = right_N[rows.start : rows.stop].float().mean().item()
            for row in rows:
                values_T = self._thoughts(row, bool(right_N[row]), float(rollouts.advantages_N[row]), accuracy)
                rollouts.token_advantages[row] = values_T
                rollouts.dead_N[rows.start : rows.stop] &= not bool(values_T.any())

    def _thoughts(self, row: int, right: bool, outcome: float, accuracy: float) -> Tensor:
        assert self.thoughts is not None
        sample, rollout = self.rewards.last[row]
        length = len(rollout.token_ids_T)
        steps = checked_steps(self.label(sample, rollout), length, sample.id)
        values = token_advantages(
            steps, length, right=right, outcome=outcome, accuracy=accuracy, alpha=self.thoughts.alpha
        )
        return torch.tensor(values)


def save_states(folder: Path, remembered: Mapping[str, Stateful]) -> None:
    """Write what mechanisms remember into a checkpoint; no file where there are none."""
    if remembered:
        write_json(folder / STATES_NAME, {place: one.state() for place, one in remembered.items()})


def restore_states(folder: Path, remembered: Mapping[str, Stateful]) -> bool:
    """Go on from what a checkpoint or a finished stage holds; returns whether it holds anything."""
    if not remembered or not (folder / STATES_NAME).is_file():
        return False
    states = parse_json((folder / STATES_NAME).read_bytes())
    for place, one in remembered.items():
        if states[place]:
            one.restore(states[place])
    return True
