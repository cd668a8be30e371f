"""Recorded traffic of the generateContent format: every request and every answer can be read."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import cache

from llmprobe.absent import ABSENT
from llmprobe.call import Call, File, Image
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.gemini_generate_content.stream import NO_END
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Reply, Usage
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("gemini-generate-content")


@cache
def traffic() -> tuple[Exchange, ...]:
    """All exchanges of the provider, in whatever format."""
    cassettes = sorted(RECORDINGS.glob("*/gemini/**/*.yaml"))
    return tuple(exchange for cassette in cassettes for exchange in exchanges(cassette))


@cache
def recorded() -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Every exchange in this format, decoded."""
    found = (one for one in traffic() if CODEC.recognises(one.request))
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in found)


def good() -> list[tuple[Exchange, Call, Reply]]:
    return [one for one in recorded() if one[2].error is None]


def test_all_that_asks_a_model_is_recognised() -> None:
    """Lists of models and stored context are left over, and nothing else; no other dialect takes any of it."""
    left = [one.request for one in traffic() if not CODEC.recognises(one.request)]
    assert all(request.method == "GET" or "/cachedContents" in request.url for request in left)
    assert all(recognised(one.request) is CODEC for one, _, _ in recorded())
    assert len(recorded()) > 300


def test_a_200_says_something_and_the_rest_says_why_not() -> None:
    """Text, reasoning, calls or a picture; else an error of the status."""
    statuses: Counter[int] = Counter()
    for exchange, _, reply in recorded():
        assert exchange.response is not None
        statuses[exchange.response.status] += 1
        if exchange.response.status == 200:
            assert reply.error is None, exchange.case
            assert reply.content or reply.reasoning or reply.tool_calls or reply.media, exchange.case
        else:
            assert reply.error is not None, exchange.case
            assert (reply.error.where, reply.error.type) == ("status", "INVALID_ARGUMENT"), exchange.case
            assert len(reply.error.message) > 5
    assert statuses[200] > 200
    assert statuses[400] > 100
    assert set(statuses) == {200, 400}


def test_every_field_is_known() -> None:
    """Nothing that was said is passed over."""
    unknown: Counter[str] = Counter()
    for exchange, _, _ in recorded():
        if exchange.response is not None and exchange.response.status == 200:
            unknown.update(unknown_fields(exchange.response, CODEC.known))
    assert not unknown


def test_requests_are_written_as_they_were() -> None:
    """The same URL but for the host, and an equal JSON body."""
    for exchange, call, _ in recorded():
        written = CODEC.encode_call(call)
        assert exchange.request.url.endswith(f"/v1beta{written.url}"), exchange.case
        assert json.loads(written.body) == json.loads(exchange.request.body), exchange.case
        assert CODEC.decode_call(written) == call, exchange.case


def test_replies_survive_being_written() -> None:
    """What was understood is written in our words, and understood the same."""
    for exchange, _, reply in recorded():
        error = reply.error
        response = CODEC.encode_error(error) if error else CODEC.encode_reply(reply, stream=reply.streamed)
        again = CODEC.decode_reply(dataclasses.replace(exchange, response=response))
        assert dataclasses.replace(again, deltas=0) == dataclasses.replace(reply, deltas=0), exchange.case


def test_only_what_has_no_word_stays_in_the_patch() -> None:
    """Conversations are kept whole only where a thought's signature is played back."""
    for exchange, call, _ in recorded():
        fields = set(call.patch) - {"generationConfig", "parameters"}
        signed = b'"thoughtSignature"' in exchange.request.body
        declared = b'"functionDeclarations"' in exchange.request.body  # with a schema of the result
        assert fields == ({"contents"} if signed else set()) | ({"tools"} if declared else set()), exchange.case
        config = call.patch.get("generationConfig", {})
        assert set(config) <= {"responseModalities", "thinkingConfig"}, exchange.case


def test_streams_came_where_streams_were_asked_for() -> None:
    """With pieces, and complete; but for two that ran out of tokens in mid-thought and end without a reason."""
    for exchange, call, reply in good():
        assert reply.streamed == call.stream, exchange.case
        assert bool(reply.deltas) == reply.streamed, exchange.case
    odd = [(exchange.case, reply) for exchange, _, reply in good() if reply.oddities]
    assert all(reply.oddities == (NO_END,) and not reply.complete and reply.text is ABSENT for _, reply in odd)
    assert all("_thinking/GenStreamMultiModal-Audio" in case for case, _ in odd)
    assert len(odd) <= 2


def test_finish_reasons() -> None:
    """A call ends like a text; a cap is obeyed to the token, thoughts included."""
    seen = Counter((reply.finish, reply.finish_raw) for _, _, reply in good())
    assert set(seen) == {("stop", "STOP"), ("tool_calls", "STOP"), ("length", "MAX_TOKENS"), (ABSENT, "")}
    for exchange, call, reply in good():
        assert (reply.finish == "tool_calls") == bool(reply.tool_calls), exchange.case
        if call.max_tokens:
            assert reply.finish == "length", exchange.case
            assert (reply.output_tokens or 0) <= call.max_tokens, exchange.case


def test_usage_is_always_told() -> None:
    """With what was thought: in streams and where an answer is nothing but thoughts its own count is left out."""
    for exchange, call, reply in good():
        if dict(call.spelling).get("method") == "predict":
            assert reply.usage is ABSENT
            continue
        assert isinstance(reply.usage, Usage), exchange.case
        assert reply.usage.place == "usageMetadata"
        assert reply.input_tokens, exchange.case
        assert reply.output_tokens, exchange.case
        assert bool(reply.usage.reasoning) <= (call.thinking is not False), exchange.case


def test_thoughts_come_when_they_are_asked_for() -> None:
    """As parts with a mark; with a budget of nothing there are none."""
    asked = [(call.thinking, bool(reply.reasoning)) for _, call, reply in good()]
    assert {thought for wanted, thought in asked if wanted is not True} == {False}
    thoughtful = [thought for wanted, thought in asked if wanted is True]
    assert sum(thoughtful) > 0.9 * len(thoughtful) > 50
    assert {reply.reasoning_place for _, _, reply in good()} == {"", "thought"}


def test_tool_calls_are_objects_without_an_id() -> None:
    """They become JSON text, and their results are linked by the function's name."""
    calls = [call for _, _, reply in good() for call in reply.tool_calls]
    assert len(calls) > 30
    assert all(call.id == "" and isinstance(json.loads(call.arguments), dict) for call in calls)
    answers = [message for _, call, _ in recorded() for message in call.messages if message.role == "tool"]
    assert {(one.content, one.tool_call_id, one.name) for one in answers} == {("363.89", "square_root", "square_root")}


def test_files_are_told_apart_by_their_type() -> None:
    """Pictures, documents, sound and film, inline or by address."""
    seen: Counter[tuple[str, bool]] = Counter()
    for _, call, _ in recorded():
        for message in call.messages:
            for part in message.content if isinstance(message.content, tuple) else ():
                if isinstance(part, (Image, File)):
                    seen[part.kind if isinstance(part, File) else "image", bool(part.url)] += 1
    assert set(seen) == {(kind, url) for kind in ("image", "document", "audio", "video") for url in (True, False)}


def test_schemas_seeds_and_stops_are_understood() -> None:
    """Each by the cassette that asks for it."""
    fields = {"Seed": "seed", "MaxTokens": "max_tokens", "Stop": "stop", "TopLogprobs": "top_logprobs"}
    fields |= {"JSON": "response_format", "JSONSchema": "response_format", "Tools-SquareRoot-1": "tools"}
    for exchange, call, _ in recorded():
        probe = exchange.case.rpartition("/")[2].removesuffix(".yaml").partition("-")[2]
        if probe in fields:
            assert getattr(call, fields[probe]), exchange.case


def test_log_probabilities_come_unstreamed_only() -> None:
    """Streams refuse them in words; the alternatives may be missing."""
    asked = [(call, reply) for _, call, reply in recorded() if call.top_logprobs]
    for call, reply in asked:
        if call.stream:
            assert reply.error is not None
            assert "not supported in streaming mode" in reply.error.message
        else:
            assert isinstance(reply.logprobs, tuple)
            assert all(entry.logprob is not None and entry.logprob <= 0 for entry in reply.logprobs)
    read = [reply.logprobs for _, reply in asked if isinstance(reply.logprobs, tuple)]
    assert {len(entry.top) for logprobs in read for entry in logprobs} == {0, 2}


def test_a_wrong_key_has_a_reason() -> None:
    """Which the status, a 400 like any other, does not tell."""
    errors = [reply.error for _, _, reply in recorded() if reply.error and "API key" in reply.error.message]
    assert errors
    assert {error.code for error in errors} == {"API_KEY_INVALID"}


def test_a_picture_is_predicted() -> None:
    """By the one model that only makes pictures."""
    (reply,) = (reply for _, call, reply in good() if dict(call.spelling).get("method") == "predict")
    assert [(media.kind, media.media_type) for media in reply.media] == [("image", "image/jpeg")]
    assert len(reply.media[0].data) > 1000
    assert reply.oddities == ()


def test_the_models_are_listed() -> None:
    """With ids that fit into a URL."""
    lists = [one.response for one in traffic() if "/models?" in one.request.url and one.response]
    for response in lists:
        if response.status == 200:
            listed = CODEC.decode_models(response)
            assert len(listed) > 10
            assert not any("/" in model.id for model in listed)
    assert lists
