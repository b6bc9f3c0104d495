"""Run configs: YAML with ``key=value`` overrides, typed, all problems reported together before anything is loaded."""

from mmrl.config.load import config_text, load_config, parse_config
from mmrl.config.schema import (
    AuditConfig,
    CarryConfig,
    DatasetConfig,
    EvaluationConfig,
    FilterConfig,
    HeldOutConfig,
    Order,
    RubricConfig,
    RunConfig,
    StageConfig,
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
    "FilterConfig",
    "HeldOutConfig",
    "Order",
    "RubricConfig",
    "RunConfig",
    "StageConfig",
    "StopConfig",
    "TermConfig",
    "TrainingConfig",
    "TrainingOverrides",
    "config_text",
    "load_config",
    "parse_config",
]
