"""Measures how fast clips are read, against the libraries used bare and against qwen-vl-utils, in turn.

    python scripts/bench_video.py recording.mp4 --seconds 10 --sparse 16 --rounds 7

Four comparisons, each with the same output on all sides (uint8 RGB frames in one array):

* dense: every frame of the first seconds, at the source's size; bare, a library decodes them and each is copied there.
* dense, resized: the same at the size that Qwen's rules give; bare, each frame is resized by torch's bicubic kernel.
* sparse: a few frames spread over the whole clip, at the source's size; bare, a library decodes from the start and
  takes those that are wanted, and where it can seek, it also seeks by itself.
* as a model sees it: 2 frames a second of the whole clip, against ``fetch_video`` of qwen-vl-utils.

All sides run once in each round, one after another in an order that is rotated; printed are medians over the rounds, in
frames a second, and each side's share of the fastest bare one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrl.progress import progress_bar
from mmrl.video import VideoRequest, read_video
from mmrl.video.readers import reader_states
from mmrl.video.sampling import frame_size
from mmrl.video.scan import Source, scan

Side = Callable[[], np.ndarray]
Bare = Callable[[Path, Source], Iterator[Callable[[], np.ndarray]]]
NO_LIMIT = 1_000_000


def main() -> None:
    """Print the comparisons for one clip."""
    options = _options()
    source = scan(options.clip)
    first = read_video(options.clip, VideoRequest(num_frames=2))
    size, total = (first.height, first.width), first.source_frames
    seconds = min(options.seconds, first.duration)
    print(f"{options.clip.name}: {total} frames of {first.width} x {first.height}, {first.duration:.1f} s")
    states = reader_states()
    print("; ".join(f"{one.name} {one.version or '-'}: {one.fault or 'works'}" for one in states))
    print(f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads, medians of {options.rounds} rounds\n")
    names = [one.name for one in states if one.works]
    dense = VideoRequest(fps=1000.0, max_frames=NO_LIMIT, end=seconds, min_pixels=size[0] * size[1])
    wanted = read_video(options.clip, dense, factor=1).indices
    compare("dense, source size", _sides(options.clip, source, names, dense, wanted, size), options.rounds)
    smaller = VideoRequest(fps=1000.0, max_frames=NO_LIMIT, end=seconds)
    model_size = frame_size(*size, len(wanted), smaller)
    sides = _sides(options.clip, source, names, smaller, wanted, model_size)
    compare(f"dense, {model_size[1]} x {model_size[0]}", sides, options.rounds)
    few = VideoRequest(num_frames=options.sparse, min_pixels=size[0] * size[1])
    wanted = read_video(options.clip, few, factor=1).indices
    sides = _sides(options.clip, source, names, few, wanted, size) | _seeking(options.clip, names, wanted)
    compare(f"sparse, {len(wanted)} frames", sides, options.rounds)
    compare("2 frames a second", _as_a_model_sees_it(options.clip), options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the part that is read densely")
    parser.add_argument("--sparse", type=int, default=16, help="frames of the whole clip that are read sparsely")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def compare(title: str, sides: dict[str, Side], rounds: int) -> None:
    """Run every side once a round, and print frames a second and the share of the fastest bare side."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    frames = {name: len(side()) for name, side in sides.items()}  # warm: files cached, libraries loaded
    order = list(sides)
    with progress_bar(title, unit="rounds") as progress:
        for done in range(rounds):
            for name in order[done % len(order) :] + order[: done % len(order)]:
                begun = time.perf_counter()
                sides[name]()
                taken[name].append(time.perf_counter() - begun)
            progress(done + 1, rounds)
    rates = {name: frames[name] / statistics.median(seconds) for name, seconds in taken.items()}
    fastest = max(rate for name, rate in rates.items() if not name.startswith("mmrl"))
    print(title)
    for name, rate in rates.items():
        spread = f"{frames[name] / max(taken[name]):.0f} to {frames[name] / min(taken[name]):.0f}"
        print(f"  {name:28s} {rate:8.1f} frames/s   {rate / fastest:5.2f} of the fastest bare   ({spread})")
    print()


# ------------------------------------------------------------------------------------------------------- sides


def _sides(
    path: Path, source: Source, names: list[str], request: VideoRequest, wanted: tuple[int, ...], size: tuple[int, int]
) -> dict[str, Side]:
    """Ours with each reader, in this process and in one of its own, and each library decoding from the start."""
    ours = partial(_ours, path, request, factor=1 if request.min_pixels is not None else 28)
    sides: dict[str, Side] = {f"mmrl, {name}": partial(ours, reader=name) for name in names}
    sides["mmrl, in a process"] = partial(ours, timeout_s=600.0)
    bare = {"pyav": _bare_pyav, "torchcodec": _bare_torchcodec, "decord": _bare_decord}
    return sides | {f"{name} bare": partial(_collect, bare[name], path, source, wanted, size) for name in names}


def _ours(path: Path, request: VideoRequest, **options: Any) -> np.ndarray:
    return read_video(path, request, **options).frames_FHWC


def _collect(bare: Bare, path: Path, source: Source, wanted: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Convert the wanted frames alone; the others are decoded only."""
    taken = np.empty((len(wanted), *size, 3), dtype=np.uint8)
    rows = {index: row for row, index in enumerate(wanted)}
    for index, frame in enumerate(bare(path, source)):
        if index in rows:
            taken[rows[index]] = _resized(frame(), size)
        if index >= wanted[-1]:
            break
    return taken


def _resized(pixels_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels_HWC.shape[:2] == size:
        return pixels_HWC
    channels = torch.from_numpy(pixels_HWC).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(channels, size=size, mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


def _bare_pyav(path: Path, source: Source) -> Iterator[Callable[[], np.ndarray]]:
    import av

    with av.open(str(path)) as container:
        stream = next(one for one in container.streams.video if one.index == source.stream)
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield partial(frame.to_ndarray, format="rgb24")


def _bare_torchcodec(path: Path, source: Source) -> Iterator[Callable[[], np.ndarray]]:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(
        str(path), stream_index=source.stream, dimension_order="NHWC", num_ffmpeg_threads=0, seek_mode="approximate"
    )
    for index in range(len(decoder)):
        yield decoder.get_frame_at(index).data.numpy


def _bare_decord(path: Path, source: Source) -> Iterator[Callable[[], np.ndarray]]:  # noqa: ARG001 - as the others
    from decord import VideoReader

    reader = VideoReader(str(path))
    for _ in range(len(reader)):
        frame = reader.next()
        yield frame.asnumpy


def _seeking(path: Path, names: list[str], wanted: tuple[int, ...]) -> dict[str, Side]:
    """The libraries' own random access, whether or not it gives the right frames."""

    def torchcodec() -> np.ndarray:
        from torchcodec.decoders import VideoDecoder

        decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=0)
        return decoder.get_frames_at(list(wanted)).data.numpy()

    def decord() -> np.ndarray:
        from decord import VideoReader

        return VideoReader(str(path)).get_batch(list(wanted)).asnumpy()

    known: dict[str, Side] = {"torchcodec": torchcodec, "decord": decord}
    return {f"{name} bare, seeking": side for name, side in known.items() if name in names}


def _as_a_model_sees_it(path: Path) -> dict[str, Side]:
    from qwen_vl_utils.vision_process import fetch_video

    os.environ.setdefault("FORCE_QWENVL_VIDEO_READER", "decord")
    asked = {"video": str(path), "fps": 2.0}
    folder = tempfile.mkdtemp(prefix="mmrl-bench-")
    request = VideoRequest(fps=2.0)
    return {
        "mmrl, auto": partial(_ours, path, request),
        "mmrl, in a process": partial(_ours, path, request, timeout_s=600.0),
        "mmrl, from the cache": partial(_ours, path, request, cache=folder),
        "qwen-vl-utils": lambda: fetch_video(asked, image_patch_size=14).numpy(),
    }


if __name__ == "__main__":
    main()
