"""What the GUI builder says of a picture, held against the pixels alone."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw, ImageFont

from datasets_builders.gui import GuiConfig, gui_examples
from datasets_builders.gui.draw import draw_window
from datasets_builders.gui.layout import lay_out_window
from datasets_builders.gui.words import KINDS, SHORT_WORDS
from mmrl.types import Boxes, YesNo

SIZES = [(112, 112), (160, 300), (239, 239), (240, 240), (800, 600), (1920, 1080), (1000, 130)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_widget_reaches_its_box_and_no_further(width: int, height: int) -> None:
    """Around each box runs a ring of bare panel; the pixels along each inner edge are not all panel."""
    config = GuiConfig(width=width, height=height)
    kinds = set()
    for seed in range(30 if width * height < 200_000 else 8):
        window = lay_out_window(config, Random(seed))
        panel = ImageColor.getrgb(window.theme.panel)
        drawn = (np.asarray(draw_window(window)) != panel).any(axis=2)
        for widget in window.widgets:
            kinds.add(widget.kind)
            x1, y1, x2, y2 = widget.rect.x, widget.rect.y, widget.rect.right, widget.rect.bottom
            ring = drawn[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1].copy()
            ring[1:-1, 1:-1] = False
            assert not ring.any(), (seed, widget)
            edges = [
                drawn[y1 : y1 + 2, x1:x2],
                drawn[y2 - 2 : y2, x1:x2],
                drawn[y1:y2, x1 : x1 + 2],
                drawn[y1:y2, x2 - 2 : x2],
            ]
            assert all(edge.any() for edge in edges), (seed, widget)
    assert kinds == set(KINDS)


def _likeness(pixels: np.ndarray, word: str) -> float:
    """Highest absolute correlation of a word, in the two letter sizes of a 112-pixel window, with any place."""
    best = 0.0
    for size in (11, 12):
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(word)
        stamp = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(stamp).text((-left, -top), word, font=font, fill=255)
        template = np.asarray(stamp).astype(float)
        template -= template.mean()
        if template.shape[0] > pixels.shape[0] or template.shape[1] > pixels.shape[1]:
            continue
        places = np.lib.stride_tricks.sliding_window_view(pixels, template.shape)
        places = places - places.mean(axis=(2, 3), keepdims=True)
        norms = np.sqrt((places**2).sum(axis=(2, 3))) * np.sqrt((template**2).sum())
        products = np.abs(np.einsum("yxij,ij->yx", places, template))
        best = max(best, float((products / np.maximum(norms, 1e-6)).max()))
    return best


def test_the_gold_box_holds_the_named_word_and_no_other() -> None:
    config = GuiConfig(count=40, seed=3, width=112, height=112, tasks=("gui/ground",))
    for draft in gui_examples(config):
        grey = np.asarray(draft.picture.convert("L")).astype(float)
        for sample in draft.samples:
            assert isinstance(sample.answer, Boxes)
            (box,) = sample.answer.boxes
            # Two pixels more, since a word's advance reaches past its ink.
            inside = grey[int(box.y1) - 2 : int(box.y2) + 2, int(box.x1) - 2 : int(box.x2) + 2]
            likeness = {word: _likeness(inside, word) for word in SHORT_WORDS}
            best = max(likeness, key=lambda word: likeness[word])
            assert f"the {best} " in sample.question, (sample, likeness)
            assert likeness[best] > 0.9


def test_a_word_that_a_yes_names_stands_in_the_picture() -> None:
    config = GuiConfig(count=24, seed=8, width=112, height=112, tasks=("gui/role",), questions_per_picture=2)
    absent = 0
    for draft in gui_examples(config):
        grey = np.asarray(draft.picture.convert("L")).astype(float)
        for sample in draft.samples:
            assert isinstance(sample.answer, YesNo)
            (word,) = re.findall(r"Is there an? (\w+) ", sample.question)
            stands = _likeness(grey, word) > 0.9
            assert stands or not sample.answer.value
            absent += not stands
    assert absent >= 3  # about half of the twelve denials name a word that is nowhere
