"""Columns that a training step adds to its rows, in which rewards find them."""

from __future__ import annotations

SHUFFLED = "shuffled_means"
"""Each term's mean over the group that saw the clip's frames shuffled; None for prompts without clips."""
CHANGE = "augmentation"
"""What augmentation did to the prompt, as JSON values; None for nothing."""
