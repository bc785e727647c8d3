"""Optimizers of torch's kind: taken up anew at each step, they go where they go in one process, to the bit."""

import random
import unittest

import torch
from torch import optim

from contract import (
    Algorithm,
    Error,
    Parameter,
    ParameterKind,
    Parameters,
    ParameterShape,
    State,
    TorchOptimizer,
    harness,
)
from contract.harness import Moment
from contract.parameters import DoubleBuffer

from .bench import setup
from .optimizers import Lamb, Lion, Muon, ScheduleFree

STEPS = 6
SHAPES = [
    ("a.bias", ParameterKind.BIAS, (5,)),
    ("a.weight", ParameterKind.MATRIX, (5, 8)),
    ("g", ParameterKind.NORM, (1,)),
]
SETUP = setup(steps=STEPS, parameters=SHAPES)


class Entry(Algorithm[TorchOptimizer]):
    def declare(self):
        return self.config.declare(State().learnable("log_scale", (), 2.0), self.setup)

    def loss(self, batch, memory, progress): ...

    def update(self, parameters, batch, progress):
        self.config.step(parameters, progress)

    def publish(self, parameters):
        self.config.publish(parameters)


def gradient(shape, step: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(step))


class Run:
    """A run of the adapter: each step is a question to an entry that was just built."""

    def __init__(self, make) -> None:
        self.make = make
        self.declaration = Entry(TorchOptimizer(make), SETUP).declare().declaration
        self.shapes = self.declaration.trained(SETUP)
        self.values = {one.name: torch.full(one.shape, 0.7) for one in self.shapes}
        self.slots = {
            (slot.name, one.name): torch.zeros(one.shape) for slot in self.declaration.slots for one in self.shapes
        }
        self.globals = {one.name: torch.zeros(one.shape) for one in self.declaration.globals}

    def parameters(self, step: int | None) -> tuple[Parameters, list[dict]]:
        def place(tensor, writable=True):
            return DoubleBuffer(tensor, torch.zeros_like(tensor) if writable else None)

        update = step is not None
        values = {name: place(value) for name, value in self.values.items()}
        slots = {key: place(value, update) for key, value in self.slots.items()}
        globals = {name: place(value, update) for name, value in self.globals.items()}
        trained = [
            Parameter(
                one,
                values[one.name],
                gradient(one.shape, step) if update else None,
                {slot: found for (slot, name), found in slots.items() if name == one.name},
            )
            for one in self.shapes
        ]
        return Parameters(trained, globals, []), [values, slots, globals]

    def step(self, step: int) -> None:
        entry = Entry(TorchOptimizer(self.make), SETUP)
        parameters, places = self.parameters(step)
        moment = Moment(SETUP, self.declaration, bytes(32), step, 0)
        harness.update(entry, moment, torch.zeros(8, 3), torch.zeros(8, 3), parameters)
        after = [{name: place.after for name, place in one.items()} for one in places]
        self.values, self.slots, self.globals = after

    def published(self) -> dict[str, torch.Tensor]:
        parameters, places = self.parameters(None)
        moment = Moment(SETUP, self.declaration, bytes(32), STEPS, 0)
        harness.publish(Entry(TorchOptimizer(self.make), SETUP), moment, parameters)
        return {name: place.after for name, place in places[0].items()}


def plain(make) -> tuple[dict[str, torch.Tensor], list[optim.Optimizer]]:
    """The same in one process, with optimizers that live on."""
    shapes = [ParameterShape(*one) for one in SHAPES]
    shapes.append(ParameterShape("learnables.log_scale", ParameterKind.LEARNABLE, ()))
    tensors = {one: torch.nn.Parameter(torch.full(one.shape, 0.7)) for one in shapes}
    made = make(tensors, 0)
    optimizers = made if isinstance(made, list) else [made]
    for step in range(STEPS):
        again = make(tensors, step)
        for optimizer, now in zip(optimizers, again if isinstance(again, list) else [again]):
            for group, group_now in zip(optimizer.param_groups, now.param_groups):
                group["lr"] = group_now["lr"]
            for one, tensor in tensors.items():
                tensor.grad = gradient(one.shape, step)
        for optimizer in optimizers:
            optimizer.step()
    return {one.name: tensor.detach() for one, tensor in tensors.items()}, optimizers


def of(kind, **settings):
    """A maker of an optimizer whose learning rate falls with the steps, in two groups."""

    def make(tensors, step):
        wide = [tensor for one, tensor in tensors.items() if len(one.shape) > 1]
        thin = [tensor for one, tensor in tensors.items() if len(one.shape) < 2]
        return kind([{"params": wide}, {"params": thin}], lr=0.05 / (step + 1), **settings)

    return make


def muon(kind):
    def make(tensors, step):
        wide = [tensor for one, tensor in tensors.items() if len(one.shape) > 1]
        thin = [tensor for one, tensor in tensors.items() if len(one.shape) < 2]
        return [kind(wide, lr=0.02, weight_decay=0.1), optim.AdamW(thin, lr=0.01 / (step + 1))]

    return make


CARRIED = {
    "AdamW": of(optim.AdamW, weight_decay=0.3),
    "AdamW, amsgrad": of(optim.AdamW, amsgrad=True),
    "Adam, fused": of(optim.Adam, fused=True),
    "SGD": of(optim.SGD),
    "SGD, momentum": of(optim.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
    "NAdam": of(optim.NAdam),
    "RAdam": of(optim.RAdam),
    "Adagrad": of(optim.Adagrad, initial_accumulator_value=0.1, lr_decay=0.1),
    "RMSprop": of(optim.RMSprop, momentum=0.5, centered=True),
    "Adadelta": of(optim.Adadelta),
    "Adamax": of(optim.Adamax),
    "ASGD": of(optim.ASGD),
    "Lion": of(Lion, weight_decay=0.1),
    "LAMB": of(Lamb),
    "Muon, torch's": muon(optim.Muon),
    "Muon": muon(Muon),
    "Schedule-Free": of(ScheduleFree),
}


class Carried(unittest.TestCase):
    def test_the_same_bits_as_in_one_process(self):
        for name, make in CARRIED.items():
            with self.subTest(name):
                expected, _ = plain(make)
                run = Run(make)
                for step in range(STEPS):
                    run.step(step)
                for parameter, tensor in expected.items():
                    self.assertTrue(torch.equal(run.values[parameter], tensor), parameter)

    def test_what_is_declared_has_the_names_of_the_state(self):
        def declared(name):
            found = Run(CARRIED[name]).declaration
            return [one.name for one in found.slots], {one.name: one.shape for one in found.globals}

        self.assertEqual(declared("AdamW"), (["exp_avg", "exp_avg_sq"], {"optimizer_steps": ()}))
        self.assertEqual(declared("SGD"), ([], {"optimizer_steps": ()}))
        self.assertEqual(declared("NAdam")[1], {"mu_product": (4, 3), "optimizer_steps": ()})
        sums = {f"group{group}_{key}": (3,) for group in (0, 1) for key in ("weight_sum", "lr_max")}
        self.assertEqual(declared("Schedule-Free"), (["exp_avg_sq", "z"], {**sums, "optimizer_steps": ()}))

    def test_publish_is_what_eval_makes(self):
        make = CARRIED["Schedule-Free"]
        expected, (optimizer,) = plain(make)
        run = Run(make)
        for step in range(STEPS):
            run.step(step)
        self.assertTrue(torch.equal(run.published()["a.weight"], run.values["a.weight"]) is False)
        optimizer.eval()
        for parameter, tensor in expected.items():
            self.assertTrue(torch.equal(run.published()[parameter], tensor), parameter)


class Noisy(optim.SGD):
    """Draws from torch, which a question has seeded."""

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.add_(torch.randn_like(p))
        super().step()


class Drawing(unittest.TestCase):
    def test_a_trial_takes_no_random_number_from_the_question(self):
        run = Run(of(Noisy))
        run.step(3)
        moment = Moment(SETUP, run.declaration, bytes(32), 3, 0)
        moment.open("update", [3])
        shapes = {one.name: one.shape for one in run.shapes}
        # The wide group first.
        for name in ("a.weight", "a.bias", "g", "learnables.log_scale"):
            noise = torch.randn(shapes[name])
            expected = torch.full(shapes[name], 0.7) - 0.05 / 4 * (gradient(shapes[name], 3) + noise)
            self.assertLess((run.values[name] - expected).abs().max().item(), 1e-6, name)


class Counting(optim.SGD):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.taken = 0

    def step(self, closure=None):
        self.taken += 1
        super().step()


class Random(optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.mul_(random.random())
        super().step()


class Listing(optim.SGD):
    def step(self, closure=None):
        super().step()
        for p in self.param_groups[0]["params"]:
            self.state[p].setdefault("norms", []).append(p.norm().item())


class Whole(optim.SGD):
    def step(self, closure=None):
        super().step()
        self.state["all"] = {"norm": 1.0}


class Refused(unittest.TestCase):
    def test_what_cannot_be_carried_is_named(self):
        for make, text in [
            (
                lambda tensors, step: optim.LBFGS(tensors.values()),
                "`LBFGS` cannot be carried: its `step` needs a closure",
            ),
            (of(optim.Adafactor), "`Adafactor` cannot be carried: state `row_var` of `a.weight` has another shape"),
            (of(Counting), "`Counting` cannot be carried: its attribute `taken` changes with steps"),
            (of(Random), "gives other numbers when it is asked again"),
            (of(Listing), "`Listing` cannot be carried: state `norms` of `a.weight` is a list that changes"),
            (of(Whole), "`Whole` cannot be carried: its state has a key that is no parameter"),
        ]:
            with self.assertRaisesRegex(Error, text):
                Run(make)
