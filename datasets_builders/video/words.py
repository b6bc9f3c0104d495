"""How events are spoken of."""

from __future__ import annotations

from datasets_builders.video.script import Event, Script


def name_of(script: Script, actor: int | None) -> str:
    """Return an actor's name as it looks when the clip begins: ``the red circle``."""
    return "the picture" if actor is None else f"the {script.actors[actor].look.name}"


def beginning(script: Script, event: Event, *, vague: bool = False) -> str:
    """Return a clause for the moment an event begins: ``the red circle disappears``.

    ``vague`` leaves out direction and colour, for questions that ask for them.
    """
    who = name_of(script, event.actor)
    way = "" if vague else f" {event.direction}"
    match event.kind:
        case "show":
            return f"{who} appears"
        case "hide":
            return f"{who} disappears"
        case "move":
            return f"{who} moves{way}"
        case "recolor":
            return f"{who} changes its colour" if vague else f"{who} turns {event.to}"
        case "reshape":
            return f"{who} changes its shape" if vague else f"{who} turns into a {event.to}"
        case "caption":
            return "a word appears" if vague else f"the word {event.to} appears"
        case "slide":
            return f"the whole picture slides{way}"
        case "counter":
            return "the number starts to count up"
        case "bump":
            return f"{who} bumps into {name_of(script, event.other)}"
    return f"{who} starts to {event.kind}"


def state(script: Script, event: Event) -> str | None:
    """Return a clause that is true all through an event and at no other time; None where there is none."""
    who = name_of(script, event.actor)
    match event.kind:
        case "show":
            return f"{who} is in the picture"
        case "hide":
            return f"{who} is gone"
        case "move":
            return f"{who} is on the move"
        case "recolor":
            return f"{who} is {event.to}"
        case "reshape":
            return f"{who} is a {event.to}"
        case "caption":
            return f"the word {event.to} is shown"
        case "slide":
            return "the whole picture slides"
    return None


def when_question(script: Script, event: Event) -> str | None:
    """Return the question for all stretches of an event; None where a stretch has no clear end."""
    who = name_of(script, event.actor)
    match event.kind:
        case "show":
            return f"When is {who} in the picture?"
        case "hide":
            return f"When is {who} gone?"
        case "move":
            return f"When does {who} move?"
        case "recolor":
            return f"When is {who} {event.to} instead?"
        case "reshape":
            return f"When is {who} a {event.to} instead?"
        case "caption":
            return f"When is the word {event.to} shown?"
        case "slide":
            return "When does the whole picture slide?"
    return None
