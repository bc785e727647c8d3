"""A question through the arenas, in a process of its own: what is answered, what is said, how it ends."""

import json
import textwrap
import unittest

import torch

from contract import ParameterKind, answer, entries
from contract.answer import SaidKind

from .bench import FASTCLIP, OPENCLIP, SEGFAULT, Host, resolved, setup, sources

SETUP = setup(lanes=4, steps=25, epochs=3, parameters=[("w", ParameterKind.MATRIX, (2, 3))])

LIB = """\
from dataclasses import dataclass

import torch
from contract import Algorithm, Error, ShapeError, State
{imports}

@dataclass
class Config:
    way: str
    rate: float = 1.0


class Entry(Algorithm[Config]):
    def declare(self):
        state = State().learnable("scale", (), 2.0).column("seen", 0.0).slot("ema").global_("count", (), 7.0)
        return state.loss_diagnostic("cost").update_diagnostic("norm")

    def loss(self, batch, memory, progress):
        loss_r = (batch.own(batch.image) * batch.own(batch.text)).sum(1) * batch.learnable("scale")
        memory.set("seen", batch.own(memory.column("seen")) + 1.0)
        memory.report("cost", loss_r)
        {loss}
        return loss_r

    def update(self, parameters, batch, progress):
        parameters.get("w").set(parameters.get("w").value - self.config.rate * parameters.get("w").gradient)
        parameters.report("norm", 1e300)
        {update}

    def publish(self, parameters):
        parameters.get("w").set(parameters.get("w").slot("ema"))
"""


def host(imports="", loss="", update="", files=None, **values) -> Host:
    lib = LIB.format(imports=imports, loss=textwrap.indent(loss, " " * 8).lstrip(), update=update)
    return Host({"lib.py": lib.encode(), **(files or {})}, {"way": "plain", **values}, SETUP)


def declared(*arguments, **named) -> Host:
    asked = host(*arguments, **named)
    said = asked.declare()
    assert said.kind is SaidKind.DECLARATION, said
    return asked


def loss_inputs() -> dict[str, torch.Tensor]:
    values = (torch.arange(24.0) / 24.0).view(8, 3)
    rest = {
        "learnables/scale": torch.tensor(2.0),
        "columns/seen": torch.arange(8.0),
        "globals/count": torch.tensor(7.0),
    }
    return {"image": values, "text": values - 0.5, **rest}


def update_inputs() -> dict[str, torch.Tensor]:
    values = {"image": torch.zeros(8, 3), "text": torch.zeros(8, 3), "globals/count": torch.tensor(7.0)}
    for name, shape in [("w", (2, 3)), ("learnables.scale", ())]:
        values |= {f"value/{name}": torch.full(shape, 3.0), f"gradient/{name}": torch.full(shape, 0.5)}
        values[f"slot/ema/{name}"] = torch.full(shape, 9.0)
    return values


class Answers(unittest.TestCase):
    def test_lanes_have_results_of_their_own(self):
        said = declared().loss(loss_inputs(), step=5, lane=1, lanes=3)
        self.assertEqual((said.code, said.kind, said.number, said.text), (0, SaidKind.DONE, 5, ""))
        self.assertEqual([lane["rows/seen"].tolist() for lane in said.results], [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
        first = said.results[0]
        self.assertTrue(torch.equal(first["loss"], first["diagnostics/cost"]))
        self.assertTrue(torch.equal(first["image"][2:4], loss_inputs()["text"][2:4] * 2.0 / 8.0))
        self.assertEqual(first["image"][:2].abs().max().item(), 0.0)

    def test_update_and_publish_fill_their_places(self):
        asked = declared(rate=2.0)
        said = asked.update(update_inputs(), step=6)
        self.assertEqual((said.code, said.kind, said.number), (0, SaidKind.DONE, 6))
        found = said.results[0]
        self.assertEqual(found["value/w"].tolist(), [[2.0] * 3] * 2)
        self.assertEqual((found["slot/ema/w"][0, 0].item(), found["globals/count"].item()), (9.0, 7.0))
        self.assertEqual(found["diagnostics/norm"].item(), float("inf"))
        said = asked.update(update_inputs(), step=7, kind=4)
        self.assertEqual((said.code, said.number), (0, 7))
        self.assertEqual(said.results[0]["value/w"].tolist(), [[9.0] * 3] * 2)
        self.assertEqual(said.results[0]["value/learnables.scale"].item(), 3.0)
        self.assertEqual(said.results[0]["slot/ema/w"].abs().max().item(), 0.0)

    def test_both_entries_declare(self):
        for folder in (OPENCLIP, FASTCLIP):
            asked = Host(sources(folder), {**resolved(folder, "mini"), "rh0": 1, "a": 2}, SETUP)
            said = asked.declare()
            self.assertEqual((said.code, said.kind), (0, SaidKind.DECLARATION))
            self.assertEqual(json.loads(said.text)["unused_config_keys"], ["a", "rh0"])


class Mistakes(unittest.TestCase):
    maxDiff = None

    def asked(self, kind: SaidKind, text: str, **named) -> None:
        """Asks for a loss and compares all that is said."""
        self.said(declared(**named).loss(loss_inputs()), kind, text)

    def said(self, said, kind: SaidKind, text: str) -> None:
        self.assertEqual((said.kind, said.text), (kind, textwrap.dedent(text).strip("\n")))
        self.assertEqual(said.code, 101 if kind is SaidKind.PANICKED else 1)

    def test_a_wrong_shape_inside_torch(self):
        text = """
            RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 8x3)
              loss.py:3, in logits
                return image_rd @ text_bd
                       ^^^^^^^^^^^^^^^^^^
              where image_rd [2, 3], text_bd [8, 3]
              lib.py:22, in loss
                x = logits(batch)
                    ^^^^^^^^^^^^^
        """
        files = {
            "loss.py": b"def logits(batch):\n    image_rd, text_bd = batch.own(batch.image), batch.text\n"
            b"    return image_rd @ text_bd\n"
        }
        self.asked(SaidKind.PANICKED, text, imports="from loss import logits", loss="x = logits(batch)", files=files)

    def test_a_mean_instead_of_a_value_an_anchor(self):
        text = """
            what `loss` returned (one value an anchor, never a mean): expected shape [2], found []
              lib.py:18, what `loss` answered
        """
        self.asked(SaidKind.SHAPE, text, loss="return loss_r.mean()")

    def test_a_loss_without_a_gradient(self):
        text = """
            what `loss` returned depends on no embedding and no learnable
              lib.py:18, what `loss` answered
        """
        self.asked(SaidKind.REFUSED, text, loss="return loss_r.detach()")

    def test_what_is_not_finite_is_answered(self):
        said = declared(loss="loss_r = loss_r * torch.nan").loss(loss_inputs())
        self.assertEqual((said.code, said.kind), (0, SaidKind.DONE))

    def test_a_forgotten_column(self):
        text = """
            no column is named `u`; there are: seen
              lib.py:22, in loss
                u_r = batch.own(memory.column("u"))
                                ^^^^^^^^^^^^^^^^^^
              where loss_r [2]
        """
        self.asked(SaidKind.REFUSED, text, loss='u_r = batch.own(memory.column("u"))')

    def test_a_column_of_another_shape(self):
        text = """
            column `seen`: expected shape [2], found [2, 1]
              lib.py:22, in loss
                memory.set("seen", loss_r[:, None])
              where loss_r [2]
        """
        self.asked(SaidKind.SHAPE, text, loss='memory.set("seen", loss_r[:, None])')

    def test_a_diagnostic_twice(self):
        text = """
            diagnostic `cost` was declared and must be reported exactly once a question: reported twice
              lib.py:22, in loss
                memory.report("cost", loss_r)
              where loss_r [2]
        """
        self.asked(SaidKind.REFUSED, text, loss='memory.report("cost", loss_r)')

    def test_a_typo(self):
        text = """
            AttributeError: 'Batch' object has no attribute 'imagee'
              lib.py:22, in loss
                x = batch.imagee
                    ^^^^^^^^^^^^
              where loss_r [2]
        """
        self.asked(SaidKind.PANICKED, text, loss="x = batch.imagee")

    def test_an_open(self):
        text = """
            `open` is not available in an entry: there is no file in a question; numbers belong in config.toml
              lib.py:22, in loss
                table = open("table.txt").read()
                        ^^^^^^^^^^^^^^^^^
              where loss_r [2]
        """
        self.asked(SaidKind.REFUSED, text, loss='table = open("table.txt").read()')

    def test_an_open_by_another_way(self):
        text = """
            `os.listdir '.'`: a question has no files, processes or sockets
              lib.py:22, in loss
                torch.serialization.os.listdir(".")
              where loss_r [2]
        """
        self.asked(SaidKind.REFUSED, text, loss='torch.serialization.os.listdir(".")')

    def test_an_end_that_is_no_answer(self):
        text = """
            SystemExit: 0
              lib.py:22, in loss
                raise SystemExit(0)
              where loss_r [2]
        """
        self.asked(SaidKind.PANICKED, text, loss="raise SystemExit(0)")

    def test_an_error_of_which_nothing_can_be_said(self):
        text = "Odd, and ZeroDivisionError where it was to be told"
        lines = "class Odd(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Odd"
        self.asked(SaidKind.PANICKED, text, loss=lines)

    def test_an_endless_recursion_is_cut(self):
        said = declared(loss="def f():\n    f()\nf()").loss(loss_inputs())
        self.assertEqual((said.code, said.kind), (101, SaidKind.PANICKED))
        self.assertTrue(said.text.startswith("RecursionError: maximum recursion depth exceeded"), said.text)
        self.assertLess(len(said.text.splitlines()), 30)

    def test_an_input_written_in_place(self):
        # A leaf torch refuses itself. A constant is a fault on a page that is read-only: the cell's handler names it.
        text = """
            RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
              lib.py:22, in loss
                batch.image.mul_(2.0)
              where loss_r [2]
        """
        self.asked(SaidKind.PANICKED, text, loss="batch.image.mul_(2.0)")
        self.assertEqual(declared(loss='memory.column("seen").add_(1.0)').loss(loss_inputs()).signal, SEGFAULT)
        self.assertEqual(
            declared(update='parameters.get("w").gradient.zero_()').update(update_inputs()).signal, SEGFAULT
        )

    def test_a_key_of_another_type_and_one_that_is_missing(self):
        asked = host(rate="fast")
        del asked.values["way"]
        text = '`way` is missing: expected a text; `rate`: expected a number, found "fast"'
        self.said(asked.declare(), SaidKind.CONFIG, text)

    def test_a_key_that_nothing_reads_is_told(self):
        said = host(raet=2.0).declare()
        self.assertEqual(json.loads(said.text)["unused_config_keys"], ["raet"])

    def test_a_forbidden_import(self):
        text = """
            ImportError: `numpy` is not available: an entry imports ALLOWED and its own files (lib)
              lib.py:5, in <module>
                import numpy as np
        """
        self.said(
            host(imports="import numpy as np").declare(),
            SaidKind.LOAD,
            text.replace("ALLOWED", ", ".join(entries.ALLOWED)),
        )

    def test_an_import_in_a_function(self):
        text = "ImportError: `os` is not available: an entry imports torch, math,"
        said = declared(loss="import os").loss(loss_inputs())
        self.assertEqual((said.code, said.kind), (101, SaidKind.PANICKED))
        self.assertTrue(said.text.startswith(text), said.text)

    def test_an_import_of_what_torch_has_not_loaded(self):
        said = declared(loss="from torch.utils.tensorboard import SummaryWriter").loss(loss_inputs())
        self.assertEqual((said.code, said.kind), (101, SaidKind.PANICKED))
        self.assertIn("`torch.utils.tensorboard` is not loaded in a worker", said.text)

    def test_a_source_that_is_no_python(self):
        text = """
            SyntaxError: invalid syntax
              loss.py:2
                return return
                       ^
        """
        asked = host(imports="import loss", files={"loss.py": b"def f():\n    return return\n"})
        self.said(asked.declare(), SaidKind.LOAD, text)

    def test_a_module_that_raises(self):
        text = """
            ZeroDivisionError: division by zero
              loss.py:1, in <module>
                RATE = 1 / 0
                       ~~^~~
              lib.py:5, in <module>
                import loss
        """
        asked = host(imports="import loss", files={"loss.py": b"RATE = 1 / 0\n"})
        self.said(asked.declare(), SaidKind.PANICKED, text.replace("~~^~~", "^^^^^"))

    def test_an_entry_without_entry(self):
        for lib, text in [
            (b"", "`lib.py` has no class `Entry`: write `class Entry(Algorithm[Config])`"),
            (
                b"from contract import Algorithm\nclass Entry(Algorithm[dict]):\n    def declare(self): ...",
                "`Entry` lacks `loss`, `update`",
            ),
        ]:
            self.said(Host({"lib.py": lib}, {}, SETUP).declare(), SaidKind.LOAD, text)
        self.said(
            Host({"loss.py": b""}, {}, SETUP).declare(),
            SaidKind.LOAD,
            "an entry begins in `lib.py`; there are: loss.py",
        )

    def test_a_configuration_that_is_no_dataclass(self):
        parts = "    def declare(self): ...\n    def loss(self, *_): ...\n    def update(self, *_): ...\n"
        for head, text in [
            (
                'class Entry(Algorithm["Config"]):\n',
                "`Entry` names no configuration: write `class Entry(Algorithm[Config])`",
            ),
            ("class Entry(Algorithm):\n", "`Entry` names no configuration: write `class Entry(Algorithm[Config])`"),
            ("class Entry(Algorithm[dict]):\n", "`dict` must be a dataclass: write `@dataclass` above it"),
        ]:
            lib = f"from contract import Algorithm\n{head}{parts}".encode()
            said = Host({"lib.py": lib}, {}, SETUP).declare()
            self.assertEqual((said.kind, said.text.splitlines()[0]), (SaidKind.REFUSED, text))

    def test_a_declaration_that_is_too_long(self):
        asked = host()
        lib = asked.files["lib.py"].replace(b'.slot("ema")', b'.learnable("t", (20_000,), 0.25).slot("ema")')
        asked.files["lib.py"] = lib
        said = asked.declare()
        self.assertEqual((said.code, said.kind, said.text), (1, SaidKind.TOO_LONG, ""))
        self.assertGreater(said.number, 20_000 * len("0.25,"))

    def test_a_question_that_is_not_for_entries(self):
        asked = declared()
        said = asked.update(update_inputs(), kind=5)
        self.said(said, SaidKind.LOAD, "5 is no question for an entry")

    def test_a_session_of_another_form(self):
        asked = declared()
        asked.layout.loss_results.places = asked.layout.loss_results.places[1:]
        self.said(asked.loss(loss_inputs()), SaidKind.LOAD, "no tensor `loss`")

    def test_bytes_that_are_no_entry(self):
        self.assertEqual(answer.TEXT_BYTES, 65520)
        for data in (b"", b"mxcp", b"\x7fELF" + bytes(99), entries.pack({"lib.py": b""}) + b"x"):
            with self.assertRaises(entries.LoadError):
                entries.unpack(data)
