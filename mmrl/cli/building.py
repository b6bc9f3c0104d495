"""From a builder's name and options to its config, its drafts or a dataset folder; builders are imported lazily."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml

from mmrl.box_conventions import Convention
from mmrl.config.text import read_yaml, yaml_reason
from mmrl.errors import InputError
from mmrl.progress import Progress

if TYPE_CHECKING:
    from datasets_builders.config import BuilderConfig
    from datasets_builders.drafts import Draft
    from datasets_builders.forms import FormDraft
    from datasets_builders.video.builder import VideoDraft


def builder_config(name: str, options: Mapping[str, Any]) -> BuilderConfig:
    """Return the builder's typed config; every wrong option is named in one :class:`InputError`."""
    from datasets_builders.forms import FormsConfig
    from datasets_builders.gui import GuiConfig
    from datasets_builders.gui.pages.config import PagesConfig
    from datasets_builders.scenes import ScenesConfig
    from datasets_builders.transit import TransitConfig
    from datasets_builders.video import VideoConfig

    configs: dict[str, type[BuilderConfig]] = {
        "transit": TransitConfig,
        "gui": GuiConfig,
        "scenes": ScenesConfig,
        "video": VideoConfig,
        "forms": FormsConfig,
    }
    if name == "gui" and "pages" in options:
        return PagesConfig(**options)
    if name not in configs:
        raise InputError(f"builder must be one of {', '.join(configs)}; found {name!r}")
    return configs[name](**options)


def examples_of(name: str, options: Mapping[str, Any]) -> Iterator[Draft | VideoDraft | FormDraft]:
    """Return the drafts (picture or script of a clip, and samples) of a builder without writing anything."""
    from datasets_builders.forms import forms_examples
    from datasets_builders.gui import gui_examples
    from datasets_builders.gui.pages import page_examples
    from datasets_builders.scenes import scenes_examples
    from datasets_builders.transit import transit_examples
    from datasets_builders.video import video_examples

    generators: dict[str, Callable[[Any], Iterator[Draft | VideoDraft | FormDraft]]] = {
        "transit": transit_examples,
        "gui": page_examples if "pages" in options else gui_examples,
        "scenes": scenes_examples,
        "video": video_examples,
        "forms": forms_examples,
    }
    return generators[name](builder_config(name, options))


def build_folder(
    name: str, options: Mapping[str, Any], out: Path, *, progress: Progress | None = None, overwrite: bool = False
) -> Path:
    """Build the dataset folder ``out``, whole or not at all; large transit maps by all cores, unless options say."""
    from datasets_builders.forms import build_forms
    from datasets_builders.gui import build_gui
    from datasets_builders.gui.pages import build_pages
    from datasets_builders.scenes import build_scenes
    from datasets_builders.transit import build_transit
    from datasets_builders.video import build_video

    gui = build_pages if "pages" in options else build_gui
    builders: dict[str, Callable[..., Path]] = {
        "transit": build_transit,
        "gui": gui,
        "scenes": build_scenes,
        "video": build_video,
        "forms": build_forms,
    }
    if name == "transit":
        options = {"workers": drawing_workers(options, usable_cores())} | dict(options)
    return builders[name](builder_config(name, options), out, progress=progress, overwrite=overwrite)


def import_folder(
    format: str,
    data: Path,
    media: Path | None,
    out: Path,
    *,
    progress: Progress | None = None,
    box_convention: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> str:
    """Import published annotations as the dataset folder ``out`` and return what to tell about it."""
    from datasets_builders.importers import CLIP_FORMATS, ImportRequest, import_dataset

    conventions = get_args(Convention)
    if box_convention is not None and box_convention not in conventions:
        raise InputError(f"--box-convention must be one of {', '.join(conventions)}; found {box_convention!r}")
    pictures = media if media is not None else (data if data.is_dir() else data.parent)
    request = ImportRequest(
        format=format,
        data=data,
        media=pictures,
        out=out,
        box_convention=box_convention,  # type: ignore[arg-type]
        licence=licence,
        overwrite=overwrite,
    )
    result = import_dataset(request, progress)
    shown = "clips" if format in CLIP_FORMATS else "pictures"
    lines = [f"{result.samples} questions about {result.pictures} {shown} in {out}"]
    lines += [
        f"left out: {count} {reason} (first: {result.first[reason]})" for reason, count in result.left_out.items()
    ]
    return "\n".join(lines)


def builder_version(name: str, options: Mapping[str, Any]) -> str:
    """Return the version that a builder states in the manifests of its datasets."""
    from datasets_builders.forms import builder as forms
    from datasets_builders.gui import builder as gui
    from datasets_builders.gui.pages import build as pages
    from datasets_builders.scenes import builder as scenes
    from datasets_builders.transit import build as transit
    from datasets_builders.video import builder as video

    gui_origin = pages.ORIGIN if "pages" in options else gui.ORIGIN
    origins = {
        "transit": transit.ORIGIN,
        "gui": gui_origin,
        "scenes": scenes.ORIGIN,
        "video": video.ORIGIN,
        "forms": forms.ORIGIN,
    }
    return origins[name].version


LARGE = 1024
"""Pixels from which on drawing takes longer than starting a process to draw in."""


def drawing_workers(options: Mapping[str, Any], cores: int) -> int:
    """Return how many processes should draw transit maps of these options: one a core for large pictures, else one."""
    from datasets_builders.transit import TransitConfig

    config = TransitConfig(**options)
    if config.picture_size < LARGE:
        return 1
    maps = math.ceil(config.count / config.questions_per_map)
    return min(cores, maps)


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_options(items: list[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments; values are YAML, so ``tasks=[a, b]`` is a list and ``3`` a number."""
    options: dict[str, Any] = {}
    for item in items:
        key, sign, value = item.partition("=")
        if not sign or not key:
            raise InputError(f"an option must be key=value; found {item!r}")
        try:
            options[key.strip()] = read_yaml(value)
        except yaml.YAMLError as error:
            raise InputError(f"the value of {key} must be YAML; found {value!r}: {yaml_reason(error)}") from error
    return options
