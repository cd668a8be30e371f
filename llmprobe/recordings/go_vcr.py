"""go-vcr's cassettes (https://github.com/dnaeon/go-vcr): ``version`` 1 or 2, the same fields in both."""

from __future__ import annotations

from typing import Any

from llmprobe.exchange import Exchange
from llmprobe.recordings.messages import (
    answered,
    body_bytes,
    exchange,
    mapped_headers,
    part,
    seconds,
    sent,
    status_code,
    word,
)


def read(interaction: Any, case: str, turn: int) -> Exchange:
    """One of the ``interactions`` of a cassette. Raises ``Unfit``."""
    request, response = part(interaction, "request"), part(interaction, "response")
    method = "GET" if request.get("method") == "" else word(request, "method")  # Go's net/http: "" means GET
    return exchange(
        case,
        turn,
        sent(method, word(request, "url"), mapped_headers(request.get("headers")), body_bytes(request.get("body"))),
        answered(
            status_code(response.get("code")),
            mapped_headers(response.get("headers")),
            body_bytes(response.get("body")),
        ),
        elapsed=seconds(response.get("duration")),
    )
