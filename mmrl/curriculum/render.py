"""A plan as tables of plain text, for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table

from mmrl.curriculum.plan import Plan, StagePlan

WIDTH = 120
"""Columns of the rendered text where nobody says otherwise."""
NARROWEST = 80
"""Columns that tables take at least: below, a terminal breaks their lines, and nothing is lost."""
SHORT = 24
"""Letters up to which a name is not broken."""


def render_plan(plan: Plan, *, width: int = WIDTH) -> str:
    """Return the plan as plain text; tables keep to ``width`` columns, other lines are as long as they are."""
    console = Console(
        file=StringIO(), width=max(width, NARROWEST), color_system=None, highlight=False, markup=False, emoji=False
    )
    for table in (_stages(plan), _sources(plan), _tasks(plan)):
        console.print(table)
    held_out = ", ".join(f"{name} ({size} samples)" for name, size in plan.held_out.items()) or "nothing"
    console.print(f"Held out for evaluation: {held_out}", soft_wrap=True)
    most = f"{plan.steps} optimiser steps and {plan.completions} completions"
    least = "" if plan.least_steps == plan.steps else f", at least {plan.least_steps} steps"
    console.print(f"In all at most {most}{least} on {plan.world_size} device(s)", soft_wrap=True)
    for stage in plan.stages:
        console.print(f"{stage.name} ends {', or '.join(stage.stop)}", soft_wrap=True)
        if stage.replay:
            console.print(f"{stage.name} replays earlier stages with {stage.replay:.0%} of its prompts", soft_wrap=True)
        for told in filter_texts(stage):
            console.print(f"{stage.name} leaves out {told}", soft_wrap=True)
        for warning in stage.warnings:
            console.print(f"warning: {stage.name}: {warning}", soft_wrap=True)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def filter_texts(stage: StagePlan) -> list[str]:
    """Return what a stage's filters leave out of each dataset of its own mix, a sentence each."""
    texts = []
    for source in stage.sources:
        counts = source.counts
        dropped = {
            "of other tasks": counts.other_tasks,
            "of other levels": counts.other_levels,
            "too hard": counts.too_hard,
            "too easy": counts.too_easy,
        }
        told = ", ".join(f"{count} {why}" for why, count in dropped.items() if count)
        if told and source.replay_of is None:
            texts.append(f"{counts.size - counts.kept} of {counts.size} samples of {source.name}: {told}")
    return texts


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> Table:
    """Return a table whose last ``numbers`` columns are numbers; where it is too wide, names are broken last."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for position, column in enumerate(columns):
        cells = [row[position] for row in rows]
        is_short = all(" " not in cell and len(cell) <= SHORT for cell in cells)
        right = position >= len(columns) - numbers
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=is_short and not right)
    for row in rows:
        table.add_row(*row)
    return table


def _stages(plan: Plan) -> Table:
    columns = (
        "stage",
        "order",
        "prompt",
        "steps",
        "prompts x group",
        "rollouts",
        "batches",
        "seen",
        "epochs",
    )
    rows = [(stage.name, stage.order, stage.prompt_style, *_arithmetic(stage)) for stage in plan.stages]
    return _table("Stages", columns, rows, numbers=6)


def _arithmetic(stage: StagePlan) -> tuple[str, ...]:
    batches = stage.batches
    return (
        str(stage.steps) if stage.least_steps == stage.steps else f"{stage.least_steps}-{stage.steps}",
        f"{batches.prompts_per_generation} x {stage.num_generations}",
        str(batches.completions_per_step),
        str(batches.generations),
        str(stage.samples_seen),
        f"{stage.epochs:.2f}",
    )


def _sources(plan: Plan) -> Table:
    columns = ("stage", "dataset", "weight", "samples", "after filter", "taken", "epochs")
    rows = [
        (
            stage.name,
            source.name,
            f"{source.weight:g}",
            str(source.size),
            str(source.kept),
            str(source.draws),
            f"{source.epochs:.2f}",
        )
        for stage in plan.stages
        for source in stage.sources
    ]
    return _table("Data", columns, rows, numbers=5)


def _tasks(plan: Plan) -> Table:
    columns = ("stage", "task", "answer", "verified by", "shaped by", "samples")
    rows = [
        (
            stage.name,
            task.task,
            task.kind,
            ", ".join(task.verifying),
            ", ".join(task.shaping) or "-",
            str(task.samples),
        )
        for stage in plan.stages
        for task in stage.tasks
    ]
    return _table("Tasks and rewards", columns, rows, numbers=1)
