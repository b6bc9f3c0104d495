"""What compositions, shapings and advantage mechanisms have in common: settings by name, and what they look at.

A mechanism is a small class whose fields are its settings, with the published defaults where there are any. A config
names it and gives settings beside the name: ``composition: {name: gated, order: [accuracy, iou]}``. Its docstring says
what it does in its first line, then ``Formula``, ``Source`` and, where there are any, ``Deviation`` paragraphs;
``docs/rewards.md`` is made of them.

Legend: ``_G`` completions of one group, ``_N`` completions of a batch, group by group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, Strict

from mmrl.types import Rollout, Sample

Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=1)]
Flag = Annotated[bool, Strict()]
Line = Annotated[str, Field(min_length=1)]
Term = Annotated[str, Field(min_length=1)]
"""Name of a term of the rubric."""

Values = Mapping[str, float | None]
"""Unweighted values of one completion's terms by name; None where a term abstains."""

Gather = Callable[[list[Any]], list[Any]]
"""Joins a list with those of all other processes, in order of the processes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What is known beside the values: the question, the weights, and how far training has come."""

    sample: Sample
    weights: Mapping[str, float]
    progress: float = 0.0
    """Share of the stage's steps that are done, 0 to 1."""
    step: int = 0
    """Optimiser steps of the stage that are done."""
    rollouts_G: Sequence[Rollout] = ()
    """The completions of the group that are scored by their terms, not those cut off or failed."""
    values_G: Sequence[Values] = field(default=())
    """Their values, in the same order."""


class Mechanism(BaseModel):
    """Base of all mechanisms: frozen settings, unknown ones refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: ClassVar[str]
    """As a config spells it."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that names a term of the rubric, with the name."""
        return iter(())

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield settings that do not go together: the one to change, and what must hold."""
        return iter(())


class Stateful(ABC):
    """A mechanism that remembers something from batch to batch; a checkpoint keeps it."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what is remembered, as JSON values."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""


def named(setting: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield ``(setting, name)`` for each name: what :meth:`Mechanism.terms_read` is made of."""
    return ((setting, name) for name in names)


def number(value: float | None) -> float:
    """Return a term's value, 0 where it abstains."""
    return 0.0 if value is None else value
