"""Teach the built-in model to speak of times in clips, by gold answers, before it is trained by reward.

    mmrl build video --out data/clips --count 2400 --width 112 --height 112 --seed 1 \\
        seconds=6 fps=2 max_events=2 tasks='[video/localize]'
    python scripts/warm_clips.py --data data/clips --out runs/tiny_clips
    mmrl train configs/recipes/deepvideo_r1_tiny.yaml model_name_or_path=runs/tiny_clips

As shipped it has seen pictures alone and never writes a stretch of time, so every group earns nothing and no reward can
teach it. It ends early on purpose: reinforcement learning wants a model that is right now and then. A share of the
questions carries a hint where the data have a written reasoning, so that hints mean something to it later.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mmrl.answers import write_completion
from mmrl.curriculum.hints import hint_of
from mmrl.data import DatasetFolder, read_folder
from mmrl.families import load_model, load_processor
from mmrl.families.clips import ClipReader, chat_text, video_arguments
from mmrl.families.warmup import learning_rate_at
from mmrl.files import write_json
from mmrl.progress import Progress, progress_bar
from mmrl.prompts import build_prompt
from mmrl.types import Sample
from mmrl.video import VideoClip, VideoRequest

END = "<|im_end|>"
HINTED = 0.25
"""Share of the questions that carry a hint, where the data have a reasoning."""


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a dataset folder of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16, help="clips of a step")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--pixels", type=int, default=112 * 112, help="of a frame, as the run that follows sees them")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with progress_bar("warming up", unit="steps") as progress:
        warm_up(**vars(arguments), progress=progress)
    print(f"wrote {arguments.out}")


def warm_up(
    *,
    data: Path,
    out: Path,
    steps: int,
    batch: int,
    learning_rate: float,
    pixels: int,
    seed: int,
    progress: Progress | None = None,
) -> Path:
    """Train the built-in model on gold answers and save it with its processor; returns the folder."""
    folder = read_folder(data)
    processor = load_processor("tiny", min_pixels=pixels, max_pixels=pixels)
    model = load_model("tiny")
    reader = ClipReader(processor=processor, request=VideoRequest(fps=2.0, max_pixels=pixels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    model.train()
    losses = []
    for step, (samples, clips) in zip(range(steps), _batches(folder, reader, batch, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, peak=learning_rate, warmup=20)
        loss = model(**_tensors(processor, samples, clips)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if progress:
            progress(step + 1, steps)
    model.save_pretrained(out)
    load_processor("tiny").save_pretrained(out)
    settings = {"data": data.name, "steps": steps, "batch": batch, "learning_rate": learning_rate, "seed": seed}
    write_json(out / "warmup.json", {**settings, "last_losses": losses[-20:]})
    return out


def _batches(
    folder: DatasetFolder, reader: ClipReader, size: int, seed: int
) -> Iterator[tuple[list[Sample], list[VideoClip]]]:
    """Yield endless batches, reshuffled every epoch; clips are read when they are needed."""
    rng = random.Random(seed)
    order = list(folder.samples)
    while True:
        rng.shuffle(order)
        for start in range(0, len(order) - size + 1, size):
            samples = [_hinted(one, rng) for one in order[start : start + size]]
            yield samples, [folder.open_video(one.media[0], reader.clip) for one in samples]


def _hinted(sample: Sample, rng: random.Random) -> Sample:
    given = rng.random() < HINTED
    hint = hint_of(str(sample.meta.get("reasoning") or ""), 1.0, sample) if given else ""
    return replace(sample, question=f"{sample.question}\nHint: {hint}") if hint else sample


def _tensors(processor: Any, samples: Sequence[Sample], clips: Sequence[VideoClip]) -> dict[str, Any]:
    """Return inputs padded on the right, with labels on completions alone."""
    asked = [chat_text(processor, build_prompt(one, style="direct", frame=None), clips=1) for one in samples]
    texts = [
        text + write_completion(one.answer, style="direct") + END for text, one in zip(asked, samples, strict=True)
    ]
    fields = dict(
        processor(
            text=texts, return_tensors="pt", padding=True, padding_side="right", **video_arguments(processor, clips)
        )
    )
    begin = processor.tokenizer.convert_tokens_to_ids("<answer>")
    labels = fields["input_ids"].clone()
    for row, ids in enumerate(fields["input_ids"]):
        labels[row, : int((ids == begin).nonzero()[-1])] = -100  # the question names the tag as well
    labels[fields["attention_mask"] == 0] = -100
    return {**fields, "labels": labels}


if __name__ == "__main__":
    main()
