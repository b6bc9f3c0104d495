"""Training runs that are made twice, once in two processes and once in one, with what each of them leaves.

``python -m torch.distributed.run --nproc_per_node 2 -m tests.trainer.two_processes MODEL OUT`` makes all of them in two
processes on the CPU and writes ``OUT/NAME-RANK.pt`` after each.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.trainer import exact

GROUP = exact.GROUP


def judged(completion_ids: list[list[int]], prompts: list[Any], *, dead: tuple[int, ...], **_: Any) -> list[float]:
    """Reward the completions, but those of some prompts all alike; a prompt's number is how often it says "very"."""
    numbers = [str(prompt).count("very") for prompt in prompts]
    rewards = exact.reward(completion_ids)
    return [0.5 if number in dead else value for number, value in zip(numbers, rewards, strict=True)]


def sometimes(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """Reward the first completion of each prompt, and nothing where its first token is even: such a group is dead."""
    firsts = [ids[0] for ids in completion_ids[::GROUP] for _ in range(GROUP)]
    return [float(place % GROUP == 0 and first % 2) for place, first in enumerate(firsts)]


ONE_DEAD = partial(judged, dead=(0,))
HALF_DEAD = partial(judged, dead=(2, 3))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A run; sizes are those of one of two processes."""

    kind: str = "images"
    count: int = 2
    """Distinct prompts."""
    size: int = GROUP
    """``per_device_train_batch_size``."""
    rewards: Any = exact.reward
    options: dict[str, Any] = field(default_factory=dict)
    pieces: int | None = None
    """``max_tokens_per_pass``, in two processes alone."""
    same_means: bool = True
    """Whether the logged means over tokens are equal too. A micro-batch logs the mean over what it computed, a step
    the mean of these, as TRL does: so not where other rows stand together, nor where a process has nothing but
    dead groups and keeps one of them."""


def options(**options: Any) -> dict[str, Any]:
    """Return options of a run of two steps, the second off the first one's weights."""
    return {"steps": 2, **options}


CASES: dict[str, Case] = {
    **{name: Case(options=options(loss_type=name, beta=0.04)) for name in ("grpo", "dapo", "dr_grpo")},
    # bnpo divides by the tokens of one process's micro-batch: equal only where all processes have as many. Two whole
    # groups of the same lengths have.
    "bnpo": Case(options=options(loss_type="bnpo", beta=0.04)),
    "off policy": Case(options=options(num_iterations=2, steps=3)),
    "lora": Case(options=options(lora=True, beta=0.04)),
    "checkpointing": Case(kind="some", options=options(gradient_checkpointing=True)),
    "a group on both": Case(size=GROUP // 2, options=options(beta=0.04)),
    "a group on both, accumulated": Case(
        size=GROUP // 4,
        same_means=False,
        options=options(beta=0.04, gradient_accumulation_steps=2),
    ),
    "accumulation": Case(count=4, options=options(gradient_accumulation_steps=2, beta=0.04)),
    "accumulation in two generations": Case(
        count=4, options=options(gradient_accumulation_steps=2, steps_per_generation=1, loss_type="grpo")
    ),
    "text on one": Case(kind="some", options=options()),
    "text on one, adapters": Case(kind="some", options=options(lora=True)),
    "a dead group on one": Case(count=4, size=2 * GROUP, rewards=ONE_DEAD, options=options()),
    "dead groups on one": Case(count=4, size=2 * GROUP, rewards=HALF_DEAD, options=options(), same_means=False),
    "pieces": Case(kind="some", count=4, size=2 * GROUP, pieces=60, options=options(beta=0.04)),
    "pieces of a dead group": Case(count=4, size=2 * GROUP, rewards=ONE_DEAD, pieces=60, options=options()),
    "pieces, accumulated": Case(
        kind="some", count=8, size=2 * GROUP, pieces=60, options=options(gradient_accumulation_steps=2)
    ),
    "pieces with the highest entropies": Case(
        kind="some", count=4, size=2 * GROUP, pieces=60, options=options(top_entropy_quantile=0.5)
    ),
    "plain passes": Case(kind="some", options=options(share_prompts=False)),
}

SAMPLED: dict[str, Case] = {
    "sampling": Case(kind="some", options=options(sampled=True)),
    "sampling a group on both": Case(size=GROUP // 2, options=options(sampled=True)),
    "sampling again": Case(
        count=4, size=2 * GROUP, rewards=sometimes, options=options(sampled=True, dead_groups="resample")
    ),
}
"""Runs that draw their own completions, which differ with the number of processes."""


def make(folder: Path, case: Case, *, processes: int) -> dict[str, Any]:
    """Train; returns gradients by step, weights at the end, losses and logs."""
    chosen = {**case.options, "per_device_train_batch_size": case.size * 2 // processes}
    if processes == 2 and case.pieces is not None:
        chosen["max_tokens_per_pass"] = case.pieces
    run = exact.train("ours", folder, exact.rows(case.kind, case.count), rewards=case.rewards, **chosen)
    model = run.trainer.accelerator.unwrap_model(run.trainer.model)
    return {
        "gradients": run.gradients,
        "weights": {name: one.detach().clone() for name, one in model.named_parameters()},
        "losses": run.losses,
        "logs": run.logs,
        "dead": run.trainer._rollouts.dead_N,
        "completions": list(run.trainer._logs["completion"]),
        "processes": run.trainer.accelerator.num_processes,
    }


def main(folder: Path, out: Path) -> None:
    """Make all runs in this process's half."""
    torch.set_num_threads(1)
    for name, case in (CASES | SAMPLED).items():
        made = make(folder, case, processes=2)
        torch.save(made, out / f"{name}-{torch.distributed.get_rank()}.pt")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
