"""Streamed replies: server-sent chunks to ``Reply`` and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.api_errors import from_json, write_error
from llmprobe.dialects.json_text import read_json, write_json
from llmprobe.dialects.openai_chat import reply as whole
from llmprobe.dialects.openai_chat.attached import Attached, write_attached
from llmprobe.dialects.openai_chat.reply import Asked
from llmprobe.dialects.openai_chat.request import read_tool_call
from llmprobe.dialects.sse import Event, read_events, write_event
from llmprobe.dialects.values import join, read_string, read_word, split
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply, TokenLogprob, Usage

_DONE = "[DONE]"
NO_END = "the stream ends with neither a finish reason nor [DONE]"
"""The reply may have been cut at any point: whoever reads it as a whole one is fooled."""


@dataclass
class _Call:
    """A tool call while its fragments arrive."""

    index: JSON
    id: str = ""
    name: str = ""
    fragments: list[str | None] = field(default_factory=list)
    """The arguments in pieces, ``None`` for a fragment that had none."""


@dataclass
class _Chunks:
    """What the chunks have said so far."""

    head: dict[str, JSON] = field(default_factory=dict)
    choice: JSON = ABSENT
    """The index of the first choice; others are not read."""
    text: Maybe[str] = ABSENT
    reasoning: dict[str, Maybe[str]] = field(default_factory=dict)
    refusal: str = ""
    calls: list[_Call] = field(default_factory=list)
    finish: JSON = ABSENT
    usage: Maybe[Usage] = ABSENT
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT
    deltas: int = 0
    done: bool = False
    error: ApiError | None = None
    oddities: list[str] = field(default_factory=list)
    attached: Attached = field(init=False)

    def __post_init__(self) -> None:
        self.attached = Attached(self.oddities)


def read_stream(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: Asked, cut: str) -> Reply:
    """The reply in an event stream. ``cut`` says why the body ended early, "" when it is whole."""
    stream = read_events(response.body)
    chunks = _Chunks(oddities=list(stream.faults))
    if asked.stream is False:
        chunks.oddities.append("a stream although none was asked for")
    if "text/event-stream" not in (response.header("content-type") or "text/event-stream"):
        chunks.oddities.append("a stream under another content type")
    for event in stream.events:
        _read_event(event, chunks)
    if cut and not chunks.done:
        chunks.error = chunks.error or ApiError("transport", 200, f"the stream was cut off ({cut})")
    if not chunks.done and chunks.error is None:
        chunks.oddities.append("no [DONE]")
    finish, raw = whole.read_finish(chunks.finish, chunks.oddities)
    complete = chunks.error is None and (chunks.done or isinstance(finish, str))
    if not complete and chunks.error is None:
        if chunks.deltas or chunks.attached.media():
            chunks.oddities.append(NO_END)
        else:
            chunks.error = ApiError("stream", 200, NO_END if stream.events else "an empty stream")
    base = Reply(finish=finish, finish_raw=raw, complete=complete, limits=limits, error=chunks.error)
    return _reply(chunks, base, asked)


def _reply(chunks: _Chunks, base: Reply, asked: Asked) -> Reply:
    text, reasoning, place = whole.read_content(chunks.text, dict(chunks.reasoning), chunks.oddities)
    calls = tuple(_finish_call(call, chunks.oddities) for call in chunks.calls)
    if base.error is None:
        chunks.oddities.extend(whole.odd_calls(calls, base.finish, asked))
    return replace(
        base,
        text=text,
        reasoning=reasoning,
        reasoning_place=place,
        tool_calls=calls,
        server_tools=chunks.attached.server_tools(),
        citations=chunks.attached.citations(text),
        media=chunks.attached.media(),
        refusal=chunks.refusal or None,
        usage=chunks.usage,
        logprobs=chunks.logprobs,
        model=read_string(chunks.head, "model", chunks.oddities),
        fingerprint=read_string(chunks.head, "system_fingerprint", chunks.oddities),
        deltas=chunks.deltas,
        streamed=True,
        oddities=tuple(dict.fromkeys(chunks.oddities)),
    )


def _read_event(event: Event, chunks: _Chunks) -> None:
    if chunks.done:
        chunks.oddities.append("data after [DONE]")
        return  # no client reads on
    if event.data.strip() == _DONE:
        chunks.done = True
        return
    try:
        value = read_json(event.data, chunks.oddities)
    except ValueError:
        chunks.oddities.append("an event that is not JSON")
        value = event.data
    error = whole.error_of(value) if isinstance(value, dict) else None
    if error is not None or event.event == "error":
        chunks.error = chunks.error or from_json(value if error is None else error, 200, "stream")
    elif isinstance(value, dict):
        _read_chunk(value, chunks)
    elif value is not event.data:
        chunks.oddities.append("an event that is not an object")


def _read_chunk(value: dict[str, JSON], chunks: _Chunks) -> None:
    for name in ("model", "system_fingerprint"):
        if name in value and (value[name] is not None or name not in chunks.head):
            if chunks.head.get(name) not in (None, value[name]):
                chunks.oddities.append(f"{name} changes in the stream")
            chunks.head[name] = value[name]
    choices = value.get("choices")
    if not isinstance(choices, list):
        chunks.oddities.append("a chunk without choices")
    choice = _first_choice(choices, chunks)
    chunks.attached.read_body(value)
    usage = whole.find_usage(value, choice, chunks.oddities)
    if isinstance(usage, Usage) or chunks.usage is ABSENT:
        chunks.usage = _better(chunks.usage, usage)
    if choice is not None:
        _read_choice(choice, chunks)


def _better(before: Maybe[Usage], usage: Maybe[Usage]) -> Maybe[Usage]:
    """The later usage; but what is told by the way does not replace what was told as usage."""
    told = isinstance(before, Usage) and before.place != whole.TIMINGS
    return before if told and isinstance(usage, Usage) and usage.place == whole.TIMINGS else usage


def _first_choice(choices: JSON, chunks: _Chunks) -> dict[str, JSON] | None:
    """What a chunk has of the choice that came first in the stream: ``n`` of them are interleaved."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            if chunks.choice is ABSENT:
                chunks.choice = choice.get("index", 0)
            if choice.get("index", 0) == chunks.choice:
                return choice
    return None


def _read_choice(choice: dict[str, JSON], chunks: _Chunks) -> None:
    ended = bool(chunks.finish)
    if "finish_reason" in choice:
        finish = choice["finish_reason"]
        if finish and ended:
            chunks.oddities.append("finish_reason repeated")
        if finish or not ended:
            chunks.finish = finish
    if "logprobs" in choice:
        logprobs = whole.read_logprobs(choice["logprobs"], chunks.oddities)
        if isinstance(logprobs, tuple):
            before = chunks.logprobs
            chunks.logprobs = (before if isinstance(before, tuple) else ()) + logprobs
        elif chunks.logprobs is ABSENT:
            chunks.logprobs = None
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        chunks.oddities.append("a choice without a delta")
    elif _read_delta(delta, chunks):
        chunks.deltas += 1
        if ended:
            chunks.oddities.append("content after finish_reason")


def _read_delta(delta: dict[str, JSON], chunks: _Chunks) -> bool:
    """Take in a delta; whether it carried text, reasoning or a piece of a tool call."""
    carried = _read_text(delta["content"], chunks) if "content" in delta else False
    for name in whole.REASONING_FIELDS:
        if name in delta:
            value = read_string(delta, name, chunks.oddities)
            chunks.reasoning[name] = join(chunks.reasoning.get(name, ABSENT), value)
            carried = carried or bool(value)
    chunks.attached.read_message(delta)
    chunks.refusal += read_word(delta, "refusal", chunks.oddities)
    calls = delta.get("tool_calls")
    if not isinstance(calls, list):
        if calls is not None:
            chunks.oddities.append("tool_calls is not a list")
        return carried
    for fragment in calls:
        if isinstance(fragment, dict):
            _read_fragment(fragment, chunks)
        else:
            chunks.oddities.append("tool call fragment that is not an object")
    return carried or bool(calls)


def _read_text(content: JSON, chunks: _Chunks) -> bool:
    """Take in the content of a delta. Tags of thoughts are looked for later, in the joined text."""
    thoughts = ""
    if isinstance(content, (list, dict)):
        content, thoughts = whole.join_parts([content] if isinstance(content, dict) else content)
        chunks.oddities.append("content is a list of parts")
    if thoughts:
        chunks.reasoning[whole.PARTS] = join(chunks.reasoning.get(whole.PARTS, ABSENT), thoughts)
    piece = read_string({"content": content}, "content", chunks.oddities)
    chunks.text = join(chunks.text, piece)
    return bool(piece or thoughts)


def _read_fragment(fragment: dict[str, JSON], chunks: _Chunks) -> None:
    """Add a fragment to its call."""
    function = fragment.get("function")
    function = function if isinstance(function, dict) else {}
    name = read_word(function, "name", chunks.oddities)
    identity = read_word(fragment, "id", chunks.oddities)
    call = _find_call(fragment.get("index", ABSENT), identity, name, chunks)
    if identity and call.fragments:
        chunks.oddities.append("tool call id repeated" if identity == call.id else "tool call id changes")
    call.id = call.id or identity
    _add_name(name, call, chunks.oddities)
    arguments = function.get("arguments", ABSENT)
    if isinstance(arguments, (dict, list)):
        chunks.oddities.append("tool call arguments are not a string")
        arguments = json.dumps(arguments, ensure_ascii=False)
    call.fragments.append(arguments if isinstance(arguments, str) else None)


def _find_call(index: JSON, identity: str, name: str, chunks: _Chunks) -> _Call:
    """The call that a fragment belongs to: by index; failing that by id; failing that the last one."""
    if index is ABSENT or index is None:
        chunks.oddities.append("tool call fragment without an index")
        found = next((call for call in chunks.calls if identity and call.id == identity), None)
        if found is None and chunks.calls and not identity and not _begins(name, chunks.calls[-1]):
            found = chunks.calls[-1]
    else:
        if isinstance(index, bool) or not isinstance(index, int):
            chunks.oddities.append("tool call index is not an integer")
        found = next((call for call in reversed(chunks.calls) if call.index == index), None)
        if found and identity and name and found.id and identity != found.id:
            chunks.oddities.append("two tool calls under one index")
            found = next((call for call in chunks.calls if call.id == identity), None)
        elif found is None and index != len(chunks.calls):
            chunks.oddities.append("tool call indexes do not count from 0")
    if found is None:
        found = _Call(index)
        chunks.calls.append(found)
    return found


def _begins(name: str, last: _Call) -> bool:
    """A fragment with neither index nor id begins a new call: it names one, and the last one is done."""
    return bool(name) and (name != last.name or _is_json("".join(filter(None, last.fragments))))


def _add_name(name: str, call: _Call, oddities: list[str]) -> None:
    if name and call.name:
        repeated = name.startswith(call.name)
        oddities.append("tool call name repeated" if repeated else "tool call name in pieces")
        call.name = name if repeated else call.name + name
    else:
        call.name += name


def _finish_call(call: _Call, oddities: list[str]) -> ToolCall:
    fragments = [piece for piece in call.fragments if piece is not None]
    arguments = "".join(fragments)
    if _is_cumulative(fragments, arguments):
        oddities.append("tool call arguments repeated from the start in each fragment")
        arguments = fragments[-1]
    made: dict[str, Any] = {"id": call.id, "function": {"name": call.name}}
    if fragments:
        made["function"]["arguments"] = arguments
    result, odd = read_tool_call(made)
    oddities.extend(odd)
    return result


def _is_cumulative(fragments: list[str], joined: str) -> bool:
    """Each fragment begins with all of the one before; only the last one, not all together, is JSON."""
    pieces = [piece for piece in fragments if piece]
    grows = all(after.startswith(before) for before, after in pairwise(pieces))
    return len(pieces) > 1 and grows and pieces[-1] == fragments[-1] and _is_json(pieces[-1]) and not _is_json(joined)


def _is_json(text: str) -> bool:
    try:
        read_json(text, [])
    except ValueError:
        return False
    return True


def write_stream(reply: Reply) -> str:
    """The event stream that says ``reply``, in about ``reply.deltas`` chunks of text."""
    chunks = [_chunk(reply, delta, None) for delta in _deltas(reply)]
    _attach_logprobs(reply, chunks)
    if reply.error is not None:
        chunks.append(write_error(reply.error))
        return "".join(write_event(_dump(chunk)) for chunk in chunks)
    last = _chunk(reply, {}, whole.write_finish(reply))
    beside, inside = whole.write_usage(reply)
    last["choices"][0] |= inside
    chunks.append(last)
    if beside:
        chunks.append(whole.write_head(reply, "chat.completion.chunk") | {"choices": []} | beside)
    return "".join(write_event(_dump(chunk)) for chunk in chunks) + write_event(_DONE)


def _dump(value: JSON) -> str:
    return write_json(value).decode()


def _chunk(reply: Reply, delta: dict[str, JSON], finish: str | None) -> dict[str, JSON]:
    choice: dict[str, JSON] = {"index": 0, "delta": delta}
    if reply.finish is not ABSENT:
        choice["finish_reason"] = finish
    return whole.write_head(reply, "chat.completion.chunk") | {"choices": [choice]}


def _deltas(reply: Reply) -> list[dict[str, JSON]]:
    content = whole.write_content(reply)
    deltas: list[dict[str, JSON]] = [{"role": "assistant"}]
    for name, value in content.items():
        pieces = split(value, reply.deltas) if isinstance(value, str) else [value]
        deltas.extend({name: piece} for piece in pieces)
    if reply.refusal is not None:
        deltas.append({"refusal": reply.refusal})
    for index, call in enumerate(reply.tool_calls):
        first, *rest = _halves(call.arguments)
        identity = {"id": call.id} if call.id else {}
        function = {"name": call.name, "arguments": first}
        deltas.append({"tool_calls": [{"index": index, **identity, "type": "function", "function": function}]})
        deltas.extend({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in rest)
    return deltas + _attached_deltas(reply)


def _attached_deltas(reply: Reply) -> list[dict[str, JSON]]:
    """One for each field; sound comes word by word, then its data."""
    fields = write_attached(reply)
    audio = fields.pop("audio", {"transcript": ""})
    words = [{"audio": {"transcript": piece}} for piece in split(audio["transcript"], 2) if piece]
    data = [{"audio": {"id": audio["id"], "data": audio["data"]}}] if audio.get("data") else []
    return [{name: value} for name, value in fields.items()] + words + data


def _halves(arguments: str) -> list[str]:
    """``arguments`` in two pieces; in one where the second would look like the first said again."""
    middle = len(arguments) // 2
    first, rest = arguments[:middle], arguments[middle:]
    return [arguments] if rest.startswith(first) else [first, rest]


def _attach_logprobs(reply: Reply, chunks: list[dict[str, JSON]]) -> None:
    if reply.logprobs is ABSENT or not chunks:
        return
    target = next((chunk for chunk in chunks if "content" in chunk["choices"][0]["delta"]), chunks[0])
    target["choices"][0]["logprobs"] = whole.write_logprobs(reply.logprobs)
