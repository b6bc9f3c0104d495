"""The curriculum: which samples a stage trains on and in which order, and the plan of a whole run. No torch."""

from mmrl.curriculum.filters import FilterCounts, filter_tasks
from mmrl.curriculum.follow import Candidate, FollowSampler
from mmrl.curriculum.heldout import check_held_out
from mmrl.curriculum.order import LEVELS, allot, order_stage
from mmrl.curriculum.plan import Plan, SourcePlan, StagePlan, TaskPlan, plan_run
from mmrl.curriculum.promotion import Decision, Promotion
from mmrl.curriculum.stage import (
    Batches,
    Source,
    StageRows,
    stage_batches,
    stage_rows,
    stage_samples,
    stage_seed,
    stage_sources,
)
from mmrl.curriculum.tracker import Outcome, PassTracker, cell_of, row_key

__all__ = [
    "LEVELS",
    "Batches",
    "Candidate",
    "Decision",
    "FilterCounts",
    "FollowSampler",
    "Outcome",
    "PassTracker",
    "Plan",
    "Promotion",
    "Source",
    "SourcePlan",
    "StagePlan",
    "StageRows",
    "TaskPlan",
    "allot",
    "cell_of",
    "check_held_out",
    "filter_tasks",
    "order_stage",
    "plan_run",
    "row_key",
    "stage_batches",
    "stage_rows",
    "stage_samples",
    "stage_seed",
    "stage_sources",
]
