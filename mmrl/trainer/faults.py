"""Where in training something was found that cannot be used: the step joins the sample and the term in the message."""

from __future__ import annotations

import contextlib
import functools
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from mmrl.errors import InputError

DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What decoders of pictures raise on damaged bytes."""


def one_line(error: BaseException | str) -> str:
    """Return a message in one line of at most 300 characters, ``...`` where it was longer."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:297] + "..."


def naming_step(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a trainer's method so that an :class:`InputError` out of it names the optimiser step, counted from 1."""

    @functools.wraps(method)
    def named(trainer: Any, *args: Any, **options: Any) -> Any:
        try:
            return method(trainer, *args, **options)
        except InputError as error:
            if re.search(r"\bstep \d", str(error)):
                raise
            raise InputError(f"{error}; step {trainer.state.global_step + 1}") from error

    return named


@contextlib.contextmanager
def readable_rows() -> Iterator[None]:
    """Turn what a dataset raises on a damaged picture of its own into one line.

    Raises:
        InputError: a row cannot be decoded.
    """
    try:
        yield
    except InputError:
        raise
    except DECODE_ERRORS as error:
        raise InputError(
            f"rows of the training data must be readable; found {type(error).__name__}: {one_line(error)}; "
            "replace or leave out the row whose picture or file that is"
        ) from error
