"""What a participant sees: the whole of it, and beside torch the only package that an entry needs.

An entry is a module `lib.py` with a class `Entry(Algorithm[Config])` and the dataclass `Config`. The trainer owns the
model, the data and everything that is remembered; an algorithm answers two questions a step:

1. :meth:`Algorithm.loss`, once a *lane*: here are the embeddings of the whole global batch; what is the loss of each
   *anchor*, a row that this lane answers for? Gradients follow by autograd.
2. :meth:`Algorithm.update`, once a step: here are parameters, gradients and your state; what are the new ones?

Shape letters: `B` pairs in the global batch, `R` anchors of a lane (`B / 8`), `D` embedding width.

What makes a result the same for everybody also shapes what an algorithm may do:

- **Nothing outlives an answer.** Each question is answered by a process of its own. What is remembered stands in
  declared :class:`State`.
- **Eight lanes, always**, whatever runs them. A lane gives the loss of *its* anchors, and gradients flow from there
  into all rows of the batch: the lanes are added up. Return one loss an anchor, never a mean; :func:`whole_batch`
  takes a loss that is written as a mean.
- **Inputs are read-only.** Writing to one in place ends the process; copy first (`tensor.clone()`).
- **No clock, no files, no threads, nothing imported** but torch, some of the standard library
  (:data:`contract.entries.ALLOWED`) and the entry's own files. Random numbers come from :meth:`Progress.random`, and
  float functions outside tensors from :mod:`contract.math` and :mod:`contract.schedule`, which give the same bits on
  every machine; so does `import math` in an entry, as far as it goes.

The nouns are those of the Rust contract (crate `contract`); a question that both languages are asked the same way gets
the same bits. Two names differ because Python took them: `global_`, and what Rust calls `get_mut` or `learnable_mut` is
`get` and `learnable`. ::

    from dataclasses import dataclass

    from contract import AdamW, Algorithm, Batch, Parameters, Progress, SampleRows, State, adamw


    @dataclass
    class Config:
        learning_rate: float


    class Entry(Algorithm[Config]):
        \"\"\"Pulls pairs together and does nothing else: the smallest entry that trains (and collapses).\"\"\"

        def declare(self):
            return State().slot("exp_avg").slot("exp_avg_sq")

        def loss(self, batch: Batch, memory: SampleRows, progress: Progress):
            return 1.0 - (batch.own(batch.image) * batch.own(batch.text)).sum(1)

        def update(self, parameters: Parameters, batch: Batch, progress: Progress):
            numbers = AdamW(lr=self.config.learning_rate, beta1=0.9, beta2=0.98, epsilon=1e-6, weight_decay=0.0)
            for parameter in parameters:
                adamw(parameter, numbers, progress.step)
"""

from . import math, schedule
from .adamw import AdamW, adamw
from .algorithm import Algorithm
from .batch import Batch
from .error import ConfigError, Error, ShapeError
from .parameters import Parameter, Parameters
from .progress import Progress
from .rows import SampleRows
from .setup import ParameterKind, ParameterShape, Setup
from .state import State
from .torch_optimizer import TorchOptimizer
from .whole_batch import whole_batch

__all__ = [
    "AdamW",
    "Algorithm",
    "Batch",
    "ConfigError",
    "Error",
    "Parameter",
    "ParameterKind",
    "ParameterShape",
    "Parameters",
    "Progress",
    "SampleRows",
    "Setup",
    "ShapeError",
    "State",
    "TorchOptimizer",
    "adamw",
    "math",
    "schedule",
    "whole_batch",
]
