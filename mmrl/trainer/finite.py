"""A reward that is not a number stops the run, by name: normalised within its group it would spoil every member."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from torch import nn

from mmrl.errors import InputError


def function_name(function: Any) -> str:
    """Return the name under which TRL logs a reward function."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def refuse_non_finite(function: Any) -> Any:
    """Wrap a synchronous reward function so that NaN or infinity stops the run; other kinds are returned as they are.

    None stays an abstention.
    """
    if isinstance(function, (str, nn.Module)) or inspect.iscoroutinefunction(function):
        return function
    name = function_name(function)

    def checked(**keywords: Any) -> list[float | None]:
        values = function(**keywords)
        for row, value in enumerate(values):
            if value is not None and not math.isfinite(value):
                _refuse(name, value, row, keywords)
        return values

    checked.__name__ = name
    return checked


def _refuse(term: str, value: float, row: int, keywords: dict[str, Any]) -> None:
    sample = keywords["sample"][row].id if "sample" in keywords else keywords.get("id", {row: f"row {row}"})[row]
    step = getattr(keywords.get("trainer_state"), "global_step", 0) + 1
    raise InputError(
        f"a reward must be finite or None; found {float(value)}; term {term}, sample {sample}, step {step}; "
        "correct that reward function, or return None where it cannot judge"
    )
