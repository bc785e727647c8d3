"""A configuration's JSON, and the dataclass it fills."""

import json
import unittest
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from contract import ConfigError, Error
from contract.config import fill


class Sort(Enum):
    ONE = "one"
    TWO = "two"


@dataclass
class Config:
    number: float
    whole: int
    flag: bool
    text: str
    sort: Sort
    word: Literal["a", "b"]
    several: list[float]
    usual: float = 0.5
    empty: list[int] = field(default_factory=list)


GOOD = {"number": 1e-14, "whole": 3, "flag": True, "text": "x", "sort": "two", "word": "b", "several": [1, 2.5]}


class Fill(unittest.TestCase):
    def test_every_type_is_read(self):
        found, unused = fill(Config, json.dumps({**GOOD, "b": 1, "a": 2}))
        self.assertEqual(found, Config(1e-14, 3, True, "x", Sort.TWO, "b", [1.0, 2.5]))
        self.assertEqual(unused, ["a", "b"])
        found, _ = fill(Config, json.dumps({**GOOD, "number": 2}))
        self.assertIs(type(found.number), float)

    def test_a_value_of_another_type_is_named_with_the_one_expected(self):
        for key, value, text in [
            ("number", "1", '`number`: expected a number, found "1"'),
            ("number", True, "`number`: expected a number, found true"),
            ("whole", 3.0, "`whole`: expected a whole number, found 3.0"),
            ("whole", False, "`whole`: expected a whole number, found false"),
            ("flag", 1, "`flag`: expected true or false, found 1"),
            ("text", 1, "`text`: expected a text, found 1"),
            ("sort", "three", '`sort`: expected one of "one", "two", found "three"'),
            ("sort", [], '`sort`: expected one of "one", "two", found \\[\\]'),
            ("word", "c", '`word`: expected one of "a", "b", found "c"'),
            ("several", 1, "`several`: expected a list, each a number, found 1"),
            ("several", [1, "2"], '`several`: expected a list, each a number, found \\[1, "2"\\]'),
        ]:
            with self.assertRaisesRegex(ConfigError, f"^{text}$"):
                fill(Config, json.dumps({**GOOD, key: value}))

    def test_all_that_is_missing_is_told_at_once(self):
        text = "^`number` is missing: expected a number; `whole` is missing: expected a whole number$"
        with self.assertRaisesRegex(ConfigError, text):
            fill(Config, json.dumps({key: value for key, value in GOOD.items() if key not in ("number", "whole")}))

    def test_a_type_that_no_value_has_is_the_entrys_mistake(self):
        @dataclass
        class Odd:
            table: dict

        with self.assertRaisesRegex(Error, "`Odd.table`: a type for numbers and names is expected"):
            fill(Odd, "{}")
        with self.assertRaisesRegex(Error, "`int` must be a dataclass"):
            fill(int, "{}")
