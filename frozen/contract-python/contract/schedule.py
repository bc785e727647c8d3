"""Schedules of learning rates and of other numbers: plain functions of a step or an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from .math import cos


@dataclass(frozen=True, kw_only=True)
class WarmupCosine:
    """Linear warm-up, then half a cosine."""

    peak: float
    """The value at the end of the warm-up."""
    floor: float
    """The value that the cosine goes to."""
    warmup_steps: int
    """Steps of warm-up; 0 is none."""
    steps: int
    """Steps of the whole run."""

    def at(self, step: int) -> float:
        """The value at a step, counted from 0::

            step <  warmup:  peak * (step + 1) / warmup
            step >= warmup:  cosine from peak to floor at (step - warmup) of (steps - warmup)

        - Source: the schedule of open_clip's training, with a floor.
        """
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        return cosine(step - self.warmup_steps, self.steps - self.warmup_steps, self.peak, self.floor)


def cosine(position: int, length: int, start: float, end: float) -> float:
    """Half a cosine: `start` at position 0, `end` at position `length` and beyond."""
    if position >= length:
        return end
    # Weights rather than a difference: exactly `start` at position 0.
    weight = 0.5 * (1.0 + cos(pi * (position / length)))
    return weight * start + (1.0 - weight) * end


def linear(position: int, length: int, start: float, end: float) -> float:
    """A straight line: `start` at position 0, `end` at position `length` and beyond."""
    if position >= length:
        return end
    return start + (end - start) * (position / length)
