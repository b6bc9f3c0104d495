"""The scenes builder: same bytes, even answers, unique subjects, a folder that proves itself."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random

import datasets
import pytest

from datasets_builders.drafts import Draft
from datasets_builders.scenes import ScenesConfig, build_scenes, scenes_examples
from datasets_builders.scenes.draw import COLORS, KINDS, Item, place_items
from datasets_builders.scenes.questions import Demand, ask
from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from mmrl.types import Boxes, Choice, Number, Sample, YesNo


def _all_samples(config: ScenesConfig) -> list[Sample]:
    return [sample for draft in scenes_examples(config) for sample in draft.samples]


def _bytes(drafts: list[Draft]) -> list[tuple[bytes, tuple[Sample, ...]]]:
    return [(draft.picture.tobytes(), draft.samples) for draft in drafts]


def test_same_config_same_pictures_and_questions_other_seed_others() -> None:
    first, again, other = (
        _bytes(list(scenes_examples(ScenesConfig(count=24, seed=seed, width=112, height=112)))) for seed in (4, 4, 5)
    )
    assert first == again
    assert not {picture for picture, _ in first} & {picture for picture, _ in other}


def test_a_longer_dataset_begins_like_a_shorter_one() -> None:
    short, long = (list(scenes_examples(ScenesConfig(count=count, seed=2, width=112, height=112))) for count in (8, 24))
    assert _bytes(short) == _bytes(long)[: len(short)]


@pytest.mark.parametrize("questions_per_picture", [1, 3, 8])
@pytest.mark.parametrize("tasks", [(), ("scenes/color",), ("scenes/count", "scenes/locate")])
def test_exactly_count_questions_with_unique_ids_and_none_twice_about_a_picture(
    questions_per_picture: int, tasks: tuple[str, ...]
) -> None:
    config = ScenesConfig(count=50, width=112, height=112, tasks=tasks, questions_per_picture=questions_per_picture)
    drafts = list(scenes_examples(config))
    samples = [sample for draft in drafts for sample in draft.samples]
    assert [sample.id for sample in samples] == [f"scenes-0-{index:06d}" for index in range(50)]
    assert {sample.task for sample in samples} <= set(config.asked_tasks)
    for draft in drafts:
        assert draft.picture.size == (112, 112)
        assert draft.picture.mode == "RGB"
        texts = [sample.question for sample in draft.samples]
        assert 1 <= len(texts) <= questions_per_picture
        assert len(set(texts)) == len(texts)


def test_answers_are_spread_evenly() -> None:
    samples = _all_samples(ScenesConfig(count=800, seed=1, width=112, height=112, max_count=4))
    yes_no = Counter(sample.answer.value for sample in samples if isinstance(sample.answer, YesNo))
    counts = Counter(sample.answer.value for sample in samples if isinstance(sample.answer, Number))
    letters = Counter(sample.answer.letters for sample in samples if isinstance(sample.answer, Choice))
    assert yes_no == {True: 100, False: 100}
    assert counts == dict.fromkeys(range(5), 40)
    assert letters == {(letter,): 50 for letter in "ABCD"}
    colors = Counter(
        sample.choices["ABCD".index(sample.answer.letters[0])]
        for sample in samples
        if isinstance(sample.answer, Choice)
    )
    assert set(colors) == set(COLORS)
    assert max(colors.values()) < 60  # a third would be 67; even is 33


def test_levels_follow_the_number_of_shapes() -> None:
    samples = _all_samples(ScenesConfig(count=200, width=112, height=112, max_shapes=12))
    expected = {1: "easy", 3: "easy", 4: "middle", 6: "middle", 7: "hard", 12: "hard"}
    levels = {sample.meta["shapes"]: sample.difficulty for sample in samples}
    assert {shapes: levels[shapes] for shapes in expected} == expected
    assert {sample.meta.get("rule") for sample in samples if isinstance(sample.answer, Boxes)} == {"iou50"}


ITEMS = [Item("red", "circle"), Item("red", "circle"), Item("blue", "square"), Item("green", "circle")]


def test_absent_items_share_a_colour_or_a_shape_with_the_scene() -> None:
    rng = Random(0)
    asked = {question.text for _ in range(300) if (question := ask(ITEMS, Demand("scenes/exists", False), rng))}
    named = {tuple(re.findall(r"a (\w+) (\w+)", text)[0]) for text in asked}
    assert ("red", "square") in named  # both occur, but apart
    assert ("yellow", "circle") in named
    assert not named & {(item.color, item.kind) for item in ITEMS}
    assert all(color in {"red", "blue", "green"} or kind in {"circle", "square"} for color, kind in named)


def test_only_unique_subjects_are_asked_for() -> None:
    rng = Random(0)
    located = {ask(ITEMS, Demand("scenes/locate", None), rng) for _ in range(60)}
    assert {(question.text, question.answer) for question in located if question} == {
        ("Where is the blue square?", 2),
        ("Where is the green circle?", 3),
    }
    colored = [ask(ITEMS, Demand("scenes/color", "C"), rng) for _ in range(60)]
    assert {question.text for question in colored if question} == {"What color is the square?"}
    assert all(question and question.choices[2] == "blue" and len(set(question.choices)) == 4 for question in colored)
    assert all(question and {"red", "green"} < set(question.choices) for question in colored)  # those in the scene


def test_counts_are_of_all_shapes_of_a_colour_or_kind() -> None:
    rng = Random(0)
    by_count = {
        count: {question.text for _ in range(60) if (question := ask(ITEMS, Demand("scenes/count", count), rng))}
        for count in (2, 3, 4)
    }
    assert by_count[2] == {"How many red shapes are there?"}
    assert by_count[3] == {"How many circles are there?"}
    assert by_count[4] == set()


@pytest.mark.parametrize(("width", "height"), [(112, 112), (112, 1000), (1920, 1080)])
@pytest.mark.parametrize("count", [1, 7, 16])
def test_shapes_lie_inside_and_apart(width: int, height: int, count: int) -> None:
    rng = Random(count)
    for _ in range(20):
        items = [Item(rng.choice(list(COLORS)), rng.choice(KINDS)) for _ in range(count)]
        rects = place_items(items, width, height, rng)
        assert all(r.x >= 2 and r.y >= 2 and r.right <= width - 2 and r.bottom <= height - 2 for r in rects)
        assert all(min(r.width, r.height) >= 8 for r in rects)
        pairs = [(a, b) for index, a in enumerate(rects) for b in rects[:index]]
        assert all(max(a.x - b.right, b.x - a.right) >= 2 or max(a.y - b.bottom, b.y - a.bottom) >= 2 for a, b in pairs)


def test_the_folder_proves_itself_and_opens_elsewhere(tmp_path: Path) -> None:
    config = ScenesConfig(count=21, seed=9, width=112, height=112)
    reports: list[tuple[int, int]] = []
    out = build_scenes(config, tmp_path / "one", progress=lambda done, total: reports.append((done, total)))
    assert check_folder(out) == []
    assert reports[-1] == (21, 21)

    folder = read_folder(out)
    assert folder.manifest["builder"] == "scenes"
    assert ScenesConfig(**folder.manifest["config"]) == config
    opened = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"]
    assert opened["id"] == [sample.id for sample in folder.samples]
    assert opened[0]["images"][0].size == (112, 112)

    again = build_scenes(config, tmp_path / "two")
    files = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="must be new"):
        build_scenes(config, out)
    assert build_scenes(ScenesConfig(count=2, width=112, height=112), out, overwrite=True) == out
    assert len(read_folder(out).samples) == 2
