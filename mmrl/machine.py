"""What this machine can do, found out by trying: packages, devices, readers, browsers."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrl.video.readers import ReaderState


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One part of the machine."""

    part: str
    usable: bool
    found: str
    """Version, device name or path; what is absent otherwise."""
    advice: str
    """What the part is for, or how to add it."""


def version_of(package: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def findings() -> Iterator[Finding]:
    """Yield what was found, cheap parts first; importing torch takes a few seconds."""
    for probe in (_machine, _core, _devices, _attention, _video, _browser, _rollouts, _tracking):
        yield from probe()


def _machine() -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    found = f"{os.cpu_count()} cores, {memory:.0f} GiB memory, {disk:.0f} GiB free disk, {platform.machine()}"
    yield Finding(part="machine", usable=True, found=found, advice="the demo needs 2 cores and 4 GiB")
    yield Finding(part="python", usable=True, found=platform.python_version(), advice="3.11 to 3.13")


def _core() -> Iterator[Finding]:
    for package in ("torch", "torchvision", "transformers", "trl", "accelerate", "peft", "datasets"):
        version = version_of(package)
        yield Finding(
            part=package, usable=version is not None, found=version or "not installed", advice="core dependency"
        )


def _devices() -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        yield Finding(
            part="GPU", usable=False, found="no CUDA device", advice="everything runs on the CPU; use small models"
        )
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        bf16 = "bf16: true in the config" if torch.cuda.is_bf16_supported() else "no bf16 on this device"
        yield Finding(part=f"GPU {index}", usable=True, found=found, advice=bf16)


def _attention() -> Iterator[Finding]:
    yield Finding(part="attention: sdpa", usable=True, found="part of torch", advice="the default everywhere")
    yield _package(
        "attention: flash",
        "flash-attn",
        "faster vision towers on recent GPUs: pip install -e '.[gpu]'",
    )


def _video() -> Iterator[Finding]:
    from mmrl.video.readers import reader_states

    for state in reader_states():
        advice = "gave the frames of a clip made to try it" if state.works else _video_advice(state)
        found = state.version if state.works else f"{state.version}: {state.fault}".removeprefix(": ")
        yield Finding(part=f"video: {state.name}", usable=state.works, found=found, advice=advice)


def _video_advice(state: ReaderState) -> str:
    if state.name == "pyav":
        return "reads every clip's packets and needs nothing else: pip install av"
    if state.name == "torchcodec" and state.version:
        return "optional; it needs FFmpeg's shared libraries (apt-get install ffmpeg) and a release made for this torch"
    return f"optional; PyAV reads clips without it: pip install {state.name}"


def find_browser() -> str | None:
    """Return the path of a Chromium: playwright's own, else one on the system, else None."""
    if importlib.util.find_spec("playwright"):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            own = Path(playwright.chromium.executable_path)
        if own.is_file():
            return str(own)
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if path := shutil.which(name):
            return path
    return None


def _browser() -> Iterator[Finding]:
    path = find_browser()
    advice = "opens pages and reports; else: pip install -e '.[browser]' && playwright install chromium"
    yield Finding(part="browser", usable=path is not None, found=path or "no Chromium", advice=advice)


def _rollouts() -> Iterator[Finding]:
    yield _package("vLLM", "vllm", "fast rollouts on a GPU: pip install -e '.[gpu]'")
    yield _package("deepspeed", "deepspeed", "ZeRO sharding over GPUs: pip install -e '.[gpu]'")


def _tracking() -> Iterator[Finding]:
    for name in ("wandb", "tensorboard", "trackio"):
        yield _package(f"tracking: {name}", name, f"report_to: {name}")


def _package(part: str, distribution: str, advice: str) -> Finding:
    version = version_of(distribution)
    return Finding(part=part, usable=version is not None, found=version or "not installed", advice=advice)
