"""Load a model and its processor by name; ``tiny`` names the small model that ships with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmrl.errors import InputError

TINY = "tiny"


def resolve_model(name_or_path: str) -> str:
    """Return what transformers can load: the packaged folder for ``tiny``, anything else as given."""
    if name_or_path == TINY:
        return str(Path(__file__).parent / "tiny")
    return name_or_path


def model_type_of(name_or_path: str) -> str:
    """Return ``config.model_type`` of a local folder or hub name.

    Raises:
        InputError: if neither a model folder nor a hub name that can be reached.
    """
    location = Path(resolve_model(name_or_path))
    config_file = location / "config.json"
    if config_file.is_file():
        return str(json.loads(config_file.read_text(encoding="utf-8"))["model_type"])
    if location.is_dir() or name_or_path == TINY:
        raise InputError(f"model_name_or_path must be a model folder; found no config.json in {location}")
    return _hub_model_type(name_or_path)


def _hub_model_type(name: str) -> str:
    from huggingface_hub.utils import logging as hub_logging
    from transformers import AutoConfig

    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()  # its retries would bury our one line
    try:
        return str(AutoConfig.from_pretrained(name).model_type)
    except (OSError, ValueError) as error:
        raise InputError(
            f"model_name_or_path must be {TINY!r}, a model folder or a hub name; found {name!r}, "
            "which is no folder here and could not be loaded from the hub; check the spelling or download it first"
        ) from error
    finally:
        hub_logging.set_verbosity(verbosity)


def load_model(name_or_path: str, *, dtype: str = "float32", device: str | None = None, **kwargs: Any) -> Any:
    """Load an image-text-to-text model with ``AutoModelForImageTextToText``.

    ``dtype`` is a torch dtype name; without ``device`` the model stays on the CPU, where a trainer takes it from;
    further keywords go to ``from_pretrained``.
    """
    from transformers import AutoModelForImageTextToText

    model_type_of(name_or_path)
    model: Any = AutoModelForImageTextToText.from_pretrained(resolve_model(name_or_path), dtype=dtype, **kwargs)
    return model.to(device) if device else model


def best_device() -> str:
    """Return where a model runs best on this machine: ``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_processor(name_or_path: str, *, min_pixels: int | None = None, max_pixels: int | None = None) -> Any:
    """Load the processor with ``AutoProcessor``; a pixel budget given here replaces the stored one.

    Padding is on the left, as batched generation needs it.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(resolve_model(name_or_path), padding_side="left")
    size: Any = getattr(processor.image_processor, "size", None) or {}
    if (min_pixels or max_pixels) and "shortest_edge" not in size:
        raise InputError("min_pixels and max_pixels must suit the processor; found one without a pixel budget")
    if min_pixels or max_pixels:
        processor.image_processor.size = {
            "shortest_edge": min_pixels or size["shortest_edge"],
            "longest_edge": max_pixels or size["longest_edge"],
        }
    return processor
