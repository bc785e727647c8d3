"""A `torch.optim.Optimizer` as it stands, in the place of an `update`.

What it remembers is found out by a trial on small tensors, when the entry declares and again at each question: what has
the parameter's shape becomes a slot, single numbers become globals, and what counts steps comes from the run. Anything
else is refused by name.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter as Leaf
from torch.optim import Optimizer

from .error import Error
from .parameters import Parameter, Parameters
from .progress import Progress
from .setup import ParameterShape, Setup
from .state import State

Tensors = Mapping[ParameterShape, Leaf]
Make = Callable[[Tensors, int], Optimizer | Sequence[Optimizer]]

_STEPS = "optimizer_steps"
"""The global that holds how many steps were taken, for `publish`, which knows no progress."""
_PARTS = 3
"""A Python float in f32s: the nearest, and twice what is left. Exact, since 3 * 24 bits are more than its 53."""
_TRIAL_STEPS = 2
_TORCHS_OWN = {"state", "param_groups", "_opt_called", "_step_count"}
"""Attributes of an optimizer that are looked at elsewhere, or that say nothing about its next step."""


class _Sort(Enum):
    """How something that an optimizer remembers is carried."""

    SLOT = auto()
    """A tensor of the parameter's shape: in a slot."""
    VALUE = auto()
    """A number: in a global."""
    COUNTER = auto()
    """A number that grows by one a step: from the run's step."""
    CONSTANT = auto()
    """What is no number and does not change: as the trial left it."""


@dataclass(frozen=True)
class _Kept:
    """Something that an optimizer remembers, as it was after the first step of a trial."""

    sort: _Sort
    example: Any

    def restored(self, number: float) -> Any:
        """The number in the example's type."""
        if isinstance(self.example, Tensor):
            return torch.full_like(self.example, number)
        return type(self.example)(number)

    def counted(self, step: int) -> Any:
        """What a counter stands at after so many steps."""
        return self.restored(float(self.example) + step - 1)


@dataclass
class _Memory:
    """All that optimizers remember."""

    state: dict[str, dict[str, _Kept]] = field(default_factory=dict)
    """By the parameter's name and the key in its state."""
    groups: dict[tuple[int, str], _Kept] = field(default_factory=dict)
    """What steps change in groups: by the group, counted over all optimizers, and the key."""

    def keys(self, sort: _Sort) -> list[str]:
        """The keys of a sort in any parameter's state."""
        return sorted({key for state in self.state.values() for key, kept in state.items() if kept.sort is sort})

    def group_values(self) -> list[tuple[int, str, str]]:
        """The groups' numbers: group, key, and the global's name."""
        values = [place for place, kept in self.groups.items() if kept.sort is _Sort.VALUE]
        return [(group, key, f"group{group}_{key}") for group, key in values]


class TorchOptimizer:
    """Optimizers of torch's kind that train an entry's parameters.

    `make` gets the tensors to train by their :class:`contract.ParameterShape` (name, kind, shape) and the step, from 0,
    and gives an optimizer or several: groups are its choice, and the learning rate is that of the step. ::

        def make(tensors, step):
            decayed = [tensor for parameter, tensor in tensors.items() if len(parameter.shape) > 1]
            others = [tensor for parameter, tensor in tensors.items() if len(parameter.shape) < 2]
            groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
            return torch.optim.AdamW(groups, lr=schedule.at(step), betas=(0.9, 0.98))

        class Entry(Algorithm[Config]):
            optimizer = TorchOptimizer(make)

            def declare(self):
                return self.optimizer.declare(State().learnable("log_scale", (), 2.66), self.setup)

            def update(self, parameters, batch, progress):
                self.optimizer.step(parameters, progress)

    A parameter that no optimizer was given stays as it is. A slot has memory for all parameters, also where only some
    have such state.
    """

    def __init__(self, make: Make) -> None:
        self._make = make

    def declare(self, state: State, setup: Setup) -> State:
        """Declares beside `state` what the optimizers remember; learnables must be declared before.

        - Errors: :class:`contract.Error`, with the optimizer and what of it cannot be carried: a closure, state of
          another shape or type, attributes that change, numbers that differ when it is asked again.
        """
        trained = state.declaration.trained(setup)
        memory, made = _tried(self._make, trained)
        if not all(map(torch.equal, made, _tried(self._make, trained)[1])):
            raise Error("the optimizer gives other numbers when it is asked again: they come from outside torch")
        for name in memory.keys(_Sort.SLOT):
            state.slot(name)
        for name in memory.keys(_Sort.VALUE):
            state.global_(name, [len(trained), _PARTS], 0.0)
        for _, _, name in memory.group_values():
            state.global_(name, [_PARTS], 0.0)
        return state.global_(_STEPS, [], 0.0)

    def step(self, parameters: Parameters, progress: Progress) -> None:
        """Takes one step: in `update`."""
        asked = _Resumed(self._make, parameters, progress.step)
        asked.step()
        asked.keep()
        parameters.set_global(_STEPS, torch.tensor(float(progress.step + 1)))

    def publish(self, parameters: Parameters) -> None:
        """Sets what the optimizers' own `eval()` makes of the parameters, where they have one: in `publish`."""
        asked = _Resumed(self._make, parameters, int(parameters.global_(_STEPS).item()))
        for optimizer in asked.optimizers:
            if hasattr(optimizer, "eval"):
                optimizer.eval()
        for parameter, leaf in asked.leaves:
            parameter.set(leaf)


class _Resumed:
    """Optimizers over copies of the parameters, with what they remembered after the steps before."""

    def __init__(self, make: Make, parameters: Parameters, step: int) -> None:
        trained = {ParameterShape(one.name, one.kind, one.shape): one for one in parameters}
        tensors = {shape: Leaf(one.value.clone()) for shape, one in trained.items()}
        self.parameters, self.leaves = parameters, list(zip(trained.values(), tensors.values(), strict=True))
        self.memory, _ = _tried(make, list(trained))
        self.optimizers = _listed(make(tensors, step))
        self.owners = _owners(self.optimizers)
        if step > 0:
            self._restore(step)

    def step(self) -> None:
        for parameter, leaf in self.leaves:
            # Optimizers of one's own may write to it.
            leaf.grad = parameter.gradient.clone()
        for optimizer in self.optimizers:
            optimizer.step()

    def keep(self) -> None:
        """Sets parameters, slots and globals to what the optimizers have made of them."""
        values = {name: torch.zeros(len(self.leaves), _PARTS) for name in self.memory.keys(_Sort.VALUE)}
        for index, (parameter, leaf) in enumerate(self.leaves):
            parameter.set(leaf)
            for key, kept in self.memory.state.get(parameter.name, {}).items():
                if kept.sort is _Sort.SLOT:
                    parameter.set_slot(key, self.owners[leaf].state[leaf][key])
                elif kept.sort is _Sort.VALUE:
                    values[key][index] = _split(self.owners[leaf].state[leaf][key])
        for name, parts in values.items():
            self.parameters.set_global(name, parts)
        groups = _groups(self.optimizers)
        for group, key, name in self.memory.group_values():
            self.parameters.set_global(name, _split(groups[group][key]))

    def _restore(self, step: int) -> None:
        for index, (parameter, leaf) in enumerate(self.leaves):
            for key, kept in self.memory.state.get(parameter.name, {}).items():
                self.owners[leaf].state[leaf][key] = self._one(parameter, index, key, kept, step)
        groups = _groups(self.optimizers)
        for (group, key), kept in self.memory.groups.items():
            groups[group][key] = kept.counted(step) if kept.sort is _Sort.COUNTER else kept.example
        for group, key, name in self.memory.group_values():
            groups[group][key] = self.memory.groups[group, key].restored(_joined(self.parameters.global_(name)))

    def _one(self, parameter: Parameter, index: int, key: str, kept: _Kept, step: int) -> Any:
        match kept.sort:
            case _Sort.SLOT:
                return parameter.slot(key).clone()
            case _Sort.VALUE:
                return kept.restored(_joined(self.parameters.global_(key)[index]))
            case _Sort.COUNTER:
                return kept.counted(step)
            case _Sort.CONSTANT:
                return kept.example


def _tried(make: Make, trained: Sequence[ParameterShape]) -> tuple[_Memory, list[Tensor]]:
    """Steps of the optimizers on small tensors of as many dimensions; gives what they remember and what they made."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(0)
    leaves = {shape: Leaf(_ramp(shape, 0.5)) for shape in trained}
    optimizers = _listed(make(leaves, 0))
    seen = [_Seen(optimizers)]
    for _ in range(_TRIAL_STEPS):
        for shape, leaf in leaves.items():
            leaf.grad = _ramp(shape, 0.3)
        for optimizer in optimizers:
            _check_step(optimizer)
            optimizer.step()
        seen.append(_Seen(optimizers))
    torch.default_generator.set_state(before)
    return _remembered(leaves, optimizers, seen), [leaf.detach() for leaf in leaves.values()]


class _Seen:
    """All that optimizers hold at one time, copied."""

    def __init__(self, optimizers: list[Optimizer]) -> None:
        self.state = {leaf: _copied(state) for one in optimizers for leaf, state in one.state.items()}
        self.groups = [_copied({**group, "params": None}) for group in _groups(optimizers)]
        self.attributes = [
            {name: repr(value) for name, value in vars(one).items() if name not in _TORCHS_OWN} for one in optimizers
        ]


def _remembered(leaves: Tensors, optimizers: list[Optimizer], seen: list[_Seen]) -> _Memory:
    """How each thing that the optimizers hold after the trial is carried."""
    memory, owners = _Memory(), _owners(optimizers)
    for optimizer, *attributes in zip(optimizers, seen[0].attributes, seen[-1].attributes, strict=True):
        for name, text in attributes[1].items():
            if attributes[0].get(name) != text:
                raise _cannot(optimizer, f"its attribute `{name}` changes with steps: keep it in `self.state`")
        if any(all(key is not leaf for leaf in leaves.values()) for key in optimizer.state):
            raise _cannot(optimizer, "its state has a key that is no parameter")
    for shape, leaf in leaves.items():
        for key in seen[-1].state.get(leaf, {}):
            history = [one.state[leaf].get(key) for one in seen[1:]]
            what = f"state `{key}` of `{shape.name}`"
            memory.state.setdefault(shape.name, {})[key] = _sorted(owners[leaf], what, history, leaf.shape)
    makers = [optimizer for optimizer in optimizers for _ in optimizer.param_groups]
    for group, (maker, last) in enumerate(zip(makers, seen[-1].groups, strict=True)):
        for key in last:
            history = [one.groups[group].get(key) for one in seen]
            if any(repr(one) != repr(last[key]) for one in history):
                kept = _sorted(maker, f"`{key}` of group {group}", history[1:], None)
                memory.groups[group, key] = kept
    return memory


def _sorted(optimizer: Optimizer, what: str, history: list[Any], shape: torch.Size | None) -> _Kept:
    """How something is carried that was so after each step."""
    first, last = history[0], history[-1]
    if all(map(_is_number, history)):
        start = float(first)
        if start.is_integer() and list(map(float, history)) == [start + step for step in range(len(history))]:
            return _Kept(_Sort.COUNTER, first)
        if not (isinstance(first, Tensor) and first.shape == shape):
            return _Kept(_Sort.VALUE, first)
    if isinstance(last, Tensor):
        if last.shape != shape:
            raise _cannot(optimizer, f"{what} has another shape than the parameter, and a slot has the same")
        if last.dtype != torch.float32:
            raise _cannot(optimizer, f"{what} is {str(last.dtype).removeprefix('torch.')}, and a slot is float32")
        return _Kept(_Sort.SLOT, first)
    if last is None or (isinstance(last, bool | str) and first == last):
        return _Kept(_Sort.CONSTANT, last)
    raise _cannot(optimizer, f"{what} is a {type(last).__name__} that changes; tensors and numbers can be carried")


def _check_step(optimizer: Optimizer) -> None:
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise _cannot(optimizer, "its `step` needs a closure, and a step has one gradient")


def _cannot(optimizer: Optimizer, why: str) -> Error:
    return Error(f"`{type(optimizer).__name__}` cannot be carried: {why}")


def _listed(made: Optimizer | Sequence[Optimizer]) -> list[Optimizer]:
    return [made] if isinstance(made, Optimizer) else list(made)


def _groups(optimizers: Iterable[Optimizer]) -> list[dict[str, Any]]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def _owners(optimizers: Iterable[Optimizer]) -> dict[Tensor, Optimizer]:
    return {leaf: one for one in optimizers for group in one.param_groups for leaf in group["params"]}


def _ramp(shape: ParameterShape, end: float) -> Tensor:
    """A small tensor with as many dimensions, of numbers up to `end`."""
    lengths = [min(length, 3 + axis) for axis, length in enumerate(shape.shape)]
    count = math.prod(lengths)
    return (torch.arange(1, count + 1) * (end / count)).view(lengths)


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.clone() if isinstance(value, Tensor) else value for key, value in values.items()}


def _is_number(value: Any) -> bool:
    """A single number, of Python's or in a tensor."""
    if isinstance(value, Tensor):
        return value.dim() == 0 and value.dtype != torch.bool
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _split(value: Any) -> Tensor:
    """A number as f32s that add up to it."""
    rest, parts = float(value), []
    for _ in range(_PARTS):
        parts.append(torch.tensor(rest, dtype=torch.float32).item())
        rest -= parts[-1]
    return torch.tensor(parts)


def _joined(parts: Tensor) -> float:
    """The number again, smallest part first."""
    return sum(reversed(parts.tolist()), 0.0)
