"""Streamed replies: events to the message that they build up, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from llmprobe.absent import ABSENT
from llmprobe.call import JSON
from llmprobe.dialects.anthropic_messages import reply as whole
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.json_text import read_json, write_json
from llmprobe.dialects.sse import Event, read_events, write_event
from llmprobe.dialects.values import objects, read_word, split
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply, Usage

NO_END = "the stream ends with neither a stop_reason nor message_stop"
"""The reply may have been cut at any point: whoever reads it as a whole one is fooled."""

_DELTAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # type of a delta: the field that it adds to, and the blocks that have it
    "text_delta": ("text", ("text",)),
    "thinking_delta": ("thinking", (whole.THINKING,)),
    "signature_delta": ("signature", (whole.THINKING,)),
    "input_json_delta": (whole.PIECES, ("tool_use", *whole.SERVER_TOOLS)),
    "citations_delta": ("citation", ("text",)),
}


@dataclass
class _Block:
    """A content block while its deltas arrive."""

    index: JSON
    fields: dict[str, JSON]
    ended: bool = False


@dataclass
class _Stream:
    """What the events have said so far."""

    message: dict[str, JSON] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)
    deltas: int = 0
    done: bool = False
    error: ApiError | None = None
    oddities: list[str] = field(default_factory=list)


def read_stream(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: bool | None, cut: str) -> Reply:
    """The reply in an event stream. ``asked``: a stream was asked for. ``cut`` says why the body ended early."""
    events = read_events(response.body)
    stream = _Stream(oddities=list(events.faults))
    if asked is False:
        stream.oddities.append("a stream although none was asked for")
    if "text/event-stream" not in (response.header("content-type") or "text/event-stream"):
        stream.oddities.append("a stream under another content type")
    for event in events.events:
        _read_event(event, stream)
    if cut and not stream.done:
        stream.error = stream.error or ApiError("transport", 200, f"the stream was cut off ({cut})")
    if not stream.done and stream.error is None:
        stream.oddities.append("no message_stop")
    if stream.error is None and not all(block.ended for block in stream.blocks):
        stream.oddities.append("a content block that is not ended")
    reply = whole.read_message(stream.message | {"content": [block.fields for block in stream.blocks]}, stream.oddities)
    complete = stream.error is None and (stream.done or isinstance(reply.finish, str))
    if not complete and stream.error is None:
        _break_off(stream, "" if events.events else "an empty stream")
    return replace(
        reply,
        limits=limits,
        deltas=stream.deltas,
        streamed=True,
        complete=complete,
        error=stream.error,
        oddities=tuple(dict.fromkeys(stream.oddities)),
    )


def _break_off(stream: _Stream, empty: str) -> None:
    """The stream has no end: an oddity of what it said, an error when that is nothing."""
    if stream.deltas:
        stream.oddities.append(NO_END)
    else:
        stream.error = ApiError("stream", 200, empty or NO_END)


def _read_event(event: Event, stream: _Stream) -> None:
    if stream.done:
        stream.oddities.append("data after message_stop")
        return  # no client reads on
    try:
        value = read_json(event.data, stream.oddities)
    except ValueError:
        stream.oddities.append("an event that is not JSON")
        value = event.data
    if event.event == "error" or (isinstance(value, dict) and whole.is_error(value)):
        stream.error = stream.error or from_json(value, 200, "stream")
    elif isinstance(value, dict):
        _read_said(event, value, stream)
    elif value is not event.data:
        stream.oddities.append("an event that is not an object")


def _read_said(event: Event, value: dict[str, JSON], stream: _Stream) -> None:
    kind = read_word(value, "type", stream.oddities)
    if not event.event:
        stream.oddities.append("an event without a name")  # which the official clients pass over
    elif kind != event.event:
        stream.oddities.append("an event whose name and type differ")
    handler = _HANDLERS.get(kind or event.event)
    if handler is None:
        stream.oddities.append("an event of an unknown type")
    else:
        handler(value, stream)


def _start(value: dict[str, JSON], stream: _Stream) -> None:
    message = value.get("message")
    if not isinstance(message, dict):
        stream.oddities.append("message_start without a message")
        return
    if stream.message or stream.blocks:
        stream.oddities.append("message_start is not the first event")
    _merge(stream.message, {name: said for name, said in message.items() if name != "usage"})
    _add_usage(message, stream)
    for block in objects(message.get("content")):
        stream.blocks.append(_Block(len(stream.blocks), dict(block), ended=True))


def _merge(before: dict[str, JSON], news: dict[str, JSON]) -> None:
    """Take in ``news``: a later null takes nothing back."""
    before |= {name: value for name, value in news.items() if value is not None or name not in before}


def _add_usage(holder: dict[str, JSON], stream: _Stream) -> None:
    """Take in a part of usage: input is told at the start and output at the end, each the sum up to there."""
    usage = holder.get("usage", ABSENT)
    counted = stream.message.get("usage")
    if isinstance(usage, dict) and isinstance(counted, dict):
        _merge(counted, usage)
    elif isinstance(usage, dict):
        stream.message["usage"] = dict(usage)
    elif usage is not ABSENT:
        stream.message.setdefault("usage", usage)


def _start_block(value: dict[str, JSON], stream: _Stream) -> None:
    index, block = value.get("index"), value.get("content_block")
    if isinstance(index, bool) or index != len(stream.blocks):
        stream.oddities.append("content block indexes do not count from 0")
    if not isinstance(block, dict):
        stream.oddities.append("content_block_start without a block")
        block = {}
    stream.blocks.append(_Block(index, dict(block)))
    if block.get("type") == "tool_use" or block.get("text") or block.get("thinking"):
        _count(stream)


def _count(stream: _Stream) -> None:
    stream.deltas += 1
    if stream.message.get("stop_reason"):
        stream.oddities.append("content after stop_reason")


def _read_delta(value: dict[str, JSON], stream: _Stream) -> None:
    delta = value.get("delta")
    kind = read_word(delta, "type", stream.oddities) if isinstance(delta, dict) else ""
    if not isinstance(delta, dict) or kind not in _DELTAS:
        stream.oddities.append("a delta of an unknown type")
        return
    name, fitting = _DELTAS[kind]
    block = _find(value.get("index"), fitting, stream)
    if name == "citation":
        block.fields["citations"] = [*objects(block.fields.get("citations")), delta.get("citation")]
        return
    piece, before = read_word(delta, name, stream.oddities), block.fields.get(name)
    block.fields[name] = (before if isinstance(before, str) else "") + piece
    if piece and name != "signature" and block.fields["type"] not in whole.SERVER_TOOLS:
        _count(stream)


def _find(index: JSON, fitting: tuple[str, ...], stream: _Stream) -> _Block:
    """The block that a delta belongs to; a new one where there is none that can hold it."""
    found = next((block for block in reversed(stream.blocks) if block.index == index), None)
    if found is not None and found.fields.get("type") in fitting:
        if found.ended:
            stream.oddities.append("a delta after the end of its block")
        return found
    stream.oddities.append(
        "a delta for a block that was not started" if found is None else "a delta that does not fit its block"
    )
    stream.blocks.append(_Block(index, {"type": fitting[0]}))
    return stream.blocks[-1]


def _end_block(value: dict[str, JSON], stream: _Stream) -> None:
    index = value.get("index")
    found = [block for block in stream.blocks if block.index == index]
    if not found:
        stream.oddities.append("content_block_stop without a block")
    for block in found:
        block.ended = True


def _end_message(value: dict[str, JSON], stream: _Stream) -> None:
    delta = value.get("delta")
    if not isinstance(delta, dict):
        stream.oddities.append("message_delta without a delta")
        delta = {}
    if delta.get("stop_reason") and stream.message.get("stop_reason"):
        stream.oddities.append("stop_reason repeated")
    _merge(stream.message, {name: said for name, said in delta.items() if name != "usage"})
    _add_usage(value, stream)


def _stop(_value: dict[str, JSON], stream: _Stream) -> None:
    stream.done = True


def _pass(_value: dict[str, JSON], _stream: _Stream) -> None:
    """A sign of life."""


_HANDLERS: Mapping[str, Callable[[dict[str, JSON], _Stream], None]] = {
    "message_start": _start,
    "content_block_start": _start_block,
    "content_block_delta": _read_delta,
    "content_block_stop": _end_block,
    "message_delta": _end_message,
    "message_stop": _stop,
    "ping": _pass,
}


def write_stream(reply: Reply) -> str:
    """The event stream that says ``reply``, its text in about ``reply.deltas`` pieces."""
    return "".join(write_event(write_json(event).decode(), event["type"]) for event in _events(reply))


def _events(reply: Reply) -> Iterator[dict[str, JSON]]:
    first, last = _usages(reply)
    unknown: dict[str, JSON] = {} if reply.finish is ABSENT else {"stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": whole.write_head(reply) | {"content": []} | unknown | first}
    for index, (empty, deltas) in enumerate(_parts(reply)):
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    if reply.error is not None:
        yield whole.write_error(reply.error)
        return
    yield {"type": "message_delta", "delta": whole.write_end(reply)} | last
    yield {"type": "message_stop"}


def _usages(reply: Reply) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """What usage adds to the first event and to the last but one."""
    if reply.usage is ABSENT:
        return {}, {}
    if not isinstance(reply.usage, Usage):
        return {"usage": None}, {"usage": None}
    first, last = whole.write_usage(reply.usage)
    begun = {"output_tokens": 0} if isinstance(reply.usage.output, int) else {}
    return {"usage": first | begun}, {"usage": last}


def _parts(reply: Reply) -> Iterator[tuple[dict[str, JSON], list[dict[str, JSON]]]]:
    """The blocks as they are when they start, and the deltas that fill them."""
    for block in whole.write_blocks(replace(reply, tool_calls=())):
        kind = block["type"]
        if kind not in ("text", whole.THINKING):
            yield block, []
            continue
        deltas = [{"type": f"{kind}_delta", kind: piece} for piece in split(block[kind], reply.deltas) if piece]
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block.pop("citations", ())]
        if block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            block |= {"signature": ""}
        yield block | {kind: ""}, deltas
    for call in reply.tool_calls:
        pieces = split(call.arguments, 2)
        start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield start, [{"type": "input_json_delta", whole.PIECES: piece} for piece in pieces]
