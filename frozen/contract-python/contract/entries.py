"""An entry: its files, and how they are imported from memory.

In the cell's descriptor 0 an entry in Python is, little-endian:

```text
"mxcp"  version: u32 = 1  files: u32
then each file, sorted by path bytes:  path bytes: u32  path  content bytes: u32  content
```

Paths and contents are UTF-8; a path is `NAME.py`, and `NAME` an identifier. Nothing follows the last file.

The gate in front of a round and the process around a cell are the walls. What is refused here is refused so that a
participant reads what is allowed, where the process would just end.
"""

from __future__ import annotations

import builtins
import linecache
import struct
import sys
import warnings
from collections.abc import Callable, Mapping
from types import CodeType, ModuleType
from typing import Any

import contract

from . import frames
from .algorithm import Algorithm
from .error import Error
from .portable_math import MATH

MAGIC = b"mxcp"
VERSION = 1

ALLOWED = ("torch", "math", "dataclasses", "typing", "enum", "functools", "itertools", "collections", "contract")
"""What an entry may import beside its own files."""

REFUSED = {
    "open": "there is no file in a question; numbers belong in config.toml",
    "input": "nobody is there to answer",
    "breakpoint": "no debugger reaches a cell",
    "exec": "write the code itself",
    "eval": "write the code itself",
    "compile": "write the code itself",
}
"""Builtins that an entry has not, and why."""

_PACKAGE = "entry"


class LoadError(Exception):
    """Bytes that are no entry, or an entry whose modules cannot be imported."""


def pack(sources: Mapping[str, bytes]) -> bytes:
    """An entry's bytes from the contents of its files by path."""
    parts = [MAGIC, struct.pack("<II", VERSION, len(sources))]
    for path, content in sorted((path.encode(), content) for path, content in sources.items()):
        parts += [struct.pack("<I", len(path)), path, struct.pack("<I", len(content)), content]
    return b"".join(parts)


def unpack(data: bytes) -> dict[str, bytes]:
    """The contents of an entry's files by path.

    - Errors: :class:`LoadError` for another form or version, for bytes that are missing or left over, and for paths
      that are repeated, out of order or no module's.
    """
    rest = memoryview(data)

    def take(length: int) -> bytes:
        nonlocal rest
        if len(rest) < length:
            raise LoadError("an entry that ends too early")
        taken, rest = bytes(rest[:length]), rest[length:]
        return taken

    def number() -> int:
        return int.from_bytes(take(4), "little")

    if take(4) != MAGIC or number() != VERSION:
        raise LoadError(f"not an entry in Python of version {VERSION}")
    sources: dict[str, bytes] = {}
    for _ in range(number()):
        path = take(number())
        if sources and path <= list(sources)[-1].encode():
            raise LoadError("the paths of an entry are not sorted")
        sources[path.decode(errors="replace")] = take(number())
    if rest:
        raise LoadError(f"{len(rest)} bytes behind an entry")
    return sources


class EntryModules:
    """An entry's files as modules, its lines for messages, and what it imports."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources: dict[str, str] = {}
        self.lines: dict[str, list[str]] = {}
        for path, content in sources.items():
            name, dot, ending = path.partition(".")
            if (dot, ending) != (".", "py") or not name.isidentifier() or name in ALLOWED:
                raise LoadError(f"`{path}` is not the file of a module: expected NAME.py, and a name of its own")
            try:
                self._sources[name] = content.decode()
            except UnicodeDecodeError as error:
                raise LoadError(f"`{path}` is not UTF-8 at byte {error.start}") from error
            self.lines[path] = self._sources[name].splitlines()
            # For whoever asks for a line by file name: without a time of change nobody looks for the file itself.
            linecache.cache[path] = (len(content), None, self._sources[name].splitlines(keepends=True), path)
        self._builtins = {**vars(builtins), **{name: _refuse(name, why) for name, why in REFUSED.items()}}
        self._builtins["__import__"] = self._import
        self._package = ModuleType(_PACKAGE)
        self._modules: dict[str, ModuleType] = {}
        sys.modules[_PACKAGE] = self._package

    def algorithm(self) -> type[Algorithm[Any]]:
        """Imports `lib.py` and gives its class `Entry`.

        - Errors: :class:`LoadError` for a source that is no Python, an import that is not allowed, or no such class;
          whatever else a module raises while it is imported.
        """
        if "lib" not in self._sources:
            raise LoadError(f"an entry begins in `lib.py`; there are: {', '.join(self.lines) or 'no files'}")
        try:
            found = getattr(self._module("lib"), "Entry", None)
        except SyntaxError as error:
            raise LoadError(frames.syntax(error)) from error
        except ImportError as error:
            raise LoadError(frames.describe(error, self.lines)) from error
        if not (isinstance(found, type) and issubclass(found, Algorithm)):
            raise LoadError("`lib.py` has no class `Entry`: write `class Entry(Algorithm[Config])`")
        if missing := sorted(getattr(found, "__abstractmethods__", ())):
            raise LoadError(f"`Entry` lacks {', '.join(f'`{name}`' for name in missing)}")
        return found

    def _module(self, name: str) -> ModuleType:
        """A module of the entry, run when it is first asked for."""
        if name in self._modules:
            return self._modules[name]
        code: CodeType = compile(self._sources[name], f"{name}.py", "exec", dont_inherit=True)
        module = ModuleType(f"{_PACKAGE}.{name}")
        module.__dict__.update(__builtins__=self._builtins, __package__=_PACKAGE, __file__=f"{name}.py")
        # `dataclasses` and `typing` look a class's module up there.
        self._modules[name] = sys.modules[module.__name__] = module
        exec(code, module.__dict__)
        setattr(self._package, name, module)
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import` means in an entry: its own files (with or without a dot in front), and what is allowed."""
        if level and not name:
            for one in fromlist or ():
                self._own(one)
            return self._package
        if level or name in self._sources:
            return self._own(name)
        root = name.partition(".")[0]
        if root not in ALLOWED and root != "__future__":
            raise ImportError(f"`{name}` is not available: {self._allowed()}")
        if name == "math":
            return MATH
        if root == "contract":
            _check_contract(name, fromlist or ())
        return builtins.__import__(name, globals, locals, fromlist or (), 0)

    def _own(self, name: str) -> ModuleType:
        if name not in self._sources:
            raise ImportError(f"the entry has no file `{name}.py`: {self._allowed()}")
        return self._module(name)

    def _allowed(self) -> str:
        return f"an entry imports {', '.join(ALLOWED)} and its own files ({', '.join(self._sources)})"


def _check_contract(name: str, fromlist: tuple[str, ...]) -> None:
    """Holds an entry to what the contract says to participants."""
    public = {"contract", "contract.math", "contract.schedule"}
    hidden = [one for one in fromlist if name == "contract" and one not in contract.__all__ and one != "*"]
    if name not in public or hidden:
        asked = ".".join([name, *hidden])
        raise ImportError(f"`{asked}` is not for entries; the contract has {', '.join(contract.__all__)}")


def _refuse(name: str, why: str) -> Callable[..., None]:
    def refused(*_args: object, **_named: object) -> None:
        raise Error(f"`{name}` is not available in an entry: {why}")

    return refused


class _Sealed:
    """The last finder: what is not loaded by now cannot be."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        raise ModuleNotFoundError(f"`{name}` is not loaded in a worker, and nothing can be read any more", name=name)


_OUTSIDE = ("open", "os.", "socket.", "subprocess.")
"""What the interpreter announces before it goes to the system: events that begin so."""


def _announced(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_OUTSIDE):
        asked = " ".join([event, *(repr(one)[:80] for one in arguments[:1])])
        raise Error(f"`{asked}`: a question has no files, processes or sockets")


def seal() -> None:
    """Makes the interpreter open nothing from now on: it would end the cell, with no line to say where.

    Imports find what is loaded. Nobody who prints a warning or formats a stack (torch does, when somebody seeds an
    accelerator that has not started) looks for files: lines are known of the entry and of nothing else. Whoever asks
    the system all the same gets an error in the place of an end. The compiler is one of them: it looks for the file of
    a source that is no Python, and goes on without.
    """
    # torch says so of each input; the pages hold what it asks for.
    warnings.filterwarnings("ignore", message="The given buffer is not writable")
    sys.meta_path[:] = [_Sealed]
    sys.path_hooks.clear()
    linecache.updatecache = lambda filename, module_globals=None: []
    linecache.checkcache = lambda filename=None: None
    sys.addaudithook(_announced)
