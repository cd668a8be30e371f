"""vcrpy's cassettes (https://github.com/kevin1024/vcrpy), as YAML or JSON."""

from __future__ import annotations

from typing import Any

from llmprobe.exchange import Exchange
from llmprobe.recordings.messages import (
    answered,
    base64_bytes,
    body_bytes,
    exchange,
    mapped_headers,
    part,
    sent,
    status_code,
    word,
)


def read(interaction: Any, case: str, turn: int) -> Exchange:
    """One of the ``interactions`` of a cassette. Raises ``Unfit``.

    Up to version 5, what was recorded from httpx has ``status_code`` and ``content`` in place of ``status``
    and ``body`` (``vcr/stubs/httpx_stubs.py``).
    """
    request, response = part(interaction, "request"), part(interaction, "response")
    status = response.get("status", response.get("status_code"))
    return exchange(
        case,
        turn,
        sent(
            word(request, "method"),
            word(request, "uri"),
            mapped_headers(request.get("headers")),
            _body(request.get("body")),
        ),
        answered(
            status_code(status.get("code") if isinstance(status, dict) else status),
            mapped_headers(response.get("headers")),
            _body(response.get("body", response.get("content"))),
        ),
    )


def _body(value: Any) -> bytes:
    """The body itself, or a mapping with it as ``string`` or ``base64_string``."""
    if not isinstance(value, dict):
        return body_bytes(value)
    if "base64_string" in value:
        return base64_bytes(value["base64_string"])
    return body_bytes(value.get("string"))
