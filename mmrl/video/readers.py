"""Which libraries read video on this machine, found by reading a small clip with each, and which one reads a clip."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mmrl.errors import DependencyError, InputError
from mmrl.video.reader_faults import ReaderFault
from mmrl.video.sampling import VideoRequest
from mmrl.video.scan import Source, scan
from mmrl.video.taking import FrameTaker

Reader = Literal["auto", "pyav", "torchcodec", "decord"]
"""A library by name; ``auto`` takes the first that works here: PyAV, then torchcodec, then decord."""

_DISTRIBUTIONS = {"pyav": "av", "torchcodec": "torchcodec", "decord": "decord"}
_LOG = logging.getLogger(__name__)
_LEVELS = (32, 224, 96, 160, 64, 192)
"""Grey of each frame of the probe's clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderState:
    """Whether a library reads video here."""

    name: str
    version: str
    """Empty where it is not installed."""
    fault: str
    """Why it does not; empty where it does."""

    @property
    def works(self) -> bool:
        """Whether it read the probe's clip correctly."""
        return not self.fault


def decoder(name: str) -> Callable[[Source, FrameTaker], None]:
    """Return the function that decodes with a library; its module is imported when it is asked for."""
    module = importlib.import_module(f"mmrl.video.by_{name}")
    return module.decode


def reader_states() -> list[ReaderState]:
    """Try every library; in the order of ``auto``."""
    return [reader_state(name) for name in _DISTRIBUTIONS]


@cache
def reader_state(name: str) -> ReaderState:
    """Try a library on a clip of six frames that is made for it, once a process."""
    try:
        version = importlib.metadata.version(_DISTRIBUTIONS[name])
    except importlib.metadata.PackageNotFoundError:
        return ReaderState(name=name, version="", fault="not installed")
    try:
        with tempfile.TemporaryDirectory(prefix="mmrl-probe-") as folder:
            levels = _read_probe(name, Path(folder) / "probe.mp4")
    except (ImportError, OSError, RuntimeError, InputError, ReaderFault) as error:
        return ReaderState(name=name, version=version, fault=_reason(error))
    right = np.abs(levels - _LEVELS).max() < 8
    fault = "" if right else f"it gives wrong frames (grey {levels.round().tolist()})"
    return ReaderState(name=name, version=version, fault=fault)


def _read_probe(name: str, clip: Path) -> np.ndarray:
    _write_probe(clip)
    frames = FrameTaker(tuple(range(len(_LEVELS))), VideoRequest(min_pixels=1), 16)
    decoder(name)(scan(clip), frames)
    return frames.taken.mean(axis=(1, 2, 3))


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__


def _write_probe(path: Path) -> None:
    """Write frames of plain grey, two of them not key frames, in a codec that every FFmpeg has."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in _LEVELS:
            picture = np.full((48, 64, 3), level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


def candidates(reader: Reader) -> Iterator[str]:
    """Yield the libraries to try on a clip: the one asked for, then the others that work here, tried when needed.

    Raises:
        InputError: an unknown name.
        DependencyError: the library asked for does not work here, or none does.
    """
    if reader not in get_args(Reader):
        names = ", ".join(get_args(Reader))
        raise InputError(f"a video reader must be one of {names}; found {reader!r}; choose one")
    if reader != "auto":
        state = reader_state(reader)
        if not state.works:
            raise DependencyError(
                f"the video reader that is asked for must work on this machine; found {reader}: {state.fault}; "
                "choose auto, or see mmrl doctor"
            )
        yield reader
    others = (reader_state(name) for name in _DISTRIBUTIONS if name != reader)
    working: list[str] = [] if reader == "auto" else [reader]
    for state in others:
        if state.works:
            working.append(state.name)
            yield state.name
    if not working:
        told = ", ".join(f"{state.name}: {state.fault}" for state in reader_states())
        raise DependencyError(f"reading video needs a library that works; found none ({told}); install the package av")


def decode(source: Source, frames: FrameTaker, reader: Reader) -> str:
    """Decode the wanted frames with the first library that can; return its name.

    Raises:
        InputError: the file is damaged where frames are needed.
        DependencyError: see :func:`candidates`.
    """
    faults = []
    for name in candidates(reader):
        try:
            decoder(name)(source, frames)
        except ReaderFault as fault:
            faults.append(str(fault))
            _tell_once(name, str(source.path), str(fault))
            frames.clear()
        else:
            return name
    raise InputError(f"a video must be readable; found that {'; '.join(faults)}; at {source.path}; leave it out")


@cache
def _tell_once(name: str, path: str, reason: str) -> None:
    _LOG.warning("%s is not read with %s, but with another reader: %s", path, name, reason)
