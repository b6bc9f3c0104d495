"""Difficulty-aware augmentation in a training step: some groups are sampled again with a changed prompt.

After a batch is rewarded, each group's mean is compared with the recent ones; a group that is off gets noise, masked or
fewer frames, or a hint, is sampled anew, and takes the place of the first one. Only training comes here: evaluation
rolls out by itself. Log-probabilities are under the changed prompt, from which the completions were sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from accelerate.utils import gather_object
from PIL import Image

from mmrl.answers import write_answer
from mmrl.curriculum.augmentation import Augmentation, Change, RewardWindow, generator
from mmrl.curriculum.hints import hint_of, thought_of
from mmrl.prompts import build_prompt
from mmrl.trainer import scoring
from mmrl.trainer.advantages import combine_rewards
from mmrl.trainer.aside import judged, sample_aside, with_clips, with_question
from mmrl.trainer.columns import CHANGE
from mmrl.trainer.rollouts import Rollouts
from mmrl.video import VideoClip
from mmrl.video.perturb import noisy, with_fewer_frames, with_masked_frames, with_noise

REASONING = "reasoning"
"""Key of a sample's ``meta`` that holds a written reasoning, where the data have one (Video-R1's ``process``)."""


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What is to be done to one part of a batch; with ``row`` None it could not be done."""

    part: int
    change: Change
    reward: float
    row: dict[str, Any] | None = None
    hint: str = ""


class Augmenter:
    """Changes what a stage trains on; holds the window of recent rewards."""

    def __init__(self, settings: Augmentation, rewards: Any) -> None:
        self.settings = settings
        self.rewards = rewards
        self.window = RewardWindow(settings.window)
        self.greatest = math.fsum(term.weight for term in rewards.rubric.terms)
        self._records: list[dict[str, Any]] = []

    def take_records(self) -> list[dict[str, Any]]:
        """Return what was changed since the last call, over all processes, and forget it."""
        records, self._records = self._records, []
        return records

    def apply(self, trainer: Any, rollouts: Rollouts) -> None:
        """Sample the groups that are too easy or too hard again, changed, and put them in their places."""
        means = self._group_means(trainer, rollouts)
        recent = self.window.mean
        self.window.add(mean for mean in gather_object(means) if mean is not None)
        wishes = [] if recent is None else list(self._wishes(trainer, rollouts, means, recent))
        metrics = trainer._metrics["train"]
        metrics["augment/dead_before"].append(scoring.dead_share(trainer, rollouts))
        wishes = self._with_hints(trainer, rollouts, wishes)
        done = [wish for wish in wishes if wish.row is not None]
        self._sample_again(trainer, rollouts, done)
        self._note(trainer, rollouts, wishes)

    # -------------------------------------------------------------------------------------------- what is to be done

    def _group_means(self, trainer: Any, rollouts: Rollouts) -> list[float | None]:
        """Return each part's mean reward; None where its media failed or nothing judged it."""
        total_N = combine_rewards(rollouts.rewards_NK, trainer.reward_weights.cpu())
        means: list[float | None] = []
        for part in rollouts.parts:
            values = [float(total_N[row]) for row in part if not math.isnan(total_N[row])]
            usable = bool(values) and not rollouts.inputs[part[0]]["media_error"]
            means.append(math.fsum(values) / len(values) if usable else None)
        return means

    def _wishes(self, trainer: Any, rollouts: Rollouts, means: Sequence[float | None], recent: float) -> Any:
        for part, mean in enumerate(means):
            change = None if mean is None else self.settings.change(recent - mean, self.greatest)
            if change is None or mean is None:
                continue
            wish = _Wish(part=part, change=change, reward=mean)
            row = rollouts.inputs[rollouts.parts[part][0]]
            yield wish if change.operator == "hint" else replace(wish, row=self._perturbed(trainer, row, change))

    def _perturbed(self, trainer: Any, row: Mapping[str, Any], change: Change) -> dict[str, Any] | None:
        """Return the row with its media changed; None where the operator has nothing to work on."""
        rng = generator(trainer.args.seed, trainer.state.global_step, row["sample"].id)
        if change.operator == "noise" and (row["images"] or row["videos"]):
            changed = with_clips(trainer, row, lambda clip: with_noise(clip, change.strength, rng))
            return {**changed, "images": [_noisy_picture(one, change.strength, rng) for one in row["images"]]}
        if not row["videos"]:
            return None

        def perturb(clip: VideoClip) -> VideoClip:
            if change.operator == "mask":
                return with_masked_frames(clip, change.strength, rng)
            return with_fewer_frames(clip, change.strength)

        return with_clips(trainer, row, perturb)

    # -------------------------------------------------------------------------------------------- hints

    def _with_hints(self, trainer: Any, rollouts: Rollouts, wishes: Sequence[_Wish]) -> list[_Wish]:
        """Return the wishes with the rows of hints, cut from a written reasoning or from the best of the policy's own.

        The policy is shown the right answer and asked for its reasons; a trace counts only where its answer is right.
        """
        hinted = [wish for wish in wishes if wish.change.operator == "hint"]
        rows = {wish.part: rollouts.inputs[rollouts.parts[wish.part][0]] for wish in hinted}
        bare = [part for part, row in rows.items() if not row["sample"].meta.get(REASONING)]
        traces = self._traces(trainer, {part: rows[part] for part in bare})
        found = []
        for wish in wishes:
            if wish.change.operator == "hint":
                sample = rows[wish.part]["sample"]
                reasoning = traces.get(wish.part) or str(sample.meta.get(REASONING) or "")
                hint = hint_of(reasoning, wish.change.strength, sample)
                row = with_question(rows[wish.part], f"Hint: {hint}", self._prompt) if hint else None
                wish = replace(wish, row=row, hint=hint)
            found.append(wish)
        return found

    def _traces(self, trainer: Any, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
        """Return the best own reasoning for each part that has a right one; nothing where the style has no reasoning.

        All processes sample where one of them does.
        """
        thinks = self.rewards.style == "think"
        if not thinks or not any(gather_object([bool(rows)])):
            return {}
        told = [
            with_question(row, f"The right answer is {write_answer(row['sample'].answer)}. Say why.", self._prompt)
            for row in rows.values()
        ]
        sampled = sample_aside(trainer, told, trainer._group_size)
        best = {}
        for part, row, completions in zip(rows, told, sampled, strict=True):
            seen = [judged(trainer, self.rewards, row, ids) for ids in completions]
            right = [(self._worth(values), rollout.text) for rollout, values in seen if self._is_right(values)]
            if right:
                best[part] = thought_of(max(right, key=lambda one: one[0])[1])
        return best

    def _prompt(self, sample: Any, frame: Any) -> Any:
        return build_prompt(sample, style=self.rewards.style, frame=frame)

    def _worth(self, values: Mapping[str, float | None]) -> float:
        return math.fsum(term.weight * (values[term.name] or 0.0) for term in self.rewards.rubric.terms)

    def _is_right(self, values: Mapping[str, float | None]) -> bool:
        verifying = [term for term in self.rewards.rubric.terms if term.verifies and term.weight]
        return any((values[term.name] or 0.0) > 0 for term in verifying)

    # -------------------------------------------------------------------------------------------- doing it

    def _sample_again(self, trainer: Any, rollouts: Rollouts, wishes: Sequence[_Wish]) -> None:
        """Roll the changed rows out; every process as many groups, some for nothing, since rewards are gathered."""
        most = max(gather_object([len(wishes)]))
        for row in rollouts.inputs:
            row[CHANGE] = None
        if most == 0:
            return
        changed = {wish.part: {**(wish.row or {}), CHANGE: self._record(rollouts, wish)} for wish in wishes}
        spare = [part for part in range(len(rollouts.parts)) if part not in changed][: most - len(changed)]
        rows = [
            dict(changed.get(part) or rollouts.inputs[place])
            for part in (*changed, *spare)
            for place in rollouts.parts[part]
        ]
        again = trainer._roll_out(rows, compare=False)
        rollouts.replace(again, list(changed))
        scoring.compare(trainer, rollouts)
        scoring.replace_extra_logs(trainer, rollouts.subset(list(changed))[1], rows=len(rollouts.inputs))
        trainer._rollouts = rollouts

    def _record(self, rollouts: Rollouts, wish: _Wish) -> dict[str, Any]:
        sample = rollouts.inputs[rollouts.parts[wish.part][0]]["sample"].id
        hint = {"hint": wish.hint} if wish.hint else {}
        return {"sample": sample, **wish.change.record(), "reward_before": wish.reward, **hint}

    def _note(self, trainer: Any, rollouts: Rollouts, wishes: Sequence[_Wish]) -> None:
        """Count what was done, and keep the records with what the changed groups earned."""
        means = self._group_means(trainer, rollouts)
        done = [wish for wish in wishes if wish.row is not None]
        records = [{**self._record(rollouts, wish), "reward_after": means[wish.part]} for wish in done]
        self._records += gather_object(records)
        groups = len(gather_object(list(range(len(rollouts.parts)))))
        counts = {
            "augment/harder": [wish.change.operator != "hint" for wish in done],
            "augment/hinted": [wish.change.operator == "hint" for wish in done],
            "augment/skipped": [wish.row is None for wish in wishes],
        }
        for name, flags in counts.items():
            trainer._metrics["train"][name].append(sum(gather_object(flags)) / groups)


def _noisy_picture(picture: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(noisy(np.asarray(picture.convert("RGB")), deviation, rng))
