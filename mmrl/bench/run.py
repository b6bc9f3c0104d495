"""The benchmark itself: both trainers' processes, their steps in turn, and the result."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmrl.bench.data import Rows, make_rows, save_rows
from mmrl.bench.result import check_steps, setting_result
from mmrl.bench.settings import BenchOptions, Job, Setting
from mmrl.bench.worker import serve
from mmrl.errors import InputError, MmrlError
from mmrl.progress import Progress

PATIENCE = 10.0
"""Seconds that a process gets to end by itself."""


class Worker:
    """The near end of a trainer's process."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = job.trainer
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=serve, args=(job, far), daemon=True)
        self._process.start()
        far.close()  # so that the end of the process is the end of the pipe

    def receive(self) -> Any:
        """Return the next message.

        Raises:
            InputError: the process found something that the user can correct.
            MmrlError: the process ended; what it says stands on standard error.
        """
        try:
            message = self._pipe.recv()
        except EOFError as error:
            self._process.join()
            raise MmrlError(
                f"the process of trainer {self.name} must run all steps; it ended with exit code "
                f"{self._process.exitcode}; its error stands above"
            ) from error
        if isinstance(message, InputError):
            raise message
        return message

    def step(self) -> dict[str, Any]:
        """Run one optimiser step; returns its record."""
        self._pipe.send("step")
        return self.receive()

    def close(self) -> None:
        """End the process: by word where it is waiting for one, by force where it is busy."""
        with contextlib.suppress(BrokenPipeError):  # it has ended by itself
            self._pipe.send("stop")
        self._process.join(PATIENCE)
        self._process.terminate()
        self._process.join()
        self._pipe.close()


def run_benchmark(
    settings: Sequence[Setting], options: BenchOptions, *, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """Run every setting and yield its result when it is done.

    Raises:
        InputError: the model or a prompt length cannot be used; lengths of all settings are checked before any runs.
    """
    from mmrl.trainer.progress import quiet_libraries

    with tempfile.TemporaryDirectory(prefix="mmrl-bench-") as temporary:
        folder = Path(temporary)
        rows = prepare_rows(settings, options)
        with quiet_libraries():
            model = model_folder(folder, options)
        total = len(settings) * len(options.trainers) * options.steps
        for index, (setting, made) in enumerate(zip(settings, rows, strict=True)):
            with quiet_libraries():
                data = save_rows(made, folder / f"data-{index}")
            done = index * len(options.trainers) * options.steps
            shifted = None if progress is None else _shifted(progress, done, total)
            records = run_setting(setting, options, model=model, data=data, scratch=folder / "out", progress=shifted)
            yield setting_result(setting, options, rows=made, model=model, records=records)


def model_folder(folder: Path, options: BenchOptions) -> Path:
    """Return the folder of the model to run: the given one, or a random one written below ``folder``."""
    from mmrl.bench.model import SHAPES, write_random_model

    if options.model is not None:
        return Path(options.model)
    shape = SHAPES[options.size]
    return write_random_model(
        folder / "model", shape=shape, dtype=options.dtype, device=options.device, seed=options.seed
    )


def prepare_rows(settings: Sequence[Setting], options: BenchOptions) -> list[Rows]:
    """Return rows for every step of each setting, none used twice."""
    from mmrl.bench.model import open_processor

    processor = open_processor(options.model or "tiny")
    count = options.prompts * options.steps
    return [make_rows(processor, count=count, tokens=one.prompt_tokens, seed=options.seed) for one in settings]


def run_setting(
    setting: Setting, options: BenchOptions, *, model: Path, data: Path, scratch: Path, progress: Progress | None
) -> dict[str, list[dict[str, Any]]]:
    """Return the records of every timed step by trainer; the trainers step in turn, so that both see the same noise."""
    jobs = [
        Job(trainer=name, setting=setting, options=options, model=model, data=data, scratch=scratch)
        for name in options.trainers
    ]
    with _workers(jobs, options.threads) as workers:
        records: dict[str, list[dict[str, Any]]] = {worker.name: [] for worker in workers}
        for turn in range(options.steps):
            for place, worker in enumerate(workers):
                records[worker.name].append(worker.step())
                if progress is not None:
                    progress(turn * len(workers) + place + 1, options.steps * len(workers))
    check_steps(records, setting, options)
    return records


@contextlib.contextmanager
def _workers(jobs: Sequence[Job], threads: int) -> Iterator[list[Worker]]:
    """Start the trainers' processes one after the other, ready for their first step, and end them after the block."""
    workers: list[Worker] = []
    with _environment(OMP_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false"), contextlib.ExitStack() as stack:
        for job in jobs:
            worker = Worker(job)
            stack.callback(worker.close)
            worker.receive()
            workers.append(worker)
        yield workers


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables that child processes inherit; this process's own return to what they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _shifted(progress: Progress, done: int, total: int) -> Progress:
    return lambda now, _: progress(done + now, total)
