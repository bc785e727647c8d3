"""The server of Python entries: what CPython runs to become one.

    LD_PRELOAD=LIBRARY PYTHONHASHSEED=0 python3 -B -P -s -S main.py LIBRARY CONTRACT PACKAGES...

LIBRARY is `libworker_python.so`, CONTRACT the folder of this file, PACKAGES those with torch. Imports torch and the
contract, does once what either does only once, and serves: no byte of a participant is ever in here, and what runs of
one runs in a locked fork of this process.
"""

import gc
import os
import sys
import warnings
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

FAULT = 70
"""`wire::exit::FAULT`."""


def native(library):
    """The Rust half, which is loaded already, under the name by which the contract knows it."""
    loader = ExtensionFileLoader("worker_python", library)
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    sys.modules["contract._native"] = module
    return module


def forget_the_machine():
    """Where this machine keeps its files is in no cell, as far as Python keeps it."""
    os.environ.clear()
    sys.argv[:] = [""]
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.executable = sys.prefix = sys.exec_prefix = sys.base_prefix = sys.base_exec_prefix = ""


def serve(library, *folders):
    """Serves until the host closes the socket."""
    sys.path[:0] = folders
    # No part of the contract, and torch does without: it would start threads, and its version would decide bits.
    sys.modules["numpy"] = None
    warnings.simplefilter("ignore")
    worker = native(library)

    from contract import answer, libtorch, warm

    libtorch.pin()
    libtorch.warm()
    warm.warm()
    forget_the_machine()
    # Nothing of this is garbage, and a collection in a cell would copy the pages of all of it.
    gc.collect()
    gc.freeze()
    gc.disable()

    def ask(question, session, inputs, results, entry):
        return answer.answer(answer.Question(*question), session, inputs, results, entry)

    worker.serve(ask)
    worker.exit_now(0)


try:
    serve(*sys.argv[1:])
except BaseException as error:  # Whatever it is, the host reads a line of it.
    print(f"worker: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(FAULT)
