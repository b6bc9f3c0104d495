"""Audits the rubrics of a config on its own data, stage by stage, before anything is trained."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrl.audit import laws
from mmrl.audit.attempts import attempts_of
from mmrl.audit.distance import starc_distance
from mmrl.audit.judged import PHASES, Judged, judge, sampled_groups
from mmrl.audit.mechanisms import MechanismEffect, mechanism_effects, order_kept
from mmrl.config.schema import RunConfig, StageConfig
from mmrl.curriculum.stage import stage_sources
from mmrl.progress import Progress
from mmrl.rewards import Rubric, build_advantage, build_rubric
from mmrl.types import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class StageAudit:
    """What was found about one stage's rubric."""

    name: str
    samples: int
    effects: tuple[laws.Effect, ...]
    hacks: Mapping[str, float]
    """Share of the way to the gold answer's reward that each hack earns."""
    broken: tuple[laws.Finding, ...]
    """Laws that do not hold and are not meant to."""
    meant: tuple[laws.Finding, ...]
    """Laws that do not hold and that the config allows."""
    notes: tuple[laws.Finding, ...]
    mechanisms: tuple[MechanismEffect, ...] = ()
    """What each mechanism of ``training.advantage`` changes."""
    distance: float | None = None
    """STARC distance to another config's rubric on the same answers."""


def audit_config(
    config: RunConfig,
    datasets: Mapping[str, Sequence[Sample]],
    *,
    base_dir: str | Path = ".",
    samples: int = 12,
    against: tuple[RunConfig, str | Path] | None = None,
    progress: Progress | None = None,
) -> list[StageAudit]:
    """Audit every stage's rubric; stages that learn from gold answers alone have none, and are passed over.

    Args:
        config: the run; its ``audit.allow`` names the laws that need not hold.
        datasets: samples of every dataset that a stage draws from; pictures are not needed.
        base_dir: the folder that relative plug-in paths start from.
        samples: samples of each task that attempts are made for.
        against: another config, with the folder of its plug-ins, whose rubric of the same stage is compared.
        progress: called with stages done and their number.

    Raises:
        InputError: a rubric cannot be built, or has no term that verifies some task.
    """
    config = _rewarded(config)
    against = against and (_rewarded(against[0]), against[1])
    tried = []
    for index, stage in enumerate(config.stages):
        rubric = build_rubric(config.stage_rubric(stage), base_dir)
        chosen = _chosen(config, index, datasets, samples)
        rubric.check_covers(chosen, where=f"stages.{stage.name}.rubric")
        tried.append(_try(config, stage, rubric, chosen, base_dir))
        if progress is not None:
            progress(index + 1, len(config.stages))
    return [_audit_stage(config, index, tried, against) for index in range(len(tried))]


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """A stage's rubric with what it says about attempts and about groups of them."""

    rubric: Rubric
    judged: list[Judged]
    groups: laws.Groups
    scale: str
    effects: list[laws.Effect]
    later: Mapping[str, list[Judged]]
    """The same attempts at later times of training, where they earn something else then."""
    mechanisms: list[MechanismEffect]


def _try(
    config: RunConfig, stage: StageConfig, rubric: Rubric, samples: Sequence[Sample], base_dir: str | Path
) -> _Tried:
    rng, style, training = random.Random(config.seed), config.stage_style(stage), config.stage_training(stage)
    judged = [judge(rubric, sample, attempts_of(sample, style, rng)) for sample in samples]
    groups = sampled_groups(judged, training.num_generations, rng)
    effects = laws.effects_of(rubric, groups, training.scale_rewards)
    mechanisms, _ = build_advantage(training.advantage or (), base_dir)
    return _Tried(
        rubric=rubric,
        judged=judged,
        groups=groups,
        scale=training.scale_rewards,
        effects=effects,
        later=_later(rubric, judged, stage.steps),
        mechanisms=mechanism_effects(mechanisms, rubric, groups, scale=training.scale_rewards, style=style),
    )


def _later(rubric: Rubric, judged: Sequence[Judged], steps: int) -> dict[str, list[Judged]]:
    """Score all attempts halfway through training and at its end; a time that changes no reward is left out."""
    found = {}
    for name, step in (("halfway", (steps + 1) // 2), ("at the end", steps)):
        then = [judge(rubric, one.sample, one.attempts, step=step, steps=steps) for one in judged]
        if any(one.rewards != before.rewards for one, before in zip(then, judged, strict=True)):
            found[name] = then
    return found if rubric.composition is not None else {}


def _chosen(config: RunConfig, index: int, datasets: Mapping[str, Sequence[Sample]], most: int) -> list[Sample]:
    """Return the first samples of each task that a stage draws from."""
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for source in stage_sources(config, index, datasets):
        for sample in source.rows:
            if len(by_task[sample.task]) < most:
                by_task[sample.task].append(sample)
    return [sample for task in sorted(by_task) for sample in by_task[task]]


def _rewarded(config: RunConfig) -> RunConfig:
    """Return a config with those of its stages that look at rewards."""
    return config.model_copy(update={"stages": tuple(stage for stage in config.stages if stage.kind != "sft")})


def _audit_stage(
    config: RunConfig, index: int, tried: Sequence[_Tried], against: tuple[RunConfig, str | Path] | None
) -> StageAudit:
    stage, one, allowed = config.stages[index], tried[index], config.audit.allow
    own = config.stage_rubric(stage)
    alike = [other for at, other in enumerate(tried) if config.stage_rubric(config.stages[at]) == own]
    heard = {effect.name for other in alike for effect in other.effects if effect.says}
    findings = [
        *laws.every_sample_is_judged(one.judged),
        *_findings_of(one),
        *laws.effects_hold(one.rubric, one.groups, one.scale, one.effects, heard),
        *order_kept(one.mechanisms),
    ]
    return StageAudit(
        name=stage.name,
        samples=len(one.judged),
        effects=tuple(one.effects),
        hacks=laws.hack_shares(one.judged),
        broken=tuple(found for found in findings if found.law is not None and found.law not in allowed),
        meant=tuple(found for found in findings if found.law in allowed),
        notes=tuple(found for found in findings if found.law is None),
        mechanisms=tuple(one.mechanisms),
        distance=None if against is None else _distance(one.judged, index, *against),
    )


def _findings_of(one: _Tried) -> list[laws.Finding]:
    """Return which laws on rewards are broken when training starts, and which others later, where a schedule moves."""
    found = list(_reward_laws(one.rubric, one.judged))
    for name, judged in one.later.items():
        told = {(finding.law, finding.message.split(" must ")[0]) for finding in found}
        found += [
            replace(finding, message=f"{name} of training, {finding.message}")
            for finding in _reward_laws(one.rubric, judged)
            if (finding.law, finding.message.split(" must ")[0]) not in told
        ]
    return found


def _reward_laws(rubric: Rubric, judged: Sequence[Judged]) -> Iterator[laws.Finding]:
    yield from laws.gold_at_the_maximum(judged)
    yield from laws.right_before_wrong(judged)
    yield from laws.hacks_earn_little(judged)
    yield from laws.filler_earns_nothing(judged)
    yield from laws.stated_rewards(rubric, judged)


def _distance(judged: Sequence[Judged], index: int, other: RunConfig, base_dir: str | Path) -> float:
    stage = other.stages[min(index, len(other.stages) - 1)]
    rubric = build_rubric(other.stage_rubric(stage), base_dir)
    theirs = [judge(rubric, one.sample, one.attempts).rewards for one in judged]
    return starc_distance([one.rewards for one in judged], theirs)


def render(audits: Sequence[StageAudit]) -> str:
    """Return the report as text: for each stage its terms' effects, the battery's rewards, laws broken and notes."""
    return "\n\n".join("\n".join(_lines(one)) for one in audits)


def _lines(audit: StageAudit) -> list[str]:
    lines = [f"stage {audit.name}: {audit.samples} samples"]
    lines.append("  how far each term moves an advantage, in standard deviations, in groups that are")
    titles = {"wrong": "all wrong", "mixed": "mixed", "right": "all right"}
    lines.append(f"    {'term':16}{'weight':>8}" + "".join(f"{titles[one]:>12}" for one in PHASES))
    for effect in audit.effects:
        moved = "".join(f"{effect.by_phase[one]:12.3f}" if one in effect.by_phase else f"{'-':>12}" for one in PHASES)
        drowned = f"   invisible wherever {effect.drowned_by} differs" if effect.drowned_by else ""
        lines.append(f"    {effect.name:16}{effect.weight:8g}{moved}{drowned}")
    if audit.mechanisms:
        lines.append("  how far training.advantage moves an advantage on top of that, in its order")
    for mechanism in audit.mechanisms:
        moved = "".join(
            f"{mechanism.by_phase[one]:12.3f}" if one in mechanism.by_phase else f"{'-':>12}" for one in PHASES
        )
        lines.append(f"    {mechanism.name:24}{moved}")
    lines.append("  what hacks earn, 0 the least and 100 the gold answer:")
    lines += [f"    {name:20} {100 * share:4.0f}" for name, share in sorted(audit.hacks.items())]
    if audit.distance is not None:
        lines.append(f"  distance to the other rubric: {audit.distance:.3f} (0 the same, 1 the opposite)")
    for title, findings in (("broken", audit.broken), ("meant", audit.meant), ("note", audit.notes)):
        lines += [f"  {title}: {f'{one.law}: ' if one.law else ''}{one.message}" for one in findings]
    return lines if audit.broken else [*lines, "  every law holds"]
