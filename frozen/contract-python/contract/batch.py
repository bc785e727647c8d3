"""The embeddings of a global batch, and which rows of it a lane answers for."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .error import unknown


class Batch:
    """The embeddings of the whole global batch, with the learnables and globals that go with them.

    There are no sample ids, pixels, tokens or weights here: what is remembered about a sample goes through
    :class:`contract.SampleRows`.
    """

    def __init__(
        self,
        image: Tensor,
        text: Tensor,
        learnables: Mapping[str, Tensor],
        globals: Mapping[str, Tensor],
        rows: range,
    ) -> None:
        self._image, self._text, self._rows = image, text, rows
        self._learnables, self._globals = learnables, globals

    @property
    def image(self) -> Tensor:
        """Image embeddings of the global batch.

        - Shapes: `[B, D]`, rows of unit L2 norm; row `i` belongs to row `i` of :attr:`text`.
        - In `loss` they require grad; in `update` they are constants.
        """
        return self._image

    @property
    def text(self) -> Tensor:
        """Text embeddings of the global batch; as :attr:`image`."""
        return self._text

    def learnable(self, name: str) -> Tensor:
        """A learnable's value before the step: a leaf that requires grad in `loss`, a constant in `update`.

        - Errors: :class:`contract.Error` where it was not declared.
        """
        if name not in self._learnables:
            raise unknown("learnable", name, self._learnables)
        return self._learnables[name]

    def global_(self, name: str) -> Tensor:
        """A global's value before the step.

        - Errors: :class:`contract.Error` where it was not declared.
        """
        if name not in self._globals:
            raise unknown("global", name, self._globals)
        return self._globals[name]

    @property
    def rows(self) -> range:
        """The anchors: rows of the batch that this lane answers for. In `update`, all of them."""
        return self._rows

    def own(self, tensor: Tensor) -> Tensor:
        """The anchors' part of a tensor whose first dimension is the batch's: `[B, ..]` to `[R, ..]`.

        A view: gradients flow through it. Works on columns of :class:`contract.SampleRows` as well.
        """
        return tensor.narrow(0, self._rows.start, len(self._rows))

    def __len__(self) -> int:
        """Pairs in the global batch: `B`."""
        return self._image.shape[0]

    @property
    def width(self) -> int:
        """Embedding width: `D`."""
        return self._image.shape[1]
