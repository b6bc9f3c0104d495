"""The curriculum: which samples a stage trains on and in which order, and the plan of a whole run. Pure, no torch."""

from mmrl.curriculum.heldout import check_held_out
from mmrl.curriculum.order import LEVELS, allot, order_stage
from mmrl.curriculum.plan import Plan, SourcePlan, StagePlan, TaskPlan, plan_run
from mmrl.curriculum.stage import Batches, filter_tasks, stage_batches, stage_samples, stage_seed, stage_sources

__all__ = [
    "LEVELS",
    "Batches",
    "Plan",
    "SourcePlan",
    "StagePlan",
    "TaskPlan",
    "allot",
    "check_held_out",
    "filter_tasks",
    "order_stage",
    "plan_run",
    "stage_batches",
    "stage_samples",
    "stage_seed",
    "stage_sources",
]
