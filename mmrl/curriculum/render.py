"""A plan as tables of plain text, for ``--dry-run``."""

from __future__ import annotations

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table

from mmrl.curriculum.plan import Plan, StagePlan

WIDTH = 120
"""Columns of the rendered text."""


def render_plan(plan: Plan) -> str:
    """Return the plan as plain text, the same for every terminal."""
    console = Console(file=StringIO(), width=WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    for table in (_stages(plan), _sources(plan), _tasks(plan)):
        console.print(table)
    held_out = ", ".join(f"{name} ({size} samples)" for name, size in plan.held_out.items()) or "nothing"
    console.print(f"Held out for evaluation: {held_out}", soft_wrap=True)
    most = f"{plan.steps} optimiser steps and {plan.completions} completions"
    console.print(f"In all at most {most} on {plan.world_size} device(s)", soft_wrap=True)
    for stage in plan.stages:
        console.print(f"{stage.name} ends {stage.stop}", soft_wrap=True)
        for warning in stage.warnings:
            console.print(f"warning: {stage.name}: {warning}", soft_wrap=True)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def _table(title: str, *columns: str, numbers: int) -> Table:
    """Return an empty table whose last ``numbers`` columns are numbers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for position, column in enumerate(columns):
        right = position >= len(columns) - numbers
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _stages(plan: Plan) -> Table:
    columns = (
        "stage",
        "order",
        "prompt",
        "steps",
        "prompts x group",
        "completions/step",
        "generations",
        "seen",
        "epochs",
    )
    table = _table("Stages", *columns, numbers=6)
    for stage in plan.stages:
        table.add_row(stage.name, stage.order, stage.prompt_style, *_arithmetic(stage))
    return table


def _arithmetic(stage: StagePlan) -> tuple[str, ...]:
    batches = stage.batches
    return (
        str(stage.steps),
        f"{batches.prompts_per_generation} x {stage.num_generations}",
        str(batches.completions_per_step),
        str(batches.generations),
        str(stage.samples_seen),
        f"{stage.epochs:.2f}",
    )


def _sources(plan: Plan) -> Table:
    table = _table("Data", "stage", "dataset", "weight", "samples", "after filter", "taken", "epochs", numbers=5)
    for stage in plan.stages:
        for source in stage.sources:
            numbers = (
                f"{source.weight:g}",
                str(source.size),
                str(source.kept),
                str(source.draws),
                f"{source.epochs:.2f}",
            )
            table.add_row(stage.name, source.name, *numbers)
    return table


def _tasks(plan: Plan) -> Table:
    table = _table("Tasks and rewards", "stage", "task", "answer", "verified by", "shaped by", "samples", numbers=1)
    for stage in plan.stages:
        for task in stage.tasks:
            terms = (", ".join(task.verifying), ", ".join(task.shaping) or "-")
            table.add_row(stage.name, task.task, task.kind, *terms, str(task.samples))
    return table
