"""Maps with questions, one after another: pure but for reading the source, and fast enough to train from directly."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from datasets_builders.drafts import Draft
from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.draw import Drawing, draw_network
from datasets_builders.transit.layout import SMALL
from datasets_builders.transit.network import Network
from datasets_builders.transit.procedural import make_network
from datasets_builders.transit.questions import Asker, Question, ask, balance_key
from datasets_builders.transit.sources import open_source, restrict_at_random
from mmrl.errors import InputError
from mmrl.types import Sample

IDLE_MAPS = 25
"""So many maps in a row without a new question mean that a network has no more to ask."""

REDRAWS = 6
"""Made-up networks tried for one map until all names find room."""
REAL_STRETCH = 1.3
"""How much more one axis of a real network may be enlarged than the other to fill the picture."""
PATIENCE = 60
"""Repeated questions of one task before it is given up on a map."""


def transit_examples(config: TransitConfig) -> Iterator[Draft]:
    """Return an iterator over maps until ``config.count`` questions are asked.

    The same config gives the same maps and questions.

    Raises:
        InputError: the source cannot be read, or offers fewer different questions than asked for.
    """
    return drafts_of(config, None if config.is_procedural else open_source(config).network)


@dataclass(slots=True)
class _Record:
    """What was asked so far, over the whole dataset."""

    asked: Counter[tuple[str, object]] = field(default_factory=Counter)
    """How often each task had each answer; under None, how often it was asked at all."""
    seen: set[tuple[str, ...]] = field(default_factory=set)
    """Questions, each behind the names of the lines in its picture."""
    spent: set[tuple[str, ...]] = field(default_factory=set)
    """Lines of the pictures that have nothing new to ask."""


def drafts_of(config: TransitConfig, whole: Network | None) -> Iterator[Draft]:
    """Yield maps with questions, of made-up networks or of a real one and its parts."""
    record = _Record()
    id_prefix = f"transit-{config.source_name}-{config.seed}"
    made = idle = index = 0
    while made < config.count:
        rng = random.Random(f"{config.seed}/{index}")
        if whole is None:
            record.seen.clear()  # each made-up map is new, so only its own questions can repeat
            drawing, network = _draw_made_up(config, index, rng)
            questions = _ask_about(network, drawing, config, rng, record)
        else:
            network = whole if index == 0 else restrict_at_random(whole, rng)
            lines = tuple(line.name for line in network.lines)
            questions = []
            if lines not in record.spent:
                drawing = draw_network(network, config.picture_size, stretch=REAL_STRETCH, font=config.font)
                questions = _ask_about(network, drawing, config, rng, record)
                if len(questions) < config.questions_per_map:
                    record.spent.add(lines)
        if questions:
            yield _draft(network, drawing, questions[: config.count - made], f"{id_prefix}-{index:06d}")
        made += len(questions)
        idle = 0 if questions else idle + 1
        index += 1
        if idle == IDLE_MAPS:
            raise InputError(_too_few(config, made))


def _too_few(config: TransitConfig, made: int) -> str:
    return (
        f"count must be at most what the maps offer; found {config.count} for {made} different questions;"
        f" {config.source} at {config.picture_size} pixels; lower count, or raise size or the number of tasks"
    )


def _draw_made_up(config: TransitConfig, index: int, rng: random.Random) -> tuple[Drawing, Network]:
    """Return a made-up network and its picture, if possible one in which every name could be written."""
    for _ in range(REDRAWS):
        network = make_network(
            rng,
            name=f"map-{config.seed}-{index}",
            lines=(config.lines_min, config.lines_max),
            stations=(config.stations_min, config.stations_max),
            names="letters" if config.picture_size < SMALL else "words",
        )
        drawing = draw_network(network, config.picture_size, font=config.font)
        if len(drawing.legible) == len(network.stations):
            break
    return drawing, network


def _ask_about(
    network: Network,
    drawing: Drawing,
    config: TransitConfig,
    rng: random.Random,
    record: _Record,
) -> list[Question]:
    """Return new questions about one map, of the tasks asked least so far first."""
    lines = tuple(line.name for line in network.lines)
    legible = [station for station in network.stations if station in drawing.legible]
    asker = Asker(network=network, legible=legible, rng=rng, asked=record.asked)
    questions: list[Question] = []
    open_tasks = dict.fromkeys(config.asked_tasks, PATIENCE)
    while len(questions) < config.questions_per_map and open_tasks and len(legible) > 1:
        task = min(open_tasks, key=lambda task: record.asked[task, None])
        question = ask(task, asker if open_tasks[task] > PATIENCE // 2 else replace(asker, flattens=False))
        key = (*lines, question.text) if question else ()
        if question is None or key in record.seen:
            open_tasks[task] -= 1 if question else PATIENCE
            if open_tasks[task] <= 0:
                del open_tasks[task]
            continue
        record.seen.add(key)
        record.asked[task, None] += 1
        record.asked[task, balance_key(question)] += 1
        questions.append(question)
    return questions


def _draft(network: Network, drawing: Drawing, questions: list[Question], name: str) -> Draft:
    samples = tuple(
        Sample(
            id=f"{name}-{number:02d}-{question.task.split('/')[1]}",
            task=question.task,
            question=question.text,
            media=(),
            answer=question.answer,
            difficulty=question.difficulty,
            meta={"network": network.name, **question.meta},
        )
        for number, question in enumerate(questions)
    )
    return Draft(drawing.picture, samples, _describe(network, drawing))


def _describe(network: Network, drawing: Drawing) -> str:
    """Write down every line by name, its stops in order with their centres in pixels."""

    def stop_text(stop: str) -> str:
        x, y = drawing.places[stop]
        return f"{network.stations[stop].name} [{round(x)}, {round(y)}]"

    lines = sorted(network.lines, key=lambda line: line.name)
    return "; ".join(f"{line.name}: " + " > ".join(map(stop_text, line.stops)) for line in lines)
