"""The codec of Ollama's chat format: what is written is read again, what is odd is named, nothing makes it raise."""

from __future__ import annotations

import contextlib
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
    Role,
    Text,
    Tool,
    ToolCall,
)
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.known import unknown_fields
from llmprobe.dialects.ollama_chat.stream import NO_END
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Media, Reply, TokenLogprob, Usage
from tests.test_openai_chat import (
    counts,
    is_sound,
    limits,
    logprobs,
    maybe_texts,
    names,
    numbers,
    objects,
    plain_json,
    texts,
    untagged,
    with_a_wild_node,
)

CODEC = dialect("ollama-chat")
JSON: Headers = (("content-type", "application/json; charset=utf-8"),)
LINES: Headers = (("content-type", "application/x-ndjson"),)
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


def lines(*values: Any) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def stream(*values: Any, call: Call = STREAM) -> Reply:
    """The reply in a stream of these lines."""
    return decode(HttpResponse(200, LINES, lines(*values)), call)


def line(**fields: Any) -> dict[str, Any]:
    """A line with this message."""
    return {"model": "m", "message": {"role": "assistant"} | fields, "done": False}


def done(reason: Any = "stop", **fields: Any) -> dict[str, Any]:
    """The last line, or a whole reply, with this message."""
    return line(**fields) | {"done": True, "done_reason": reason}


# --- round trips of calls

object_texts = objects.map(lambda value: json.dumps(value, ensure_ascii=False))
arguments = object_texts | texts.filter(lambda text: not text.lstrip().startswith("{"))
tool_calls = st.lists(st.builds(ToolCall, st.just("") | texts, texts, arguments), max_size=2).map(tuple)
images = st.lists(st.builds(Image, texts), max_size=2)
contents = (
    st.none()
    | texts
    | st.builds(lambda text, pictures: (*text, *pictures), st.lists(st.builds(Text, texts), max_size=1), images)
)


ROLES: list[Role] = ["system", "user", "assistant", "tool"]


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that this format can say: the result of a tool has the name of the tool, and maybe an id."""
    role = draw(st.sampled_from(ROLES))
    name = draw(names) if role == "tool" else ""
    return Message(
        role,
        draw(contents),
        draw(tool_calls) if role == "assistant" else (),
        draw(st.just(name) | names) if name else None,
        draw(st.none() | texts),
        name=name,
    )


TOP = {"model", "messages", "stream", "format", "think", "tools", "logprobs", "top_logprobs", "options"}
OPTIONS = {"num_predict", "temperature", "top_p", "seed", "stop"}


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that this format can say."""
    more = draw(st.dictionaries(texts.filter(lambda name: name not in OPTIONS), plain_json, max_size=2))
    options: dict[str, Any] = {"options": more} if more else {}
    return Call(
        draw(texts),
        draw(st.lists(messages(), max_size=4).map(tuple)),
        stream=draw(st.booleans()),
        tools=draw(st.lists(st.builds(Tool, texts, texts, objects), max_size=2).map(tuple)),
        response_format=draw(st.none() | st.just(JsonObject()) | st.builds(JsonSchema, st.just(""), objects)),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        seed=draw(st.none() | st.integers(-(2**63), 2**63)),
        stop=draw(st.lists(texts, max_size=4).map(tuple)),
        top_logprobs=draw(st.none() | st.integers(0, 20)),
        thinking=draw(st.none() | st.booleans()),
        patch=draw(st.dictionaries(texts.filter(lambda name: name not in TOP), plain_json, max_size=2)) | options,
    )


@settings(max_examples=300)
@given(calls())
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Every field, and what has no word here."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert (request.method, request.url) == ("POST", "/api/chat")
    assert recognised(request) is CODEC


def asked(body: dict[str, Any]) -> Call:
    return CODEC.decode_call(HttpRequest("POST", "/api/chat", JSON, json.dumps(body).encode()))


def written(call: Call) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CODEC.encode_call(call).body)
    return body


FULL_REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is this?", "images": ["AAAA", "BBBB"]},
        {"role": "user", "images": ["CCCC"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [
                {"function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"name": "g", "arguments": {}}},
            ],
        },
        {"role": "tool", "tool_name": "f", "content": "7"},
        {"role": "tool", "tool_name": "g", "tool_call_id": "c2", "content": "8"},
    ],
    "stream": True,
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "format": {"type": "object"},
    "think": False,
    "logprobs": True,
    "top_logprobs": 2,
    "keep_alive": "5m",
    "options": {"num_predict": 16, "temperature": 0.5, "top_p": 1, "seed": 1, "stop": ["X"], "num_ctx": 4096},
}


def test_a_full_request_is_understood_and_written_again() -> None:
    """The documented fields by name, the rest as a patch."""
    call = asked(FULL_REQUEST)
    assert call == Call(
        "m",
        (
            Message("system", "be brief"),
            Message("user", (Text("what is this?"), Image("AAAA"), Image("BBBB"))),
            Message("user", (Image("CCCC"),)),
            Message("assistant", "", (ToolCall("", "f", '{"a": 1}'), ToolCall("c2", "g", "{}")), reasoning="hm"),
            Message("tool", "7", tool_call_id="f", name="f"),
            Message("tool", "8", tool_call_id="c2", name="g"),
        ),
        stream=True,
        tools=(Tool("f", "d", {"type": "object"}),),
        response_format=JsonSchema("", {"type": "object"}),
        max_tokens=16,
        temperature=0.5,
        top_p=1,
        seed=1,
        stop=("X",),
        top_logprobs=2,
        thinking=False,
        patch={"keep_alive": "5m", "options": {"num_ctx": 4096}},
    )
    assert written(call) == FULL_REQUEST


@pytest.mark.parametrize(
    "fields",
    [
        {"think": "high"},
        {"format": ""},
        {"format": "json"},
        {"format": {}},
        {"tools": []},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "other"}]},
        {"logprobs": True},
        {"top_logprobs": 2},
        {"keep_alive": 0},
        {"options": {}},
        {"options": {"num_predict": -1}},
        {"options": {"num_predict": "16"}},
        {"options": {"stop": "X"}},
        {"options": {"stop": []}},
        {"options": {"seed": 1.5, "top_k": 3}},
        {"options": [1]},
    ],
)
def test_other_fields_are_sent_again_as_they_were(fields: dict[str, Any]) -> None:
    """What is not understood lands in the patch, whole."""
    body = {"model": "m", "messages": [], "stream": False} | fields
    assert written(asked(body)) == body


def test_a_request_that_does_not_speak_of_streams_asks_for_one() -> None:
    """It is the default of this format, so that "no stream" has to be said."""
    assert asked({"model": "m", "messages": []}).stream is True
    assert written(PLAIN)["stream"] is False


def test_what_has_no_field_is_left_out() -> None:
    """A call that says more than the format can is written without that."""
    call = dataclasses.replace(
        PLAIN,
        messages=(Message("user", (Text("a"), Other("x", {}), File("document", text="b"), File("audio", "AAAA"))),),
        include_usage=True,
        parallel_tool_calls=False,
        tool_choice=NamedTool("f"),
        response_format=JsonSchema("s", {"type": "object"}, True),
    )
    assert written(call) == {
        "model": "m",
        "messages": [{"role": "user", "content": "a\nb", "images": []}],
        "stream": False,
        "format": {"type": "object"},
    }
    assert {"include_usage", "parallel_tool_calls"} <= CODEC.lacks
    assert not {"seed", "stop", "json", "schema", "tools", "logprobs", "image", "thinking"} & CODEC.lacks


def test_results_are_named_after_the_calls_that_they_answer() -> None:
    """By id where the calls have ids; in their order where they have none."""
    first, second, third = ToolCall("", "f", "{}"), ToolCall("c2", "g", "{}"), ToolCall("", "h", "{}")
    talk = (
        Message("assistant", None, (first, second, third)),
        Message("tool", "2", tool_call_id="c2"),
        Message("tool", "1"),
        Message("tool", "3"),
        Message("tool", "4"),
    )
    results = written(dataclasses.replace(PLAIN, messages=talk))["messages"][1:]
    assert [(one.get("tool_name"), one.get("tool_call_id")) for one in results] == [
        ("g", "c2"),
        ("f", None),
        ("h", None),
        (None, None),
    ]


def test_a_url_is_sent_where_the_image_should_be() -> None:
    """The server says itself that it fetches none."""
    call = dataclasses.replace(PLAIN, messages=(Message("user", (Image(url="https://x.test/a.png"),)),))
    assert written(call)["messages"] == [{"role": "user", "images": ["https://x.test/a.png"]}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"model": "m"}', "messages"),
        (b'{"messages": []}', "model"),
        (b'{"model": 1, "messages": []}', "model"),
        (b'{"model": "m", "messages": [1]}', "not an object with a role"),
        (b'{"model": "m", "messages": [{"role": "king", "content": ""}]}', "role 'king'"),
        (b'{"model": "m", "messages": [{"role": "user", "content": []}]}', "not a string"),
        (b'{"model": "m", "messages": [{"role": "user", "images": "AAAA"}]}', "images"),
        (b'{"model": "m", "messages": [{"role": "user", "images": [1]}]}', "images"),
        (b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": {"a": 1}}]}', "tool_calls"),
    ],
)
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes, words: str) -> None:
    """With what was found instead."""
    with pytest.raises(DecodeError, match=words):
        CODEC.decode_call(HttpRequest("POST", "/api/chat", JSON, body))


@pytest.mark.parametrize(
    ("method", "url", "body", "expected"),
    [
        ("POST", "http://localhost:11434/api/chat", b'{"messages":[]}', True),
        ("POST", "/api/chat", b'{"messages":[]}', True),
        ("GET", "/api/chat", b'{"messages":[]}', False),
        ("POST", "/api/chat", b'{"model":"m"}', False),
        ("POST", "/api/generate", b'{"messages":[]}', False),
        ("POST", "/api/chat", b"", False),
    ],
)
def test_its_requests_are_recognised(method: str, url: str, body: bytes, expected: bool) -> None:
    """By method, path and shape."""
    assert CODEC.recognises(HttpRequest(method, url, (), body)) is expected


# --- round trips of replies

usages = st.builds(Usage, counts, counts, place=st.just("eval_count")).filter(
    lambda usage: usage.input is not ABSENT or usage.output is not ABSENT
)
made_calls = st.lists(
    st.builds(ToolCall, st.just("") | names, names, object_texts), max_size=3, unique_by=lambda call: call.id or call
).map(tuple)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply without a fault, in canonical form."""
    place = draw(st.sampled_from(["", "thinking", "think"]))
    text, reasoning = draw(maybe_texts), draw(st.none() | untagged)
    if place == "think":  # blanks between the tag and the text belong to neither
        text, reasoning = draw(untagged).lstrip(), draw(untagged)
    made = draw(made_calls)
    raw = draw(st.sampled_from(["stop", "length", "load", "unload"]) | names)
    known = {"stop": "tool_calls" if made else "stop", "length": "length"}.get(raw, "unknown")
    finish: Any = draw(st.sampled_from([ABSENT, None, known]))
    return Reply(
        text=text,
        reasoning=reasoning if place else ABSENT,
        reasoning_place=place,
        tool_calls=made,
        media=draw(st.lists(st.builds(Media, st.just("image"), data=names), max_size=2).map(tuple)),
        finish=finish,
        finish_raw=raw if isinstance(finish, str) else "",
        usage=draw(st.just(ABSENT) | usages),
        logprobs=draw(st.sampled_from([ABSENT, None]) | st.lists(logprobs, max_size=2).map(tuple)),
        model=draw(st.sampled_from([ABSENT, None]) | texts),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=300)
@given(replies())
def test_a_reply_comes_back_from_its_body(reply: Reply) -> None:
    """Absent, null and value stay apart in every field, and nothing about it is odd or unknown."""
    response = CODEC.encode_reply(reply, stream=False)
    assert decode(response) == reply
    assert not unknown_fields(response, CODEC.known)


@settings(max_examples=300)
@given(replies(), st.integers(0, 9))
def test_a_reply_comes_back_from_its_stream(reply: Reply, pieces: int) -> None:
    """In however many pieces its text comes."""
    sent = dataclasses.replace(reply, streamed=True, deltas=pieces)
    response = CODEC.encode_reply(sent, stream=True)
    read = decode(response, STREAM)
    assert dataclasses.replace(read, deltas=0) == dataclasses.replace(sent, deltas=0)
    carries = bool(reply.text or reply.reasoning or reply.tool_calls or reply.reasoning_place == "think")
    assert bool(read.deltas) == carries
    assert not unknown_fields(response, CODEC.known)


def test_the_number_of_pieces_is_kept() -> None:
    """A stream can be told from one that came as a whole."""
    reply = Reply(text="abcdefghij", finish="stop", finish_raw="stop", complete=True, streamed=True, deltas=5)
    assert decode(CODEC.encode_reply(reply, stream=True), STREAM) == reply


@given(names)
def test_an_error_inside_a_200_comes_back(message: str) -> None:
    """In a body and in a stream, after the text that came before it."""
    error = ApiError("body", 200, message)
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    in_stream = dataclasses.replace(error, where="stream")
    sent = Reply(text="abc", error=in_stream, streamed=True, deltas=1)
    assert decode(CODEC.encode_reply(sent, stream=True), STREAM) == sent


@given(names, st.integers(400, 599))
def test_a_refusal_comes_back_from_its_status(message: str, status: int) -> None:
    """Of which only the message has a place."""
    error = ApiError("status", status, message)
    assert decode(CODEC.encode_error(dataclasses.replace(error, code="c", type="t", param="p"))) == Reply(error=error)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(tool_calls=(ToolCall("", "f", "{}"),), finish="tool_calls"), "stop"),
        (Reply(text="a", finish="stop_sequence"), "stop"),
        (Reply(text="a", finish="length"), "length"),
    ],
)
def test_ends_without_a_word_of_their_own_are_stops(reply: Reply, reason: str) -> None:
    """The wire does not tell calls and stop sequences from a natural end."""
    assert json.loads(CODEC.encode_reply(reply, stream=False).body)["done_reason"] == reason


def test_reasoning_from_elsewhere_is_written_in_the_field_of_this_format() -> None:
    """Whatever the field is called where it came from."""
    reply = Reply(text="a", reasoning="hm", reasoning_place="reasoning_content", finish="stop")
    assert decode(CODEC.encode_reply(reply, stream=False)).reasoning_place == "thinking"


# --- reading replies


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content": "Hi", "thinking": "hm"}, ("Hi", "hm", "thinking")),
        ({"content": "<think>\nhm\n</think>\n\nHi"}, ("Hi", "hm", "think")),
        ({"content": "<think>a</think>b", "thinking": "c"}, ("<think>a</think>b", "c", "thinking")),
        ({"content": "<think>hm"}, ("", "hm", "think")),
        ({"content": "", "thinking": ""}, ("", "", "thinking")),
        ({"content": None}, (None, ABSENT, "")),
        ({}, (ABSENT, ABSENT, "")),
    ],
)
def test_text_and_reasoning_are_told_apart(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """In a field of its own, or in tags; whole and streamed."""
    for reply in (whole(done(**fields)), stream(line(**fields), done())):
        assert (reply.text, reply.reasoning, reply.reasoning_place) == expected
        assert (reply.error, reply.oddities, reply.complete) == (None, (), True)


def test_tool_calls_need_no_ids() -> None:
    """Their arguments are an object, and each comes whole, in lines of their own."""
    called = [{"function": {"name": "f", "arguments": {"a": "ä"}}}]
    more = [{"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}}]
    expected = (ToolCall("", "f", '{"a": "ä"}'), ToolCall("c2", "g", "{}"))
    for reply in (
        whole(done(content="", tool_calls=called + more)),
        stream(line(content="", tool_calls=called), line(tool_calls=more), done(content="")),
    ):
        assert (reply.tool_calls, reply.finish, reply.finish_raw) == (expected, "tool_calls", "stop")
        assert reply.oddities == ()
        assert reply.deltas == (2 if reply.streamed else 0)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", ("stop", "stop")),
        ("length", ("length", "length")),
        ("load", ("unknown", "load")),
        ("unload", ("unknown", "unload")),
        (None, (None, "")),
        ("", (None, "")),
    ],
)
def test_the_end_is_read(reason: Any, expected: tuple[Any, str]) -> None:
    """Whole and streamed; an empty word is odd."""
    for reply in (whole(done(reason, content="a")), stream(line(content="a"), done(reason))):
        assert (reply.finish, reply.finish_raw) == expected
        assert reply.oddities == (("done_reason is empty",) if reason == "" else ())
        assert reply.complete


def test_a_reply_without_a_reason_is_complete_all_the_same() -> None:
    """Older servers sent none, and no message in the last line."""
    last = {"done": True, "eval_count": 3}
    reply = stream(line(content="a"), last)
    assert (reply.finish, reply.complete, reply.output_tokens, reply.oddities) == (ABSENT, True, 3, ())


def test_counts_and_log_probabilities_are_read() -> None:
    """The counts from the last line, the log probabilities from each."""
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1}]}
    last = done() | {"prompt_eval_count": 5, "eval_count": 2}
    read = TokenLogprob("a", -0.5, (("b", -1.0),))
    reply = stream(line(content="a") | {"logprobs": [entry]}, line(content="a") | {"logprobs": [entry]}, last)
    assert (reply.usage, reply.logprobs) == (Usage(5, 2, place="eval_count"), (read, read))
    cached = whole(done(content="a") | {"eval_count": 2, "logprobs": None})
    assert (cached.usage, cached.logprobs) == (Usage(ABSENT, 2, place="eval_count"), None)


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (done(content=7), "content is not a string"),
        (done(content="a", thinking=[]), "thinking is not a string"),
        (done(content="a", images="AAAA"), "images is not a list of strings"),
        (done(content="a", tool_calls={}), "tool_calls is not a list"),
        (done(tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]), "tool call arguments are not an object"),
        (done(tool_calls=[{"function": {"name": "f"}}]), "tool call without arguments"),
        (done(tool_calls=[{"function": {"arguments": {}}}]), "tool call without a name"),
        (done(7, content="a"), "done_reason is not a string"),
        (done(content="a") | {"model": 7}, "model is not a string"),
        (done(content="a") | {"eval_count": "7"}, "a token count is not an integer"),
        (done(content="a") | {"logprobs": {}}, "logprobs is not a list"),
    ],
)
def test_oddities_are_named(body: Any, oddity: str) -> None:
    """Each once, whole and streamed."""
    assert whole(body).oddities == (oddity,)
    assert stream(body).oddities == (oddity,)


@pytest.mark.parametrize(
    ("found", "oddities"),
    [
        (whole(line(content="a")), ("a whole reply that is not done",)),
        (whole(done(content="a"), STREAM), ("a JSON body although a stream was asked for",)),
        (stream(done(content="a"), call=PLAIN), ("a stream although none was asked for",)),
        (stream(line(content="a"), {"model": "n"} | done()), ()),
        (stream(line(content="a") | {"model": "n"}, done()), ("model changes in the stream",)),
        (stream(line(content="a"), done(), line(content="b")), ("data after the line that says done",)),
        (stream(line(content="a"), [1], done()), ("a line that is not an object",)),
        (stream(line(content="a"), {"done": False}, done()), ("a line without a message",)),
        (stream(line(content="a")), (NO_END,)),
    ],
)
def test_faults_of_a_reply_are_named(found: Reply, oddities: tuple[str, ...]) -> None:
    """And the reply is read as far as it goes."""
    assert (found.text, found.error, found.oddities) == ("a", None, oddities)
    assert found.complete == (NO_END not in oddities)


def test_a_stream_is_known_by_its_look() -> None:
    """Lines under the type of JSON are lines, and one object on many lines is none."""
    body = lines(line(content="a"), done())
    assert decode(HttpResponse(200, JSON, body), STREAM).oddities == ("a stream under another content type",)
    pretty = json.dumps(done(content="a"), indent=1).encode()
    assert decode(HttpResponse(200, JSON, pretty)) == whole(done(content="a"))


def test_signs_that_end_a_line_elsewhere_do_not_here() -> None:
    """A line ends with a line feed, and with nothing else."""
    body = json.dumps(done(content="a\u2028b\x85c"), ensure_ascii=False).encode()
    assert decode(HttpResponse(200, LINES, body), STREAM).text == "a\u2028b\x85c"
    sent = CODEC.encode_reply(Reply(text="a\u2028b\x85c", finish="stop"), stream=True)
    assert len(sent.body.decode().splitlines()) == sent.body.count(b"\n")


ERROR = {"error": "image: unknown format\n"}


def test_errors_in_a_200_are_errors() -> None:
    """In a body, as the only line, after text, and instead of a message."""
    text = ERROR["error"]
    assert whole(ERROR).error == ApiError("body", 200, text)
    assert stream(ERROR).error == ApiError("stream", 200, text)
    late = stream(line(content="a"), ERROR)
    assert (late.text, late.error, late.complete) == ("a", ApiError("stream", 200, text), False)


@pytest.mark.parametrize(
    ("body", "headers", "where", "words"),
    [
        (b"{}", JSON, "body", "without a message"),
        (b"[]", JSON, "body", "not a JSON object"),
        (b"<html>", JSON, "body", "not JSON"),
        (b"", JSON, "body", "not JSON"),
        (b"", LINES, "stream", "empty stream"),
        (b"\n \n", LINES, "stream", "empty stream"),
        (lines(line(content="")), LINES, "stream", NO_END),
        (b"Internal error", LINES, "stream", NO_END),
    ],
)
def test_a_200_that_is_no_reply_is_an_error(body: bytes, headers: Headers, where: str, words: str) -> None:
    """Told with what is there instead."""
    reply = decode(HttpResponse(200, headers, body), STREAM)
    assert reply.error is not None
    assert reply.error.where == where
    assert words in reply.error.message
    assert not reply.complete


def test_a_reply_that_was_cut_off_is_an_error() -> None:
    """Unless it was done by then."""
    reset = TransportFailure("reset", "gone")
    cut = HttpResponse(200, LINES, lines(line(content="a")) + b'{"mess')
    reply = decode(cut, STREAM, reset)
    assert reply.error == ApiError("transport", 200, "the stream was cut off (reset: gone)")
    assert (reply.text, reply.complete) == ("a", False)
    late = decode(HttpResponse(200, LINES, lines(done(content="a"))), STREAM, reset)
    assert (late.error, late.complete) == (None, True)
    half = decode(HttpResponse(200, JSON, b'{"mess'), PLAIN, reset)
    assert half.error is not None
    assert half.error.where == "transport"
    assert decode(None, PLAIN, reset).error == ApiError("transport", None, "reset: gone")


# --- lists of models


def test_models_are_listed_once_in_order() -> None:
    """By name; what else is said of them is kept."""
    entries = [{"name": "b", "size": 1}, {"model": "a"}, {"name": "b"}, {"name": ""}, 7]
    response = HttpResponse(200, JSON, json.dumps({"models": entries}).encode())
    assert CODEC.decode_models(response) == (Listed("b", entries[0]), Listed("a", entries[1]))  # type: ignore[arg-type]
    again = CODEC.decode_models(CODEC.encode_models((Listed("b", {"size": 1}), Listed("a", {}))))
    assert again == (Listed("b", {"size": 1, "name": "b", "model": "b"}), Listed("a", {"name": "a", "model": "a"}))


@pytest.mark.parametrize("body", [b"{}", b'{"models": 1}', b"Ollama is running"])
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    """Such as a greeting."""
    with pytest.raises(DecodeError):
        CODEC.decode_models(HttpResponse(200, JSON, body))


# --- nothing makes it raise

ENTRY = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1}]}
FULL_REPLY: dict[str, Any] = done(
    content="a",
    thinking="t",
    images=["AAAA"],
    tool_calls=[{"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
) | {"prompt_eval_count": 1, "eval_count": 2, "total_duration": 3, "logprobs": [ENTRY]}
FULL_LINES = [line(content="a", thinking="t"), FULL_REPLY | {"done": False}, done() | {"eval_count": 2}]


@settings(max_examples=300)
@given(with_a_wild_node(FULL_REPLY) | with_a_wild_node(FULL_REPLY | ERROR))
def test_a_body_with_anything_anywhere_can_be_read(body: Any) -> None:
    """Wrong types are oddities or errors, never exceptions."""
    is_sound(whole(body))


@settings(max_examples=300)
@given(with_a_wild_node(FULL_LINES))
def test_a_stream_with_anything_anywhere_can_be_read(values: Any) -> None:
    """The same for every line."""
    is_sound(stream(*(values if isinstance(values, list) else [values])))


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
    st.binary(max_size=200) | st.sampled_from([lines(*FULL_LINES), json.dumps(FULL_REPLY).encode()]),
    st.sampled_from([200, 200, 200, 204, 404, 500]),
    st.sampled_from([(), JSON, LINES, (("content-type", ""),)]),
    st.integers(0, 1000),
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
        '{"message":{"content":%s},"done":true}',
        '{"message":{"tool_calls":[{"function":{"arguments":{"a":%s}}}]},"done":true}',
        '{"logprobs":%s,"message":{},"done":true}',
        '{"error":%s}',
    ],
)
def test_deep_nesting_is_no_reason_to_fall_over(frame: str, depth: int) -> None:
    """At any place, whole, streamed, and with an HTTP error."""
    body = (frame % ("[" * depth + "]" * depth)).encode()
    for answer in (HttpResponse(200, JSON, body), HttpResponse(400, JSON, body), HttpResponse(200, LINES, body)):
        is_sound(decode(answer, STREAM))


@pytest.mark.parametrize("depth", [100, 900, 960, 5000])
def test_a_request_nested_deep_is_read_or_refused(depth: int) -> None:
    """As deep as any parser goes."""
    frame = '{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{"a":%s}}}]}]}'
    body = frame % ("[" * depth + "]" * depth)
    with contextlib.suppress(DecodeError):
        CODEC.decode_call(HttpRequest("POST", "/api/chat", JSON, body.encode()))
