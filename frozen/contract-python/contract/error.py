"""Why an algorithm could not answer: text for the participant who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

_NAMES_SHOWN = 8


class Error(Exception):
    """An answer that could not be given. The run stops, and the entry fails with this text.

    An entry raises it itself where numbers make no sense: `raise Error(f"rho = {rho} is negative")`.
    """


class ShapeError(Error):
    """A tensor of another shape than the contract asks for."""


class ConfigError(Error):
    """A configuration that does not fit the entry's dataclass: each key with the type expected and what was found."""


def unknown(sort: str, name: str, known: Iterable[str]) -> Error:
    """A name that was not declared or that the model does not have, with the first few that there are."""
    names = list(known)
    text = ", ".join(names[:_NAMES_SHOWN]) or "none"
    if len(names) > _NAMES_SHOWN:
        text += f" and {len(names) - _NAMES_SHOWN} more"
    return Error(f"no {sort} is named `{name}`; there are: {text}")


def check_shape(what: str, expected: Sequence[int], found: Any) -> None:
    """Raises where something is no tensor or has another shape; nothing is broadcast."""
    expected = list(expected)
    if not isinstance(found, torch.Tensor):
        raise Error(f"{what}: expected a tensor of shape {expected}, found {type(found).__name__}")
    if list(found.shape) != expected:
        raise ShapeError(f"{what}: expected shape {expected}, found {list(found.shape)}")
