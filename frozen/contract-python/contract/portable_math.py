"""The module that `import math` gives an entry: what is the same on every machine.

Exact functions are Python's own. Those that round come from crate `libm`, and raise where Python's would. Others call
the system's library and are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

from . import _native

_EXACT = [
    *("ceil", "comb", "copysign", "degrees", "e", "fabs", "factorial", "floor", "fmod", "frexp", "fsum", "gcd", "inf"),
    *(
        "isclose",
        "isfinite",
        "isinf",
        "isnan",
        "isqrt",
        "lcm",
        "ldexp",
        "modf",
        "nan",
        "nextafter",
        "perm",
        "pi",
        "prod",
    ),
    *("radians", "remainder", "sqrt", "tau", "trunc", "ulp"),
]


def _checked(function: Callable[..., float]) -> Callable[..., float]:
    """The function, with Python's errors in the place of what is not finite."""

    def checked(*numbers: float) -> float:
        numbers = tuple(float(number) for number in numbers)
        result = function(*numbers)
        if math.isfinite(result) or not all(map(math.isfinite, numbers)):
            return result
        if math.isnan(result) or numbers[0] <= 0.0 or function is _native.ln_1p:
            raise ValueError("math domain error")
        raise OverflowError("math range error")

    return checked


def _log(x: float, base: float | None = None) -> float:
    ln = _checked(_native.ln)
    return ln(x) if base is None else ln(x) / ln(base)


def _missing(name: str) -> None:
    raise AttributeError(f"`math.{name}` is not available: it differs between machines; there are: {', '.join(_names)}")


_ROUNDING = {
    "cos": _checked(_native.cos),
    "exp": _checked(_native.exp),
    "expm1": _checked(_native.expm1),
    "log": _log,
    "log1p": _checked(_native.ln_1p),
    "log2": _checked(_native.log2),
    "log10": _checked(_native.log10),
    "pow": _checked(_native.pow),
    "sin": _checked(_native.sin),
    "tanh": _checked(_native.tanh),
}
_names = sorted([*_EXACT, *_ROUNDING])

MATH = ModuleType("math")
MATH.__dict__.update({name: getattr(math, name) for name in _EXACT}, **_ROUNDING, __getattr__=_missing)
