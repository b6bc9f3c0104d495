"""What every builder is told: how many questions, which, from which seed; for drawn pictures also how large."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from mmrl.errors import InputError


class BuilderConfig(BaseModel):
    """Options that all builders share; frozen, unknown keys refused.

    Constructing one with bad values raises :class:`mmrl.errors.InputError`, which names every bad option in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_tasks: ClassVar[tuple[str, ...]] = ()
    """Task names that the builder can ask; each builder sets its own."""

    count: int = Field(default=100, ge=1)
    """Questions in all."""
    seed: int = Field(default=0, ge=0)
    """The same config and seed give the same pictures and questions."""
    tasks: tuple[str, ...] = ()
    """Tasks to ask, in turn; empty means all that the builder knows."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise InputError(_one_line(type(self), error)) from None

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML knows whole numbers, so ``true``, ``"3"`` or ``3.0`` in place of one are mistakes, as in run configs."""
        kind = cls.model_fields[info.field_name or ""].annotation
        may_be_absent = value is None and kind is not int
        if kind in (int, int | None) and type(value) is not int and not may_be_absent:
            raise ValueError(f"must be a valid integer; found {value!r}")
        return value

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for name in tasks:
            if name not in cls.known_tasks:
                raise ValueError(f"must hold task names; found {name!r}; {_nearest(name, cls.known_tasks)}")
        if len(set(tasks)) < len(tasks):
            raise ValueError(f"must name each task once; found {', '.join(tasks)}; remove the repetition")
        return tasks

    @property
    def asked_tasks(self) -> tuple[str, ...]:
        """The tasks that will be asked: ``tasks``, or all of the builder's when none are named."""
        return self.tasks or self.known_tasks

    def portable(self) -> dict[str, Any]:
        """Return the config as JSON values that mean the same on any machine: what a manifest stores under ``config``.

        Builders that read files override it: a file is known by its name alone.
        """
        return self.model_dump(mode="json")


class PictureConfig(BuilderConfig):
    """Options that the builders of one drawn picture a scene share."""

    width: int = Field(default=448, ge=112, le=4096)
    """Pixels."""
    height: int = Field(default=448, ge=112, le=4096)
    """Pixels."""
    questions_per_picture: int = Field(default=4, ge=1, le=8)
    """Questions about one picture, at most."""


def _one_line(config: type[BuilderConfig], error: ValidationError) -> str:
    """Tell every bad option of a config in one line."""
    return " | ".join(f"{config.__name__}{_reason(config, detail)}" for detail in error.errors())


def _reason(config: type[BuilderConfig], detail: ErrorDetails) -> str:
    """Where, what must hold, what was found."""
    name = "".join(f".{part}" for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{name}: must be a known option; {_nearest(name.removeprefix('.'), config.model_fields)}"
    if detail["type"] == "value_error":  # raised by our own validators, whose text is complete
        return f"{name}: {detail['ctx']['error']}"
    rule = detail["msg"].removeprefix("Input should ")
    return f"{name}: must {rule}; found {detail['input']!r}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}"
