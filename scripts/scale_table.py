"""Print what training of the Qwen2.5-VL sizes needs, as the tables of docs/scale.md: memory, traffic, batches.

    python scripts/scale_table.py
    python scripts/scale_table.py --prompt-tokens 4000 --completion 2048 --group 8 --gpus 1 8 16 64

Arithmetic only: nothing is measured and no weights are made. Parameters and activations are counted on models of the
published widths and depths on the meta device; what a pass keeps is :mod:`mmrl.trainer.memory_estimate`'s figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmrl.config import TrainingConfig
from mmrl.trainer.memory_estimate import RUNTIME, Workload, estimate
from mmrl.trainer.memory_shape import ModelShape, shape_of

GIGA = 1e9
ADAPTER_RANK = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Widths:
    """Published widths of a Qwen2.5-VL model (config.json of each); all share a vision tower of 32 blocks of 1,280."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    vision_inner: int
    tied: bool = False


MODELS = {
    "3B": Widths(
        hidden=2_048, inner=11_008, layers=36, heads=16, key_heads=2, vocabulary=151_936, vision_inner=3_420, tied=True
    ),
    "7B": Widths(hidden=3_584, inner=18_944, layers=28, heads=28, key_heads=4, vocabulary=152_064, vision_inner=3_420),
    "72B": Widths(hidden=8_192, inner=29_568, layers=80, heads=64, key_heads=8, vocabulary=152_064, vision_inner=3_456),
}
STRATEGIES = ("ddp", "zero2", "zero3 / fsdp2", "LoRA, ddp", "LoRA, fsdp2")


def main() -> None:
    """Print one table of memory and one of traffic a model."""
    arguments = _arguments()
    for name, widths in MODELS.items():
        shape = shape_of(model_config(widths))
        print(f"### {name}: {shape.total / GIGA:.2f} billion weights\n")
        print(memory_table(shape, arguments))
        print(traffic_table(shape, arguments.gpus))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompt-tokens", type=int, default=2_000, help="of which --media-tokens are pictures")
    parser.add_argument("--media-tokens", type=int, default=1_300, help="about a megapixel at 28 pixels a token")
    parser.add_argument("--completion", type=int, default=1_024, help="tokens of a completion")
    parser.add_argument("--group", type=int, default=8, help="completions of a prompt; one group a GPU and pass")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 16, 32])
    return parser.parse_args()


def model_config(widths: Widths) -> Any:
    """Return the transformers configuration of a model of these widths."""
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": widths.vocabulary,
            "hidden_size": widths.hidden,
            "intermediate_size": widths.inner,
            "num_hidden_layers": widths.layers,
            "num_attention_heads": widths.heads,
            "num_key_value_heads": widths.key_heads,
            "tie_word_embeddings": widths.tied,
        },
        vision_config={
            "depth": 32,
            "hidden_size": 1_280,
            "intermediate_size": widths.vision_inner,
            "num_heads": 16,
            "out_hidden_size": widths.hidden,
        },
        tie_word_embeddings=widths.tied,
    )


# ---------------------------------------------------------------------------------------------------- memory


def state_bytes(shape: ModelShape, strategy: str, gpus: int) -> float:
    """Return the bytes of weights, gradients and AdamW's state on one of ``gpus``; without a reference model.

    ddp: 4 N weights, 2 N bfloat16 copies, 4 N gradients, 8 N moments. zero2: 2 N bfloat16 weights and 2 N gradients
    stand whole, 12 N float32 weights and moments are shared out. zero3 / fsdp2: all 16 N are shared out, and two
    blocks are gathered in bfloat16 at any moment. LoRA: 2 N frozen bfloat16 weights and 16 bytes an adapter weight.
    """
    whole, block = shape.total, 2 * 2 * shape.total / shape.text.layers
    adapter = ADAPTER_RANK * sum(shape.adaptable.values())
    match strategy:
        case "ddp":
            return 18.0 * whole
        case "zero2":
            return 4.0 * whole + 12.0 * whole / gpus
        case "zero3 / fsdp2":
            return 16.0 * whole / gpus + (block if gpus > 1 else 2.0 * whole)
        case "LoRA, ddp":
            return 2.0 * whole + 16.0 * adapter
        case "LoRA, fsdp2":
            return (2.0 * whole + 16.0 * adapter) / gpus + (block if gpus > 1 else 0.0)
    raise ValueError(strategy)


def pass_bytes(shape: ModelShape, arguments: argparse.Namespace, *, checkpointing: bool) -> int:
    """Return what the pass of one group keeps, and the CUDA context: all terms of the estimate but the state."""
    training = TrainingConfig(
        num_generations=arguments.group,
        per_device_train_batch_size=arguments.group,
        max_completion_length=arguments.completion,
        bf16=True,
        gradient_checkpointing=checkpointing,
        use_vllm=True,
    )
    patches = 4 * arguments.media_tokens
    workload = Workload(
        prompt_tokens=arguments.prompt_tokens,
        media_tokens=arguments.media_tokens,
        patches=patches,
        pixel_bytes=patches * 3 * 2 * 14 * 14 * 4,
    )
    terms = estimate(shape, workload, training, device="cuda").terms
    passing = ("language model, largest pass", "vision tower, largest pass", "one layer's pass back")
    others = ("head: logits of completions", "pixels of the prompts")
    return sum(terms[name] for name in (*passing, *others)) + RUNTIME["cuda"]


def memory_table(shape: ModelShape, arguments: argparse.Namespace) -> str:
    """Return gigabytes a GPU by strategy and number of GPUs: state, then the same with a group's pass."""
    light, full = (pass_bytes(shape, arguments, checkpointing=on) / GIGA for on in (True, False))
    head = f"A group's pass keeps {light:.0f} GB with gradient checkpointing, {full:.0f} GB without.\n"
    rows = [
        [strategy, *(f"{state_bytes(shape, strategy, gpus) / GIGA + light:,.0f}" for gpus in arguments.gpus)]
        for strategy in STRATEGIES
    ]
    return f"{head}\n{_table(['GB a GPU, with checkpointing', *map(str, arguments.gpus)], rows)}"


# ---------------------------------------------------------------------------------------------------- traffic


def traffic_bytes(shape: ModelShape, strategy: str, gpus: int) -> float:
    """Return the bytes that one GPU sends (and receives) for an optimiser step of one pass.

    A ring all-reduce sends 2 (n - 1) / n of its bytes, a gather or a reduce-scatter (n - 1) / n. ddp reduces float32
    gradients; zero2 bfloat16 gradients, and gathers the new weights; zero3 and fsdp2 gather bfloat16 weights forward
    and backward and reduce-scatter gradients, in every pass.
    """
    share, whole = (gpus - 1) / gpus, shape.total
    adapter = ADAPTER_RANK * sum(shape.adaptable.values())
    match strategy:
        case "ddp":
            return 2.0 * share * 4.0 * whole
        case "zero2":
            return share * (2.0 + 2.0) * whole
        case "zero3 / fsdp2":
            return share * (2.0 + 2.0 + 4.0) * whole
        case "LoRA, ddp":
            return 2.0 * share * 4.0 * adapter
        case "LoRA, fsdp2":
            return share * (4.0 * whole + 4.0 * adapter)
    raise ValueError(strategy)


def traffic_table(shape: ModelShape, gpus: Sequence[int]) -> str:
    """Return gigabytes that a GPU sends in a step, by strategy and number of GPUs."""
    several = [number for number in gpus if number > 1]
    rows = [
        [strategy, *(f"{traffic_bytes(shape, strategy, number) / GIGA:,.1f}" for number in several)]
        for strategy in STRATEGIES
    ]
    return _table(["GB sent a GPU and step of one pass", *map(str, several)], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
