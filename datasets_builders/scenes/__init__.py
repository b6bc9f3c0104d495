"""Coloured shapes on paper: are they there, how many, what colour, where."""

from datasets_builders.scenes.builder import scenes_examples
from datasets_builders.scenes.config import ScenesConfig

__all__ = ["ScenesConfig", "scenes_examples"]
