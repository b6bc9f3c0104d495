"""The memory estimate of a run's stages as ``mmrl train --dry-run`` prints it: from config and data alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from mmrl.config import RunConfig, StageConfig
from mmrl.config.kind_checks import READS
from mmrl.curriculum.stage import stage_sources
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import FrameRule, family_of, frame_rule, load_processor, resolve_model
from mmrl.families.clips import ClipReader, chat_text, video_arguments
from mmrl.families.loading import model_type_of
from mmrl.prompts import build_prompt
from mmrl.trainer.memory_estimate import Estimate, Saving, Workload, estimate, savings
from mmrl.trainer.memory_shape import ModelShape, shape_of
from mmrl.trainer.stage_data import blank_clip
from mmrl.types import PromptStyle, Sample
from mmrl.video import VideoClip

WIDTH = 120
SHOWN = 3
"""Options that are named for each stage."""
CPU_NOTE = (
    "On the CPU freed memory that the C library goes on holding is a fitted share of what is computed "
    "(the total is within 6 % of what was measured, for a model of 5 million parameters)."
)


@dataclass(frozen=True, kw_only=True)
class StageMemory:
    """What one stage will take."""

    name: str
    workload: Workload
    estimate: Estimate
    savings: list[Saving]
    """The option that lowers the total most first."""


def memory_text(config: RunConfig, folders: Mapping[str, DatasetFolder], *, width: int = WIDTH) -> str:
    """Return the estimate of all stages as plain text, its table in at most ``width`` columns.

    Raises:
        InputError: the model's configuration or its processor cannot be read.
    """
    device, available = device_memory()
    return render(estimate_stages(config, folders, device=device), device=device, available=available, width=width)


def estimate_stages(config: RunConfig, folders: Mapping[str, DatasetFolder], *, device: str) -> list[StageMemory]:
    """Estimate every stage on a device, ``cpu`` or ``cuda``.

    Raises:
        InputError: the model's configuration or its processor cannot be read.
    """
    from transformers import AutoConfig

    family = family_of(model_type_of(config.model_name_or_path))
    model_config = AutoConfig.from_pretrained(resolve_model(config.model_name_or_path))
    processor = load_processor(config.model_name_or_path, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    shape, rule = shape_of(model_config), frame_rule(family, processor)
    samples = {name: folder.samples for name, folder in folders.items()}
    home = {id(sample): folder for folder in folders.values() for sample in folder.samples}
    reader = ClipReader(processor=processor, request=config.video_request())
    found = []
    for index, stage in enumerate(config.stages):
        offered = [sample for source in stage_sources(config, index, samples) for sample in source.rows]
        chosen = longest_samples(offered)
        workloads = [
            measure(
                one, reader, model_config, style=config.stage_style(stage), rule=rule, clips=_clips(one, home, reader)
            )
            for one in chosen
        ]
        found.append(_stage(stage, shape, _largest(workloads), config.stage_training(stage), device))
    return found


def _stage(stage: StageConfig, shape: ModelShape, workload: Workload, training: Any, device: str) -> StageMemory:
    """Estimate a stage; a supervised one has batches of rows, and what a rejection stage samples takes less."""
    if stage.kind != "grpo":
        plain = {"num_generations": 1, "share_prompts": False, "gradient_accumulation_steps": 1, "beta": 0.0}
        training = training.model_copy(update={**plain, "steps_per_generation": None})
    found = savings(shape, workload, training, device=device)
    return StageMemory(
        name=stage.name,
        workload=workload,
        estimate=estimate(shape, workload, training, device=device),
        savings=[one for one in found if stage.kind == "grpo" or _setting(one) in READS[stage.kind]],
    )


def _setting(saving: Saving) -> str:
    """Return the training setting that an option names: ``training.bf16: true`` names ``bf16``."""
    return saving.option.removeprefix("training.").partition(":")[0]


def device_memory() -> tuple[str, int]:
    """Return the kind of device that training would take, and its memory in bytes."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_properties(0).total_memory
    return "cpu", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


# ---------------------------------------------------------------------------------------------------- workload


def longest_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Return the sample with the most pixels and the one with the most text: one of them makes the longest prompt.

    A clip counts as long as its sample says (``meta.duration``), one second where it does not.
    """
    pixels = max(samples, key=_pixels)
    text = max(samples, key=lambda one: len(one.question) + sum(map(len, one.choices)))
    return [pixels] if pixels is text else [pixels, text]


def _pixels(sample: Sample) -> float:
    length = sample.meta.get("duration")
    seconds = float(length) if isinstance(length, int | float) else 1.0
    return sum(one.width * one.height * (seconds if one.kind == "video" else 1.0) for one in sample.media)


def _clips(sample: Sample, home: Mapping[int, DatasetFolder], reader: ClipReader) -> list[VideoClip]:
    """Read a sample's clips; a grey one stands for one that cannot be read, as in training."""
    clips = []
    for media in (one for one in sample.media if one.kind == "video"):
        try:
            clips.append(home[id(sample)].open_video(media, reader.clip))
        except InputError:
            clips.append(blank_clip(reader))
    return clips


def measure(
    sample: Sample,
    reader: ClipReader,
    model_config: Any,
    *,
    style: PromptStyle,
    rule: FrameRule,
    clips: Sequence[VideoClip] = (),
) -> Workload:
    """Process a sample's prompt with its clips and with grey pictures of its pictures' sizes."""
    processor = reader.processor
    media = [one for one in sample.media if one.kind == "image"]
    prompt = build_prompt(sample, style=style, frame=rule(sample.media[0]) if sample.media else None)
    text = chat_text(processor, prompt, clips=len(clips))
    pictures = [Image.new("RGB", (one.width, one.height), "grey") for one in media]
    shown: dict[str, Any] = {"images": [pictures]} if pictures else {}
    fields = processor(
        text=[text], return_tensors="pt", **shown, **(video_arguments(processor, clips) if clips else {})
    )
    pixels = [fields[name] for name in PIXELS if name in fields]
    placeholders = [getattr(model_config, f"{kind}_token_id", None) for kind in ("image", "video")]
    patch_size = model_config.vision_config.patch_size
    return Workload(
        prompt_tokens=fields["input_ids"].shape[1],
        media_tokens=sum(int((fields["input_ids"] == one).sum()) for one in placeholders if one is not None),
        patches=sum(_patches(fields, patch_size, name) for name in PIXELS if name in fields),
        pixel_bytes=4 * sum(values.numel() for values in pixels),
        budget_pixels=_budget_pixels(fields, processor, model_config),
    )


PIXELS = {"pixel_values": "image_grid_thw", "pixel_values_videos": "video_grid_thw"}
"""Names under which processors return pixels, with those of their grids."""


def _patches(fields: Mapping[str, Any], patch_size: int | Sequence[int], name: str) -> int:
    """Return the patches that go through the vision tower: of a grid, or of tiles (..., 3, height, width)."""
    if PIXELS[name] in fields:
        return int(fields[PIXELS[name]].prod(dim=-1).sum())
    side = patch_size if isinstance(patch_size, int) else patch_size[0]
    return int(fields[name].numel() // (3 * side * side))


def _budget_pixels(fields: Mapping[str, Any], processor: Any, model_config: Any) -> int:
    """Return the pixels of the largest picture as the model sees it; 0 for processors without a pixel budget."""
    size = getattr(processor.image_processor, "size", None) or {}
    if "image_grid_thw" not in fields or "shortest_edge" not in size or "longest_edge" not in size:
        return 0
    return int(fields["image_grid_thw"].prod(dim=-1).max()) * model_config.vision_config.patch_size**2


def _largest(workloads: Sequence[Workload]) -> Workload:
    """Return a prompt as large as the largest of several in every respect."""
    names = Workload.__dataclass_fields__
    return Workload(**{name: max(getattr(one, name) for one in workloads) for name in names})


# ---------------------------------------------------------------------------------------------------- text


def render(stages: Sequence[StageMemory], *, device: str, available: int, width: int = WIDTH) -> str:
    """Return the estimates as a table, with the options that would lower each."""
    console = Console(file=StringIO(), width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(_table(stages))
    for stage in stages:
        console.print(f"{stage.name}: {verdict(stage, device=device, available=available)}", soft_wrap=True)
    if device == "cpu":
        console.print(CPU_NOTE, soft_wrap=True)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def verdict(stage: StageMemory, *, device: str, available: int) -> str:
    """Return whether a stage fits, and which options lower it most."""
    total = stage.estimate.total
    memory = {"cpu": "machine's", "cuda": "GPU's"}[device]
    holds = "fits" if total <= available else "does not fit"
    best = "; ".join(f"{one.option} saves {size(total - one.total)}" for one in stage.savings[:SHOWN])
    return f"{size(total)} {holds} the {memory} {size(available)}; {best or 'no option would lower it'}"


def _table(stages: Sequence[StageMemory]) -> Table:
    title = "Memory estimate (longest prompt, full-length completions)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    table.add_column("term")
    for stage in stages:
        table.add_column(stage.name, justify="right", overflow="fold")
    table.add_row("longest prompt, tokens", *(str(stage.workload.prompt_tokens) for stage in stages))
    for term in stages[0].estimate.terms:
        values = [stage.estimate.terms[term] for stage in stages]
        if any(values):
            table.add_row(term, *map(size, values))
    table.add_row("at most at one time", *(size(stage.estimate.total) for stage in stages))
    return table


def size(number: int) -> str:
    """Return bytes as a person reads them."""
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
