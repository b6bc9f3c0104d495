"""From a config's rubric to one that scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrl.errors import InputError
from mmrl.rewards.advantage import Thoughts
from mmrl.rewards.judge import JUDGE, JudgeTerm, judge_settings
from mmrl.rewards.mechanism import Mechanism
from mmrl.rewards.mechanism_table import build_mechanism
from mmrl.rewards.plugins import load_function
from mmrl.rewards.rubric import RewardFunction, RewardTerm, Rubric
from mmrl.rewards.terms import TERMS
from mmrl.types import Rollout, Sample

if TYPE_CHECKING:  # the config checks term names against this package
    from mmrl.config.schema import MechanismConfig, RubricConfig, TermConfig


def build_rubric(config: RubricConfig, base_dir: str | Path) -> Rubric:
    """Return the rubric that a config describes, its plug-ins loaded.

    Args:
        config: the rubric section.
        base_dir: folder that relative plug-in paths start from: the one that holds the config file.

    Raises:
        InputError: a term is not known, a plug-in cannot be loaded, or the terms do not make a rubric.
    """
    terms = [_term(term, load_function(term.use, Path(base_dir)) if term.use else None) for term in config.terms]
    return _rubric(terms, config)


def outline_rubric(config: RubricConfig) -> Rubric:
    """Return the rubric without loading plug-ins: good for looking at its terms, not for scoring with them."""
    return _rubric([_term(term, _not_loaded) for term in config.terms], config)


def build_advantage(configs: Sequence[MechanismConfig], base_dir: str | Path) -> tuple[list[Mechanism], Any]:
    """Return the mechanisms on advantages that a config lists, and the function that labels steps for thoughts.

    Raises:
        InputError: a mechanism is not known, or its plug-in cannot be loaded.
    """
    mechanisms = [build_mechanism("advantage", one.name, one.settings) for one in configs]
    uses = [one.use for one in mechanisms if isinstance(one, Thoughts)]
    return mechanisms, load_function(uses[0], Path(base_dir)) if uses else None


def _rubric(terms: list[RewardTerm], config: RubricConfig) -> Rubric:
    one = config.composition
    return Rubric(
        terms,
        truncated=config.truncated,
        failed=config.failed,
        composition=None if one is None else build_mechanism("composition", one.name, one.settings),
        shaping=[build_mechanism("shaping", each.name, each.settings) for each in config.shaping],
    )


def _term(config: TermConfig, plugin: RewardFunction | None) -> RewardTerm:
    if config.use is not None:
        assert plugin is not None, config.use
        return RewardTerm(name=config.name, function=plugin, weight=config.weight, verifies=config.verifies)
    if config.name == JUDGE:
        return _judge_term(config)
    if config.name not in TERMS:
        raise InputError(
            f"a term must be built in or name its function; found {config.name}; rubric.terms; "
            f"use one of {', '.join(TERMS)}, or give use: file.py:function"
        )
    return replace(TERMS[config.name], weight=config.weight)


def _judge_term(config: TermConfig) -> RewardTerm:
    """Return the term with a judge of its own, which loads and asks nothing before it scores."""
    judge = JudgeTerm(judge_settings(config.settings))
    return RewardTerm(
        name=config.name,
        function=judge,
        weight=config.weight,
        kinds=frozenset(judge.settings.kinds),
        verifies=config.verifies,
        graded=judge.settings.threshold is None,
        prepare=judge.prepare,
        facts=judge.facts,
    )


def _not_loaded(sample: Sample, rollout: Rollout) -> float | None:  # noqa: ARG001
    raise AssertionError("an outlined rubric does not score; use build_rubric")
