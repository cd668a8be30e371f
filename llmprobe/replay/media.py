"""Media without their bytes: what a digest and the first bytes tell is all that is needed of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from llmprobe.call import Call, File, Image, Message, Part
from llmprobe.reply import Media, Reply

_MAGIC: Final = (
    # the first bytes of the formats (their specifications; `file` knows the same)
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_IN_RIFF: Final[Mapping[bytes, str]] = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS: Final[Mapping[bytes, str]] = {
    # of ISO 14496-12 files, which are films unless they say otherwise (mp4ra.org lists all)
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_FOR_URLS: Final = str.maketrans("-_", "+/")
"""Base64 is written with other signs where it may stand in a URL (RFC 4648)."""


def without_bytes(call: Call) -> Call:
    """``call`` with digests in place of its media, whose types are what their bytes say."""
    return replace(call, messages=tuple(map(_message, call.messages)))


def without_data(reply: Reply) -> Reply:
    """``reply`` with digests in place of its media."""
    return replace(reply, media=tuple(map(_media, reply.media)))


def digest(data: bytes) -> str:
    """How media are known: ``sha256:`` and 64 hex digits of their bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def _message(message: Message) -> Message:
    if not isinstance(message.content, tuple):
        return message
    return replace(message, content=tuple(map(_part, message.content)))


def _part(part: Part) -> Part:
    if isinstance(part, (Image, File)) and part.data:
        data = _bytes(part.data)
        return replace(part, data=digest(data), media_type=_sniffed(data) or part.media_type)
    return part


def _media(media: Media) -> Media:
    return replace(media, data=digest(_bytes(media.data))) if media.data else media


def _bytes(data: str) -> bytes:
    """What ``data`` is in base64: with padding or without, in lines or not. Other text is taken as it is."""
    text = re.sub(r"[\s=]+", "", data).translate(_FOR_URLS)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return data.encode(errors="replace")


def _sniffed(data: bytes) -> str:
    """The media type that the bytes themselves tell, "" when they tell none."""
    if data[:4] == b"RIFF":
        return _IN_RIFF.get(data[8:12], "")
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")
