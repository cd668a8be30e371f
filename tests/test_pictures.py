"""Pictures of digits: whole PNGs that say what they should and nothing else."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.pictures import blank_png, digits_png, read_digits


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """The pieces of a PNG, their sums checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        found.append((kind, data))
        at += 12 + length
    return found


@given(st.text(alphabet="0123456789", min_size=1, max_size=5))
def test_the_digits_of_a_picture_can_be_read_back(code: str) -> None:
    """One to five of them."""
    assert read_digits(digits_png(code)) == code


def test_a_picture_is_large_black_on_white_and_has_no_metadata() -> None:
    """456 x 216 pixels of 8-bit grey, above the 200 that models need; no text, no EXIF."""
    kinds = chunks(digits_png("12345"))
    pixels = zlib.decompress(kinds[1][1])

    assert [kind for kind, _ in kinds] == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", kinds[0][1]) == (456, 216, 8, 0, 0, 0, 0)
    assert len(pixels) == 216 * 457
    assert set(pixels) == {0, 255}


def test_a_blank_picture_is_the_same_without_digits() -> None:
    """Same size, all white, nothing to read."""
    (_, header), (_, data), _ = chunks(blank_png())

    assert header == chunks(digits_png("1"))[0][1]
    assert set(zlib.decompress(data)) == {0, 255}  # 0: each row's filter byte
    assert zlib.decompress(data).count(0) == 216
    assert read_digits(blank_png()) == ""


def test_different_codes_give_different_pictures_and_equal_ones_equal_bytes() -> None:
    """Deterministic, and no two digits look alike."""
    pictures = [digits_png(digit) for digit in "0123456789"]

    assert len(set(pictures)) == 10
    assert digits_png("90210") == digits_png("90210")


@pytest.mark.parametrize("junk", [b"", b"\x89PNG\r\n\x1a\n", digits_png("123")[:60], b"GIF89a" * 20, blank_png()[:-40]])
def test_what_is_no_picture_of_ours_reads_as_nothing(junk: bytes) -> None:
    """Never an exception."""
    assert read_digits(junk) == ""


@given(st.binary(max_size=200), st.integers(0, 600))
def test_reading_survives_broken_bytes(junk: bytes, place: int) -> None:
    """Ours with junk in the middle."""
    whole = digits_png("12345")

    assert isinstance(read_digits(whole[:place] + junk + whole[place + len(junk) :]), str)


def test_letters_cannot_be_drawn() -> None:
    """A probe file that tries is refused."""
    with pytest.raises(KeyError):
        digits_png("12a")
