"""Memory of the process on the CPU."""

from __future__ import annotations

import ctypes
import sys

OPTIONS = {"M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_MMAP_THRESHOLD": (-3, 32 * 2**20)}
"""glibc's numbers (malloc.h), and the largest values it takes."""


def keep_freed_memory() -> bool:
    """Let the C library keep up to 2 GiB of freed memory for the next allocation; returns whether it does.

    By default it hands memory back to the system whenever a large tensor is freed, and takes it again, page by page,
    for the next one. A training step frees and allocates the same sizes over and over.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(number, value) == 1 for number, value in OPTIONS.values())
