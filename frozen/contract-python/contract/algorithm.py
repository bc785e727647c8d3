"""What an entry is: a loss and an update."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar, get_args, get_origin

from torch import Tensor

from .batch import Batch
from .error import Error
from .parameters import Parameters
from .progress import Progress
from .rows import SampleRows
from .setup import Setup
from .state import State

Config = TypeVar("Config")


class Algorithm(ABC, Generic[Config]):
    """A training algorithm: a loss and an update.

    An entry is `class Entry(Algorithm[Config])` in `lib.py`; `Config` is a dataclass that is filled from what stands
    in `config.toml` for the scale and protocol at hand. A key that the dataclass does not have is refused, so that a
    misspelt one cannot pass unnoticed; so is a missing one, unless its field has a default.

    An algorithm is a configuration and a set of rules, not a place to keep things: one is built before each question.
    """

    def __init__(self, config: Config, setup: Setup) -> None:
        """Builds the algorithm: before each question, and once before :meth:`declare`.

        An entry overrides it to check numbers (`raise Error(..)`), and calls `super().__init__(config, setup)`.
        """
        self.config = config
        self.setup = setup

    @abstractmethod
    def declare(self) -> State:
        """Declares what is trained beside the model, what is remembered, and what is reported.

        Asked once, at the start of a run; must not depend on anything but configuration and setup.
        """

    @abstractmethod
    def loss(self, batch: Batch, memory: SampleRows, progress: Progress) -> Tensor:
        """The loss of each anchor of this lane.

        - Shapes: the result is `[R]`, in the order of :attr:`Batch.rows`.
        - What is trained: the gradient of `sum over all B anchors / B`, added over the lanes, with respect to
          the embeddings (and from there the model) and every learnable.
        - State: `memory` shows columns as they were before the step, to every lane; what a lane sets for its
          own rows is seen from the next step on.
        """

    @abstractmethod
    def update(self, parameters: Parameters, batch: Batch, progress: Progress) -> None:
        """Sets new values of parameters, slots and globals. Autograd is off.

        A parameter, slot or global that is not set stays as it is.
        """

    def publish(self, parameters: Parameters) -> None:
        """Sets the weights to evaluate and to publish, where they are not the ones being trained: an average, or
        the other point of a schedule-free method.

        Works on a copy: training goes on from what :meth:`update` left. Only values can be set.
        """


def config_of(entry: type[Algorithm[Any]]) -> type:
    """The dataclass that an entry named in `Algorithm[..]`."""
    for base in (base for parent in entry.__mro__ for base in getattr(parent, "__orig_bases__", ())):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Algorithm):
            config = get_args(base)[0]
            if isinstance(config, type):
                return config
    raise Error(f"`{entry.__name__}` names no configuration: write `class {entry.__name__}(Algorithm[Config])`")
