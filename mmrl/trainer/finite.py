"""What a reward function does wrong stops the run with a line that names it, the sample and the step.

Not a number: normalised within its group it would spoil every member. None stays an abstention.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from mmrl.errors import InputError
from mmrl.trainer.conversation import sample_name


def function_name(function: Any) -> str:
    """Return the name under which TRL logs a reward function."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def checked_reward(function: Any) -> Any:
    """Wrap a reward function, synchronous or not, so that it raises one clear line; reward models are returned as they are."""
    if isinstance(function, (str, nn.Module)):
        return function
    name = function_name(function)

    def checked(**keywords: Any) -> list[float | None]:
        try:
            values = function(**keywords)
        except InputError:
            raise
        except Exception as error:
            raise _raised(name, error, keywords) from error
        return _require_rewards(name, values, keywords)

    async def checked_async(**keywords: Any) -> list[float | None]:
        try:
            values = await function(**keywords)
        except InputError:
            raise
        except Exception as error:
            raise _raised(name, error, keywords) from error
        return _require_rewards(name, values, keywords)

    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    wrapped = checked_async if inspect.iscoroutinefunction(called) else checked
    wrapped.__name__ = name
    return wrapped


def _raised(term: str, error: Exception, keywords: dict[str, Any]) -> InputError:
    return InputError(
        f"a reward function must return rewards; found {type(error).__name__}: {error}; term {term}, "
        f"samples {_sample(keywords, 0)} to {_sample(keywords, -1)}, step {_step(keywords)}; correct that function"
    )


def _require_rewards(term: str, values: Any, keywords: dict[str, Any]) -> list[float | None]:
    rows = len(keywords["completions"])
    if not isinstance(values, Sequence) and hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != rows:
        found = f"{len(values)} of them" if hasattr(values, "__len__") and not isinstance(values, str) else repr(values)
        raise InputError(
            f"a reward function must return a list of one reward for each of {rows} completions; found {found}; "
            f"term {term}, step {_step(keywords)}; correct that function"
        )
    for row, value in enumerate(values):
        if value is not None and not _is_finite(value):
            raise InputError(
                f"a reward must be finite or None; found {value}; term {term}, sample {_sample(keywords, row)}, "
                f"step {_step(keywords)}; correct that reward function, or return None where it cannot judge"
            )
    return list(values)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def _sample(keywords: dict[str, Any], row: int) -> str:
    rows = len(keywords["completions"])
    row = row % rows
    columns = {name: keywords[name][row] for name in ("sample", "id") if name in keywords}
    return sample_name(columns, row)


def _step(keywords: dict[str, Any]) -> int:
    return getattr(keywords.get("trainer_state"), "global_step", 0) + 1
