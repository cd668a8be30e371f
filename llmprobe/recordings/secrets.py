"""Keeping keys out of everything that is written: headers are chosen, bodies are searched."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html.entities import html5

from llmprobe.exchange import Exchange, Headers, HttpResponse, TransportFailure

MASK = "[key]"
_KEPT = re.compile(
    r"^(content-(type|length|encoding)|date|server|location|.*rate-?limit.*|retry-after(-ms)?|x-request-id|request-id"
    r"|x-should-retry|x-inference-provider|openai-(processing-ms|version)|via)$"
)
"""Response headers worth keeping as evidence; cookies and whatever else a server sends are not."""

_IN_URLS = {"+": "-", "/": "_"}
_ESCAPES = r"\\{0,8}"
"""Backslashes before a character: JSON inside JSON has several. Bounded, so that long runs of them stay cheap."""
_SHORTEST = 4
"""Shorter keys hide nothing, and masking them would eat holes into every text."""
_WORDLIKE = 8
"""Keys shorter than this are the dummies of local servers ("none", "ollama"): masked only as whole words."""


def redact(exchange: Exchange, keys: Sequence[str]) -> Exchange:
    """``exchange`` with every form of the ``keys`` masked, wherever an endpoint may have echoed them."""
    pattern = _pattern(tuple(keys))
    response, failure = exchange.response, exchange.failure
    if response is not None:
        headers = tuple((name, _mask(value, pattern)) for name, value in _chosen(response.headers))
        body = _mask(response.body.decode("latin-1"), pattern).encode("latin-1")
        response = HttpResponse(response.status, headers, body, response.truncated)
    if failure is not None:
        failure = TransportFailure(failure.kind, _mask(failure.detail, pattern))
    return replace(exchange, response=response, failure=failure)


def _chosen(headers: Headers) -> Headers:
    return tuple((name, value) for name, value in headers if _KEPT.match(name))


def _mask(text: str, pattern: re.Pattern[str] | None) -> str:
    return pattern.sub(MASK, text) if pattern else text


@cache
def _pattern(keys: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches every form of the ``keys``, the longest ones first; ``None`` when there is nothing to hide."""
    forms = [form for key in keys if len(key) >= _SHORTEST for form in _forms(key)]
    return re.compile("|".join(sorted(forms, key=len, reverse=True))) if forms else None


def _forms(key: str) -> tuple[str, ...]:
    """``key`` as it may stand in a text, and in base64 at each of the three alignments, as patterns."""
    plain = "".join(map(_escaped, key))
    if len(key) < _WORDLIKE:
        return (rf"(?<![A-Za-z0-9]){plain}(?![A-Za-z0-9])",)
    return (plain, *("".join(map(_escaped, text)) for text in _encoded(key.encode())))


def _encoded(key: bytes) -> tuple[str, ...]:
    """The part of base64 that ``key`` alone decides, whatever stands before and after it."""
    encoded = []
    for shift, start in enumerate((0, 2, 3)):
        text = base64.b64encode(b"\0" * shift + key).decode()
        encoded.append(text[start : (shift + len(key)) * 4 // 3])
    return tuple(encoded)


def _escaped(character: str) -> str:
    """A pattern for ``character`` raw, and as JSON, a URL, HTML or base64 for URLs writes it."""
    if character.isascii() and character.isalnum():
        return character
    octets = character.encode()
    ways = (
        _ESCAPES + re.escape(_IN_URLS.get(character, character)),
        _ESCAPES + re.escape(character),
        re.escape(octets.decode("latin-1")),  # bodies are searched byte by byte
        rf"(?i:\\{{1,8}}u{ord(character):04x}|&#x0*{ord(character):x};)|&#0*{ord(character)};",
        "(?i:" + "".join(f"%{octet:02x}" for octet in octets) + ")",
        *(re.escape(f"&{name}") for name, meaning in html5.items() if meaning == character),
    )
    return f"(?:{'|'.join(dict.fromkeys(ways))})"
