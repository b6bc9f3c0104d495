"""Loading a user's own function from a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmrl.errors import InputError
from mmrl.rewards import load_function

CODE = """
from dataclasses import dataclass

@dataclass
class Weights:
    base: float = 0.5

WEIGHTS = Weights()

def mine(sample, rollout):
    return WEIGHTS.base

number = 3
"""


def test_a_function_is_found_relative_to_the_config(tmp_path: Path) -> None:
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "own.py").write_text(CODE)
    assert load_function("rewards/own.py:mine", tmp_path)(None, None) == 0.5
    assert load_function(f"{tmp_path}/rewards/own.py:mine", Path("elsewhere"))(None, None) == 0.5


def test_files_of_one_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(f"def f(sample, rollout):\n    return {value}\n")
    first, second = load_function("a/own.py:f", tmp_path), load_function("b/own.py:f", tmp_path)
    assert (first(None, None), second(None, None)) == (1, 2)
    assert first.__module__ != second.__module__


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("none.py:mine", r"file must exist; found none; .*none\.py; give its path relative to the config file"),
        ("own.py:other", r"found no other; .*own\.py; correct the name"),
        ("own.py:number", "must be a function; found int number"),
        ("own.py", "must look like path/to/file.py:function; found 'own.py'"),
        ("own.py:", "must look like path/to/file.py:function"),
        ("own.txt:mine", "must look like path/to/file.py:function"),
        ("bad.py:mine", r"must be valid Python; found .*; .*bad\.py:2; correct that line"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(tmp_path: Path, use: str, message: str) -> None:
    (tmp_path / "own.py").write_text(CODE)
    (tmp_path / "bad.py").write_text("x = 1\ndef mine(:\n")
    with pytest.raises(InputError, match=message) as caught:
        load_function(use, tmp_path)
    assert "\n" not in str(caught.value)


def test_what_the_file_raises_is_passed_on_with_its_path_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "raises.py").write_text("raise OSError('no data')\n")
    before = set(sys.modules)
    with pytest.raises(OSError, match="no data") as caught:
        load_function("raises.py:f", tmp_path)
    assert "raises.py" in caught.value.__notes__[0]
    assert not [name for name in set(sys.modules) - before if "raises" in name]
