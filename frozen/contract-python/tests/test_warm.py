"""What people use of torch beyond operators works in a sealed interpreter that was warmed."""

import subprocess
import sys
import unittest
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from contract import entries

from . import native
from .bench import in_a_child

X = torch.rand(4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 * ctx.saved_tensors[0]


def optimizers():
    for kind in (torch.optim.AdamW, torch.optim.SGD, torch.optim.NAdam, torch.optim.Adafactor):
        leaf = nn.Parameter(torch.ones(3))
        leaf.grad = torch.ones(3)
        optimizer = kind([leaf], lr=0.1)
        optimizer.step()
        optimizer.zero_grad()
        optimizer.load_state_dict(optimizer.state_dict())


USES = {
    "print": lambda: (str(X), repr(torch.arange(3))),
    "layers": lambda: nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.LayerNorm(4))(X).sum().backward(),
    "attention": lambda: nn.MultiheadAttention(4, 2)(X[None], X[None], X[None])[0].sum().backward(),
    "a function of its own": lambda: Square.apply(X).sum().backward(),
    "second derivatives": lambda: torch.autograd.grad(
        torch.autograd.grad((X**3).sum(), X, create_graph=True)[0].sum(), X
    ),
    "optimizers": optimizers,
    "vmap of grad": lambda: torch.func.vmap(torch.func.grad(lambda a: (a**2).sum()))(X),
    "jacobians": lambda: torch.autograd.functional.jacobian(lambda a: a**2, X),
    "a functional call": lambda: torch.func.functional_call(nn.Linear(4, 4), {}, X),
    "checkpoint": lambda: checkpoint(lambda a: a.exp(), X, use_reentrant=False).sum().backward(),
    "einsum": lambda: torch.einsum("ij,kj,kl->il", X, X, X),
    "decompositions": lambda: (torch.linalg.svd(X), torch.linalg.eigh(X @ X.T), torch.linalg.qr(X)),
    "cross entropy": lambda: F.cross_entropy(X, torch.arange(4), label_smoothing=0.1).backward(),
    "scaled dot product": lambda: F.scaled_dot_product_attention(X[None], X[None], X[None]),
    "clipping": lambda: nn.utils.clip_grad_norm_([X], 1.0),
    "bfloat16": lambda: (X.bfloat16() @ X.bfloat16().T).float(),
    "distributions": lambda: torch.distributions.Normal(0.0, 1.0).sample(),
    "seeds": lambda: torch.manual_seed(3),
    "a warning": lambda: torch.ones(3).std(0, correction=4),
}


def act() -> int:
    """Tries each; says which failed."""
    entries.seal()
    failed = []
    for name, use in USES.items():
        try:
            use()
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    native.say(0, 0, "\n".join(failed).encode())
    return 0


class Warm(unittest.TestCase):
    def test_each_use_in_a_sealed_interpreter(self):
        # In a process of its own: other tests may have used some of it.
        run = subprocess.run(
            [sys.executable, "-B", "-c", "from tests.test_warm import told; print(told())"],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
        )
        self.assertEqual((run.returncode, run.stdout), (0, "\n"), run.stderr)


def told() -> str:
    """What a child says of its attempts."""
    assert "torch._dynamo.eval_frame" not in sys.modules, "the compiler is loaded"
    status, words = in_a_child(act)
    assert status == 0, status
    return words[16 : 16 + int.from_bytes(words[4:8], "little")].decode()
