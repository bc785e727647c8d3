"""A loss over the whole batch as one scalar: the same gradients as in lanes, whoever asks how often."""

import unittest

import torch
import torch.nn.functional as F

from contract import Algorithm, Error, ShapeError, State, harness, whole_batch
from contract.harness import LossInputs, Moment

from .bench import OPENCLIP, built, resolved, setup

BATCH = 24


def clip_loss(image, text, log_scale, bias=0.0):
    """As it stands in a hundred scripts."""
    logits = log_scale.exp() * image @ text.T + bias
    labels = torch.arange(len(image))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class Clip(Algorithm[dict]):
    loss = whole_batch(clip_loss)

    def declare(self):
        return State().learnable("log_scale", (), 2.0)

    def update(self, parameters, batch, progress): ...


class Remembering(Clip):
    """With columns, a diagnostic, random numbers and its own configuration."""

    @whole_batch
    def loss(self, image, text, memory, progress, config, batch):
        assert batch.rows == range(BATCH) and self.config is config
        similarity_b = (image * text).sum(1)
        memory.set("seen", memory.column("seen") + 1.0)
        memory.report("similarity", similarity_b)
        noise_b = torch.rand(BATCH, generator=progress.random()) + torch.rand(BATCH)
        return (similarity_b * noise_b).std()

    def declare(self):
        return State().column("seen", 0.0).loss_diagnostic("similarity")


def inputs(dtype=torch.float32, **columns) -> LossInputs:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, BATCH, 5, generator=generator, dtype=dtype)
    image, text = rows / rows.norm(dim=2, keepdim=True)
    return LossInputs(image, text, {"log_scale": torch.tensor(2.0, dtype=dtype)}, columns, {})


def ask(entry: type, lanes: int, given: LossInputs) -> harness.LossAnswer:
    sizes = setup(batch=BATCH, lanes=lanes, width=5)
    algorithm = entry({}, sizes)
    return harness.whole(algorithm, Moment(sizes, algorithm.declare().declaration, bytes(32), 0, 0), lanes, given)


class WholeBatch(unittest.TestCase):
    def test_it_is_autograd_of_the_function(self):
        given = inputs()
        leaves = [one.clone().requires_grad_() for one in (given.image, given.text, given.learnables["log_scale"])]
        plain = clip_loss(*leaves)
        expected = torch.autograd.grad(plain, leaves)
        for lanes in (1, 8):
            found = ask(Clip, lanes, given)
            self.assertTrue(torch.equal(found.loss, plain.detach().expand(BATCH)))
            for one, other in zip([found.image, found.text, found.learnables["log_scale"]], expected):
                self.assertTrue(torch.equal(one, other), lanes)

    def test_a_default_gives_way_to_a_learnable(self):
        class Biased(Clip):
            loss = whole_batch(lambda image, text, bias=0.0: ((image * text).sum(1) * bias).mean())

        given = inputs()
        given.learnables["bias"] = torch.tensor(2.0)
        expected = (given.image * given.text).sum(1).mean()
        self.assertLess((ask(Biased, 8, given).learnables["bias"] - expected).abs().item(), 1e-7)

    def test_it_is_the_loss_in_lanes(self):
        sizes, given = setup(batch=BATCH, lanes=8, width=5), inputs(torch.float64)
        openclip = built(OPENCLIP, resolved(OPENCLIP), sizes)
        moment = Moment(sizes, openclip.declare().declaration, bytes(32), 0, 0)
        expected, found = harness.whole(openclip, moment, 8, given), ask(Clip, 8, given)
        self.assertLess((found.image - expected.image).abs().max().item(), 1e-14)
        self.assertLess((found.loss.mean() - expected.loss.mean()).abs().item(), 1e-14)

    def test_asked_once_or_in_lanes_it_is_one_answer(self):
        given = inputs(seen=torch.arange(float(BATCH)))
        once, lanes = ask(Remembering, 1, given), ask(Remembering, 8, given)
        self.assertTrue(torch.equal(once.image, lanes.image))
        self.assertTrue(torch.equal(once.diagnostics["similarity"], lanes.diagnostics["similarity"]))
        self.assertEqual(lanes.rows["seen"].tolist(), [float(index + 1) for index in range(BATCH)])

    def test_mistakes_are_named(self):
        class Anchors(Clip):
            loss = whole_batch(lambda image, text: (image * text).sum(1))

        class Unknown(Clip):
            loss = whole_batch(lambda image, text, logit_scale: (image * text).sum())

        with self.assertRaisesRegex(
            ShapeError, r"one scalar, the mean over the batch\): expected shape \[\], found \[24\]"
        ):
            ask(Anchors, 8, inputs())
        with self.assertRaisesRegex(Error, "no learnable is named `logit_scale`; there are: log_scale"):
            ask(Unknown, 8, inputs())
        with self.assertRaisesRegex(Error, "takes 1 of the two feature matrices"):
            whole_batch(lambda logits: logits)
