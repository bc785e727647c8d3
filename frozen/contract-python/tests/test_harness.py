"""What passes between a participant's answer and the wire; the cases of `frozen/contract/tests/questions.rs`."""

import unittest

import torch

from contract import Algorithm, Error, Parameter, ParameterKind, Parameters, ShapeError, State, harness
from contract.harness import LossInputs, Moment
from contract.parameters import DoubleBuffer

from .bench import setup

SETUP = setup(lanes=4, steps=25, epochs=3, parameters=[("w", ParameterKind.MATRIX, (2,))])


class Player(Algorithm[dict]):
    """Answers in the way that a test names."""

    def declare(self):
        state = State().learnable("scale", (), 2.0).learnable("unused", [3], 1.0).column("seen", 0.0)
        return state.global_("count", (), 7.0)

    def loss(self, batch, memory, progress):
        loss_r = (batch.own(batch.image) * batch.own(batch.text)).sum(1)
        memory.set("seen", batch.own(memory.column("seen")) + 1.0)
        match self.config:
            case "distance":
                return loss_r * batch.learnable("scale")
            case "mean":
                return loss_r.mean()
            case "number":
                return loss_r.mean().item()
            case "constant":
                return loss_r.detach()
            case "whole":
                return (batch.image * batch.text).sum(1)
            case "random":
                return loss_r * torch.rand(len(batch.rows), generator=progress.random())
            case "torch random":
                return loss_r * torch.rand(len(batch.rows))
            case "nan":
                return loss_r * torch.nan
            case "in place":
                memory.column("seen").add_(1.0)
                return loss_r
        raise Error(f"`{self.config}` is no way to answer")

    def update(self, parameters, batch, progress):
        assert not batch.image.requires_grad and batch.rows == range(8)
        w = parameters.get("w")
        if self.config == "in place":
            w.gradient.mul_(2.0)
        w.set(w.value - w.gradient * batch.learnable("scale") * batch.global_("count"))


def inputs() -> LossInputs:
    values = (torch.arange(24.0) / 24.0).view(8, 3)
    return LossInputs(
        image=values,
        text=values - 0.5,
        learnables={"scale": torch.tensor(2.0), "unused": torch.ones(3)},
        columns={"seen": torch.arange(8.0)},
        globals={"count": torch.tensor(7.0)},
    )


def moment(player: Player, step: int = 0) -> Moment:
    return Moment(SETUP, player.declare().declaration, bytes([1] * 32), step, 0)


def ask(way: str, step: int = 0, lane: int = 0) -> harness.LossAnswer:
    """Asks one lane of four; `step` keys the random numbers."""
    player = Player(way, SETUP)
    return harness.loss(player, moment(player, step), lane, range(lane * 2, lane * 2 + 2), inputs())


class Loss(unittest.TestCase):
    def test_gradients_are_of_the_sum_over_the_whole_batch(self):
        answer, given = ask("distance", lane=1), inputs()
        self.assertEqual(list(answer.loss.shape), [2])
        # d (2 * image . text) / d image / 8, in the lane's rows, and zero elsewhere.
        self.assertTrue(torch.equal(answer.image[2:4], given.text[2:4] * 2.0 / 8.0))
        self.assertEqual(answer.image[4:].abs().max().item(), 0.0)
        scale = answer.loss.double().sum().item() / 2.0 / 8.0
        self.assertLess(abs(answer.learnables["scale"].item() - scale), 1e-6)
        self.assertEqual(answer.learnables["unused"].tolist(), [0.0] * 3)
        self.assertEqual(answer.rows["seen"].tolist(), [3.0, 4.0])
        for tensor in (answer.loss, answer.image, answer.text, answer.learnables["scale"]):
            self.assertTrue(tensor.is_contiguous() and not tensor.requires_grad)

    def test_mistakes_are_errors_that_say_so(self):
        for way, sort, text in [
            ("mean", ShapeError, r"what `loss` returned .*: expected shape \[2\], found \[\]"),
            ("whole", ShapeError, r"what `loss` returned .*: expected shape \[2\], found \[8\]"),
            ("number", Error, r"what `loss` returned .*: expected a tensor of shape \[2\], found float"),
            ("constant", Error, "depends on no embedding and no learnable"),
            ("in place", Error, r"column `seen` was written in place, and is read-only: copy it first"),
            ("x", Error, "`x` is no way to answer"),
        ]:
            with self.assertRaisesRegex(sort, text):
                ask(way)

    def test_what_is_not_finite_is_the_trainers_to_find(self):
        self.assertTrue(ask("nan").loss.isnan().all())

    def test_random_numbers_belong_to_step_and_lane(self):
        for way in ("random", "torch random"):
            drawn = ask(way, 3, 1).loss
            self.assertTrue(torch.equal(drawn, ask(way, 3, 1).loss), way)
            self.assertFalse(torch.equal(drawn, ask(way, 4, 1).loss), way)
            self.assertFalse(torch.equal(drawn, ask(way, 3, 2).loss), way)

    def test_torchs_generator_has_the_word_that_rust_draws(self):
        from .native import child, word

        ask("torch random", 3, 1)
        expected = word(child(bytes([1] * 32), "loss", [3, 1]), "libtorch", [])
        self.assertEqual(torch.default_generator.initial_seed(), expected)

    def test_lanes_are_added_in_a_tree(self):
        player = Player("distance", SETUP)
        found = harness.whole(player, moment(player), 4, inputs())
        lanes = [ask("distance", lane=lane) for lane in range(4)]
        scales = [lane.learnables["scale"] for lane in lanes]
        tree = (scales[0] + scales[1]) + (scales[2] + scales[3])
        self.assertTrue(torch.equal(found.learnables["scale"], tree))
        self.assertTrue(torch.equal(found.loss, torch.cat([lane.loss for lane in lanes])))
        self.assertEqual(found.rows["seen"].tolist(), [float(index + 1) for index in range(8)])


class Update(unittest.TestCase):
    def places(self, player: Player) -> tuple[Parameters, DoubleBuffer]:
        values = [torch.tensor([1.0, 2.0]), torch.tensor(2.0), torch.ones(3)]
        trained = [
            Parameter(shape, DoubleBuffer(value, torch.zeros_like(value)), torch.ones_like(value), {})
            for shape, value in zip(player.declare().declaration.trained(SETUP), values)
        ]
        count = DoubleBuffer(torch.tensor(7.0), torch.tensor(0.0))
        return Parameters(trained, {"count": count}, []), count

    def test_update_fills_every_place(self):
        player, embeddings = Player("distance", SETUP), torch.zeros(8, 3)
        parameters, count = self.places(player)
        self.assertEqual(harness.update(player, moment(player), embeddings, embeddings, parameters), {})
        self.assertEqual(parameters.get("w").value.tolist(), [1.0 - 14.0, 2.0 - 14.0])
        self.assertEqual([one.name for one in parameters], ["w", "learnables.scale", "learnables.unused"])
        # Not set: the place of the new value holds the old one.
        self.assertEqual(count.after.item(), 7.0)

    def test_a_gradient_written_in_place_is_named(self):
        player, embeddings = Player("in place", SETUP), torch.zeros(8, 3)
        with self.assertRaisesRegex(Error, "gradient of `w` was written in place"):
            harness.update(player, moment(player), embeddings, embeddings, self.places(player)[0])
