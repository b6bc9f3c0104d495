"""Coloured shapes on paper: are they there, how many, what colour, where."""

from datasets_builders.scenes.builder import build_scenes, scenes_examples
from datasets_builders.scenes.config import ScenesConfig

__all__ = ["ScenesConfig", "build_scenes", "scenes_examples"]
