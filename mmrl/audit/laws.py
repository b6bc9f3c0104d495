"""Laws that a rubric must keep on the data it is trained with, each with the evidence where it does not."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrl.audit.attempts import FILLER, Attempt
from mmrl.audit.judged import (
    PHASES,
    Judged,
    Phase,
    SampledGroup,
    advantages,
    held_constant,
    mean_change,
    reweighted,
    values_in,
)
from mmrl.config.schema import Law
from mmrl.rewards import RewardTerm, Rubric
from mmrl.types import RewardBreakdown

Groups = Sequence[SampledGroup]

NO_EFFECT = 0.01
"""Mean change of an advantage, in standard deviations, below which nothing is to be seen of a term."""
DIFFERS = 0.1
"""Mean change of a group's advantages from which on a term counts as one that differs there."""
HACK_SHARE = 0.5
"""Share of the way from the least reward to the gold answer's that a hack may not reach on average."""
TOLERANCE = 1e-6
FACTORS = (0.1, 0.5, 2.0, 10.0)
"""By which a weight is multiplied to see whether it matters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One law that does not hold, or a note."""

    law: Law | None
    """None for a note, which fails nothing."""
    message: str


def shown(one: Attempt, breakdown: RewardBreakdown, *, width: int = 100) -> str:
    """Return an attempt with what it earns, in one line."""
    text = one.rollout.text.replace("\n", " ")
    text = text if len(text) <= width else text[: width - 3] + "..."
    parts = ", ".join(f"{name} {value:.3g}" for name, value in breakdown.terms.items() if value is not None)
    return f"{text!r} ({one.name}) earns {breakdown.total:.3g} ({parts or breakdown.note})"


def gold_at_the_maximum(judged: Sequence[Judged]) -> Iterator[Finding]:
    """The gold answer, as a model would write it, earns as much as anything that was tried."""
    beaten = []
    for one in judged:
        best = max(range(len(one.attempts)), key=lambda at, one=one: one.rewards[at])  # type: ignore[misc]
        if one.rewards[best] > one.gold + TOLERANCE:
            beaten.append((one, best))
    if beaten:
        one, best = beaten[0]
        yield Finding(
            law="gold",
            message=f"gold answers must earn the most; in {len(beaten)} of {len(judged)} samples another earns more: "
            f"sample {one.sample.id}: {shown(one.attempts[best], one.breakdowns[best])}, the gold "
            f"{shown(one.attempts[0], one.breakdowns[0])}",
        )


def right_before_wrong(judged: Sequence[Judged]) -> Iterator[Finding]:
    """Every right answer earns more than every honest wrong one to the same question."""
    turned = [(one, *pair) for one in judged if (pair := _worst_pair(one, hacks=False)) is not None]
    if turned:
        one, right, wrong = max(turned, key=lambda found: found[0].rewards[found[2]] - found[0].rewards[found[1]])
        yield Finding(
            law="order",
            message=f"right answers must earn more than wrong ones; in {len(turned)} of {len(judged)} samples they do "
            f"not: sample {one.sample.id}: wrong {shown(one.attempts[wrong], one.breakdowns[wrong])}, right "
            f"{shown(one.attempts[right], one.breakdowns[right])}",
        )


def _worst_pair(one: Judged, *, hacks: bool, name: str | None = None) -> tuple[int, int] | None:
    """Return the least earning right and the most earning wrong attempt, where the wrong one earns as much."""
    places = range(len(one.attempts))
    right = [at for at in places if one.attempts[at].right and not one.attempts[at].hack]
    wrong = [
        at
        for at in places
        if not one.attempts[at].right and one.attempts[at].hack is hacks and name in (None, one.attempts[at].name)
    ]
    if not right or not wrong:
        return None
    worst = min(right, key=lambda at: one.rewards[at])
    best = max(wrong, key=lambda at: one.rewards[at])
    return (worst, best) if one.rewards[best] >= one.rewards[worst] - TOLERANCE else None


def hack_shares(judged: Sequence[Judged]) -> dict[str, float]:
    """Return what each hack earns where it is not right: 0 for the least of a sample's rewards, 1 for the gold's."""
    shares: dict[str, list[float]] = {}
    for one in judged:
        low = min(one.rewards)
        for tried, reward in zip(one.attempts, one.rewards, strict=True):
            if tried.hack and not tried.right and one.gold > low + TOLERANCE:
                shares.setdefault(tried.name, []).append((reward - low) / (one.gold - low))
    return {name: statistics.fmean(values) for name, values in shares.items()}


def hacks_earn_little(judged: Sequence[Judged]) -> Iterator[Finding]:
    """No hack outranks a right answer, or earns half of what the gold answer does on average."""
    for name, share in hack_shares(judged).items():
        turned = [(one, *pair) for one in judged if (pair := _worst_pair(one, hacks=True, name=name)) is not None]
        if not turned and share < HACK_SHARE:
            continue
        one, place = _example(judged, name) if not turned else (turned[0][0], turned[0][2])
        yield Finding(
            law="hack",
            message=f"{name} must earn little; it earns {100 * share:.0f} % of the way to the gold answer and outranks "
            f"a right answer in {len(turned)} samples: sample {one.sample.id}: "
            f"{shown(one.attempts[place], one.breakdowns[place])}",
        )


def _example(judged: Sequence[Judged], name: str) -> tuple[Judged, int]:
    found = [(one, at) for one in judged for at, tried in enumerate(one.attempts) if tried.name == name]
    return max(found, key=lambda pair: pair[0].rewards[pair[1]])


def filler_earns_nothing(judged: Sequence[Judged]) -> Iterator[Finding]:
    """The same answer with more words around it does not earn more."""
    for name, longer in (("gold", "gold_with_filler"), ("mistake", "mistake_with_filler")):
        gains = []
        for one in judged:
            names = [tried.name for tried in one.attempts]
            if longer in names and name in names:
                plain = _wrapped_by(one, names.index(longer))
                gains.append((one.rewards[names.index(longer)] - one.rewards[plain], one, names.index(longer)))
        paid = [gain for gain in gains if gain[0] > NO_EFFECT * max(abs(gain[1].gold), TOLERANCE)]
        if paid:
            gain, one, at = max(paid, key=lambda found: found[0])
            yield Finding(
                law="length",
                message=f"more words must not earn more; in {len(paid)} of {len(gains)} samples {longer} does, up to "
                f"{gain:.3g}: sample {one.sample.id}: {shown(one.attempts[at], one.breakdowns[at])}",
            )


def _wrapped_by(one: Judged, longer: int) -> int:
    """Return the attempt that the longer one wraps."""
    text = one.attempts[longer].rollout.text
    return next(at for at, tried in enumerate(one.attempts) if text == FILLER * 3 + tried.rollout.text)


def every_sample_is_judged(judged: Sequence[Judged]) -> Iterator[Finding]:
    """Some term with a weight has a say on every sample."""
    mute = [one.sample.id for one in judged if one.mute]
    if mute:
        message = (
            f"every sample must be judged; {len(mute)} of {len(judged)} are not, as {mute[0]}; add a term for them"
        )
        yield Finding(law="unjudged", message=message)


def stated_rewards(rubric: Rubric, judged: Sequence[Judged]) -> Iterator[Finding]:
    """Being cut off, or failing, earns no more than a complete wrong answer."""
    wrong = [
        reward
        for one in judged
        for tried, reward in zip(one.attempts, one.rewards, strict=True)
        if tried.name == "mistake" and not tried.right
    ]
    for name, value in (("truncated", rubric.truncated), ("failed", rubric.failed)):
        if value is not None and wrong and value > min(wrong) + TOLERANCE:
            message = (
                f"{name} {value:g} must not be above what a complete wrong answer may earn, {min(wrong):.3g}; lower it"
            )
            yield Finding(law="stated", message=message)


# ---------------------------------------------------------------------------------------------- effects


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What is left of a term after normalisation."""

    name: str
    weight: float
    change: float
    """Mean change of an advantage, in standard deviations, where the term is held constant."""
    by_phase: Mapping[Phase, float]
    """The same over groups that are all wrong, mixed, and all right; a phase without groups is left out."""
    says: bool
    """Whether it has a say on any sample."""
    drowned_by: str | None = None
    """The term beside which nothing is to be seen of it wherever that one differs."""


def effects_of(rubric: Rubric, groups: Groups, scale: str) -> list[Effect]:
    """Return the effect of every term with a weight, or that a composition or a shaping reads.

    Each over the groups of samples on which the term has a say.
    """
    base = advantages(rubric, groups, scale)
    seen = {term.name: _Seen.of(rubric, term, groups, base, scale) for term in rubric.terms}
    found = []
    for term in rubric.terms:
        one = seen[term.name]
        visible = one.change >= NO_EFFECT
        if term.weight or visible:
            others = [name for name in seen if name != term.name] if visible else []
            drowned = next((name for name in others if _hides(seen[name], one)), None)
            found.append(
                Effect(
                    name=term.name,
                    weight=term.weight,
                    change=one.change,
                    by_phase=one.by_phase,
                    says=any(one.says_P),
                    drowned_by=drowned,
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A term's effect on each group: mean change of its advantages where the term is held constant."""

    phases_P: list[Phase]
    changes_P: list[float]
    says_P: list[bool]
    """Whether it has a say on any completion of the group."""
    varies_P: list[bool]
    """Whether it says different things about them."""

    @classmethod
    def of(cls, rubric: Rubric, term: RewardTerm, groups: Groups, base: list[list[float]], scale: str) -> _Seen:
        without = advantages(held_constant(rubric, term.name), groups, scale)
        changes = [mean_change([one], [other]) for one, other in zip(base, without, strict=True)]
        values = [values_in(rubric, term, group) for group in groups]
        return cls(
            phases_P=[group.phase for group in groups],
            changes_P=changes,
            says_P=[bool(one) for one in values],
            varies_P=[len(set(one)) > 1 for one in values],
        )

    def over(self, *phases: Phase) -> float | None:
        """Return the mean over the groups of some phases on which the term has a say; None where there are none."""
        rows = zip(self.phases_P, self.changes_P, self.says_P, strict=True)
        said = [change for phase, change, says in rows if says and phase in phases]
        return statistics.fmean(said) if said else None

    @property
    def change(self) -> float:
        return self.over(*PHASES) or 0.0

    @property
    def by_phase(self) -> dict[Phase, float]:
        return {phase: mean for phase in PHASES if (mean := self.over(phase)) is not None}


def _hides(large: _Seen, small: _Seen) -> bool:
    """Whether nothing is to be seen of a term in the groups where both differ."""
    places = [at for at, change in enumerate(large.changes_P) if change >= DIFFERS and small.varies_P[at]]
    return bool(places) and statistics.fmean(small.changes_P[at] for at in places) < NO_EFFECT


def effects_hold(
    rubric: Rubric, groups: Groups, scale: str, effects: Sequence[Effect], heard: Collection[str]
) -> Iterator[Finding]:
    """Every term with a weight can be seen in some advantage; what a weight is matters.

    ``heard`` names the terms that have a say in some stage with the same rubric.
    """
    for one in effects:
        if not one.says and one.name in heard:
            yield Finding(law=None, message=f"{one.name} has no say on the answers of this stage")
        elif one.change < NO_EFFECT:
            message = f"{one.name} {one.weight:g} must change something; it is in no advantage; remove it or its weight"
            yield Finding(law="no_effect", message=message)
        elif one.drowned_by:
            message = (
                f"{one.name} {one.weight:g} must be seen; wherever {one.drowned_by} differs it is not; scale them alike"
            )
            yield Finding(law="drowned", message=message)
        elif one.weight and scale == "group":
            term = next(term for term in rubric.terms if term.name == one.name)
            here = [group for group in groups if values_in(rubric, term, group)]
            base = advantages(rubric, here, scale)
            tried = [advantages(reweighted(rubric, one.name, factor), here, scale) for factor in FACTORS]
            largest = max(mean_change(base, changed) for changed in tried)
            if largest < NO_EFFECT:
                message = (
                    f"the weight {one.weight:g} of {one.name} shows in no advantage under scale_rewards: group: "
                    f"multiplied by {', '.join(f'{factor:g}' for factor in FACTORS)} it moved them by "
                    f"{largest:.3f} standard deviations at most"
                )
                yield Finding(law=None, message=message)
