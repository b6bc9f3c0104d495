"""The script of a clip: who is on the stage, what happens when, and from that what each frame shows.

Times are frame numbers; a stretch ``(start, end)`` is half open: the first frame that differs, and the first one after
it that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from datasets_builders.rect import Rect
from mmrl.types import Interval, Intervals

EventKind = Literal[
    "show", "hide", "move", "recolor", "reshape", "caption", "slide", "hop", "blink", "swell", "counter", "bump"
]
Direction = Literal["left", "right", "up", "down"]
Stretch = tuple[int, int]

DIRECTIONS: dict[Direction, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
HOP, SWELL = 0.22, 1.3
"""Height of a hop, in sides of the shape; how much a shape swells."""


class Look(NamedTuple):
    """What a shape looks like."""

    color: str
    kind: str

    @property
    def name(self) -> str:
        """As a question names it: ``red circle``."""
        return f"{self.color} {self.kind}"


@dataclass(frozen=True, slots=True)
class Actor:
    """A shape, as the clip begins."""

    look: Look
    side: int
    """Pixels; its box is a square."""
    centre: tuple[float, float]
    """Pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happens, in one stretch or several."""

    kind: EventKind
    stretches: tuple[Stretch, ...]
    actor: int | None = None
    """Who; None for captions, the counter and the whole picture."""
    direction: Direction | None = None
    path: float = 0.0
    """Pixels that an actor or the whole picture moves."""
    to: str = ""
    """The new colour or shape, or the word of a caption."""
    pulses: tuple[Stretch, ...] = ()
    """The single hops, blinks, swellings or counts."""
    first: int = 0
    """The number that the counter begins with."""
    other: int | None = None
    """Who is bumped into."""
    contact: int = 0
    """The frame in which two actors touch for the first time."""
    other_path: float = 0.0
    """Pixels that the one bumped into moves; 0 where it turns ``to`` another colour instead."""

    @property
    def start(self) -> int:
        """The first frame of the first stretch."""
        return self.stretches[0][0]

    @property
    def actors(self) -> tuple[int, ...]:
        """All who take part."""
        return tuple(one for one in (self.actor, self.other) if one is not None)


@dataclass(frozen=True, slots=True)
class Pose:
    """An actor in one frame."""

    look: Look
    rect: Rect
    """Its box in the picture, before what slides; whole pixels."""
    visible: bool = True


@dataclass(frozen=True)
class Script:
    """All that a clip is made from; a pure value that is drawn the same in any process."""

    width: int
    height: int
    fps: int
    frames: int
    tick: int
    """Frames in a tick; everything begins and ends on one."""
    actors: tuple[Actor, ...]
    events: tuple[Event, ...]
    """In order of their start; no two at the same time."""
    paper: int
    """Seed of the background."""

    @cached_property
    def band(self) -> int:
        """Height in pixels of the strip at the bottom, which holds captions and the counter."""
        return band_height(self.height)

    def seconds(self, frame: int) -> float:
        """Time of a frame, to the millisecond."""
        return round(frame / self.fps, 3)

    def interval(self, stretch: Stretch) -> Interval:
        """Return a stretch in seconds."""
        return Interval(start=self.seconds(stretch[0]), end=self.seconds(stretch[1]))

    def intervals(self, event: Event) -> Intervals:
        """Return when an event happens."""
        return Intervals(intervals=tuple(map(self.interval, event.stretches)))

    def pose(self, actor: int, frame: int) -> Pose:
        """Return how and where an actor is in a frame."""
        one = self.actors[actor]
        look, side, (x, y), visible = one.look, float(one.side), one.centre, True
        for event in self.events:
            if actor not in event.actors:
                continue
            running = any(start <= frame < end for start, end in event.stretches)
            pulsing = any(start <= frame < end for start, end in event.pulses)
            if event.kind == "bump":
                look, (x, y) = _bumped(event, actor, frame, look, (x, y))
            elif event.kind == "move":
                x, y = _moved(x, y, event.direction, event.path * _share(frame, event.stretches[0]))
            elif event.kind == "recolor" and running:
                look = look._replace(color=event.to)
            elif event.kind == "reshape" and running:
                look = look._replace(kind=event.to)
            elif event.kind == "hop" and pulsing:
                y -= HOP * one.side
            elif event.kind == "swell" and pulsing:
                side *= SWELL
            elif event.kind in ("show", "hide"):
                visible = running == (event.kind == "show")
            elif event.kind == "blink":
                visible = not pulsing
        slid_x, slid_y = self.slide(frame)
        whole = round(side)
        rect = Rect(round(x - side / 2) + slid_x, round(y - side / 2) + slid_y, whole, whole)
        return Pose(look, rect, visible)

    def slide(self, frame: int) -> tuple[int, int]:
        """Return how far the whole picture has slid, in pixels across and down."""
        x = y = 0.0
        for event in self.events:
            if event.kind == "slide":
                x, y = _moved(x, y, event.direction, event.path * _share(frame, event.stretches[0]))
        return round(x), round(y)

    def caption(self, frame: int) -> str:
        """Return the word at the bottom; empty where there is none."""
        words = (
            event.to
            for event in self.events
            if event.kind == "caption" and any(start <= frame < end for start, end in event.stretches)
        )
        return next(words, "")

    def counter(self, frame: int) -> int | None:
        """Return the number at the bottom; None in clips without a counter."""
        for event in self.events:
            if event.kind == "counter":
                return event.first + sum(start <= frame for start, _ in event.pulses)
        return None


def band_height(height: int) -> int:
    """Return the height of the strip at the bottom of a picture, in pixels."""
    return max(14, round(height * 0.14))


def _share(frame: int, stretch: Stretch) -> float:
    """Share of a movement that is done: above 0 in its first frame, 1 in its last."""
    start, end = stretch
    return min(1.0, max(0.0, (frame - start + 1) / (end - start)))


def _moved(x: float, y: float, direction: Direction | None, path: float) -> tuple[float, float]:
    across, down = DIRECTIONS[direction] if direction else (0, 0)
    return x + across * path, y + down * path


def _bumped(
    event: Event, actor: int, frame: int, look: Look, place: tuple[float, float]
) -> tuple[Look, tuple[float, float]]:
    """Return look and place of one of the two actors of a collision."""
    start, end = event.stretches[0]
    if actor == event.actor:
        return look, _moved(*place, event.direction, event.path * _share(frame, (start, event.contact)))
    if event.to and frame >= event.contact:
        look = look._replace(color=event.to)
    return look, _moved(*place, event.direction, event.other_path * _share(frame, (event.contact, end)))
