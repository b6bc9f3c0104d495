"""Foreign text made safe to look at: what a terminal or a browser would act on, or hide, becomes visible instead.

Escaping for HTML is the template's work; this is about characters that survive it.
"""

from __future__ import annotations

import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_SHOWN = 1200
"""Characters of a completion that a page shows."""


def visible(text: str, limit: int = MAX_SHOWN) -> str:
    """Return ``text`` with control, direction and zero-width characters spelled out, cut to ``limit`` characters."""
    cut = text if len(text) <= limit else text[:limit]
    if cut.replace("\n", "").replace("\t", "").isprintable():  # nearly all text, and ten thousand of them on a page
        return cut if cut is text else f"{cut} … ({len(text) - limit:,} more characters)"
    shown = "".join(_visible_character(character) for character in cut)
    return shown if cut is text else f"{shown} … ({len(text) - limit:,} more characters)"


def _visible_character(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    category = unicodedata.category(character)
    if category == "Cs":
        return _REPLACEMENT
    if category == "Zs":
        return " "
    return f"[U+{ord(character):04X}]"
