"""One exchange: what was asked, in which format, and what came back."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from llmprobe.call import Call, File, Image, Message, Part
from llmprobe.dialects import DecodeError, Dialect, recognised
from llmprobe.dialects.answers import path_of
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Media, Reply

UNKNOWN_DIALECT: Final = "not understood: dialect unknown"

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


@dataclass(frozen=True, slots=True)
class Seen:
    """An exchange that was understood. Media are replaced by their digests: their bytes have said what they can."""

    evidence: str
    endpoint: str
    """Scheme and host that the request went to."""
    dialect: Dialect
    call: Call
    reply: Reply
    sent_at: float
    status: int | None
    unknown: Counter[str] = field(default_factory=Counter)
    """Reply fields that no codec understands."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model list: in this order a provider lists its models."""

    evidence: str
    endpoint: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that was recorded and says nothing here."""

    evidence: str
    why: str


def read(exchange: Exchange, *, count_unknown: bool = False) -> Seen | Listing | Unused:
    """What ``exchange`` says. ``count_unknown``: also count reply fields that are not understood."""
    request = exchange.request
    codec = recognised(request)
    if codec is None:
        return _other(exchange)
    try:
        call = codec.decode_call(request)
    except DecodeError as trouble:
        return Unused(exchange.id, f"not understood: {trouble}")
    reply = codec.decode_reply(exchange)
    response = exchange.response
    unknown: Counter[str] = Counter()
    if count_unknown and response is not None and response.status == 200:
        unknown = unknown_fields(response, codec.known)
    return Seen(
        exchange.id,
        endpoint_of(request.url),
        codec,
        _without_bytes(call),
        replace(reply, media=tuple(map(_without_data, reply.media))),
        exchange.sent_at,
        response.status if response else None,
        unknown,
    )


def endpoint_of(url: str) -> str:
    """Scheme and host of ``url``, "" when it has none."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if mark else ""


def _other(exchange: Exchange) -> Listing | Unused:
    """A request that asks no model: a list of models, or nothing that is understood here."""
    request, response = exchange.request, exchange.response
    path = path_of(request)
    if request.method == "GET" and path.rstrip("/").endswith(("/models", "/tags")):
        models = _listed(exchange)
        if models:
            return Listing(exchange.id, endpoint_of(request.url), models)
        return Unused(exchange.id, f"a list of models that holds none (HTTP {response.status if response else '-'})")
    return Unused(exchange.id, f"{UNKNOWN_DIALECT} ({request.method} {_anonymous(path)})")


def _listed(exchange: Exchange) -> tuple[str, ...]:
    from llmprobe.dialects import dialect, names

    if exchange.response is None or exchange.response.status != 200:
        return ()
    found: list[tuple[str, ...]] = []
    for name in names():
        try:
            found.append(tuple(model.id for model in dialect(name).decode_models(exchange.response)))
        except DecodeError:
            continue
    return max(found, key=len, default=())


def _anonymous(path: str) -> str:
    """``path`` with what looks like an id in it left out, so that like reasons are counted together."""
    steps = ("…" if len(step) > 20 and any(char.isdigit() for char in step) else step for step in path.split("/"))
    return "/".join(steps)


# --- media


def _without_bytes(call: Call) -> Call:
    return replace(call, messages=tuple(map(_message, call.messages)))


def _message(message: Message) -> Message:
    if not isinstance(message.content, tuple):
        return message
    return replace(message, content=tuple(map(_part, message.content)))


def _part(part: Part) -> Part:
    if isinstance(part, (Image, File)) and part.data:
        data = _bytes(part.data)
        return replace(part, data=digest(data), media_type=_sniffed(data) or part.media_type)
    return part


def _without_data(media: Media) -> Media:
    return replace(media, data=digest(_bytes(media.data))) if media.data else media


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return data.encode(errors="replace")


def digest(data: bytes) -> str:
    """How media are known: ``sha256:`` and 64 hex digits of their bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def _sniffed(data: bytes) -> str:
    """The media type that the bytes themselves tell, "" when they tell none."""
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12], "")
    if data[4:8] == b"ftyp":
        return "video/mp4"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")
