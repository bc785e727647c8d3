"""A stand-in for the extension module `contract._native`, which the frozen program brings.

Seeds are those of `numerics::Seed`, by BLAKE3 written down in `blake3_keyed`. The float functions are the system's:
they agree with crate `libm`'s but for a last bit here and there. Words are kept in `said`.
"""

import math
import struct
import sys
from collections.abc import Sequence

from . import blake3_keyed

said: list[tuple[int, int, bytes]] = []


def child(seed: bytes, domain: str, numbers: Sequence[int]) -> bytes:
    parts = [struct.pack("<Q", len(domain.encode())), domain.encode()]
    return blake3_keyed.keyed(seed, b"".join(parts + [struct.pack("<Q", number) for number in numbers]))


def word(seed: bytes, domain: str, numbers: Sequence[int]) -> int:
    # A hash is the beginning of the stream of its extendable output.
    return int.from_bytes(child(seed, domain, numbers)[:8], "little")


def say(kind: int, number: int, text: bytes) -> None:
    said.append((int(kind), number, text))


def _total(function, at_a_pole):
    """The function without errors: infinity where Python finds a range error, NaN or a pole where a domain error."""

    def total(*numbers):
        try:
            return function(*numbers)
        except OverflowError:
            return math.inf
        except ValueError:
            return at_a_pole if numbers[0] in (0.0, -1.0) else math.nan

    return total


cos, sin = _total(math.cos, math.nan), _total(math.sin, math.nan)
exp, expm1 = _total(math.exp, math.nan), _total(math.expm1, math.nan)
ln, ln_1p = _total(math.log, -math.inf), _total(math.log1p, -math.inf)
log2, log10 = _total(math.log2, -math.inf), _total(math.log10, -math.inf)
pow, sqrt, tanh = _total(math.pow, math.inf), _total(math.sqrt, math.nan), math.tanh

sys.modules["contract._native"] = sys.modules[__name__]
