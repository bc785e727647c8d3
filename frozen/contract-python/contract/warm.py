"""What torch imports only when it is first used: done before an interpreter is sealed.

For the frozen program, beside the warm-up of libtorch itself. Each part was found by an entry's code that asked for it.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import torch
import torch.utils.checkpoint


def warm() -> None:
    """Imports the lazy parts of torch that a loss or an optimizer may come to.

    Left out is `torch.func.jacrev`, which wants symbolic shapes (480 modules and sympy). Must run before anything else
    has imported `torch._dynamo`.
    """
    _leave_the_compiler_out()
    # Printing a tensor looks for modes that could be printing it.
    str(torch.zeros(1))
    # An optimizer's step asks whether there is an accelerator: torch looks once and keeps the answer.
    torch.cuda.is_available()
    # The device of a computation that is repeated.
    leaf = torch.zeros(1, requires_grad=True)
    torch.utils.checkpoint.checkpoint(torch.exp, leaf, use_reentrant=False).backward()


def _leave_the_compiler_out() -> None:
    """Puts a stand-in of what is used outside of `torch.compile` in the place of `torch._dynamo`.

    Optimizers and `torch.func` import it to tell it to keep away. It has 880 modules and 120 MiB, which each fork of
    the server would pay for, and it compiles through files and processes, which no cell has.
    """
    if "torch._dynamo" in sys.modules:
        raise RuntimeError("`torch._dynamo` has been imported already")
    stand_in: Any = ModuleType("torch._dynamo")
    stand_in.disable = lambda function, *_arguments, **_named: function
    stand_in.graph_break = lambda *_arguments, **_named: None
    stand_in.compiled_autograd = ModuleType("torch._dynamo.compiled_autograd")
    stand_in.compiled_autograd._disable = nullcontext
    sys.modules["torch._dynamo"] = torch._dynamo = stand_in
