"""The messages codec: what is written is read again, what is odd is named, and nothing makes it raise."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.absent import ABSENT
from llmprobe.call import (
    Call,
    File,
    Image,
    JsonObject,
    JsonSchema,
    Message,
    NamedTool,
    Other,
    Part,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.anthropic_messages.reply import FINISH
from llmprobe.dialects.anthropic_messages.stream import NO_END
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Citation, RateLimit, Reply, Usage

CODEC = dialect("anthropic-messages")
SSE = (("content-type", "text/event-stream; charset=utf-8"),)
JSON = (("content-type", "application/json"),)
PLAIN = Call("m", (Message("user", "hi"),), max_tokens=16)
STREAM = dataclasses.replace(PLAIN, stream=True)


def decode(response: HttpResponse | None, call: Call = PLAIN, failure: TransportFailure | None = None) -> Reply:
    """What ``response`` says to ``call``."""
    request = CODEC.encode_call(call)
    return CODEC.decode_reply(Exchange("a/plain/sync/text", 0, 0, request, response, failure, 1767225600.0, 1.0))


def whole(body: Any, call: Call = PLAIN) -> Reply:
    """The reply in a JSON body."""
    return decode(HttpResponse(200, JSON, json.dumps(body).encode()), call)


def message(*blocks: Any, **fields: Any) -> dict[str, Any]:
    """A whole reply with these blocks."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "content": list(blocks)}
    return head | {"stop_reason": "end_turn", "stop_sequence": None} | fields


def events(*data: Any) -> bytes:
    """Events, each named by its type where it has one."""
    pieces = []
    for one in data:
        kind = one.get("type") if isinstance(one, dict) else None
        name = f"event: {kind}\n" if isinstance(kind, str) and kind.isprintable() else ""
        pieces.append(f"{name}data: {json.dumps(one)}\n\n")
    return "".join(pieces).encode(errors="replace")


def stream(*data: Any, call: Call = STREAM) -> Reply:
    """The reply in a stream of exactly these events."""
    return decode(HttpResponse(200, SSE, events(*data)), call)


def text_block(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text} | more


def use(**more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}} | more


def begin(**more: Any) -> dict[str, Any]:
    """``message_start``."""
    return {"type": "message_start", "message": message(stop_reason=None, model="m") | more}


def opened(index: Any, block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: Any, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta"} | fields}


def closed(index: Any) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(reason: Any = "end_turn", **more: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}} | more


STOP: dict[str, Any] = {"type": "message_stop"}
HELLO = [opened(0, text_block("")), delta(0, "text", text="Hel"), delta(0, "text", text="lo"), closed(0)]


# --- which requests are its own


@pytest.mark.parametrize(
    ("method", "url", "body", "own"),
    [
        ("POST", "/messages", {"messages": [], "max_tokens": 5}, True),
        ("POST", "https://x.test/v1/messages?beta=true", {"messages": [], "max_tokens": 5}, True),
        ("POST", "/messages", {"messages": []}, False),
        ("POST", "/messages", [], False),
        ("GET", "/messages", {"messages": [], "max_tokens": 5}, False),
        ("POST", "/messages/batches", {"messages": [], "max_tokens": 5}, False),
        ("POST", "/messages/count_tokens", {"messages": [], "max_tokens": 5}, False),
        ("POST", "/chat/completions", {"messages": [], "max_tokens": 5}, False),
    ],
)
def test_a_request_is_recognised_by_path_and_shape(method: str, url: str, body: Any, own: bool) -> None:
    """Batches and counts of tokens are other services."""
    request = HttpRequest(method, url, JSON, json.dumps(body).encode())
    assert CODEC.recognises(request) is own
    assert (recognised(request) is CODEC) is own


# --- round trips of calls

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\n", "\r\n", "\u2028", "😀", '"\\', "\x00", "[DONE]", '"stream":true', "data: x\n\n", "event: error\n"]
)
names = texts.filter(bool)
plain_json = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner | st.none(), max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
"""JSON without null as a member: in a merge patch that would delete."""
objects = st.dictionaries(texts, plain_json | st.none(), max_size=3)
untyped = objects.map(lambda value: {name: x for name, x in value.items() if name != "type"})
kinds = st.sampled_from(["image/png", "", "text/plain"])
images = st.builds(Image, data=texts, media_type=kinds) | st.builds(Image, url=names)
inline = st.builds(File, st.just("document"), texts, kinds)
linked = st.builds(File, st.just("document"), url=names)
written = st.builds(File, st.just("document"), media_type=kinds, text=texts)
files = st.builds(
    dataclasses.replace,
    inline | linked | written,
    kind=st.sampled_from(["document", "audio", "video"]),
    name=texts,
    cite=st.none() | st.booleans(),
)
others = st.builds(Other, st.sampled_from(["redacted_thinking", "server_tool_use", "web_search_tool_result"]), untyped)
parts = st.lists(st.builds(Text, texts) | images | files | others, max_size=3).map(tuple)
contents = st.none() | texts | parts
arguments = untyped.map(lambda value: json.dumps(value, ensure_ascii=False)) | st.sampled_from(
    ["", "{", "7", "null", "[]", '"x"', '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud83d"}']
)
tool_calls = st.lists(st.builds(ToolCall, texts, texts, arguments), max_size=2).map(tuple)


@st.composite
def answers(draw: st.DrawFn) -> Message:
    """An assistant's message, in canonical form."""
    content, calls, reasoning = draw(contents), draw(tool_calls), draw(st.none() | texts)
    if calls or reasoning is not None:
        content = (content if isinstance(content, tuple) else ()) or None
    return Message("assistant", content, calls, reasoning=reasoning)


results = st.builds(lambda content, identity: Message("tool", content, tool_call_id=identity), contents, texts)
messages = st.builds(Message, st.sampled_from(["system", "user"]), contents) | answers() | results
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)
KNOWN = {"model", "messages", "system", "stream", "tools", "tool_choice", "output_config", "max_tokens"}
KNOWN |= {"temperature", "top_p", "stop_sequences", "thinking"}
choices: tuple[ToolChoice, ...] = ("auto", "required", NamedTool("f"), NamedTool(""))
NO_CHOICE: tuple[ToolChoice | None, ...] = (None, "none")


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that this dialect can say, its spellings in canonical form."""
    choice: ToolChoice | None = draw(st.sampled_from(choices))
    parallel = draw(st.none() | st.booleans())
    if draw(st.booleans()):  # the switch has no place but in a choice
        choice, parallel = draw(st.sampled_from(NO_CHOICE)), None
    thinking = draw(st.none() | st.booleans())
    adaptive = thinking is True and draw(st.booleans())
    return Call(
        draw(names),
        draw(st.lists(messages, max_size=4).map(tuple)),
        stream=draw(st.booleans()),
        tools=draw(st.lists(st.builds(Tool, texts, texts, objects, st.none() | st.booleans()), max_size=2).map(tuple)),
        server_tools=draw(st.lists(st.builds(ServerTool, st.just("web_search_1"), untyped), max_size=2).map(tuple)),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=draw(st.none() | st.builds(JsonSchema, st.just(""), objects)),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        stop=draw(st.lists(texts, max_size=4).map(tuple)),
        thinking=thinking,
        spelling=(("thinking", "adaptive"),) if adaptive else (),
        patch=draw(st.dictionaries(texts.filter(lambda name: name not in KNOWN), plain_json, max_size=2)),
    )


@settings(max_examples=400)
@given(calls())
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Every field, every spelling, and what has no word here."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert (request.method, request.url) == ("POST", "/messages")
    assert dict(request.headers)["anthropic-version"] == "2023-06-01"


def asked(body: dict[str, Any]) -> Call:
    return CODEC.decode_call(HttpRequest("POST", "/messages", JSON, json.dumps(body).encode()))


def again(call: Call) -> Any:
    """The body that ``call`` is written as."""
    return json.loads(CODEC.encode_call(call).body)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s=="}
SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]}
FULL_REQUEST: dict[str, Any] = {
    "model": "m",
    "max_tokens": 16,
    "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "ducks"},
                    "title": "On ducks",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
                {"type": "document", "source": {"type": "file", "file_id": "f1"}},
            ],
        },
        {"role": "assistant", "content": [SIGNED, SEARCH, FOUND, text_block("so"), use(), use(id="c2")]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "7"},
                {"type": "tool_result", "tool_use_id": "c2", "content": [text_block("8")]},
                text_block("go on"),
            ],
        },
    ],
    "stream": True,
    "tools": [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
    "stop_sequences": ["X"],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "thinking": {"type": "adaptive", "display": "summarized"},
    "metadata": {"user_id": "u"},
}


def test_a_full_request_is_understood() -> None:
    """The documented fields by name, the rest as a patch; and it is written as it was."""
    call = asked(FULL_REQUEST)
    cached = Other("", {"cache_control": {"type": "ephemeral"}})
    assert call == Call(
        "m",
        (
            Message("system", (Text("be brief"), cached)),
            Message(
                "user",
                (
                    Text("what is this?"),
                    Image("AAAA", "image/png"),
                    cached,
                    Image(url="https://x.test/a.png"),
                    File("document", media_type="text/plain", text="ducks", name="On ducks", cite=True),
                    File("document", "AAAA", "application/pdf"),
                    Other("document", {"source": {"type": "file", "file_id": "f1"}}),
                ),
            ),
            Message(
                "assistant",
                (
                    Other("thinking", {"thinking": "hm", "signature": "s=="}),
                    Other("server_tool_use", {"id": "s1", "name": "web_search", "input": {"query": "q"}}),
                    Other("web_search_tool_result", {name: FOUND[name] for name in ("tool_use_id", "content")}),
                    Text("so"),
                ),
                (ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "f", '{"a": 1}')),
            ),
            Message("tool", "7", tool_call_id="c1"),
            Message("tool", (Text("8"),), tool_call_id="c2"),
            Message("user", (Text("go on"),)),
        ),
        stream=True,
        tools=(Tool("f", "d", SCHEMA, True),),
        server_tools=(ServerTool("web_search_20250305", {"name": "web_search", "max_uses": 2}),),
        tool_choice=NamedTool("f"),
        parallel_tool_calls=False,
        response_format=JsonSchema("", SCHEMA),
        max_tokens=16,
        temperature=0.5,
        top_p=0.9,
        stop=("X",),
        thinking=True,
        spelling=(("thinking", "adaptive"),),
        patch={
            "top_k": 4,
            "output_config": {"effort": "low"},
            "thinking": {"display": "summarized"},
            "metadata": {"user_id": "u"},
        },
    )
    assert again(call) == FULL_REQUEST


@pytest.mark.parametrize(
    ("fields", "patch"),
    [
        ({"tools": [{"name": "f"}]}, None),
        ({"tools": [{"name": "f", "input_schema": {}, "type": "custom"}]}, None),
        ({"tools": [{"name": "f", "input_schema": {}, "cache_control": {"type": "ephemeral"}}]}, None),
        ({"tools": []}, None),
        ({"tools": 7}, None),
        ({"tool_choice": "any"}, None),
        ({"tool_choice": {"type": "none", "disable_parallel_tool_use": True}}, {"disable_parallel_tool_use": True}),
        ({"output_config": {"effort": "low"}}, None),
        ({"output_config": {"format": {"type": "json_object"}}}, None),
        ({"stop_sequences": []}, None),
        ({"stop_sequences": ["a", 1]}, None),
        ({"max_tokens": "16"}, None),
        ({"max_tokens": True}, None),
        ({"stream": "true"}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, {"budget_tokens": 5000}),
        ({"thinking": {"type": "enabled"}}, {"budget_tokens": None}),
        ({"thinking": {"type": "sometimes"}}, None),
        ({"messages": [{"role": "user", "content": [text_block("a")], "name": "x"}]}, None),
        ({"messages": [{"role": "assistant", "content": [use(), text_block("a")]}]}, None),
        ({"messages": [{"role": "assistant", "content": [use(caller={"type": "direct"})]}]}, None),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": True}]}
                ]
            },
            None,
        ),
    ],
)
def test_what_has_no_word_is_sent_again_as_it_was(fields: dict[str, Any], patch: Any) -> None:
    """It lands in the patch: as a change where most is understood, else whole."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    call = asked(body)
    assert call.patch == {name: patch or value for name, value in fields.items()}
    assert again(call) == body


@pytest.mark.parametrize(
    "blocks",
    [
        [text_block("a", citations=None)],
        [text_block("a", citations=None, cache_control={"type": "ephemeral"}), text_block("b")],
        [{"type": "document", "source": {"type": "url", "url": "u"}, "context": "c", "citations": {"enabled": False}}],
        [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
        [{"type": "tool_result", "content": "without an id"}],
        [{"type": "tool_use", "name": "without an id"}],
        [{"type": "redacted_thinking", "data": "x"}, text_block("a")],
    ],
)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_every_block_survives(role: str, blocks: list[Any]) -> None:
    """Without help of the patch: by its part, and a second one for fields that the first has no word for."""
    body = {"model": "m", "messages": [{"role": role, "content": blocks}]}
    call = asked(body)
    assert call.patch == {}
    assert again(call) == body


def test_results_of_tools_stand_in_one_user_message() -> None:
    """With the text that comes with them, but not with a plain question after them."""
    one, two = (Message("tool", text, tool_call_id=text) for text in "ab")
    beside, after = Message("user", (Text("c"),)), Message("user", "d")
    written = again(Call("m", (one, two, beside, after)))["messages"]
    assert [(entry["role"], len(entry["content"])) for entry in written] == [("user", 3), ("user", 1)]
    assert [block["type"] for block in written[0]["content"]] == ["tool_result", "tool_result", "text"]


def test_an_explicit_no_to_streaming_is_the_same_as_none() -> None:
    """It is no field without a word."""
    call = asked({"model": "m", "messages": [], "stream": False})
    assert (call.stream, call.patch) == (False, {})


def test_what_the_format_lacks_is_left_out() -> None:
    """Silently; whoever asks knows it from ``lacks``."""
    call = dataclasses.replace(
        STREAM, seed=1, top_logprobs=2, response_format=JsonObject(), include_usage=True, max_tokens=None
    )
    assert again(call) == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    assert CODEC.lacks == {"seed", "logprobs", "json", "include_usage"}
    assert set(CODEC.fields).isdisjoint(CODEC.lacks)


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a":1}', {"a": 1}), ("{}", {}), ("", ""), ("{", "{"), ("7", "7"), ('{"a":NaN}', '{"a":NaN}')],
)
def test_arguments_are_sent_as_an_object_where_they_are_one(text: str, value: Any) -> None:
    """A text that is none is the server's to refuse."""
    call = Call("m", (Message("assistant", None, (ToolCall("c", "f", text),)),))
    assert again(call)["messages"][0]["content"][0]["input"] == value


def test_a_choice_about_parallel_calls_needs_a_tool_choice() -> None:
    """The wire has no other place for it."""
    assert again(Call("m", (), parallel_tool_calls=False))["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }


def test_empty_text_beside_calls_is_not_sent() -> None:
    """Empty blocks are refused."""
    call = Call("m", (Message("assistant", "", (ToolCall("c", "f", "{}"),)),))
    assert [block["type"] for block in again(call)["messages"][0]["content"]] == ["tool_use"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "messages"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":5,"messages":[]}', "model"),
        (b'{"model":"m","messages":[7]}', "role"),
        (b'{"model":"m","messages":[{"role":"king"}]}', "role"),
        (b'{"model":"m","messages":[{"role":[]}]}', "role"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "content"),
        (b'{"model":"m","messages":[{"role":"user","content":[7]}]}', "block"),
        (b'{"model":"m","messages":[{"role":"user","content":[{"type":""}]}]}', "block"),
        (b'{"model":"m","messages":[],"system":7}', "content"),
    ],
)
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes, words: str) -> None:
    """With a word on what was found instead."""
    with pytest.raises(DecodeError, match=words):
        CODEC.decode_call(HttpRequest("POST", "/messages", JSON, body))


def test_half_a_surrogate_pair_can_be_sent() -> None:
    """A model may have written one, and its words are played back."""
    call = dataclasses.replace(PLAIN, messages=(Message("user", "\ud83d"),))
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


# --- round trips of replies

counts = st.sampled_from([ABSENT, None]) | st.integers(0, 10**9)
usages = st.builds(Usage, input=counts, output=counts, reasoning=counts, cached=counts)
citations = st.builds(Citation, st.sampled_from(["document", "web"]), texts, texts, texts)
limits = st.lists(
    st.builds(
        RateLimit,
        st.sampled_from(["all", "requests", "input-tokens"]),
        st.integers(0, 10**9).map(float),
        st.none() | st.integers(0, 10**9).map(float),
        st.none() | st.sampled_from(["1s", "2026-01-01T00:00:00Z"]),
    ),
    max_size=2,
    unique_by=lambda limit: limit.subject,
).map(tuple)


@st.composite
def replies(draw: st.DrawFn, *, streamed: bool) -> Reply:
    """Any reply without a fault, in canonical form."""
    place = draw(st.sampled_from(["", "thinking", "redacted_thinking"]))
    made = untyped.map(lambda value: json.dumps(value, ensure_ascii=False))
    made_calls = st.builds(ToolCall, names, names, made | names if streamed else made)
    calls = draw(st.lists(made_calls, max_size=3, unique_by=lambda call: call.id).map(tuple))
    raw = draw(st.sampled_from(sorted(FINISH)) | names)
    finish = draw(st.sampled_from([ABSENT, None, FINISH.get(raw, "unknown")]))
    if finish == ("stop" if calls else "tool_calls"):
        finish = None
    text = draw(st.just(ABSENT) | texts)
    reasoning = draw(texts) if place == "thinking" else ""
    proof = draw(names)
    signed = {
        "thinking": Other("thinking", {"thinking": reasoning, "signature": proof}),
        "redacted_thinking": Other("redacted_thinking", {"data": proof}),
    }
    return Reply(
        text=text,
        reasoning=reasoning if place else ABSENT,
        reasoning_place=place,
        echo=(signed[place],) if place and draw(st.booleans()) else (),
        tool_calls=calls,
        server_tools=draw(st.lists(names, max_size=2).map(tuple)),
        citations=() if text is ABSENT else draw(st.lists(citations, max_size=2).map(tuple)),
        refusal=draw(st.none() | names),
        finish=finish,
        finish_raw=raw if isinstance(finish, str) else "",
        usage=draw(st.sampled_from([ABSENT, None]) | usages),
        model=draw(st.sampled_from([ABSENT, None]) | texts),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=300)
@given(replies(streamed=False))
def test_a_reply_comes_back_from_its_body(reply: Reply) -> None:
    """Absent, null and value stay apart in every field, and nothing about it is odd."""
    response = CODEC.encode_reply(reply, stream=False)
    assert decode(response) == reply
    assert not unknown_fields(response, CODEC.known)


@settings(max_examples=300)
@given(replies(streamed=True), st.integers(0, 9))
def test_a_reply_comes_back_from_its_stream(reply: Reply, pieces: int) -> None:
    """In however many pieces its text comes, and whatever the text of arguments is."""
    sent = dataclasses.replace(reply, streamed=True, deltas=pieces)
    response = CODEC.encode_reply(sent, stream=True)
    read = decode(response, STREAM)
    assert dataclasses.replace(read, deltas=0) == dataclasses.replace(sent, deltas=0)
    assert bool(read.deltas) == bool(reply.text or reply.reasoning or reply.tool_calls)
    assert not unknown_fields(response, CODEC.known)


def test_the_number_of_pieces_is_kept() -> None:
    """A stream can be told from one that came as a whole."""
    reply = Reply(text="abcdefghij", finish="stop", finish_raw="end_turn", complete=True, streamed=True, deltas=5)
    assert decode(CODEC.encode_reply(reply, stream=True), STREAM) == reply


def test_a_neutral_finish_is_written_in_the_words_of_the_wire() -> None:
    """Where the raw one is not known."""
    for neutral, raw in (("stop", "end_turn"), ("length", "max_tokens"), ("error", "error"), ("pending", "pause_turn")):
        body = json.loads(CODEC.encode_reply(Reply(text="a", finish=neutral), stream=False).body)  # type: ignore[arg-type]
        assert body["stop_reason"] == raw


refusals = st.builds(ApiError, st.just("body"), st.just(200), names, type=names)


@given(refusals)
def test_an_error_inside_a_200_comes_back(error: ApiError) -> None:
    """In a body and in a stream, after the text that came before it."""
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    sent = Reply(text="abc", error=dataclasses.replace(error, where="stream"), streamed=True, deltas=1)
    response = CODEC.encode_reply(sent, stream=True)
    assert decode(response, STREAM) == sent
    assert b"event: error\n" in response.body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_refusal_comes_back_from_its_status(status: int, kind: str) -> None:
    """Its type is the one that this format has for the status, whatever another would call it."""
    error = ApiError("status", status, "no", type="server_error", code="c", param="p")
    assert decode(CODEC.encode_error(error)) == Reply(error=ApiError("status", status, "no", type=kind))


# --- whole replies


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([text_block("a"), text_block("b")], ("ab", ABSENT, "")),
        ([SIGNED, text_block("a")], ("a", "hm", "thinking")),
        ([SIGNED, text_block("a"), SIGNED], ("a", "hmhm", "thinking")),
        ([{"type": "thinking", "thinking": "", "signature": "s"}, text_block("a")], ("a", "", "thinking")),
        ([{"type": "redacted_thinking", "data": "x"}, text_block("a")], ("a", "", "redacted_thinking")),
        ([{"type": "redacted_thinking", "data": "x"}, SIGNED], (ABSENT, "hm", "thinking")),
        ([], (ABSENT, ABSENT, "")),
        ([text_block("")], ("", ABSENT, "")),
    ],
)
def test_text_and_reasoning_are_told_apart(blocks: list[Any], expected: tuple[Any, ...]) -> None:
    """By the types of their blocks."""
    reply = whole(message(*blocks))
    assert (reply.text, reply.reasoning, reply.reasoning_place) == expected
    assert (reply.oddities, reply.error) == ((), None)


def test_tools_of_the_server_and_citations_are_seen() -> None:
    """Each use, and each source with what it stands behind."""
    cited = [
        {"type": "char_location", "cited_text": "q", "document_title": None, "document_index": 0},
        {"type": "page_location", "cited_text": "q", "document_title": "t"},
        {"type": "content_block_location", "cited_text": "q", "document_title": "t"},
        {"type": "search_result_location", "cited_text": "q", "title": "t", "source": "s"},
        {"type": "web_search_result_location", "cited_text": "q", "title": "t", "url": "u"},
    ]
    reply = whole(message(SEARCH, FOUND, text_block("a", citations=cited), text_block("b", citations=None)))
    assert reply.server_tools == ("web_search",)
    assert reply.citations == (
        Citation("document", quote="q"),
        Citation("document", "t", quote="q"),
        Citation("document", "t", quote="q"),
        Citation("document", "t", "s", "q"),
        Citation("web", "t", "u", "q"),
    )
    assert (reply.text, reply.oddities) == ("ab", ())


def test_calls_and_usage_are_read() -> None:
    """Arguments become JSON text; thinking tokens are part of the output."""
    usage = {
        "input_tokens": 3,
        "output_tokens": 5,
        "cache_read_input_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    reply = whole(message(use(input={"a": "ü", "b": [1]}), stop_reason="tool_use", usage=usage, model="m"))
    assert reply.tool_calls == (ToolCall("c1", "f", '{"a": "ü", "b": [1]}'),)
    assert (reply.finish, reply.finish_raw, reply.model) == ("tool_calls", "tool_use", "m")
    assert reply.usage == Usage(3, 5, reasoning=2, cached=7)
    assert reply.reasoned


def test_a_refusal_is_explained() -> None:
    """Where the wire does."""
    details = {"type": "refusal", "category": "bio", "explanation": "no"}
    reply = whole(message(stop_reason="refusal", stop_details=details))
    assert (reply.finish, reply.refusal) == ("content_filter", "no")
    assert whole(message(stop_reason="refusal", stop_details=None)).refusal is None


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (message(text_block("a"), type="completion"), "type is not message"),
        (message(text_block("a"), 7), "a content block that is not an object with a type"),
        (message(text_block("a"), {"type": 7}), "a content block that is not an object with a type"),
        (message(text_block("a"), {"type": "song"}), "a content block of an unknown type"),
        (message({"type": "text"}), "a text block without text"),
        (message({"type": "text", "text": 7}), "text is not a string"),
        (message(text_block("a"), {"type": "thinking", "thinking": "hm"}), "a thinking block without a signature"),
        (message(text_block("a"), stop_reason=""), "stop_reason is empty"),
        (message(text_block("a"), stop_reason=7), "stop_reason is not a string"),
        (message(text_block("a"), stop_reason="tool_use"), "stop_reason tells of tool calls that are not there"),
        (message(use()), "stop_reason is end_turn although tools are called"),
        (message(use(id=""), stop_reason="tool_use"), "tool call without an id"),
        (message(use(name=""), stop_reason="tool_use"), "tool call without a name"),
        (message(use(), use(), stop_reason="tool_use"), "tool calls share an id"),
        (message(use(input=None), stop_reason="tool_use"), "tool call without input"),
        (message(use(input="{}"), stop_reason="tool_use"), "tool call input is not an object"),
        (message(use(input=[1]), stop_reason="tool_use"), "tool call input is not an object"),
        (message(text_block("a"), model=7), "model is not a string"),
        (message(text_block("a"), usage=[]), "usage is not an object"),
        (message(text_block("a"), usage={"input_tokens": 7.0}), "a token count is not an integer"),
        (message(text_block("a"), usage={"output_tokens": 10**30}), "a token count beyond all measure"),
    ],
)
def test_oddities_of_a_body_are_named(body: Any, oddity: str) -> None:
    """And it is a reply all the same."""
    reply = whole(body)
    assert reply.oddities == (oddity,)
    assert (reply.error, reply.complete) == (None, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "without a body"),
        (b"<html><title>Sorry</title></html>", "an HTML page: Sorry"),
        (b"not json", "not JSON: not json"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "without content"),
        (b'{"detail":"no such model"}', "no such model"),
        (b'{"content":"a"}', "without content"),
        (b'{"choices":[{"message":{"content":"a"}}]}', "without content"),
        (b'{"error":"overloaded"}', "overloaded"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}', "overloaded"),
    ],
)
@pytest.mark.parametrize("headers", [JSON, SSE])
def test_a_200_that_is_no_reply_is_an_error(body: bytes, words: str, headers: Headers) -> None:
    """Under either content type: failed streams are often answered with bare JSON."""
    if not body and headers == SSE:
        words = "an empty stream"
    error = decode(HttpResponse(200, headers, body), STREAM).error
    assert error is not None
    assert words in error.message
    assert (error.where, error.status) == ("stream" if words == "an empty stream" else "body", 200)


def test_what_was_not_asked_for_is_odd() -> None:
    """A body in place of a stream, and the reverse."""
    assert whole(message(text_block("a")), STREAM).oddities == ("a JSON body although a stream was asked for",)
    assert stream(begin(), *HELLO, ending(), STOP, call=PLAIN).oddities == ("a stream although none was asked for",)
    typed = decode(HttpResponse(200, JSON, events(begin(), *HELLO, ending(), STOP)), STREAM)
    assert typed.oddities == ("a stream under another content type",)


def test_the_wait_and_the_limits_are_read() -> None:
    """From the headers of a refusal."""
    headers = (
        ("retry-after", "7"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
    )
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"r"}'
    reply = decode(HttpResponse(429, headers, body))
    assert reply.error == ApiError("status", 429, "slow down", type="rate_limit_error", retry_after=7)
    assert reply.limits == (RateLimit("requests", 50, 0),)


# --- streams


def test_a_stream_as_it_is_documented() -> None:
    """Blocks of all kinds, usage from both ends, and signs of life between them."""
    cited = {"type": "char_location", "cited_text": "q", "document_title": "t"}
    reply = stream(
        begin(usage={"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 2}),
        opened(0, {"type": "thinking", "thinking": "", "signature": ""}),
        {"type": "ping"},
        delta(0, "thinking", thinking="h"),
        delta(0, "thinking", thinking="m"),
        delta(0, "signature", signature="s=="),
        closed(0),
        opened(1, {**SEARCH, "input": {}}),
        delta(1, "input_json", partial_json='{"query":"q"}'),
        closed(1),
        opened(2, FOUND),
        closed(2),
        opened(3, text_block("", citations=[])),
        delta(3, "citations", citation=cited),
        delta(3, "text", text="a"),
        closed(3),
        opened(4, use(input={})),
        delta(4, "input_json", partial_json=""),
        delta(4, "input_json", partial_json='{"a"'),
        delta(4, "input_json", partial_json=":1}"),
        closed(4),
        opened(5, use(id="c2", input={})),
        delta(5, "input_json", partial_json=""),
        closed(5),
        ending("tool_use", usage={"input_tokens": None, "output_tokens": 4}),
        STOP,
    )
    assert reply == Reply(
        text="a",
        reasoning="hm",
        reasoning_place="thinking",
        echo=(Other("thinking", {"thinking": "hm", "signature": "s=="}),),
        tool_calls=(ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "f", "{}")),
        server_tools=("web_search",),
        citations=(Citation("document", "t", quote="q"),),
        finish="tool_calls",
        finish_raw="tool_use",
        usage=Usage(9, 4, cached=2),
        model="m",
        deltas=7,
        streamed=True,
        complete=True,
    )


@pytest.mark.parametrize(
    ("said", "oddity"),
    [
        ([begin(), begin(), *HELLO, ending(), STOP], "message_start is not the first event"),
        ([{"type": "message_start"}, *HELLO, ending(), STOP], "message_start without a message"),
        (
            [begin(), opened(1, text_block("Hello")), closed(1), ending(), STOP],
            "content block indexes do not count from 0",
        ),
        ([begin(), *HELLO, opened(1, 7), closed(1), ending(), STOP], "content_block_start without a block"),
        ([begin(), *HELLO, {"type": "content_block_delta", "index": 0}, ending(), STOP], "a delta of an unknown type"),
        ([begin(), *HELLO, delta(0, "song", text="x"), ending(), STOP], "a delta of an unknown type"),
        (
            [begin(), delta(0, "text", text="Hello"), closed(0), ending(), STOP],
            "a delta for a block that was not started",
        ),
        ([begin(), *HELLO[:2], delta(0, "text", text="lo"), ending(), STOP], "a content block that is not ended"),
        (
            [begin(), *HELLO[:2], closed(0), delta(0, "text", text="lo"), ending(), STOP],
            "a delta after the end of its block",
        ),
        ([begin(), *HELLO, closed(1), ending(), STOP], "content_block_stop without a block"),
        ([begin(), *HELLO, {"type": "message_delta"}, ending(), STOP], "message_delta without a delta"),
        ([begin(), *HELLO, ending(), ending(), STOP], "stop_reason repeated"),
        ([begin(), *HELLO[:2], ending(), *HELLO[2:], STOP], "content after stop_reason"),
        ([begin(), *HELLO, {"type": "news"}, ending(), STOP], "an event of an unknown type"),
        ([begin(), *HELLO, ending(), STOP, {"type": "ping"}], "data after message_stop"),
        ([begin(), *HELLO, 7, ending(), STOP], "an event that is not an object"),
        ([begin(), *HELLO, ending()], "no message_stop"),
    ],
)
def test_oddities_of_a_stream_are_named(said: list[Any], oddity: str) -> None:
    """And its text is read as it was meant."""
    reply = stream(*said)
    assert oddity in reply.oddities
    assert len(reply.oddities) == (2 if "without a block" in oddity and "start" in oddity else 1)
    assert (reply.text, reply.error, reply.complete) == ("Hello", None, True)


def test_a_delta_that_does_not_fit_is_kept_apart() -> None:
    """Text in a block of thoughts is text."""
    reply = stream(begin(), opened(0, SIGNED), delta(0, "text", text="a"), closed(0), ending(), STOP)
    assert (reply.text, reply.reasoning) == ("a", "hm")
    assert reply.oddities == ("a delta that does not fit its block",)


def test_events_without_names_are_odd() -> None:
    """The official clients pass them over."""
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in (begin(), *HELLO, ending(), STOP))
    reply = decode(HttpResponse(200, SSE, body.encode()), STREAM)
    assert (reply.text, reply.complete, reply.oddities) == ("Hello", True, ("an event without a name",))
    wrong = events(begin(), *HELLO, ending(), STOP).replace(b"event: message_stop", b"event: bye")
    assert decode(HttpResponse(200, SSE, wrong), STREAM).oddities == ("an event whose name and type differ",)


def test_an_event_that_is_not_json_is_odd() -> None:
    """The rest is read."""
    body = events(begin(), *HELLO) + b"event: ping\ndata: {\n\n" + events(ending(), STOP)
    reply = decode(HttpResponse(200, SSE, body), STREAM)
    assert (reply.text, reply.oddities) == ("Hello", ("an event that is not JSON",))


def test_an_error_event_ends_a_stream() -> None:
    """What came before it is kept."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    reply = stream(begin(), *HELLO, error)
    assert reply.error == ApiError("stream", 200, "Overloaded", type="overloaded_error")
    assert (reply.text, reply.complete, reply.oddities) == ("Hello", False, ())
    plain = decode(HttpResponse(200, SSE, b"event: error\ndata: oh no\n\n"), STREAM)
    assert plain.error is not None
    assert plain.error.message == "oh no"


def test_a_stream_without_an_end_is_not_complete() -> None:
    """An oddity where something was said, an error where nothing was."""
    reply = stream(begin(), *HELLO)
    assert (reply.text, reply.complete, reply.error) == ("Hello", False, None)
    assert NO_END in reply.oddities
    silent = stream(begin())
    assert (silent.error, silent.complete) == (ApiError("stream", 200, NO_END), False)


@pytest.mark.parametrize(
    ("response", "failure", "words"),
    [
        (HttpResponse(200, JSON, b'{"content":[{'), TransportFailure("reset", "peer closed"), "reset: peer closed"),
        (HttpResponse(200, JSON, b'{"content":[{', truncated=True), None, "cut at the size limit"),
        (HttpResponse(200, SSE, events(begin(), *HELLO)), TransportFailure("timeout", "x"), "timeout: x"),
        (HttpResponse(200, SSE, events(begin(), *HELLO, ending()), truncated=True), None, "cut at the size limit"),
        (None, TransportFailure("connect", "no"), "connect: no"),
    ],
)
def test_a_reply_that_was_cut_off_is_an_error(
    response: HttpResponse | None, failure: TransportFailure | None, words: str
) -> None:
    """Whatever it had said until then."""
    reply = decode(response, STREAM, failure)
    assert reply.error is not None
    assert words in reply.error.message
    assert not reply.complete


def test_a_fault_after_the_end_is_none() -> None:
    """Everything was there."""
    reply = decode(
        HttpResponse(200, SSE, events(begin(), *HELLO, ending(), STOP)), STREAM, TransportFailure("reset", "x")
    )
    assert (reply.error, reply.complete) == (None, True)


# --- fields that are not understood


def test_a_new_field_is_noticed() -> None:
    """Wherever it stands; what a server tool found is not the model's word."""
    body = message(text_block("a", mood="good"), FOUND, usage={"input_tokens": 1, "sighs": 2}, aura="blue")
    found = unknown_fields(HttpResponse(200, JSON, json.dumps(body).encode()), CODEC.known)
    assert found == {"content[].mood": 1, "usage.sighs": 1, "aura": 1}
    streamed = events(begin(aura="blue"), opened(0, text_block("", mood="good")), delta(0, "text", text="a", pad="x"))
    found = unknown_fields(HttpResponse(200, SSE, streamed), CODEC.known)
    assert found == {"message.aura": 1, "content_block.mood": 1, "delta.pad": 1}


# --- the list of models


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"data": [{"id": "a", "type": "model"}, {"id": "b"}, {"id": "a"}], "has_more": False},
            [("a", {"id": "a", "type": "model"}), ("b", {"id": "b"})],
        ),
        ([{"id": "a"}], [("a", {"id": "a"})]),
        ({"data": []}, []),
    ],
)
def test_models_are_listed_once_in_order(body: Any, expected: list[tuple[str, Any]]) -> None:
    """And come back from the list that is written."""
    listed = CODEC.decode_models(HttpResponse(200, JSON, json.dumps(body).encode()))
    assert [(one.id, one.declared) for one in listed] == expected
    assert CODEC.decode_models(CODEC.encode_models(listed)) == tuple(Listed(one.id, one.declared) for one in listed)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b"7", b"[" * 100_000])
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    """With a word on what it was."""
    with pytest.raises(DecodeError):
        CODEC.decode_models(HttpResponse(200, JSON, body))


# --- nothing makes it raise

FULL_REPLY = message(
    SIGNED,
    {"type": "redacted_thinking", "data": "x"},
    SEARCH,
    FOUND,
    text_block("a", citations=[{"type": "char_location", "cited_text": "q", "document_title": "t"}]),
    use(),
    model="m",
    stop_reason="tool_use",
    stop_details={"type": "refusal", "explanation": "e"},
    usage={"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
)
FULL_STREAM = [
    begin(usage={"input_tokens": 1}, content=[text_block("x")]),
    opened(1, {"type": "thinking", "thinking": "", "signature": ""}),
    delta(1, "thinking", thinking="a"),
    delta(1, "signature", signature="a"),
    closed(1),
    opened(2, text_block("", citations=[])),
    delta(2, "text", text="a"),
    delta(2, "citations", citation={"type": "char_location", "cited_text": "q"}),
    opened(3, use(input={})),
    delta(3, "input_json", partial_json="{}"),
    ending("tool_use", usage={"output_tokens": 2}),
    STOP,
]

wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just(10**400)
    | st.just("\ud83d"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "type", "id", "error", "index", "name", "content", "input"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every node of ``value``."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], by)
    return changed


def with_a_wild_node(value: Any) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(list(places(value))), wild).map(lambda found: replaced(value, *found))


def is_sound(reply: Reply) -> None:
    """The types are those that are promised, and all text can be written."""
    for text in (reply.text, reply.reasoning, reply.model):
        assert text is ABSENT or text is None or isinstance(text, str)
    for call in reply.tool_calls:
        assert all(isinstance(text, str) for text in (call.id, call.name, call.arguments))
    for citation in reply.citations:
        assert all(isinstance(text, str) for text in (citation.title, citation.url, citation.quote))
    assert all(isinstance(name, str) for name in reply.server_tools)
    if isinstance(reply.usage, Usage):
        for name in ("input", "output", "total", "reasoning", "cached"):
            assert getattr(reply.usage, name) in (ABSENT, None) or type(getattr(reply.usage, name)) is int
    assert len(set(reply.oddities)) == len(reply.oddities)
    repr(reply).encode()


@settings(max_examples=500)
@given(with_a_wild_node(FULL_REPLY))
def test_a_body_with_anything_anywhere_can_be_read(body: Any) -> None:
    """Wrong types are oddities or errors, never exceptions."""
    is_sound(whole(body))


@settings(max_examples=500)
@given(with_a_wild_node(FULL_STREAM))
def test_a_stream_with_anything_anywhere_can_be_read(said: Any) -> None:
    """The same for every event."""
    is_sound(stream(*(said if isinstance(said, list) else [said])))


def without_null(value: Any) -> Any:
    """``value`` without members that are null, which a merge patch cannot tell; lists keep theirs."""
    if not isinstance(value, dict):
        return value
    return {name: without_null(inner) for name, inner in value.items() if inner is not None}


@settings(max_examples=500)
@given(with_a_wild_node(FULL_REQUEST))
def test_a_request_with_anything_anywhere_is_read_or_refused(body: Any) -> None:
    """And what was read is sent again as it was, whatever was understood of it."""
    text = json.dumps(body)
    try:
        call = CODEC.decode_call(HttpRequest("POST", "/messages", JSON, text.encode()))
    except DecodeError:
        return
    request = CODEC.encode_call(call)
    if "NaN" not in text:
        expected = {name: x for name, x in json.loads(text).items() if (name, x is False) != ("stream", True)}
        assert without_null(json.loads(request.body)) == without_null(expected)
        assert CODEC.decode_call(request) == call


@given(
    st.binary(max_size=200) | st.sampled_from([events(*FULL_STREAM), json.dumps(FULL_REPLY).encode()]),
    st.sampled_from([200, 200, 200, 204, 404, 500]),
    st.sampled_from([(), JSON, SSE, (("content-type", ""),)]),
    st.integers(0, 2000),
)
def test_any_answer_can_be_read(body: bytes, status: int, headers: Headers, cut: int) -> None:
    """Arbitrary bytes, and good answers cut anywhere."""
    reply = decode(HttpResponse(status, headers, body[:cut]), STREAM)
    is_sound(reply)
    assert reply.error is not None or reply.complete or NO_END in reply.oddities


@pytest.mark.parametrize("depth", [100, 300, 900, 5000, 100_000])
@pytest.mark.parametrize(
    "frame",
    [
        '{"content":[%s]}',
        '{"content":[{"type":"text","text":%s}]}',
        '{"content":[{"type":"tool_use","id":"c","name":"f","input":%s}]}',
        '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":%s}}',
        '{"type":"message_delta","delta":%s}',
        '{"error":%s}',
        '{"type":"error","error":{"message":%s}}',
    ],
)
def test_deep_nesting_is_no_reason_to_fall_over(frame: str, depth: int) -> None:
    """At any place, whole, streamed, and with an HTTP error; nor in a request."""
    body = frame % ("[" * depth + "]" * depth)
    for answer in (
        HttpResponse(200, JSON, body.encode()),
        HttpResponse(400, JSON, body.encode()),
        HttpResponse(200, SSE, f"event: x\ndata: {body}\n\n".encode() + events(STOP)),
    ):
        is_sound(decode(answer, STREAM))
    request = '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":%s}]}]}'
    deep = HttpRequest("POST", "/messages", JSON, (request % ('{"a":' * depth + "1" + "}" * depth)).encode())
    if depth < 500:
        assert CODEC.decode_call(deep).messages[0].tool_calls[0].arguments.count("a") == depth
    elif depth > 1000:
        with pytest.raises(DecodeError, match=r"recursion|deep"):
            CODEC.decode_call(deep)


def test_parts_have_no_empty_kind_of_their_own() -> None:
    """So that a part without a kind always belongs to the one before it."""
    content: tuple[Part, ...] = (Text("a"), Other("", {"cache_control": {"type": "ephemeral"}}), Text("b"))
    written = again(Call("m", (Message("user", content),)))["messages"][0]["content"]
    assert written == [text_block("a", cache_control={"type": "ephemeral"}), text_block("b")]
