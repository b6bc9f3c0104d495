"""T-GRPO's second group: the same prompt with the clip's frames shuffled, sampled for comparison alone.

Video-R1 (arXiv 2503.21776). The shuffled group never enters the loss; the shaping ``temporal_contrast`` compares with
it. Pictures have none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmrl.curriculum.augmentation import generator
from mmrl.rewards.shaping.temporal import TemporalContrast
from mmrl.trainer.aside import judged, sample_aside, with_clips
from mmrl.trainer.columns import SHUFFLED
from mmrl.trainer.rollouts import Rollouts
from mmrl.video.perturb import with_shuffled_frames


class ShuffledGroups:
    """Samples the shuffled groups of a batch."""

    def __init__(self, shaping: TemporalContrast, rewards: Any) -> None:
        self.shaping = shaping
        self.rewards = rewards

    def note(self, trainer: Any, rollouts: Rollouts) -> None:
        """Put each term's mean over the shuffled group into the rows of its prompt; None for prompts without clips.

        A term's mean is over the completions that it judged: 0 where all were cut off.
        """
        chosen = [part for part in rollouts.parts if _has_clip(rollouts.inputs[part[0]])]
        rows = [self._shuffled(trainer, rollouts.inputs[part[0]]) for part in chosen]
        sampled = sample_aside(trainer, rows, self.shaping.size or max(1, trainer._group_size // 2))
        for row in rollouts.inputs:
            row[SHUFFLED] = None
        for part, row, completions in zip(chosen, rows, sampled, strict=True):
            means = self._means([judged(trainer, self.rewards, row, ids)[1] for ids in completions])
            for place in part:
                rollouts.inputs[place][SHUFFLED] = means
        held = [rollouts.inputs[part[0]][SHUFFLED][self.shaping.correct] for part in chosen]
        if held:
            name = "mechanisms/shuffled/" + self.shaping.correct
            trainer._metrics["train"][name].append(math.fsum(held) / len(held))

    def _shuffled(self, trainer: Any, row: Mapping[str, Any]) -> dict[str, Any]:
        rng = generator(trainer.args.seed, trainer.state.global_step, f"shuffled/{row['sample'].id}")
        return with_clips(trainer, row, lambda clip: with_shuffled_frames(clip, rng))

    def _means(self, values: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
        means = {}
        for term in self.rewards.rubric.terms:
            told = [value for one in values if (value := one[term.name]) is not None]
            means[term.name] = math.fsum(told) / len(told) if told else 0.0
        return means


def _has_clip(row: Mapping[str, Any]) -> bool:
    return bool(row.get("videos")) and not row["media_error"]
