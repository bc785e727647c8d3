"""The sizes of a run, as an algorithm may know them.

Shape letters: `B` pairs in the global batch, `R` anchors of a lane, `D` embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ParameterKind(Enum):
    """What a parameter is to an optimizer: weight decay and orthogonalisation go by it."""

    MATRIX = "matrix"
    """A weight of a linear layer."""
    BIAS = "bias"
    """A bias."""
    NORM = "norm"
    """A scale or shift of a normalisation."""
    EMBEDDING = "embedding"
    """A table of embeddings, or a position's or class's embedding."""
    LEARNABLE = "learnable"
    """A learnable that the algorithm declared."""


@dataclass(frozen=True)
class ParameterShape:
    """One parameter of the model."""

    name: str
    """open_clip's name."""
    kind: ParameterKind
    """What it is to an optimizer."""
    shape: tuple[int, ...]
    """Lengths of its dimensions."""


@dataclass(frozen=True)
class Setup:
    """The sizes of a run."""

    batch: int
    """Pairs in the global batch: `B`."""
    lane_rows: int
    """Anchors of a lane: `R = B / 8`."""
    width: int
    """Embedding width: `D`."""
    samples: int
    """Samples in the data set."""
    steps: int
    """Steps of the run."""
    epochs: int
    """Epochs, the last one cut."""
    steps_per_epoch: int
    """Steps in a whole epoch."""
    parameters: tuple[ParameterShape, ...]
    """The model's parameters, sorted by name."""
