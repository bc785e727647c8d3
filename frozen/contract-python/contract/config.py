"""An entry's dataclass, filled from the configuration's JSON.

Types of fields: `float` (a whole number will do), `int`, `bool`, `str`, an `Enum` by its values, `Literal`, and `list`
of one of these.
"""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from .error import ConfigError, Error

Config = TypeVar("Config")

_PLAIN = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
_MISFIT = object()


def fill(config: type[Config], text: str) -> tuple[Config, list[str]]:
    """The configuration, and the sorted keys that no field has.

    - Errors: :class:`contract.ConfigError` with a line for each key that is missing or of another type;
      :class:`contract.Error` where the class is no dataclass of the types above.
    """
    if not dataclasses.is_dataclass(config):
        raise Error(f"`{config.__name__}` must be a dataclass: write `@dataclass` above it")
    values: dict[str, Any] = json.loads(text)
    types = get_type_hints(config)
    found, wrong = {}, []
    for field in (field for field in dataclasses.fields(config) if field.init):
        expected = _expected(f"{config.__name__}.{field.name}", types[field.name])
        if field.name not in values:
            if field.default is field.default_factory is dataclasses.MISSING:
                wrong.append(f"`{field.name}` is missing: expected {expected}")
            continue
        value = values[field.name]
        found[field.name] = _read(value, types[field.name])
        if found[field.name] is _MISFIT:
            wrong.append(f"`{field.name}`: expected {expected}, found {json.dumps(value)[:80]}")
    if wrong:
        raise ConfigError("; ".join(wrong))
    return config(**found), sorted(values.keys() - types.keys())


def _choices(kind: Any) -> dict[Any, Any] | None:
    """What a value may be, and what it then is, for a type that lists its values."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {member.value: member for member in kind}
    if get_origin(kind) is Literal:
        return {value: value for value in get_args(kind)}
    return None


def _expected(place: str, kind: Any) -> str:
    """What the type asks for, in words."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if choices := _choices(kind):
        return "one of " + ", ".join(json.dumps(value) for value in choices)
    if get_origin(kind) is list and len(get_args(kind)) == 1:
        return f"a list, each {_expected(place, get_args(kind)[0])}"
    raise Error(f"`{place}`: a type for numbers and names is expected (float, int, bool, str, an Enum, Literal, list)")


def _read(value: Any, kind: Any) -> Any:
    """The value as this type, or what says that it does not fit. Python's `True` is an `int`: here it is not."""
    if (choices := _choices(kind)) is not None:
        fits = isinstance(value, str | int) and value in choices
        return choices[value] if fits else _MISFIT
    if get_origin(kind) is list:
        items = [_read(item, get_args(kind)[0]) for item in value] if isinstance(value, list) else [_MISFIT]
        return _MISFIT if _MISFIT in items else items
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else _MISFIT
