"""How windows look: colours of a few light and dark desktops."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours as ``#rrggbb``; corners as a share of a control's height."""

    name: str
    desktop: str
    """Behind the window."""
    bar: str
    """Title bar."""
    bar_text: str
    panel: str
    """Inside of the window, on which the widgets lie."""
    text: str
    face: str
    """Inside of fields, dropdowns and boxes."""
    button: str
    """Inside of plain buttons."""
    border: str
    """Edge of every control; apart from the panel in brightness, so that a control's extent can be seen."""
    accent: str
    """Main buttons, ticks, slider knobs."""
    accent_text: str
    rounding: float


THEMES = (
    Theme(
        name="light", desktop="#b9c7d6", bar="#e3e8ee", bar_text="#1f2933", panel="#f8f9fb", text="#1a1f26",
        face="#ffffff", button="#d5dbe3", border="#7f8b99", accent="#1f6feb", accent_text="#ffffff", rounding=0.2,
    ),
    Theme(
        name="classic", desktop="#3f7f7f", bar="#1d3c7c", bar_text="#ffffff", panel="#d2d0c8", text="#000000",
        face="#f4f3ef", button="#b9b6ab", border="#55534d", accent="#24488f", accent_text="#ffffff", rounding=0.0,
    ),
    Theme(
        name="paper", desktop="#d8c7a4", bar="#8a5a2b", bar_text="#fff6e6", panel="#fbf3e2", text="#3a2610",
        face="#fffdf8", button="#e6d2ae", border="#a8845a", accent="#b3541e", accent_text="#ffffff", rounding=0.35,
    ),
    Theme(
        name="dark", desktop="#101216", bar="#3a3f47", bar_text="#e8eaed", panel="#24272d", text="#eceff3",
        face="#33373f", button="#555c68", border="#8b929d", accent="#4f9cf5", accent_text="#0b1016", rounding=0.2,
    ),
    Theme(
        name="night", desktop="#2a1f3d", bar="#4b2f7a", bar_text="#f5efff", panel="#171226", text="#f0eaff",
        face="#2b2342", button="#4d3f78", border="#8f7cc0", accent="#e0a93b", accent_text="#1c1300", rounding=0.45,
    ),
)  # fmt: skip
