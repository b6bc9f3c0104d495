"""From a YAML file and ``key=value`` overrides to a checked :class:`RunConfig`, and back to YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mmrl.config.checks import check_config
from mmrl.config.problems import Location, Problem, key_paths, nearest, problem_of, schema_errors, section_at
from mmrl.config.schema import RunConfig
from mmrl.config.text import read_yaml, write_yaml, yaml_reason
from mmrl.errors import InputError

MAX_DEPTH = 64
"""Mappings and lists inside each other; run configs need about 8."""

# Stand-ins for required values that are missing or unusable, so that the rest can still be checked.
_STAND_INS: dict[str, Any] = {
    "name": "unnamed",
    "mix": {"unnamed": 1.0},
    "steps": 1,
    "dataset": "unnamed",
    "stages": [{"name": "unnamed", "mix": {"unnamed": 1.0}, "steps": 1}],
}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run config.

    Args:
        path: a YAML file.
        overrides: ``dotted.key=value`` each, list positions by number (``stages.0.steps=10``), values in YAML; applied
            in order, before anything is checked.

    Raises:
        InputError: the file cannot be read, or the config is wrong; the message has one line for every problem.
    """
    data, problems = apply_overrides(_read_mapping(Path(path)), overrides)
    return _checked(data, problems)


def parse_config(data: Mapping[str, Any]) -> RunConfig:
    """Check a config made in code: the same checks as :func:`load_config`, without a file.

    Raises:
        InputError: the config is wrong; the message has one line for every problem.
    """
    return _checked(data, [])


def config_text(config: RunConfig) -> str:
    """Return the resolved config, defaults included, as YAML that loads back equal."""
    return write_yaml(config.model_dump(mode="json"))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"config must be a readable file; found {error.strerror}; {path}; check the path"
        raise InputError(reason) from error
    except UnicodeDecodeError as error:
        raise InputError(f"config must be UTF-8 text; found other bytes; {path}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise InputError(f"config must be YAML; found {yaml_reason(error)}; {path}; correct that line") from error
    if not isinstance(data, dict):
        raise InputError(f"config must be a mapping of keys to values; found {type(data).__name__}; {path}; write keys")
    return data


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the data with ``key=value`` overrides put in, and what is wrong with the overrides themselves."""
    result, problems = _unshared(data, ()), []
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not all(key.split(".")):
            problems.append(Problem(location=(), reason=f"{override}: an override must look like dotted.key=value"))
            continue
        try:
            value = read_yaml(text)
        except yaml.YAMLError as error:
            problems.append(Problem(location=(key,), reason=f"value must be YAML; found {yaml_reason(error)}"))
            continue
        reason = _put(result, key.split("."), value)
        if reason:
            problems.append(Problem(location=(key,), reason=reason))
    return result, problems


def _unshared(value: Any, above: tuple[int, ...]) -> Any:
    """Copy data so that nothing stands in it twice: an override of an anchor's copy must not reach the anchor."""
    if id(value) in above:
        raise InputError("config must be finite; found an anchor that holds itself; write its value out")
    if len(above) > MAX_DEPTH:
        raise InputError(f"config must be nested at most {MAX_DEPTH} deep; found more; take out the innermost levels")
    if isinstance(value, Mapping):
        return {key: _unshared(item, (*above, id(value))) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unshared(item, (*above, id(value))) for item in value]
    return value


def _put(node: Any, keys: list[str], value: Any) -> str | None:
    """Set ``node[keys...] = value``, making missing mappings on the way; return why not, if it cannot be done."""
    for depth, key in enumerate(keys):
        above, last = ".".join(keys[:depth]), depth == len(keys) - 1
        if isinstance(node, list):
            if not key.isdecimal() or int(key) >= len(node):
                return f"{above} is a list of {len(node)}; {key} must be a position from 0 to {len(node) - 1}"
            position: Any = int(key)
        elif isinstance(node, dict):
            position = key
        else:
            return f"{above} is {node!r}, which holds no keys; override it as a whole"
        if last:
            node[position] = value
        elif isinstance(node, dict) and node.get(key) is None:
            node[position] = {}
        node = node[position]
    return None


def _checked(data: Mapping[str, Any], problems: list[Problem]) -> RunConfig:
    found = list(problems)
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        details = schema_errors(error)
        own = [problem_of(detail, RunConfig) for detail in details]
        found += [*own, *_further_problems(data, details, own)]
    if config is not None:
        found += check_config(config)
    if found or config is None:
        raise InputError("\n".join(dict.fromkeys(str(problem) for problem in found)))
    return config


def _further_problems(data: Mapping[str, Any], details: list[ErrorDetails], own: list[Problem]) -> list[Problem]:
    """Check the parts that stand, beside those at fault, so that one run shows all there is to correct."""
    mended = _unshared(data, ())
    for problem, detail in zip(own, details, strict=True):
        _mend(mended, problem.location, misspelled=detail["type"] == "extra_forbidden")
    try:
        config = RunConfig.model_validate(mended)
    except ValidationError:
        return []
    return [problem for problem in check_config(config) if not _rests_on(problem, own)]


def _rests_on(problem: Problem, faults: list[Problem]) -> bool:
    """Whether a finding stands inside something that is at fault itself, or reads a key that is."""
    at_fault = {str(part) for fault in faults for part in fault.location[-1:]}
    inside = any(problem.location[: len(fault.location)] == fault.location for fault in faults)
    return inside or bool(problem.reads & at_fault)


def _mend(data: dict[str, Any], location: Location, *, misspelled: bool) -> None:
    """Take one fault out of the data: rename a misspelled key, drop a bad value, stand in for a required one."""
    *above, key = location
    node: Any = data
    for part in above:
        node = node.get(part) if isinstance(node, dict) else node[part]
    if isinstance(node, list) and isinstance(key, int):
        node[key] = _stand_in(location)
    elif misspelled:
        _rename(node, str(key), section_at(RunConfig, tuple(above)))
    elif key in _STAND_INS or above[-1:] == ["mix"]:
        node[key] = _STAND_INS.get(str(key), 1.0)
    else:
        node.pop(key, None)


def _stand_in(location: Location) -> Any:
    """Return something valid for a list item that is not even of the right kind."""
    section = section_at(RunConfig, location)
    if section is None:
        return "unnamed"
    return {key: _STAND_INS[key] for key, field in section.model_fields.items() if field.is_required()}


def _rename(node: dict[str, Any], key: str, section: type[BaseModel] | None) -> None:
    value = node.pop(key, None)
    meant = nearest(key, key_paths(section)) if section else None
    if section and meant in section.model_fields and meant not in node:
        node[meant] = value
