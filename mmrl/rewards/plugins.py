"""Loads a user's own reward function, named ``path/to/file.py:function`` in a config."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from mmrl.errors import InputError


def load_function(use: str, base_dir: Path) -> Any:
    """Run a Python file and return one of its functions.

    Args:
        use: ``path/to/file.py:function``; a relative path starts at ``base_dir``.
        base_dir: the folder of the config that names it.

    Raises:
        InputError: the file or the function is missing, or the file is not Python. What the file itself raises while
            it runs is passed on with a note.
    """
    name, _, function = use.rpartition(":")
    path = base_dir / name
    if not name.endswith(".py") or not function:
        raise InputError(
            f"a plug-in must look like path/to/file.py:function; found {use!r}; rubric term's use; correct it"
        )
    if not path.is_file():
        raise InputError(f"a plug-in's file must exist; found none; {path}; give its path relative to the config file")
    found = getattr(_run_file(path), function, None)
    if found is None:
        raise InputError(f"a plug-in's function must stand in its file; found no {function}; {path}; correct the name")
    if not callable(found):
        raise InputError(
            f"a plug-in must be a function; found {type(found).__name__} {function}; {path}; name a function"
        )
    return found


def _run_file(path: Path) -> Any:
    # The name is made from the whole path, so that two files of one name do not replace each other, and the module is
    # listed so that its dataclasses and pickled functions work.
    name = f"mmrl_plugin_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        reason = f"a plug-in must be valid Python; found {error.msg}; {path}:{error.lineno}; correct that line"
        raise InputError(reason) from error
    except BaseException as error:  # whatever it is, it goes on upwards, with the file's name
        del sys.modules[name]
        error.add_note(f"raised while loading the plug-in {path}")
        raise
    return module
