"""Why one library cannot be used for one clip."""

from __future__ import annotations

from mmrl.errors import MmrlError


class ReaderFault(MmrlError):  # noqa: N818 - of the reader, not the caller
    """A library cannot read a clip correctly; another may. The message is the reason alone."""
