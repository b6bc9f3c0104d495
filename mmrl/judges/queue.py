"""Claims judged beside the caller (ONI): a bounded queue, and nobody waits longer than was agreed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

from mmrl.judges.base import Claim, Opinion
from mmrl.judges.judge import Judge


class JudgeQueue:
    """Judges claims in threads of its own; what is late, failed or found no room has no opinion and is counted.

    Source: ONI's asynchronous labels: cached by content, dropped where the queue is full, never blocking.
    Deviation: a batch may wait for its own verdicts up to ``wait`` seconds, so that most of them count at once; what is
        late abstains where ONI gives 0, since 0 would be a verdict. With every verdict cached, nothing depends on time.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.counts: Counter[str] = Counter()
        """Opinions taken, by ``judged``, ``late``, ``failed`` and ``dropped``."""
        self._pool = ThreadPoolExecutor(judge.settings.concurrency, thread_name_prefix="judge")
        self._known: dict[Claim, Future[Opinion]] = {}
        self._dropped: set[Claim] = set()
        self._due = 0.0

    def submit(self, claims: Iterable[Claim]) -> None:
        """Put a batch of claims into the queue, each once; from now on there are ``wait`` seconds to answer them.

        Earlier opinions are let go: verdicts stay in the judge's cache, and failures are asked about again.
        """
        self._known = {claim: future for claim, future in self._known.items() if not future.done()}
        self._dropped = set()
        waiting = sum(not future.done() for future in self._known.values())
        self._due = time.monotonic() + self.judge.settings.wait
        for claim in claims:
            if claim in self._known:
                continue
            if waiting >= self.judge.settings.waiting:
                self._dropped.add(claim)
                continue
            self._known[claim] = self._pool.submit(self.judge.opinion, claim)
            waiting += 1

    def take(self, claim: Claim) -> Opinion | None:
        """Return the opinion on a claim, waiting for it up to the agreed time; None where there is none yet.

        A claim that was in no batch is a batch of its own.

        Raises:
            InputError: the judge would fail on every claim.
        """
        if claim in self._dropped:
            self.counts["dropped"] += 1
            return None
        if claim not in self._known:
            self.submit([claim])
        future = self._known[claim]
        try:
            found = future.result(timeout=max(0.0, self._due - time.monotonic()))
        except Late:
            self.counts["late"] += 1
            return None
        self.counts["judged" if found.yes is not None else "failed"] += 1
        return found if found.yes is not None else None

    def take_counts(self) -> dict[str, int]:
        """Return the counts since the last call."""
        found, self.counts = dict(self.counts), Counter()
        return found
