"""How a reader inside this package says no: one exception, turned into data at the package's edge."""

from __future__ import annotations

from mmrl.types import ParseStatus

SHOWN_CHARACTERS = 60
"""How much of a completion a detail quotes."""


class Refused(Exception):  # noqa: N818 (a verdict on a completion, not an error of the program)
    """The text holds no usable answer; never leaves ``mmrl.answers``."""

    def __init__(self, status: ParseStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def bad_format(wanted: str, found: object) -> Refused:
    """Return a refusal that names what was wanted and quotes what stands there instead."""
    return Refused(ParseStatus.BAD_FORMAT, f"expected {wanted}; found {shown(found)}")


def shown(found: object) -> str:
    """Quote ``found`` on one line, cut to a readable length; nested values are named by type, so nothing recurses."""
    if isinstance(found, list | dict):
        return f"a {type(found).__name__} of {len(found)}"
    text = found if isinstance(found, str) else repr(found)
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")
