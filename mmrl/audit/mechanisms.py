"""What ``training.advantage`` does to the advantages of sampled groups, mechanism by mechanism."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrl.answers import write_completion
from mmrl.audit.judged import PHASES, Phase, SampledGroup, advantages, mean_change
from mmrl.audit.laws import NO_EFFECT, TOLERANCE, Finding
from mmrl.rewards import Rubric
from mmrl.rewards.advantage import AdvantageMechanism, Batch, Facts
from mmrl.rewards.rubric import ABSTAINED
from mmrl.rewards.shaping.ranking import answer_text
from mmrl.types import PromptStyle


@dataclass(frozen=True, kw_only=True, slots=True)
class MechanismEffect:
    """What one mechanism changes beyond those before it."""

    name: str
    change: float
    """Mean change of an advantage, in standard deviations."""
    by_phase: Mapping[Phase, float]
    turned: int
    """Groups in which it put a wrong completion above a right one that stood above it before."""
    groups: int
    """Groups with right and wrong completions."""
    example: str = ""
    """The first such group: sample, the two texts and their advantages before and after."""


def mechanism_effects(
    mechanisms: Sequence[Any], rubric: Rubric, groups: Sequence[SampledGroup], *, scale: str, style: PromptStyle
) -> list[MechanismEffect]:
    """Return the effect of each mechanism, applied in order to one batch of all groups.

    ``thoughts``, which asks for labels of tokens, is passed over.
    """
    if not groups:
        return []
    batch = _batch(rubric, groups, scale, style)
    now = advantages(rubric, groups, scale)
    found = []
    for mechanism in mechanisms:
        if isinstance(mechanism, AdvantageMechanism):
            before, after_N = now, mechanism.apply([value for group in now for value in group], batch)
            now = [after_N[place] for place in batch.groups]
            found.append(_effect(mechanism.name, groups, before, now))
    return found


def _batch(rubric: Rubric, groups: Sequence[SampledGroup], scale: str, style: PromptStyle) -> Batch:
    size = len(groups[0].rollouts)
    samples = [group.sample for group in groups for _ in group.rollouts]
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    scored = rubric.score_groups(samples, rollouts, group_size=size)
    names = [term.name for term in rubric.terms]
    values = {name: [one.terms.get(name) for one in scored] for name in names}
    return Batch(
        group_size=size,
        rewards_N=[math.nan if one.note == ABSTAINED else one.total for one in scored],
        terms={name: [math.nan if one is None else one for one in column] for name, column in values.items()},
        facts_N=[
            Facts(
                task=sample.task,
                answer=answer_text(rollout),
                text=rollout.text,
                gold=write_completion(sample.answer, style=style),
            )
            for sample, rollout in zip(samples, rollouts, strict=True)
        ],
        scale=scale,  # type: ignore[arg-type]
    )


def _effect(
    name: str, groups: Sequence[SampledGroup], before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> MechanismEffect:
    changes = [mean_change([one], [other]) for one, other in zip(before, after, strict=True)]
    by_phase = {
        phase: statistics.fmean(mine)
        for phase in PHASES
        if (mine := [change for group, change in zip(groups, changes, strict=True) if group.phase == phase])
    }
    rows = list(zip(groups, before, after, strict=True))
    turned = [found for row in rows if (found := _turned(*row)) is not None]
    return MechanismEffect(
        name=name,
        change=statistics.fmean(changes),
        by_phase=by_phase,
        turned=len(turned),
        groups=sum(len(set(group.rights)) > 1 for group in groups),
        example=turned[0] if turned else "",
    )


def _turned(group: SampledGroup, before: Sequence[float], after: Sequence[float]) -> str | None:
    """Return a pair whose order was right before and is wrong after."""
    places = range(len(group.rollouts))
    for right in (at for at in places if group.rights[at]):
        for wrong in (at for at in places if not group.rights[at]):
            if before[right] > before[wrong] + TOLERANCE and after[right] < after[wrong] - TOLERANCE:
                texts = (group.rollouts[at].text.replace("\n", " ")[:60] for at in (right, wrong))
                pairs = (f"{before[at]:.2f} to {after[at]:.2f}" for at in (right, wrong))
                told = [f"{text!r} goes from {pair}" for text, pair in zip(texts, pairs, strict=True)]
                return f"sample {group.sample.id}: right {told[0]}, wrong {told[1]}"
    return None


def order_kept(effects: Sequence[MechanismEffect]) -> Iterator[Finding]:
    """A mechanism on advantages puts no wrong completion above a right one; one that changes nothing is noted."""
    for one in effects:
        if one.turned:
            yield Finding(
                law="advantage",
                message=f"{one.name} must not put wrong above right; in {one.turned} of {one.groups} groups it does: "
                f"{one.example}",
            )
        elif one.change < NO_EFFECT:
            yield Finding(law=None, message=f"{one.name} changes no advantage of the sampled groups")
