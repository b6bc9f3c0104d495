"""Load a model and its processor by name; ``tiny`` names the small model that ships with the package."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrl.errors import InputError
from mmrl.families.catalogue import family_of
from mmrl.files import parse_json

TINY = "tiny"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def resolve_model(name_or_path: str) -> str:
    """Return what transformers can load: the packaged folder for ``tiny``, anything else as given."""
    if name_or_path == TINY:
        return str(Path(__file__).parent / "tiny")
    return name_or_path


def model_type_of(name_or_path: str) -> str:
    """Return ``config.model_type`` of a local folder or hub name.

    Raises:
        InputError: neither a model folder nor a hub name that can be reached, or its config is damaged.
    """
    location = Path(resolve_model(name_or_path))
    config_file = location / "config.json"
    if config_file.is_file():
        return _stored_model_type(config_file)
    if location.is_dir() or name_or_path == TINY:
        raise InputError(f"model_name_or_path must be a model folder; found no config.json in {location}")
    return _hub_model_type(name_or_path)


def _stored_model_type(config_file: Path) -> str:
    try:
        settings = parse_json(config_file.read_bytes())
    except ValueError as error:
        raise InputError(
            f"a model's config must be JSON; found {error}; at {config_file}; download or save the model again"
        ) from error
    model_type = settings.get("model_type") if isinstance(settings, dict) else None
    if not isinstance(model_type, str):
        raise InputError(
            f"a model's config must name its model_type; found {model_type!r}; at {config_file}; "
            "download or save the model again"
        )
    return model_type


def _hub_model_type(name: str) -> str:
    """Read a hub model's config alone: torch and transformers stay unimported, and impossible names unasked."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging as hub_logging

    wrong = InputError(
        f"model_name_or_path must be {TINY!r}, a model folder or a hub name (owner/name); found {name!r}, "
        "which is no folder here and could not be loaded from the hub; check the spelling or download it first"
    )
    if not _HUB_NAME.fullmatch(name):
        raise wrong
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()  # its retries would bury our one line
    try:
        config_file = Path(hf_hub_download(name, "config.json"))
    except (OSError, ValueError) as error:
        raise wrong from error
    finally:
        hub_logging.set_verbosity(verbosity)
    return _stored_model_type(config_file)


def require_model(name_or_path: str) -> None:
    """Refuse what could not be trained or evaluated, before anything heavy is loaded.

    Raises:
        InputError: no model, one of a family that the catalogue does not know, or a folder without weights.
    """
    family_of(model_type_of(name_or_path))
    folder = Path(resolve_model(name_or_path))
    if folder.is_dir() and not any(path.suffix in (".safetensors", ".bin") for path in folder.iterdir()):
        raise InputError(
            f"a model folder must hold weights; found no .safetensors or .bin file; at {folder}; "
            "download or save the model again"
        )


@contextlib.contextmanager
def _reading(name_or_path: str, part: str) -> Iterator[None]:
    """Say in one line why a model's files cannot be read: damaged ones fail in the libraries in many ways."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{part} must be whole and fit each other; found {type(error).__name__}: {reason[:240]}; "
            f"at {name_or_path}; download or save the model again"
        ) from error


def require_device(device: str) -> None:
    """Refuse a device that torch does not know, or cannot use on this machine, with :class:`InputError`."""
    import torch

    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a torch that is built without the device
        reason = " ".join(str(error).split())
        raise InputError(
            f"the device must be one that torch can use here; found {device!r}: {reason[:160]}; "
            "use cpu, or see mmrl doctor"
        ) from error


def load_model(name_or_path: str, *, dtype: str = "float32", device: str | None = None, **kwargs: Any) -> Any:
    """Load an image-text-to-text model with ``AutoModelForImageTextToText``.

    ``dtype`` is a torch dtype name; without ``device`` the model stays on the CPU, where a trainer takes it from;
    further keywords go to ``from_pretrained``.

    Raises:
        InputError: no such model, weights that are missing or do not suit its config, or a device that cannot be used.
    """
    from transformers import AutoModelForImageTextToText

    if device:
        require_device(device)
    model_type_of(name_or_path)
    with _reading(name_or_path, "a model's config and weights"):
        found: Any = AutoModelForImageTextToText.from_pretrained(
            resolve_model(name_or_path), dtype=dtype, output_loading_info=True, **kwargs
        )
    model, loaded = found
    if absent := sorted(map(str, loaded["missing_keys"])):
        raise InputError(  # transformers would go on with random ones
            f"a model's files must hold all its weights; found {len(absent)} missing, {absent[0]} first; "
            f"at {name_or_path}; download or save the model again"
        )
    return model.to(device) if device else model


def best_device() -> str:
    """Return where a model runs best on this machine: ``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_processor(name_or_path: str, *, min_pixels: int | None = None, max_pixels: int | None = None) -> Any:
    """Load the processor with ``AutoProcessor``; a pixel budget given here replaces the stored one.

    Padding is on the left, as batched generation needs it.

    Raises:
        InputError: the processor's files are damaged, it has no pixel budget to replace, or the limits that result do
            not satisfy 0 < min_pixels <= max_pixels.
    """
    from transformers import AutoProcessor

    with _reading(name_or_path, "a processor's files"):
        processor: Any = AutoProcessor.from_pretrained(resolve_model(name_or_path), padding_side="left")
    if min_pixels is not None or max_pixels is not None:
        stored = getattr(processor.image_processor, "size", None) or {}
        processor.image_processor.size = _pixel_budget(stored, min_pixels, max_pixels)
    return processor


def _pixel_budget(stored: Any, min_pixels: int | None, max_pixels: int | None) -> dict[str, int]:
    """Return an image processor's ``size`` with the given limits in place of the stored ones."""
    if "shortest_edge" not in stored or "longest_edge" not in stored:
        raise InputError("min_pixels and max_pixels must suit the processor; found one without a pixel budget")
    low = stored["shortest_edge"] if min_pixels is None else min_pixels
    high = stored["longest_edge"] if max_pixels is None else max_pixels
    if not 0 < low <= high:
        own = "; one limit is the processor's own" if min_pixels is None or max_pixels is None else ""
        raise InputError(
            f"pixel limits must satisfy 0 < min_pixels <= max_pixels; found {low} and {high}{own}; "
            "correct them, or give both"
        )
    return {"shortest_edge": low, "longest_edge": high}
