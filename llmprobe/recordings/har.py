"""HTTP archives, as browsers and proxies save them: HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from llmprobe.exchange import Exchange, Headers, HttpResponse, TransportFailure
from llmprobe.recordings.messages import (
    answered,
    base64_bytes,
    body_bytes,
    exchange,
    header_pairs,
    is_number,
    moment,
    part,
    sent,
    status_code,
    utf8,
    word,
)


def read(entry: Any, case: str, turn: int) -> Exchange:
    """One of the ``entries`` of an archive. Raises ``Unfit``."""
    request, response = part(entry, "request"), part(entry, "response")
    time = entry.get("time")
    return exchange(
        case,
        turn,
        sent(
            word(request, "method"),
            word(request, "url"),
            _headers(request),
            _sent_body(request.get("postData")),
        ),
        *_outcome(response),
        sent_at=moment(entry.get("startedDateTime")),
        elapsed=max(0.0, time / 1000) if is_number(time) else 0.0,
    )


def _outcome(response: dict[str, Any]) -> tuple[HttpResponse | None, TransportFailure | None]:
    """The answer, or why there is none: browsers write status 0 then, and Chromium the reason as ``_error``."""
    status, reason = response.get("status"), response.get("_error")
    if status == 0:
        return None, TransportFailure("protocol", reason if isinstance(reason, str) and reason else "no answer")
    content = response.get("content")
    body = _body(content) if isinstance(content, dict) else b""
    return answered(status_code(status), _headers(response), body), None


def _headers(message: dict[str, Any]) -> Headers:
    """Without HTTP/2's ``:authority`` and its like, which browsers list as well."""
    listed = message.get("headers")
    fields = [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
    pairs = header_pairs((field.get("name", ""), field.get("value")) for field in fields)
    return tuple(pair for pair in pairs if pair[0] and not pair[0].startswith(":"))


def _sent_body(posted: Any) -> bytes:
    """``postData`` has a text or the fields of a form."""
    if not isinstance(posted, dict):
        return b""
    listed = posted.get("params")
    if posted.get("text") or not isinstance(listed, list):
        return _body(posted)
    fields = [(field.get("name"), field.get("value")) for field in listed if isinstance(field, dict)]
    return urlencode([(utf8(str(name)), utf8(str(value or ""))) for name, value in fields]).encode()


def _body(content: dict[str, Any]) -> bytes:
    if content.get("encoding") == "base64":
        return base64_bytes(content.get("text") or "")
    return body_bytes(content.get("text"))
