"""Clips built per minute: small and real sizes, one process and several, with the memory that each took.

Example: python scripts/bench_video_builder.py --workers 1 2 --out bench_clips

Every line builds a whole dataset folder, rendering, reading back and checksums included, in a process of its own; the
peak of memory is that of the process or of one of its workers, whichever is larger.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import time
from pathlib import Path

from datasets_builders.video import VideoConfig, build_video
from mmrl.progress import slow_progress

SIZES: dict[str, tuple[int, dict[str, int]]] = {
    "tiny: 112 px, 4 fps, 6 s": (100, {"width": 112, "height": 112, "fps": 4, "seconds": 6}),
    "middle: 224 px, 10 fps, 20 s": (20, {"width": 224, "height": 224, "fps": 10, "seconds": 20}),
    "real: 448 px, 30 fps, 120 s": (4, {"width": 448, "height": 448, "fps": 30, "seconds": 120}),
}
"""Clips and options of each line."""


def measure(options: dict[str, int], clips: int, out: Path, reply: multiprocessing.Queue[tuple[float, float]]) -> None:
    """Build one folder; put seconds taken and the peak of memory in MiB on the queue."""
    config = VideoConfig.model_validate(options | {"count": clips, "questions_per_clip": 1})
    began = time.perf_counter()
    with slow_progress("building clips", unit="clips") as progress:
        build_video(config, out, progress=progress, overwrite=True)
    taken = time.perf_counter() - began
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    reply.put((taken, max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024))


def main() -> None:
    """Print one line a size and number of processes; a folder twice as long shows whether memory grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("bench_clips"), help="folder for the clips; removed at the end"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes that render")
    parser.add_argument("--sizes", nargs="+", default=[name.split(":")[0] for name in SIZES], help="tiny, middle, real")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for name, (clips, size) in SIZES.items():
        if name.split(":")[0] not in options.sizes:
            continue
        for workers in options.workers:
            for times in (1, 2):
                reply = context.Queue()
                given = (size | {"workers": workers}, clips * times, options.out, reply)
                process = context.Process(target=measure, args=given)
                process.start()
                process.join()
                if process.exitcode:
                    raise SystemExit(f"a build must end well; found exit code {process.exitcode}; at {name}; see above")
                taken, peak = reply.get()
                rate = 60 * clips * times / taken
                print(
                    f"{name}; workers {workers}; {clips * times} clips: {rate:.0f} clips a minute, peak {peak:.0f} MiB"
                )
                shutil.rmtree(options.out)


if __name__ == "__main__":
    main()
