"""The codec of OpenAI's responses format: what is written is read again, what is odd is named, nothing raises."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
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
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.known import unknown_fields
from llmprobe.dialects.openai_responses.reply import SUMMARY, THOUGHTS
from llmprobe.dialects.openai_responses.stream import NO_END
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Citation, Media, Reply, Usage
from tests.test_openai_chat import (
    counts,
    is_sound,
    limits,
    logprobs,
    made_calls,
    names,
    numbers,
    objects,
    plain_json,
    refusals,
    texts,
    untagged,
    with_a_wild_node,
    without,
)

CODEC = dialect("openai-responses")
SSE: Headers = (("content-type", "text/event-stream"),)
JSON: Headers = (("content-type", "application/json"),)
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


def response(*items: Any, **fields: Any) -> dict[str, Any]:
    """A whole response object with these items."""
    return {"object": "response", "status": "completed", "output": list(items)} | fields


def said(text: Any, **fields: Any) -> dict[str, Any]:
    """A message item with one part."""
    part = {"type": "output_text", "text": text, "annotations": []} | fields
    return {"type": "message", "role": "assistant", "content": [part]}


def called(**fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"} | fields


def events(*values: Any) -> bytes:
    """These events, numbered where they have no number."""
    written = ({"sequence_number": number} | value for number, value in enumerate(values))
    return "".join(f"event: {one.get('type')}\ndata: {json.dumps(one)}\n\n" for one in written).encode()


def stream(*values: Any, call: Call = STREAM) -> Reply:
    """The reply in a stream of these events."""
    return decode(HttpResponse(200, SSE, events(*values)), call)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": 0, "content_index": 0} | fields


def end(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": response(*items, **fields)}


CREATED = {"type": "response.created", "response": response(status="in_progress")}
ADDED = event("output_item.added", item={"type": "message", "role": "assistant", "content": []})
"""An announced message."""


# --- round trips of calls

images = st.builds(Image, data=texts, media_type=st.sampled_from(["image/png", "", "image/x;y=1"])) | st.builds(
    Image, url=st.sampled_from(["https://x.test/a.png", "data:text/plain,hello", "data:", "x"])
)
media_types = {"document": "application/pdf", "audio": "audio/wav", "video": "video/mp4"}
files = st.one_of(
    *(
        st.builds(File, st.just(kind), data=texts, media_type=st.just(form), name=texts)
        for kind, form in media_types.items()
    ),
    st.builds(File, st.just("document"), url=st.sampled_from(["https://x.test/a.pdf", "x"]), name=texts),
)
others = st.builds(
    Other, st.sampled_from(["refusal", "input_audio", ""]), objects.map(lambda value: without(value, "type"))
)
contents = texts | st.lists(st.builds(Text, texts) | images | files | others, max_size=3).map(tuple)
tool_calls = st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple)
answers = st.builds(Message, st.just("assistant"), st.none() | contents, tool_calls, reasoning=st.none() | texts)
questions = st.builds(Message, st.sampled_from(["system", "user"]), st.none() | contents) | st.builds(
    Message, st.just("tool"), st.none() | contents, tool_call_id=st.none() | texts
)
server_tools = st.builds(
    ServerTool,
    st.sampled_from(["web_search", "code_interpreter", ""]),
    objects.map(lambda value: without(value, "type")),
)
choices: list[ToolChoice | None] = [None, "auto", "none", "required", NamedTool("f"), NamedTool("")]
KNOWN = {"model", "input", "instructions", "stream", "tools", "tool_choice", "parallel_tool_calls", "text"}
KNOWN |= {"max_output_tokens", "temperature", "top_p", "top_logprobs", "include", "reasoning"}


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Messages in canonical form: a turn of the assistant is one message."""
    found: list[Message] = []
    for message in draw(st.lists(answers | questions, max_size=4)):
        if message.role != "assistant" or not found or found[-1].role != "assistant":
            found.append(message)
    return tuple(found)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that this dialect can say, its spellings in canonical form."""
    formats = st.none() | st.just(JsonObject()) | st.builds(JsonSchema, texts, objects, st.none() | st.booleans())
    call = Call(
        draw(names),
        draw(conversations()),
        stream=draw(st.booleans()),
        tools=draw(st.lists(st.builds(Tool, texts, texts, objects), max_size=2).map(tuple)),
        server_tools=draw(st.lists(server_tools, max_size=2).map(tuple)),
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tool_calls=draw(st.none() | st.booleans()),
        response_format=draw(formats),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        top_logprobs=draw(st.none() | st.integers(0, 20)),
        thinking=draw(st.none() | st.booleans()),
        patch=draw(st.dictionaries(texts.filter(lambda name: name not in KNOWN), plain_json, max_size=2)),
    )
    return dataclasses.replace(call, spelling=draw(spellings(call)))


@st.composite
def spellings(draw: st.DrawFn, call: Call) -> tuple[tuple[str, str], ...]:
    """Spellings of what ``call`` has, the defaults left out."""
    ways: dict[str, list[str]] = {"logprobs": ["top_logprobs"]} if call.top_logprobs is not None else {}
    messages = call.messages
    if any(message.role == "system" for message in messages):
        ways["system"] = ["developer"]
        if messages[0].role == "system" and isinstance(messages[0].content, str):
            ways["system"].append("instructions")
    chosen = {name: draw(st.sampled_from(["", *others])) for name, others in ways.items()}
    rest = messages[1:] if chosen.get("system") == "instructions" else messages
    lone = len(rest) == 1 and rest[0].role == "user" and isinstance(rest[0].content, str)
    if lone or any(_is_an_item(message) for message in rest):
        chosen["input"] = draw(st.sampled_from(["", "untyped", *(["string"] if lone else [])]))
    return tuple(sorted((name, way) for name, way in chosen.items() if way))


def _is_an_item(message: Message) -> bool:
    """It is written as an item of type "message"."""
    if message.role == "tool":
        return False
    return message.content is not None or not (message.tool_calls or message.reasoning is not None)


@settings(max_examples=400)
@given(calls())
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Every field, every spelling, and what has no word here."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert (request.method, request.url) == ("POST", "/responses")
    assert recognised(request) is CODEC


@given(calls(), st.integers(), st.lists(names, min_size=1, max_size=2).map(tuple))
def test_what_the_format_lacks_is_left_out(call: Call, seed: int, stop: tuple[str, ...]) -> None:
    """Silently: the dialect says what it lacks."""
    more = dataclasses.replace(call, seed=seed, stop=stop, include_usage=True)
    assert CODEC.encode_call(more) == CODEC.encode_call(call)
    assert CODEC.lacks == {"seed", "stop", "include_usage"}


def asked(body: dict[str, Any]) -> Call:
    return CODEC.decode_call(HttpRequest("POST", "https://x.test/v1/responses", JSON, json.dumps(body).encode()))


def sent_again(body: dict[str, Any]) -> Any:
    return json.loads(CODEC.encode_call(asked(body)).body)


def user(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


FULL_REQUEST: dict[str, Any] = {
    "model": "m",
    "input": [
        {"type": "message", "role": "developer", "content": "be brief"},
        user(
            {"type": "input_text", "text": "what is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            {"type": "input_file", "file_url": "https://x.test/a.pdf"},
            {"type": "input_file", "file_id": "file_1"},
        ),
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "wait"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "7"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "8"}]},
    ],
    "stream": True,
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
        {"type": "web_search", "search_context_size": "low"},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {
        "format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    },
    "max_output_tokens": 16,
    "top_logprobs": 2,
    "include": ["message.output_text.logprobs"],
    "temperature": 0.5,
    "reasoning": {"effort": "low", "summary": "auto"},
    "store": False,
}


def test_a_full_request_is_understood() -> None:
    """The documented fields by name, the rest as a patch."""
    question = Message(
        "user",
        (
            Text("what is this?"),
            Image("AAAA", "image/png"),
            Image(url="https://x.test/a.png"),
            File("document", data="AAAA", media_type="application/pdf", name="a.pdf"),
            File("document", url="https://x.test/a.pdf"),
            Other("input_file", {"file_id": "file_1"}),
        ),
    )
    turn = Message("assistant", (Text("wait"),), (ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}")), reasoning="hm")
    results = (Message("tool", "7", tool_call_id="c1"), Message("tool", (Text("8"),), tool_call_id="c2"))
    assert asked(FULL_REQUEST) == Call(
        "m",
        (Message("system", "be brief"), question, turn, *results),
        stream=True,
        tools=(Tool("f", "d", {"type": "object"}),),
        server_tools=(ServerTool("web_search", {"search_context_size": "low"}),),
        tool_choice=NamedTool("f"),
        response_format=JsonSchema("s", {"type": "object"}, True),
        max_tokens=16,
        temperature=0.5,
        top_logprobs=2,
        thinking=True,
        spelling=(("system", "developer"),),
        patch={"text": {"verbosity": "low"}, "reasoning": {"summary": "auto"}, "store": False},
    )
    assert sent_again(FULL_REQUEST) == FULL_REQUEST


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": ["web_search"]},
        {"tool_choice": {"type": "web_search"}},
        {"tool_choice": {"type": "function", "name": "f", "x": 1}},
        {"text": {"format": {"type": "text"}, "verbosity": "low"}},
        {"text": {"format": {"type": "json_schema", "name": "s"}}},
        {"text": "plain"},
        {"max_output_tokens": "16"},
        {"max_output_tokens": True},
        {"stream": "true"},
        {"stream": False},
        {"include": ["message.output_text.logprobs"]},
        {"reasoning": {"effort": "minimal"}},
        {"reasoning": {"summary": "auto"}},
        {"reasoning": {}},
        {"instructions": [{"role": "system", "content": "x"}]},
        {"seed": 1, "stop": ["x"]},
    ],
)
def test_fields_without_a_word_are_sent_again_as_they_were(fields: dict[str, Any]) -> None:
    """They land in the patch, whole."""
    body = {"model": "m", "input": [user({"type": "input_text", "text": "hi"})]} | fields
    assert asked(body) == Call("m", (Message("user", (Text("hi"),)),), patch=fields)
    assert sent_again(body) == body


@pytest.mark.parametrize(
    ("effort", "thinking", "patch"),
    [
        ("low", True, {}),
        ("none", False, {}),
        ("medium", True, {"reasoning": {"effort": "medium"}}),
        ("xhigh", True, {"reasoning": {"effort": "xhigh"}}),
        ("minimal", None, {"reasoning": {"effort": "minimal"}}),
        (None, None, {"reasoning": {"effort": None}}),
        (7, None, {"reasoning": {"effort": 7}}),
    ],
)
def test_an_effort_asks_for_thinking(effort: Any, thinking: bool | None, patch: dict[str, Any]) -> None:
    """One that is more than our own "low" is kept beside it."""
    call = asked({"model": "m", "input": "hi", "reasoning": {"effort": effort}})
    assert (call.thinking, call.patch) == (thinking, patch)
    if effort is not None:  # a patch cannot say null
        assert sent_again({"model": "m", "input": "hi", "reasoning": {"effort": effort}})["reasoning"] == {
            "effort": effort
        }


@pytest.mark.parametrize(
    ("fields", "spelling", "patch"),
    [
        ({"include": ["message.output_text.logprobs"]}, (), {}),
        ({}, (("logprobs", "top_logprobs"),), {}),
        (
            {"include": ["web_search_call.action.sources"]},
            (("logprobs", "top_logprobs"),),
            {"include": ["web_search_call.action.sources"]},
        ),
        (
            {"include": ["a", "message.output_text.logprobs"]},
            (),
            {"include": ["a", "message.output_text.logprobs"]},
        ),
    ],
)
def test_logprobs_are_asked_for_with_and_without_include(
    fields: dict[str, Any], spelling: tuple[tuple[str, str], ...], patch: dict[str, Any]
) -> None:
    """Which of them is kept: without it none come."""
    body = {"model": "m", "input": [user()], "top_logprobs": 2} | fields
    call = asked(body)
    assert (call.top_logprobs, call.spelling, call.patch) == (2, spelling, patch)
    assert sent_again(body) == body


@pytest.mark.parametrize(
    ("fields", "spelling", "messages"),
    [
        ({"input": "hi"}, {"input": "string"}, [("user", "hi")]),
        (
            {"input": "hi", "instructions": "be brief"},
            {"input": "string", "system": "instructions"},
            [("system", "be brief"), ("user", "hi")],
        ),
        (
            {"input": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]},
            {"input": "untyped"},
            [("system", "s"), ("user", "hi")],
        ),
        (
            {"input": [{"type": "message", "role": "developer", "content": "s"}], "instructions": ""},
            {"system": "instructions"},
            [("system", ""), ("system", "s")],
        ),
    ],
)
def test_each_way_to_write_the_input_is_understood(
    fields: dict[str, Any], spelling: dict[str, str], messages: list[tuple[str, str]]
) -> None:
    """And sent again as it was."""
    call = asked({"model": "m"} | fields)
    assert dict(call.spelling) == spelling
    assert [(message.role, message.content) for message in call.messages] == messages
    assert sent_again({"model": "m"} | fields) == {"model": "m"} | fields


ECHO: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "content": None},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "wait", "annotations": [], "logprobs": []}],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
    {"type": "function_call_output", "call_id": "c1", "output": "7"},
    {"type": "computer_call_output", "call_id": "c2", "output": {"type": "computer_screenshot"}},
    {"type": "item_reference", "id": "msg_0"},
    {"type": "function_call", "call_id": "c3", "name": "f", "arguments": {}},
]


def test_what_an_sdk_plays_back_is_understood_and_kept_whole() -> None:
    """Ids, encrypted reasoning and empty lists have no word; the whole input stands in the patch."""
    call = asked({"model": "m", "input": ECHO})
    assert call.patch == {"input": ECHO}
    assert call.messages == (
        Message("user", "hi"),
        Message("assistant", (Other("web_search_call", without(ECHO[2], "type")),), reasoning=""),
        Message("assistant", (Text("wait"),), (ToolCall("c1", "f", "{}"),)),
        Message("tool", "7", tool_call_id="c1"),
        Message("tool", (Other("computer_call_output", without(ECHO[6], "type")),), tool_call_id="c2"),
        Message("assistant", (Other("item_reference", {"id": "msg_0"}),)),
        Message("assistant", (Other("function_call", without(ECHO[8], "type")),)),
    )
    assert sent_again({"model": "m", "input": ECHO}) == {"model": "m", "input": ECHO}


def test_a_strict_function_is_understood_and_kept_whole() -> None:
    """``strict`` has no word."""
    tools = [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": {}, "strict": True}]
    call = asked({"model": "m", "input": "hi", "tools": tools})
    assert (call.tools, call.server_tools) == ((Tool("f"),), (ServerTool("web_search"),))
    assert call.patch == {"tools": tools}
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


def test_a_detail_and_a_second_role_are_kept_whole() -> None:
    """The picture is seen all the same."""
    high = {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "high"}
    system = [{"type": "message", "role": role, "content": "s"} for role in ("system", "developer")]
    body = {"model": "m", "input": [*system, user(high)]}
    call = asked(body)
    assert call.messages[2].content == (Image(url="https://x.test/a.png"),)
    assert sent_again(body) == body


def test_a_document_of_plain_text_is_sent_as_a_file() -> None:
    """The wire has no other way."""
    call = Call("m", (Message("user", (File("document", text="hä", name="a.txt"),)),))
    sent = json.loads(CODEC.encode_call(call).body)["input"][0]["content"]
    assert sent == [{"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aMOk"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "input"),
        (b'{"model":"m","input":{}}', "input"),
        (b'{"model":5,"input":[]}', "model"),
        (b'{"model":"m","input":[7]}', "item"),
        (b'{"model":"m","input":[{"type":7}]}', "item"),
        (b'{"model":"m","input":[{"role":"king"}]}', "king"),
        (b'{"model":"m","input":[{}]}', "role"),
        (b'{"model":"m","input":[{"role":"user","content":7}]}', "content"),
        (b'{"model":"m","input":[{"role":"user","content":[7]}]}', "part"),
        (b'{"model":"m","input":[{"role":"user","content":[{}]}]}', "part"),
    ],
)
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes, words: str) -> None:
    """With a word on what was found instead."""
    with pytest.raises(DecodeError, match=words):
        CODEC.decode_call(HttpRequest("POST", "/responses", JSON, body))


@pytest.mark.parametrize(
    ("method", "url", "body", "expected"),
    [
        ("POST", "https://x.test/v1/responses?a=b", b'{"input":"hi"}', True),
        ("POST", "/responses", b'{"input":[]}', True),
        ("GET", "/responses", b'{"input":"hi"}', False),
        ("POST", "/responses/resp_1/cancel", b'{"input":"hi"}', False),
        ("POST", "/embeddings", b'{"input":"hi"}', False),
        ("POST", "/responses", b'{"messages":[]}', False),
        ("POST", "/responses", b"\xff", False),
    ],
)
def test_requests_are_recognised_by_method_path_and_shape(method: str, url: str, body: bytes, expected: bool) -> None:
    """Neither host nor model are looked at."""
    assert (recognised(HttpRequest(method, url, JSON, body)) is CODEC) is expected


def test_a_request_without_a_model_is_one_to_a_server_with_one_model() -> None:
    """It is sent again without one."""
    call = asked({"input": "hi"})
    assert call.model == ""
    assert "model" not in json.loads(CODEC.encode_call(call).body)


def test_every_feature_has_its_words() -> None:
    """Those that the format lacks have none."""
    for name, words in CODEC.fields.items():
        assert bool(words) is (name not in CODEC.lacks)
        assert all(word == word.lower() for word in words)


# --- round trips of replies

usages = st.builds(Usage, counts, counts, counts, counts, counts)
pictures = st.builds(Media, st.just("image"), st.sampled_from(["", "image/png"]), texts)
cited = st.builds(Citation, st.just("web"), texts, texts) | st.builds(Citation, st.just("document"), texts)
ends: st.SearchStrategy[tuple[Any, str]] = st.sampled_from(
    [
        (ABSENT, ""),
        (None, ""),
        ("stop", "completed"),
        ("length", "incomplete:max_output_tokens"),
        ("content_filter", "incomplete:content_filter"),
        ("unknown", "incomplete:boredom"),
        ("error", "cancelled"),
    ]
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply without a fault, in canonical form. The wire has no null text, and no null reasoning."""
    place = draw(st.sampled_from(["", SUMMARY, THOUGHTS, "think"]))
    text, reasoning = draw(st.just(ABSENT) | untagged), draw(untagged)
    if place == "think":  # blanks between the tag and the text belong to neither
        text = draw(untagged).lstrip()
    calls, refusal = draw(made_calls), draw(st.none() | names)
    finish, raw = draw(ends)
    if finish == "stop" and (calls or refusal):
        finish = "tool_calls" if calls else "content_filter"
    spoken = isinstance(text, str)
    return Reply(
        text=text,
        reasoning=reasoning if place else ABSENT,
        reasoning_place=place,
        tool_calls=calls,
        server_tools=draw(st.lists(st.sampled_from(["web_search", "mcp"]), max_size=2).map(tuple)),
        citations=draw(st.lists(cited, max_size=2).map(tuple)) if spoken else (),
        media=draw(st.lists(pictures, max_size=2).map(tuple)),
        refusal=refusal,
        finish=finish,
        finish_raw=raw,
        usage=draw(st.sampled_from([ABSENT, None]) | usages),
        logprobs=draw(st.sampled_from([ABSENT, None]) | st.lists(logprobs, max_size=2).map(tuple))
        if spoken
        else ABSENT,
        model=draw(st.sampled_from([ABSENT, None]) | texts),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=400)
@given(replies())
def test_a_reply_comes_back_from_its_body(reply: Reply) -> None:
    """Absent, null and value stay apart in every field, and nothing about it is odd."""
    sent = CODEC.encode_reply(reply, stream=False)
    assert decode(sent) == reply
    assert not unknown_fields(sent, CODEC.known)


@settings(max_examples=400)
@given(replies(), st.integers(0, 9))
def test_a_reply_comes_back_from_its_stream(reply: Reply, pieces: int) -> None:
    """In however many pieces its text comes."""
    sent = dataclasses.replace(reply, streamed=True, deltas=pieces)
    written = CODEC.encode_reply(sent, stream=True)
    read = decode(written, STREAM)
    assert dataclasses.replace(read, deltas=0) == dataclasses.replace(sent, deltas=0)
    carries = bool(
        reply.text or reply.reasoning or reply.tool_calls or reply.refusal or reply.reasoning_place == "think"
    )
    assert bool(read.deltas) == carries
    assert not unknown_fields(written, CODEC.known)


def test_the_number_of_pieces_is_kept() -> None:
    """A stream can be told from one that came as a whole."""
    reply = Reply(text="abcdefghij", finish="stop", finish_raw="completed", complete=True, streamed=True, deltas=5)
    assert decode(CODEC.encode_reply(reply, stream=True), STREAM) == reply


@given(refusals)
def test_an_error_inside_a_200_comes_back(error: ApiError) -> None:
    """In a body and in a stream, after the text that came before it."""
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    sent = Reply(error=dataclasses.replace(error, where="stream"), streamed=True)
    assert decode(CODEC.encode_reply(sent, stream=True), STREAM) == sent
    spoken = dataclasses.replace(sent, text="abc", deltas=1)
    assert decode(CODEC.encode_reply(spoken, stream=True), STREAM) == spoken


@given(refusals, st.integers(400, 599))
def test_a_refusal_comes_back_from_its_status(error: ApiError, status: int) -> None:
    """As a status error."""
    error = dataclasses.replace(error, where="status", status=status)
    assert decode(CODEC.encode_error(error)) == Reply(error=error)


def test_a_finish_without_a_raw_word_gets_one() -> None:
    """As the demo's replies have none."""
    for finish, raw in (("stop", "completed"), ("length", "incomplete:max_output_tokens"), ("pending", "in_progress")):
        reply = Reply(text="a", finish=finish, complete=True)  # type: ignore[arg-type]
        assert decode(CODEC.encode_reply(reply, stream=False)) == dataclasses.replace(reply, finish_raw=raw)


def test_a_quote_comes_back_from_its_place_in_the_text() -> None:
    """The wire says where it stands."""
    reply = Reply(text="It is so. [x]", citations=(Citation("web", "t", "https://x.test", "is so"),), complete=True)
    assert decode(CODEC.encode_reply(reply, stream=False)) == reply


# --- whole replies


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], {}),
        ([said("a"), said("b")], {"text": "ab"}),
        ([said(None)], {"text": None}),
        ([said("<think>hm</think>Hi")], {"text": "Hi", "reasoning": "hm", "reasoning_place": "think"}),
        ([{"type": "reasoning", "summary": []}], {}),
        (
            [{"type": "reasoning", "summary": [{"type": "summary_text", "text": x} for x in "ab"]}],
            {"reasoning": "a\n\nb", "reasoning_place": SUMMARY},
        ),
        (
            [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "r"}]}],
            {"reasoning": "r", "reasoning_place": THOUGHTS},
        ),
        ([called()], {"tool_calls": (ToolCall("c1", "f", "{}"),), "finish": "tool_calls"}),
        (
            [{"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "x"}],
            {"tool_calls": (ToolCall("c1", "f", "x"),), "finish": "tool_calls"},
        ),
        (
            [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}],
            {"refusal": "no", "finish": "content_filter"},
        ),
        (
            [{"type": "image_generation_call", "result": "AAAA", "output_format": "webp"}],
            {"media": (Media("image", "image/webp", "AAAA"),)},
        ),
        ([{"type": "image_generation_call", "result": None}], {"server_tools": ("image_generation",)}),
        ([{"type": "mcp_list_tools"}], {}),
        (
            [{"type": "web_search_call", "action": {"sources": [{"type": "url", "url": x} for x in "aba"]}}],
            {"server_tools": ("web_search",), "citations": (Citation("web", url="a"), Citation("web", url="b"))},
        ),
    ],
)
def test_items_are_understood(items: list[Any], expected: dict[str, Any]) -> None:
    """Alike in a body and as the only thing that a stream says."""
    base = Reply(finish="stop", finish_raw="completed", complete=True)
    assert whole(response(*items)) == dataclasses.replace(base, **expected)
    done = [event("output_item.done", output_index=index, item=item) for index, item in enumerate(items)]
    streamed = stream(CREATED, *done, end(*items))
    assert dataclasses.replace(streamed, streamed=False) == dataclasses.replace(base, **expected)


def test_citations_stand_before_mere_sources() -> None:
    """A source that is cited is told once; files are told by name; spans that are none give no quote."""
    search = {"type": "web_search_call", "action": {"sources": [{"url": "u"}, {"url": "v"}, {"url": 7}, 7]}}
    annotations = [
        {"type": "url_citation", "url": "u", "title": "t", "start_index": 3, "end_index": 7},
        {"type": "url_citation", "url": "w", "start_index": 7, "end_index": 3},
        {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 2},
        7,
    ]
    reply = whole(response(search, said("so: this", annotations=annotations)))
    assert reply.citations == (
        Citation("web", "t", "u", " thi"),
        Citation("web", "", "w"),
        Citation("document", "a.pdf"),
        Citation("web", "", "v"),
    )


@pytest.mark.parametrize(
    ("fields", "finish", "raw"),
    [
        ({}, "stop", "completed"),
        ({"status": "incomplete"}, "unknown", "incomplete"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length", None),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter", None),
        ({"status": "queued"}, "pending", "queued"),
        ({"status": "in_progress"}, "pending", "in_progress"),
        ({"status": "cancelled"}, "error", "cancelled"),
        ({"status": "?"}, "unknown", "?"),
        ({"status": ""}, None, ""),
        ({"status": None}, None, ""),
    ],
)
def test_status_and_details_are_the_finish(fields: dict[str, Any], finish: Any, raw: str | None) -> None:
    """The raw word is the status, with the reason behind a colon."""
    reply = whole(response(said("a"), **fields))
    wanted = raw if raw is not None else f"incomplete:{fields['incomplete_details']['reason']}"
    assert (reply.finish, reply.finish_raw) == (finish, wanted)


def test_a_call_in_a_capped_reply_is_no_reason_to_end() -> None:
    """The cap was."""
    capped = response(called(arguments="{"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert whole(capped).finish == "length"


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (response(7), "an output item that is not an object"),
        (response({}), "an output item without a word here"),
        (response({"type": "computer_call"}), "an output item without a word here"),
        (response({"type": "message"}), "content is not a list of parts"),
        (response({"type": "message", "content": "hi"}), "content is not a list of parts"),
        (response({"type": "message", "content": [{"type": "x"}]}), "a content part without a word here"),
        (response({"type": "message", "content": [7]}), "a content part without a word here"),
        (response(said(7)), "text is not a string"),
        (response(said("a", logprobs=7)), "logprobs is not an object"),
        (response(called(arguments={})), "tool call arguments are not a string"),
        (response(without(called(), "arguments")), "tool call without arguments"),
        (response(without(called(), "call_id")), "tool call without an id"),
        (response(without(called(), "name")), "tool call without a name"),
        (response(called(), called()), "tool calls share an id"),
        (response(said("a"), status=7), "status is not a string"),
        (response(said("a"), model=7), "model is not a string"),
        (response(said("a"), usage=7), "usage is not an object"),
        (response(said("a"), usage={"input_tokens": 7.0}), "a token count is not an integer"),
        (response(said("a"), usage={"input_tokens": 10**30}), "a token count beyond all measure"),
    ],
)
def test_oddities_of_a_body_are_named(body: Any, oddity: str) -> None:
    """And it is a reply all the same."""
    reply = whole(body)
    assert reply.error is None
    assert reply.oddities == (oddity,)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"<html><title>Bad</title></html>", "Bad"),
        (b"[]", "not a JSON object"),
        (b"{}", "a reply without output"),
        (b'{"choices":[]}', "a reply without output"),
        (b'{"output":{}}', "a reply without output"),
        (b'{"error":"broken"}', "broken"),
        (b'{"status":"failed","error":{"code":"server_error","message":"broken"},"output":[]}', "broken"),
        (b'{"status":"failed","error":null,"output":[]}', "without saying why"),
    ],
)
def test_a_200_that_is_no_reply_is_an_error(body: bytes, words: str) -> None:
    """With what it says instead."""
    reply = decode(HttpResponse(200, JSON, body))
    assert reply.error is not None
    assert (reply.error.where, reply.complete) == ("body", False)
    assert words in reply.error.message


def test_a_failed_response_says_its_code() -> None:
    """As documented."""
    reply = whole(response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}))
    assert reply.error == ApiError("body", 200, "slow", code="rate_limit_exceeded")


def test_no_answer_is_a_transport_error() -> None:
    """With what the transport said; so is half of one."""
    failure = TransportFailure("timeout", "20 s")
    for found in (None, HttpResponse(200, JSON, json.dumps(response(said("a"))).encode())):
        error = decode(found, failure=failure).error
        assert error is not None
        assert error.where == "transport"
        assert "timeout: 20 s" in error.message


# --- streams

SPOKEN = [CREATED, ADDED, event("output_text.delta", delta="Hi"), event("output_text.delta", delta=" you")]
OK = [*SPOKEN, event("output_text.done", text="Hi you"), event("output_item.done", item=said("Hi you"))]
OK.append(end(said("Hi you"), usage={"input_tokens": 1, "output_tokens": 2}))


def test_a_stream_by_the_book_has_nothing_odd() -> None:
    """Text from the deltas; usage, finish and model from the last event."""
    expected = Reply(
        text="Hi you",
        finish="stop",
        finish_raw="completed",
        usage=Usage(1, 2),
        deltas=2,
        streamed=True,
        complete=True,
    )
    assert stream(*OK) == expected


@pytest.mark.parametrize(
    ("values", "text", "oddities"),
    [
        (
            [*SPOKEN, end(said("Hi me"))],
            "Hi you",
            ("deltas and final response differ in the text",),
        ),
        ([*SPOKEN, event("output_text.done", text="Hi"), end()], "Hi you", ("a done event differs from its deltas",)),
        ([CREATED, ADDED, event("output_text.done", text="Hi"), end()], "Hi", ("text without deltas",)),
        ([CREATED, end(said("Hi"))], "Hi", ("deltas and final response differ in the text",)),
        (
            [CREATED, end(said("Hi"), called())],
            "Hi",
            ("deltas and final response differ in the text", "deltas and final response differ in the tool calls"),
        ),
        (
            [CREATED, event("output_text.delta", delta="Hi"), end(said("Hi"))],
            "Hi",
            ("pieces of an item that was not announced",),
        ),
        ([*OK, {"type": "response.created"}], "Hi you", ("data after the final response",)),
        ([*OK[:2], *OK[1:]], "Hi you", ()),
        ([*SPOKEN, event("output_text.delta", delta=7), *OK[4:]], "Hi you", ("a delta that is not a string",)),
        ([*SPOKEN, event("output_text.done"), *OK[5:]], "Hi you", ("a done event without its text",)),
        ([*SPOKEN, event("output_item.done"), *OK[4:]], "Hi you", ("an event without its item",)),
        ([*SPOKEN, {"type": "response.completed"}], "Hi you", ("an event without its response",)),
        ([*SPOKEN, event("output_text.delta", delta=""), *OK[4:]], "Hi you", ()),
        (
            [*OK[:-1], {**OK[-1], "type": "response.incomplete"}],
            "Hi you",
            ("the last event and its status differ",),
        ),
        ([*OK[:3], {**OK[3], "sequence_number": 2}, *OK[4:]], "Hi you", ("sequence numbers do not rise",)),
        ([*OK[:3], {**OK[3], "sequence_number": None}, *OK[4:]], "Hi you", ("an event without a sequence number",)),
        ([without(one, "output_index") for one in OK], "Hi you", ("an event without an output index",)),
        ([*OK[:3], {"type": "keepalive"}, event("brand.new", delta="x"), *OK[3:]], "Hi you", ()),
    ],
)
def test_faults_of_a_stream_are_named(values: list[Any], text: str, oddities: tuple[str, ...]) -> None:
    """And its reply is read all the same, from what came first."""
    reply = stream(*values)
    assert (reply.text, reply.complete) == (text, True)
    assert reply.oddities == oddities


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (events(*OK).replace(b"event: response.created\n", b""), "an event whose name is not its type"),
        (events(*OK).replace(b'"type": "response.created"', b'"x": 1'), "an event without a type in its data"),
        (events(*OK) + b"data: [DONE]\n\n", "a [DONE], which this format has not"),
        (b"data: 7\n\n" + events(*OK), "an event that is not an object"),
        (b"data: {\n\n" + events(*OK), "an event that is not JSON"),
        (events(*OK)[:-1], "no final blank line"),
    ],
)
def test_faults_of_the_framing_are_named(body: bytes, oddity: str) -> None:
    """And its reply is read all the same."""
    reply = decode(HttpResponse(200, SSE, body), STREAM)
    assert (reply.text, reply.oddities) == ("Hi you", (oddity,))


def test_a_model_that_changes_is_odd() -> None:
    """The last one counts."""
    reply = stream({"type": "response.created", "response": {"model": "a"}}, end(said("x"), model="b"))
    assert reply.model == "b"
    assert "model changes in the stream" in reply.oddities


def test_several_items_come_interleaved() -> None:
    """Each piece finds its item by the place in the output, and its part by the index there."""
    second = {"output_index": 1, "item_id": "fc_1"}
    reply = stream(
        CREATED,
        event("output_item.added", item={"type": "reasoning", "summary": []}),
        event("output_item.added", output_index=1, item=called(arguments="")),
        event("reasoning_summary_text.delta", summary_index=0, delta="a"),
        event("function_call_arguments.delta", **second, delta='{"x"'),
        event("reasoning_summary_text.delta", summary_index=1, delta="b"),
        event("function_call_arguments.delta", **second, delta=":1}"),
        event("function_call_arguments.done", **second, arguments='{"x":1}'),
        end(),
    )
    assert (reply.reasoning, reply.tool_calls) == ("a\n\nb", (ToolCall("c1", "f", '{"x":1}'),))
    assert (reply.finish, reply.deltas, reply.oddities) == ("tool_calls", 5, ())


def test_annotations_and_logprobs_are_collected_where_no_whole_item_comes() -> None:
    """From their events, and from the deltas."""
    entry = {"token": "Hi", "logprob": -0.5, "top_logprobs": []}
    note = {"type": "url_citation", "url": "u", "title": "t"}
    reply = stream(
        *SPOKEN[:2],
        event("output_text.delta", delta="Hi", logprobs=[entry]),
        event("output_text.annotation.added", annotation=note),
        end(),
    )
    assert reply.citations == (Citation("web", "t", "u"),)
    assert isinstance(reply.logprobs, tuple)
    assert [(one.token, one.logprob) for one in reply.logprobs] == [("Hi", -0.5)]


FAILED = {"type": "response.failed", "response": response(status="failed", error={"code": "c", "message": "broken"})}


@pytest.mark.parametrize(
    ("values", "text", "code", "words"),
    [
        ([*SPOKEN, FAILED], "Hi you", "c", "broken"),
        ([*SPOKEN, {"type": "response.failed", "response": {}}], "Hi you", "", "without saying why"),
        ([*SPOKEN, {"type": "error", "code": "c", "message": "broken", "param": None}], "Hi you", "c", "broken"),
        ([CREATED, {"type": "error", "error": {"type": "t", "code": "c", "message": "broken"}}], ABSENT, "c", "broken"),
        ([{"error": {"message": "broken"}}], ABSENT, "", "broken"),
        ([CREATED], ABSENT, "", NO_END),
        ([], ABSENT, "", "an empty stream"),
    ],
)
def test_a_stream_that_fails_is_an_error(values: list[Any], text: Any, code: str, words: str) -> None:
    """The text that came before is kept."""
    reply = stream(*values)
    assert reply.error is not None
    assert (reply.error.where, reply.error.code, reply.error.type in ("", "t")) == ("stream", code, True)
    assert words in reply.error.message
    assert (reply.text, reply.finish, reply.complete) == (text, ABSENT, False)


def test_a_text_without_an_end_is_incomplete_and_no_error() -> None:
    """It came over a whole connection, so it is the endpoint's doing; it may not pass for a whole reply."""
    reply = stream(*SPOKEN)
    assert (reply.text, reply.complete, reply.error, reply.oddities) == ("Hi you", False, None, (NO_END,))
    assert (reply.finish, reply.usage) == (ABSENT, ABSENT)


def test_a_stream_that_was_cut_off_is_an_error_unless_it_had_ended() -> None:
    """Its text is kept."""
    failure = TransportFailure("reset", "by peer")
    cut = decode(HttpResponse(200, SSE, events(*SPOKEN)), STREAM, failure)
    assert cut.error is not None
    assert (cut.error.where, cut.text, cut.complete) == ("transport", "Hi you", False)
    assert decode(HttpResponse(200, SSE, events(*OK)), STREAM, failure).error is None


def test_whether_a_stream_was_asked_for_is_read_from_the_request() -> None:
    """An unreadable request is held against nobody."""
    unread = HttpRequest("POST", "/responses", JSON, b"\xff")
    body = HttpResponse(200, JSON, json.dumps(response(said("a"))).encode())
    lines = HttpResponse(200, SSE, events(*OK))
    assert decode(body, STREAM).oddities == ("a JSON body although a stream was asked for",)
    assert decode(lines, PLAIN).oddities == ("a stream although none was asked for",)
    assert decode(body, unread).oddities == decode(lines, unread).oddities == ()
    assert decode(dataclasses.replace(lines, headers=JSON), STREAM).oddities == ("a stream under another content type",)


# --- the list of models


def test_models_are_listed_once_in_order() -> None:
    """In the documented shape."""
    body = {"object": "list", "data": [{"id": "a", "n": 1}, {"id": "b"}, {"id": "a"}]}
    listed = CODEC.decode_models(HttpResponse(200, JSON, json.dumps(body).encode()))
    assert listed == (Listed("a", {"id": "a", "n": 1}), Listed("b", {"id": "b"}))
    assert CODEC.decode_models(CODEC.encode_models(listed)) == listed
    with pytest.raises(DecodeError):
        CODEC.decode_models(HttpResponse(200, JSON, b"{}"))


# --- nothing makes it raise

FULL_REPLY = response(
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "content": [{"text": "r"}]},
    {"type": "web_search_call", "action": {"type": "search", "sources": [{"type": "url", "url": "u"}]}},
    {"type": "image_generation_call", "result": "AAAA", "output_format": "png"},
    said(
        "abc",
        annotations=[{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}],
        logprobs=[{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}],
    ),
    {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
    called(),
    {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
    model="m",
    incomplete_details={"reason": "max_output_tokens"},
    usage={
        "input_tokens": 1,
        "output_tokens": 2,
        "total_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 1},
    },
)
FULL_EVENTS = [
    *OK[:-1],
    event("output_text.delta", delta="x", logprobs=[{"token": "x"}]),
    event("output_text.annotation.added", annotation={"type": "url_citation", "url": "u"}),
    event("output_item.added", output_index=1, item=called()),
    event("function_call_arguments.delta", output_index=1, delta="{}"),
    event("reasoning_summary_text.delta", output_index=2, summary_index=0, delta="r"),
    event("refusal.delta", output_index=3, delta="no"),
    {"type": "response.completed", "response": FULL_REPLY},
    {"type": "error", "message": "m", "code": 5},
]


@settings(max_examples=500)
@given(with_a_wild_node(FULL_REPLY) | with_a_wild_node(FULL_REPLY | {"error": {"message": "m", "code": 5}}))
def test_a_body_with_anything_anywhere_can_be_read(body: Any) -> None:
    """Wrong types are oddities or errors, never exceptions; and what was read can be written."""
    reply = whole(body)
    is_sound(reply)
    for streamed in (False, True):
        CODEC.encode_reply(reply, stream=streamed)


@settings(max_examples=600)
@given(with_a_wild_node(FULL_EVENTS))
def test_a_stream_with_anything_anywhere_can_be_read(values: Any) -> None:
    """The same for every event."""
    values = values if isinstance(values, list) else [values]
    lines = "".join(f"data: {json.dumps(one)}\n\n" for one in values)
    is_sound(decode(HttpResponse(200, SSE, lines.encode()), STREAM))


@settings(max_examples=400)
@given(with_a_wild_node(FULL_REQUEST) | with_a_wild_node({"model": "m", "input": ECHO}))
def test_a_request_with_anything_anywhere_is_read_or_refused(body: Any) -> None:
    """And what was read can be sent again, and is read the same again."""
    with contextlib.suppress(DecodeError):
        call = asked(copy.deepcopy(body))
        assert CODEC.decode_call(CODEC.encode_call(call)).messages == call.messages


@given(
    st.binary(max_size=200) | st.sampled_from([events(*OK), json.dumps(FULL_REPLY).encode()]),
    st.sampled_from([200, 200, 200, 204, 404, 500]),
    st.sampled_from([(), JSON, SSE, (("content-type", ""),)]),
    st.integers(0, 3000),
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
        '{"output":%s}',
        '{"output":[{"type":"message","content":%s}]}',
        '{"output":[{"type":"function_call","arguments":%s}]}',
        '{"output":[{"type":"custom_tool_call","input":%s}]}',
        '{"error":%s}',
        '{"status":"failed","error":{"message":%s}}',
    ],
)
def test_deep_nesting_is_no_reason_to_fall_over(frame: str, depth: int) -> None:
    """At any place, whole, streamed, and with an HTTP error."""
    body = frame % ("[" * depth + "]" * depth)
    final = '{"type":"response.completed","response":' + body + "}"
    done = '{"type":"response.output_item.done","item":{"type":"function_call","arguments":' + body + "}}"
    for answer in (
        HttpResponse(200, JSON, body.encode()),
        HttpResponse(400, JSON, body.encode()),
        HttpResponse(200, SSE, f"data: {done}\n\ndata: {final}\n\n".encode()),
    ):
        is_sound(decode(answer, STREAM))
