"""BLAKE3's keyed hash of at most one chunk, after its specification (sections 2.2 to 2.6): enough for seeds."""

import struct

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIXED = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)
_CHUNK_START, _CHUNK_END, _ROOT, _KEYED = 1, 2, 8, 16
_WORD = 0xFFFFFFFF


def _turn(word: int, bits: int) -> int:
    return (word >> bits | word << (32 - bits)) & _WORD


def _compress(chaining: tuple[int, ...], block: bytes, length: int, flags: int) -> tuple[int, ...]:
    words = struct.unpack("<16I", block)
    state = [*chaining, *_IV[:4], 0, 0, length, flags]
    for _ in range(7):
        for index, (a, b, c, d) in enumerate(_MIXED):
            for word, (first, second) in zip(words[2 * index : 2 * index + 2], ((16, 12), (8, 7))):
                state[a] = (state[a] + state[b] + word) & _WORD
                state[d] = _turn(state[d] ^ state[a], first)
                state[c] = (state[c] + state[d]) & _WORD
                state[b] = _turn(state[b] ^ state[c], second)
        words = tuple(words[index] for index in _ORDER)
    return tuple(left ^ right for left, right in zip(state[:8], state[8:]))


def keyed(key: bytes, message: bytes) -> bytes:
    """The hash, 32 bytes."""
    assert len(key) == 32 and len(message) <= 1024
    chaining = struct.unpack("<8I", key)
    blocks = [message[start : start + 64] for start in range(0, len(message), 64)] or [b""]
    for index, block in enumerate(blocks):
        flags = _KEYED | (_CHUNK_START if index == 0 else 0)
        flags |= _CHUNK_END | _ROOT if index == len(blocks) - 1 else 0
        chaining = _compress(chaining, block.ljust(64, b"\0"), len(block), flags)
    return struct.pack("<8I", *chaining)
