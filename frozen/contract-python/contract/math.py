"""Functions of single numbers that give the same bits on every machine.

Python's own `math` calls the system's library, which picks other code, and other bits, by processor. Use these for
numbers; on tensors use the tensor's own methods. They raise nothing: `ln(0.0)` is minus infinity.
"""

from ._native import cos, exp, expm1, ln, ln_1p, log2, log10, pow, sin, sqrt, tanh

__all__ = ["cos", "exp", "expm1", "ln", "ln_1p", "log10", "log2", "pow", "sin", "sqrt", "tanh"]
