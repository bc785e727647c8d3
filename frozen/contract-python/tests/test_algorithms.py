"""The two entries by themselves: their configuration files, their rules, and plain PyTorch beside them."""

import dataclasses
import math
import tomllib
import unittest

import torch
import torch.nn.functional as F

from contract import Error, Parameter, ParameterKind, Parameters, harness
from contract.algorithm import config_of
from contract.harness import LossInputs, Moment
from contract.parameters import DoubleBuffer

from .bench import FASTCLIP, OPENCLIP, REPOSITORY, built, entry, resolved, setup

SHAPES = [
    ("a.bias", ParameterKind.BIAS, (3,)),
    ("a.weight", ParameterKind.MATRIX, (3, 3)),
    ("class_embedding", ParameterKind.EMBEDDING, (3,)),
    ("ln.weight", ParameterKind.NORM, (3,)),
    ("positional_embedding", ParameterKind.EMBEDDING, (3, 3)),
]
SETUP = setup(steps=100, epochs=10, parameters=SHAPES)


def unit_rows(seed: int) -> torch.Tensor:
    rows = torch.randn(32, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=1, keepdim=True)


def step(folder, values: dict, gradient: float, log_scale: float, step: int):
    """Everything is 1, gradients are `gradient`, and `log_scale` is as given: one step, what comes out."""
    algorithm = built(folder, values, SETUP)
    declaration = algorithm.declare().declaration

    def full(shape, value: float) -> torch.Tensor:
        return torch.full(shape, value, dtype=torch.float64)

    trained = []
    for one in declaration.trained(SETUP):
        value = full(one.shape, log_scale if one.kind is ParameterKind.LEARNABLE else 1.0)
        slots = {slot.name: DoubleBuffer(full(one.shape, 0.0), full(one.shape, 0.0)) for slot in declaration.slots}
        trained.append(Parameter(one, DoubleBuffer(value, full(one.shape, 0.0)), full(one.shape, gradient), slots))
    parameters, embeddings = Parameters(trained, {}, declaration.update_diagnostics), full((8, 3), 0.0)
    moment = Moment(SETUP, declaration, bytes(32), step, 0)
    return parameters, harness.update(algorithm, moment, embeddings, embeddings, parameters)


def value(parameters: Parameters, name: str) -> float:
    return parameters.get(name).value.reshape(-1)[0].item()


class Files(unittest.TestCase):
    def test_the_files_resolve_everywhere_and_have_no_foreign_key(self):
        paths = [(), ("small",), ("large",), ("mini", "small"), ("mini", "large"), ("emoji", "small")]
        for folder in (OPENCLIP, FASTCLIP):
            for path in paths:
                built(folder, resolved(folder, *path), SETUP)
            known = {field.name for field in dataclasses.fields(config_of(entry(folder)))}
            pending = [tomllib.loads((folder / "config.toml").read_text())]
            while pending:
                for key, item in pending.pop().items():
                    pending += [item] if isinstance(item, dict) else []
                    self.assertTrue(isinstance(item, dict) or key in known, key)
        self.assertEqual(resolved(FASTCLIP, "mini", "large")["gamma_decay_epochs"], 3)

    def test_both_languages_have_one_configuration(self):
        for python, rust in [(OPENCLIP, "frozen/algorithms/openclip"), (FASTCLIP, "editable")]:
            files = [folder / "config.toml" for folder in (python, REPOSITORY / rust)]
            self.assertEqual(*[path.read_text() for path in files])

    def test_numbers_without_sense_are_refused(self):
        changes = [{"gamma": 0.0}, {"gamma": 1.1}, {"temperature_min": 0.0}, {"temperature_initial": 0.005}]
        for change in changes:
            with self.assertRaises(Error):
                built(FASTCLIP, {**resolved(FASTCLIP), **change}, SETUP)
        with self.assertRaises(Error):
            built(OPENCLIP, {**resolved(OPENCLIP), "temperature_min": 2.0}, SETUP)


class FastClipUpdate(unittest.TestCase):
    def test_only_matrices_and_tables_decay(self):
        values = resolved(FASTCLIP)
        lr = values["lr_peak"] / values["warmup_steps"]
        # Without a gradient AdamW only decays.
        parameters, diagnostics = step(FASTCLIP, values, 0.0, 2.0, 0)
        for name, _, _ in SHAPES:
            decays = name in ("a.weight", "positional_embedding")
            expected = 1.0 - lr * values["weight_decay"] if decays else 1.0
            self.assertLess(abs(value(parameters, name) - expected), 1e-15, name)
        self.assertEqual(value(parameters, "learnables.log_scale"), 2.0)
        self.assertEqual(diagnostics["lr"], lr)
        self.assertLess(abs(diagnostics["tau"] - math.exp(-2.0)), 1e-15)

    def test_the_first_step_is_the_learning_rate(self):
        # AdamW's first step is lr * sign(gradient), less epsilon's part.
        values = {**resolved(FASTCLIP), "adam_epsilon": 0.0, "weight_decay": 0.0, "warmup_steps": 0}
        parameters, _ = step(FASTCLIP, values, -3.0, 2.0, 0)
        self.assertLess(abs(value(parameters, "a.bias") - (1.0 + values["lr_peak"])), 1e-9)
        self.assertLess(abs(value(parameters, "learnables.log_scale") - (2.0 + values["lr_log_scale"])), 1e-9)

    def test_the_temperature_slows_down_when_low_and_stays_in_its_bounds(self):
        values = {**resolved(FASTCLIP), "adam_epsilon": 0.0}
        rate = values["lr_log_scale"]

        def after(gradient: float, log_scale: float) -> float:
            return value(step(FASTCLIP, values, gradient, log_scale, 0)[0], "learnables.log_scale")

        low, high = -math.log(0.029), -math.log(0.031)
        self.assertLess(abs(after(-1.0, low) - (low + rate / 3.0)), 1e-9)
        self.assertLess(abs(after(-1.0, high) - (high + rate)), 1e-9)
        self.assertLess(abs(after(-1.0, math.log(100.0)) - math.log(100.0)), 1e-12)
        self.assertEqual(after(1.0, 0.0), 0.0)


class OpenClip(unittest.TestCase):
    def test_lanes_are_the_loss_as_one_writes_it_in_pytorch(self):
        image, text, log_scale = unit_rows(1), unit_rows(2), torch.tensor(2.66, dtype=torch.float64)
        leaves = [tensor.clone().requires_grad_() for tensor in (image, text, log_scale)]
        logits = leaves[2].exp() * leaves[0] @ leaves[1].T
        labels = torch.arange(32)
        plain = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        expected = torch.autograd.grad(plain, leaves)
        inputs = LossInputs(image=image, text=text, learnables={"log_scale": log_scale}, columns={}, globals={})
        for lanes in (1, 2, 4, 8):
            sizes = setup(batch=32, lanes=lanes, width=12)
            algorithm = built(OPENCLIP, resolved(OPENCLIP), sizes)
            moment = Moment(sizes, algorithm.declare().declaration, bytes(32), 0, 0)
            found = harness.whole(algorithm, moment, lanes, inputs)
            self.assertLess((found.loss.mean() - plain).abs().item(), 1e-12)
            for one, other in zip([found.image, found.text, found.learnables["log_scale"]], expected):
                self.assertLess((one - other).abs().max().item(), 1e-12)

    def test_a_step_is_torchs_own_adamw(self):
        values = resolved(OPENCLIP, "mini")
        found, _ = step(OPENCLIP, values, 0.5, 2.0, 3)
        lr = values["lr_peak"] * 4 / values["warmup_steps"]
        # At its fourth step, with moments that are still zero.
        for name, _, shape in SHAPES:
            plain = torch.ones(shape, dtype=torch.float64, requires_grad=True)
            decay = values["weight_decay"] if len(shape) > 1 else 0.0
            betas = (values["beta1"], values["beta2"])
            optimizer = torch.optim.AdamW([plain], lr=lr, betas=betas, eps=values["adam_epsilon"], weight_decay=decay)
            zero = torch.zeros_like(plain)
            optimizer.state[plain] = {"step": torch.tensor(3.0), "exp_avg": zero.clone(), "exp_avg_sq": zero.clone()}
            plain.grad = torch.full(shape, 0.5, dtype=torch.float64)
            optimizer.step()
            self.assertLess((found.get(name).value - plain.detach()).abs().max().item(), 1e-12)
