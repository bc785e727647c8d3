"""What a participant's code is given, noun by noun; the same cases as beside the Rust types."""

import math
import unittest

import torch

from contract import (
    AdamW,
    Error,
    Parameter,
    ParameterKind,
    Parameters,
    ParameterShape,
    Progress,
    SampleRows,
    ShapeError,
    State,
    adamw,
    schedule,
)
from contract.parameters import DoubleBuffer
from contract.state import Declaration

from .bench import setup
from .native import child, word


class Seeds(unittest.TestCase):
    def test_the_stand_in_gives_the_seeds_that_the_rust_tests_state(self):
        seed = bytes([7] * 32)
        self.assertEqual(
            child(seed, "worker", []).hex(), "f741a4a3bb59cf06a420b3f3e47e5038409cbad568a77f29cc0d80acfc098676"
        )
        self.assertEqual(
            child(seed, "a", [5]).hex(), "646f4b3c4f65cd1151bf60e80b99b75f3286f31dbccdb724459d6da053e36695"
        )
        self.assertEqual(word(seed, "order", [1, 2]), 0x6EF38B416A9AB283)
        question = child(bytes([3] * 32), "loss", [0])
        self.assertEqual((word(question, "random", [0]) >> 11) / 2**53, float.fromhex("0x1.51ab6ac43d414p-3"))


class States(unittest.TestCase):
    def test_a_builder_says_what_was_said(self):
        state = State().learnable("scale", (2, 3), 0.5).learnable_from("bias", [2], [1.0, 2.0]).column("u", 0.0)
        state = state.column_of("mean", [4], 1.0).slot("exp_avg").global_("count", (), 0.1)
        found = state.loss_diagnostic("objective").update_diagnostic("rate").declaration
        self.assertEqual((found.learnables[0].initial, found.learnables[1].initial), ((0.5,) * 6, (1.0, 2.0)))
        self.assertEqual([column.shape for column in found.columns], [(), (4,)])
        self.assertEqual((found.slots[0].name, found.globals[0].shape), ("exp_avg", ()))
        self.assertEqual((found.loss_diagnostics, found.update_diagnostics), (["objective"], ["rate"]))

    def test_first_values_are_written_as_rust_writes_them(self):
        cases = [
            (0.1, "0.1"),
            (-math.log(0.07), "2.65926"),
            (2**-126, "1.1754944e-38"),
            (-3.3e38, "-3.3e+38"),
            (1, "1.0"),
        ]
        for value, text in cases:
            written = State().column("u", value).declaration.columns[0].initial
            self.assertEqual(repr(written), text)
            self.assertTrue(torch.equal(torch.tensor(written), torch.tensor(value, dtype=torch.float32)))

    def test_what_is_not_finite_is_refused_by_name(self):
        for value in (math.nan, math.inf, 1e39):
            with self.assertRaisesRegex(Error, "first value of column `u`: expected a finite number"):
                State().column("u", value)

    def test_a_declaration_survives_its_bytes(self):
        import json

        found = (
            State().learnable("s", (1, 2), 0.3).slot("m").column_of("c", [3], 0.7).global_("g", [2], 5.0).declaration
        )
        self.assertEqual(Declaration.decode(json.loads(found.encode())), found)


class Rows(unittest.TestCase):
    def rows(self) -> SampleRows:
        columns = {"u": torch.arange(4.0), "mean": torch.zeros(4, 3)}
        return SampleRows(columns, ["objective"], range(2, 4))

    def test_what_is_set_is_seen_later_and_the_rest_stays(self):
        rows, new = self.rows(), torch.tensor([7.0, 8.0])
        rows.set("u", new)
        new.zero_()
        self.assertEqual(rows.column("u").tolist(), [0.0, 1.0, 2.0, 3.0])
        rows.report("objective", torch.tensor([1.0, 2.0]))
        columns, diagnostics = rows.finish()
        self.assertEqual((columns["u"].tolist(), list(columns["mean"].shape)), ([7.0, 8.0], [2, 3]))
        self.assertEqual(diagnostics["objective"].tolist(), [1.0, 2.0])

    def test_names_shapes_and_numbers_of_reports_are_checked(self):
        rows, two = self.rows(), torch.tensor([1.0, 2.0])
        for mistake, text in [
            (lambda: rows.column("v"), "no column is named `v`; there are: u, mean"),
            (lambda: rows.set("v", two), "no column is named `v`"),
            (lambda: rows.set("mean", two), r"column `mean`: expected shape \[2, 3\], found \[2\]"),
            (lambda: rows.set("u", torch.tensor(1.0)), r"column `u`: expected shape \[2\], found \[\]"),
            (lambda: rows.set("u", 1.0), r"column `u`: expected a tensor of shape \[2\], found float"),
            (lambda: rows.report("x", two), "no loss diagnostic is named `x`"),
            (lambda: rows.finish(), "`objective` .* exactly once a question: not reported"),
            (lambda: [rows.report("objective", two) for _ in range(2)], "`objective` .*: reported twice"),
        ]:
            with self.assertRaisesRegex(Error, text):
                mistake()


def full(value: float) -> torch.Tensor:
    return torch.full((2, 3), value)


def parameters(publish: bool) -> Parameters:
    """Parameters as `update` sees them, or as `publish` does."""

    def place(value: float, read_only: bool) -> DoubleBuffer:
        return DoubleBuffer(full(value), None if read_only else full(-1.0))

    def parameter(name: str, kind: ParameterKind) -> Parameter:
        gradient = None if publish else full(0.5)
        return Parameter(ParameterShape(name, kind, (2, 3)), place(1.0, False), gradient, {"ema": place(5.0, publish)})

    trained = [parameter("w", ParameterKind.MATRIX), parameter("learnables.s", ParameterKind.LEARNABLE)]
    return Parameters(trained, {"count": place(9.0, publish)}, [] if publish else ["norm"])


class ParametersTest(unittest.TestCase):
    def test_what_is_set_is_read_back_and_what_was_read_does_not_change(self):
        all = parameters(False)
        w = all.get("w")
        before = w.value
        w.set(full(2.0))
        between = w.value
        w.set(full(3.0))
        w.set_slot("ema", w.slot("ema") + 1.0)
        found = [tensor[0, 0].item() for tensor in (before, between, w.value, w.slot("ema"))]
        self.assertEqual(found, [1.0, 2.0, 3.0, 6.0])
        all.set_global("count", full(10.0))
        self.assertEqual(all.global_("count")[0, 0].item(), 10.0)

    def test_what_is_not_set_stays(self):
        all = parameters(False)
        all.learnable("s").set(full(4.0))
        all.report("norm", torch.tensor(0.25))
        self.assertEqual(all.finish(), {"norm": 0.25})
        found = [(one._value.after[0, 0].item(), one._slots["ema"].after[0, 0].item()) for one in all]
        self.assertEqual(found, [(1.0, 5.0), (4.0, 5.0)])

    def test_names_shapes_and_numbers_of_reports_are_checked(self):
        all = parameters(False)
        w = all.get("w")
        for mistake, text in [
            (lambda: all.get("v"), "no parameter is named `v`; there are: w, learnables.s"),
            (lambda: all.learnable("w"), "no parameter is named `learnables.w`"),
            (lambda: all.global_("x"), "no global is named `x`"),
            (lambda: all.set_global("x", full(0.0)), "no global is named `x`"),
            (lambda: w.slot("momentum"), "no slot is named `momentum`; there are: ema"),
            (lambda: w.set_slot("momentum", full(0.0)), "no slot is named `momentum`"),
            (lambda: w.set(torch.tensor(1.0)), r"parameter `w`: expected shape \[2, 3\], found \[\]"),
            (lambda: w.set_slot("ema", full(0.0)[0]), "slot `ema` of `w`: expected shape"),
            (lambda: all.finish(), "`norm` .*: not reported"),
            (lambda: [all.report("norm", 1.0) for _ in range(2)], "`norm` .*: reported twice"),
            (lambda: all.report("other", 1.0), "no update diagnostic is named `other`"),
        ]:
            with self.assertRaisesRegex(Error, text):
                mistake()

    def test_publish_sets_values_and_nothing_else(self):
        all = parameters(True)
        w = all.get("w")
        for mistake, text in [
            (lambda: all.set_global("count", full(0.0)), "`publish` sets values of parameters and nothing else"),
            (lambda: w.set_slot("ema", full(0.0)), "`publish` sets values"),
            (lambda: w.gradient, "there is no gradient in `publish`"),
        ]:
            with self.assertRaisesRegex(Error, text):
                mistake()
        w.set(w.slot("ema"))
        all.finish()
        self.assertEqual(all.get("w").value[0, 0].item(), 5.0)

    def test_a_value_is_taken_without_its_graph(self):
        w = parameters(False).get("w")
        w.set(full(1.0).requires_grad_() * 2.0)
        self.assertFalse(w.value.requires_grad)

    def test_a_long_list_of_names_is_cut(self):
        from contract.error import unknown

        text = str(unknown("slot", "ema", [f"p{index}" for index in range(10)]))
        self.assertEqual(text, "no slot is named `ema`; there are: p0, p1, p2, p3, p4, p5, p6, p7 and 2 more")
        self.assertTrue(str(unknown("slot", "ema", [])).endswith("there are: none"))


class Schedules(unittest.TestCase):
    def test_known_values(self):
        warmup = schedule.WarmupCosine(peak=1.0, floor=0.1, warmup_steps=4, steps=12)
        values = [warmup.at(step) for step in range(13)]
        self.assertEqual(values[:5], [0.25, 0.5, 0.75, 1.0, 1.0])
        self.assertLess(abs(values[8] - 0.55), 1e-15)
        self.assertEqual(values[12], 0.1)
        self.assertEqual(schedule.linear(3, 4, 0.0, 8.0), 6.0)
        self.assertEqual((schedule.cosine(0, 0, 1.0, 2.0), schedule.linear(5, 4, 1.0, 2.0)), (2.0, 2.0))

    def test_a_cosine_is_the_formula(self):
        for position in range(0, 1200, 7):
            share = min(position, 1000) / 1000
            plain = 0.3 + (2.0 - 0.3) * (1.0 + math.cos(share * math.pi)) / 2.0
            self.assertLess(abs(schedule.cosine(position, 1000, 2.0, 0.3) - plain), 1e-14)


class AdamWs(unittest.TestCase):
    def of(self, value, gradient, slots) -> Parameter:
        places = {name: DoubleBuffer(torch.zeros_like(value), torch.zeros_like(value)) for name in slots}
        shape = ParameterShape("w", ParameterKind.MATRIX, tuple(value.shape))
        return Parameter(shape, DoubleBuffer(value, torch.zeros_like(value)), gradient, places)

    def test_it_is_the_formula(self):
        generator = torch.Generator().manual_seed(0)
        value, gradient = torch.randn(2, 40, dtype=torch.float64, generator=generator)
        lr, beta1, beta2, epsilon, decay = 0.01, 0.9, 0.98, 1e-6, 0.3
        numbers = AdamW(lr=lr, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=decay)
        parameter = self.of(value, gradient, ["a_slot_before", "exp_avg", "exp_avg_sq"])
        p, m, v = value.clone(), torch.zeros_like(value), torch.zeros_like(value)
        for step in range(5):
            adamw(parameter, numbers, step)
            p = p - lr * decay * p
            m = beta1 * m + (1.0 - beta1) * gradient
            v = beta2 * v + (1.0 - beta2) * gradient**2
            m_hat, v_hat = m / (1.0 - beta1 ** (step + 1)), v / (1.0 - beta2 ** (step + 1))
            p = p - lr * m_hat / (v_hat.sqrt() + epsilon)
        for found, expected in [
            (parameter.value, p),
            (parameter.slot("exp_avg"), m),
            (parameter.slot("exp_avg_sq"), v),
        ]:
            self.assertLess((found - expected).abs().max().item(), 1e-12)
        self.assertEqual(parameter.slot("a_slot_before").abs().max().item(), 0.0)

    def test_inputs_are_not_written(self):
        value, gradient = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.5])
        parameter = self.of(value, gradient, ["exp_avg", "exp_avg_sq"])
        versions = [tensor._version for _, tensor in parameter.inputs()]
        adamw(parameter, AdamW(lr=0.1, beta1=0.9, beta2=0.9, epsilon=1e-8, weight_decay=0.1), 0)
        self.assertEqual([tensor._version for _, tensor in parameter.inputs()], versions)
        self.assertEqual((value.tolist(), gradient.tolist()), ([1.0, 2.0], [0.5, 0.5]))
        self.assertNotEqual(parameter.value.tolist(), [1.0, 2.0])

    def test_what_is_missing_is_named(self):
        numbers, one = AdamW(lr=0.1, beta1=0.9, beta2=0.9, epsilon=1e-8, weight_decay=0.0), torch.ones(1)
        with self.assertRaisesRegex(Error, "no slot is named `exp_avg_sq`"):
            adamw(self.of(one, one, ["exp_avg"]), numbers, 0)
        with self.assertRaisesRegex(Error, "no gradient"):
            adamw(self.of(one, None, ["exp_avg", "exp_avg_sq"]), numbers, 0)


class Progresses(unittest.TestCase):
    def test_generators_repeat_and_differ(self):
        def progress(key: int) -> Progress:
            return Progress(child(bytes(32), "loss", [key]), 12, 1, setup(steps=25, epochs=3))

        def draw(one: Progress) -> list[float]:
            return torch.rand(4, generator=one.random()).tolist()

        a, b = progress(0), progress(0)
        first, second = draw(a), draw(a)
        self.assertEqual((first, second), (draw(b), draw(b)))
        self.assertNotEqual(first, second)
        self.assertNotEqual(first, draw(progress(1)))
        self.assertEqual((a.step, a.steps, a.epoch, a.epochs, a.steps_per_epoch), (12, 25, 1, 3, 10))


class Errors(unittest.TestCase):
    def test_a_shape_is_an_error_of_its_own(self):
        self.assertTrue(issubclass(ShapeError, Error))
