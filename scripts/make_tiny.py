"""Make the built-in tiny model: draw lessons, train a tokenizer, warm up, measure, save.

    python scripts/make_tiny.py --out mmrl/families/tiny            # what ships
    python scripts/make_tiny.py --out /tmp/tiny --scale 0.02        # a quick look at the whole path

Writes config, weights (bfloat16), tokenizer, processor and ``warmup.json`` with settings and the accuracy reached on
fresh pictures. The same seed, versions and number of threads give the same weights. The warm-up ends early on
purpose: a model that is right about half of the time is what reinforcement learning wants as a start.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets_builders.drafts import Draft
from datasets_builders.scenes import ScenesConfig, scenes_examples
from mmrl.answers import parse_completion, write_completion
from mmrl.cli.building import examples_of
from mmrl.config import load_config
from mmrl.families import family_of, frame_rule
from mmrl.families.tiny_spec import tiny_config, tiny_model, tiny_processor, train_tokenizer
from mmrl.families.warmup import Lesson, batches, collate, hasty_answer, learning_rate_at, warm_up
from mmrl.geometry import convert_boxes, original_frame
from mmrl.progress import progress_bar
from mmrl.prompts import build_prompt
from mmrl.scoring import accuracy
from mmrl.types import Answer, Boxes, Media, PromptStyle, Sample, answer_kind

SIZE = 112
STYLE: PromptStyle = "direct"
PICTURE = Media(path="lesson.png", width=SIZE, height=SIZE, sha256="")
FAMILIES = ("scenes", "gui", "transit")
TRAIN_SEED, FRESH_SEED = 90_001, 90_002
"""Seeds of lessons and of the measuring pictures; no shipped config uses them."""
DESCRIBE = "Describe everything."
END = "<|im_end|>"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How much of what. Steps come in four phases, each drawing batches of pictures with some rows each."""

    seed: int = 0
    questions: int = 60_000
    """Drawn for each task family, about four a picture."""
    single_steps: int = 400
    """Describe pictures of one shape: where sight begins."""
    describe_steps: int = 2200
    """Describe whole pictures of all families."""
    answer_steps: int = 3000
    """Answer questions, with a description every third step."""
    hasty_steps: int = 200
    """As before, but a share of the answers is what someone in a hurry would have given."""
    short_share: float = 0.58
    """Of these, numbers that are one too few."""
    far_share: float = 0.5
    """Of these, boxes that are dragged too far."""
    far_margin: float = 1.2
    """By how much, as a share of the box's size."""
    learning_rate: float = 1e-3
    hasty_learning_rate: float = 5e-4

    def scaled(self, share: float) -> Recipe:
        """Return the same recipe with a share of the steps and pictures."""
        names = ("questions", "single_steps", "describe_steps", "answer_steps", "hasty_steps")
        return replace(self, **{name: max(60, round(getattr(self, name) * share)) for name in names})

    @property
    def steps(self) -> int:
        """All steps together."""
        return self.single_steps + self.describe_steps + self.answer_steps + self.hasty_steps

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of a step (from 0)."""
        hasty = step >= self.steps - self.hasty_steps
        return learning_rate_at(step, peak=self.hasty_learning_rate if hasty else self.learning_rate, warmup=200)


# ---------------------------------------------------------------------------------------------------- lessons


def draw(family: str, questions: int, seed: int) -> list[Draft]:
    """Draw one family as the demo's training data are drawn, from another seed."""
    config = load_config(Path(__file__).parents[1] / "configs" / "demo.yaml")
    options = {**config.datasets[f"{family}_train"].options, "count": questions, "seed": seed}
    return [draft for draft in examples_of(family, options) if isinstance(draft, Draft)]


def draw_single_shapes(pictures: int, seed: int) -> list[Draft]:
    """Draw pictures of one shape each."""
    options = {"count": pictures, "seed": seed, "width": SIZE, "height": SIZE, "questions_per_picture": 1}
    return list(
        scenes_examples(ScenesConfig(**options, min_shapes=1, max_shapes=1, max_count=1, tasks=("scenes/locate",)))
    )


def prompt_text(processor: Any, messages: list[dict[str, Any]]) -> str:
    """Return a prompt as the chat template writes it, with one placeholder a picture."""
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


class Encoder:
    """Turns drafts into lessons with a processor's tokenizer and chat template."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.frame = frame_rule(family_of("qwen2_5_vl"), processor)(PICTURE)
        assert self.frame.width == self.frame.height == SIZE, "lessons are drawn at the size that the model sees"
        images = processor.image_processor
        self.picture_tokens = (SIZE // (images.patch_size * images.merge_size)) ** 2
        self.describe_prompt = self._prompt_ids(
            prompt_text(processor, [{"role": "user", "content": [{"type": "image"}, text_part(DESCRIBE)]}])
        )

    def prompt(self, sample: Sample) -> str:
        """Return the sample's prompt, unexpanded."""
        shown = replace(sample, media=(PICTURE,))
        return prompt_text(self.processor, build_prompt(shown, style=STYLE, frame=self.frame))

    def answering(self, draft: Draft, *, slip: Callable[[Answer], Answer] = lambda answer: answer) -> Lesson:
        """Return a lesson that asks the draft's questions; ``slip`` says what to answer instead of the truth."""
        rows = tuple(
            (self._prompt_ids(self.prompt(sample)), self._ids(completion_of(sample, slip) + END))
            for sample in draft.samples
        )
        return Lesson(pixels=np.array(draft.picture.convert("RGB")), rows=rows)

    def describing(self, draft: Draft) -> Lesson:
        """Return a lesson that asks for the whole picture."""
        row = (self.describe_prompt, self._ids(draft.description + END))
        return Lesson(pixels=np.array(draft.picture.convert("RGB")), rows=(row,))

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.processor.tokenizer(text)["input_ids"])

    def _prompt_ids(self, text: str) -> tuple[int, ...]:
        return self._ids(text.replace("<|image_pad|>", "<|image_pad|>" * self.picture_tokens))


def text_part(text: str) -> dict[str, str]:
    """Return a chat message's text part."""
    return {"type": "text", "text": text}


def completion_of(sample: Sample, slip: Callable[[Answer], Answer] = lambda answer: answer) -> str:
    """Return the completion to learn; pictures are seen at their own size, so boxes need no conversion."""
    answer = slip(sample.answer)
    if isinstance(answer, Boxes):
        answer = convert_boxes(answer, original_frame(SIZE, SIZE))
    return write_completion(answer, style=STYLE)


def tokenizer_texts(drafts: Iterable[Draft]) -> Iterator[str]:
    """Yield what the tokenizer learns from: questions, answers, descriptions, and numbers up to 255."""
    for draft in drafts:
        yield draft.description
        for sample in draft.samples:
            (message,) = build_prompt(replace(sample, media=(PICTURE,)), style=STYLE, frame=original_frame(SIZE, SIZE))
            yield message["content"][-1]["text"]
            yield completion_of(sample)
    yield from (f"[{first}, {second}]" for first in range(256) for second in range(0, 256, 8))
    yield from ["system user assistant\n", DESCRIBE] * 100


# ---------------------------------------------------------------------------------------------------- training


def batch_stream(recipe: Recipe, drafts: list[Draft], encoder: Encoder, *, done: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the batches of the four phases in order, those after the first ``done``."""
    single = [encoder.describing(draft) for draft in draw_single_shapes(recipe.questions // 5, TRAIN_SEED)]
    describing = [encoder.describing(draft) for draft in drafts]
    answering = [encoder.answering(draft) for draft in drafts]
    slip = slips(recipe)
    hasty = [encoder.answering(draft, slip=slip) for draft in drafts]
    streams = {
        "single": batches(single, pictures=48, questions=1, seed=recipe.seed),
        "describe": batches(describing, pictures=48, questions=1, seed=recipe.seed),
        "answer": batches(answering, pictures=32, questions=3, seed=recipe.seed),
        "hasty": batches(hasty, pictures=32, questions=3, seed=recipe.seed + 1),
    }
    for step in itertools.count(1):
        batch = next(streams[phase_of(recipe, step)])
        if step > done:
            yield collate(batch, processor=encoder.processor, pad_id=encoder.processor.tokenizer.pad_token_id)


def phase_of(recipe: Recipe, step: int) -> str:
    """Return what the step (from 1) trains."""
    if step <= recipe.single_steps:
        return "single"
    if step <= recipe.single_steps + recipe.describe_steps or step % 3 == 0:
        return "describe"
    return "answer" if step <= recipe.steps - recipe.hasty_steps else "hasty"


def slips(recipe: Recipe) -> Callable[[Answer], Answer]:
    """Return a function that gives a hasty answer for a share of the true ones, drawn anew at each call."""
    rng = random.Random(recipe.seed)

    def slip(answer: Answer) -> Answer:
        share = recipe.far_share if isinstance(answer, Boxes) else recipe.short_share
        return hasty_answer(answer, margin=recipe.far_margin) if rng.random() < share else answer

    return slip


def measure(model: Any, encoder: Encoder, drafts: Iterable[Draft], *, batch_size: int = 128) -> dict[str, float]:
    """Return greedy accuracy by task on drafts."""
    processor, model = encoder.processor, model.eval()
    items = [(draft.picture.convert("RGB"), sample) for draft in drafts for sample in draft.samples]
    scores: dict[str, list[float]] = defaultdict(list)
    for start in range(0, len(items), batch_size):
        pictures, samples = zip(*items[start : start + batch_size], strict=True)
        prompts = [encoder.prompt(sample) for sample in samples]
        inputs = processor(images=list(pictures), text=prompts, return_tensors="pt", padding=True)
        with torch.no_grad():
            tokens = model.generate(**inputs, max_new_tokens=48, do_sample=False)
        texts = processor.tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for sample, text in zip(samples, texts, strict=True):
            parsed = parse_completion(text, kind=answer_kind(sample.answer), style=STYLE, frame=encoder.frame)
            scores[sample.task].append(accuracy(parsed.answer, replace(sample, media=(PICTURE,))))
    return {task: round(float(np.mean(values)), 4) for task, values in sorted(scores.items())}


def make_tiny(recipe: Recipe, out: Path, *, measure_every: int = 0, resume: Path | None = None) -> None:
    """Run the recipe and write the model folder.

    Every ``measure_every`` steps of the last two phases are measured and saved too, beside ``out``; ``resume`` is such
    a folder to go on from.
    """
    state = torch.load(resume / "state.pt") if resume else None
    drafts = [draft for family in FAMILIES for draft in draw(family, recipe.questions, TRAIN_SEED)]
    processor = tiny_processor(train_tokenizer(tokenizer_texts(drafts[::7])))
    encoder = Encoder(processor)
    model = tiny_model(tiny_config(processor.tokenizer), seed=recipe.seed)
    fresh = [draft for family in FAMILIES for draft in draw(family, 1000, FRESH_SEED)]
    losses: list[float] = []

    def on_step(step: int, loss: float, state_now: Callable[[], dict[str, Any]]) -> None:
        losses.append(loss)
        progress(step + 1, recipe.steps)
        answering = step + 1 - recipe.single_steps - recipe.describe_steps
        if measure_every and (step + 1) % 100 == 0:
            print(step + 1, phase_of(recipe, step + 1), f"loss {np.mean(losses[-99:]):.3f}", flush=True)
        if measure_every and answering > 0 and answering % measure_every == 0:
            folder = out.with_name(f"{out.name}-{answering}")
            save(model, processor, folder)
            torch.save(state_now(), folder / "state.pt")
            print(answering, json.dumps(measure(model, encoder, fresh[::3])), flush=True)
            model.train()

    with progress_bar("warming up", unit="steps") as progress:
        warm_up(
            model,
            batch_stream(recipe, drafts, encoder, done=state["step"] if state else 0),
            steps=recipe.steps,
            learning_rate=recipe.learning_rate_at,
            state=state,
            on_step=on_step,
        )
    model = save(model, processor, out)
    result = {"recipe": asdict(recipe), "accuracy": measure(model, encoder, fresh)}
    (out / "warmup.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["accuracy"], indent=2))


def save(model: Any, processor: Any, out: Path) -> Any:
    """Write weights in bfloat16 and return the model as it will be loaded, rounded weights in float32."""
    import copy

    rounded = copy.deepcopy(model).to(torch.bfloat16)
    rounded.config.dtype = "bfloat16"
    rounded.save_pretrained(out)
    processor.save_pretrained(out)
    return rounded.float()


def main() -> None:
    """Read the command line and make the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps and pictures")
    parser.add_argument(
        "--measure-every", type=int, default=0, help="steps between measurements in the last two phases"
    )
    parser.add_argument("--resume", type=Path, help="folder of such a measurement to go on from")
    arguments = parser.parse_args()
    recipe = Recipe(seed=arguments.seed).scaled(arguments.scale)
    make_tiny(recipe, arguments.out, measure_every=arguments.measure_every, resume=arguments.resume)


if __name__ == "__main__":
    main()
