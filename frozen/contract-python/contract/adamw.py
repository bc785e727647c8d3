"""One step of AdamW on one parameter."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class AdamW:
    """The numbers of one step; none has a default, because libraries disagree on them."""

    lr: float
    """Learning rate of this step."""
    beta1: float
    """Decay of the first moment."""
    beta2: float
    """Decay of the second moment."""
    epsilon: float
    """Added to the root of the second moment, after bias correction."""
    weight_decay: float
    """Decoupled weight decay: the value shrinks by `lr * weight_decay` of itself."""


def adamw(parameter: Parameter, numbers: AdamW, step: int) -> None:
    """Takes one AdamW step: sets the value and the slots `exp_avg` and `exp_avg_sq`, which must be declared.

    `step` counts from 0, as `progress.step` does; the bias corrections use `step + 1`::

        value      <- value * (1 - lr * weight_decay)
        exp_avg    <- beta1 * exp_avg    + (1 - beta1) * gradient
        exp_avg_sq <- beta2 * exp_avg_sq + (1 - beta2) * gradient^2
        value      <- value - lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + epsilon)

    One pass over memory, and the operator that `contract::adamw` calls in Rust.

    - Errors: a slot was not declared; in `publish` there is nothing to step.
    - Source: decoupled weight decay, arXiv:1711.05101.
    """
    value, gradient, (exp_avg, exp_avg_sq) = parameter.for_step("exp_avg", "exp_avg_sq")
    torch._fused_adamw_(
        [value],
        # Its signature says that it may write gradients: `data` keeps the count of writes to the input at what it was.
        [gradient.data],
        [exp_avg],
        [exp_avg_sq],
        [],
        [torch.full((), float(step + 1))],
        lr=numbers.lr,
        beta1=numbers.beta1,
        beta2=numbers.beta2,
        weight_decay=numbers.weight_decay,
        eps=numbers.epsilon,
        amsgrad=False,
        maximize=False,
    )
