"""An entry's bytes, its imports, and the functions it gets in the place of the system's."""

import math
import unittest

from contract import entries
from contract.entries import EntryModules, LoadError, pack, unpack
from contract.portable_math import MATH


def loaded(lib: str, **files: str):
    """The module `lib` of an entry, run."""
    sources = {f"{name}.py": text.encode() for name, text in {"lib": lib, **files}.items()}
    return EntryModules(sources)._module("lib")


class Bytes(unittest.TestCase):
    def test_a_literal_example(self):
        data = pack({"lib.py": b"x = 1\n", "a.py": b""})
        expected = "6d786370 01000000 02000000 04000000 612e7079 00000000 06000000 6c69622e7079 06000000 78203d20310a"
        self.assertEqual(data.hex(), expected.replace(" ", ""))
        self.assertEqual(unpack(data), {"a.py": b"", "lib.py": b"x = 1\n"})

    def test_another_form_is_refused(self):
        good = pack({"a.py": b"1", "b.py": b"2"})
        one = pack({"b.py": b"2"})[12:]
        for data, text in [
            (good[:-1], "ends too early"),
            (good + b"\0", "1 bytes behind an entry"),
            (b"mxcq" + good[4:], "not an entry in Python of version 1"),
            (good[:4] + b"\2" + good[5:], "not an entry in Python of version 1"),
            (good[:12] + one + one, "not sorted"),
            (b"", "ends too early"),
        ]:
            with self.assertRaisesRegex(LoadError, text):
                unpack(data)

    def test_paths_are_names_of_modules(self):
        for path in ("../x.py", "a/b.py", "x.txt", "1.py", ".py", "torch.py", "math.py", "x.y.py"):
            with self.assertRaisesRegex(LoadError, "is not the file of a module"):
                EntryModules({path: b""})

    def test_what_is_not_utf_8_is_refused(self):
        with self.assertRaisesRegex(LoadError, "`lib.py` is not UTF-8 at byte 4"):
            EntryModules({"lib.py": b"x = \xff"})
        self.assertEqual(loaded("x = 'ü'  # Größe").x, "ü")


class Imports(unittest.TestCase):
    def test_own_files_are_found_with_and_without_a_dot(self):
        for line in ("from a import X", "from .a import X", "import a; X = a.X", "from . import a; X = a.X"):
            self.assertEqual(loaded(line, a="X = 3").X, 3)
        with self.assertRaisesRegex(ImportError, "the entry has no file `b.py`: .* its own files \\(lib, a\\)"):
            loaded("from .b import X", a="X = 3")

    def test_a_file_is_run_once(self):
        module = loaded("import a, b\nsame = a.X is b.a.X", a="X = []", b="import a")
        self.assertTrue(module.same)

    def test_what_is_allowed(self):
        lines = [f"import {name}" for name in entries.ALLOWED]
        lines += [
            "from __future__ import annotations",
            "import torch.nn.functional as F",
            "from torch import nn, Tensor",
            "from collections.abc import Sequence",
            "from contract import Algorithm, math, schedule",
            "from contract.schedule import WarmupCosine",
            "import contract.math as m",
        ]
        for line in lines:
            loaded(line)

    def test_what_is_not(self):
        for line, text in [
            ("import os", "`os` is not available: an entry imports torch, math"),
            ("import os.path", "`os.path` is not available"),
            ("from numpy import array", "`numpy` is not available"),
            ("import sys", "`sys` is not available"),
            ("import mathematics", "`mathematics` is not available"),
            ("from contract import harness", "`contract.harness` is not for entries"),
            ("from contract import _native", "`contract._native` is not for entries"),
            ("import contract.answer", "`contract.answer` is not for entries"),
            ("__import__('os')", "`os` is not available"),
        ]:
            with self.assertRaisesRegex(ImportError, text):
                loaded(line)

    def test_builtins_that_an_entry_has_not(self):
        for name in entries.REFUSED:
            with self.assertRaisesRegex(Exception, f"`{name}` is not available in an entry"):
                loaded(f"{name}('1')")

    def test_dataclasses_and_annotations_as_texts_work(self):
        lib = "from __future__ import annotations\nfrom dataclasses import dataclass, fields\nimport typing\n"
        lib += "@dataclass\nclass C:\n    x: float\nhints = typing.get_type_hints(C)"
        self.assertEqual(loaded(lib).hints, {"x": float})


class Functions(unittest.TestCase):
    def test_exact_functions_are_pythons_own_and_the_rest_agree(self):
        module = loaded("import math\nfrom math import log as ln\n")
        self.assertIs(module.math, MATH)
        for name in ("floor", "sqrt", "isfinite", "pi", "prod"):
            self.assertIs(getattr(MATH, name), getattr(math, name))
        for name in ("cos", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "tanh"):
            self.assertAlmostEqual(getattr(MATH, name)(0.7), getattr(math, name)(0.7), places=14)
        self.assertAlmostEqual(MATH.log(8, 2), 3.0, places=14)
        self.assertAlmostEqual(MATH.pow(2, 0.5), math.sqrt(2.0), places=14)

    def test_errors_are_pythons(self):
        cases = [
            ("log", (0.0,)),
            ("log", (-1.0,)),
            ("log1p", (-1.0,)),
            ("exp", (1e4,)),
            ("pow", (10.0, 400.0)),
            ("pow", (0.0, -1.0)),
        ]
        for name, numbers in cases:
            with self.assertRaises((ValueError, OverflowError)) as expected:
                getattr(math, name)(*numbers)
            with self.assertRaises(type(expected.exception), msg=name):
                getattr(MATH, name)(*numbers)
        self.assertEqual(MATH.exp(-math.inf), 0.0)
        self.assertTrue(math.isnan(MATH.log(math.nan)))

    def test_what_differs_between_machines_is_named(self):
        with self.assertRaisesRegex(AttributeError, "`math.gamma` is not available: it differs between machines"):
            MATH.gamma(1.0)
        with self.assertRaisesRegex(ImportError, "gamma"):
            loaded("from math import gamma")
