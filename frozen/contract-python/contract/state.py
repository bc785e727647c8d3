"""The declaration of what an algorithm trains, remembers and reports."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from .error import Error
from .setup import ParameterKind, ParameterShape, Setup

LEARNABLE = "learnables."
"""What the name of a learnable begins with among the parameters."""


@dataclass(frozen=True)
class Learnable:
    """A tensor trained beside the model; its first values are row-major."""

    name: str
    shape: tuple[int, ...]
    initial: tuple[float, ...]


@dataclass(frozen=True)
class Column:
    """Values remembered of each sample, of this shape each."""

    name: str
    shape: tuple[int, ...]
    initial: float


@dataclass(frozen=True)
class Slot:
    """A tensor of the shape of each parameter and learnable."""

    name: str


@dataclass(frozen=True)
class Global:
    """A tensor that `update` writes."""

    name: str
    shape: tuple[int, ...]
    initial: float


@dataclass
class Declaration:
    """What the wire carries of a :class:`State`; field by field `wire::session::Declaration`."""

    learnables: list[Learnable] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    loss_diagnostics: list[str] = field(default_factory=list)
    update_diagnostics: list[str] = field(default_factory=list)
    unused_config_keys: list[str] = field(default_factory=list)

    def encode(self) -> bytes:
        """The declaration as JSON."""
        return json.dumps(asdict(self), allow_nan=False).encode()

    @classmethod
    def decode(cls, fields: dict[str, Any]) -> Self:
        """Reads what :meth:`encode` wrote, after JSON."""
        return cls(
            learnables=[Learnable(x["name"], tuple(x["shape"]), tuple(x["initial"])) for x in fields["learnables"]],
            columns=[Column(x["name"], tuple(x["shape"]), x["initial"]) for x in fields["columns"]],
            slots=[Slot(x["name"]) for x in fields["slots"]],
            globals=[Global(x["name"], tuple(x["shape"]), x["initial"]) for x in fields["globals"]],
            loss_diagnostics=fields["loss_diagnostics"],
            update_diagnostics=fields["update_diagnostics"],
            unused_config_keys=fields["unused_config_keys"],
        )

    def trained(self, setup: Setup) -> list[ParameterShape]:
        """Parameters as `update` sees them: the model's sorted by name, then the learnables as declared."""
        kind = ParameterKind.LEARNABLE
        return [*setup.parameters, *(ParameterShape(LEARNABLE + one.name, kind, one.shape) for one in self.learnables)]


class State:
    """What an algorithm trains beside the model, remembers between questions, and reports.

    | sort | shape | read in | written in | use it for |
    |---|---|---|---|---|
    | learnable | any | `loss` (a leaf), `update` (a parameter) | `update` | temperature, bias, a small network |
    | column | one entry a sample of the data set | `loss` (the batch's) | `loss` (own rows) | per-sample estimators |
    | slot | that of each parameter and learnable | `update`, `publish` | `update` | moments, averages |
    | global | any | everywhere | `update` | running statistics, counters |

    Everything is f32, and the protocol limits how much there may be. Names are made of letters, digits and
    `_`, unique within their sort. The trainer owns the state: it is fingerprinted at each step, hashed, and
    stands in every checkpoint::

        State().learnable("log_scale", (), 2.66).column("u_image", 0.0).slot("exp_avg").loss_diagnostic("objective")
    """

    def __init__(self) -> None:
        self._declaration = Declaration()

    @property
    def declaration(self) -> Declaration:
        """What the wire carries."""
        return self._declaration

    def learnable(self, name: str, shape: Sequence[int], value: float) -> Self:
        """A tensor that is trained beside the model, filled with `value` at first; `()` is a single value.

        In `loss` it is `batch.learnable(name)`, in `update` the parameter `learnables.NAME`, or
        `parameters.learnable(name)`.
        """
        return self.learnable_from(name, shape, [value] * math.prod(shape))

    def learnable_from(self, name: str, shape: Sequence[int], initial: Sequence[float]) -> Self:
        """A learnable with first values of its own, row-major."""
        values = tuple(_f32(f"learnable `{name}`", value) for value in initial)
        self._declaration.learnables.append(Learnable(name, tuple(shape), values))
        return self

    def column(self, name: str, initial: float) -> Self:
        """One value for each sample of the data set, `initial` before the sample is first seen."""
        return self.column_of(name, (), initial)

    def column_of(self, name: str, shape: Sequence[int], initial: float) -> Self:
        """A tensor for each sample of the data set, filled with `initial` before the sample is first seen."""
        self._declaration.columns.append(Column(name, tuple(shape), _f32(f"column `{name}`", initial)))
        return self

    def slot(self, name: str) -> Self:
        """A tensor of the shape of each parameter and learnable, zero at first."""
        self._declaration.slots.append(Slot(name))
        return self

    def global_(self, name: str, shape: Sequence[int], value: float) -> Self:
        """A tensor that `update` writes and everything reads, filled with `value` at first."""
        self._declaration.globals.append(Global(name, tuple(shape), _f32(f"global `{name}`", value)))
        return self

    def loss_diagnostic(self, name: str) -> Self:
        """A number that `loss` reports for each anchor; the transcript holds its mean over the batch."""
        self._declaration.loss_diagnostics.append(name)
        return self

    def update_diagnostic(self, name: str) -> Self:
        """A number that `update` reports at each step."""
        self._declaration.update_diagnostics.append(name)
        return self


def _f32(what: str, value: float) -> float:
    """The shortest number that is the same f32: what Rust writes. JSON has no word for what is not finite."""
    try:
        bits = struct.pack("<f", value)
    except OverflowError:
        bits = struct.pack("<f", math.inf)
    if not math.isfinite(struct.unpack("<f", bits)[0]):
        raise Error(f"first value of {what}: expected a finite number, found {value}")
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 9))
    return next((number for number in shorter if _packs(number, bits)), float(f"{value:.9g}"))


def _packs(number: float, bits: bytes) -> bool:
    try:
        return struct.pack("<f", number) == bits
    except OverflowError:
        return False
