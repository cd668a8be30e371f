"""The generateContent codec: what is written is read again, what is odd is named, and nothing makes it raise."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
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
from llmprobe.dialects.gemini_generate_content.reply import FINISH
from llmprobe.dialects.gemini_generate_content.stream import NO_END
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Citation, Media, RateLimit, Reply, TokenLogprob, Usage

CODEC = dialect("gemini-generate-content")
SSE = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json; charset=UTF-8"),)
PLAIN = Call("m", (Message("user", "hi"),))
STREAM = dataclasses.replace(PLAIN, stream=True)
URL = "https://x.test/v1beta/models/m:generateContent"


def decode(
    response: HttpResponse | None, call: Call | HttpRequest = PLAIN, failure: TransportFailure | None = None
) -> Reply:
    """What ``response`` says to ``call``."""
    request = CODEC.encode_call(call) if isinstance(call, Call) else call
    return CODEC.decode_reply(Exchange("a/plain/sync/text", 0, 0, request, response, failure, 1767225600.0, 1.0))


def whole(body: Any) -> Reply:
    """The reply in a JSON body."""
    return decode(HttpResponse(200, JSON, json.dumps(body).encode()))


def piece(*parts: Any, finish: Any = ABSENT, **candidate: Any) -> dict[str, Any]:
    """A whole reply, or an event of a stream."""
    content = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    ended = {} if finish is ABSENT else {"finishReason": finish}
    return {"candidates": [content | ended | candidate]}


def said(text: str, finish: Any = ABSENT) -> dict[str, Any]:
    return piece({"text": text}, finish=finish)


def events(*pieces: Any) -> bytes:
    return "".join(f"data: {one if isinstance(one, str) else json.dumps(one)}\r\n\r\n" for one in pieces).encode()


def stream(*pieces: Any) -> Reply:
    """The reply in a stream of these pieces."""
    return decode(HttpResponse(200, SSE, events(*pieces)), STREAM)


END = piece(finish="STOP")

# --- round trips of calls

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\n", "\r\n", "\u2028", "😀", '"\\', "\x00", '{"a":1}', '{"a": 1}', '{"output":"x"}', '{"response":"x"}', "11"]
)
names = texts.filter(bool)
plain_json = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner | st.none(), max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
"""JSON without null as a member: in a merge patch that would delete."""
objects = st.dictionaries(texts, plain_json | st.none(), max_size=3)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


base64s = texts.map(lambda text: text.translate(str.maketrans("-_", "+/")))
images = st.builds(Image, data=base64s, media_type=st.sampled_from(["image/png", "image/x;y=1"])) | st.builds(
    Image, url=names, media_type=st.just("image/png")
)
kinds = st.sampled_from(
    [("document", ""), ("document", "application/pdf"), ("audio", "audio/wav"), ("video", "video/mp4")]
)
files = st.builds(lambda kind, data, name: File(kind[0], data, kind[1], name=name), kinds, base64s, texts) | st.builds(
    lambda kind, url, name: File(kind[0], url=url, media_type=kind[1], name=name), kinds, names, texts
)
others = st.builds(
    lambda kind, value: Other(kind, {kind: value}), st.sampled_from(["executableCode", "x", ""]), plain_json
)
parts = st.builds(Text, texts) | images | files | others
lists = st.lists(parts, max_size=3).map(tuple).filter(lambda many: len(many) != 1 or not isinstance(many[0], Text))
contents = st.none() | texts | lists
arguments = st.dictionaries(texts, plain_json, max_size=3).map(compact) | st.sampled_from(["", "{", "11", "[]"])
tool_calls = st.lists(st.builds(ToolCall, texts, names, arguments), max_size=2).map(tuple)
outcomes = st.none() | texts | st.tuples(st.builds(Text, texts), images | files)
questions = st.builds(Message, st.just("user"), contents)
answers = st.builds(Message, st.just("assistant"), contents, tool_calls, reasoning=st.none() | texts).map(
    # neither nothing nor an empty list of parts can be told beside calls and thoughts
    lambda one: dataclasses.replace(one, content=one.content or None) if one.content == () else one
)
answers = answers.filter(lambda one: one.content is not None or one.tool_calls or one.reasoning is not None)
results = st.tuples(names, st.none() | names, outcomes).map(
    lambda drawn: Message("tool", drawn[2], tool_call_id=drawn[1] or drawn[0], name=drawn[0])
)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)
KNOWN = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
CONFIG = {"maxOutputTokens", "stopSequences", "seed", "temperature", "topP", "responseMimeType", "responseSchema"}
CONFIG |= {"responseJsonSchema", "responseLogprobs", "logprobs", "thinkingConfig"}
choices: list[ToolChoice | None] = [None, "auto", "none", "required", NamedTool("f"), NamedTool("")]
models = st.sampled_from(["m", "a/b", "tunedModels/x", "bad model", "x@1#2?", "a:b://c", "%41", "é", "a/models/b"])


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that this dialect can say, its spellings in canonical form."""
    system = draw(st.none() | st.builds(Message, st.just("system"), contents))
    patch = draw(st.dictionaries(texts.filter(lambda name: name not in KNOWN), plain_json, max_size=2))
    config = draw(st.dictionaries(names.filter(lambda name: name not in CONFIG), plain_json, max_size=2))
    served = st.builds(ServerTool, st.sampled_from(["googleSearch", "urlContext", "codeExecution"]), objects)
    formats = st.none() | st.just(JsonObject()) | st.builds(JsonSchema, st.just(""), objects)
    call = Call(
        draw(models),
        (*([system] if system else []), *draw(st.lists(questions | answers | results, max_size=4))),
        stream=draw(st.booleans()),
        tools=draw(st.lists(st.builds(Tool, texts, texts, objects), max_size=2).map(tuple)),
        server_tools=draw(st.lists(served, max_size=2).map(tuple)),
        tool_choice=draw(st.sampled_from(choices)),
        response_format=draw(formats),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        seed=draw(st.none() | st.integers(-(2**63), 2**63)),
        stop=draw(st.lists(texts, max_size=4).map(tuple)),
        top_logprobs=draw(st.none() | st.integers(0, 20)),
        thinking=draw(st.none() | st.booleans()),
        patch=patch | ({"generationConfig": config} if config else {}),
    )
    used = {
        "schema": isinstance(call.response_format, JsonSchema),
        "tools": any(tool.parameters for tool in call.tools),
        "thinking": call.thinking is not None,
    }
    chosen = {name: draw(st.sampled_from(CODEC.spellings[name])) for name, is_used in used.items() if is_used}
    spelling = sorted((name, way) for name, way in chosen.items() if way != CODEC.spellings[name][0])
    return dataclasses.replace(call, spelling=tuple(spelling))


@settings(max_examples=300)
@given(calls())
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Every field, every spelling, and what has no word here; and only this dialect takes it for its own."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert recognised(request) is CODEC


@given(st.dictionaries(texts | st.sampled_from(sorted(KNOWN)), plain_json, max_size=4), st.lists(objects, max_size=2))
def test_whatever_is_asked_is_asked_again_the_same(body: dict[str, Any], turns: list[Any]) -> None:
    """Fields of the wrong type, turns without meaning: what is decoded is written as it was."""
    request = asking(body | {"contents": [{"role": "user", "parts": [turn]} for turn in turns]})
    call = CODEC.decode_call(request)
    assert json.loads(CODEC.encode_call(call).body) == json.loads(request.body)
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


def asking(body: Any, url: str = URL) -> HttpRequest:
    return HttpRequest("POST", url, JSON, json.dumps(body).encode())


HI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}

FULL_REQUEST: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "what is this?"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x.test/a.pdf"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}},
            ],
        },
        {
            "role": "model",
            "parts": [{"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {"a": 1}}}],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "7"}}}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "description": "d", "parameters": {"type": "OBJECT"}}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "maxOutputTokens": 16,
        "temperature": 0.5,
        "topP": 1,
        "topK": 40,
        "seed": 1,
        "stopSequences": ["X"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
        "responseLogprobs": True,
        "logprobs": 2,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 512},
    },
    "safetySettings": [{"category": "c", "threshold": "BLOCK_NONE"}],
}


def test_a_full_request_is_understood() -> None:
    """The documented fields by name, the rest as a patch under its path."""
    call = CODEC.decode_call(asking(FULL_REQUEST, URL.replace("generate", "streamGenerate") + "?alt=sse&key=k"))
    assert call == Call(
        "m",
        (
            Message("system", "be brief"),
            Message(
                "user",
                (
                    Text("what is this?"),
                    Image("AAAA", "image/png"),
                    File("document", url="https://x.test/a.pdf", media_type="application/pdf"),
                    File("audio", "BBBB", "audio/wav"),
                ),
            ),
            Message("assistant", None, (ToolCall("", "f", '{"a":1}'),), reasoning="hm"),
            Message("tool", "7", tool_call_id="f", name="f"),
        ),
        stream=True,
        tools=(Tool("f", "d", {"type": "OBJECT"}),),
        server_tools=(ServerTool("googleSearch"),),
        tool_choice=NamedTool("f"),
        response_format=JsonSchema("", {"type": "object"}),
        max_tokens=16,
        temperature=0.5,
        top_p=1,
        seed=1,
        stop=("X",),
        top_logprobs=2,
        thinking=True,
        spelling=(("schema", "responseJsonSchema"),),
        patch={
            "generationConfig": {"topK": 40, "thinkingConfig": {"thinkingBudget": 512}},
            "safetySettings": FULL_REQUEST["safetySettings"],
        },
    )


@pytest.mark.parametrize(
    ("fields", "patch"),
    [
        # not in our words at all
        ({"generationConfig": {"seed": "1"}}, ...),
        ({"generationConfig": {"seed": True}}, ...),
        ({"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {}}}, ...),
        ({"generationConfig": {"responseLogprobs": True}}, ...),
        ({"generationConfig": {"thinkingConfig": {"includeThoughts": False}}}, ...),
        ({"generationConfig": {"stopSequences": ["a", 1]}}, ...),
        ({"generationConfig": {}}, ...),
        ({"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}}, ...),
        ({"cachedContent": "cachedContents/x"}, ...),
        # in our words, but for details
        (
            {"generationConfig": {"thinkingConfig": {"includeThoughts": False, "thinkingBudget": 0}}},
            {"generationConfig": {"thinkingConfig": {"includeThoughts": False}}},
        ),
        (
            {"systemInstruction": {"role": "user", "parts": [{"text": "be brief"}]}},
            {"systemInstruction": {"role": "user"}},
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}},
            {"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f", "g"]}}},
        ),
        ({"tools": [{"functionDeclarations": [{"name": "f", "response": {"type": "STRING"}}]}]}, ...),
    ],
)
def test_fields_without_a_word_are_sent_again_as_they_were(fields: dict[str, Any], patch: Any) -> None:
    """They land in the patch, with no more than what has no word."""
    body = HI | fields
    call = CODEC.decode_call(asking(body))
    assert call.patch == (fields if patch is ... else patch)
    assert json.loads(CODEC.encode_call(call).body) == body


def test_fields_may_be_in_snake_case_and_base64_in_the_other_alphabet() -> None:
    """As the API takes them and its SDK sends them; what is free in form is not touched."""
    function = {"name": "f", "parameters_json_schema": {"x": {"mime_type": 1}}}
    body = {
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "a-_b"}}], "role": "user"}],
        "tools": [{"function_declarations": [function]}, {"google_search": {}}],
        "generationConfig": {"max_output_tokens": 5, "thinkingConfig": {"thinking_budget": 0}},
    }
    call = CODEC.decode_call(asking(body))
    assert call.messages == (Message("system", "be brief"), Message("user", (Image("a+/b", "image/png"),)))
    assert call.tools == (Tool("f", parameters={"x": {"mime_type": 1}}),)
    assert (call.server_tools, call.max_tokens, call.thinking) == ((ServerTool("googleSearch"),), 5, False)
    assert json.loads(CODEC.encode_call(call).body) == body
    assert CODEC.decode_call(CODEC.encode_call(call)) == call


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({"thinkingBudget": 0}, False),
        ({"thinkingBudget": 512}, True),
        ({"thinkingBudget": -1}, True),
        ({"includeThoughts": True}, True),
        ({"includeThoughts": True, "thinkingBudget": 0}, False),
        ({"thinkingLevel": "HIGH"}, True),
        ({"thinkingLevel": "MINIMAL"}, False),
        ({"includeThoughts": False}, None),
        ({"thinkingBudget": True}, None),
        ([], None),
    ],
)
def test_thinking_is_on_or_off(config: Any, thinking: bool | None) -> None:
    """By budget or level; the details stay in the patch."""
    body = HI | {"generationConfig": {"thinkingConfig": config}}
    call = CODEC.decode_call(asking(body))
    assert call.thinking is thinking
    assert json.loads(CODEC.encode_call(call).body) == body


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}]}],
        [{"role": "model", "parts": [{"text": "a", "thoughtSignature": "c2ln"}]}],
        [{"role": "model", "parts": [{"text": "a", "thought": True}, {"text": "b", "thought": True}, {"text": "c"}]}],
        [{"role": "model", "parts": [{"functionCall": {"name": "f"}}, {"text": "after"}]}],
        [{"parts": [{"text": "no role"}]}],
        [{"role": "user", "parts": [{"text": "a", "videoMetadata": {"fps": 1}}]}],
        [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}, {"text": "and"}]}],
        [{"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"a": [1]}}}]}],
        [{"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"error": "x"}}}]}],
        [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "x"}}}]}],
    ],
)
def test_turns_that_hold_more_than_we_have_words_for_survive(turns: list[Any]) -> None:
    """Signatures of thoughts above all: they have to be echoed."""
    body = {"contents": turns}
    call = CODEC.decode_call(asking(body))
    assert json.loads(CODEC.encode_call(call).body) == body
    assert CODEC.decode_call(CODEC.encode_call(call)) == call
    assert call.messages


def test_results_of_tools_name_the_function() -> None:
    """The wire wants its name, our calls have an id, or nothing but their order."""
    made = (ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}"))
    nameless = (ToolCall("", "f", "{}"), ToolCall("", "g", "{}"))

    def told(calls: tuple[ToolCall, ...], *identities: str | None) -> Any:
        messages = [Message("tool", "7", tool_call_id=identity) for identity in identities]
        call = Call("m", (Message("assistant", None, calls), *messages))
        turn = json.loads(CODEC.encode_call(call).body)["contents"][-1]
        return [(one["functionResponse"].get("id"), one["functionResponse"]["name"]) for one in turn["parts"]]

    assert told(made, "c2", "c1") == [("c2", "g"), ("c1", "f")]
    assert told(nameless, None, None) == [(None, "f"), (None, "g")]
    assert told(nameless, "g", "f") == [(None, "g"), (None, "f")]


@pytest.mark.parametrize(
    ("response", "text"),
    [({"output": "7"}, "7"), ({"response": "7"}, "7"), ({"a": 1, "b": "é"}, '{"a":1,"b":"é"}'), ({}, "{}")],
)
def test_the_text_of_a_result(response: Any, text: str) -> None:
    """What stands alone under one of the usual names, else the object as JSON."""
    result = {"functionResponse": {"name": "f", "response": response}}
    call = CODEC.decode_call(asking({"contents": [{"role": "user", "parts": [result]}]}))
    assert call.messages == (Message("tool", text, tool_call_id="f", name="f"),)
    assert "contents" not in call.patch


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "contents"),
        (b'{"contents":{}}', "contents"),
        (b'{"contents":[7]}', "contents"),
        (b'{"contents":[{"role":"king"}]}', "king"),
        (b'{"contents":[{"parts":7}]}', "parts"),
        (b'{"contents":[{"parts":[7]}]}', "parts"),
        (b'{"contents":[],"systemInstruction":{"parts":7}}', "parts"),
    ],
)
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes, words: str) -> None:
    """With a word on what was found instead."""
    with pytest.raises(DecodeError, match=words):
        CODEC.decode_call(HttpRequest("POST", URL, JSON, body))


@given(plain_json | st.binary(max_size=20), st.sampled_from([URL, URL.replace("generateContent", "predict"), "/x"]))
def test_only_decode_errors_come_of_strange_requests(body: Any, url: str) -> None:
    """Whatever the body is."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = HttpRequest("POST", url, JSON, raw)
    try:
        CODEC.decode_call(request)
    except DecodeError:
        return
    assert CODEC.recognises(request)


def test_a_deep_request_is_refused_or_kept() -> None:
    """It must not end the program."""
    for depth in (400, 900, 5000):
        deep = "[" * depth + "]" * depth
        body = '{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":' + deep + "}}}]}]}"
        with suppress(DecodeError):
            assert CODEC.decode_call(HttpRequest("POST", URL, JSON, body.encode())).messages


@pytest.mark.parametrize(
    ("url", "model", "is_stream"),
    [
        ("https://x.test/v1beta/models/a-1:generateContent", "a-1", False),
        ("https://x.test/v1beta/models/a-1:streamGenerateContent?alt=sse", "a-1", True),
        ("https://x.test/v1beta/models/bad%20model:generateContent?key=k", "bad model", False),
        ("https://x.test/v1beta/tunedModels/a-1:generateContent", "tunedModels/a-1", False),
        ("https://x.test/v1/projects/p/locations/l/publishers/g/models/a-1:generateContent", "a-1", False),
        ("/models/org/a:7b:generateContent", "org/a:7b", False),
        ("https://x.test/models/%ff:generateContent", "\ufffd", False),
    ],
)
def test_model_and_method_stand_in_the_url(url: str, model: str, is_stream: bool) -> None:
    """Names may hold slashes and colons; ``models/`` is no part of them."""
    call = CODEC.decode_call(asking(HI, url))
    assert (call.model, call.stream) == (model, is_stream)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", URL, HI),
        ("POST", "https://x.test/v1beta/cachedContents", HI),
        ("POST", URL.replace("generateContent", "countTokens"), HI),
        ("POST", URL, {"messages": []}),
        ("POST", URL.replace("generateContent", "predict"), HI),
        ("POST", "https://x.test/v1/chat/completions", HI),
    ],
)
def test_other_requests_are_left_to_others(method: str, url: str, body: Any) -> None:
    """By method, path and body."""
    assert not CODEC.recognises(dataclasses.replace(asking(body, url), method=method))


def test_what_the_format_cannot_say_is_left_out() -> None:
    """Without a word."""
    more = dataclasses.replace(STREAM, include_usage=True, parallel_tool_calls=False)
    assert CODEC.encode_call(more) == CODEC.encode_call(STREAM)
    assert CODEC.lacks == {"include_usage", "parallel_tool_calls"}
    assert set(CODEC.fields).isdisjoint(CODEC.lacks)


def test_several_system_messages_become_one() -> None:
    """There is one place for them."""
    messages = (Message("system", "a"), Message("user", "hi"), Message("system", (Text("b"),)))
    body = json.loads(CODEC.encode_call(Call("m", messages)).body)
    assert body == HI | {"systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]}}


def test_a_plain_document_is_text() -> None:
    """The wire takes no text as a file."""
    call = Call("m", (Message("user", (File("document", text="abc"), Text("d"))),))
    assert json.loads(CODEC.encode_call(call).body)["contents"][0]["parts"] == [{"text": "abc"}, {"text": "d"}]


PREDICT = URL.replace("generateContent", "predict")


def test_a_prediction_is_asked_for_with_a_prompt() -> None:
    """Models that only make pictures have a method of their own."""
    body = {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1, "seed": 7}}
    call = CODEC.decode_call(asking(body, PREDICT))
    assert call == Call(
        "m",
        (Message("user", "a cat"),),
        seed=7,
        spelling=(("method", "predict"),),
        patch={"parameters": {"sampleCount": 1}},
    )
    again = CODEC.encode_call(call)
    assert (again.url, json.loads(again.body)) == ("/models/m:predict", body)
    with pytest.raises(DecodeError, match="prompt"):
        CODEC.decode_call(asking({"instances": [{"content": "a"}]}, PREDICT))


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (
            [{"mimeType": "image/png", "bytesBase64Encoded": "AAAA"}, {"contentType": "x"}],
            Reply(media=(Media("image", "image/png", "AAAA"),), complete=True),
        ),
        (
            [{"raiFilteredReason": "no cats"}],
            Reply(refusal="no cats", finish="content_filter", complete=True),
        ),
        ([], Reply(error=ApiError("body", 200, "predictions without a picture"))),
    ],
)
def test_predictions_are_pictures(predictions: Any, expected: Reply) -> None:
    """Or reasons why there are none."""
    assert whole({"predictions": predictions}) == expected


# --- round trips of replies

counts = st.sampled_from([ABSENT, None]) | st.integers(0, 10**9)
floats = st.none() | st.floats(-100, 0)
logprobs = st.builds(TokenLogprob, texts, floats, st.lists(st.tuples(texts, floats), max_size=2).map(tuple))
made_calls = st.lists(
    st.builds(ToolCall, texts, names, st.dictionaries(texts, plain_json, max_size=2).map(compact) | st.just("")),
    max_size=3,
    unique_by=lambda call: call.id or object(),
).map(tuple)
limits = st.lists(
    st.builds(
        RateLimit,
        st.sampled_from(["all", "requests", "tokens"]),
        st.integers(0, 10**9).map(float),
        st.none() | st.integers(0, 10**9).map(float),
        st.none() | st.sampled_from(["1s", "2m59.56s"]),
    ),
    max_size=2,
    unique_by=lambda limit: limit.subject,
).map(tuple)
maybe_texts = st.sampled_from([ABSENT, None]) | texts
OWN = ("code_execution", "GOOGLE_SEARCH_WEB", "google_search", "url_context")
served = st.lists(st.sampled_from(OWN), max_size=4).map(lambda some: tuple(sorted(some, key=OWN.index)))
citations = st.lists(
    st.builds(Citation, st.sampled_from(["web", "document"]), texts, texts, texts),
    max_size=3,
    unique_by=lambda one: (one.kind, one.title, one.url),
).map(tuple)
media_kinds: st.SearchStrategy[tuple[Any, str]] = st.sampled_from(
    [("image", "image/png"), ("audio", "audio/L16;rate=24000"), ("video", "video/mp4")]
)
media = st.lists(
    st.builds(lambda kind, data: Media(kind[0], kind[1], data), media_kinds, texts)
    | st.builds(lambda kind, url: Media(kind[0], kind[1], url=url), media_kinds, names),
    max_size=2,
).map(tuple)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Thoughts are part of the output, and known only where that is."""
    output = draw(counts)
    unknown: list[Any] = [ABSENT] if output is ABSENT else [ABSENT, None]
    thoughts: st.SearchStrategy[Any] = st.sampled_from(unknown)
    if isinstance(output, int):
        thoughts |= st.integers(0, output)
    return Usage(draw(counts), output, draw(counts), draw(thoughts), draw(counts), "usageMetadata")


@st.composite
def replies(draw: st.DrawFn, ended: bool = False) -> Reply:
    """Any reply without a fault, in canonical form."""
    reasoning = draw(maybe_texts)
    calls = draw(made_calls)
    raw = draw(st.sampled_from(sorted(FINISH)) | names)
    meant = FINISH.get(raw, "unknown")
    finish = draw(st.sampled_from([ABSENT, None, meant, meant, "content_filter"][2 * ended :]))
    if finish == "stop" and calls:
        finish = "tool_calls"
    return Reply(
        text=draw(maybe_texts),
        reasoning=reasoning,
        reasoning_place="" if reasoning is ABSENT else "thought",
        tool_calls=calls,
        server_tools=draw(served),
        citations=draw(citations),
        media=draw(media),
        refusal=draw(st.none() | names) if finish == "content_filter" else None,
        finish=finish,
        finish_raw=raw if isinstance(finish, str) else "",
        usage=draw(st.sampled_from([ABSENT, None]) | usages()),
        logprobs=draw(st.sampled_from([ABSENT, None]) | st.lists(logprobs, max_size=2).map(tuple)),
        model=draw(maybe_texts),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=300)
@given(replies())
def test_a_reply_comes_back_from_its_body(reply: Reply) -> None:
    """Absent, null and value stay apart in every field, nothing is odd, and each field is known."""
    response = CODEC.encode_reply(reply, stream=False)
    assert decode(response) == reply
    assert not unknown_fields(response, CODEC.known)


@settings(max_examples=300)
@given(replies(ended=True), st.integers(0, 9))
def test_a_reply_comes_back_from_its_stream(reply: Reply, pieces: int) -> None:
    """In however many pieces its text comes."""
    sent = dataclasses.replace(reply, streamed=True, deltas=pieces)
    response = CODEC.encode_reply(sent, stream=True)
    read = decode(response, STREAM)
    assert dataclasses.replace(read, deltas=0) == dataclasses.replace(sent, deltas=0)
    assert bool(read.deltas) == bool(reply.text or reply.reasoning or reply.tool_calls)
    assert not unknown_fields(response, CODEC.known)


def test_the_number_of_pieces_is_kept() -> None:
    """A stream can be told from one that came as a whole."""
    reply = Reply(text="abcdefghij", finish="stop", finish_raw="STOP", complete=True, streamed=True, deltas=5)
    assert decode(CODEC.encode_reply(reply, stream=True), STREAM) == reply


@pytest.mark.parametrize(
    ("finish", "word"),
    [("stop", "STOP"), ("tool_calls", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY")],
)
def test_neutral_finish_reasons_have_words(finish: Any, word: str) -> None:
    """A reply that was not read from this wire can be written in it."""
    body = json.loads(CODEC.encode_reply(Reply(text="a", finish=finish), stream=False).body)
    assert body["candidates"][0]["finishReason"] == word
    assert "promptFeedback" not in body


codes = names | st.sampled_from(["400", "503", "API_KEY_INVALID"])
refusals = st.builds(ApiError, st.just("body"), st.just(200), names, names, codes, texts)


@given(refusals)
def test_an_error_inside_a_200_comes_back(error: ApiError) -> None:
    """In a body and in a stream, after the text that came before it."""
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    in_stream = dataclasses.replace(error, where="stream")
    sent = Reply(text="abc", error=in_stream, streamed=True, deltas=1)
    assert decode(CODEC.encode_reply(sent, stream=True), STREAM) == sent


@given(refusals, st.integers(400, 599), st.none() | st.integers(0, 1000).map(float))
def test_a_refusal_comes_back_from_its_status(error: ApiError, status: int, wait: float | None) -> None:
    """As a status error, with the wait that the body asks for."""
    error = dataclasses.replace(error, where="status", status=status, retry_after=wait)
    assert decode(CODEC.encode_error(error)) == Reply(error=error)


# --- errors


def refused(status: int, details: Any, message: str = "no") -> ApiError:
    body = {"error": {"code": status, "message": message, "status": "X", "details": details}}
    error = decode(HttpResponse(status, JSON, json.dumps(body).encode())).error
    assert error is not None
    return error


def test_details_of_errors_are_read() -> None:
    """The reason, the field and the wait that Google tells in a list of their own."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    field = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "tools"}]}
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "28s"}
    error = refused(429, [info, field, wait])
    assert error == ApiError("status", 429, "no", "X", "API_KEY_INVALID", "tools", 28.0)
    assert refused(400, []) == ApiError("status", 400, "no", "X", "400")


@given(plain_json | st.lists(st.dictionaries(st.sampled_from(["@type", "reason", "retryDelay"]), plain_json)))
def test_strange_details_harm_nobody(details: Any) -> None:
    """They are passed over."""
    assert refused(400, details).message == "no"


def test_an_error_without_a_type_gets_the_word_of_its_status() -> None:
    """As the wire has it."""
    body = json.loads(CODEC.encode_error(ApiError("status", 404, "no such model", code="x", param="model")).body)
    assert (body["error"]["code"], body["error"]["status"]) == (404, "NOT_FOUND")


def test_a_failed_stream_is_bare_json_under_the_type_of_a_stream() -> None:
    """That is how this API refuses."""
    body = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
    for value in (body, [body]):
        reply = decode(HttpResponse(400, SSE, json.dumps(value).encode()), STREAM)
        assert reply == Reply(error=ApiError("status", 400, "no", "INVALID_ARGUMENT", "400"))
    assert decode(HttpResponse(200, SSE, json.dumps(body).encode()), STREAM).error == ApiError(
        "body", 200, "no", "INVALID_ARGUMENT", "400"
    )


# --- whole replies


def test_a_reply_with_everything_is_read() -> None:
    """Text, thoughts, calls, pictures, code, sources, in their places."""
    reply = whole(
        piece(
            {"text": "hm", "thought": True},
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "See"},
            {"text": " here", "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "c1", "name": "f", "args": {"é": 1.0}}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            finish="STOP",
            groundingMetadata={
                "webSearchQueries": ["a", "b"],
                "groundingChunks": [
                    {"web": {"uri": "https://a.test", "title": "A"}},
                    {"retrievedContext": {"uri": "u", "title": "B", "text": "t"}},
                ],
                "groundingSupports": [{"segment": {"text": "See"}, "groundingChunkIndices": [0]}],
            },
            citationMetadata={"citationSources": [{"uri": "https://c.test", "startIndex": 0}]},
            urlContextMetadata={"urlMetadata": [{"retrievedUrl": "https://d.test"}]},
        )
        | {
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 2},
            "modelVersion": "m-1",
        }
    )
    assert reply == Reply(
        text="See here",
        reasoning="hm",
        reasoning_place="thought",
        tool_calls=(ToolCall("c1", "f", '{"é":1.0}'),),
        server_tools=("code_execution", "google_search", "google_search", "url_context"),
        citations=(
            Citation("web", "A", "https://a.test", "See"),
            Citation("document", "B", "u", "t"),
            Citation("web", "", "https://c.test"),
        ),
        media=(Media("image", "image/png", "AAAA"),),
        finish="tool_calls",
        finish_raw="STOP",
        usage=Usage(3, 7, reasoning=2, place="usageMetadata"),
        model="m-1",
        complete=True,
    )


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ({"candidatesTokenCount": 5}, (5, ABSENT)),
        ({"candidatesTokenCount": 5, "thoughtsTokenCount": 2}, (7, 2)),
        ({"thoughtsTokenCount": 2}, (2, 2)),
        ({"candidatesTokenCount": None, "thoughtsTokenCount": 2}, (2, 2)),
        ({"candidatesTokenCount": None}, (None, ABSENT)),
        ({"promptTokenCount": 5}, (ABSENT, ABSENT)),
    ],
)
def test_thoughts_are_part_of_the_output(counted: dict[str, Any], expected: tuple[Any, Any]) -> None:
    """The wire counts them apart, and leaves out what it has none of."""
    usage = whole(said("a") | {"usageMetadata": counted}).usage
    assert isinstance(usage, Usage)
    assert (usage.output, usage.reasoning) == expected


@pytest.mark.parametrize(
    ("wire", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("OTHER", "error"),
        ("SOMETHING_NEW", "unknown"),
        (None, None),
        (ABSENT, ABSENT),
    ],
)
def test_finish_reasons(wire: Any, finish: Any) -> None:
    """Ours beside the wire's own."""
    for reply in (whole(said("a", wire)), stream(said("a", wire))):
        assert (reply.finish, reply.finish_raw) == (finish, wire or "")


def test_a_call_ends_with_the_same_word() -> None:
    """Only a stop becomes another word of ours: the output cap stays what it is."""
    call = {"functionCall": {"name": "f", "args": {}}}
    assert whole(piece(call, finish="STOP")).finish == "tool_calls"
    assert whole(piece(call, finish="MAX_TOKENS")).finish == "length"


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "JAILBREAK"])
def test_a_blocked_prompt_is_filtered(reason: str) -> None:
    """Whole or streamed, without any candidate."""
    body = {"promptFeedback": {"blockReason": reason, "blockReasonMessage": "no"}, "modelVersion": "m-1"}
    expected = Reply(refusal="no", finish="content_filter", finish_raw=reason, model="m-1", complete=True)
    assert whole(body) == expected
    assert stream(body) == dataclasses.replace(expected, streamed=True)


def test_log_probabilities_are_read() -> None:
    """Chosen tokens beside their alternatives, which may be missing."""
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5, "tokenId": 1}, {"token": "b", "logProbability": 0}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -1}]}, {}],
    }
    expected = (TokenLogprob("a", -0.5, (("c", -1.0),)), TokenLogprob("b", 0.0))
    assert whole(piece(logprobsResult=result)).logprobs == expected
    assert whole(piece(logprobsResult=result | {"topCandidates": None})).logprobs == (
        TokenLogprob("a", -0.5),
        TokenLogprob("b", 0.0),
    )


@pytest.mark.parametrize(
    ("body", "oddity"),
    [
        (piece({"text": 7}), "text is not a string"),
        (piece({"riddle": 7}), "a part of an unknown kind"),
        (piece(7), "a part is not an object"),
        (piece({"functionCall": {"name": "f", "args": "{}"}}), "tool call arguments are not an object"),
        (piece({"functionCall": {"args": {}}}), "tool call without a name"),
        (piece({"functionCall": 7}), "tool call without a name"),
        (piece({"inlineData": {"mimeType": "text/html"}}), "data that is neither picture nor sound nor film"),
        (piece({"inlineData": 7}), "data that is not an object"),
        (
            piece({"functionCall": {"id": "1", "name": "f"}}, {"functionCall": {"id": "1", "name": "f"}}),
            "tool calls share an id",
        ),
        ({"candidates": [{"content": 7}]}, "content is not an object"),
        ({"candidates": [{"content": {"parts": 7}}]}, "parts is not a list"),
        (said("a", ""), "finishReason is empty"),
        (said("a", 7), "finishReason is not a string"),
        (said("a") | {"modelVersion": 7}, "modelVersion is not a string"),
        (said("a") | {"usageMetadata": 7}, "usageMetadata is not an object"),
        (said("a") | {"usageMetadata": {"promptTokenCount": 7.0}}, "a token count is not an integer"),
        (piece(logprobsResult=7), "logprobsResult is not an object"),
        (piece(groundingMetadata={"groundingChunks": [{"dream": {}}]}), "a source of an unknown kind"),
    ],
)
def test_oddities_of_a_body_are_named(body: Any, oddity: str) -> None:
    """And it is a reply all the same."""
    reply = whole(body)
    assert reply.oddities == (oddity,)
    assert reply.error is None
    assert reply.complete


@pytest.mark.parametrize(
    "content", [{}, {"content": {"role": "model"}}, {"content": {}}, {"content": None}, {"content": {"parts": []}}]
)
def test_a_candidate_may_say_nothing(content: Any) -> None:
    """As when all tokens were spent on thoughts: that is as documented."""
    reply = whole({"candidates": [content | {"finishReason": "MAX_TOKENS"}]})
    assert (reply.text, reply.finish, reply.oddities, reply.error) == (ABSENT, "length", (), None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "without a body"),
        (b"<html><title>Sorry</title></html>", "an HTML page: Sorry"),
        (b"not json", "not JSON: not json"),
        (b"[" * 100_000, "a JSON array that cannot be read"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b"7", "not a JSON object"),
        (b"[]", "an empty stream"),
        (b"{}", "without candidates"),
        (b'{"candidates":[]}', "without candidates"),
        (b'{"candidates":[7]}', "without candidates"),
        (b'{"candidates":7}', "without candidates"),
        (b'{"promptFeedback":{}}', "without candidates"),
        (b'{"error":"overloaded"}', "overloaded"),
        (b'{"error":{"message":"overloaded","code":503}}', "overloaded"),
        (b'[{"error":{"message":"overloaded","code":503}}]', "overloaded"),
    ],
)
@pytest.mark.parametrize("headers", [JSON, SSE])
def test_a_200_that_is_no_reply_is_an_error(body: bytes, words: str, headers: Headers) -> None:
    """Under either content type."""
    reply = decode(HttpResponse(200, headers, body), STREAM)
    assert reply.error is not None
    assert words in reply.error.message or reply.error.message == "an empty stream"
    assert reply.error.where in ("body", "stream")


def test_no_answer_is_a_transport_error() -> None:
    """With what the transport said."""
    reply = decode(None, failure=TransportFailure("timeout", "no end after 60 s"))
    assert reply == Reply(error=ApiError("transport", None, "timeout: no end after 60 s"))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b'{"candidates":[{"cont'),
        (JSON, b'[{"candidates":[]},'),
        (SSE, events(said("a"))),
        (SSE, events(said("a"))[:-5]),
    ],
)
def test_a_reply_that_was_cut_off_is_an_error(headers: Headers, body: bytes) -> None:
    """Whatever it had said until then."""
    for response, failure in (
        (HttpResponse(200, headers, body), TransportFailure("reset", "peer closed")),
        (HttpResponse(200, headers, body, truncated=True), None),
    ):
        reply = decode(response, STREAM, failure)
        assert reply.error is not None
        assert reply.error.where == "transport"
        assert not reply.complete


# --- streams


def test_a_stream_is_joined() -> None:
    """Text and thoughts; the last counts hold, and may be lower than those before."""
    reply = stream(
        piece({"text": "h", "thought": True}) | {"usageMetadata": {"promptTokenCount": 9, "thoughtsTokenCount": 1}},
        piece({"text": "m", "thought": True}),
        said("He") | {"usageMetadata": {"promptTokenCount": 8}},
        said("llo"),
        {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}},
        piece({"functionCall": {"name": "f", "args": {}}}),
        {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP", "index": 0}]},
    )
    assert reply == Reply(
        text="Hello",
        reasoning="hm",
        reasoning_place="thought",
        tool_calls=(ToolCall("", "f", "{}"),),
        finish="tool_calls",
        finish_raw="STOP",
        usage=Usage(3, 2, place="usageMetadata"),
        deltas=5,
        streamed=True,
        complete=True,
    )


@pytest.mark.parametrize(
    ("body", "oddities"),
    [
        (events(said("Hi"), END), ()),
        (events(said("Hi", "STOP")), ()),
        (b": ping\n\n" + events(said("Hi"), END), ()),
        (events(said("Hi"), END)[:-2], ("no final blank line",)),
        (events("hello", said("Hi"), END), ("an event that is not JSON",)),
        (events(said("Hi"), END, "[DONE]"), ("an event that is not JSON",)),
        (events("7", said("Hi"), END), ("an event that is not an object",)),
        (events({"candidates": 7}, said("Hi"), END), ("candidates is not a list",)),
        (events(END, said("Hi")), ("content after finishReason",)),
        (events(said("Hi"), END, END), ("finishReason repeated",)),
        (
            events(said("Hi") | {"modelVersion": "a"}, END | {"modelVersion": "b"}),
            ("modelVersion changes in the stream",),
        ),
        (events(said("Hi"), END, {"usageMetadata": {}}), ()),
    ],
)
def test_faults_of_a_stream_are_named(body: bytes, oddities: tuple[str, ...]) -> None:
    """And its reply is read all the same."""
    reply = decode(HttpResponse(200, SSE, body), STREAM)
    assert (reply.text, reply.finish, reply.error, reply.complete) == ("Hi", "stop", None, True)
    assert reply.oddities == oddities


def test_what_was_asked_for_is_compared_with_what_came() -> None:
    """A body for a stream, a stream for a body, an array for events."""
    body, sse = json.dumps(said("Hi", "STOP")).encode(), events(said("Hi", "STOP"))
    array = b"[" + body + b"]"
    plain = asking(HI, "/models/m:streamGenerateContent")
    cases: list[tuple[HttpResponse, Call | HttpRequest, tuple[str, ...]]] = [
        (HttpResponse(200, JSON, body), PLAIN, ()),
        (HttpResponse(200, JSON, body), STREAM, ("a JSON body although a stream was asked for",)),
        (HttpResponse(200, SSE, sse), PLAIN, ("a stream although none was asked for",)),
        (HttpResponse(200, JSON, sse), STREAM, ("a stream under another content type",)),
        (HttpResponse(200, JSON, array), plain, ()),
        (HttpResponse(200, JSON, array), STREAM, ("a JSON array although server-sent events were asked for",)),
        (HttpResponse(200, JSON, array), PLAIN, ("a stream although none was asked for",)),
        (HttpResponse(200, JSON, body), HttpRequest("POST", "/elsewhere"), ()),
    ]
    for response, asked, oddities in cases:
        reply = decode(response, asked)
        assert (reply.text, reply.complete, reply.oddities) == ("Hi", True, oddities)


@pytest.mark.parametrize(
    ("body", "text", "words"),
    [
        (events(said("Hi"), {"error": {"message": "overloaded", "code": 503}}), "Hi", "overloaded"),
        (events(said("Hi"), {"error": "overloaded"}, END), "Hi", "overloaded"),
        (b'event: error\ndata: {"message":"overloaded"}\n\n', ABSENT, "overloaded"),
        (b"event: error\ndata: overloaded\n\n", ABSENT, "overloaded"),
        (events("{}"), ABSENT, NO_END),
        (events(piece()), ABSENT, NO_END),
        (b": ping\n\n", ABSENT, "an empty stream"),
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
    reply = stream(said("Hi"))
    assert (reply.text, reply.error, reply.complete, reply.oddities) == ("Hi", None, False, (NO_END,))


def test_a_fault_after_the_finish_reason_is_none() -> None:
    """There is no end marker to wait for: everything was there."""
    reply = decode(HttpResponse(200, SSE, events(said("a"), END)), STREAM, TransportFailure("reset", "x"))
    assert (reply.error, reply.complete) == (None, True)


def test_only_the_first_of_several_candidates_is_read() -> None:
    """They come interleaved."""
    second = {"candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}}]}
    assert stream(said("a"), second, said("b"), second, END).text == "ab"


def test_sources_told_twice_count_once() -> None:
    """A later event may add what a source stands for."""
    chunks = [{"web": {"uri": "u", "title": "t"}}]
    first: Any = {"webSearchQueries": ["q"], "groundingChunks": chunks}
    second = first | {"groundingSupports": [{"segment": {"text": "a"}, "groundingChunkIndices": [0]}]}
    reply = stream(
        said("a") | piece({"text": "a"}, groundingMetadata=first), piece(finish="STOP", groundingMetadata=second)
    )
    assert reply.citations == (Citation("web", "t", "u", "a"),)
    assert reply.server_tools == ("google_search",)


# --- hostile input

WORDS = """
candidates content parts text thought functionCall name args id finishReason index usageMetadata promptTokenCount
candidatesTokenCount thoughtsTokenCount logprobsResult error chosenCandidates topCandidates token logProbability
groundingMetadata groundingChunks web groundingSupports segment groundingChunkIndices webSearchQueries citationMetadata
citations promptFeedback blockReason inlineData mimeType data urlContextMetadata urlMetadata predictions modelVersion
toolCall toolType details @type message code
"""
keys = st.sampled_from(WORDS.split())
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)
shaped = st.builds(
    lambda part, more, candidate: {"candidates": [{"content": {"parts": [part]}} | candidate]} | more,
    anything,
    st.dictionaries(keys.filter(lambda key: key != "candidates"), anything, max_size=4),
    st.dictionaries(keys, anything, max_size=4),
)


@settings(max_examples=400)
@given(st.lists(anything | shaped, max_size=3), st.sampled_from([200, 400]), st.booleans())
def test_no_json_makes_it_raise(values: list[Any], status: int, in_stream: bool) -> None:
    """Whatever stands where."""
    body = events(*map(json.dumps, values)) if in_stream else json.dumps(values[0] if values else None).encode()
    for headers in (JSON, SSE):
        reply = decode(HttpResponse(status, headers, body), STREAM)
        assert reply.error or reply.complete or NO_END in reply.oddities
        CODEC.encode_reply(reply, stream=True)


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from([b"", b"data: ", b'{"candidates":', b"["]))
def test_no_bytes_make_it_raise(body: bytes, start: bytes) -> None:
    """Of a reply, an error or a list of models."""
    for status in (200, 500):
        decode(HttpResponse(status, JSON, start + body), STREAM)
    with suppress(DecodeError):
        CODEC.decode_models(HttpResponse(200, JSON, start + body))


@pytest.mark.parametrize("depth", [100, 900, 3000, 100_000])
def test_deep_replies_are_survived(depth: int) -> None:
    """In arguments, as a part, as an error; whole and streamed."""
    deep = b"[" * depth + b"]" * depth
    for body in (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%s}}}]}}]}' % deep,
        b'{"candidates":[{"content":{"parts":%s}}]}' % deep,
        b'{"error":{"message":"a","details":%s}}' % deep,
    ):
        for raw in (body, b"data: " + body + b"\n\n"):
            for status in (200, 400):
                reply = decode(HttpResponse(status, JSON, raw), STREAM)
                assert reply.error or reply.complete or reply.oddities


# --- models


def test_models_are_listed_without_their_collection() -> None:
    """What a list names is what a URL takes."""
    entries: list[dict[str, Any]] = [
        {"name": "models/a-1", "displayName": "A"},
        {"name": "models/a-1"},
        {"name": "tunedModels/b"},
        {"x": 1},
    ]
    listed = CODEC.decode_models(HttpResponse(200, JSON, json.dumps({"models": entries}).encode()))
    assert listed == (Listed("a-1", entries[0]), Listed("tunedModels/b", entries[2]))
    assert CODEC.decode_models(CODEC.encode_models(listed)) == listed
