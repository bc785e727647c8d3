"""How a question is put to an algorithm. Not for entries: for the worker, and for tests.

The worker makes tensors over its arenas and calls :func:`loss`, :func:`update` or :func:`publish`; tests call the same
functions with tensors of their own, of any type. Between the participant's answer and the wire nothing else happens,
so what holds in these functions holds in a run. Operation by operation they are `contract::harness` in Rust: what one
language answers, the other answers to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import _native
from .algorithm import Algorithm
from .batch import Batch
from .error import Error, check_shape
from .parameters import Parameters
from .progress import Progress
from .rows import SampleRows
from .setup import Setup
from .state import Declaration
from .whole_batch import is_whole_batch

NamedTensors = dict[str, Tensor]


@dataclass(frozen=True)
class Moment:
    """What every question of a step has in common."""

    setup: Setup
    """Sizes of the run."""
    declaration: Declaration
    """What the algorithm declared."""
    seed: bytes
    """The worker's seed, 32 bytes."""
    step: int
    """The step, from 0."""
    epoch: int
    """The epoch, from 0."""

    def open(self, question: str, numbers: Sequence[int]) -> Progress:
        """Where the run stands for one question, after seeding libtorch's own generator for it."""
        seed = _native.child(self.seed, question, numbers)
        # Not `torch.manual_seed`: it seeds accelerators as well, and keeps a formatted stack for those not yet started.
        torch.default_generator.manual_seed(_native.word(seed, "libtorch", []))
        return Progress(seed, self.step, self.epoch, self.setup)


@dataclass(frozen=True)
class LossInputs:
    """The tensors that `loss` reads. None is written to."""

    image: Tensor
    """`[B, D]`."""
    text: Tensor
    """`[B, D]`."""
    learnables: NamedTensors
    """By declared name, in the order of their declaration."""
    columns: NamedTensors
    """`[B, ..]` each, before the step."""
    globals: NamedTensors
    """By declared name."""


@dataclass(frozen=True)
class LossAnswer:
    """What one lane's `loss` comes to. Every tensor is contiguous and needs no grad."""

    loss: Tensor
    """The loss of each anchor, `[R]`."""
    image: Tensor
    """`[B, D]`: gradient of the sum of this lane's anchors over `B`."""
    text: Tensor
    """`[B, D]`, likewise."""
    learnables: NamedTensors
    """Likewise, by declared name."""
    rows: NamedTensors
    """New values of every column at the lane's rows, `[R, ..]`."""
    diagnostics: NamedTensors
    """Every declared loss diagnostic, `[R]`."""


def loss(algorithm: Algorithm[Any], moment: Moment, lane: int, rows: range, inputs: LossInputs) -> LossAnswer:
    """Asks `loss` of one lane and takes the gradients.

    - Errors: the algorithm's own; :class:`contract.ShapeError` where the answer is not one loss an anchor; a
      diagnostic that was not reported; a loss that depends on nothing that is trained; an input written in place.
    """
    for_all = is_whole_batch(algorithm.loss)
    anchors = range(moment.setup.batch) if for_all else rows
    # What every lane computes alike draws the same numbers in each.
    progress = moment.open("loss", [moment.step, 0 if for_all else lane])
    image, text = _leaf(inputs.image), _leaf(inputs.text)
    learnables = {name: _leaf(tensor) for name, tensor in inputs.learnables.items()}
    batch = Batch(image, text, learnables, _constants(inputs.globals), anchors)
    memory = SampleRows(_constants(inputs.columns), moment.declaration.loss_diagnostics, anchors)
    unwritten = _Unwritten(_named(inputs))
    with torch.enable_grad():
        loss_r = algorithm.loss(batch, memory, progress)
        unwritten.check()
        if for_all:
            # A power of two for eight lanes: exact.
            total, loss_r = loss_r * (len(rows) / moment.setup.batch), loss_r.expand(len(anchors))
        else:
            check_shape("what `loss` returned (one value an anchor, never a mean)", [len(rows)], loss_r)
            total = loss_r.sum(dtype=loss_r.dtype) / float(moment.setup.batch)

    gradients = _gradients(total, [image, text, *learnables.values()])
    columns, diagnostics = memory.finish()
    # Of what was answered for all anchors, a lane keeps its own.
    own = slice(rows.start - anchors.start, rows.stop - anchors.start)
    return LossAnswer(
        loss=_plain(loss_r[own]),
        image=gradients[0],
        text=gradients[1],
        learnables=dict(zip(learnables, gradients[2:], strict=True)),
        rows={name: _plain(tensor[own]) for name, tensor in columns.items()},
        diagnostics={name: _plain(tensor[own]) for name, tensor in diagnostics.items()},
    )


def whole(algorithm: Algorithm[Any], moment: Moment, lanes: int, inputs: LossInputs) -> LossAnswer:
    """Asks `loss` of each of `lanes` equal parts of the batch and adds the answers up, as a step does.

    Gradients are added in a binary tree over the lanes; per-anchor values stand in the batch's order.
    """
    rows = moment.setup.batch // lanes
    answers = [loss(algorithm, moment, lane, range(lane * rows, (lane + 1) * rows), inputs) for lane in range(lanes)]
    while len(answers) > 1:
        pairs = zip(answers[::2], answers[1::2], strict=False)
        answers = [_joined(left, right) for left, right in pairs] + answers[len(answers) // 2 * 2 :]
    return answers[0]


def update(
    algorithm: Algorithm[Any], moment: Moment, image: Tensor, text: Tensor, parameters: Parameters
) -> dict[str, float]:
    """Asks `update`; afterwards every place's `after` holds the new value, or the old one where none was set.

    Gives the diagnostics.
    """
    progress = moment.open("update", [moment.step])
    with torch.no_grad():
        learnables, globals = parameters.for_batch()
        batch = Batch(image, text, learnables, globals, range(moment.setup.batch))
        unwritten = _Unwritten([("`batch.image`", image), ("`batch.text`", text), *parameters.inputs()])
        algorithm.update(parameters, batch, progress)
        unwritten.check()
        return parameters.finish()


def publish(algorithm: Algorithm[Any], moment: Moment, parameters: Parameters) -> None:
    """Asks `publish`; afterwards every value's `after` holds what is to be published."""
    moment.open("publish", [moment.step])
    with torch.no_grad():
        unwritten = _Unwritten(parameters.inputs())
        algorithm.publish(parameters)
        unwritten.check()
        parameters.finish()


class _Unwritten:
    """The inputs, and how often each had been written when a question began.

    In a cell a write to an input ends the process at once, since its pages are read-only. Where they are not (a
    debugger, a test) this notices it afterwards.
    """

    def __init__(self, inputs: Iterable[tuple[str, Tensor]]) -> None:
        self._inputs = [(name, tensor, tensor._version) for name, tensor in inputs]

    def check(self) -> None:
        for name, tensor, version in self._inputs:
            if tensor._version != version:
                raise Error(f"{name} was written in place, and is read-only: copy it first, with `.clone()`")


def _named(inputs: LossInputs) -> Iterable[tuple[str, Tensor]]:
    yield "`batch.image`", inputs.image
    yield "`batch.text`", inputs.text
    for sort, tensors in [("learnable", inputs.learnables), ("column", inputs.columns), ("global", inputs.globals)]:
        for name, tensor in tensors.items():
            yield f"{sort} `{name}`", tensor


def _constants(tensors: Mapping[str, Tensor]) -> NamedTensors:
    """The same memory, as tensors of this question."""
    return {name: tensor.detach() for name, tensor in tensors.items()}


def _leaf(tensor: Tensor) -> Tensor:
    """The same memory as a tensor that gradients are taken for."""
    return tensor.detach().requires_grad_()


def _gradients(total: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Gradients of a scalar; zero for a leaf that it does not depend on."""
    if not total.requires_grad:
        raise Error("what `loss` returned depends on no embedding and no learnable")
    found = torch.autograd.grad([total], leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf.detach()) if gradient is None else _plain(gradient)
        for gradient, leaf in zip(found, leaves, strict=True)
    ]


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous()


def _joined(left: LossAnswer, right: LossAnswer) -> LossAnswer:
    """The answer for the rows of both."""

    def added(a: NamedTensors, b: NamedTensors) -> NamedTensors:
        return {name: a[name] + b[name] for name in a}

    def appended(a: NamedTensors, b: NamedTensors) -> NamedTensors:
        return {name: torch.cat([a[name], b[name]]) for name in a}

    return LossAnswer(
        loss=torch.cat([left.loss, right.loss]),
        image=left.image + right.image,
        text=left.text + right.text,
        learnables=added(left.learnables, right.learnables),
        rows=appended(left.rows, right.rows),
        diagnostics=appended(left.diagnostics, right.diagnostics),
    )
