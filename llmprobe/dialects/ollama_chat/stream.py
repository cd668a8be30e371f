"""Streamed replies: lines of JSON to ``Reply`` and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.json_text import decode_text, read_json
from llmprobe.dialects.ollama_chat import reply as whole
from llmprobe.dialects.ollama_chat.request import write_tool_call
from llmprobe.dialects.values import join, read_string, split
from llmprobe.exchange import Headers, HttpResponse
from llmprobe.reply import ApiError, Media, RateLimit, Reply, TokenLogprob, Usage

NDJSON = "application/x-ndjson"
NDJSON_TYPE: Headers = (("content-type", NDJSON),)
NO_END = "the stream ends without a line that says done"
"""The reply may have been cut at any point: whoever reads it as a whole one is fooled."""


def is_stream(response: HttpResponse) -> bool:
    """The body is one of lines: it is declared to be, or its first of several lines is a whole object."""
    if "ndjson" in (response.header("content-type") or ""):
        return True
    first, _, rest = response.body.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.strip():
        return False
    try:
        return isinstance(read_json(decode_text(first, []), []), dict)
    except ValueError:
        return False


@dataclass
class _Lines:
    """What the lines have said so far."""

    text: Maybe[str] = ABSENT
    thinking: Maybe[str] = ABSENT
    calls: tuple[ToolCall, ...] = ()
    media: tuple[Media, ...] = ()
    model: Maybe[str] = ABSENT
    done: bool = False
    done_reason: JSON = ABSENT
    usage: Maybe[Usage] = ABSENT
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT
    deltas: int = 0
    error: ApiError | None = None
    oddities: list[str] = field(default_factory=list)


def read_stream(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: bool | None, cut: str) -> Reply:
    """The reply in a body of lines. ``cut`` says why the body ended early, "" when it is whole."""
    lines = _Lines()
    if asked is False:
        lines.oddities.append("a stream although none was asked for")
    if "ndjson" not in (response.header("content-type") or "ndjson"):
        lines.oddities.append("a stream under another content type")
    found = [line for line in decode_text(response.body, lines.oddities).split("\n") if line.strip()]
    for line in found:
        _read_line(line, lines)
    if cut and not lines.done:
        lines.error = lines.error or ApiError("transport", 200, f"the stream was cut off ({cut})")
    ended = lines.done or (isinstance(lines.done_reason, str) and bool(lines.done_reason))
    if not ended and lines.error is None:
        if lines.deltas:
            lines.oddities.append(NO_END)
        else:
            lines.error = ApiError("stream", 200, NO_END if found else "an empty stream")
    return _reply(lines, limits, complete=ended and lines.error is None)


def _reply(lines: _Lines, limits: tuple[RateLimit, ...], *, complete: bool) -> Reply:
    base = Reply(
        tool_calls=lines.calls,
        media=lines.media,
        usage=lines.usage,
        logprobs=lines.logprobs,
        model=lines.model,
        limits=limits,
        deltas=lines.deltas,
        streamed=True,
        complete=complete,
        error=lines.error,
    )
    return whole.finished(base, lines.text, lines.thinking, lines.done_reason, lines.oddities)


def _read_line(line: str, lines: _Lines) -> None:
    if lines.done:
        lines.oddities.append("data after the line that says done")
        return  # no client reads on
    try:
        value = read_json(line, lines.oddities)
    except ValueError:
        lines.oddities.append("a line that is not JSON")
        return
    if not isinstance(value, dict):
        lines.oddities.append("a line that is not an object")
    elif value.get("error"):
        lines.error = lines.error or from_json(value, 200, "stream")
    else:
        _read_object(value, lines)


def _read_object(value: dict[str, JSON], lines: _Lines) -> None:
    if "model" in value:
        model = read_string(value, "model", lines.oddities)
        if isinstance(lines.model, str) and model != lines.model:
            lines.oddities.append("model changes in the stream")
        lines.model = model
    lines.done = value.get("done") is True
    if "done_reason" in value:
        lines.done_reason = value["done_reason"]
    usage = whole.read_usage(value, lines.oddities)
    lines.usage = lines.usage if usage is ABSENT else usage
    _read_logprobs(value, lines)
    message = value.get("message")
    if isinstance(message, dict):
        lines.deltas += _read_message(message, lines)
    elif not lines.done:
        lines.oddities.append("a line without a message")


def _read_logprobs(value: dict[str, JSON], lines: _Lines) -> None:
    logprobs = whole.read_logprobs(value, lines.oddities)
    before = lines.logprobs
    if isinstance(logprobs, tuple):
        lines.logprobs = (before if isinstance(before, tuple) else ()) + logprobs
    elif before is ABSENT:
        lines.logprobs = logprobs


def _read_message(message: dict[str, JSON], lines: _Lines) -> bool:
    """Take in the message of a line; whether it carried text, reasoning or a tool call."""
    oddities = lines.oddities
    text, thinking = (read_string(message, name, oddities) for name in ("content", "thinking"))
    lines.text = lines.text if text is ABSENT else join(lines.text, text)
    lines.thinking = lines.thinking if thinking is ABSENT else join(lines.thinking, thinking)
    calls = whole.read_calls(message, oddities)
    lines.calls += calls
    lines.media += whole.read_images(message, oddities)
    return bool(text or thinking or calls)


def write_stream(reply: Reply) -> str:
    """The lines that say ``reply``, with its text in about ``reply.deltas`` of them."""
    lines = [_line(reply, message) | {"done": False} for message in _messages(reply)]
    if reply.error is not None:
        return "".join(map(_dump, [*lines, whole.write_error(reply.error)]))
    last = {"content": ""} if isinstance(reply.text, str) or reply.reasoning_place == "think" else {}
    lines.append(_line(reply, last) | whole.write_end(reply))
    lines[0] |= whole.write_logprobs(reply.logprobs)
    return "".join(map(_dump, lines))


def _line(reply: Reply, message: dict[str, JSON]) -> dict[str, JSON]:
    return whole.write_head(reply) | {"message": {"role": "assistant"} | message}


def _dump(value: JSON) -> str:
    """One line. Escaped, because readers take more characters for the end of a line than this format does."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def _messages(reply: Reply) -> list[dict[str, JSON]]:
    messages: list[dict[str, JSON]] = []
    for name, value in whole.write_content(reply).items():
        pieces = split(value, reply.deltas) if isinstance(value, str) else [value]
        messages.extend({name: piece} for piece in pieces)
    if reply.media:
        messages.append(whole.write_media(reply))
    messages.extend({"tool_calls": [write_tool_call(call)]} for call in reply.tool_calls)
    return messages
