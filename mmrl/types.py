"""The vocabulary: what a question, an answer, a completion and a score are.

Everything else in the toolkit speaks these types. They are frozen, keyword-only and import neither torch nor
transformers, so builders, rewards and scorers stay light.

Axis letters used on names in this package (for lists as well as tensors):
``_P`` prompts, ``_G`` members of a group, ``_T`` tokens, ``_I`` images, ``_F`` frames of a video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Level = Literal["easy", "middle", "hard"]
"""Difficulty label, spelled as ReasonMap's data spell it."""

PromptStyle = Literal["direct", "think", "boxed", "json"]
"""How the answer is asked for: ``<answer>``, ``<think>`` then ``<answer>``, ``\\boxed{}``, or a fenced JSON block."""

FrameKind = Literal["original", "model", "unit", "permille"]
"""Coordinate frame: pixels of the stored picture, pixels of the resized model input, 0-1, or 0-1000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A coordinate frame: its kind and the extent that a whole picture has in it."""

    kind: FrameKind
    width: float
    """Extent of the x axis: pixels for ``original`` and ``model``, 1 for ``unit``, 1000 for ``permille``."""
    height: float
    """Extent of the y axis, in the same unit."""


# ---------------------------------------------------------------------------------------------------- answers


@dataclass(frozen=True, kw_only=True, slots=True)
class YesNo:
    """A judgement."""

    value: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One or more option letters."""

    letters: tuple[str, ...]
    """Upper-case letters, sorted, each once: ``("A",)`` or ``("A", "C")``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A count or a quantity."""

    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A short free answer."""

    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place in the picture."""

    x: float
    y: float
    frame: Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """One axis-aligned rectangle; lives inside :class:`Boxes`, which states the frame."""

    x1: float
    """Left edge."""
    y1: float
    """Top edge."""
    x2: float
    """Right edge (the coordinate of the edge itself, so width is ``x2 - x1``)."""
    y2: float
    """Bottom edge."""
    label: str | None = None
    """What the box holds, where the answer says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """One or more boxes of one picture, in one frame."""

    boxes: tuple[Box, ...]
    frame: Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A stretch of time."""

    start: float
    """Seconds from the first frame."""
    end: float
    """Seconds from the first frame, at least ``start``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    """One or more stretches of one clip."""

    intervals: tuple[Interval, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounded:
    """An option together with when the clip shows that it is right."""

    choice: Choice
    intervals: Intervals


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteLeg:
    """One ride without change."""

    line: str
    departure: str
    arrival: str
    via_count: int | None = None
    """Number of stops between departure and arrival, both excluded, where stated."""
    via: tuple[str, ...] | None = None
    """Those stops in order, where stated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A journey: legs in order of travel."""

    legs: tuple[RouteLeg, ...]


ActionType = Literal["click", "double_click", "right_click", "type", "select", "scroll", "press", "wait", "done"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One step on a screen."""

    type: ActionType
    point: Point | None = None
    text: str | None = None
    """Text to type, option to select, key to press, or scroll direction."""


Answer = YesNo | Choice | Number | Text | Point | Boxes | Intervals | Grounded | Route | Action
AnswerKind = Literal["yes_no", "choice", "number", "text", "point", "boxes", "intervals", "grounded", "route", "action"]

ANSWER_KINDS: dict[type, AnswerKind] = {
    YesNo: "yes_no",
    Choice: "choice",
    Number: "number",
    Text: "text",
    Point: "point",
    Boxes: "boxes",
    Intervals: "intervals",
    Grounded: "grounded",
    Route: "route",
    Action: "action",
}


def answer_kind(answer: Answer) -> AnswerKind:
    """Return the name of an answer's type, as it stands in dataset rows."""
    return ANSWER_KINDS[type(answer)]


# ---------------------------------------------------------------------------------------------------- samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A picture or clip that a sample asks about, stored once in the dataset folder."""

    path: str
    """Path relative to the dataset folder, with forward slashes: ``media/ab12....png``."""
    kind: Literal["image", "video"] = "image"
    width: int
    """Pixels as stored."""
    height: int
    """Pixels as stored."""
    sha256: str
    """Checksum of the file's bytes, hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One question with its media and its known answer."""

    id: str
    """Unique within the dataset."""
    task: str
    """``family/name``: ``transit/plan``, ``gui/ground``, ``scenes/count``."""
    question: str
    """The question alone; how to answer is added by the prompt."""
    media: tuple[Media, ...]
    answer: Answer
    """The gold answer; boxes and points are in the ``original`` frame of the first medium."""
    choices: tuple[str, ...] = ()
    """Texts of options A, B, ... in order, for choice questions."""
    difficulty: Level = "easy"
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What scoring or grouping needs beyond the answer, JSON values only: e.g. ``lines`` of a transit network."""

    @property
    def family(self) -> str:
        """The task family: what stands before the slash."""
        return self.task.split("/", 1)[0]


# ---------------------------------------------------------------------------------------------------- completions


class ParseStatus(StrEnum):
    """Why a completion has, or has not, a typed answer."""

    OK = "ok"
    EMPTY = "empty"
    """Nothing was written."""
    NO_ANSWER = "no_answer"
    """The place where the answer belongs is missing or empty."""
    MANY_ANSWERS = "many_answers"
    """More than one answer place, so which one counts is ambiguous."""
    BAD_FORMAT = "bad_format"
    """An answer stands there, but not in the form that the question asks for."""
    OUT_OF_RANGE = "out_of_range"
    """Well formed but impossible: NaN, an inverted or empty box, an end before its start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """What was read from a completion."""

    status: ParseStatus
    answer: Answer | None = None
    """The typed answer; present exactly when ``status`` is ``OK``."""
    detail: str = ""
    """For a person: what was found instead."""
    well_formed: bool = False
    """Whether the whole completion follows the prompt style, nothing before, between or after its parts."""
    candidates: tuple[Point, ...] = ()
    """Where a point is asked for and one list of several is answered: the points in order, for rewards of search."""


class StopReason(StrEnum):
    """Why generation ended."""

    END = "end"
    LENGTH = "length"
    """The token limit cut it off."""
    FAILED = "failed"
    """Media or backend failure: there is no usable completion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardBreakdown:
    """A reward with its parts, before any normalisation."""

    total: float
    terms: Mapping[str, float | None]
    """Unweighted value of each term by name; None where the term abstained."""
    note: str = ""
    """Set where the total was not the weighted sum: ``truncated`` or ``failed``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One completion of one prompt."""

    text: str
    parsed: Parsed
    token_ids_T: tuple[int, ...] = ()
    logprobs_T: tuple[float, ...] | None = None
    """Log-probability of each token under the policy that sampled it, in nats."""
    stop: StopReason = StopReason.END
    reward: RewardBreakdown | None = None
    entropies_T: tuple[float, ...] | None = None
    """Entropy of the policy at each token, in nats; measured where a rubric asks for it."""
    shuffled_means: Mapping[str, float] | None = None
    """Mean of each term among completions of the same prompt with the clip's frames shuffled; where a rubric asks."""
    change: Mapping[str, Any] | None = None
    """What difficulty-aware augmentation did to the prompt: operator, degree, difficulty; None for nothing."""
    phases: tuple[int, int] | None = None
    """Tokens before the tag that closes the thinking, and place of the first one after it; None without such a tag."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutGroup:
    """The G completions of one sample: the unit of generation, reward and loss."""

    sample: Sample
    rollouts_G: tuple[Rollout, ...]


# ---------------------------------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """A model's raw output for one item."""

    id: str
    prediction: str
    stop: StopReason = StopReason.END


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One scored item."""

    id: str
    task: str
    status: ParseStatus
    scores: Mapping[str, float]
    """Metric name to value; always holds ``accuracy``."""
