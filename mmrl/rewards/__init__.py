"""Rewards: terms over parsed answers, composed by a rubric that keeps the breakdown. Pure, no torch."""

from mmrl.rewards.build import build_rubric, outline_rubric
from mmrl.rewards.laws import no_effect_warnings, rank_warnings, reward_warnings
from mmrl.rewards.plugins import load_function
from mmrl.rewards.rubric import RewardFunction, RewardTerm, Rubric
from mmrl.rewards.terms import TERMS

__all__ = [
    "TERMS",
    "RewardFunction",
    "RewardTerm",
    "Rubric",
    "build_rubric",
    "load_function",
    "no_effect_warnings",
    "outline_rubric",
    "rank_warnings",
    "reward_warnings",
]
