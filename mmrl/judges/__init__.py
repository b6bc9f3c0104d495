"""Models as judges of free answers: asked last, quoted at, distrusted, cached. Imports neither torch nor openai."""

from mmrl.judges.base import Claim, JudgeModel, JudgeSettings, Opinion, Said
from mmrl.judges.guard import reason_to_refuse
from mmrl.judges.judge import Judge, build_judge
from mmrl.judges.queue import JudgeQueue

__all__ = [
    "Claim",
    "Judge",
    "JudgeModel",
    "JudgeQueue",
    "JudgeSettings",
    "Opinion",
    "Said",
    "build_judge",
    "reason_to_refuse",
]
