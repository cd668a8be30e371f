"""Streamed replies: server-sent chunks to ``Reply`` and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.openai_chat import reply as whole
from llmprobe.dialects.openai_chat.request import read_tool_call
from llmprobe.dialects.sse import Event, read_events, write_event
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply, TokenLogprob, Usage

_DONE = "[DONE]"
_STARTS = (b"data:", b"event:", b"id:", b":", b"retry:")


def is_stream(response: HttpResponse) -> bool:
    """The body is an event stream, by its own look; by its content type only when it is empty.

    A failed stream request is often answered with bare JSON under ``text/event-stream``.
    """
    body = response.body.lstrip(b"\xef\xbb\xbf\r\n ")
    if not body:
        return "text/event-stream" in (response.header("content-type") or "")
    return body.startswith(_STARTS)


@dataclass
class _Call:
    """A tool call while its fragments arrive."""

    index: JSON
    id: str = ""
    name: str = ""
    arguments: str = ""
    fragments: list[str] = field(default_factory=list)


@dataclass
class _Chunks:
    """What the chunks have said so far."""

    head: dict[str, JSON] = field(default_factory=dict)
    text: Maybe[str] = ABSENT
    parts: bool = False
    reasoning: dict[str, Maybe[str]] = field(default_factory=dict)
    refusal: str | None = None
    calls: list[_Call] = field(default_factory=list)
    finish: JSON = ABSENT
    usage: Maybe[Usage] = ABSENT
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT
    deltas: int = 0
    done: bool = False
    error: ApiError | None = None
    oddities: list[str] = field(default_factory=list)


def read_stream(body: bytes, *, limits: tuple[RateLimit, ...], wanted: bool, cut: str) -> Reply:
    """The reply in an event stream. ``cut`` says why the body ended early, "" when it is whole."""
    stream = read_events(body)
    chunks = _Chunks(oddities=list(stream.faults))
    if not wanted:
        chunks.oddities.append("a stream although none was asked for")
    for event in stream.events:
        _read_event(event, chunks)
    if cut and not chunks.done:
        chunks.error = chunks.error or ApiError("stream", 200, f"the stream was cut off ({cut})")
    if not chunks.done and chunks.error is None:
        chunks.oddities.append("no [DONE]")
    finish, raw = whole.read_finish(chunks.finish)
    complete = chunks.error is None and (chunks.done or isinstance(finish, str))
    if not complete and chunks.error is None:
        message = "the stream ended without a finish reason or [DONE]"
        chunks.error = ApiError("stream", 200, message if stream.events else "an empty stream")
    return _reply(chunks, replace(Reply(), finish=finish, finish_raw=raw, complete=complete, limits=limits))


def _reply(chunks: _Chunks, base: Reply) -> Reply:
    text, reasoning, place = whole.read_content(chunks.text, dict(chunks.reasoning), chunks.oddities)
    return replace(
        base,
        text=text,
        reasoning=reasoning,
        reasoning_place=place,
        tool_calls=tuple(_finish_call(call, chunks.oddities) for call in chunks.calls),
        refusal=chunks.refusal,
        usage=chunks.usage,
        logprobs=chunks.logprobs,
        model=whole.string_or_null(chunks.head.get("model", ABSENT)),
        fingerprint=whole.string_or_null(chunks.head.get("system_fingerprint", ABSENT)),
        deltas=chunks.deltas,
        streamed=True,
        error=chunks.error,
        oddities=tuple(dict.fromkeys(chunks.oddities)),
    )


def _read_event(event: Event, chunks: _Chunks) -> None:
    if event.data.strip() == _DONE:
        chunks.done = True
        return
    if chunks.done:
        chunks.oddities.append("data after [DONE]")
    try:
        value = json.loads(event.data)
    except (ValueError, RecursionError):
        chunks.oddities.append("an event that is not JSON")
        if event.event == "error":
            chunks.error = chunks.error or ApiError("stream", 200, event.data[:300])
        return
    if not isinstance(value, dict):
        chunks.oddities.append("an event that is not an object")
        return
    error = whole.error_of(value)
    if error is None and event.event == "error":
        error = value
    if error is not None:
        chunks.error = chunks.error or from_json(error, 200, "stream")
        return
    _read_chunk(value, chunks)


def _read_chunk(value: dict[str, JSON], chunks: _Chunks) -> None:
    for name in ("model", "system_fingerprint"):
        if name in value and (value[name] is not None or name not in chunks.head):
            if chunks.head.get(name) not in (None, value[name]):
                chunks.oddities.append(f"{name} changes in the stream")
            chunks.head[name] = value[name]
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    usage = whole.find_usage(value, choice, chunks.oddities)
    if isinstance(usage, Usage) or chunks.usage is ABSENT:
        chunks.usage = usage
    if isinstance(choice, dict):
        _read_choice(choice, chunks)


def _read_choice(choice: dict[str, JSON], chunks: _Chunks) -> None:
    if "finish_reason" in choice:
        finish = choice["finish_reason"]
        if finish and chunks.finish:
            chunks.oddities.append("finish_reason repeated")
        if finish or not chunks.finish:
            chunks.finish = finish
    if "logprobs" in choice:
        logprobs = whole.read_logprobs(choice["logprobs"], chunks.oddities)
        if isinstance(logprobs, tuple):
            before = chunks.logprobs
            chunks.logprobs = (before if isinstance(before, tuple) else ()) + logprobs
        elif chunks.logprobs is ABSENT:
            chunks.logprobs = None
    delta = choice.get("delta")
    if isinstance(delta, dict) and _read_delta(delta, chunks):
        chunks.deltas += 1


def _read_delta(delta: dict[str, JSON], chunks: _Chunks) -> bool:
    """Take in a delta; whether it carried text, reasoning or a piece of a tool call."""
    carried = False
    if "content" in delta:
        piece, thought, place = whole.read_content(_listed(delta["content"]), {}, chunks.oddities)
        if place == "content.thinking":
            chunks.reasoning[place] = _join(chunks.reasoning.get(place, ABSENT), thought)
            carried = True
        elif isinstance(delta["content"], str):
            piece = delta["content"]  # tags of thoughts are looked for in the joined text
        chunks.text = _join(chunks.text, piece)
        carried = carried or bool(piece)
    for name in whole.REASONING_FIELDS:
        if name in delta:
            value = whole.string_or_null(delta[name])
            chunks.reasoning[name] = _join(chunks.reasoning.get(name, ABSENT), value)
            carried = carried or bool(value)
    if isinstance(delta.get("refusal"), str):
        chunks.refusal = (chunks.refusal or "") + delta["refusal"]
    calls = delta.get("tool_calls")
    for fragment in calls if isinstance(calls, list) else ():
        if isinstance(fragment, dict):
            _read_fragment(fragment, chunks)
            carried = True
    return carried


def _listed(content: JSON) -> JSON:
    return [content] if isinstance(content, dict) else content


def _join(before: Maybe[str], piece: Maybe[str]) -> Maybe[str]:
    if isinstance(piece, str):
        return (before if isinstance(before, str) else "") + piece
    return before if isinstance(before, str) else piece


def _read_fragment(fragment: dict[str, JSON], chunks: _Chunks) -> None:
    """Add a fragment to its call: by index; failing that by id; failing that to the last call."""
    index, identity = fragment.get("index", ABSENT), fragment.get("id")
    found = next((call for call in chunks.calls if index is not ABSENT and call.index == index), None)
    if index is ABSENT:
        chunks.oddities.append("tool call fragment without an index")
        known = [call for call in chunks.calls if identity and call.id == identity]
        found = known[0] if known else (chunks.calls[-1] if chunks.calls and not identity else None)
    elif found and identity and found.id and identity != found.id:
        chunks.oddities.append("two tool calls under one index")
        found = next((call for call in chunks.calls if call.id == identity), None)
    if found is None:
        found = _Call(index)
        chunks.calls.append(found)
    function = fragment.get("function")
    function = function if isinstance(function, dict) else {}
    found.id = found.id or (identity if isinstance(identity, str) else "")
    name = function.get("name")
    if isinstance(name, str) and name:
        if found.name == name:
            chunks.oddities.append("tool call name repeated")
        else:
            found.name += name
    arguments = function.get("arguments")
    if isinstance(arguments, (str, dict, list)):
        found.fragments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))
        if not isinstance(arguments, str):
            chunks.oddities.append("tool call arguments are not a string")


def _finish_call(call: _Call, oddities: list[str]) -> ToolCall:
    arguments = "".join(call.fragments)
    if len(call.fragments) > 1 and _is_cumulative(call.fragments):
        oddities.append("tool call arguments repeated from the start in each fragment")
        arguments = call.fragments[-1]
    made: dict[str, Any] = {"id": call.id, "function": {"name": call.name, "arguments": arguments}}
    if not call.fragments:
        del made["function"]["arguments"]
    result, odd = read_tool_call(made)
    oddities.extend(odd)
    return result


def _is_cumulative(fragments: list[str]) -> bool:
    """Each non-empty fragment begins with all of the one before, which no true continuation does."""
    pieces = [piece for piece in fragments if piece]
    grows = all(after.startswith(before) for before, after in pairwise(pieces))
    return len(pieces) > 1 and grows and len(pieces[0]) > 1 and pieces[-1].endswith("}")


def write_stream(reply: Reply) -> str:
    """The event stream that says ``reply``, in about ``reply.deltas`` chunks of text."""
    chunks = [_chunk(reply, delta, None) for delta in _deltas(reply)]
    _attach_logprobs(reply, chunks)
    if reply.error is not None:
        chunks.append({"error": {"message": reply.error.message, "type": reply.error.type or None}})
        return "".join(write_event(_dump(chunk)) for chunk in chunks)
    chunks.append(_chunk(reply, {}, whole.write_finish(reply)))
    usage = whole.write_usage(reply)
    if usage:
        chunks.append(whole.write_head(reply, "chat.completion.chunk") | {"choices": []} | usage)
    return "".join(write_event(_dump(chunk)) for chunk in chunks) + write_event(_DONE)


def _dump(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chunk(reply: Reply, delta: dict[str, JSON], finish: str | None) -> dict[str, JSON]:
    choice: dict[str, JSON] = {"index": 0, "delta": delta}
    if reply.finish is not ABSENT:
        choice["finish_reason"] = finish
    return whole.write_head(reply, "chat.completion.chunk") | {"choices": [choice]}


def _deltas(reply: Reply) -> list[dict[str, JSON]]:
    content = whole.write_content(reply)
    deltas: list[dict[str, JSON]] = [{"role": "assistant"}]
    for name, value in content.items():
        pieces = _split(value, reply.deltas) if isinstance(value, str) else [value]
        deltas.extend({name: piece} for piece in pieces)
    if reply.refusal is not None:
        deltas.append({"refusal": reply.refusal})
    for index, call in enumerate(reply.tool_calls):
        first, rest = call.arguments[: len(call.arguments) // 2], call.arguments[len(call.arguments) // 2 :]
        identity = {"id": call.id} if call.id else {}
        function = {"name": call.name, "arguments": first}
        deltas.append({"tool_calls": [{"index": index, **identity, "type": "function", "function": function}]})
        if rest:
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": rest}}]})
    return deltas


def _split(text: str, pieces: int) -> list[str]:
    """``text`` in at most ``pieces`` parts of about equal length; one part when it is empty."""
    size = max(1, -(-len(text) // max(1, pieces)))
    return [text[start : start + size] for start in range(0, len(text), size)] or [text]


def _attach_logprobs(reply: Reply, chunks: list[dict[str, JSON]]) -> None:
    if reply.logprobs is ABSENT or not chunks:
        return
    target = next((chunk for chunk in chunks if "content" in chunk["choices"][0]["delta"]), chunks[0])
    target["choices"][0]["logprobs"] = whole.write_logprobs(reply.logprobs)
