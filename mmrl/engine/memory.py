"""Memory of the process on the CPU."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD = -1
"""glibc's number for the option (malloc.h)."""
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep up to 2 GiB of freed memory for the next allocation; returns whether it does.

    By default it hands memory back to the system whenever a large tensor at the end of its heap is freed, and takes it
    again, page by page, for the next one. A training step frees and allocates the same sizes over and over.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(TRIM_THRESHOLD, LARGEST) == 1
