"""How a window looks."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw

from datasets_builders.gui.layout import Widget, Window, checkbox_parts, font, text_extent
from datasets_builders.gui.themes import Theme
from datasets_builders.gui.words import CHOSEN
from datasets_builders.rect import Rect


@dataclass(frozen=True)
class _Pen:
    """Where and how the widgets of one window are drawn."""

    draw: ImageDraw.ImageDraw
    theme: Theme
    font_size: int
    small: bool

    def text(self, x: int, baseline: int, label: str, color: str) -> None:
        """Write from ``x`` on, letters standing on ``baseline``."""
        self.draw.text((x, baseline), label, font=font(self.font_size), fill=color, anchor="ls")

    def middle_baseline(self, rect: Rect) -> int:
        """The baseline on which capitals stand midway between top and bottom."""
        return rect.y + (rect.height + text_extent("H", self.font_size)[1]) // 2

    def control(self, rect: Rect, face: str, *, rounded: bool = True) -> None:
        """Draw a bordered control that fills the rectangle."""
        radius = int(rect.height * self.theme.rounding) if rounded else 0
        self.draw.rounded_rectangle(rect.corners, radius, fill=face, outline=self.theme.border)


def draw_window(window: Window) -> Image.Image:
    """Draw the desktop, the window and its widgets (RGB)."""
    theme = window.theme
    picture = Image.new("RGB", window.size, theme.desktop)
    draw = ImageDraw.Draw(picture)
    draw.rectangle(window.frame.corners, fill=theme.panel, outline=theme.border)
    _draw_bar(draw, window)
    pen = _Pen(draw, theme, window.font_size, window.small)
    for widget in window.widgets:
        _DRAW[widget.kind](pen, widget)
    return picture


def _draw_bar(draw: ImageDraw.ImageDraw, window: Window) -> None:
    """Draw the title bar: the title on the left, three dots on the right."""
    frame, theme = window.frame, window.theme
    bar = Rect(frame.x, frame.y, frame.width, window.bar_height - 2)
    draw.rectangle(bar.corners, fill=theme.bar, outline=theme.border)
    size = max(10, round(window.font_size * 0.9))
    baseline = bar.y + (bar.height + text_extent("H", size)[1]) // 2
    draw.text((bar.x + size // 2, baseline), window.title, font=font(size), fill=theme.bar_text, anchor="ls")
    dot = max(3, bar.height // 3)
    top = bar.y + (bar.height - dot) // 2
    for place in range(1, 4):
        left = bar.right - place * 2 * dot
        draw.ellipse((left, top, left + dot, top + dot), fill=theme.bar_text)


def _draw_button(pen: _Pen, widget: Widget) -> None:
    main = widget.state > 0.5
    pen.control(widget.rect, pen.theme.accent if main else pen.theme.button)
    width = text_extent(widget.label, pen.font_size)[0]
    x = widget.rect.x + (widget.rect.width - width) // 2
    color = pen.theme.accent_text if main else pen.theme.text
    pen.text(x, pen.middle_baseline(widget.rect), widget.label, color)


def _draw_text_field(pen: _Pen, widget: Widget) -> None:
    """Draw a square-cornered box: in a small window the label and a caret inside, else the label above."""
    rect = widget.rect
    pen.control(rect, pen.theme.face, rounded=False)
    inset = max(3, pen.font_size // 3)
    caret = rect.x + inset
    if pen.small:
        pen.text(rect.x + inset, pen.middle_baseline(rect), widget.label, pen.theme.text)
        caret += text_extent(widget.label, pen.font_size)[0] + 1
    else:
        _label_above(pen, widget)
    if pen.small or widget.state > 0.5:
        pen.draw.line((caret, rect.y + 4, caret, rect.bottom - 5), fill=pen.theme.accent)


def _draw_checkbox(pen: _Pen, widget: Widget) -> None:
    rect, theme = widget.rect, pen.theme
    side, square_top, baseline, _ = checkbox_parts(widget.label, pen.font_size, pen.small)
    box = Rect(rect.x, rect.y + square_top, side, side)
    ticked = widget.state > 0.5
    pen.draw.rectangle(box.corners, fill=theme.accent if ticked else theme.face, outline=theme.border)
    if ticked:
        third = side // 3
        corner = (box.x + third + 1, box.bottom - third)
        ends = ((box.x + third - 1, box.y + side // 2), corner, (box.right - third, box.y + third))
        pen.draw.line(ends, fill=theme.accent_text, width=max(1, side // 7))
    width = text_extent(widget.label, pen.font_size)[0]
    pen.text(rect.right - width, rect.y + baseline, widget.label, theme.text)


def _draw_slider(pen: _Pen, widget: Widget) -> None:
    """Draw a track with a knob; in a small window under the label and as wide as the widget."""
    rect, theme = widget.rect, pen.theme
    knob = round(pen.font_size * 0.5) if pen.small else rect.height
    if pen.small:
        pen.text(rect.x, rect.y + text_extent(widget.label, pen.font_size)[1], widget.label, theme.text)
    else:
        _label_above(pen, widget)
    middle = rect.bottom - 1 - knob // 2
    thick = max(1, knob // 6)
    pen.draw.rectangle((rect.x, middle - thick, rect.right - 1, middle + thick), fill=theme.border)
    left = rect.x + round(widget.state * (rect.width - knob))
    pen.draw.ellipse((left, rect.bottom - knob, left + knob - 1, rect.bottom - 1), fill=theme.accent)


def _draw_dropdown(pen: _Pen, widget: Widget) -> None:
    rect, theme = widget.rect, pen.theme
    pen.control(rect, theme.face)
    inset = max(3, pen.font_size // 3)
    if pen.small:
        shown = widget.label
    else:
        _label_above(pen, widget)
        shown = CHOSEN[int(widget.state * (len(CHOSEN) - 1))]
    pen.text(rect.x + inset, pen.middle_baseline(rect), shown, theme.text)
    half = max(2, pen.font_size // 4)
    x, y = rect.right - inset - half - 1, rect.y + rect.height // 2
    pen.draw.polygon(((x - half, y - half // 2), (x + half, y - half // 2), (x, y + half // 2 + 1)), fill=theme.text)


def _label_above(pen: _Pen, widget: Widget) -> None:
    pen.text(widget.rect.x, widget.rect.y - round(pen.font_size * 0.5), widget.label, pen.theme.text)


_DRAW = {
    "button": _draw_button,
    "text field": _draw_text_field,
    "checkbox": _draw_checkbox,
    "slider": _draw_slider,
    "dropdown": _draw_dropdown,
}
