"""Run configs: YAML with ``key=value`` overrides, typed, all problems reported together before anything is loaded."""

from mmrl.config.load import config_text, load_config, parse_config
from mmrl.config.schema import (
    AuditConfig,
    CarryConfig,
    DatasetConfig,
    EvaluationConfig,
    GuardConfig,
    Order,
    RejectionConfig,
    RubricConfig,
    RunConfig,
    SftConfig,
    StageConfig,
    StageKind,
    StopConfig,
    TermConfig,
    TrainingConfig,
    TrainingOverrides,
)

__all__ = [
    "AuditConfig",
    "CarryConfig",
    "DatasetConfig",
    "EvaluationConfig",
    "GuardConfig",
    "Order",
    "RejectionConfig",
    "RubricConfig",
    "RunConfig",
    "SftConfig",
    "StageConfig",
    "StageKind",
    "StopConfig",
    "TermConfig",
    "TrainingConfig",
    "TrainingOverrides",
    "config_text",
    "load_config",
    "parse_config",
]
