"""A Rust entry's object, asked in a process with Python's torch: the wire's C interface by hand.

Both use one libtorch, that of the process, so their answers can be compared bit for bit without a trainer.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct

from contract import answer
from contract.state import Declaration

from . import native
from .bench import Arena, Host, Said, in_a_child

VERSION = 2
WORDS = 64 * 1024
KINDS = ["matrix", "bias", "norm", "embedding", "learnable"]


class _Ask(ctypes.Structure):
    """`wire::abi::Ask`."""

    _fields_ = [("version", ctypes.c_uint64), ("question", ctypes.c_void_p)] + [
        one
        for name in ("session", "inputs", "results", "words")
        for one in ((name, ctypes.c_void_p), (f"{name}_bytes", ctypes.c_size_t))
    ]


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _text(text: str) -> bytes:
    return _varint(len(text.encode())) + text.encode()


def _all(parts) -> bytes:
    parts = list(parts)
    return _varint(len(parts)) + b"".join(parts)


def _lengths(shape) -> bytes:
    return _all(_varint(length) for length in shape)


def _f32(value: float) -> bytes:
    return struct.pack("<f", value)


def _declaration(one: Declaration) -> bytes:
    filled = [
        _all(_text(x.name) + _lengths(x.shape) + _f32(x.initial) for x in sort) for sort in (one.columns, one.globals)
    ]
    learnables = _all(_text(x.name) + _lengths(x.shape) + _all(map(_f32, x.initial)) for x in one.learnables)
    slots = _all(_text(slot.name) for slot in one.slots)
    names = [_all(map(_text, x)) for x in (one.loss_diagnostics, one.update_diagnostics, one.unused_config_keys)]
    return b"".join([learnables, filled[0], slots, filled[1], *names])


def _places(arena: Arena) -> bytes:
    return _all(_text(one["name"]) + _lengths(one["shape"]) + _varint(one["offset"]) for one in arena.places)


class RustHost(Host):
    """A host whose entry is a Rust object; `files` is unused."""

    def __init__(self, path: str, *arguments) -> None:
        super().__init__({}, *arguments)
        self.object = ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL)

    def session(self) -> bytes:
        s = self.setup
        numbers = (s.batch, s.lane_rows, s.width, s.samples, s.steps, s.epochs, s.steps_per_epoch)
        shapes = _all(
            _text(one.name) + _varint(KINDS.index(one.kind.value)) + _lengths(one.shape) for one in s.parameters
        )
        declared = b"\0" if self.declaration is None else b"\1" + _declaration(self.declaration)
        layout = self.layout
        arenas = (layout.loss_inputs, layout.loss_results, layout.update_inputs, layout.update_results)
        head = _text(json.dumps(self.values)) + b"".join(map(_varint, numbers)) + shapes
        return head + _text(self.seed.hex()) + declared + b"".join(map(_places, arenas))

    def _ask(self, asked, inputs, results, values, lanes: int) -> Said:
        given = mmap.mmap(-1, inputs.size if inputs else 4096)
        taken = mmap.mmap(-1, (results.size if results else 4096) * max(lanes, 1))
        if inputs is not None:
            inputs.fill(given, values)
        words = mmap.mmap(-1, WORDS)
        step, epoch = asked.step, asked.epoch
        message = struct.pack(
            "<4sIIIQQIII", b"mxcq", VERSION, asked.kind, 0, step, epoch, asked.lane, asked.lanes, asked.rows
        ).ljust(128, b"\0")
        question, session = ctypes.create_string_buffer(message, 128), self.session()
        kept = ctypes.create_string_buffer(session, len(session))

        def address(memory) -> int:
            return ctypes.addressof(ctypes.c_char.from_buffer(memory))

        ask = _Ask(VERSION, ctypes.addressof(question), ctypes.addressof(kept), len(session))
        if inputs is not None:
            ask.inputs, ask.inputs_bytes = address(given), len(given)
            ask.results, ask.results_bytes = address(taken), len(taken)
        ask.words, ask.words_bytes = address(words), WORDS

        def act() -> int:
            native.said.append((0, 0, b""))
            return self.object.maxclip_answer(ctypes.byref(ask))

        status, _ = in_a_child(act)
        kind, length, number = struct.unpack("<IIQ", words[:16])
        found = [results.read(taken, lane * results.size) for lane in range(lanes)] if results is not None else []
        return Said(status, answer.SaidKind(kind) if kind else None, number, words[16 : 16 + length].decode(), found)
