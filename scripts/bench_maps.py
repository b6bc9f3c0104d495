"""Measures how fast datasets of full transit maps are built, where the time goes, and what memory it takes.

    python scripts/bench_maps.py --maps 12 --sizes 1024 4096 --workers 1 2

Every run builds a whole dataset folder in a process of its own: networks are made up (another for each map, so that
laying them out counts), drawn, asked about, encoded, recorded and written. Prints for each size and number of workers
maps a minute over the whole run and without the start of the processes (from a run with twice as many maps), how CPU
time grows with the number of maps, and peak memory; then each part's share of the time in one process.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import pstats
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets_builders.transit import TransitConfig, build_transit
from mmrl.progress import slow_progress

QUESTIONS = 6
"""Asked about each map."""
PARTS = {
    "positions": ("evening.py", "even_out"),
    "routing": ("routing.py", "route_all"),
    "lengths": ("compaction.py", "compact"),
    "tracks": ("compose.py", "_draw_network"),
    "badges": ("compose.py", "add_badges"),
    "names": ("compose.py", "add_names"),
    "pixels": ("raster.py", "rasterise"),
    "questions": ("examples.py", "_ask_about"),
    "record": ("record_file.py", "record_bytes"),
    "PNG": ("media.py", "png_bytes"),
}
"""Functions that never run inside one another; names and badges are also placed on trial while a layout is made."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one build took."""

    seconds: float
    cpu_seconds: float
    """Of all processes."""
    own_share: float
    """Of the CPU time, what the building process took: with workers, the part that they cannot share."""
    peak_mib: float
    """Of the building process."""
    worker_peak_mib: float
    """Of the largest of its workers; 0 without any."""
    shares: tuple[tuple[str, float], ...]
    """Each part's share of the profiled time, the largest first; empty where nothing was profiled."""


def build(options: dict[str, Any], profiled: bool, reply: multiprocessing.Queue[Run]) -> None:
    """Build a folder and say what it took; runs in a process of its own."""
    config = TransitConfig(**options)
    profile = cProfile.Profile()
    start, before = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, slow_progress("building maps", unit="questions") as progress:
        if profiled:
            profile.runcall(build_transit, config, Path(folder) / "maps", progress)
        else:
            build_transit(config, Path(folder) / "maps", progress)
    seconds = time.perf_counter() - start
    own, workers = (resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(used.ru_utime + used.ru_stime for used in (own, workers)) - before
    shares = shares_of(profile) if profiled else ()
    share = (own.ru_utime + own.ru_stime - before) / cpu
    reply.put(Run(seconds, cpu, share, own.ru_maxrss / 1024, workers.ru_maxrss / 1024, shares))


def shares_of(profile: cProfile.Profile) -> tuple[tuple[str, float], ...]:
    """Return each part's share of the profiled time, the largest first."""
    entries = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]

    def seconds(file: str, function: str) -> float:
        return sum(float(v[3]) for k, v in entries if k[2] == function and k[0].endswith(file))

    total = seconds("transit/build.py", "build_transit")
    found = {name: seconds(*where) / total for name, where in PARTS.items()}
    found["rest"] = 1 - sum(found.values())
    return tuple(sorted(found.items(), key=lambda item: -item[1]))


def run(options: dict[str, Any], *, maps: int, profiled: bool = False) -> Run:
    """Build so many maps in a new process."""
    context = multiprocessing.get_context("spawn")
    reply: multiprocessing.Queue[Run] = context.Queue()
    process = context.Process(target=build, args=(options | {"count": maps * QUESTIONS}, profiled, reply))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"a build must end well; found exit code {process.exitcode}; {options}; see above")
    return reply.get()


def measure(options: dict[str, Any], maps: int) -> None:
    """Print one line on a size and number of workers."""
    once, twice = run(options, maps=maps), run(options, maps=2 * maps)
    steady = 60 * maps / (twice.seconds - once.seconds)
    cpu_rate = 60 * maps / (twice.cpu_seconds - once.cpu_seconds)
    peaks = [f"{peak:.0f} MiB" for peak in (once.peak_mib, twice.peak_mib)]
    if twice.worker_peak_mib:
        peaks += [f"{peak:.0f} MiB" for peak in (once.worker_peak_mib, twice.worker_peak_mib)]
    print(
        f"{options['size']} px, {options['workers']} workers: {60 * 2 * maps / twice.seconds:.1f} maps/min over"
        f" {2 * maps} maps, {steady:.1f} once started, {cpu_rate:.1f} a minute of CPU time; twice the maps take"
        f" {twice.cpu_seconds / once.cpu_seconds:.2f} times the CPU time, of which the building process takes"
        f" {twice.own_share:.0%}; peak memory {' and '.join(peaks[:2])} for {maps} and {2 * maps} maps"
        + (f", of a worker {' and '.join(peaks[2:])}" if len(peaks) > 2 else ""),
        flush=True,
    )


def main() -> None:
    """Run the measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=12, help="maps in the shorter of two runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096], help="longer side in pixels")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes that draw")
    parser.add_argument("--lines", type=int, default=6)
    parser.add_argument("--stations", type=int, default=45)
    given = parser.parse_args()
    network = {
        "lines_min": given.lines,
        "lines_max": given.lines,
        "stations_min": max(given.stations - 10, 2 * given.lines + 1),
        "stations_max": given.stations,
        "questions_per_map": QUESTIONS,
    }
    for size in given.sizes:
        for workers in given.workers:
            measure(network | {"size": size, "workers": workers}, given.maps)
        profiled = run(network | {"size": size, "workers": 1}, maps=given.maps, profiled=True)
        print("  shares in one process: " + ", ".join(f"{name} {share:.0%}" for name, share in profiled.shares))


if __name__ == "__main__":
    main()
