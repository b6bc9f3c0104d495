"""Maps with questions, one after another: pure but for reading the source, and fast enough to train from directly."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from datasets_builders.drafts import Draft
from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.draw import Drawing
from datasets_builders.transit.drawing import MapDrawing
from datasets_builders.transit.maps import Map, make_maps
from datasets_builders.transit.network import Network
from datasets_builders.transit.questions import PLANS, Asker, Question, ask, balance_key
from datasets_builders.transit.reasonmap import REASONMAP_QUOTA, benchmark_meta
from datasets_builders.transit.sights import sights_of
from datasets_builders.transit.sources import open_sources
from mmrl.errors import InputError
from mmrl.types import Sample

IDLE_MAPS = 25
"""So many maps in a row without a new question mean that a network has no more to ask."""

PATIENCE = 60
"""Repeated questions of one task before it is given up on a map."""


def transit_examples(config: TransitConfig) -> Iterator[Draft]:
    """Return an iterator over maps until ``config.count`` questions are asked.

    The same config gives the same maps and questions.

    Raises:
        InputError: the source cannot be read, or offers fewer different questions than asked for.
    """
    return drafts_of(config, [] if config.is_procedural else [reading.network for reading in open_sources(config)])


@dataclass(slots=True)
class _Record:
    """What was asked so far, over the whole dataset."""

    asked: Counter[tuple[str, object]] = field(default_factory=Counter)
    """How often each task had each answer; under None, how often it was asked at all."""
    seen: set[tuple[str, ...]] = field(default_factory=set)
    """Questions, each behind the network and the lines in its picture."""
    spent: set[tuple[str, ...]] = field(default_factory=set)
    """Networks and lines of the pictures that have nothing new to ask."""


def drafts_of(config: TransitConfig, wholes: Sequence[Network]) -> Iterator[Draft]:
    """Yield maps with questions, of made-up networks where no others are given.

    Of real ones each in turn is shown, first whole, then in parts; in small pictures excerpts of it.
    """
    record = _Record()
    made = idle = 0
    maps = make_maps(config, wholes, lambda network: _key(network) in record.spent)
    with contextlib.closing(maps):
        for index, (shown, rng) in enumerate(maps):
            questions: list[Question] = []
            if not wholes or config.is_small:
                record.seen.clear()  # letters and made-up names are drawn anew, so only a map's own can repeat
            if shown is not None and _key(shown.network) not in record.spent:
                questions = _ask_about(shown, config, rng, record)
            if shown is not None and questions:
                name = f"transit-{config.source_name}-{config.seed}-{index:06d}"
                yield _draft(shown, questions[: config.count - made], name)
            made += len(questions)
            if made >= config.count:
                return
            idle = 0 if questions else idle + 1
            if idle == IDLE_MAPS * max(len(wholes), 1):
                raise InputError(_too_few(config, made))


def _too_few(config: TransitConfig, made: int) -> str:
    return (
        f"count must be at most what the maps offer; found {config.count} for {made} different questions;"
        f" {config.source} at {config.picture_size} pixels; lower count, or raise size or the number of tasks"
    )


def _key(network: Network) -> tuple[str, ...]:
    """Return what tells a part of a network from all others: its name and its lines."""
    return (network.name, *(line.name for line in network.lines))


def _ask_about(shown: Map, config: TransitConfig, rng: random.Random, record: _Record) -> list[Question]:
    """Return new questions about one map, of the tasks asked least so far first."""
    map_key = _key(shown.network)
    asker = _asker(shown, config, rng, record)
    questions: list[Question] = []
    open_tasks = dict.fromkeys(config.asked_tasks, PATIENCE)
    quotas = {task: dict(REASONMAP_QUOTA) for task in PLANS} if config.quota == "reasonmap" else {}
    while len(questions) < config.questions_per_map and open_tasks and len(asker.legible) > 1:
        task = min(open_tasks, key=lambda task: record.asked[task, None])
        asker = replace(asker, flattens=open_tasks[task] > PATIENCE // 2, quota=quotas.get(task))
        question = ask(task, asker)
        key = (*map_key, question.text) if question else ()
        if question is None or key in record.seen:
            open_tasks[task] -= 1 if question else PATIENCE
            if open_tasks[task] <= 0:
                del open_tasks[task]
            continue
        record.seen.add(key)
        record.asked[task, None] += 1
        if (value := balance_key(question)) is not None:
            record.asked[task, value] += 1
        if task in quotas:
            quotas[task][question.difficulty] -= 1
        questions.append(question)
    if len(questions) < config.questions_per_map:
        record.spent.add(map_key)
    return questions


def _asker(shown: Map, config: TransitConfig, rng: random.Random, record: _Record) -> Asker:
    return Asker(
        network=shown.network,
        legible=[station for station in shown.network.stations if station in shown.drawing.legible],
        rng=rng,
        asked=record.asked,
        max_transfers=config.max_transfers,
        sights=sights_of(shown.drawing),
    )


def _draft(shown: Map, questions: list[Question], name: str) -> Draft:
    about = {"network": shown.network.name} | ({"stations": dict(shown.names)} if shown.names else {})
    samples = tuple(
        Sample(
            id=f"{name}-{number:02d}-{question.task.split('/')[1]}",
            task=question.task,
            question=question.text,
            media=(),
            answer=question.answer,
            choices=question.choices,
            difficulty=question.difficulty,
            meta={**about, **question.meta, **benchmark_meta(question, shown.network)},
        )
        for number, question in enumerate(questions)
    )
    text = _describe(shown.network, shown.drawing)
    return Draft(shown.drawing.picture, samples, text, png=shown.png, beside=shown.beside)


def _describe(network: Network, drawing: Drawing | MapDrawing) -> str:
    """Write down every line by name, its stops in order with their centres in pixels."""

    def stop_text(stop: str) -> str:
        x, y = drawing.places[stop]
        return f"{network.stations[stop].name} [{round(x)}, {round(y)}]"

    paths = [
        (f"{line.name} (branch)" if number else line.name, path)
        for line in sorted(network.lines, key=lambda line: line.name)
        for number, path in enumerate(line.paths)
    ]
    return "; ".join(f"{name}: " + " > ".join(map(stop_text, path)) for name, path in paths)
