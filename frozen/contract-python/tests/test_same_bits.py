"""The entries of both languages, asked the same questions through the same arenas: every result has the same bits.

`MAXCLIP_RUST_OPENCLIP` and `MAXCLIP_RUST_FASTCLIP` name the Rust entries' objects (`libentry.so` of a home's `build`).
"""

import os
import unittest

import torch

from .bench import FASTCLIP, OPENCLIP, Host, resolved, setup, sources

STEPS = 12
SHAPES = [
    ("a.bias", "bias", (33,)),
    ("a.weight", "matrix", (33, 20)),
    ("ln.weight", "norm", (20,)),
    ("positional_embedding", "embedding", (7, 20)),
]


def unit_rows(generator: torch.Generator, batch: int, width: int) -> torch.Tensor:
    rows = torch.randn(batch, width, generator=generator)
    return rows / rows.norm(dim=1, keepdim=True)


class Run:
    """A few steps of training, as the trainer goes: what one host answers is its own next input."""

    def __init__(self, host: Host) -> None:
        self.host = host
        said = host.declare()
        assert said.code == 0, said
        declaration, generator = host.declaration, torch.Generator().manual_seed(5)
        self.trained = declaration.trained(host.setup)
        self.values = {one.name: torch.randn(one.shape, generator=generator) for one in self.trained}
        for one in declaration.learnables:
            self.values[f"learnables.{one.name}"] = torch.tensor(one.initial).view(one.shape)
        self.slots = {
            f"slot/{slot.name}/{one.name}": torch.zeros(one.shape) for slot in declaration.slots for one in self.trained
        }
        self.columns = {
            one.name: torch.full((host.setup.batch, *one.shape), one.initial) for one in declaration.columns
        }

    def step(self, step: int, embeddings: dict, gradients: dict) -> list[dict]:
        """Asks `loss` in two questions of four lanes, then `update`; gives all that was answered."""
        learnables = {f"learnables/{n.removeprefix('learnables.')}": v for n, v in self.values.items() if "learn" in n}
        columns = {f"columns/{name}": value for name, value in self.columns.items()}
        inputs, lanes, epoch = {**embeddings, **learnables, **columns}, [], step // self.host.setup.steps_per_epoch
        for lane in (0, 4):
            said = self.host.loss(inputs, step, epoch, lane, 4)
            assert said.code == 0 and said.number == step, said
            lanes += said.results
        for name in self.columns:
            self.columns[name] = torch.cat([lane[f"rows/{name}"] for lane in lanes])
        gradients = {f"gradient/{name}": value for name, value in gradients.items()}
        for name in learnables:
            gradients[f"gradient/learnables.{name.removeprefix('learnables/')}"] = sum(lane[name] for lane in lanes)
        values = {f"value/{name}": value for name, value in self.values.items()}
        said = self.host.update({**embeddings, **values, **gradients, **self.slots}, step, epoch)
        assert said.code == 0, said
        found = said.results[0]
        self.values = {one.name: found[f"value/{one.name}"] for one in self.trained}
        self.slots = {name: found[name] for name in self.slots}
        return [*lanes, found]


class SameBits(unittest.TestCase):
    def compare(self, variable: str, folder, **changes) -> None:
        path = os.environ.get(variable)
        if not path:
            self.skipTest(f"{variable} names no object of the Rust entry")
        from .rust_object import RustHost

        sizes = setup(batch=64, width=48, steps=STEPS, epochs=3, steps_per_epoch=4, parameters=kinds(SHAPES))
        values = {**resolved(folder, "mini"), **changes}
        values = {**values, "warmup_steps": 3}
        rust, python = Run(RustHost(path, values, sizes)), Run(Host(sources(folder), values, sizes))
        self.assertEqual(rust.host.declaration, python.host.declaration)
        generator = torch.Generator().manual_seed(1)
        for step in range(STEPS):
            embeddings = {name: unit_rows(generator, 64, 48) for name in ("image", "text")}
            gradients = {one[0]: torch.randn(one[2], generator=generator) for one in SHAPES}
            answers = zip(rust.step(step, embeddings, gradients), python.step(step, embeddings, gradients))
            for index, (expected, found) in enumerate(answers):
                self.assertEqual(expected.keys(), found.keys())
                for name in expected:
                    bits = [tensor.contiguous().view(torch.int32) for tensor in (expected[name], found[name])]
                    self.assertTrue(torch.equal(*bits), f"step {step}, answer {index}, `{name}`")

    def test_openclip(self):
        self.compare("MAXCLIP_RUST_OPENCLIP", OPENCLIP)

    def test_fastclip(self):
        self.compare("MAXCLIP_RUST_FASTCLIP", FASTCLIP)

    def test_fastclip_with_the_gradient_of_the_objective(self):
        self.compare("MAXCLIP_RUST_FASTCLIP", FASTCLIP, temperature_gradient="objective")

    def test_fastclip_v0(self):
        self.compare("MAXCLIP_RUST_FASTCLIP", FASTCLIP, multiply_temperature=False)


def kinds(shapes):
    from contract import ParameterKind

    return [(name, ParameterKind(kind), shape) for name, kind, shape in shapes]
