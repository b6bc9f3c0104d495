"""What is put to a judge, what it says, and how it is set up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict

Count = Annotated[int, Strict(), Field(ge=1)]
Seconds = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Line = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One answer to be judged against what is known to be right."""

    question: str
    reference: str
    """The gold answer; several that count as right are separated by a line break."""
    answer: str
    """The final answer alone, not the whole completion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a model said to one question with yes or no."""

    yes: float
    """Probability of yes among yes and no; 1 or 0 where only the text could be read."""
    source: str
    """``logprobs`` or ``text``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What comes of a claim."""

    yes: float | None
    """Probability that the answer is right, 0 where it is refused; None where the judge failed and abstains."""
    reason: str
    """``judge``, ``refused: ...``, ``decoy`` (it says yes to another reference as well) or ``failed: ...``."""


class JudgeError(Exception):
    """A judge gave no usable verdict on one claim; its opinion is left out."""


class JudgeModel(ABC):
    """A model that is asked questions to be answered with yes or no."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return what decides its verdicts, as JSON values; a part of the cache's keys."""

    @abstractmethod
    def ask(self, messages: list[dict[str, str]]) -> Said:
        """Return its verdict.

        Raises:
            JudgeError: it gave none.
            InputError: it would give none to any question.
        """


class JudgeSettings(BaseModel):
    """Which model judges, and how far it is trusted; the settings of the reward term ``judge``."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: Line
    """Name on the server; without a server 'tiny', a folder or a hub name of a transformers model."""
    server: Line | None = None
    """OpenAI-compatible: ``http://host:port/v1``; null runs the model here."""
    api_key_env: Line = "OPENAI_API_KEY"
    """Environment variable that holds the server's key."""
    cache: Line | None = None
    """Folder of verdicts by content, shared between runs; null keeps them in memory."""
    show_question: Annotated[bool, Strict()] = False
    """Whether the judge reads the question too; without it fewer empty answers pass (One Token to Fool)."""
    decoy: Annotated[bool, Strict()] = True
    """Whether a yes counts only if the judge says no to the same answer beside another reference."""
    controls: Annotated[bool, Strict()] = True
    """Whether the judge must first accept answers that equal their reference; one that cannot is not used."""
    threshold: Share | None = None
    """From this probability on a reward of 1, below it 0; null rewards by the probability itself."""
    max_characters: Count = 2000
    """Longer answers are refused."""
    concurrency: Count = 8
    """Requests on their way at once; a model that runs here answers one after another."""
    waiting: Count = 1024
    """Claims that may wait; what finds the queue full is left out."""
    wait: Seconds = 60.0
    """Seconds that a batch waits for its verdicts; later ones are left out, and found by the next batch."""
    time_limit: Seconds = 30.0
    """Seconds for one request."""
    retries: Annotated[int, Strict(), Field(ge=0)] = 2
