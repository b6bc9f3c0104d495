"""Which folders are asked again, in which forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from datasets_builders.config import BuilderConfig

Form = Literal["yes_no", "choice", "open"]


class FormsConfig(BuilderConfig):
    """Source folders, forms, and how many options a choice has."""

    count: int = Field(default=1_000_000, ge=1)
    """Questions at most."""
    tasks: tuple[str, ...] = ()
    """Shell-style patterns of source tasks, e.g. ``scenes/*``, and of ``FAMILY/classes``; empty means all."""
    source: tuple[str, ...]
    """Dataset folders."""
    forms: tuple[Form, ...] = ("yes_no", "choice", "open")
    """Asked one after another about each thing."""
    options: int = Field(default=4, ge=2, le=6)
    """Options of a choice, at most: fewer where a dataset knows no more."""

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        """Tasks are those of the sources, which are not known before they are read."""
        return tasks

    @field_validator("source", "forms")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("must name at least one; found none")
        if len(set(names)) < len(names):
            raise ValueError(f"must name each once; found {', '.join(names)}; remove the repetition")
        return names

    def portable(self) -> dict[str, Any]:
        """Return the config; folders by their names alone."""
        return self.model_dump(mode="json") | {"source": [Path(folder).resolve().name for folder in self.source]}
