"""Pictures whose content cannot be guessed: digits drawn by us, as PNG, with no metadata.

Drawn at run time, so that every trial shows another number; read back by the demo provider, so that its
seeing models really look.
"""

from __future__ import annotations

import struct
import zlib

_FONT: dict[str, tuple[int, ...]] = {
    # 5x7 dots, one row of bits a number
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
}
_DOT = 12
"""Pixels to a dot: digits are 84 pixels high, large enough for any vision model."""
_CELL = 6 * _DOT
_MARGIN = 4 * _DOT
_HEIGHT = 18 * _DOT
_TOP = 5 * _DOT
_PLACES = 5


def digits_png(code: str) -> bytes:
    """A PNG of up to five digits, black on white, 456 x 216 pixels."""
    rows = [bytearray(b"\xff" * _width()) for _ in range(_HEIGHT)]
    for place, digit in enumerate(code[:_PLACES]):
        _draw(rows, _MARGIN + place * _CELL, _FONT[digit])
    return _encode(rows)


def blank_png() -> bytes:
    """The same picture without digits."""
    return digits_png("")


def _width() -> int:
    return 2 * _MARGIN + _PLACES * _CELL


def _draw(rows: list[bytearray], left: int, shape: tuple[int, ...]) -> None:
    for y, bits in enumerate(shape):
        for x in range(5):
            if bits & (16 >> x):
                start = left + x * _DOT
                for row in rows[_TOP + y * _DOT : _TOP + (y + 1) * _DOT]:
                    row[start : start + _DOT] = b"\x00" * _DOT


def _encode(rows: list[bytearray]) -> bytes:
    """8-bit grey PNG (W3C PNG specification), no filter."""
    raw = b"".join(b"\x00" + bytes(row) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pieces = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_piece(kind, data) for kind, data in pieces)


def _piece(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read_digits(png: bytes) -> str:
    """The digits in a picture drawn by ``digits_png``; "" for any other picture, or for a blank one."""
    rows = _decode(png)
    if len(rows) != _HEIGHT or len(rows[0]) != _width():
        return ""
    shapes = {shape: digit for digit, shape in _FONT.items()}
    found = (shapes.get(_look(rows, _MARGIN + place * _CELL), "") for place in range(_PLACES))
    return "".join(found)


def _look(rows: list[bytes], left: int) -> tuple[int, ...]:
    middle = _DOT // 2
    return tuple(
        sum(16 >> x for x in range(5) if rows[_TOP + y * _DOT + middle][left + x * _DOT + middle] < 128)
        for y in range(7)
    )


def _decode(png: bytes) -> list[bytes]:
    """Pixel rows of a PNG that ``_encode`` wrote; nothing for another kind."""
    data, at = b"", 8
    try:
        width, height, *kind = struct.unpack(">IIBBBBB", png[16:29])
        if kind != [8, 0, 0, 0, 0] or width * height > 1_000_000:
            return [b""]
        while at + 8 <= len(png):
            (length,) = struct.unpack(">I", png[at : at + 4])
            if png[at + 4 : at + 8] == b"IDAT":
                data += png[at + 8 : at + 8 + length]
            at += 12 + length
        raw = zlib.decompressobj().decompress(data, (width + 1) * height)
    except (struct.error, zlib.error):
        return [b""]
    rows = [raw[start + 1 : start + 1 + width] for start in range(0, len(raw), width + 1)]
    return rows if len(rows) == height else [b""]
