"""What is remembered about the samples of a batch, and what is reported about its anchors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from torch import Tensor

from .error import Error, check_shape, unknown

T = TypeVar("T")


class SampleRows:
    """The declared columns at the batch's samples, and the anchors' diagnostics.

    Reading shows columns as they were before the step, the same to every lane: what another lane sets, or
    this one, is not seen before the next step. Writing reaches this lane's own rows.
    """

    def __init__(self, columns: Mapping[str, Tensor], diagnostics: Sequence[str], rows: range) -> None:
        self._before, self._rows = columns, rows
        self._after: dict[str, Tensor] = {}
        self._diagnostics: dict[str, Tensor | None] = dict.fromkeys(diagnostics)

    def column(self, name: str) -> Tensor:
        """A column's values at all samples of the batch, as they were before the step.

        - Shapes: `[B]`, or `[B, ..]` for a column that was declared with a shape. A constant for autograd.
        - Errors: :class:`contract.Error` where it was not declared.
        """
        if name not in self._before:
            raise unknown("column", name, self._before)
        return self._before[name]

    def set(self, name: str, values: Tensor) -> None:
        """Sets a column at this lane's anchors, in their order; seen from the next step on.

        - Shapes: `[R]` or `[R, ..]`. The values are copied, without their gradient.
        - Errors: :class:`contract.Error` where it was not declared, or for another shape.
        """
        if name not in self._before:
            raise unknown("column", name, self._before)
        check_shape(f"column `{name}`", [len(self._rows), *self._before[name].shape[1:]], values)
        self._after[name] = values.detach().clone()

    def report(self, diagnostic: str, values: Tensor) -> None:
        """Reports a declared diagnostic for each anchor; the transcript holds its mean over the batch.

        - Shapes: `[R]`.
        - Errors: :class:`contract.Error` where it was not declared, for another shape, at the second time.
        """
        check_shape(f"diagnostic `{diagnostic}`", [len(self._rows)], values)
        if diagnostic not in self._diagnostics:
            raise unknown("loss diagnostic", diagnostic, self._diagnostics)
        if self._diagnostics[diagnostic] is not None:
            raise reported(diagnostic, "reported twice")
        self._diagnostics[diagnostic] = values.detach().clone()

    def finish(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """New values of every column at the lane's rows (old ones where none were set), and every diagnostic."""
        start, length = self._rows.start, len(self._rows)
        columns = {name: self._after.get(name, old.narrow(0, start, length)) for name, old in self._before.items()}
        return columns, every(self._diagnostics)


def reported(diagnostic: str, found: str) -> Error:
    """A diagnostic that was declared and not reported, or reported twice."""
    return Error(f"diagnostic `{diagnostic}` was declared and must be reported exactly once a question: {found}")


def every(diagnostics: Mapping[str, T | None]) -> dict[str, T]:
    """Each diagnostic; raises where one is missing."""
    found = {}
    for name, value in diagnostics.items():
        if value is None:
            raise reported(name, "not reported")
        found[name] = value
    return found
