"""One question, answered: tensors over its arenas, the participant's code, and where the answer goes.

All of it runs inside the lock, in a process that ends afterwards. The participant's code starts with the import of its
modules. What counts as the answer is what lies in the results when the process has ended. It is `answer::question` in
Rust: the same questions, words and exit codes.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from types import CodeType
from typing import Any

import torch
from torch import Tensor

from . import _native, config, entries, frames, harness
from .algorithm import Algorithm, config_of
from .error import ConfigError, Error, ShapeError, check_shape
from .parameters import DoubleBuffer, Parameter, Parameters
from .setup import ParameterKind, ParameterShape, Setup
from .state import Declaration

ANSWERED, SAID, PANICKED = 0, 1, 101
"""Exit codes: `wire::exit`."""
TEXT_BYTES = 64 * 1024 - 16
"""Bytes of the longest text: `wire::words::TEXT_BYTES`."""
_PAGE = 4096
"""Arenas are whole pages: `wire::layout`."""

Place = dict[str, Any]
"""A tensor in an arena: `name`, `shape`, `offset`; `wire::layout::TensorPlace`."""


class QuestionKind(IntEnum):
    """What is asked: `wire::message::QuestionKind`, without the probe's."""

    DECLARE = 1
    LOSS = 2
    UPDATE = 3
    PUBLISH = 4


class SaidKind(IntEnum):
    """What is said: those of `wire::words::SaidKind` that an answer in Python says."""

    DONE = 1
    DECLARATION = 2
    CONFIG = 3
    REFUSED = 4
    SHAPE = 5
    PANICKED = 6
    TOO_LONG = 13
    LOAD = 14


class SessionError(Exception):
    """The session does not fit this question: it was written for another version."""


class TooLong(Exception):
    """A declaration of so many bytes, more than the words hold."""


@dataclass(frozen=True)
class Question:
    """What is asked: fields of `wire::message::Question`."""

    kind: int
    step: int
    epoch: int
    lane: int
    """First lane of a `loss` question."""
    lanes: int
    """Lanes that it asks for, each with results of its own."""
    rows: int
    """Anchors of a lane; lane `l` has those from `l * rows` on."""


def answer(question: Question, session: bytes, inputs: memoryview, results: memoryview, entry: bytes) -> int:
    """Answers a question; gives the process's exit code.

    `session` is `wire::Session` as JSON. `inputs` is read-only, `results` is writable and zero; both are empty for
    `declare`. `entry` is in the form of :mod:`contract.entries`. Never raises.
    """
    lines: frames.Lines = {}
    asked: CodeType | None = None
    try:
        entries.seal()
        loaded = entries.EntryModules(entries.unpack(entry))
        lines = loaded.lines
        algorithm = loaded.algorithm()
        if question.kind not in list(QuestionKind):
            raise SessionError(f"{question.kind} is no question for an entry")
        asked = getattr(getattr(algorithm, QuestionKind(question.kind).name.lower()), "__code__", None)
        _native.say(*_Asked(question, session, inputs, results, algorithm).answer())
        return ANSWERED
    except BaseException as error:  # Whatever a participant's code raises ends here.
        kind, number, code = _judged(error, lines)
        _native.say(kind, number, _told(error, kind, lines, asked).encode(errors="replace")[:TEXT_BYTES])
        return code
    finally:
        # The process ends without Python's own end, which would do this.
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()


def _told(error: BaseException, kind: SaidKind, lines: frames.Lines, asked: CodeType | None) -> str:
    """The text for an error; a participant's exception may be made so that nothing can be said of it."""
    if kind is SaidKind.TOO_LONG:
        return ""
    try:
        return frames.describe(error, lines, asked if kind in (SaidKind.REFUSED, SaidKind.SHAPE) else None)
    except Exception as other:
        return f"{type(error).__name__}, and {type(other).__name__} where it was to be told"


def _judged(error: BaseException, lines: frames.Lines) -> tuple[SaidKind, int, int]:
    """What is said of an error, with its number, and how the process ends."""
    match error:
        case TooLong():
            return SaidKind.TOO_LONG, int(str(error)), SAID
        case ConfigError():
            return SaidKind.CONFIG, 0, SAID
        case ShapeError():
            return SaidKind.SHAPE, 0, SAID
        case Error():
            return SaidKind.REFUSED, 0, SAID
        case SessionError() | entries.LoadError():
            return SaidKind.LOAD, 0, SAID
        case _:
            return SaidKind.PANICKED, 0, PANICKED


class _Asked:
    """A question with all that belongs to it."""

    def __init__(
        self,
        question: Question,
        session: bytes,
        inputs: memoryview,
        results: memoryview,
        algorithm: type[Algorithm[Any]],
    ) -> None:
        fields = json.loads(session)
        self.question, self.session, self.algorithm = question, fields, algorithm
        self.inputs, self.results = inputs, results
        self.setup = _setup(fields["setup"])

    def answer(self) -> tuple[SaidKind, int, bytes]:
        """Answers, and gives what is to be said."""
        step = self.question.step
        match QuestionKind(self.question.kind):
            case QuestionKind.DECLARE:
                return SaidKind.DECLARATION, step, self.declare()
            case QuestionKind.LOSS:
                self.lanes()
            case QuestionKind.UPDATE:
                self.update()
            case QuestionKind.PUBLISH:
                self.publish()
        return SaidKind.DONE, step, b""

    def build(self) -> tuple[Algorithm[Any], list[str]]:
        """Builds the algorithm from its configuration; gives the keys that it did not read beside it."""
        values: Any
        values, unused = config.fill(config_of(self.algorithm), self.session["config"])
        return self.algorithm(values, self.setup), unused

    def moment(self) -> harness.Moment:
        declared = self.session["declaration"]
        if declared is None:
            raise SessionError("no declaration")
        seed = bytes.fromhex(self.session["seed"])
        declaration = Declaration.decode(declared)
        return harness.Moment(self.setup, declaration, seed, self.question.step, self.question.epoch)

    def declare(self) -> bytes:
        algorithm, unused = self.build()
        declaration = algorithm.declare().declaration
        declaration.unused_config_keys = unused
        text = declaration.encode()
        if len(text) > TEXT_BYTES:
            raise TooLong(len(text))
        return text

    def lanes(self) -> None:
        """Every lane of a question, one after the other, each from an algorithm that was just built."""
        moment, question = self.moment(), self.question
        inputs = _Arena(self.inputs, self.session["loss_inputs"])
        given = harness.LossInputs(
            image=inputs.take("image"),
            text=inputs.take("text"),
            learnables=inputs.take_all("learnables/"),
            columns=inputs.take_all("columns/"),
            globals=inputs.take_all("globals/"),
        )
        size = _arena_bytes(self.session["loss_results"])
        for index in range(question.lanes):
            part = self.results[index * size : (index + 1) * size]
            if len(part) < size:
                raise SessionError("fewer results than lanes")
            lane = question.lane + index
            rows = range(lane * question.rows, (lane + 1) * question.rows)
            found = harness.loss(self.build()[0], moment, lane, rows, given)
            _write(_Arena(part, self.session["loss_results"]), found)

    def update(self) -> None:
        moment = self.moment()
        inputs = _Arena(self.inputs, self.session["update_inputs"])
        results = _Arena(self.results, self.session["update_results"])
        trained = [
            self.parameter(shape, moment, inputs, results, inputs.take(f"gradient/{shape.name}"), results)
            for shape in moment.declaration.trained(self.setup)
        ]
        globals = _globals(moment, inputs, results)
        parameters = Parameters(trained, globals, moment.declaration.update_diagnostics)
        image, text = inputs.take("image"), inputs.take("text")
        found = harness.update(self.build()[0], moment, image, text, parameters)
        for name, value in found.items():
            results.take(f"diagnostics/{name}").copy_(torch.tensor(value, dtype=torch.float64))

    def publish(self) -> None:
        moment = self.moment()
        inputs = _Arena(self.inputs, self.session["update_inputs"])
        results = _Arena(self.results, self.session["update_results"])
        trained = [
            self.parameter(shape, moment, inputs, results, None, None)
            for shape in moment.declaration.trained(self.setup)
        ]
        parameters = Parameters(trained, _globals(moment, inputs, None), [])
        harness.publish(self.build()[0], moment, parameters)

    @staticmethod
    def parameter(
        shape: ParameterShape,
        moment: harness.Moment,
        inputs: _Arena,
        values: _Arena,
        gradient: Tensor | None,
        slots: _Arena | None,
    ) -> Parameter:
        """A parameter with its places; slots without results are read-only."""
        places = {slot.name: inputs.place(f"slot/{slot.name}/{shape.name}", slots) for slot in moment.declaration.slots}
        return Parameter(shape, inputs.place(f"value/{shape.name}", values), gradient, places)


class _Arena:
    """Tensors over memory of the trainer, by name."""

    def __init__(self, memory: memoryview, places: list[Place]) -> None:
        self._memory, self._places = memory, {place["name"]: place for place in places}

    def take(self, name: str) -> Tensor:
        """The tensor's own memory: what is written to it is written there."""
        if name not in self._places:
            raise SessionError(f"no tensor `{name}`")
        place = self._places[name]
        count = math.prod(place["shape"])
        if count == 0:
            return torch.zeros(place["shape"])
        flat = torch.frombuffer(self._memory, dtype=torch.float32, count=count, offset=place["offset"])
        return flat.view(place["shape"])

    def take_all(self, prefix: str) -> harness.NamedTensors:
        """Every tensor whose name starts so, by the rest of its name."""
        return {name.removeprefix(prefix): self.take(name) for name in self._places if name.startswith(prefix)}

    def place(self, name: str, results: _Arena | None) -> DoubleBuffer:
        """A tensor and where its new value goes; nowhere for what is only read."""
        return DoubleBuffer(self.take(name), None if results is None else results.take(name))


def _globals(moment: harness.Moment, inputs: _Arena, results: _Arena | None) -> dict[str, DoubleBuffer]:
    return {one.name: inputs.place(f"globals/{one.name}", results) for one in moment.declaration.globals}


def _write(results: _Arena, found: harness.LossAnswer) -> None:
    """Copies a lane's answer to its place, as f32."""
    parts = {"learnables/": found.learnables, "rows/": found.rows, "diagnostics/": found.diagnostics}
    named = {"loss": found.loss, "image": found.image, "text": found.text}
    named |= {prefix + name: tensor for prefix, tensors in parts.items() for name, tensor in tensors.items()}
    for name, tensor in named.items():
        place = results.take(name)
        check_shape(name, place.shape, tensor)
        place.copy_(tensor)


def _arena_bytes(places: list[Place]) -> int:
    """The size of the arena that holds these tensors: whole pages, one at least."""
    end = max((place["offset"] + 4 * math.prod(place["shape"]) for place in places), default=0)
    return max(-(-end // _PAGE), 1) * _PAGE


def _setup(fields: dict[str, Any]) -> Setup:
    parameters = tuple(
        ParameterShape(one["name"], ParameterKind(one["kind"]), tuple(one["shape"])) for one in fields["parameters"]
    )
    return Setup(**{**fields, "parameters": parameters})
