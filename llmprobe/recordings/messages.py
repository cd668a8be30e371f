"""What the foreign formats have in common: messages whose fields may be anything, compressed bodies, keys.

A recording is as untrusted as an endpoint. Each function takes whatever a parser made of the file and
gives a part of an ``Exchange``, or raises ``Unfit``.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, Protocol
from urllib.parse import unquote

from llmprobe.dialects.rate_limits import duration_seconds
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.recordings.secrets import MASK, redact

LIMIT = 64_000_000
"""Bytes of a file, a line or a body that are read at most, also after decompressing."""
TOO_LARGE = "larger than 64 MB"
_HEADERS = 1_000
_NAME_CHARACTERS = 256
"""Names of headers are matched against patterns, which need not be quick on longer ones."""
_CODINGS = 3
_TIME_CHARACTERS = 60
"""No time or duration is longer; their readers need not be quick on longer texts."""


class Unfit(Exception):
    """Why something is no exchange, in words that follow its name: "has no response".

    ``weight``: roughly how many bytes were looked at in vain.
    """

    def __init__(self, why: str, weight: int = 0) -> None:
        super().__init__(why)
        self.weight = weight


def part(value: Any, name: str) -> dict[str, Any]:
    """The mapping ``name`` in ``value``."""
    inner = value.get(name) if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        raise Unfit(f"has no {name}")
    return inner


def word(message: dict[str, Any], name: str) -> str:
    """The text ``name`` in ``message``, which may not be empty."""
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise Unfit(f"has no {name}")
    return value


def status_code(value: Any) -> int:
    """``value`` as the status of an answer."""
    if isinstance(value, int) and 100 <= value <= 999:
        return value
    raise Unfit("has no status")


def exchange(
    case: str,
    turn: int,
    request: HttpRequest,
    response: HttpResponse | None,
    failure: TransportFailure | None = None,
    sent_at: float = 0.0,
    elapsed: float = 0.0,
) -> Exchange:
    """An exchange that was recorded once. Without another source, the server's clock says when."""
    if not sent_at and response is not None:
        sent_at = moment(response.header("date"))
    return Exchange(case, turn, 0, request, response, failure, sent_at, elapsed)


# --- headers and bodies ----------------------------------------------------------------------------------


def mapped_headers(headers: Any) -> Headers:
    """Headers that were written as a mapping from names to one value or to a list of them."""
    if headers is None:
        return ()
    if not isinstance(headers, dict):
        raise Unfit("has headers that are no mapping")
    if len(headers) > _HEADERS:
        raise Unfit(_too_many())
    found = ((name, values if isinstance(values, list) else [values]) for name, values in headers.items())
    return header_pairs((name, value) for name, values in found for value in values)


def header_pairs(pairs: Iterable[tuple[Any, Any]]) -> Headers:
    """``pairs`` of anything as headers; a name without a value says nothing."""
    some = list(islice(pairs, _HEADERS + 1))
    if len(some) > _HEADERS:
        raise Unfit(_too_many(), 1_000 * _HEADERS)
    return tuple((_name(name), _text(value)) for name, value in some if value is not None)


def _too_many() -> str:
    return f"has more than {_HEADERS:,} headers"


def _name(value: Any) -> str:
    name = _text(value).lower()
    if len(name) > _NAME_CHARACTERS:
        raise Unfit("has a header with an endless name")
    return name


def _text(value: Any) -> str:
    """A header field as text: YAML makes numbers of some."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Unfit("has a header that is no text")


def body_bytes(value: Any) -> bytes:
    """A body that was written as text or bytes, or not at all."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, (str, int, float)):
        return utf8(_text(value))
    raise Unfit("has a body that is neither text nor bytes")


def utf8(text: str) -> bytes:
    """``text`` as UTF-8; escaped bytes become bytes again, other halves of surrogate pairs question marks."""
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", errors="replace")


def base64_bytes(value: Any) -> bytes:
    """A body that was written in base64."""
    try:
        return base64.b64decode(value)
    except (ValueError, TypeError):
        raise Unfit("has a body that is not base64", len(value) if isinstance(value, str) else 0) from None


# --- compression -----------------------------------------------------------------------------------------

GZIP = b"\x1f\x8b"
_ABOUT_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")


def sent(method: str, url: str, headers: Headers, body: bytes) -> HttpRequest:
    """A request with its body decompressed."""
    return HttpRequest(method, url, *_decompressed(headers, body))


def answered(status: int, headers: Headers, body: bytes) -> HttpResponse:
    """A response with its body decompressed."""
    return HttpResponse(status, *_decompressed(headers, body))


def _decompressed(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """``body`` without its content codings, and ``headers`` without what was true of the compressed one only.

    Many recorders decompress the body and keep the header: a body that does not look compressed is not.
    """
    named = (value.split(",", _CODINGS) for name, value in headers if name == "content-encoding")
    codings = [coding.strip().lower() for values in islice(named, _CODINGS) for coding in values]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings or not body:
        return headers, body
    if len(codings) > _CODINGS:
        raise Unfit(f"has a body with more than {_CODINGS} content codings")
    for coding in reversed(codings):
        body = _without(coding, body)
    return tuple(field for field in headers if field[0] not in _ABOUT_THE_WIRE), body


def _without(coding: str, body: bytes) -> bytes:
    if coding in ("gzip", "x-gzip"):
        return _gunzipped(body) if body.startswith(GZIP) else body
    if coding == "deflate":
        return _inflated(body)
    if _is_text(body):
        return body
    raise Unfit(f"has a body compressed with {coding if coding in ('br', 'zstd') else 'an unknown coding'}")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class Readable(Protocol):
    """What can be read from, a piece at a time."""

    def read(self, size: int, /) -> bytes: ...


def read_up_to_limit(file: Readable) -> bytes:
    """The content of ``file``. Raises ``Unfit`` when it is too large, or when it is compressed and damaged."""
    pieces, size = [], 0
    try:
        while piece := file.read(1 << 20):
            pieces.append(piece)
            size += len(piece)
            if size > LIMIT:
                raise Unfit(TOO_LARGE, size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Unfit("damaged gzip", size) from None
    return b"".join(pieces)


def _gunzipped(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            return read_up_to_limit(file)
    except Unfit as trouble:
        raise Unfit(f"has a body that is {trouble}", trouble.weight) from None


def _inflated(body: bytes) -> bytes:
    """HTTP's "deflate" is zlib's format, but some servers leave its frame out."""
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        inflater = zlib.decompressobj(bits)
        try:
            plain = inflater.decompress(body, LIMIT + 1)
        except zlib.error:
            continue
        if len(plain) > LIMIT:
            raise Unfit(f"has a body that is {TOO_LARGE}", len(plain))
        if inflater.eof and not inflater.unused_data:
            return plain
    if _is_text(body):
        return body
    raise Unfit("has a body that is damaged deflate", len(body))


# --- times -----------------------------------------------------------------------------------------------


def moment(text: Any) -> float:
    """Unix time of an HTTP date or an ISO 8601 one, 0 when it is neither."""
    if not isinstance(text, str) or len(text) > _TIME_CHARACTERS:
        return 0.0
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return 0.0


def seconds(text: Any) -> float:
    """Seconds in a duration such as "1.234s" or "120ms", 0 when it is none."""
    if not isinstance(text, str) or len(text) > _TIME_CHARACTERS:
        return 0.0
    return duration_seconds(text) or 0.0


def is_number(value: Any) -> bool:
    """A number as times are: finite, and not of thousands of digits."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


# --- keys ------------------------------------------------------------------------------------------------

_SECRET_HEADER = re.compile(r"(?:.*-)?(?:authorization|cookie|(?:api|access|subscription)-?key|token|secret|signature)")
_SECRET_PARAMETER = re.compile(
    r"(?<=[?&;])((?:x-(?:amz|goog)-)?(?:(?:api|subscription)?[-_]?key|(?:access|auth|id|security)?[-_]?token"
    r"|secret|client_secret|sig|signature|credential)=)([^&;#]*)",
    re.IGNORECASE,
)
_USER = re.compile(r"\A([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)
_KEY = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])\S{16,512}")
"""Shorter values are place-holders ("dummy", "REDACTED"), which may be words of the answer as well."""


def unkeyed(exchange: Exchange) -> Exchange:
    """``exchange`` as a scan would have written it: without keys, and with the response headers that are evidence."""
    request = exchange.request
    secret = [value for name, value in request.headers if _SECRET_HEADER.fullmatch(name)]
    words = [value.rpartition(" ")[2] for value in secret]
    words += [unquote(match[2]) for match in _SECRET_PARAMETER.finditer(request.url)]
    kept = tuple((name, value) for name, value in request.headers if not _SECRET_HEADER.fullmatch(name))
    url = _SECRET_PARAMETER.sub(rf"\g<1>{MASK}", _USER.sub(r"\1", request.url))
    clean = replace(exchange, request=HttpRequest(request.method, url, kept, request.body))
    return redact(clean, tuple(word for word in words if _KEY.fullmatch(word)))
