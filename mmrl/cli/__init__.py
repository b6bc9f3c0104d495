"""The command line: ``mmrl build``, ``check``, ``train``, ``eval``, ``report``, ``demo`` and ``doctor``."""

from mmrl.cli.main import app, main

__all__ = ["app", "main"]
