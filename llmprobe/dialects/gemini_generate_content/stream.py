"""Streamed replies: server-sent pieces of a reply, or one JSON array of them, to ``Reply`` and back.

There is no end marker. The piece with the finish reason is the last one.
"""

from __future__ import annotations

from llmprobe.call import JSON
from llmprobe.dialects.gemini_generate_content.failures import read_failure, write_failure
from llmprobe.dialects.gemini_generate_content.reply import (
    Asked,
    Heard,
    read_finish,
    read_piece,
    reply_of,
    write_deeds,
    write_piece,
    write_text,
)
from llmprobe.dialects.gemini_generate_content.turns import dump
from llmprobe.dialects.json_text import decode_text, read_json
from llmprobe.dialects.sse import Event, read_events, write_event
from llmprobe.dialects.values import split
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply

__all__ = ["NO_END", "is_array", "read_array", "read_stream", "write_stream"]

NO_END = "the stream ends without a finish reason"
"""The reply may have been cut at any point: whoever reads it as a whole one is fooled."""


def is_array(response: HttpResponse) -> bool:
    """The body is a JSON array, the other form of a stream."""
    return response.body.lstrip(b"\xef\xbb\xbf\r\n ").startswith(b"[")


def read_stream(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: Asked, cut: str) -> Reply:
    """The reply in an event stream. ``cut`` says why the body ended early, "" when it is whole."""
    stream = read_events(response.body)
    heard = Heard(oddities=list(stream.faults))
    if asked.stream is False:
        heard.oddities.append("a stream although none was asked for")
    if "text/event-stream" not in (response.header("content-type") or "text/event-stream"):
        heard.oddities.append("a stream under another content type")
    errors = [_read_event(event, heard) for event in stream.events]
    error = next(filter(None, errors), None)
    return _end(heard, error, limits, cut, "" if stream.events else "an empty stream")


def read_array(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: Asked, cut: str) -> Reply:
    """The reply in a JSON array of pieces."""
    if cut:
        return Reply(error=ApiError("transport", 200, f"the stream was cut off ({cut})"), limits=limits)
    heard = Heard()
    try:
        pieces = read_json(decode_text(response.body, heard.oddities), heard.oddities)
    except ValueError:
        return Reply(error=ApiError("body", 200, "a JSON array that cannot be read"), limits=limits)
    if not asked.stream:
        heard.oddities.append("a stream although none was asked for")
    elif asked.events:
        heard.oddities.append("a JSON array although server-sent events were asked for")
    errors = [_read_value(piece, heard) for piece in pieces]
    return _end(heard, next(filter(None, errors), None), limits, "", "" if pieces else "an empty stream")


def _end(heard: Heard, error: ApiError | None, limits: tuple[RateLimit, ...], cut: str, empty: str) -> Reply:
    ended = bool(read_finish(heard)[0])
    if cut and not ended and error is None:
        error = ApiError("transport", 200, f"the stream was cut off ({cut})")
    if not ended and error is None:
        if heard.deltas:
            heard.oddities.append(NO_END)
        else:
            error = ApiError("stream", 200, empty or NO_END)
    complete = ended and error is None
    base = Reply(limits=limits, deltas=heard.deltas, streamed=True, complete=complete, error=error)
    return reply_of(heard, base)


def _read_event(event: Event, heard: Heard) -> ApiError | None:
    """Take in an event; the error that it tells."""
    try:
        value = read_json(event.data, heard.oddities)
    except ValueError:
        if event.event == "error":
            return read_failure(event.data, 200, "stream")
        heard.oddities.append("an event that is not JSON")
        return None
    return read_failure(value, 200, "stream") if event.event == "error" else _read_value(value, heard)


def _read_value(value: JSON, heard: Heard) -> ApiError | None:
    if not isinstance(value, dict):
        heard.oddities.append("an event that is not an object")
        return None
    if value.get("error"):
        return read_failure(value, 200, "stream")
    read_piece(value, heard)
    return None


def write_stream(reply: Reply) -> str:
    """The event stream that says ``reply``, in about ``reply.deltas`` pieces of text."""
    pieces = [write_piece(reply, [part], last=False) for part in _parts(reply)]
    if reply.error is not None:
        pieces.append(write_failure(reply.error))
    else:
        pieces.append(write_piece(reply, [], last=True))
    return "".join(write_event(dump(piece)) for piece in pieces)


def _parts(reply: Reply) -> list[JSON]:
    """Text in pieces, then everything else whole: calls do not come in fragments."""
    parts: list[JSON] = []
    for text, marks in write_text(reply):
        pieces = split(text, reply.deltas) if isinstance(text, str) else [text]
        parts.extend({"text": piece} | marks for piece in pieces)
    return parts + write_deeds(reply)
