"""What the toolkit knows about each model family, in one table.

A family's coordinate frame is a fact about how it was trained, stated here once and never guessed from an answer.
Sources: the Qwen maintainers' statements that Qwen2.5-VL writes absolute pixels of the resized input while Qwen2-VL and
Qwen3-VL write per-mille of the picture; the other families' model cards.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from mmrl.errors import InputError
from mmrl.types import FrameKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A group of models that share coordinates and prompt conventions."""

    name: str
    model_types: tuple[str, ...]
    """Values of ``config.model_type`` that belong here."""
    frame_kind: FrameKind
    """The frame in which the family was trained to write boxes and points."""


FAMILIES: tuple[Family, ...] = (
    Family(name="qwen2_vl", model_types=("qwen2_vl",), frame_kind="permille"),
    Family(name="qwen2_5_vl", model_types=("qwen2_5_vl",), frame_kind="model"),
    Family(name="qwen3_vl", model_types=("qwen3_vl", "qwen3_vl_moe"), frame_kind="permille"),
    Family(name="smolvlm", model_types=("smolvlm", "idefics3"), frame_kind="permille"),
    Family(name="internvl", model_types=("internvl",), frame_kind="permille"),
    Family(name="llava_onevision", model_types=("llava_onevision",), frame_kind="unit"),
)


def family_of(model_type: str) -> Family:
    """Return the family of a transformers ``model_type``.

    Raises:
        InputError: if no family lists it; the message names the nearest one.
    """
    for family in FAMILIES:
        if model_type in family.model_types:
            return family
    known = [name for family in FAMILIES for name in family.model_types]
    nearest = difflib.get_close_matches(model_type, known, n=1)
    hint = f"; nearest: {nearest[0]}" if nearest else ""
    raise InputError(
        f"model_type must be one of {', '.join(known)}; found {model_type!r}{hint}; "
        "add a Family to mmrl/families/catalogue.py to teach the toolkit its coordinate frame"
    )
