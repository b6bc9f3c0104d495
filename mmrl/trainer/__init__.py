"""Training: GRPO on TRL with whole groups, rubric rewards, and the staged curriculum runner."""

from mmrl.trainer import compatibility
from mmrl.trainer.grpo import GRPOTrainer
from mmrl.trainer.options import GRPOConfig
from mmrl.trainer.progress import training_progress
from mmrl.trainer.rewards import RubricRewards
from mmrl.trainer.stages import run_curriculum

__all__ = ["GRPOConfig", "GRPOTrainer", "RubricRewards", "compatibility", "run_curriculum", "training_progress"]
