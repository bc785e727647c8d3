"""Parameters, their gradients and slots, and the globals: what `update` reads and sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from .error import Error, check_shape, unknown
from .rows import every, reported
from .setup import ParameterKind, ParameterShape
from .state import LEARNABLE

NO_GRADIENT = "there is no gradient in `publish`"
READ_ONLY = "`publish` sets values of parameters and nothing else"


class DoubleBuffer:
    """A tensor of the trainer: its value before the question, and the memory that takes the new one.

    Not for entries. Without that memory the place is read-only.
    """

    def __init__(self, before: Tensor, after: Tensor | None) -> None:
        self.before, self.after = before, after
        self._written = False

    def now(self) -> Tensor:
        """The value as it stands now. A copy once it was set, so that what a caller holds never changes."""
        if self._written and self.after is not None:
            return self.after.clone()
        return self.before.detach()

    def set(self, what: str, value: Tensor) -> None:
        """Copies a new value; the type becomes the place's own."""
        check_shape(what, self.before.shape, value)
        self._memory().copy_(value.detach())
        self._written = True

    def in_place(self) -> Tensor:
        """The new value's memory, holding the value as it stands now, to step in place."""
        after = self._memory()
        if not self._written:
            after.copy_(self.before)
            self._written = True
        return after

    def finish(self) -> None:
        """Completes what was not set with the old value."""
        if self.after is not None:
            self.in_place()

    def _memory(self) -> Tensor:
        if self.after is None:
            raise Error(READ_ONLY)
        return self.after


class Parameter:
    """One tensor that is trained: of the model, or a learnable.

    Values go in and come out by copy: :attr:`value` is to be read, :meth:`set` sets.
    """

    def __init__(
        self,
        shape: ParameterShape,
        value: DoubleBuffer,
        gradient: Tensor | None,
        slots: Mapping[str, DoubleBuffer],
    ) -> None:
        self._shape, self._value, self._gradient, self._slots = shape, value, gradient, slots

    @property
    def name(self) -> str:
        """open_clip's name, such as `visual.transformer.resblocks.0.mlp.c_fc.weight`, or `learnables.NAME`."""
        return self._shape.name

    @property
    def kind(self) -> ParameterKind:
        """What it is to an optimizer."""
        return self._shape.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its dimensions; a learnable may have none."""
        return self._shape.shape

    @property
    def value(self) -> Tensor:
        """Its value as it stands now: as before the step, or as last set."""
        return self._value.now()

    @property
    def gradient(self) -> Tensor:
        """The gradient of the mean loss over the global batch.

        - Errors: in `publish` there is none.
        """
        if self._gradient is None:
            raise Error(NO_GRADIENT)
        return self._gradient

    def slot(self, name: str) -> Tensor:
        """A declared slot as it stands now.

        - Errors: :class:`contract.Error` where it was not declared.
        """
        return self._place(name).now()

    def set(self, value: Tensor) -> None:
        """Sets its value; the values are copied and converted to f32.

        - Errors: :class:`contract.Error` where the shape is another one; nothing is broadcast.
        """
        self._value.set(f"parameter `{self.name}`", value)

    def set_slot(self, name: str, value: Tensor) -> None:
        """Sets a declared slot; the values are copied and converted to f32.

        - Errors: :class:`contract.Error` where it was not declared, for another shape; in `publish` slots are
          read-only.
        """
        self._place(name).set(f"slot `{name}` of `{self.name}`", value)

    def for_step(self, *slots: str) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Value, gradient and slots, for a step in place. Not for entries."""
        places = [self._place(name) for name in slots]
        gradient = self.gradient
        return self._value.in_place(), gradient, [place.in_place() for place in places]

    def finish(self) -> None:
        """Completes what was not set with the old values. Not for entries."""
        self._value.finish()
        for place in self._slots.values():
            place.finish()

    def inputs(self) -> Iterator[tuple[str, Tensor]]:
        """What must not be written in place, by a name for people. Not for entries."""
        yield f"value of `{self.name}`", self._value.before
        if self._gradient is not None:
            yield f"gradient of `{self.name}`", self._gradient
        for name, place in self._slots.items():
            yield f"slot `{name}` of `{self.name}`", place.before

    def _place(self, name: str) -> DoubleBuffer:
        if name not in self._slots:
            raise unknown("slot", name, self._slots)
        return self._slots[name]


class Parameters:
    """All that is trained, the globals, and what `update` reports.

    Iterating gives each parameter of the model, sorted by name, then each learnable in the order of its
    declaration.
    """

    def __init__(
        self, trained: Sequence[Parameter], globals: Mapping[str, DoubleBuffer], diagnostics: Sequence[str]
    ) -> None:
        self._all = {parameter.name: parameter for parameter in trained}
        self._globals = globals
        self._diagnostics: dict[str, float | None] = dict.fromkeys(diagnostics)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, name: str) -> Parameter:
        """A parameter by name.

        - Errors: :class:`contract.Error` where neither the model nor the learnables have it.
        """
        if name not in self._all:
            raise unknown("parameter", name, self._all)
        return self._all[name]

    def learnable(self, name: str) -> Parameter:
        """A learnable by the name it was declared with."""
        return self.get(LEARNABLE + name)

    def global_(self, name: str) -> Tensor:
        """A declared global as it stands now.

        - Errors: :class:`contract.Error` where it was not declared.
        """
        return self._place(name).now()

    def set_global(self, name: str, value: Tensor) -> None:
        """Sets a declared global; the values are copied and converted to f32.

        - Errors: :class:`contract.Error` where it was not declared, for another shape; in `publish` globals are
          read-only.
        """
        self._place(name).set(f"global `{name}`", value)

    def report(self, diagnostic: str, value: float | Tensor) -> None:
        """Reports a declared diagnostic of this step; a tensor holds a single value.

        - Errors: :class:`contract.Error` where it was not declared, at the second time.
        """
        if diagnostic not in self._diagnostics:
            raise unknown("update diagnostic", diagnostic, self._diagnostics)
        if self._diagnostics[diagnostic] is not None:
            raise reported(diagnostic, "reported twice")
        self._diagnostics[diagnostic] = float(value)

    def finish(self) -> dict[str, float]:
        """Completes what was not set with the old values, and gives the diagnostics. Not for entries."""
        for parameter in self:
            parameter.finish()
        for place in self._globals.values():
            place.finish()
        return every(self._diagnostics)

    def for_batch(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The learnables by their declared names, and the globals, as they stand now. Not for entries."""
        learnables = {
            name.removeprefix(LEARNABLE): parameter.value
            for name, parameter in self._all.items()
            if name.startswith(LEARNABLE)
        }
        return learnables, {name: place.now() for name, place in self._globals.items()}

    def inputs(self) -> Iterator[tuple[str, Tensor]]:
        """What must not be written in place, by a name for people. Not for entries."""
        for parameter in self:
            yield from parameter.inputs()
        for name, place in self._globals.items():
            yield f"global `{name}`", place.before

    def _place(self, name: str) -> DoubleBuffer:
        if name not in self._globals:
            raise unknown("global", name, self._globals)
        return self._globals[name]
