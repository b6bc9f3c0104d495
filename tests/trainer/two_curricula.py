"""A run that adapts, made by one process or by two that share each batch; completions depend on the row alone.

``python -m torch.distributed.run --nproc_per_node 2 -m tests.trainer.two_curricula FOLDER`` trains the case in FOLDER.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from mmrl.trainer import GRPOTrainer
from mmrl.trainer.stage_data import ROW_KEY
from tests.trainer.case import train_case

OPTIONS = [
    "datasets.held={path: held}",
    "stages.0={name: look, mix: {colours: 1.0}, steps: 12, order: follow, stop: {reward_at_least: 0.3, over_steps: 4}}",
    "stages.1={name: count, mix: {counts: 2.0, colours: 1.0}, steps: 8, order: follow, replay: 0.25}",
    "stages.1.stop={term: evenness, plateau: 4, min_gain: 0.5, held_out: {dataset: held, every: 3}}",
    "training.learning_rate=1e-4",
]


def write_by_row(trainer: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
    """Write what the row, its place in its group and the step say: the same however many processes share the batch."""
    rollouts, size = trainer._rollouts, trainer.num_generations
    first = trainer.accelerator.process_index * len(rollouts.inputs)
    written = []
    for place, row in enumerate(rollouts.inputs, start=first):
        rng = random.Random(f"{row[ROW_KEY]}/{place % size}/{trainer.state.global_step}")
        written.append([rng.randrange(20, 80) for _ in range(4)] + [trainer.eos_token_ids[0]])
    return written, None


def train(folder: Path) -> None:
    """Train the case with a batch of eight completions, whoever computes them."""
    GRPOTrainer._generate_single_turn = write_by_row  # type: ignore[assignment]
    train_case(folder, [*OPTIONS, f"training.per_device_train_batch_size={8 // PartialState(cpu=True).num_processes}"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
