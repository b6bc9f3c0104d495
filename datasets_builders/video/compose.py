"""From wanted ingredients to a script: who plays, when each event happens, where everybody stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from datasets_builders.scenes.draw import COLORS
from datasets_builders.video.config import EVENT_TICKS, VideoConfig
from datasets_builders.video.draw import KINDS
from datasets_builders.video.schedule import Need, pulses, schedule, ticks_needed
from datasets_builders.video.script import Actor, Direction, Event, EventKind, Look, Script, Stretch
from datasets_builders.video.stage import SLIDE_SHARE, Floor, Stage, make_stage

WORDS = ("GOAL", "SALE", "OPEN", "STOP", "NEWS", "LIVE", "EXIT", "MENU")
_SIDES = (0.66, 0.76)
"""Smallest and largest shape, as a share of its cell; a swollen one still fits."""
_WAYS: tuple[Direction, ...] = ("left", "right", "up", "down")
_MOVING: frozenset[EventKind] = frozenset({"move", "slide", "bump"})
_LONGEST_MOVE = 8
"""Ticks: slower movements cannot be seen."""
PULSING: frozenset[EventKind] = frozenset({"hop", "blink", "swell", "counter"})
RECURRING: frozenset[EventKind] = frozenset({"show", "hide", "recolor", "reshape", "caption"})
_ONCE: frozenset[EventKind] = frozenset({"slide", "counter", "bump", "caption"})
"""Kinds that come at most once in a clip."""
_FILLERS: tuple[EventKind, ...] = (
    "show", "hide", "move", "move", "recolor", "reshape", "caption", "hop", "blink", "swell", "slide", "bump",
)  # fmt: skip
_FEWEST_ACTORS, _MOST_ACTORS = 4, 6
_TRIES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingredient:
    """An event that a clip must have; what is not stated is drawn at random."""

    kind: EventKind
    direction: Direction | None = None
    count: int = 0
    """Pulses."""
    effect: str = ""
    """Of a collision: ``push`` or ``recolor``."""
    stretches: int = 1


@dataclass(slots=True)
class _Cast:
    """Who has been given a part so far."""

    stage: Stage
    floor: Floor
    looks: list[Look]
    """Still free, all of different shapes."""
    spare_kinds: list[str]
    """Shapes that nobody has."""
    actors: list[Actor] = field(default_factory=list)


class _NoRoomError(Exception):
    """The draw does not fit on the stage or in the time; another one may."""


def compose(config: VideoConfig, wanted: Sequence[Ingredient], rng: Random) -> Script | None:
    """Return a script with the wanted events among others, or None where the tries find none that fits."""
    for _ in range(_TRIES):
        parts = _fill(config, wanted, rng)
        if parts is None:
            continue
        try:
            return _compose(config, parts, rng)
        except _NoRoomError:
            continue
    return None


def _need(part: Ingredient) -> Need:
    if part.kind in PULSING:
        least = max(EVENT_TICKS, 2 * part.count - 1)
        return Need(least, least + 2 if part.count > 1 else least)
    if part.kind in _MOVING:
        return Need(EVENT_TICKS + (part.kind == "bump"), _LONGEST_MOVE)
    return Need(EVENT_TICKS, 10**6)


def _needs(parts: Sequence[Ingredient]) -> list[Need]:
    """Return what each stretch of each event needs."""
    return [_need(part) for part in parts for _ in range(part.stretches)]


def fits(config: VideoConfig, parts: Sequence[Ingredient]) -> bool:
    """Whether events fit in a clip, one after another, and nothing moves on its own where the whole picture slides."""
    kinds = {part.kind for part in parts}
    if "slide" in kinds and kinds & {"move", "bump"}:
        return False
    if any(sum(part.kind == kind for part in parts) > 1 for kind in _ONCE):
        return False
    return ticks_needed(_needs(parts)) <= config.ticks


def _fill(config: VideoConfig, wanted: Sequence[Ingredient], rng: Random) -> list[Ingredient] | None:
    """Add events to the wanted ones up to a number drawn, as long as there is time."""
    count = max(len(wanted), rng.randint(config.min_events, config.max_events))
    parts = list(wanted)
    if not fits(config, parts):
        return None
    for _ in range(10 * count):
        if len(parts) == count:
            break
        kind = rng.choice(_FILLERS)
        part = Ingredient(kind=kind, count=rng.randint(1, 3) if kind in PULSING else 0)
        if fits(config, [*parts, part]):
            parts.append(part)
    return rng.sample(parts, len(parts)) if len(parts) >= config.min_events else None


def _compose(config: VideoConfig, parts: Sequence[Ingredient], rng: Random) -> Script:
    order = [index for index, part in enumerate(parts) for _ in range(part.stretches)]
    rng.shuffle(order)
    if any(first == second for first, second in pairwise(order)) and len(set(order)) > 1:
        raise _NoRoomError  # the second stretch of an event comes after another event
    times: dict[int, list[tuple[int, int]]] = {}
    for index, stretch in zip(order, schedule([_need(parts[i]) for i in order], config.ticks, rng), strict=True):
        times.setdefault(index, []).append(stretch)
    cast = _casting(config, parts, rng)
    events = [_event(part, times[index], cast, config, rng) for index, part in enumerate(parts)]
    _add_bystanders(cast, rng)
    return Script(
        width=config.width,
        height=config.height,
        fps=config.fps,
        frames=config.seconds * config.fps,
        tick=config.tick_frames,
        actors=tuple(cast.actors),
        events=tuple(sorted(events, key=lambda event: event.start)),
        paper=rng.getrandbits(32),
    )


def _casting(config: VideoConfig, parts: Sequence[Ingredient], rng: Random) -> _Cast:
    across = 4 if len(parts) <= 4 else 5
    slides = any(part.kind == "slide" for part in parts)
    stage = make_stage(config.width, config.height, across, slides=slides)
    kinds = rng.sample(KINDS, len(KINDS))
    reshapes = sum(part.kind == "reshape" for part in parts)
    spare, kinds = kinds[:reshapes], kinds[reshapes:]
    colors = rng.sample(list(COLORS), len(COLORS))
    looks = [Look(color, kind) for color, kind in zip(colors, kinds, strict=False)]
    return _Cast(stage, Floor(stage, rng), looks, spare)


def _enter(cast: _Cast, length: int, direction: Direction, rng: Random, steps: Sequence[int] = (0,)) -> list[int]:
    """Give actors their places on free cells in a row, at ``steps`` along it; return their numbers."""
    cells = cast.floor.take(length, direction)
    if cells is None or len(cast.looks) < len(steps):
        raise _NoRoomError
    numbers = []
    for step in steps:
        side = round(rng.uniform(*_SIDES) * cast.stage.cell)
        cast.actors.append(Actor(cast.looks.pop(), side, cast.stage.centre(cells[step])))
        numbers.append(len(cast.actors) - 1)
    return numbers


def _event(part: Ingredient, times: Sequence[tuple[int, int]], cast: _Cast, config: VideoConfig, rng: Random) -> Event:
    tick = config.tick_frames
    stretches = tuple((start * tick, end * tick) for start, end in times)
    direction: Direction = part.direction or rng.choice(_WAYS)
    if part.kind == "caption":
        return Event(kind="caption", stretches=stretches, to=rng.choice(WORDS))
    if part.kind == "slide":
        path = round(SLIDE_SHARE * min(config.width, config.height))
        return Event(kind="slide", stretches=stretches, direction=direction, path=path)
    beats: tuple[Stretch, ...] = ()
    if part.kind in PULSING:
        beats = tuple((start * tick, end * tick) for start, end in pulses(times[0], part.count, rng))
    if part.kind == "counter":
        return Event(kind="counter", stretches=stretches, pulses=beats, first=rng.randint(1, 5))
    if part.kind == "bump":
        return _collision(part, stretches[0], direction, cast, tick, rng)
    length = rng.randint(2, 3) if part.kind == "move" else 1
    (actor,) = _enter(cast, length, direction, rng)
    if part.kind == "move":
        way = (length - 1) * cast.stage.cell
        return Event(kind="move", stretches=stretches, actor=actor, direction=direction, path=way)
    to = {"recolor": _other_color(cast, actor, rng), "reshape": ""}.get(part.kind, "")
    if part.kind == "reshape":
        to = cast.spare_kinds.pop()
    return Event(kind=part.kind, stretches=stretches, actor=actor, to=to, pulses=beats)


def _collision(part: Ingredient, stretch: Stretch, direction: Direction, cast: _Cast, tick: int, rng: Random) -> Event:
    """One actor runs into another, which then moves on or turns another colour."""
    pushes = (part.effect or rng.choice(("push", "recolor"))) == "push"
    actor, other = _enter(cast, 4 if pushes else 3, direction, rng, (0, 2))
    touching = (cast.actors[actor].side + cast.actors[other].side) / 2
    start, end = stretch
    return Event(
        kind="bump",
        stretches=(stretch,),
        actor=actor,
        other=other,
        direction=direction,
        path=2 * cast.stage.cell - touching,
        contact=start + tick * rng.randint(1, max(1, (end - start) // tick - 2)),
        other_path=cast.stage.cell if pushes else 0.0,
        to="" if pushes else _other_color(cast, other, rng),
    )


def _other_color(cast: _Cast, actor: int, rng: Random) -> str:
    return rng.choice([color for color in COLORS if color != cast.actors[actor].look.color])


def _add_bystanders(cast: _Cast, rng: Random) -> None:
    """Add one or two shapes to which nothing happens, more where there would be fewer than four shapes."""
    count = max(rng.randint(1, 2), _FEWEST_ACTORS - len(cast.actors))
    for _ in range(min(count, len(cast.looks), _MOST_ACTORS - len(cast.actors))):
        _enter(cast, 1, "right", rng)
