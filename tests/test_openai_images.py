"""The codec of OpenAI's image format: a prompt in, pictures out, and nothing makes it raise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.absent import ABSENT
from llmprobe.call import Call, JsonObject, Message, Text, Tool
from llmprobe.demo.server import running
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.reply import ApiError, Media, Reply, Usage
from tests.endpoint import Told, endpoint
from tests.test_openai_chat import counts, limits, names, plain_json, refusals, texts, with_a_wild_node

CODEC = dialect("openai-images")
JSON: Headers = (("content-type", "application/json"),)
PATH = "/images/generations"
PLAIN = Call("m", (Message("user", "a fruit"),))


def decode(response: HttpResponse | None, failure: TransportFailure | None = None) -> Reply:
    """What ``response`` says to ``PLAIN``."""
    request = CODEC.encode_call(PLAIN)
    return CODEC.decode_reply(Exchange("a/plain/sync/image", 0, 0, request, response, failure, 1767225600.0, 1.0))


def whole(body: Any) -> Reply:
    """The reply in a JSON body."""
    return decode(HttpResponse(200, JSON, json.dumps(body).encode()))


def asked(body: Any) -> Call:
    return CODEC.decode_call(HttpRequest("POST", PATH, JSON, json.dumps(body).encode()))


calls = st.builds(
    Call,
    texts,
    st.builds(Message, st.just("user"), texts).map(lambda message: (message,)),
    patch=st.dictionaries(texts.filter(lambda name: name not in ("model", "prompt")), plain_json, max_size=3),
)


@given(calls)
def test_a_call_comes_back_from_its_request(call: Call) -> None:
    """Model and prompt; all else is in the patch."""
    request = CODEC.encode_call(call)
    assert CODEC.decode_call(request) == call
    assert (request.method, request.url) == ("POST", PATH)
    assert recognised(request) is CODEC


def test_a_full_request_is_understood_and_written_again() -> None:
    """Fields of pictures have no words here, and neither have streams of parts of pictures."""
    body = {"model": "m", "prompt": "a fruit", "n": 2, "size": "1024x1024", "seed": 42, "stream": True}
    call = asked(body)
    assert call == dataclasses.replace(PLAIN, patch={"n": 2, "size": "1024x1024", "seed": 42, "stream": True})
    assert json.loads(CODEC.encode_call(call).body) == body
    assert asked({"prompt": "a fruit"}) == Call("", PLAIN.messages)


def test_what_has_no_field_is_left_out() -> None:
    """All that a call says in text is the prompt."""
    call = Call(
        "m",
        (Message("system", "be brief"), Message("user", (Text("a fruit"),))),
        stream=True,
        tools=(Tool("f"),),
        response_format=JsonObject(),
        max_tokens=5,
        seed=1,
        thinking=True,
    )
    assert json.loads(CODEC.encode_call(call).body) == {"model": "m", "prompt": "be brief\na fruit"}
    assert {"seed", "max_tokens", "json", "tools", "thinking"} < CODEC.lacks


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"prompt": 1}', b'{"model": 1, "prompt": "x"}'])
def test_what_is_no_request_of_this_dialect_is_refused(body: bytes) -> None:
    """Without a prompt there is nothing to draw."""
    with pytest.raises(DecodeError):
        CODEC.decode_call(HttpRequest("POST", PATH, JSON, body))


def test_its_requests_are_recognised() -> None:
    """By method, path and shape."""
    url = "https://x.test/v1/images/generations"
    assert CODEC.recognises(HttpRequest("POST", url, (), b'{"prompt":"x"}'))
    assert not CODEC.recognises(HttpRequest("GET", url, (), b'{"prompt":"x"}'))
    assert not CODEC.recognises(HttpRequest("POST", url, (), b'{"model":"x"}'))
    assert not CODEC.recognises(HttpRequest("POST", "https://x.test/v1/completions", (), b'{"prompt":"x"}'))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply that this format can say: its pictures are all of one type."""
    kind = draw(st.sampled_from(["", "image/png", "image/webp"]))
    data = st.builds(Media, st.just("image"), st.just(kind), names)
    urls = st.builds(Media, st.just("image"), st.just(kind), url=names)
    return Reply(
        media=draw(st.lists(data | urls, min_size=1, max_size=3).map(tuple)),
        usage=draw(st.sampled_from([ABSENT, None]) | st.builds(Usage, counts, counts, counts)),
        limits=draw(limits),
        complete=True,
    )


@settings(max_examples=200)
@given(replies(), st.booleans())
def test_a_reply_comes_back_from_its_body(reply: Reply, stream: bool) -> None:
    """There are no streams, whatever is asked; nothing is odd or unknown."""
    response = CODEC.encode_reply(reply, stream=stream)
    assert decode(response) == reply
    assert not unknown_fields(response, CODEC.known)


@given(refusals, st.integers(400, 599))
def test_errors_come_back(error: ApiError, status: int) -> None:
    """Inside a 200, and with a status."""
    assert decode(CODEC.encode_reply(Reply(error=error), stream=False)) == Reply(error=error)
    refused = dataclasses.replace(error, where="status", status=status)
    assert decode(CODEC.encode_error(refused)) == Reply(error=refused)


FULL_REPLY: dict[str, Any] = {
    "created": 1,
    "background": "opaque",
    "data": [{"b64_json": "AAAA", "revised_prompt": "a red fruit"}, {"url": "https://x.test/a.png"}],
    "output_format": "png",
    "quality": "low",
    "size": "1024x1024",
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 9},
        "output_tokens": 272,
        "output_tokens_details": {"image_tokens": 272, "text_tokens": 0},
        "total_tokens": 281,
    },
}


def test_a_full_reply_is_understood() -> None:
    """Pictures as data or URL, their type, and the counts."""
    pictures = (Media("image", "image/png", "AAAA"), Media("image", "image/png", url="https://x.test/a.png"))
    assert whole(FULL_REPLY) == Reply(media=pictures, usage=Usage(9, 272, 281), complete=True)
    response = HttpResponse(200, JSON, json.dumps(FULL_REPLY).encode())
    assert not unknown_fields(response, CODEC.known)


@pytest.mark.parametrize(
    ("fields", "oddity"),
    [
        ({"data": [{"b64_json": "AAAA"}, 7]}, "a picture that is not an object"),
        ({"data": [{"b64_json": "AAAA"}, {}]}, "a picture without data or url"),
        ({"data": [{"b64_json": "AAAA", "url": 7}]}, "url is not a string"),
        ({"output_format": 7}, "output_format is not a string"),
        ({"usage": []}, "usage is not an object"),
        ({"usage": {"input_tokens": "9"}}, "a token count is not an integer"),
    ],
)
def test_oddities_are_named(fields: dict[str, Any], oddity: str) -> None:
    """And the rest of the reply is read."""
    reply = whole(FULL_REPLY | fields)
    assert reply.oddities == (oddity,)
    assert reply.media[0].data == "AAAA"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "without pictures"),
        (b'{"data": []}', "without pictures"),
        (b'{"data": {"b64_json": "AAAA"}}', "without pictures"),
        (b'{"error": {"message": "no"}}', "no"),
        (b"[]", "not a JSON object"),
        (b"event: image_generation.completed\ndata: {}\n\n", "not JSON"),
    ],
)
def test_a_200_without_a_picture_is_an_error(body: bytes, words: str) -> None:
    """Told with what is there instead."""
    error = decode(HttpResponse(200, JSON, body)).error
    assert error is not None
    assert error.where == "body"
    assert words in error.message


def test_no_answer_is_a_transport_error() -> None:
    """Neither is half of one."""
    reset = TransportFailure("reset", "gone")
    assert decode(None, reset).error == ApiError("transport", None, "reset: gone")
    half = decode(HttpResponse(200, JSON, b'{"data":'), reset).error
    assert half == ApiError("transport", 200, "the reply was cut off (reset: gone)")


def test_models_are_listed_as_in_the_chat_format() -> None:
    """It is the same list."""
    models = (Listed("b", {"id": "b", "object": "model"}), Listed("a", {"id": "a"}))
    assert CODEC.decode_models(CODEC.encode_models(models)) == models


def is_sound(reply: Reply) -> None:
    """The types are those that are promised, and all text can be written."""
    for media in reply.media:
        assert all(isinstance(text, str) for text in (media.media_type, media.data, media.url))
    if isinstance(reply.usage, Usage):
        for count in (reply.usage.input, reply.usage.output, reply.usage.total):
            assert count is ABSENT or count is None or type(count) is int
    assert reply.error is not None or reply.media
    assert len(set(reply.oddities)) == len(reply.oddities)
    repr(reply).encode()


@settings(max_examples=200)
@given(with_a_wild_node(FULL_REPLY) | with_a_wild_node(FULL_REPLY | {"error": {"message": "no", "code": 5}}))
def test_a_body_with_anything_anywhere_can_be_read(body: Any) -> None:
    """Wrong types are oddities or errors, never exceptions."""
    is_sound(whole(body))


@given(
    st.binary(max_size=200) | st.just(json.dumps(FULL_REPLY).encode()),
    st.sampled_from([200, 200, 204, 404, 500]),
    st.sampled_from([(), JSON, (("content-type", "text/event-stream"),)]),
    st.integers(0, 1000),
)
def test_any_answer_can_be_read(body: bytes, status: int, headers: Headers, cut: int) -> None:
    """Arbitrary bytes, and good answers cut anywhere."""
    is_sound(decode(HttpResponse(status, headers, body[:cut])))


@pytest.mark.parametrize("depth", [100, 900, 5000, 100_000])
@pytest.mark.parametrize("frame", ['{"data":%s}', '{"data":[{"url":%s}]}', '{"usage":%s}', '{"error":%s}'])
def test_deep_nesting_is_no_reason_to_fall_over(frame: str, depth: int) -> None:
    """At any place."""
    is_sound(decode(HttpResponse(200, JSON, (frame % ("[" * depth + "]" * depth)).encode())))


# --- the official SDK


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with running() as url, openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        yield client


def test_the_sdk_raises_the_right_errors(sdk: openai.OpenAI) -> None:
    """For a model that is not there, and for one that the demo provider lets do nothing."""
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.images.generate(model="nobody", prompt="a fruit")
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.BadRequestError):
        sdk.images.generate(model="speech", prompt="a fruit")


def test_the_sdk_reads_pictures() -> None:
    """What is written stands where it looks; what it asks is read."""
    pictures = (Media("image", "image/png", "AAAA"), Media("image", "image/png", url="https://x.test/a.png"))
    sent = CODEC.encode_reply(Reply(media=pictures, usage=Usage(9, 272, 281), complete=True), stream=False)
    with (
        endpoint(lambda _: Told(sent.status, sent.body, dict(sent.headers))) as served,
        openai.OpenAI(base_url=served.url, api_key="unused", max_retries=0) as client,
    ):
        read = client.images.generate(model="m", prompt="a fruit", n=2)
    request = HttpRequest(served.asked[0].method, served.asked[0].path, (), served.asked[0].body)
    assert recognised(request) is CODEC
    assert CODEC.decode_call(request) == dataclasses.replace(PLAIN, patch={"n": 2})
    assert [(one.b64_json, one.url) for one in read.data or ()] == [("AAAA", None), (None, "https://x.test/a.png")]
    assert (read.output_format, read.usage and read.usage.output_tokens) == ("png", 272)
