"""Writing GGUF version 3, the file format of llama.cpp's models (ggml-org/ggml docs/gguf.md), as much as we need."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating]
_ALIGNMENT = 32
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


def u32(value: int) -> bytes:
    """A field of an unsigned integer; the other functions here do the same for their types."""
    return struct.pack("<II", _U32, value)


def f32(value: float) -> bytes:
    return struct.pack("<If", _F32, value)


def boolean(value: bool) -> bytes:
    return struct.pack("<I?", _BOOL, value)


def string(value: str) -> bytes:
    return struct.pack("<I", _STRING) + _text(value)


def strings(values: Sequence[str]) -> bytes:
    return struct.pack("<IIQ", _ARRAY, _STRING, len(values)) + b"".join(map(_text, values))


def ints(values: Sequence[int]) -> bytes:
    return struct.pack(f"<IIQ{len(values)}i", _ARRAY, _I32, len(values), *values)


def floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<IIQ{len(values)}f", _ARRAY, _F32, len(values), *values)


def write(path: Path, fields: Mapping[str, bytes], tensors: Mapping[str, Array]) -> None:
    """Write ``fields``, made by the functions above, and ``tensors`` as 32-bit floats."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    head += b"".join(_text(key) + value for key, value in fields.items())
    data: list[bytes] = []
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, sum(map(len, data)))
        data.append(_padded(np.ascontiguousarray(tensor, "<f4").tobytes()))
    path.write_bytes(_padded(head) + b"".join(data))


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padded(raw: bytes) -> bytes:
    return raw + b"\0" * (-len(raw) % _ALIGNMENT)
