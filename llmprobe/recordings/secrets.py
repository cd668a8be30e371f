"""Keeping keys out of everything that is written: headers are chosen, bodies are searched."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from llmprobe.exchange import Exchange, Headers, HttpResponse, TransportFailure

MASK = "[key]"
_KEPT = re.compile(
    r"^(content-(type|length|encoding)|date|server|location|.*rate-?limit.*|retry-after(-ms)?|x-request-id|request-id"
    r"|x-should-retry|x-inference-provider|openai-(processing-ms|version)|via)$"
)
"""Response headers worth keeping as evidence; cookies and whatever else a server sends are not."""


def redact(exchange: Exchange, keys: Sequence[str]) -> Exchange:
    """``exchange`` with every form of the ``keys`` masked, wherever an endpoint may have echoed them."""
    forms = _forms(keys)
    response, failure = exchange.response, exchange.failure
    if response is not None:
        headers = tuple((name, _mask(value, forms)) for name, value in _chosen(response.headers))
        response = HttpResponse(response.status, headers, _mask_bytes(response.body, forms), response.truncated)
    if failure is not None:
        failure = TransportFailure(failure.kind, _mask(failure.detail, forms))
    return replace(exchange, response=response, failure=failure)


def _chosen(headers: Headers) -> Headers:
    return tuple((name, value) for name, value in headers if _KEPT.match(name))


def _forms(keys: Sequence[str]) -> tuple[str, ...]:
    """Each key as it is, URL-encoded, and in base64 at each of the three alignments."""
    forms: dict[str, None] = {}
    for key in (key for key in keys if key):
        forms[key] = None
        forms[quote(key, safe="")] = None
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + key.encode()).decode().rstrip("=")
            start, end = (0, 2, 3)[shift], -(-4 * (shift + len(key)) // 3) - 1
            if end - start >= 8:
                forms[encoded[start:end]] = None
    return tuple(sorted(forms, key=len, reverse=True))


def _mask(text: str, forms: Sequence[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    return text


def _mask_bytes(body: bytes, forms: Sequence[str]) -> bytes:
    for form in forms:
        body = body.replace(form.encode(), MASK.encode())
    return body
