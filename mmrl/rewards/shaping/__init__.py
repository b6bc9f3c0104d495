"""Shapings: what is done to a term before composition, or to the reward after it. ``rubric.shaping`` lists them."""

from mmrl.rewards.shaping.base import Shaping
from mmrl.rewards.shaping.certainty import SelfCertainty
from mmrl.rewards.shaping.entropy import PhaseEntropy
from mmrl.rewards.shaping.par import CentredSigmoid
from mmrl.rewards.shaping.penalties import GroupLength, Length, Repetition
from mmrl.rewards.shaping.ranking import Ranking
from mmrl.rewards.shaping.running import RunningNorm
from mmrl.rewards.shaping.steps import Steps
from mmrl.rewards.shaping.temporal import LengthWindow, TemporalContrast

SHAPINGS: dict[str, type[Shaping]] = {
    kind.name: kind
    for kind in (
        CentredSigmoid,
        RunningNorm,
        Steps,
        Length,
        Repetition,
        GroupLength,
        Ranking,
        PhaseEntropy,
        SelfCertainty,
        TemporalContrast,
        LengthWindow,
    )
}

__all__ = [
    "SHAPINGS",
    "CentredSigmoid",
    "GroupLength",
    "Length",
    "LengthWindow",
    "PhaseEntropy",
    "Ranking",
    "Repetition",
    "RunningNorm",
    "SelfCertainty",
    "Shaping",
    "Steps",
    "TemporalContrast",
]
