"""Errors that a person can act on.

A message states what must hold, what was found, where, and what to do next, in one line. ``InputError`` is the user's
fault: the command line prints it without a traceback and exits with code 2. Our own faults are assertions.
"""

from __future__ import annotations


class MmrlError(Exception):
    """Root of the toolkit's errors."""


class InputError(MmrlError, ValueError):
    """Something given by the user cannot be used as it is."""


class DependencyError(MmrlError, ImportError):
    """A package is missing or outside the supported range."""
