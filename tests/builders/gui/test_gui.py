"""The GUI builder: same bytes, even answers, unique labels, a folder that proves itself."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random

import datasets
import pytest

from datasets_builders.drafts import Draft
from datasets_builders.gui import GuiConfig, build_gui, gui_examples
from datasets_builders.gui.layout import Window, lay_out_window
from datasets_builders.gui.questions import Demand, ask
from datasets_builders.gui.words import KINDS, LABELS, SHARED_LABELS, SHORT_WORDS
from mmrl.data import check_folder, read_folder
from mmrl.errors import InputError
from mmrl.types import Boxes, Sample, YesNo

SIZES = [(112, 112), (112, 800), (4096, 112), (200, 200), (240, 240), (320, 1000), (800, 600), (1920, 1080)]


def _bytes(drafts: list[Draft]) -> list[tuple[bytes, tuple[Sample, ...]]]:
    return [(draft.picture.tobytes(), draft.samples) for draft in drafts]


@pytest.mark.parametrize("size", [112, 400])
def test_same_config_same_pictures_and_questions_other_seed_others(size: int) -> None:
    first, again, other = (
        _bytes(list(gui_examples(GuiConfig(count=24, seed=seed, width=size, height=size)))) for seed in (4, 4, 5)
    )
    assert first == again
    assert not {picture for picture, _ in first} & {picture for picture, _ in other}


@pytest.mark.parametrize("questions_per_picture", [1, 3, 8])
@pytest.mark.parametrize("tasks", [(), ("gui/ground",)])
def test_exactly_count_questions_with_unique_ids_and_none_twice_about_a_picture(
    questions_per_picture: int, tasks: tuple[str, ...]
) -> None:
    config = GuiConfig(count=50, width=112, height=112, tasks=tasks, questions_per_picture=questions_per_picture)
    drafts = list(gui_examples(config))
    samples = [sample for draft in drafts for sample in draft.samples]
    assert [sample.id for sample in samples] == [f"gui-0-{index:06d}" for index in range(50)]
    assert {sample.task for sample in samples} == set(config.asked_tasks)
    for draft in drafts:
        assert (draft.picture.size, draft.picture.mode) == ((112, 112), "RGB")
        texts = [sample.question for sample in draft.samples]
        assert 1 <= len(texts) <= questions_per_picture
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_widgets_lie_inside_the_window_apart_and_with_unique_labels(width: int, height: int) -> None:
    config = GuiConfig(width=width, height=height)
    for seed in range(40):
        window = lay_out_window(config, Random(seed))
        frame, rects = window.frame, [widget.rect for widget in window.widgets]
        assert 0 <= frame.x < frame.right <= width
        assert 0 <= frame.y < frame.bottom <= height
        for rect in rects:
            assert frame.x < rect.x < rect.right < frame.right, (seed, rect)
            assert frame.y + window.bar_height <= rect.y < rect.bottom < frame.bottom, (seed, rect)
        assert all(a.is_clear_of(b, 1) for index, a in enumerate(rects) for b in rects[:index])
        labels = [widget.label for widget in window.widgets]
        assert 2 <= len(labels) == len(set(labels)) <= (4 if config.is_small else 12)


def test_small_windows_keep_to_sizes_that_a_small_model_can_see() -> None:
    config = GuiConfig(width=112, height=112)
    for seed in range(100):
        for widget in lay_out_window(config, Random(seed)).widgets:
            assert 33 <= widget.rect.width <= 60, widget
            assert 13 <= widget.rect.height <= 20, widget
            assert widget.label in SHORT_WORDS


def _truth(window: Window, question: str) -> bool:
    """Whether the widget that a question names stands in the window."""
    (named,) = re.findall(r"^Is there an? (.+)\?$", question)
    return any(named == f"{widget.label} {widget.kind}" for widget in window.widgets)


@pytest.mark.parametrize("size", [112, 600])
def test_presence_is_asked_truly_and_denied_by_near_misses(size: int) -> None:
    config = GuiConfig(width=size, height=size)
    near_misses: Counter[str] = Counter()
    for seed in range(60):
        rng = Random(seed)
        window = lay_out_window(config, rng)
        yes, no = (ask(window, Demand("gui/role", present), rng) for present in (True, False))
        assert _truth(window, yes.text)
        assert yes.target in window.widgets
        assert not _truth(window, no.text)
        assert no.target is None
        (named,) = re.findall(r"^Is there an? (.+)\?$", no.text)
        label_is_there = any(named.startswith(f"{widget.label} ") for widget in window.widgets)
        kind_is_there = any(named.endswith(f" {widget.kind}") for widget in window.widgets)
        assert label_is_there or kind_is_there
        near_misses["label" if label_is_there else "kind"] += 1
    assert min(near_misses["label"], near_misses["kind"]) > 15


def test_a_crowded_window_still_leaves_labels_to_miss() -> None:
    config = GuiConfig(width=1920, height=1080, max_widgets=24)
    for seed in range(400):
        rng = Random(seed)
        window = lay_out_window(config, rng)
        for kind in {widget.kind for widget in window.widgets}:
            assert sum(widget.kind == kind for widget in window.widgets) < len(LABELS[kind])
        assert not _truth(window, ask(window, Demand("gui/role", False), rng).text)


def test_yes_and_no_are_equally_frequent_and_every_kind_is_a_target() -> None:
    samples = [s for draft in gui_examples(GuiConfig(count=400, width=112, height=112)) for s in draft.samples]
    yes_no = Counter(sample.answer.value for sample in samples if isinstance(sample.answer, YesNo))
    assert yes_no == {True: 100, False: 100}
    grounded = [sample for sample in samples if isinstance(sample.answer, Boxes)]
    assert {sample.meta["rule"] for sample in grounded} == {"hit"}
    kinds = Counter(sample.meta["kind"] for sample in grounded)
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) > 20


def test_levels_follow_the_share_of_the_picture_that_the_target_fills() -> None:
    config = GuiConfig(count=100, width=800, height=600, tasks=("gui/ground",))
    levels = set()
    for sample in (sample for draft in gui_examples(config) for sample in draft.samples):
        assert isinstance(sample.answer, Boxes)
        (box,) = sample.answer.boxes
        share = (box.x2 - box.x1) * (box.y2 - box.y1) / (800 * 600)
        assert sample.difficulty == ("easy" if share >= 0.01 else "middle" if share >= 0.0025 else "hard")
        levels.add(sample.difficulty)
    assert levels == {"easy", "middle", "hard"}


def test_vocabulary_names_one_widget_only_and_takes_the_right_article() -> None:
    large = [*SHARED_LABELS, *(label for labels in LABELS.values() for label in labels)]
    words = [*SHORT_WORDS, *large]
    assert len(set(SHORT_WORDS)) == len(SHORT_WORDS)
    assert not [(a, b) for a in large for b in large if a is not b and b.startswith(a)]
    assert not [word for word in words if re.match(r"U[rnst]i|One|Eu|Ho(ur|nest)|Uni|URL", word)]  # "an unit", "a hour"
    window = lay_out_window(GuiConfig(width=112, height=112), Random(0))
    texts = {ask(window, Demand("gui/role", None), Random(seed)).text for seed in range(200)}
    texts |= {ask(window, Demand("gui/role", False), Random(seed)).text for seed in range(200)}
    assert any(text.startswith("Is there an ") for text in texts)
    assert all(("there an " in text) == (text.split()[3][0] in "AEIOU") for text in texts)


def test_the_folder_proves_itself_and_opens_elsewhere(tmp_path: Path) -> None:
    config = GuiConfig(count=21, seed=9, width=320, height=240)
    reports: list[tuple[int, int]] = []
    out = build_gui(config, tmp_path / "one", progress=lambda done, total: reports.append((done, total)))
    assert check_folder(out) == []
    assert reports[-1] == (21, 21)

    folder = read_folder(out)
    assert folder.manifest["builder"] == "gui"
    assert GuiConfig(**folder.manifest["config"]) == config
    opened = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"]
    assert opened["id"] == [sample.id for sample in folder.samples]
    assert opened[0]["images"][0].size == (320, 240)

    again = build_gui(config, tmp_path / "two")
    files = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="must be new"):
        build_gui(config, out)
