"""How maps are drawn, as options of a builder."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from datasets_builders.transit.drawing.styles import WORDS

FROM = 448
"""Pictures from so many pixels on are drawn as full maps unless the options say otherwise."""
MIN_SIZE, MAX_SIZE = 448, 6000
"""Longer side of a full map in pixels."""


class TransitDrawing(BaseModel):
    """Layout and look of full maps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Literal["auto", "plain", "map"] = "auto"
    """``plain`` is the square picture of thin lines on white for small sizes; ``map`` a full map with badges, legend
    and title; ``auto`` takes ``map`` from 448 pixels on."""
    layout: Literal["schematic", "geographic", "either"] = "schematic"
    """Eight directions, or true to places; ``either`` draws lots for each map."""
    vary: bool = True
    """Whether fonts, widths, marks, background, water and so on are drawn anew for each map; else one house look."""
    languages: tuple[str, ...] = ("en",)
    """Of title and legend, drawn for each map."""
    artefacts: bool = True
    """Whether one picture in three bears traces of JPEG compression (where the look varies)."""
    smallest_text: int = Field(default=9, ge=6, le=40)
    """Pixels; names that only fit when smaller are left out, reported, and not asked about."""
    svg: bool = False
    """Whether each map also stands beside its picture as SVG, drawn from the same shapes."""

    @field_validator("languages")
    @classmethod
    def _languages_are_known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [language for language in languages if language not in WORDS]
        if unknown or not languages:
            raise ValueError(f"must hold some of {', '.join(WORDS)}; found {', '.join(unknown) or 'none'}")
        return languages

    def is_full(self, size: int) -> bool:
        """Tell whether a picture of so many pixels is drawn as a full map."""
        return self.style == "map" or (self.style == "auto" and size >= FROM)
