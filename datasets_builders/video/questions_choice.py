"""Questions with four options: what came before, what happens when, which way, why; one of them with its times.

Wrong options that happen in the clip come first, so that an option cannot be ruled out by not being there; others are
about shapes to which nothing happens, in the same words.
"""

from __future__ import annotations

from random import Random

from datasets_builders.scenes.draw import COLORS
from datasets_builders.video.compose import WORDS
from datasets_builders.video.demands import LASTING, Demand
from datasets_builders.video.draw import KINDS
from datasets_builders.video.question import Question, options
from datasets_builders.video.script import DIRECTIONS, Event, Script
from datasets_builders.video.words import beginning, name_of, state
from mmrl.types import Choice, Grounded


def _bystanders(script: Script) -> list[int]:
    """Return the shapes to which nothing happens."""
    busy = {actor for event in script.events for actor in event.actors}
    return [actor for actor in range(len(script.actors)) if actor not in busy]


def _letter(letter: str) -> Choice:
    return Choice(letters=(letter,))


def ask_before_after(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask what begins next after, or last before, the beginning of an event."""
    side, letter = demand.answer
    if any(len(event.stretches) > 1 for event in script.events):
        return None  # "next" would have two answers
    place = rng.randrange(1, len(script.events))
    if side == "before":
        anchor, right, others = place, place - 1, script.events[: place - 1]
        words = "Which of these begins last before this: {}?"
    else:
        anchor, right, others = place - 1, place, script.events[place + 1 :]
        words = "Which of these begins first after this: {}?"
    elsewhere = [event for event in script.events if event not in (script.events[anchor], script.events[right])]
    wrong = [beginning(script, event) for event in (*others, *elsewhere)]
    wrong += rng.sample(made_up := _never(script, rng), len(made_up))
    choices = options(beginning(script, script.events[right]), wrong, letter, rng)
    if choices is None:
        return None
    text = words.format(beginning(script, script.events[anchor]))
    return Question(demand.task, text, _letter(letter), choices, meta={"asks": side})


def _never(script: Script, rng: Random) -> list[str]:
    """Return beginnings of events that do not happen."""
    shown = {event.to for event in script.events if event.kind == "caption"}
    clauses = [f"the word {rng.choice([word for word in WORDS if word not in shown])} appears"]
    for actor in _bystanders(script):
        who, look = name_of(script, actor), script.actors[actor].look
        color = rng.choice([color for color in COLORS if color != look.color])
        clauses += [f"{who} disappears", f"{who} moves {rng.choice(list(DIRECTIONS))}", f"{who} turns {color}"]
        clauses += [f"{who} starts to {kind}" for kind in ("hop", "blink", "swell")]
    return clauses


def ask_moment(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask what is the case at a time, or at which of four times something is the case."""
    form, letter = demand.answer
    able = [event for event in script.events if event.kind in LASTING]
    if not able:
        return None
    event = rng.choice(able)
    true = state(script, event)
    assert true is not None, "lasting events have a clause"
    if form == "what":
        frame = rng.choice(_ticks_of(script, event))
        wrong = [text for other in able if other is not event and (text := state(script, other))]
        wrong += rng.sample(made_up := _never_so(script, rng), len(made_up))
        choices = options(true, wrong, letter, rng)
        text = f"Which of these is so at {script.seconds(frame):g} seconds?"
    else:
        inside = set(_ticks_of(script, event))
        outside = [frame for frame in range(0, script.frames, script.tick) if frame not in inside]
        right = f"{script.seconds(rng.choice(sorted(inside))):.1f} seconds"
        times = [f"{script.seconds(frame):.1f} seconds" for frame in rng.sample(outside, min(3, len(outside)))]
        choices = options(right, times, letter, rng)
        text = f"At which of these times is it so that {true}?"
    if choices is None:
        return None
    return Question(demand.task, text, _letter(letter), choices, meta={"asks": form, "event": event.kind})


def _ticks_of(script: Script, event: Event) -> list[int]:
    """Return the frames on ticks at which an event is under way."""
    return [frame for start, end in event.stretches for frame in range(start, end, script.tick)]


def _never_so(script: Script, rng: Random) -> list[str]:
    """Return states that never hold."""
    shown = {event.to for event in script.events if event.kind == "caption"}
    clauses = [f"the word {rng.choice([word for word in WORDS if word not in shown])} is shown"]
    used = {actor.look.kind for actor in script.actors}
    for actor in _bystanders(script):
        who, look = name_of(script, actor), script.actors[actor].look
        color = rng.choice([color for color in COLORS if color != look.color])
        clauses += [f"{who} is gone", f"{who} is on the move", f"{who} is {color}"]
        clauses += [f"{who} is a {kind}" for kind in KINDS if kind not in used][:1]
    return clauses


def ask_grounded(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask which way, which colour, which shape or which word, and when."""
    able = [event for event in script.events if event.kind in ("move", "recolor", "reshape", "caption")]
    if not able:
        return None
    event = rng.choice(able)
    who = name_of(script, event.actor)
    if event.kind == "move":
        assert event.direction is not None, "a movement has a direction"
        text, right, pool = f"Which way does {who} move, and when?", str(event.direction), list(map(str, DIRECTIONS))
    elif event.kind == "recolor":
        own = script.actors[event.actor or 0].look.color
        text, right = f"Which colour does {who} take on for a while, and when?", event.to
        pool = [color for color in COLORS if color != own]
    elif event.kind == "reshape":
        own = script.actors[event.actor or 0].look.kind
        text, right = f"Which shape does {who} take on for a while, and when?", event.to
        pool = [kind for kind in KINDS if kind != own]
    else:
        text, right, pool = "Which word is shown, and when?", event.to, list(WORDS)
    wrong = [one for one in rng.sample(pool, len(pool)) if one != right]
    choices = options(right, wrong, demand.answer, rng)
    if choices is None:
        return None
    answer = Grounded(choice=_letter(demand.answer), intervals=script.intervals(event))
    return Question(demand.task, text, answer, choices, meta={"event": event.kind})


def ask_direction(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask which way a shape moves, or the whole picture slides."""
    direction, letter = demand.answer
    able = [event for event in script.events if event.kind in ("move", "slide") and event.direction == direction]
    if not able:
        return None
    event = rng.choice(able)
    what = "the whole picture slide" if event.kind == "slide" else f"{name_of(script, event.actor)} move"
    choices = options(direction, list(DIRECTIONS), letter, rng)
    assert choices is not None, "there are four ways"
    return Question(demand.task, f"Which way does {what}?", _letter(letter), choices, meta={"event": event.kind})


BY_ITSELF = "nothing does: it happens by itself"


def ask_cause(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask what makes a shape move or change colour: one of three shapes that might bump into it, or nothing."""
    truth, letter = demand.answer
    kinds = ("bump",) if truth == "bump" else ("move", "recolor")
    able = [event for event in script.events if event.kind in kinds]
    if not able:
        return None
    event = rng.choice(able)
    target = event.other if truth == "bump" else event.actor
    suspects = [actor for actor in range(len(script.actors)) if actor not in (target, event.actor)]
    suspects = rng.sample(suspects, len(suspects))
    moves = event.other_path > 0 if truth == "bump" else event.kind == "move"
    effect = "move" if moves else f"turn {event.to}"
    wrong = [f"{name_of(script, actor)} bumps into it" for actor in suspects]
    right = BY_ITSELF
    if truth == "bump":
        right, wrong = f"{name_of(script, event.actor)} bumps into it", [BY_ITSELF, *wrong]
    choices = options(right, wrong, letter, rng)
    if choices is None:
        return None
    text = f"What makes {name_of(script, target)} {effect}?"
    return Question(demand.task, text, _letter(letter), choices, meta={"cause": truth})
