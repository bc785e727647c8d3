"""Where a run stands, and the random numbers that belong there."""

from __future__ import annotations

import torch

from . import _native
from .setup import Setup


class Progress:
    """Where the run stands, as every machine that repeats it will say."""

    def __init__(self, seed: bytes, step: int, epoch: int, setup: Setup) -> None:
        self._seed, self._step, self._epoch, self._setup = seed, step, epoch, setup
        self._opened = 0

    @property
    def step(self) -> int:
        """Steps that lie behind: 0 at the first."""
        return self._step

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self._setup.steps

    @property
    def epoch(self) -> int:
        """Passes over the data that lie behind: 0 during the first."""
        return self._epoch

    @property
    def epochs(self) -> int:
        """Passes over the data in the whole run; the last one may be cut."""
        return self._setup.epochs

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a whole pass over the data."""
        return self._setup.steps_per_epoch

    def random(self) -> torch.Generator:
        """Opens a generator of random numbers: the first, second .. of this question.

        It depends on the run's seed, the question, the step, the lane and how many were opened before in this
        question; on nothing else. Two lanes draw different numbers: `torch.rand(8, generator=progress.random())`.
        It is torch's own generator, seeded with the first word of the stream that `Progress::random` opens in
        Rust: its numbers are not those of `contract::Random`.
        """
        word = _native.word(self._seed, "random", [self._opened])
        self._opened += 1
        return torch.Generator().manual_seed(word)
