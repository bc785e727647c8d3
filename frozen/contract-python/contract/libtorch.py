"""libtorch's switches and its own warm-up, as `shim::pin` and `worker::warm` have them in Rust.

libtorch is lazy. Its first matrix product reads `/proc/cpuinfo`, oneDNN reads `/sys/devices/system/cpu`, and the
default generator asks for entropy when it is made. A locked cell could do none of that, and each would be another
answer on another machine.
"""

from __future__ import annotations

import torch
from torch import _C


def pin() -> None:
    """Sets every switch that `shim::pin` sets in programs of ours, and reads each back.

    - Errors: :class:`RuntimeError` for switches that do not stand.
    """
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    # The public function imports a compiler that wants a temporary folder.
    _C._set_deterministic_algorithms(True, warn_only=False)
    # An earlier allocation's memory would otherwise be an input that nobody declared.
    _C._set_deterministic_fill_uninitialized_memory(True)
    for name, value in _SWITCHES.items():
        getattr(_C, f"_set_{name}")(value)
    for name in _REDUCED:
        getattr(_C, f"_set_{name}")(False, False)
    # By itself, where a build has no such backend, it would warn of being told what it does anyway.
    if _C._get_onednn_allow_tf32():
        _C._set_onednn_allow_tf32(False)
    torch.set_float32_matmul_precision("highest")
    for backend, operation in _FLOATS:
        _C._set_fp32_precision_setter(backend, operation, "ieee")
    if missing := [name for name, holds in _standing().items() if not holds]:
        raise RuntimeError(f"torch's switches do not stand: {', '.join(missing)}")


_SWITCHES = {
    "cudnn_benchmark": False,
    "cudnn_deterministic": True,
    "mkldnn_deterministic": True,
    "cudnn_allow_tf32": False,
    "cublas_allow_fp16_accumulation": False,
    "cpu_allow_fp16_reduced_precision_reduction": False,
    "math_sdp_allow_fp16_bf16_reduction": False,
}
"""Those that are set and read by one name."""
_REDUCED = ("cublas_allow_fp16_reduced_precision_reduction", "cublas_allow_bf16_reduced_precision_reduction")
"""Sums in shorter floats, and whether a product may be cut for them: neither."""
_FLOATS = [(backend, operation) for backend in ("cuda", "mkldnn") for operation in ("conv", "rnn", "matmul")]
"""Operators that could take shorter floats than they are given."""


def _standing() -> dict[str, bool]:
    """Whether each switch stands as it must, by its name."""
    named = {name: getattr(_C, f"_get_{name}")() == value for name, value in _SWITCHES.items()}
    floats = {f"{backend} {kind}": _C._get_fp32_precision_getter(backend, kind) == "ieee" for backend, kind in _FLOATS}
    reduced = {name: getattr(_C, f"_get_{name}")() == (False, False) for name in _REDUCED}
    return named | reduced | floats | {
        "threads": torch.get_num_threads() == 1,
        "interop threads": torch.get_num_interop_threads() == 1,
        "deterministic": _C._get_deterministic_algorithms(),
        "not to warn only": not _C._get_deterministic_algorithms_warn_only(),
        "fill of memory": _C._get_deterministic_fill_uninitialized_memory(),
        "oneDNN without tf32": not _C._get_onednn_allow_tf32(),
        "precision of products": torch.get_float32_matmul_precision() == "highest",
    }


def warm() -> None:
    """Runs every part of libtorch once that starts something on first use."""
    # Makes the default generator; each question seeds it again.
    torch.manual_seed(0)
    for kind in (torch.float32, torch.float64):
        _products(kind)
        _factorisations(kind)
    image, weight = torch.rand(1, 3, 16, 16, requires_grad=True), torch.rand(4, 3, 3, 3)
    torch.nn.functional.conv2d(image, weight, padding=1).sum().backward()


def _products(kind: torch.dtype) -> None:
    """Matrix products of several sizes, element-wise functions, a sort, and autograd through them."""
    for size in (8, 64, 256):
        a = torch.rand(size, size, dtype=kind, requires_grad=True)
        b = a @ a.T * 0.01
        loss = b.log_softmax(1).exp().sum() + b.logsumexp(1).mean() + b.sort(1, descending=True)[0].sum()
        loss.backward()
        a.detach().new_zeros(size, size).normal_(0.0, 1.0)


def _factorisations(kind: torch.dtype) -> None:
    """LAPACK, which second-order optimizers use."""
    matrix = torch.eye(16, dtype=kind) + torch.rand(16, 16, dtype=kind) * 0.1
    symmetric = matrix @ matrix.T
    torch.linalg.eigh(symmetric)
    torch.linalg.cholesky(symmetric)
    torch.linalg.qr(matrix)
    torch.linalg.inv(matrix)
    torch.linalg.svd(matrix)
