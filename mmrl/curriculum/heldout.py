"""Held out means held out: no evaluation sample may stand in a training dataset as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mmrl.errors import InputError
from mmrl.types import Sample


def check_held_out(held_out: Mapping[str, Sequence[Sample]], training: Mapping[str, Sequence[Sample]]) -> None:
    """Refuse a run whose evaluation shares samples with its training data.

    Two samples are the same when they show the same media (by checksum) and have the same id or the same question:
    a sample does not become another one by being given a new id. Tasks that a stage filters out count as well.

    Raises:
        InputError: naming the first such sample, where it stands, and how many there are.
    """
    trained: dict[tuple[str, ...], str] = {}
    for name, samples in training.items():
        for sample in samples:
            for key in _identities(sample):
                trained.setdefault(key, f"{name}:{sample.id}")
    for name, samples in held_out.items():
        leaked = [(sample, trained[key]) for sample in samples for key in _identities(sample) if key in trained]
        if leaked:
            sample, twin = leaked[0]
            count = len({one.id for one, _ in leaked})
            raise InputError(
                f"evaluation samples must not be trained on; found {count} of {len(samples)}, first {sample.id}, "
                f"which is {twin}; datasets.{name}; build it with another seed or from another source"
            )


def _identities(sample: Sample) -> Iterator[tuple[str, ...]]:
    """Yield what a sample is recognised by; without media an id says too little, since builders number from one."""
    checksums = tuple(sorted(medium.sha256 for medium in sample.media))
    yield ("question", sample.task, sample.question, *sample.choices, *checksums)
    if checksums:
        yield ("id", sample.id, *checksums)
