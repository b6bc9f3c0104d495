"""Why one library cannot be used for one clip."""

from __future__ import annotations

from mmrl.errors import MmrlError


class ReaderFault(MmrlError):
    """A library cannot read a clip correctly; another may. The message is the reason alone."""
