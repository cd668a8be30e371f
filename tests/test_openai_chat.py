"""The chat completions codec: what is written is read again, what is odd is named, and nothing makes it raise."""

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
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects import dialect
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.known import unknown_fields
from llmprobe.dialects.openai_chat.parts import FORMS
from llmprobe.dialects.openai_chat.reply import FINISH, PARTS, TIMINGS
from llmprobe.dialects.openai_chat.stream import NO_END
from llmprobe.dialects.openai_chat.thinking import IN_PATCH
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Citation, Media, RateLimit, Reply, TokenLogprob, Usage

CODEC = dialect("openai-chat")
SSE = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)
PLAIN = Call("m", (Message("user", "hi"),))
STREAM = dataclasses.replace(PLAIN, stream=True)


def decode(
    response: HttpResponse | None, call: Call | HttpRequest = PLAIN, failure: TransportFailure | None = None
) -> Reply:
    """What ``response`` says to ``call``."""
    request = CODEC.encode_call(call) if isinstance(call, Call) else call
    return CODEC.decode_reply(Exchange("a/plain/sync/text", 0, 0, request, response, failure, 1767225600.0, 1.0))


def whole(body: Any, call: Call = PLAIN) -> Reply:
    """The reply in a JSON body."""
    return decode(HttpResponse(200, JSON, json.dumps(body).encode()), call)


def message(**fields: Any) -> dict[str, Any]:
    """A whole reply with this message; ``finish_reason`` belongs to the choice."""
    finish = fields.pop("finish_reason", "stop")
    return {"choices": [{"index": 0, "message": {"role": "assistant"} | fields, "finish_reason": finish}]}


def events(*data: str) -> bytes:
    return "".join(f"data: {one}\n\n" for one in data).encode()


def stream(*chunks: Any, done: bool = True, call: Call = STREAM) -> Reply:
    """The reply in a stream of these chunks."""
    body = events(*map(json.dumps, chunks), *(["[DONE]"] if done else []))
    return decode(HttpResponse(200, SSE, body), call)


def delta(**fields: Any) -> dict[str, Any]:
    finish = fields.pop("finish_reason", None)
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


END = delta(finish_reason="stop")


# --- round trips of calls

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\n", "\r\n", "\u2028", "😀", '"\\', "\x00", "[DONE]", '"stream":true', "data: x\n\n"]
)
names = texts.filter(bool)
plain_json = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner | st.none(), max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
"""JSON without null as a member: in a merge patch that would delete."""
objects = st.dictionaries(texts, plain_json | st.none(), max_size=3)


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != name}


others = st.builds(
    Other,
    st.sampled_from(["file", "input_audio", "document_url", "video_url", ""]),
    objects.map(lambda value: without(value, "type")),
)
tool_calls = st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple)


def images(form: str) -> st.SearchStrategy[Image]:
    """Pictures that can stand in ``form``."""
    detail = st.sampled_from([""] if form == "string" else ["", "low", "x"])
    inline = st.builds(Image, data=texts, media_type=st.sampled_from(["image/png", "", "image/x;y=1"]), detail=detail)
    urls = st.sampled_from(["https://x.test/a.png", "data:text/plain,hello", "data:", "x"])
    return inline | st.builds(Image, url=urls, detail=detail)


def files(kind: str, form: str) -> st.SearchStrategy[File]:
    """Files that can stand in ``form``: not every form has a word for the media type, for a name, or for an address."""
    types = {
        "audio": ["audio/wav", "audio/mpeg", "audio/x"],
        "video": ["video/mp4"],
        "document": ["application/pdf", ""],
    }
    typed = [""] if form == "bare string" else [*types[kind], ""] if form == "input_audio" else types[kind]
    named = texts if kind == "document" or form == "file" else st.just("")
    data = st.sampled_from(["", "AAAA", "UklGRg=="])
    inline = st.builds(File, st.just(kind), data, st.sampled_from(typed), name=named)
    if form == "file" and kind != "document":
        return inline
    media_type = st.sampled_from(typed if form == "input_audio" else [""])
    urls = st.sampled_from(["https://x.test/a", "http://x.test/é?b=c"])
    return inline | st.builds(File, st.just(kind), media_type=media_type, url=urls, name=named)


def messages(forms: dict[str, str]) -> st.SearchStrategy[Message]:
    """Messages whose parts stand in ``forms``."""
    attached = st.one_of([files(kind, form) for kind, form in forms.items() if kind != "image"])
    parts = st.lists(st.builds(Text, texts) | images(forms["image"]) | attached | others, max_size=3)
    return st.builds(
        Message,
        st.sampled_from(["system", "user", "assistant", "tool"]),
        st.none() | texts | parts.map(tuple),
        tool_calls,
        st.none() | texts,
        st.none() | texts,
        texts,
    )


def kinds_in(call: Call) -> set[str]:
    """The kinds of parts in ``call`` that have several forms."""
    parts = [part for one in call.messages if isinstance(one.content, tuple) for part in one.content]
    return {part.kind if isinstance(part, File) else "image" for part in parts if isinstance(part, (File, Image))}


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)
KNOWN = {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}
KNOWN |= {"response_format", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"}
KNOWN |= {"logprobs", "top_logprobs"}
KNOWN |= {"reasoning_effort", "chat_template_kwargs", "thinking", "enable_thinking", "reasoning"}
KNOWN |= {"random_seed", "n_predict", "chat_template_args", "disable_reasoning", "prompt_mode", "reasoning_format"}
choices: list[ToolChoice | None] = [None, "auto", "none", "required", NamedTool("f"), NamedTool("")]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that this dialect can say, its spellings in canonical form."""
    formats = st.none() | st.just(JsonObject()) | st.builds(JsonSchema, texts, objects, st.none() | st.booleans())
    tools = st.builds(Tool, texts, texts, objects, st.none() | st.booleans())
    server_tools = st.builds(
        ServerTool, names.filter(lambda kind: kind != "function"), objects.map(lambda one: without(one, "type"))
    )
    forms = {kind: draw(st.sampled_from(ways)) for kind, ways in FORMS.items()}
    call = Call(
        draw(names),
        draw(st.lists(messages(forms), max_size=3).map(tuple)),
        stream=draw(st.booleans()),
        include_usage=draw(st.booleans()),
        tools=draw(st.lists(tools, max_size=2).map(tuple)),
        server_tools=draw(st.lists(server_tools, max_size=2).map(tuple)),
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tool_calls=draw(st.none() | st.booleans()),
        response_format=draw(formats),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        seed=draw(st.none() | st.integers(-(2**63), 2**63)),
        stop=draw(st.lists(texts, max_size=4).map(tuple)),
        top_logprobs=draw(st.none() | st.integers(0, 20)),
        thinking=draw(st.none() | st.booleans()),
        patch=draw(st.dictionaries(texts.filter(lambda name: name not in KNOWN), plain_json, max_size=2)),
    )
    used = {
        "max_tokens": call.max_tokens is not None,
        "schema": isinstance(call.response_format, JsonSchema),
        "stop": len(call.stop) == 1,
        "thinking": call.thinking is not None,
        "seed": call.seed is not None,
        "tool_choice": call.tool_choice == "required",
    }
    ways = {**FORMS, **CODEC.spellings}
    chosen = {name: draw(st.sampled_from(ways[name])) for name, is_used in used.items() if is_used}
    chosen |= {kind: forms[kind] for kind in kinds_in(call)}
    spelling = sorted((name, way) for name, way in chosen.items() if way != ways[name][0])
    return dataclasses.replace(call, spelling=tuple(spelling))


@settings(max_examples=300)
@given(calls())
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Every field, every spelling, and what has no word here."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert (request.method, request.url) == ("POST", "/chat/completions")


def asked(body: dict[str, Any]) -> Call:
    return CODEC.decode_call(HttpRequest("POST", "/chat/completions", JSON, json.dumps(body).encode()))


FULL_REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
    },
    "max_tokens": 16,
    "stop": ["X"],
    "logprobs": True,
    "top_logprobs": 2,
    "temperature": 0.5,
    "seed": 1,
    "reasoning_effort": "low",
    "user": "u",
}


def test_a_full_request_is_understood() -> None:
    """The documented fields by name, the rest as a patch."""
    call = asked(FULL_REQUEST)
    assert call == Call(
        "m",
        (
            Message("system", "be brief"),
            Message(
                "user",
                (
                    Text("what is this?"),
                    Image("AAAA", "image/png"),
                    File("document", "AAAA", "application/pdf", name="a.pdf"),
                ),
            ),
            Message("assistant", None, (ToolCall("c1", "f", "{}"),), reasoning="hm"),
            Message("tool", "7", tool_call_id="c1"),
        ),
        stream=True,
        include_usage=True,
        tools=(Tool("f", "d", {"type": "object"}),),
        tool_choice=NamedTool("f"),
        response_format=JsonSchema("s", {"type": "object"}, True),
        max_tokens=16,
        temperature=0.5,
        seed=1,
        stop=("X",),
        top_logprobs=2,
        thinking=True,
        patch={"user": "u"},
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tools": [{"type": "function"}, {"type": "browser_search"}]},
        {"tools": [{"type": "web_search"}, 7]},
        {"web_search_options": {}},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_schema", "json_schema": {"type": "object"}}},
        {"response_format": {"type": "json_object", "json_schema": {"name": "s", "schema": {}}}},
        {"logprobs": True},
        {"logprobs": True, "top_logprobs": True},
        {"stop": []},
        {"stop": ["a", 1]},
        {"max_tokens": "16"},
        {"max_tokens": True},
        {"stream": "true"},
        {"stream_options": {"include_usage": False}},
        {"reasoning": {"exclude": True}},
        {"reasoning_format": "hidden"},
        {"reasoning_effort": 7, "thinking": [], "reasoning": 7, "enable_thinking": "yes"},
    ],
)
def test_fields_without_a_word_are_sent_again_as_they_were(fields: dict[str, Any]) -> None:
    """They land in the patch, whole."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    call = asked(body)
    assert call.patch == fields
    assert call.thinking is None
    assert json.loads(CODEC.encode_call(call).body) == body


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"reasoning_effort": "medium"}, True),
        ({"reasoning_effort": "default", "reasoning_format": "parsed"}, True),
        ({"reasoning_format": "parsed"}, True),
        ({"reasoning_format": "raw"}, True),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, True),
        ({"thinking": {"type": "adaptive"}}, True),
        ({"chat_template_kwargs": {"enable_thinking": False, "x": 1}}, False),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({"chat_template_args": {"enable_thinking": False}}, False),
        ({"reasoning": {"max_tokens": 2000}}, True),
        ({"reasoning": {"max_tokens": 0}}, False),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"effort": "high", "exclude": True}}, True),
        ({"reasoning": {"enabled": False, "exclude": True}}, False),
        ({"disable_reasoning": True}, False),
        ({"prompt_mode": "reasoning"}, True),
        ({"enable_thinking": [], "prompt_mode": "reasoning"}, True),
    ],
)
def test_thinking_is_understood_in_words_beyond_the_switches(fields: dict[str, Any], thinking: bool) -> None:
    """What is asked for is told, and the words are kept as they came."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    call = asked(body)
    assert (call.thinking, call.spelling, call.patch) == (thinking, (("thinking", IN_PATCH),), fields)
    assert json.loads(CODEC.encode_call(call).body) == body
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


def test_a_switch_counts_more_than_what_stands_beside_it() -> None:
    """And what stands beside it is kept."""
    call = asked({"messages": [{"role": "user"}], "thinking": {"type": "disabled"}, "reasoning_effort": "high"})
    assert (call.thinking, call.spelling) == (False, (("thinking", "thinking"),))
    assert call.patch == {"reasoning_effort": "high"}


PDF = "data:application/pdf;base64,AAAA"


@pytest.mark.parametrize(
    ("part", "expected", "spelling"),
    [
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
            File("document", "AAAA", "application/pdf", name="a.pdf"),
            (),
        ),
        ({"type": "file", "file": {"file_data": "https://x.test/a"}}, File("document", url="https://x.test/a"), ()),
        (
            {"type": "file", "file": {"filename": "a.aac", "file_data": "data:audio/aac;base64,AAAA"}},
            File("audio", "AAAA", "audio/aac", name="a.aac"),
            (("audio", "file"),),
        ),
        (
            {"type": "file", "file": {"filename": "a.mp4", "file_data": "data:video/mp4;base64,AAAA"}},
            File("video", "AAAA", "video/mp4", name="a.mp4"),
            (("video", "file"),),
        ),
        (
            {"type": "document_url", "document_url": "https://x.test/a"},
            File("document", url="https://x.test/a"),
            (("document", "document_url"),),
        ),
        (
            {"type": "document_url", "document_url": PDF, "document_name": "a.pdf"},
            File("document", "AAAA", "application/pdf", name="a.pdf"),
            (("document", "document_url"),),
        ),
        (
            {"type": "document_url", "document_url": {"url": PDF}},
            File("document", "AAAA", "application/pdf"),
            (("document", "document_url.url"),),
        ),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, File("audio", "AA", "audio/wav"), ()),
        ({"type": "input_audio", "input_audio": {"data": "A", "format": "mp3"}}, File("audio", "A", "audio/mpeg"), ()),
        ({"type": "input_audio", "input_audio": "AAAA"}, File("audio", "AAAA"), (("audio", "bare string"),)),
        (
            {"type": "input_audio", "input_audio": "https://x.test/a"},
            File("audio", url="https://x.test/a"),
            (("audio", "bare string"),),
        ),
        (
            {"type": "audio_url", "audio_url": {"url": "https://x.test/a"}},
            File("audio", url="https://x.test/a"),
            (("audio", "audio_url"),),
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            File("video", "AAAA", "video/mp4"),
            (),
        ),
        ({"type": "image_url", "image_url": "https://x.test/a"}, Image(url="https://x.test/a"), (("image", "string"),)),
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a", "detail": "low"}},
            Image(url="https://x.test/a", detail="low"),
            (),
        ),
    ],
)
def test_each_form_of_a_file_is_understood(
    part: dict[str, Any], expected: File | Image, spelling: tuple[tuple[str, str], ...]
) -> None:
    """And sent again in the form it came in."""
    body = {"messages": [{"role": "user", "content": [part]}]}
    call = asked(body)
    assert call.messages == (Message("user", (expected,)),)
    assert call.spelling == spelling
    assert json.loads(CODEC.encode_call(call).body) == body


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "file", "file": {"file_data": PDF, "x": 1}},
        {"type": "file", "file_id": "f1"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": 7}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mpeg"}, "x": None},
        {"type": "input_audio"},
        {"type": "document_url", "document_url": 7},
        {"type": "video_url", "video_url": "https://x.test/a"},
        {"type": "image_url", "image_url": {"url": 7}},
        {"type": "image_url", "image_url": {"url": "x", "detail": None}},
        {"type": "thinking", "thinking": []},
    ],
)
def test_a_part_without_a_word_is_sent_again_as_it_was(part: dict[str, Any]) -> None:
    """With all its fields."""
    body = {"messages": [{"role": "user", "content": [part]}]}
    call = asked(body)
    fields = {name: value for name, value in part.items() if name != "type"}
    assert call.messages == (Message("user", (Other(part["type"], fields),)),)
    assert json.loads(CODEC.encode_call(call).body) == body


def test_a_second_form_in_one_request_is_sent_again_as_it_was() -> None:
    """The first one is understood, the other is kept."""
    first, second = {"type": "input_audio", "input_audio": "AAAA"}, {"type": "audio_url", "audio_url": {"url": "x"}}
    body = {"messages": [{"role": "user", "content": [first, second, first]}]}
    call = asked(body)
    assert call.messages[0].content == (File("audio", "AAAA"), Other("audio_url", {"audio_url": {"url": "x"}}),
                                        File("audio", "AAAA"))  # fmt: skip
    assert json.loads(CODEC.encode_call(call).body) == body


def test_a_document_of_plain_text_is_sent_as_text() -> None:
    """There is no other word for it here."""
    call = Call("m", (Message("user", (File("document", text="abc", media_type="text/plain"),)),))
    assert CODEC.decode_call(CODEC.encode_call(call)).messages == (Message("user", (Text("abc"),)),)


def test_tools_of_the_server_stand_behind_the_functions() -> None:
    """Each kind is understood; a list of both has the functions first."""
    function = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
    search = {"type": "web_search", "x": {"y": None}}
    call = asked({"messages": [{"role": "user"}], "tools": [search, function, {"type": "browser_search"}]})
    assert call.tools == (Tool("f", "", {"type": "object"}, True),)
    assert call.server_tools == (ServerTool("web_search", {"x": {"y": None}}), ServerTool("browser_search"))
    assert json.loads(CODEC.encode_call(call).body)["tools"] == [function, search, {"type": "browser_search"}]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"random_seed": 7}, {"seed": 7, "spelling": (("seed", "random_seed"),)}),
        ({"n_predict": 16}, {"max_tokens": 16, "spelling": (("max_tokens", "n_predict"),)}),
        ({"tool_choice": "any"}, {"tool_choice": "required", "spelling": (("tool_choice", "any"),)}),
        ({"seed": 1, "random_seed": 7}, {"seed": 1, "patch": {"random_seed": 7}}),
    ],
)
def test_other_names_of_a_field_are_understood(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """And the name is kept."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    call = asked(body)
    assert call == Call("m", (Message("user", "hi"),), **expected)
    assert json.loads(CODEC.encode_call(call).body) == body


def test_beside_calls_no_content_is_sent_where_there_is_none() -> None:
    """As the recorded requests have it; elsewhere it is null."""
    call = dataclasses.replace(PLAIN, messages=(Message("assistant", None, ONE), Message("assistant")))
    first, second = json.loads(CODEC.encode_call(call).body)["messages"]
    assert "content" not in first
    assert second["content"] is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "messages"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"messages":[]}', "model"),
        (b'{"model":5,"messages":[]}', "model"),
        (b'{"model":"m","messages":[7]}', "role"),
        (b'{"model":"m","messages":[{"role":"king"}]}', "king"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "content"),
        (b'{"model":"m","messages":[{"role":"user","content":[7]}]}', "part"),
        (b'{"model":"m","messages":[{"role":"user","tool_calls":7}]}', "tool_calls"),
    ],
)
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes, words: str) -> None:
    """With a word on what was found instead."""
    with pytest.raises(DecodeError, match=words):
        CODEC.decode_call(HttpRequest("POST", "/chat/completions", JSON, body))


def test_a_request_without_a_model_is_one_to_a_server_with_one_model() -> None:
    """It is sent again without one."""
    call = asked({"messages": [{"role": "user", "content": "hi"}]})
    assert call.model == ""
    assert "model" not in json.loads(CODEC.encode_call(call).body)


def test_half_a_surrogate_pair_can_be_sent() -> None:
    """A model may have written one, and its words are played back."""
    call = dataclasses.replace(PLAIN, messages=(Message("user", "\ud83d"),))
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


# --- round trips of replies

counts = st.sampled_from([ABSENT, None]) | st.integers(0, 10**9)
usages = st.builds(
    Usage, counts, counts, counts, counts, counts, st.sampled_from(["usage", "x_groq.usage", "choices[0].usage"])
)
usages |= st.builds(
    Usage, counts.filter(lambda count: count is not ABSENT), counts, cached=counts, place=st.just(TIMINGS)
)
floats = st.none() | st.floats(-100, 0)
logprobs = st.builds(TokenLogprob, texts, floats, st.lists(st.tuples(texts, floats), max_size=2).map(tuple))
odd_arguments = st.sampled_from(["{}", "{}{}", "11", "", "{", '{"a":1}{"a":1}', '""', "null"])
made_calls = st.lists(
    st.builds(ToolCall, names, names, texts | odd_arguments), max_size=3, unique_by=lambda call: call.id
).map(tuple)
limits = st.lists(
    st.builds(
        RateLimit,
        st.sampled_from(["all", "requests", "tokens", "tokens-5-minute"]),
        st.integers(0, 10**9).map(float),
        st.none() | st.integers(0, 10**9).map(float),
        st.none() | st.sampled_from(["1s", "2m59.56s"]),
    ),
    max_size=2,
    unique_by=lambda limit: limit.subject,
).map(tuple)
untagged = texts.filter(lambda text: "think>" not in text)
maybe_texts = st.sampled_from([ABSENT, None]) | untagged


addresses = st.sampled_from(["https://x.test/a", "x", "é"])
sources = st.lists(st.builds(Citation, st.just("web"), texts, addresses, texts), max_size=2).map(tuple)
pictures = st.lists(
    st.builds(Media, st.just("image"), st.sampled_from(["image/png", ""]), st.sampled_from(["", "AAAA"]))
    | st.builds(Media, st.just("image"), url=addresses),
    max_size=2,
)
sounds = st.lists(
    st.builds(Media, st.just("audio"), data=st.sampled_from(["", "AAA=", "AAAAAAAA"]), text=names), max_size=1
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply without a fault, in canonical form."""
    place = draw(st.sampled_from(["", "reasoning_content", "reasoning", "think"]))
    text, reasoning = draw(maybe_texts), draw(st.none() | untagged)
    if place == "think":  # blanks between the tag and the text belong to neither
        text, reasoning = draw(untagged).lstrip(), draw(untagged)
    calls = draw(made_calls)
    raw = draw(st.sampled_from(sorted(FINISH)) | names)
    finish = draw(st.sampled_from([ABSENT, None, FINISH.get(raw, "unknown")]))
    if finish == ("stop" if calls else "tool_calls"):
        finish = None
    return Reply(
        text=text,
        reasoning=reasoning if place else ABSENT,
        reasoning_place=place,
        tool_calls=calls,
        server_tools=draw(st.lists(names, max_size=3).map(tuple)),
        citations=draw(sources),
        media=(*draw(sounds), *draw(pictures)),
        refusal=draw(st.none() | names),
        finish=finish,
        finish_raw=raw if isinstance(finish, str) else "",
        usage=draw(st.sampled_from([ABSENT, None]) | usages),
        logprobs=draw(st.sampled_from([ABSENT, None]) | st.lists(logprobs, max_size=2).map(tuple)),
        model=draw(st.sampled_from([ABSENT, None]) | texts),
        fingerprint=draw(st.sampled_from([ABSENT, None]) | texts),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=300)
@given(replies())
def test_a_reply_comes_back_from_its_body(reply: Reply) -> None:
    """Absent, null and value stay apart in every field, and nothing about it is odd."""
    assert decode(CODEC.encode_reply(reply, stream=False)) == reply


@settings(max_examples=300)
@given(replies(), st.integers(0, 9))
def test_a_reply_comes_back_from_its_stream(reply: Reply, pieces: int) -> None:
    """In however many pieces its text comes."""
    sent = dataclasses.replace(reply, streamed=True, deltas=pieces)
    read = decode(CODEC.encode_reply(sent, stream=True), STREAM)
    assert dataclasses.replace(read, deltas=0) == dataclasses.replace(sent, deltas=0)
    carries = bool(reply.text or reply.reasoning or reply.tool_calls or reply.reasoning_place == "think")
    assert bool(read.deltas) == carries


def test_the_number_of_pieces_is_kept() -> None:
    """A stream can be told from one that came as a whole."""
    reply = Reply(text="abcdefghij", finish="stop", finish_raw="stop", complete=True, streamed=True, deltas=5)
    assert decode(CODEC.encode_reply(reply, stream=True), STREAM) == reply


refusals = st.builds(ApiError, st.just("body"), st.just(200), names, type=texts, code=texts, param=texts)


@given(refusals)
def test_an_error_inside_a_200_comes_back(error: ApiError) -> None:
    """In a body and in a stream, after the text that came before it."""
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    in_stream = dataclasses.replace(error, where="stream")
    sent = Reply(text="abc", error=in_stream, streamed=True, deltas=1)
    assert decode(CODEC.encode_reply(sent, stream=True), STREAM) == sent


@given(refusals, st.integers(400, 599))
def test_a_refusal_comes_back_from_its_status(error: ApiError, status: int) -> None:
    """As a status error."""
    error = dataclasses.replace(error, where="status", status=status)
    assert decode(CODEC.encode_error(error)) == Reply(error=error)


@pytest.mark.parametrize("wanted", [False, True])
def test_reasoning_in_parts_of_the_content_comes_back(wanted: bool) -> None:
    """As Mistral sends it; a list where others send a string is odd."""
    reply = Reply(
        text="Hi",
        reasoning="hm",
        reasoning_place=PARTS,
        finish="stop",
        finish_raw="stop",
        complete=True,
        streamed=wanted,
        deltas=int(wanted),
        oddities=("content is a list of parts",),
    )
    assert decode(CODEC.encode_reply(reply, stream=wanted), STREAM if wanted else PLAIN) == reply


# --- whole replies


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content": "<think>\nhm\n</think>\n\nHi"}, ("Hi", "hm", "think")),
        ({"content": "<think>hm"}, ("", "hm", "think")),
        ({"content": "hm\n</think>\n\nHi"}, ("Hi", "hm", "think")),
        ({"content": "I <think> so"}, ("I <think> so", ABSENT, "")),
        ({"content": "<think>a</think>b", "reasoning_content": None}, ("b", "a", "think")),
        ({"content": "<think>a</think>b", "reasoning": "c"}, ("<think>a</think>b", "c", "reasoning")),
        ({"content": "a", "reasoning_content": None, "reasoning": "r"}, ("a", "r", "reasoning")),
        ({"content": "a", "reasoning_content": None, "reasoning": ""}, ("a", None, "reasoning_content")),
        ({"content": "", "reasoning": "r"}, ("", "r", "reasoning")),
        ({"content": None}, (None, ABSENT, "")),
        ({}, (ABSENT, ABSENT, "")),
        ({"content": ["a", {"type": "text", "text": "b"}, {"type": "x"}, 7]}, ("ab", ABSENT, "")),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}]}, ("b", "hm", PARTS)),
        ({"content": [{"type": "thinking", "thinking": [{"text": "h"}, "m", 3]}]}, ("", "hm", PARTS)),
    ],
)
def test_text_and_reasoning_are_told_apart(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Wherever the reasoning stands, whole and streamed."""
    for reply in (whole(message(**fields)), stream(delta(**fields), END)):
        assert (reply.text, reply.reasoning, reply.reasoning_place) == expected
        assert reply.error is None


def test_tags_of_thoughts_are_found_across_deltas() -> None:
    """No server cuts its stream at the tags."""
    reply = stream(*(delta(content=piece) for piece in ("<thi", "nk>h", "m</th", "ink>", "\n", "Hi")), END)
    assert (reply.text, reply.reasoning, reply.reasoning_place, reply.deltas) == ("Hi", "hm", "think", 6)


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (message(content=7), "content is not a string"),
        (message(content=[]), "content is a list of parts"),
        (message(content="hm</think>a"), "</think> without <think>"),
        (message(content="a", reasoning_content=[]), "reasoning_content is not a string"),
        (message(content="a", refusal=True), "refusal is not a string"),
        (message(content="a", finish_reason=""), "finish_reason is empty"),
        (message(content="a", finish_reason=7), "finish_reason is not a string"),
        (message(content="a", finish_reason="tool_calls"), "finish_reason tells of tool calls that are not there"),
        (message(content="a", tool_calls={}), "tool_calls is not a list"),
        (message(content="a") | {"model": 7}, "model is not a string"),
        (message(content="a") | {"system_fingerprint": []}, "system_fingerprint is not a string"),
        (message(content="a") | {"usage": {"prompt_tokens": 7.0}}, "a token count is not an integer"),
        (message(content="a") | {"usage": {"prompt_tokens": True}}, "a token count is not an integer"),
        (message(content="a") | {"usage": {"prompt_tokens": 10**30}}, "a token count beyond all measure"),
        ({"choices": [{"index": 0, "finish_reason": "stop"}]}, "choice without a message"),
        ({"choices": [{"message": {"content": "a"}, "logprobs": []}]}, "logprobs is not an object"),
        (
            {"choices": [{"message": {"content": "a"}, "logprobs": {"tokens": ["a"], "token_logprobs": [0]}}]},
            "logprobs as parallel lists",
        ),
    ],
)
def test_oddities_of_a_body_are_named(body: Any, oddity: str) -> None:
    """And it is a reply all the same."""
    reply = whole(body)
    assert reply.oddities == (oddity,)
    assert reply.error is None
    assert reply.complete


@pytest.mark.parametrize(
    ("raw", "oddity"),
    [
        ('\ufeff{"choices":[{"message":{"content":"a"}}]}', "byte order mark"),
        ('{"choices":[{"message":{"content":"b","content":"a"}}]}', "duplicate keys in JSON"),
        ('{"choices":[{"message":{"content":"a"}}],"created":NaN}', "NaN or Infinity in JSON"),
        ('{"choices":[{"message":{"content":"a"}}],"x":"\\udc00"}', "half a surrogate pair in JSON"),
    ],
)
def test_json_that_a_strict_reader_would_refuse_is_named(raw: str, oddity: str) -> None:
    """Python's own reader mends it in silence."""
    reply = decode(HttpResponse(200, JSON, raw.encode()))
    assert (reply.text, reply.oddities) == ("a", (oddity,))


def test_broken_text_can_be_written_on() -> None:
    """Whatever came, what is decoded is text that can be encoded."""
    for body in (b'{"choices":[{"message":{"content":"\xff"}}]}', b'{"choices":[{"message":{"content":"\\ud83d"}}]}'):
        reply = decode(HttpResponse(200, JSON, body))
        assert "\ufffd" in reply.content
        reply.content.encode()


def test_a_surrogate_pair_is_one_sign() -> None:
    """Escaped as JSON wants it, that is no fault."""
    reply = decode(HttpResponse(200, JSON, b'{"choices":[{"message":{"content":"\\ud83d\\ude00"}}]}'))
    assert (reply.text, reply.oddities) == ("😀", ())


def test_logprobs_that_are_no_numbers_are_none() -> None:
    """Infinities, NaN, numbers beyond all floats."""
    tokens = '{"token":"a","logprob":-Infinity},{"logprob":1e999},{"logprob":%s},{"logprob":true}' % ("9" * 400)
    body = '{"choices":[{"message":{"content":"a"},"logprobs":{"content":[' + tokens + "]}}]}"
    read = decode(HttpResponse(200, JSON, body.encode())).logprobs
    assert isinstance(read, tuple)
    assert [one.logprob for one in read] == [None] * 4


def test_usage_is_found_in_every_place() -> None:
    """And where it stood is kept."""
    counts = {"prompt_tokens": 3, "completion_tokens": 5, "reasoning_tokens": 2}
    expected = Usage(3, 5, reasoning=2)
    inside = message(content="a")
    inside["choices"][0]["usage"] = counts
    for body, place in (
        (message(content="a") | {"usage": counts}, "usage"),
        (message(content="a") | {"x_groq": {"usage": counts}}, "x_groq.usage"),
        (inside, "choices[0].usage"),
    ):
        assert whole(body).usage == dataclasses.replace(expected, place=place)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "without a body"),
        (b"<html><title>Sorry</title></html>", "an HTML page: Sorry"),
        (b"not json", "not JSON: not json"),
        (b"[" * 100_000, "not JSON"),
        (b'{"choices":[{"message":{"content":' + b"[" * 900 + b"]" * 900 + b"}}]}", ""),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "without choices"),
        (b'{"detail":"no such model"}', "no such model"),
        (b'{"choices":[]}', "without choices"),
        (b'{"choices":[7]}', "without choices"),
        (b'{"error":"overloaded"}', "overloaded"),
        (b'{"error":{"message":"overloaded","code":502}}', "overloaded"),
        (b'{"choices":[{"error":{"message":"overloaded"}}]}', "overloaded"),
        (b'{"object":"error","message":"overloaded"}', "overloaded"),
        (b'{"type":"error","error":{"message":"overloaded"}}', "overloaded"),
    ],
)
@pytest.mark.parametrize("headers", [JSON, SSE])
def test_a_200_that_is_no_reply_is_an_error(body: bytes, words: str, headers: Headers) -> None:
    """Under either content type: failed streams are often answered with bare JSON."""
    if not body and headers == SSE:
        words = "an empty stream"
    error = decode(HttpResponse(200, headers, body), STREAM).error
    if words:
        assert error is not None
        assert words in error.message
        assert (error.where, error.status) == ("stream" if words == "an empty stream" else "body", 200)


def test_an_empty_error_beside_choices_is_none() -> None:
    """Some servers always send the field."""
    assert whole(message(content="a") | {"error": None}).error is None
    assert whole(message(content="a") | {"error": {}}).error is None


def test_no_answer_is_a_transport_error() -> None:
    """With what the transport said."""
    reply = decode(None, failure=TransportFailure("timeout", "no end after 60 s"))
    assert reply == Reply(error=ApiError("transport", None, "timeout: no end after 60 s"))
    assert decode(None).error == ApiError("transport", None, "no answer was recorded")


def test_the_wait_is_read_against_the_end_of_the_exchange() -> None:
    """A date in a header is when the answer came, not when the request went."""
    headers = (("retry-after", "Thu, 01 Jan 2026 00:00:31 GMT"), ("x-ratelimit-limit-requests", "5"))
    reply = decode(HttpResponse(429, headers, b'{"error":{"message":"slow down"}}'))
    assert reply.error == ApiError("status", 429, "slow down", retry_after=30)
    assert reply.limits == (RateLimit("requests", 5),)


@pytest.mark.parametrize(
    ("response", "failure", "words"),
    [
        (
            HttpResponse(200, JSON, b'{"choices":[{"mess'),
            TransportFailure("reset", "peer closed"),
            "reset: peer closed",
        ),
        (HttpResponse(200, JSON, b'{"choices":[{"mess', truncated=True), None, "cut at the size limit"),
        (
            HttpResponse(200, SSE, events(json.dumps(delta(content="a")))),
            TransportFailure("timeout", "x"),
            "timeout: x",
        ),
        (HttpResponse(200, SSE, events(json.dumps(END)), truncated=True), None, "cut at the size limit"),
    ],
)
def test_a_reply_that_was_cut_off_is_an_error(
    response: HttpResponse, failure: TransportFailure | None, words: str
) -> None:
    """Whatever it had said until then; a stream keeps its text."""
    reply = decode(response, STREAM, failure)
    assert reply.error is not None
    assert words in reply.error.message
    assert not reply.complete


def test_a_fault_after_the_end_marker_is_none() -> None:
    """Everything was there."""
    body = events(json.dumps(delta(content="a")), json.dumps(END), "[DONE]")
    reply = decode(HttpResponse(200, SSE, body), STREAM, TransportFailure("reset", "x"))
    assert reply.error is None
    assert reply.complete


# --- what was asked


@pytest.mark.parametrize(
    ("body", "asked_for"),
    [
        (b'{"stream":true}', True),
        (b'{ "stream" :\n true , "a": 1}', True),
        (b'{"a":1,"stream":true}', True),
        (b'{"messages":[{"content":"\\"stream\\":true"}]}', False),
        (b'{"messages":[{"stream":true}]}', False),
        (b'{"messages":[{"content":"x"}],"stream":false}', False),
        (b'{"stream":"true"}', False),
        (b"{}", False),
        (b"[]", None),
        (b"", None),
        (b"[" * 100_000, None),
    ],
)
def test_whether_a_stream_was_asked_for_is_read_from_the_request(body: bytes, asked_for: bool | None) -> None:
    """From the field itself, not from what looks like it; an unreadable request is held against nobody."""
    request = HttpRequest("POST", "/chat/completions", JSON, body)
    unstreamed = decode(HttpResponse(200, JSON, json.dumps(message(content="a")).encode()), request)
    streamed = decode(HttpResponse(200, SSE, events(json.dumps(END), "[DONE]")), request)
    assert unstreamed.oddities == (("a JSON body although a stream was asked for",) if asked_for else ())
    assert streamed.oddities == (("a stream although none was asked for",) if asked_for is False else ())


# --- streams

OK = (json.dumps(delta(content="Hi")), json.dumps(END), "[DONE]")


@pytest.mark.parametrize(
    ("body", "oddities"),
    [
        (events(*OK), ()),
        (b": ping\n\n" + events(*OK), ()),
        (events(*OK).replace(b"\n", b"\r\n"), ()),
        (events(*OK).replace(b"\n", b"\r"), ()),
        (events(*OK).replace(b": ", b":"), ()),
        (events(*OK).replace(b"\n\n", b"  \n\n"), ()),
        (events(*OK).replace(b"data", b"id: 1\nretry: 5\nevent: chunk\ndata"), ()),
        (events(OK[0], OK[1].replace(", ", ",\ndata: "), OK[2]), ()),
        (b"\xef\xbb\xbf" + events(*OK), ("byte order mark",)),
        (events(*OK).replace(b"data", b"x: y\ndata"), ("unknown SSE field",)),
        (events(*OK)[:-1], ("no final blank line",)),
        (events(*OK)[:-2], ("no final blank line",)),
        (events(*OK[:2]), ("no [DONE]",)),
        (events(*OK, "{}"), ("data after [DONE]",)),
        (events(*OK, "[DONE]"), ("data after [DONE]",)),
        (events("hello", *OK), ("an event that is not JSON",)),
        (events("", *OK), ("an event that is not JSON",)),
        (events("7", *OK), ("an event that is not an object",)),
        (events("{}", *OK), ("a chunk without choices",)),
        (events('{"choices":[{}]}', *OK), ("a choice without a delta",)),
        (events('{"choices":[]}', *OK), ()),
        (events(OK[1], OK[0], OK[2]), ("content after finish_reason",)),
        (events(OK[0], OK[1], OK[1], OK[2]), ("finish_reason repeated",)),
        (
            events(OK[0], json.dumps(END | {"model": "a"}), '{"choices":[],"model":"b"}', "[DONE]"),
            ("model changes in the stream",),
        ),
    ],
)
def test_faults_of_a_stream_are_named(body: bytes, oddities: tuple[str, ...]) -> None:
    """And its reply is read all the same."""
    reply = decode(HttpResponse(200, SSE, body), STREAM)
    assert (reply.text, reply.finish, reply.error, reply.complete) == ("Hi", "stop", None, True)
    assert reply.oddities == oddities


def test_a_stream_is_known_by_its_look() -> None:
    """The wrong content type is odd; an unknown first field does not hide it."""
    assert decode(HttpResponse(200, JSON, events(*OK)), STREAM).oddities == ("a stream under another content type",)
    assert decode(HttpResponse(200, (), events(*OK)), STREAM).oddities == ()
    assert decode(HttpResponse(200, SSE, b"x: y\n" + events(*OK)), STREAM).oddities == ("unknown SSE field",)
    assert decode(HttpResponse(200, SSE, b"\n\n" + events(*OK)), STREAM).oddities == ()


def test_json_under_the_type_of_a_stream_is_read_as_json() -> None:
    """And both faults are named."""
    reply = decode(HttpResponse(200, SSE, json.dumps(message(content="Hi")).encode()), STREAM)
    assert reply.text == "Hi"
    assert reply.oddities == ("JSON under another content type", "a JSON body although a stream was asked for")


@pytest.mark.parametrize(
    ("body", "text", "words"),
    [
        (events(OK[0], '{"error":{"message":"overloaded","code":502}}'), "Hi", "overloaded"),
        (events(OK[0], '{"error":"overloaded"}', "[DONE]"), "Hi", "overloaded"),
        (events(OK[0], '{"choices":[{"delta":{},"error":{"message":"overloaded"}}]}'), "Hi", "overloaded"),
        (b'event: error\ndata: {"error":{"message":"overloaded"}}\n\n', ABSENT, "overloaded"),
        (b'event: error\ndata: {"message":"overloaded"}\n\n', ABSENT, "overloaded"),
        (b"event: error\ndata: overloaded\n\n", ABSENT, "overloaded"),
        (b"event: error\ndata: null\n\n", ABSENT, "null"),
        (events("null"), ABSENT, "neither a finish reason nor [DONE]"),
        (b": ping\n\n: ping\n\n", ABSENT, "an empty stream"),
        (b"", ABSENT, "an empty stream"),
    ],
)
def test_a_stream_that_fails_is_an_error(body: bytes, text: Any, words: str) -> None:
    """The text that came before is kept."""
    reply = decode(HttpResponse(200, SSE, body), STREAM)
    assert reply.error is not None
    assert words in reply.error.message
    assert (reply.error.where, reply.text, reply.complete) == ("stream", text, False)


def test_a_text_without_an_end_is_incomplete_and_no_error() -> None:
    """It came over a whole connection, so it is the endpoint's doing; it may not pass for a whole reply."""
    reply = decode(HttpResponse(200, SSE, events(OK[0])), STREAM)
    assert (reply.text, reply.error, reply.complete) == ("Hi", None, False)
    assert "the stream ends with neither a finish reason nor [DONE]" in reply.oddities


def test_what_comes_after_the_end_marker_is_not_read() -> None:
    """No client would see it."""
    late = json.dumps({"choices": [], "usage": {"prompt_tokens": 1}})
    assert decode(HttpResponse(200, SSE, events(*OK, late)), STREAM).usage is ABSENT


def test_the_last_usage_of_a_stream_counts() -> None:
    """Some servers send it with every chunk, growing."""
    chunks = [delta(content="a") | {"usage": {"completion_tokens": n}} for n in (1, 2, 3)]
    assert stream(*chunks, END | {"usage": None}).usage == Usage(output=3)


def test_only_the_first_of_several_choices_is_read() -> None:
    """They come interleaved."""
    second = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": None}]}
    assert stream(delta(content="a"), second, delta(content="b"), second, END).text == "ab"


# --- tool calls in fragments


def fragments(*calls: dict[str, Any], finish: str = "tool_calls", call: Call = STREAM) -> Reply:
    return stream(*(delta(tool_calls=[one]) for one in calls), delta(finish_reason=finish), call=call)


def part(index: Any = ABSENT, identity: Any = ABSENT, **function: Any) -> dict[str, Any]:
    fields = {"index": index, "id": identity, "function": function or ABSENT}
    return {name: value for name, value in fields.items() if value is not ABSENT}


ONE = (ToolCall("c1", "f", '{"a":1}'),)
TWO = (*ONE, ToolCall("c2", "g", '{"b":2}'))


@pytest.mark.parametrize(
    ("parts", "expected", "oddities"),
    [
        # as documented
        ([part(0, "c1", name="f", arguments=""), part(0, arguments='{"a"'), part(0, arguments=":1}")], ONE, ()),
        ([part(0, "c1", name="f", arguments='{"a":1}')], ONE, ()),
        ([part(0, "c1", name="f"), part(0, arguments='{"a":1}')], ONE, ()),
        ([part(0, "c1", name="f", arguments='{"a":1}'), part(1, "c2", name="g", arguments='{"b":2}')], TWO, ()),
        # interleaved
        (
            [
                part(0, "c1", name="f", arguments='{"a"'),
                part(1, "c2", name="g", arguments='{"b"'),
                part(0, arguments=":1}"),
                part(1, arguments=":2}"),
            ],
            TWO,
            (),
        ),
        # without an index: by id, then the last one
        (
            [part(identity="c1", name="f", arguments='{"a"'), part(arguments=":1}")],
            ONE,
            ("tool call fragment without an index",),
        ),
        (
            [part(None, "c1", name="f", arguments='{"a":1}'), part(None, "c2", name="g", arguments='{"b":2}')],
            TWO,
            ("tool call fragment without an index",),
        ),
        (
            [part(name="f", arguments='{"a":1}'), part(name="g", arguments='{"b":'), part(arguments="2}")],
            (ToolCall("", "f", '{"a":1}'), ToolCall("", "g", '{"b":2}')),
            ("tool call fragment without an index", "tool call without an id"),
        ),
        (
            [part(name="f", arguments='{"a":1}'), part(name="f", arguments='{"a":2}')],
            (ToolCall("", "f", '{"a":1}'), ToolCall("", "f", '{"a":2}')),
            ("tool call fragment without an index", "tool call without an id"),
        ),
        # index always 0, new ids
        (
            [
                part(0, "c1", name="f", arguments='{"a"'),
                part(0, arguments=":1}"),
                part(0, "c2", name="g", arguments='{"b"'),
                part(0, arguments=":2}"),
            ],
            TWO,
            ("two tool calls under one index",),
        ),
        # a new id with every fragment, but no new name
        (
            [part(0, "c1", name="f", arguments='{"a"'), part(0, "c9", arguments=":1}")],
            ONE,
            ("tool call id changes",),
        ),
        # id and name again with every fragment: a client that joins gets c1c1 and ff
        (
            [part(0, "c1", name="f", arguments='{"a"'), part(0, "c1", name="f", arguments=":1}")],
            ONE,
            ("tool call id repeated", "tool call name repeated"),
        ),
        # a name in pieces
        (
            [part(0, "c1", name="get_", arguments=""), part(0, name="weather", arguments="{}")],
            (ToolCall("c1", "get_weather", "{}"),),
            ("tool call name in pieces",),
        ),
        # indexes
        ([part(1, "c1", name="f", arguments='{"a":1}')], ONE, ("tool call indexes do not count from 0",)),
        (
            [part("0", "c1", name="f", arguments='{"a":1}')],
            ONE,
            ("tool call index is not an integer", "tool call indexes do not count from 0"),
        ),
        # cumulative arguments
        (
            [part(0, "c1", name="f", arguments='{"a"'), part(0, arguments='{"a":1'), part(0, arguments='{"a":1}')],
            ONE,
            ("tool call arguments repeated from the start in each fragment",),
        ),
        (
            [part(0, "c1", name="f", arguments='{"a":1}'), part(0, arguments='{"a":1}')],
            ONE,
            ("tool call arguments repeated from the start in each fragment",),
        ),
        ([part(0, "c1", name="f", arguments="1"), part(0, arguments="1")], (ToolCall("c1", "f", "11"),), ()),
        # arguments that are no string
        (
            [part(0, "c1", name="f", arguments={"a": 1})],
            (ToolCall("c1", "f", '{"a": 1}'),),
            ("tool call arguments are not a string",),
        ),
        ([part(0, "c1", name="f")], (ToolCall("c1", "f", ""),), ("tool call without arguments",)),
        ([part(0, "c1", name="f", arguments=None)], (ToolCall("c1", "f", ""),), ("tool call without arguments",)),
        ([part(0, "c1", name="f", arguments=7)], (ToolCall("c1", "f", ""),), ("tool call without arguments",)),
        # what is missing
        ([part(0, name="f", arguments='{"a":1}')], (ToolCall("", "f", '{"a":1}'),), ("tool call without an id",)),
        ([part(0, "c1", arguments='{"a":1}')], (ToolCall("c1", "", '{"a":1}'),), ("tool call without a name",)),
        (
            [part(0, "c1", name="f", arguments='{"a":1}'), part(1, "c1", name="f", arguments="{}")],
            (*ONE, ToolCall("c1", "f", "{}")),
            ("tool calls share an id",),
        ),
    ],
)
def test_calls_are_put_together_from_fragments(
    parts: list[dict[str, Any]], expected: tuple[ToolCall, ...], oddities: tuple[str, ...]
) -> None:
    """As was meant; what would trip up a client that goes by the book is named."""
    reply = fragments(*parts)
    assert reply.tool_calls == expected
    assert reply.oddities == oddities


def test_fragments_that_are_no_objects_are_odd() -> None:
    """They are passed over."""
    reply = stream(delta(tool_calls=[7]), delta(tool_calls={}), END)
    assert reply.tool_calls == ()
    assert reply.oddities == ("tool call fragment that is not an object", "tool_calls is not a list")


def test_stop_after_a_call_is_odd_unless_the_call_was_prescribed() -> None:
    """OpenAI itself says "stop" when one function was named."""
    odd = ("finish_reason is stop although tools are called",)
    named = dataclasses.replace(STREAM, tool_choice=NamedTool("f"))
    forced = dataclasses.replace(STREAM, tool_choice="required")
    one = part(0, "c1", name="f", arguments="{}")
    assert fragments(one, finish="stop").oddities == odd
    assert fragments(one, finish="stop", call=forced).oddities == odd
    assert fragments(one, finish="stop", call=named).oddities == ()
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert whole(message(tool_calls=[made])).oddities == odd
    assert whole(message(tool_calls=[made]), dataclasses.replace(named, stream=False)).oddities == ()


def test_faults_of_whole_calls_are_named() -> None:
    """The same words as in a stream."""
    made = [{"function": {"arguments": {}}}, {"id": "c1", "function": {"name": "f"}}, 7]
    reply = whole(message(tool_calls=made, finish_reason="tool_calls"))
    assert reply.tool_calls == (ToolCall("", "", "{}"), ToolCall("c1", "f", ""), ToolCall("", "", ""))
    assert set(reply.oddities) == {
        "tool call arguments are not a string",
        "tool call without an id",
        "tool call without arguments",
        "tool call without a name",
    }


# --- the list of models


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"object": "list", "data": [{"id": "a", "n": 1}, {"id": "b"}, {"id": "a"}]},
            [("a", {"id": "a", "n": 1}), ("b", {"id": "b"})],
        ),
        ([{"id": "a"}], [("a", {"id": "a"})]),
        ({"models": [{"name": "a"}, "b", 7, {}, {"id": ""}]}, [("a", {"name": "a"}), ("b", {})]),
        ({"data": []}, []),
    ],
)
def test_models_are_listed_once_in_order(body: Any, expected: list[tuple[str, Any]]) -> None:
    """In the documented shape and in those of the relatives."""
    listed = CODEC.decode_models(HttpResponse(200, JSON, json.dumps(body).encode()))
    assert [(one.id, one.declared) for one in listed] == expected
    again = CODEC.decode_models(CODEC.encode_models(listed))
    assert again == tuple(Listed(one.id, {**one.declared, "id": one.id}) for one in listed)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b"7", b"[" * 100_000])
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    """With a word on what it was."""
    with pytest.raises(DecodeError):
        CODEC.decode_models(HttpResponse(200, JSON, body))


# --- what is attached to a reply


def both(fields: dict[str, Any], beside: dict[str, Any] | None = None) -> tuple[Reply, Reply]:
    """The reply that has ``fields`` in its message and others ``beside`` its choices, whole and streamed."""
    return whole(message(**fields) | (beside or {})), stream(delta(**fields) | (beside or {}), END)


@pytest.mark.parametrize(
    ("fields", "beside", "expected"),
    [
        (
            {
                "content": "It is 7.",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"url": "u", "title": "t", "start_index": 3, "end_index": 4},
                    }
                ],
            },
            {},
            (Citation("web", "t", "u", "i"),),
        ),
        (
            {"annotations": [{"type": "url_citation", "url": "u", "content": "c", "start_index": 0, "end_index": 99}]},
            {},
            (Citation("web", url="u", quote="c"),),
        ),
        (
            {"annotations": [{"type": "url_citation", "url": "u", "start_index": 0, "end_index": 99}]},
            {},
            (Citation("web", url="u"),),
        ),
        ({"annotations": [{"type": "file", "url": "u"}, 7, {"type": "url_citation"}]}, {}, ()),
        ({}, {"citations": ["u", 7, "v"]}, (Citation("web", url="u"), Citation("web", url="v"))),
        (
            {},
            {"citations": ["u", "v"], "search_results": [{"title": "t", "url": "u", "snippet": "s", "date": None}]},
            (Citation("web", "t", "u", "s"), Citation("web", url="v")),
        ),
        (
            {},
            {"images": [{"image_url": "p", "origin_url": "o"}, {"image_url": "q"}, {}]},
            (Citation("web", url="o"), Citation("web", url="q")),
        ),
        (
            {"annotations": [{"type": "url_citation", "url": "u", "title": "t"}]},
            {"citations": ["u"]},
            (Citation("web", "t", "u"),),
        ),
        (
            {"executed_tools": [{"type": "search", "search_results": {"results": [{"url": "u", "content": "c"}, {}]}}]},
            {},
            (Citation("web", url="u", quote="c"),),
        ),
        ({"executed_tools": [{"type": "visit", "search_results": {"results": None}}]}, {}, ()),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [0, "b", None]}]},
            {},
            (Citation("document", "0"), Citation("document", "b")),
        ),
        (
            {"content": [{"type": "tool_reference", "tool": "web_search", "title": "t", "url": "u"}]},
            {},
            (Citation("web", "t", "u"),),
        ),
    ],
)
def test_sources_are_found_wherever_they_stand(
    fields: dict[str, Any], beside: dict[str, Any], expected: tuple[Citation, ...]
) -> None:
    """In annotations, beside the choices, in results of a search, in parts of the content."""
    for reply in both(fields, beside):
        assert reply.citations == expected
        assert reply.error is None


def test_sources_that_every_chunk_repeats_are_told_once() -> None:
    """The last list counts, and a chunk without one does not delete it."""
    chunks = (delta(content="a") | {"citations": urls} for urls in (["u"], ["u", "v"], []))
    assert [source.url for source in stream(*chunks, END).citations] == ["u", "v"]


def test_tools_that_the_server_ran_are_told_once_a_use() -> None:
    """A stream speaks of each use when it begins, under a name without a type, and when it is done."""
    results = {"results": [{"title": "t", "url": "u"}]}
    begun = {"index": 0, "type": "function", "name": "browser.search", "search_results": {"results": None}}
    done = {"index": 0, "type": "browser_search", "name": "browser.search", "search_results": results}
    second = {"index": 1, "type": "function", "name": "browser.open"}
    reply = stream(*(delta(executed_tools=[one]) for one in (begun, done, second)), END)
    assert reply.server_tools == ("browser_search", "browser.open")
    assert reply.citations == (Citation("web", "t", "u"),)
    assert whole(message(executed_tools=[{"type": "python"}, {"type": "python"}])).server_tools == ("python",) * 2


def test_sound_comes_with_its_words() -> None:
    """The text of the reply stays what the wire says: null."""
    audio = {"id": "a", "data": "AAAA", "expires_at": 1, "transcript": "Hello."}
    reply = whole(message(content=None, audio=audio))
    assert (reply.text, reply.media) == (None, (Media("audio", data="AAAA", text="Hello."),))
    assert whole(message(content="a", audio=None)).media == ()
    assert whole(message(content="a", audio=[])).oddities == ("audio is not an object",)


@pytest.mark.parametrize(
    ("pieces", "data"),
    [(["AAAA", "BBBB"], "AAAABBBB"), (["AA==", "AA=="], "AAA="), (["A=", "é"], "A=é"), (["AAAA", "AA=="], "AAAAAA==")],
)
def test_sound_in_a_stream_is_put_together(pieces: list[str], data: str) -> None:
    """Pieces that are padded by themselves are joined as bytes; it counts as no piece of text."""
    words = [delta(audio={"id": "a", "transcript": piece}) for piece in ("Hel", "lo.")]
    reply = stream(*words, *(delta(audio={"data": piece}) for piece in pieces), delta(audio={"expires_at": 1}), END)
    assert reply.media == (Media("audio", data=data, text="Hello."),)
    assert (reply.deltas, reply.error, reply.oddities) == (0, None, ())


def test_sound_without_an_end_is_incomplete_and_no_error() -> None:
    """As with text."""
    reply = stream(delta(audio={"transcript": "Hello."}), done=False)
    assert (reply.error, reply.complete) == (None, False)
    assert NO_END in reply.oddities


def test_pictures_in_a_message_are_media() -> None:
    """Inline or by address."""
    urls = ("data:image/png;base64,AAAA", "https://x.test/a.png", "", 7)
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    for reply in both({"content": "", "images": [*images, 7, {"image_url": "x"}]}):
        assert reply.media == (Media("image", "image/png", "AAAA"), Media("image", url="https://x.test/a.png"))


def test_counts_told_by_the_way_stand_in_for_usage() -> None:
    """Only where there is none; what came from a cache is part of the input."""
    timings = {"prompt_n": 40, "cache_n": 6, "predicted_n": 5, "prompt_ms": 1.5}
    expected = Usage(46, 5, cached=6, place=TIMINGS)
    told = {"prompt_tokens": 1}
    for reply in both({"content": "a"}, {"timings": timings}):
        assert reply.usage == expected
    for reply in both({"content": "a"}, {"timings": timings, "usage": None}):
        assert reply.usage == expected
    for reply in both({"content": "a"}, {"timings": timings, "usage": told}):
        assert reply.usage == Usage(1)
    late = stream(delta(content="a") | {"timings": timings}, END, {"choices": [], "usage": told})
    early = stream(delta(content="a") | {"usage": told}, END | {"timings": timings})
    assert (late.usage, early.usage) == (Usage(1), Usage(1))


def test_logprobs_of_the_reasoning_come_before_those_of_the_text() -> None:
    """As the tokens came."""
    lists: dict[str, Any] = {
        "content": [{"token": "b", "logprob": -1}],
        "reasoning_content": [{"token": "a", "logprob": -2}],
    }
    expected = (TokenLogprob("a", -2), TokenLogprob("b", -1))
    for logprobs, tokens in ((lists, expected), (lists | {"content": None}, expected[:1])):
        body = message(content="b")
        body["choices"][0]["logprobs"] = logprobs
        assert whole(body).logprobs == tokens


def test_no_field_of_a_full_reply_is_unknown() -> None:
    """What is read here is known."""
    answers = [HttpResponse(200, JSON, json.dumps(FULL_REPLY).encode())]
    answers.append(HttpResponse(200, SSE, events(*map(json.dumps, FULL_CHUNKS))))
    for answer in answers:
        assert unknown_fields(answer, CODEC.known) == {}
    stranger = HttpResponse(200, JSON, json.dumps(message(content="a", mood="good")).encode())
    assert unknown_fields(stranger, CODEC.known) == {"choices[].message.mood": 1}


# --- nothing makes it raise

ATTACHED: dict[str, Any] = {
    "annotations": [
        {"type": "url_citation", "url_citation": {"url": "x", "title": "t", "start_index": 0, "end_index": 1}},
        {"type": "url_citation", "url": "x", "content": "c"},
    ],
    "executed_tools": [
        {"index": 0, "type": "search", "name": "n", "search_results": {"results": [{"url": "x", "content": "c"}]}}
    ],
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
    "audio": {"id": "a", "data": "AA==", "transcript": "t"},
}
FULL_REPLY: dict[str, Any] = {
    "id": "x",
    "model": "m",
    "system_fingerprint": "fp",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                    {"type": "text", "text": "a"},
                    {"type": "reference", "reference_ids": [1]},
                    {"type": "tool_reference", "title": "t", "url": "x"},
                ],
                "reasoning_content": "r",
                "reasoning": "r",
                "refusal": "no",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                **ATTACHED,
            },
            "logprobs": {
                "reasoning_content": [{"token": "a", "logprob": -0.5}],
                "content": [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}],
                "tokens": ["a"],
                "token_logprobs": [-0.5],
                "top_logprobs": [{"a": -0.5}],
            },
            "finish_reason": "tool_calls",
            "usage": {"prompt_tokens": 1},
            "error": None,
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
    "x_groq": {"usage": {"prompt_tokens": 1}},
    "timings": {"prompt_n": 1, "cache_n": 2, "predicted_n": 3},
    "citations": ["https://x.test/a"],
    "search_results": [{"title": "t", "url": "https://x.test/b", "snippet": "s"}],
    "images": [{"image_url": "https://x.test/c", "origin_url": "https://x.test/d"}],
    "error": {"message": "m", "code": 5, "metadata": {"raw": "r"}},
}
WITHOUT_ERROR = {name: value for name, value in FULL_REPLY.items() if name != "error"}
FULL_CHUNKS: list[dict[str, Any]] = [
    {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a", "reasoning": "r"}}]},
    {
        "choices": [
            {"index": 0, "delta": {"tool_calls": [part(0, "c1", name="f", arguments="{"), part(0, arguments="}")]}}
        ]
    },
    {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "a"}]}, "logprobs": {"content": []}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}},
    {"choices": [], "x_groq": {"usage": {"prompt_tokens": 1}}},
    {"choices": [{"index": 0, "delta": ATTACHED}], "timings": {"prompt_n": 1}, "citations": ["x"]},
    {"choices": [{"index": 0, "delta": ATTACHED}], "search_results": [{"url": "x"}], "images": [{"image_url": "x"}]},
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
            st.sampled_from(["text", "type", "id", "error", "function", "name", "content"]), inner, max_size=3
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
    for text in (reply.text, reply.reasoning, reply.model, reply.fingerprint):
        assert text is ABSENT or text is None or isinstance(text, str)
    for call in reply.tool_calls:
        assert all(isinstance(text, str) for text in (call.id, call.name, call.arguments))
    if isinstance(reply.usage, Usage):
        for name in ("input", "output", "total", "reasoning", "cached"):
            assert getattr(reply.usage, name) in (ABSENT, None) or type(getattr(reply.usage, name)) is int
    for source in reply.citations:
        assert all(isinstance(text, str) for text in (source.title, source.url, source.quote))
    for one in reply.media:
        assert all(isinstance(text, str) for text in (one.media_type, one.data, one.url, one.text))
    assert all(isinstance(name, str) for name in reply.server_tools)
    for entry in reply.logprobs if isinstance(reply.logprobs, tuple) else ():
        assert entry.logprob is None or isinstance(entry.logprob, float)
    assert len(set(reply.oddities)) == len(reply.oddities)
    repr(reply).encode()


@settings(max_examples=500)
@given(with_a_wild_node(WITHOUT_ERROR) | with_a_wild_node(FULL_REPLY))
def test_a_body_with_anything_anywhere_can_be_read(body: Any) -> None:
    """Wrong types are oddities or errors, never exceptions."""
    is_sound(whole(body))


@settings(max_examples=500)
@given(with_a_wild_node(FULL_CHUNKS))
def test_a_stream_with_anything_anywhere_can_be_read(chunks: Any) -> None:
    """The same for every chunk."""
    is_sound(stream(*(chunks if isinstance(chunks, list) else [chunks])))


@settings(max_examples=300)
@given(with_a_wild_node(FULL_REQUEST))
def test_a_request_with_anything_anywhere_is_read_or_refused(body: Any) -> None:
    """And what was read can be sent again."""
    try:
        call = asked(body)
    except DecodeError:
        return
    CODEC.encode_call(call)


@given(
    st.binary(max_size=200) | st.sampled_from([events(*OK), json.dumps(FULL_REPLY).encode()]),
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
        '{"choices":[{"message":{"content":%s}}]}',
        '{"choices":[{"message":{"content":[{"type":"thinking","thinking":%s}]}}]}',
        '{"choices":[{"message":{"tool_calls":[{"function":{"arguments":%s}}]}}]}',
        '{"error":%s}',
        '{"error":{"message":%s}}',
        '{"detail":%s}',
    ],
)
def test_deep_nesting_is_no_reason_to_fall_over(frame: str, depth: int) -> None:
    """At any place, whole, streamed, and with an HTTP error."""
    body = frame % ("[" * depth + "]" * depth)
    for answer in (
        HttpResponse(200, JSON, body.encode()),
        HttpResponse(400, JSON, body.encode()),
        HttpResponse(200, SSE, events(body.replace('"message":{', '"delta":{'), "[DONE]")),
    ):
        is_sound(decode(answer, STREAM))
