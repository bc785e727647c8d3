"""A participant's mistake, told by the participant's own lines.

Nothing is opened: lines come from the sources in memory, and frames of torch or of the contract are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType, FrameType, TracebackType

import torch

_FRAMES_SHOWN = 8
_TENSORS_SHOWN = 12
_LINE_LENGTH = 160
_MESSAGE_LENGTH = 4000

Lines = Mapping[str, list[str]]
"""The lines of each of the entry's files, by path."""


def describe(error: BaseException, lines: Lines, asked: CodeType | None = None) -> str:
    """The error, then the entry's frames from the innermost outwards; tensors of the innermost with their shapes.

    What was found when the entry had answered has no such frame: then the function that was asked is named.

    ::

        RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x64 and 48x64)
          loss.py:17, in anchor_losses
            logits_rb = image_rd @ text_bd
                        ^^^^^^^^^^^^^^^^^^
          where image_rd [8, 64], text_bd [48, 64]
          lib.py:40, in loss
            return anchor_losses(batch)
                   ^^^^^^^^^^^^^^^^^^^^
    """
    parts = [_message(error)]
    own = _own_frames(error.__traceback__, lines)[::-1]
    for index, (frame, place) in enumerate(own[:_FRAMES_SHOWN]):
        parts += _shown(frame.f_code, place, lines)
        if index == 0 and (tensors := _tensors(frame)):
            parts.append(f"  where {tensors}")
    if len(own) > _FRAMES_SHOWN:
        parts.append(f"  and {len(own) - _FRAMES_SHOWN} more")
    if not own and asked is not None and asked.co_filename in lines:
        parts.append(f"  {asked.co_filename}:{asked.co_firstlineno}, what `{asked.co_name}` answered")
    return "\n".join(parts)


def syntax(error: SyntaxError) -> str:
    """A source that is no Python: where, and what was read there."""
    parts = [f"SyntaxError: {error.msg}", f"  {error.filename}:{error.lineno}"]
    if error.text:
        text = error.text.rstrip("\n")[:_LINE_LENGTH]
        parts += [f"    {text.lstrip()}", " " * (4 + (error.offset or 1) - 1 - _indent(text)) + "^"]
    return "\n".join(parts)


def _message(error: BaseException) -> str:
    """The error's own text; without its sort where it is the contract's, which needs none."""
    # What libtorch adds behind this differs from machine to machine.
    text = str(error).split("\nException raised from ")[0][:_MESSAGE_LENGTH]
    if type(error).__module__.partition(".")[0] == "contract":
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _own_frames(traceback: TracebackType | None, lines: Lines) -> list[tuple[FrameType, int]]:
    """The entry's frames, outermost first, each with the instruction that it had come to."""
    found = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in lines:
            found.append((traceback.tb_frame, traceback.tb_lasti))
        traceback = traceback.tb_next
    return found


def _shown(code: CodeType, instruction: int, lines: Lines) -> list[str]:
    """A frame: file, line, function; the line itself; and what part of it was being done."""
    first, last, start, end = list(code.co_positions())[instruction // 2]
    parts = [f"  {code.co_filename}:{first}, in {code.co_name}"]
    source = lines[code.co_filename]
    if first is None or first > len(source):
        return parts
    line = source[first - 1]
    parts.append(f"    {line.strip()[:_LINE_LENGTH]}")
    if start is not None and end is not None and line.isascii() and len(line.strip()) <= _LINE_LENGTH:
        end = end if first == last else len(line.rstrip())
        if (start, end) != (_indent(line), len(line.rstrip())):
            parts.append(" " * (4 + start - _indent(line)) + "^" * (end - start))
    return parts


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _tensors(frame: FrameType) -> str:
    """The frame's tensors with their shapes, and their types where they are not f32."""
    shown = []
    for name, value in list(frame.f_locals.items()):
        if isinstance(value, torch.Tensor):
            sort = "" if value.dtype == torch.float32 else f" {str(value.dtype).removeprefix('torch.')}"
            shown.append(f"{name} {list(value.shape)}{sort}")
    return ", ".join(shown[:_TENSORS_SHOWN])
