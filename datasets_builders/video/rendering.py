"""Rendering scripts in order, in this process or several, a few ahead of the writer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from datasets_builders.video.encode import codec_name, render
from datasets_builders.video.script import Script

AHEAD = 2
"""Clips that each worker may be ahead of the writer: they wait on the disk, so memory stays flat."""


class Scripted(Protocol):
    """Anything with a script."""

    @property
    def script(self) -> Script:
        """What to render."""


D = TypeVar("D", bound=Scripted)


def rendered(drafts: Iterable[D], folder: Path, workers: int) -> Iterator[tuple[D, Path]]:
    """Yield every draft with its clip, in order; the caller removes the file. The number of workers changes no byte."""
    codec_name()  # told before anything is drawn
    named = ((draft, folder / f"{number:08d}.mp4") for number, draft in enumerate(drafts))
    if workers == 1:
        for draft, path in named:
            render(draft.script, path)
            yield draft, path
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[D, Path, Future[None]]] = deque()
        try:
            while True:
                for draft, path in islice(named, workers * AHEAD - len(waiting)):
                    waiting.append((draft, path, pool.submit(render, draft.script, path)))
                if not waiting:
                    return
                draft, path, job = waiting.popleft()
                job.result()
                yield draft, path
        finally:
            pool.shutdown(cancel_futures=True)
