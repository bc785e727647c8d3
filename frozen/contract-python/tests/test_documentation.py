"""The examples in the package's own documentation are entries that work."""

import inspect
import textwrap
import unittest

import torch

import contract
from contract import ParameterKind, TorchOptimizer, whole_batch
from contract.answer import SaidKind

from .bench import Host, setup

SETUP = setup(parameters=[("w", ParameterKind.MATRIX, (2, 3)), ("b", ParameterKind.BIAS, (2,))])

REST = """
    def loss(self, batch, memory, progress):
        return batch.own(batch.image).sum(1) * batch.learnable("log_scale")
"""
UPDATE = """
    def declare(self):
        return State().learnable("log_scale", (), 2.66)

    def update(self, parameters, batch, progress):
        pass
"""
HEAD = """
import torch
import torch.nn.functional as F
from dataclasses import dataclass
from contract import Algorithm, State, TorchOptimizer, schedule, whole_batch

@dataclass
class Config:
    learning_rate: float

schedule = schedule.WarmupCosine(peak=0.1, floor=0.0, warmup_steps=1, steps=10)

"""


def example(of: object) -> str:
    """The lines behind the last `::` of a documentation, up to a line that is not indented."""
    lines = inspect.cleandoc(of.__doc__).rpartition("::\n")[2].lstrip("\n").splitlines()
    ends = [index for index, line in enumerate(lines) if line and not line.startswith(" ")]
    return textwrap.dedent("\n".join(lines[: (ends or [len(lines)])[0]])) + "\n"


class Examples(unittest.TestCase):
    def works(self, lib: str) -> None:
        host = Host({"lib.py": lib.encode()}, {"learning_rate": 0.1}, SETUP)
        self.assertIs(host.declare().kind, SaidKind.DECLARATION)
        for ask, arena in ((host.loss, host.layout.loss_inputs), (host.update, host.layout.update_inputs)):
            said = ask({one["name"]: torch.rand(one["shape"]) for one in arena.places})
            self.assertEqual((said.kind, said.text), (SaidKind.DONE, ""))

    def test_the_smallest_entry(self):
        self.works(example(contract))

    def test_whole_batch(self):
        self.works(HEAD + example(whole_batch) + UPDATE)

    def test_torch_optimizer(self):
        self.works(HEAD + example(TorchOptimizer) + REST)
