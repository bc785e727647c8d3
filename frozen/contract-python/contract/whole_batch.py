"""A loss as it is written elsewhere: both feature matrices of the batch in, one scalar out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from .batch import Batch
from .error import Error, check_shape
from .progress import Progress
from .rows import SampleRows

Loss = Callable[[Any, Batch, SampleRows, Progress], Tensor]

_MARK = "__whole_batch__"


def whole_batch(function: Callable[..., Tensor]) -> Loss:
    """Makes an `Algorithm.loss` of a function that gives the mean loss over the batch.

    Its first two parameters get the image and the text embeddings, `[B, D]` each, which require grad. The others are
    filled by name: `self`, `config`, `batch`, `memory` and `progress` are what they are in `Algorithm`, every other
    name is a declared learnable, and one with a default may stay without. `batch.rows` is the whole batch, and columns
    and diagnostics have a value for each of its rows. ::

        def clip_loss(image, text, log_scale):
            logits = log_scale.exp() * image @ text.T
            labels = torch.arange(len(image))
            return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

        class Entry(Algorithm[Config]):
            loss = whole_batch(clip_loss)

    Also for a loss that no sum over anchors expresses. Every lane computes the whole and answers for its share of the
    gradient, an eighth: eight equal shares add up to the gradient without rounding. All lanes draw the same random
    numbers.

    - Errors: :class:`contract.Error` for a parameter that nothing fills, :class:`contract.ShapeError` where the result
      is no scalar.
    """
    names = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    if len(names) < 2:
        raise Error(f"`{function.__name__}` takes {len(names)} of the two feature matrices")
    takes_self = len(names) < len(inspect.signature(function).parameters)

    @functools.wraps(function)
    def loss(algorithm: Any, batch: Batch, memory: SampleRows, progress: Progress) -> Tensor:
        known = {"config": algorithm.config, "batch": batch, "memory": memory, "progress": progress}
        filled = {}
        for one in names[2:]:
            if one.name in known:
                filled[one.name] = known[one.name]
            elif one.default is inspect.Parameter.empty or one.name in batch._learnables:
                filled[one.name] = batch.learnable(one.name)
        found = function(*[algorithm] * takes_self, batch.image, batch.text, **filled)
        check_shape(f"what `{function.__name__}` returned (one scalar, the mean over the batch)", [], found)
        return found

    setattr(loss, _MARK, True)
    return loss


def is_whole_batch(loss: Callable[..., Tensor]) -> bool:
    """Whether a `loss` answers for the whole batch with a scalar."""
    return getattr(loss, _MARK, False)
