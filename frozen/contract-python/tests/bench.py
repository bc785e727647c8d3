"""What tests share: entries from their folders, arenas laid out as the wire does, and a host that asks."""

from __future__ import annotations

import json
import math
import mmap
import os
import signal
import struct
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from contract import ParameterShape, Setup, answer, entries, warm
from contract.algorithm import config_of
from contract.config import fill
from contract.state import Declaration

from . import native

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
FASTCLIP = HERE / "fastclip"
OPENCLIP = HERE.parents[1] / "algorithms/openclip-python"


def sources(folder: Path) -> dict[str, bytes]:
    """An entry's files."""
    return {path.name: path.read_bytes() for path in sorted((folder / "src").glob("*.py"))}


def entry(folder: Path) -> type:
    """An entry's class."""
    return entries.EntryModules(sources(folder)).algorithm()


def resolved(folder: Path, *tables: str) -> dict:
    """The values of `config.toml`, overridden by the tables of a path."""
    layer = tomllib.loads((folder / "config.toml").read_text())
    values = dict(layer)
    for name in tables:
        layer = layer.get(name, {})
        values |= layer
    return {key: value for key, value in values.items() if not isinstance(value, dict)}


def built(folder: Path, values: dict, setup: Setup):
    """An entry with its configuration."""
    algorithm = entry(folder)
    config, unused = fill(config_of(algorithm), json.dumps(values))
    assert not unused, unused
    return algorithm(config, setup)


def setup(batch=8, lanes=8, width=3, steps=10, epochs=1, steps_per_epoch=10, samples=80, parameters=()) -> Setup:
    shapes = tuple(ParameterShape(*one) for one in parameters)
    return Setup(batch, batch // lanes, width, samples, steps, epochs, steps_per_epoch, shapes)


@dataclass
class Arena:
    """Places of tensors, and their memory: each starts at the next multiple of 512 bytes."""

    places: list[dict] = field(default_factory=list)

    def add(self, name: str, shape) -> None:
        end = max((one["offset"] + 4 * math.prod(one["shape"]) for one in self.places), default=0)
        self.places.append({"name": name, "shape": list(shape), "offset": -(-end // 512) * 512})

    @property
    def size(self) -> int:
        return answer._arena_bytes(self.places)

    def fill(self, memory, values: dict[str, torch.Tensor]) -> None:
        assert values.keys() == {one["name"] for one in self.places}, (values.keys(), self.places)
        for one in self.places:
            data = values[one["name"]].to(torch.float32).contiguous().reshape(-1).numpy().tobytes()
            memory[one["offset"] : one["offset"] + len(data)] = data

    def read(self, memory, start: int = 0) -> dict[str, torch.Tensor]:
        def tensor(one):
            count, offset = math.prod(one["shape"]), start + one["offset"]
            values = struct.unpack(f"<{count}f", bytes(memory[offset : offset + 4 * count]))
            return torch.tensor(values).view(one["shape"])

        return {one["name"]: tensor(one) for one in self.places}


@dataclass
class Layout:
    """The four arenas: `wire::layout`."""

    loss_inputs: Arena = field(default_factory=Arena)
    loss_results: Arena = field(default_factory=Arena)
    update_inputs: Arena = field(default_factory=Arena)
    update_results: Arena = field(default_factory=Arena)

    @classmethod
    def of(cls, setup: Setup, declaration: Declaration) -> Layout:
        layout, embeddings = cls(), (setup.batch, setup.width)
        layout.loss_results.add("loss", [setup.lane_rows])
        for arena in (layout.loss_inputs, layout.loss_results, layout.update_inputs):
            arena.add("image", embeddings)
            arena.add("text", embeddings)
        for one in declaration.learnables:
            layout.loss_inputs.add(f"learnables/{one.name}", one.shape)
            layout.loss_results.add(f"learnables/{one.name}", one.shape)
        for one in declaration.columns:
            layout.loss_inputs.add(f"columns/{one.name}", [setup.batch, *one.shape])
            layout.loss_results.add(f"rows/{one.name}", [setup.lane_rows, *one.shape])
        trained = declaration.trained(setup)
        for prefix in ("value", "gradient"):
            for one in trained:
                layout.update_inputs.add(f"{prefix}/{one.name}", one.shape)
        for one in trained:
            layout.update_results.add(f"value/{one.name}", one.shape)
        for slot in declaration.slots:
            for one in trained:
                layout.update_inputs.add(f"slot/{slot.name}/{one.name}", one.shape)
                layout.update_results.add(f"slot/{slot.name}/{one.name}", one.shape)
        for one in declaration.globals:
            for arena in (layout.loss_inputs, layout.update_inputs, layout.update_results):
                arena.add(f"globals/{one.name}", one.shape)
        for name in declaration.loss_diagnostics:
            layout.loss_results.add(f"diagnostics/{name}", [setup.lane_rows])
        for name in declaration.update_diagnostics:
            layout.update_results.add(f"diagnostics/{name}", [])
        return layout


@dataclass
class Said:
    """How a cell ended, what it said, and what lies in its results."""

    status: int
    kind: answer.SaidKind | None
    number: int
    text: str
    results: list[dict[str, torch.Tensor]]

    @property
    def code(self) -> int | None:
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None

    @property
    def signal(self) -> int | None:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None


def in_a_child(act: Callable[[], int]) -> tuple[int, bytes]:
    """Runs something in a process of its own, as a cell is; gives the wait status and what it wrote into the words."""
    words = mmap.mmap(-1, 1 << 16)
    child = os.fork()
    if child == 0:
        code = 255
        try:
            code = act()
            kind, number, text = native.said[-1]
            words[: 16 + len(text)] = struct.pack("<IIQ", kind, len(text), number) + text
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1], words[:]


class Host:
    """Asks an entry as the trainer does: through arenas, a process a question."""

    def __init__(self, files: dict[str, bytes], values: dict, setup: Setup, seed: bytes = bytes(32)) -> None:
        self.files, self.values, self.setup, self.seed = files, values, setup, seed
        self.declaration: Declaration | None = None
        self.layout = Layout()

    def session(self) -> bytes:
        shapes = [{"name": one.name, "kind": one.kind.value, "shape": list(one.shape)} for one in self.setup.parameters]
        arenas = {name: arena.places for name, arena in vars(self.layout).items()}
        return json.dumps(
            {
                "config": json.dumps(self.values),
                "setup": {**vars(self.setup), "parameters": shapes},
                "seed": self.seed.hex(),
                "declaration": self.declaration and asdict(self.declaration),
                **arenas,
            }
        ).encode()

    def declare(self) -> Said:
        said = self._ask(answer.Question(1, 0, 0, 0, 0, 0), None, None, {}, 0)
        if said.kind is answer.SaidKind.DECLARATION:
            self.declaration = Declaration.decode(json.loads(said.text))
            self.layout = Layout.of(self.setup, self.declaration)
        return said

    def loss(self, values: dict[str, torch.Tensor], step=0, epoch=0, lane=0, lanes=1) -> Said:
        asked = answer.Question(2, step, epoch, lane, lanes, self.setup.lane_rows)
        return self._ask(asked, self.layout.loss_inputs, self.layout.loss_results, values, lanes)

    def update(self, values: dict[str, torch.Tensor], step=0, epoch=0, kind=3) -> Said:
        asked = answer.Question(kind, step, epoch, 0, 0, 0)
        return self._ask(asked, self.layout.update_inputs, self.layout.update_results, values, 1)

    def _ask(self, asked, inputs: Arena | None, results: Arena | None, values, lanes: int) -> Said:
        given, taken = b"", bytearray()
        if inputs is not None and results is not None:
            writable = mmap.mmap(-1, inputs.size)
            inputs.fill(writable, values)
            given, taken = writable, mmap.mmap(-1, results.size * lanes)
        packed, session = entries.pack(self.files), self.session()

        def act() -> int:
            read_only = memoryview(given).toreadonly()
            if given:
                _protect(given)
            return answer.answer(asked, session, read_only, memoryview(taken), packed)

        status, words = in_a_child(act)
        kind, length, number = struct.unpack("<IIQ", words[:16])
        found = [results.read(taken, lane * results.size) for lane in range(lanes)] if results is not None else []
        text = words[16 : 16 + length].decode()
        return Said(status, answer.SaidKind(kind) if kind else None, number, text, found)


def _protect(memory: mmap.mmap) -> None:
    """Takes the right to write from a mapping's pages, as a cell's inputs have none."""
    import ctypes

    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(len(memory)), mmap.PROT_READ) == 0


def pin() -> None:
    """The switches that a worker sets (`shim::pin`), as far as numbers on a processor go."""
    torch.set_num_threads(1)
    torch._C._set_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True


warm.warm()
pin()
SEGFAULT = signal.SIGSEGV
if "__pycache__" in os.listdir(HERE) and not sys.dont_write_bytecode:
    raise RuntimeError("run tests with `python -B`: compiled files would become part of the frozen tree")
