"""YAML as configs need it: duplicate keys refused, scalars by YAML 1.2's rules, written so that they read back.

PyYAML follows YAML 1.1, where ``1e-4`` is a string, ``no`` is false, ``010`` is eight and ``12:30`` is a number.
Configs are full of learning rates and names, so loader and dumper share the core rules of YAML 1.2 instead.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_SCALARS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), "~nN"),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", re.compile(rf"^(?:{_INT.pattern})$"), "-+0123456789"),
    (
        "float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
)


class ConfigLoader(yaml.SafeLoader):
    """Safe loader with YAML 1.2 scalars that refuses a key given twice."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012  (PyYAML reads it from the class)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; a key that stands twice is an error, since one of the two would be lost silently."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key_node.value!r} given twice", key_node.start_mark
                )
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build a value; where the text does not suit its tag (``!!int x``, 5,000 digits), name the place."""
        try:
            return super().construct_object(node, deep=deep)
        except (AttributeError, LookupError, ValueError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"a value that is no {node.tag.rpartition(':')[2]}: {error}", node.start_mark
            ) from error


class ConfigDumper(yaml.SafeDumper):
    """Safe dumper that quotes whatever :class:`ConfigLoader` would read as something else than a string."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write repeated values out in full: anchors in a resolved config only hinder reading."""
        return True


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    bases = {"0o": 8, "0x": 16}
    return int(text, bases.get(text[:2], 10))


def _construct_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _name, _pattern, _first in _SCALARS:
    # An empty scalar is null: PyYAML looks it up under the empty first character.
    _characters = [*_first, ""] if _name == "null" else [*_first]
    ConfigLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _characters)
    ConfigDumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _characters)
ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
ConfigDumper.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
ConfigLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
ConfigLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def read_yaml(text: str) -> Any:
    """Parse YAML text.

    Raises:
        yaml.YAMLError: the text is not YAML, gives a key twice, or is nested too deeply to read.
    """
    try:
        return yaml.load(text, Loader=ConfigLoader)
    except RecursionError:
        raise yaml.YAMLError("values nested too deeply") from None


def write_yaml(data: Any) -> str:
    """Return YAML text that :func:`read_yaml` reads back as the same data; keys keep their order."""
    return yaml.dump(data, Dumper=ConfigDumper, sort_keys=False, allow_unicode=True, width=100)


def yaml_reason(error: yaml.YAMLError) -> str:
    """Return what is wrong and where, in one line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + " ".join((error.problem or error.context or "not YAML").split())
