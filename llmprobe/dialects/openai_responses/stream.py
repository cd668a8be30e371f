"""Streamed replies: server-sent events to ``Reply`` and back.

What a client reads as it comes is what counts: text, reasoning and arguments are joined from the deltas. The response
object of the last event gives the rest, and has to agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from llmprobe.absent import ABSENT
from llmprobe.call import JSON
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.json_text import read_json, write_json
from llmprobe.dialects.openai_chat import reply as chat
from llmprobe.dialects.openai_responses import reply as whole
from llmprobe.dialects.openai_responses.reply import Output
from llmprobe.dialects.sse import Event, read_events, write_event
from llmprobe.dialects.values import split
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the pieces of a kind of text belong: a member of the item ``item``, or of the parts in its ``parts``."""

    item: str
    member: str
    parts: str = ""
    part: str = ""
    index: str = ""
    """The field of an event that says which part."""


_SLOTS = {
    # openapi.yaml, ResponseStreamEvent: each with .delta and .done
    "response.output_text": _Slot("message", "text", "content", "output_text", "content_index"),
    "response.refusal": _Slot("message", "refusal", "content", "refusal", "content_index"),
    "response.reasoning_text": _Slot("reasoning", "text", "content", "reasoning_text", "content_index"),
    "response.reasoning_summary_text": _Slot("reasoning", "text", "summary", "summary_text", "summary_index"),
    "response.function_call_arguments": _Slot("function_call", "arguments"),
    "response.custom_tool_call_input": _Slot("custom_tool_call", "input"),
}
_FINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
"""The events that end a stream, and the status that each has."""
_DONE = "[DONE]"

NO_END = "the stream ends without a final response"
"""The reply may have been cut at any point: whoever reads it as a whole one is fooled."""


@dataclass
class _Item:
    """An item of the output while it arrives."""

    fields: dict[str, JSON]
    """As it was announced, or as it was when done."""
    pieces: dict[tuple[_Slot, int], list[str]] = field(default_factory=dict)
    lists: dict[tuple[int, str], list[JSON]] = field(default_factory=dict)
    """Annotations and log probabilities of the text parts."""


@dataclass
class _Events:
    """What the events have said so far."""

    items: dict[JSON, _Item] = field(default_factory=dict)
    head: dict[str, JSON] = field(default_factory=dict)
    """The response object, as it was last told."""
    deltas: int = 0
    number: int = -1
    done: bool = False
    error: ApiError | None = None
    oddities: list[str] = field(default_factory=list)


def read_stream(response: HttpResponse, *, limits: tuple[RateLimit, ...], wanted: bool | None, cut: str) -> Reply:
    """The reply in an event stream. ``wanted``: one was asked for. ``cut`` says why the body ended early, or ""."""
    stream = read_events(response.body)
    events = _Events(oddities=list(stream.faults))
    if wanted is False:
        events.oddities.append("a stream although none was asked for")
    if "text/event-stream" not in (response.header("content-type") or "text/event-stream"):
        events.oddities.append("a stream under another content type")
    for event in stream.events:
        _read_event(event, events)
    if cut and not events.done:
        events.error = events.error or ApiError("transport", 200, f"the stream was cut off ({cut})")
    if not events.done and events.error is None:
        if events.deltas:
            events.oddities.append(NO_END)
        else:
            events.error = ApiError("stream", 200, NO_END if stream.events else "an empty stream")
    return _reply(events, limits)


def _reply(events: _Events, limits: tuple[RateLimit, ...]) -> Reply:
    heard = whole.read_output([_assembled(item) for item in events.items.values()], events.oddities)
    final = events.head.get("output") if events.done else None
    output = heard
    if isinstance(final, list) and final:
        output = _agreed(heard, whole.read_output(final, events.oddities), events.oddities)
    # before the end, status and usage are not those of the reply; with an error there is no finish
    told = events.head if events.done else {name: events.head[name] for name in ("model",) if name in events.head}
    if events.error is not None:
        told = {name: value for name, value in told.items() if name != "status"}
    reply = whole.make_reply(told, output, limits, events.oddities, complete=events.done and events.error is None)
    return replace(reply, error=events.error, deltas=events.deltas, streamed=True)


def _agreed(heard: Output, final: Output, oddities: list[str]) -> Output:
    """What was heard piece by piece, and from the ``final`` response what comes in no pieces."""
    for name, words in (("text", "text"), ("thoughts", "reasoning"), ("calls", "tool calls"), ("refusal", "refusal")):
        if getattr(heard, name) != getattr(final, name):
            oddities.append(f"deltas and final response differ in the {words}")
    return replace(
        final,
        text=heard.text if isinstance(heard.text, str) else final.text,
        thoughts=heard.thoughts or final.thoughts,
        calls=heard.calls or final.calls,
        refusal=heard.refusal or final.refusal,
        logprobs=final.logprobs or heard.logprobs,
    )


def _assembled(item: _Item) -> dict[str, JSON]:
    """The item with its joined pieces in their places."""
    fields = dict(item.fields)
    for (slot, index), pieces in item.pieces.items():
        if slot.parts:
            part = _part(fields, slot.parts, index)
            part |= {"type": slot.part, slot.member: "".join(pieces)}
        else:
            fields[slot.member] = "".join(pieces)
    for (index, name), values in item.lists.items():
        part = _part(fields, "content", index)
        part[name] = part.get(name) or values
    return fields


def _part(fields: dict[str, JSON], name: str, index: int) -> dict[str, JSON]:
    """Part ``index`` of the list ``name`` in ``fields``: a copy, put in its place; a new one where there is none."""
    value = fields.get(name)
    parts = list(value) if isinstance(value, list) else []
    if not 0 <= index < len(parts):
        index = len(parts)
        parts.append({})
    parts[index] = dict(parts[index]) if isinstance(parts[index], dict) else {}
    fields[name] = parts
    part: dict[str, JSON] = parts[index]
    return part


def _read_event(event: Event, events: _Events) -> None:
    if event.data.strip() == _DONE:
        events.oddities.append("a [DONE], which this format has not")
        return
    if events.done:
        events.oddities.append("data after the final response")
        return  # no client reads on
    try:
        value = read_json(event.data, events.oddities)
    except ValueError:
        events.oddities.append("an event that is not JSON")
        value = event.data
    if not isinstance(value, dict):
        if event.event == "error":
            events.error = events.error or from_json(value, 200, "stream")
        elif value is not event.data:
            events.oddities.append("an event that is not an object")
        return
    kind = _kind(event, value, events)
    if kind.startswith("response."):
        _count(value, events)
        _read_kind(kind, value, events)
    elif kind == "error" or chat.error_of(value) is not None:
        told = {name: inner for name, inner in value.items() if name != "type"}
        events.error = events.error or from_json(told, 200, "stream")


def _kind(event: Event, value: dict[str, JSON], events: _Events) -> str:
    kind = value.get("type")
    if not isinstance(kind, str):
        events.oddities.append("an event without a type in its data")
        return event.event
    if event.event != kind:
        events.oddities.append("an event whose name is not its type")
    return kind


def _count(value: dict[str, JSON], events: _Events) -> None:
    number = value.get("sequence_number")
    if isinstance(number, bool) or not isinstance(number, int):
        events.oddities.append("an event without a sequence number")
    elif number <= events.number:
        events.oddities.append("sequence numbers do not rise")
    else:
        events.number = number


def _read_kind(kind: str, value: dict[str, JSON], events: _Events) -> None:
    """Take in an event of type ``kind``. Those that are not listed say nothing that is needed."""
    stem, _, last = kind.rpartition(".")
    slot = _SLOTS.get(stem)
    if kind in _FINAL or kind in ("response.created", "response.in_progress", "response.queued"):
        _read_response(kind, value, events)
    elif kind in ("response.output_item.added", "response.output_item.done"):
        _read_item(value, events, added=last == "added")
    elif slot is not None and last == "delta":
        _read_delta(slot, value, events)
    elif slot is not None and last == "done":
        _read_done(slot, value, events)
    elif kind == "response.output_text.annotation.added":
        _extend(value, "annotations", [value.get("annotation")], events)


def _read_response(kind: str, value: dict[str, JSON], events: _Events) -> None:
    response = value.get("response")
    if not isinstance(response, dict):
        events.oddities.append("an event without its response")
        response = {}
    before = events.head.get("model", ABSENT)
    if before not in (ABSENT, None, response.get("model")):
        events.oddities.append("model changes in the stream")
    events.head = response
    if kind not in _FINAL:
        return
    events.done = True
    if isinstance(response.get("status"), str) and response["status"] != _FINAL[kind]:
        events.oddities.append("the last event and its status differ")
    error = whole.failure_of({"status": "failed"} | response if kind == "response.failed" else response, "stream")
    events.error = events.error or error


def _find(value: dict[str, JSON], slot: _Slot | None, events: _Events) -> _Item:
    """The item that an event is about: by its place in the output, failing that by its id."""
    key = value.get("output_index")
    if isinstance(key, bool) or not isinstance(key, int):
        events.oddities.append("an event without an output index")
        item = value.get("item")
        key = value.get("item_id", item.get("id") if isinstance(item, dict) else None)
        key = key if isinstance(key, str) else None
    if key not in events.items:
        events.items[key] = _Item({"type": slot.item} if slot else {})
        if slot:
            events.oddities.append("pieces of an item that was not announced")
    return events.items[key]


def _read_item(value: dict[str, JSON], events: _Events, *, added: bool) -> None:
    item = _find(value, None, events)
    fields = value.get("item")
    if not isinstance(fields, dict):
        events.oddities.append("an event without its item")
        return
    item.fields = fields
    kind = fields.get("type")
    if added and isinstance(kind, str) and kind in whole.CALLS:
        events.deltas += 1  # it has the name of the tool


def _read_delta(slot: _Slot, value: dict[str, JSON], events: _Events) -> None:
    delta = value.get("delta")
    item = _find(value, slot, events)
    if not isinstance(delta, str):
        events.oddities.append("a delta that is not a string")
        return
    item.pieces.setdefault((slot, _index(slot, value)), []).append(delta)
    events.deltas += bool(delta)
    if isinstance(value.get("logprobs"), list) and value["logprobs"]:
        _extend(value, "logprobs", value["logprobs"], events)


def _read_done(slot: _Slot, value: dict[str, JSON], events: _Events) -> None:
    """The whole text once more, or for the first time where no deltas came."""
    text = value.get(slot.member)
    item = _find(value, slot, events)
    key = (slot, _index(slot, value))
    if not isinstance(text, str):
        events.oddities.append("a done event without its text")
    elif key not in item.pieces:
        item.pieces[key] = [text]
        if text:
            events.oddities.append("text without deltas")
            events.deltas += 1
    elif "".join(item.pieces[key]) != text:
        events.oddities.append("a done event differs from its deltas")


def _extend(value: dict[str, JSON], name: str, values: list[JSON], events: _Events) -> None:
    slot = _SLOTS["response.output_text"]
    item = _find(value, slot, events)
    item.lists.setdefault((_index(slot, value), name), []).extend(values)


def _index(slot: _Slot, value: dict[str, JSON]) -> int:
    index = value.get(slot.index, 0)
    return index if isinstance(index, int) else 0


def write_stream(reply: Reply) -> str:
    """The event stream that says ``reply``, in about ``reply.deltas`` pieces of text."""
    started = whole.write_head(reply) | {"status": "in_progress", "output": []}
    written: list[dict[str, Any]] = [{"type": "response.created", "response": started}]
    for index, item in enumerate(whole.write_items(reply)):
        written.extend({**event, "output_index": index} for event in _item_events(item, reply.deltas))
    final = whole.write_reply(reply)
    kinds = {status: kind for kind, status in _FINAL.items()}
    written.append({"type": kinds.get(final.get("status", ""), "response.completed"), "response": final})
    numbered = (event | {"sequence_number": number} for number, event in enumerate(written))
    return "".join(write_event(write_json(event).decode(), event["type"]) for event in numbered)


def _item_events(item: dict[str, JSON], pieces: int) -> Iterator[dict[str, JSON]]:
    """The events that bring ``item``."""
    empty = {name: "" if name in whole.CALLS.values() else [] for name in ("arguments", "content", "summary")}
    announced = {name: empty.get(name, value) for name, value in item.items() if name != "result"}
    yield {"type": "response.output_item.added", "item": announced | {"status": "in_progress"}}
    for stem, slot in _SLOTS.items():
        if slot.item == item["type"]:
            yield from _piece_events(stem, slot, item, pieces)
    yield {"type": "response.output_item.done", "item": item}


def _piece_events(stem: str, slot: _Slot, item: dict[str, JSON], pieces: int) -> Iterator[dict[str, JSON]]:
    common = {"item_id": item["id"]}
    if not slot.parts:
        yield from _text_events(stem, slot, common, item[slot.member], 2)
        return
    for index, part in enumerate(item.get(slot.parts, [])):
        if part["type"] == slot.part:
            placed = common | {slot.index: index}
            kind = "reasoning_summary_part" if slot.parts == "summary" else "content_part"
            yield {"type": f"response.{kind}.added", **placed, "part": {"type": slot.part, slot.member: ""}}
            yield from _text_events(stem, slot, placed, part[slot.member], pieces)
            yield {"type": f"response.{kind}.done", **placed, "part": part}


def _text_events(stem: str, slot: _Slot, common: dict[str, JSON], text: str, pieces: int) -> Iterator[dict[str, JSON]]:
    more: dict[str, JSON] = {"logprobs": []} if slot.part == "output_text" else {}
    for piece in split(text, pieces):
        yield {"type": f"{stem}.delta", **common, "delta": piece, **more}
    yield {"type": f"{stem}.done", **common, slot.member: text, **more}
