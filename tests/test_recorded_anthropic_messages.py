"""Recorded traffic of the messages format: every request and every answer can be read, and nothing in it is unknown."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import cache

import pytest

from llmprobe.call import Call, File, Image
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Citation, Reply, Usage
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("anthropic-messages")


@cache
def traffic() -> tuple[Exchange, ...]:
    """All exchanges with the provider, whatever they ask for."""
    cassettes = sorted(RECORDINGS.glob("*/anthropic/**/*.yaml"))
    return tuple(exchange for cassette in cassettes for exchange in exchanges(cassette))


@cache
def recorded() -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Those that ask a model in this format, decoded."""
    own = (one for one in traffic() if CODEC.recognises(one.request))
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in own)


def good() -> list[tuple[Exchange, Call, Reply]]:
    return [one for one in recorded() if one[2].error is None]


def of(cassette: str) -> list[Reply]:
    """All replies in cassettes of this name."""
    return [reply for exchange, _, reply in recorded() if exchange.case.endswith(f"/{cassette}.yaml")]


def test_the_recordings_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was passed over, and nothing raised."""
    counted = Counter(exchange.response.status for exchange, _, _ in recorded() if exchange.response)
    with capsys.disabled():
        print(f"\n{sum(counted.values())} recorded exchanges decoded: {dict(counted)}")
    assert counted[200] > 300
    assert set(counted) == {200, 400, 401, 404}


def test_batches_and_lists_are_not_taken_for_questions() -> None:
    """Only what asks a model for an answer at once is; and no other dialect claims it."""
    for exchange in traffic():
        ours = exchange.request.method == "POST" and exchange.request.url.endswith("/v1/messages")
        assert CODEC.recognises(exchange.request) is ours, exchange.case
        assert (recognised(exchange.request) is CODEC) is ours, exchange.case
    assert any("/messages/batches" in exchange.request.url for exchange in traffic())


def test_a_200_says_something_or_says_why_not() -> None:
    """Text, thoughts or calls; one stream was stopped by its first word."""
    for exchange, _, reply in recorded():
        assert exchange.response is not None
        if exchange.response.status != 200:
            assert reply.error is not None
            assert (reply.error.where, bool(reply.error.type)) == ("status", True)
            assert len(reply.error.message) > 5, exchange.case
        else:
            stopped = reply.finish == "stop_sequence"
            assert reply.text or reply.reasoning or reply.tool_calls or stopped, exchange.case
            assert reply.complete


def test_nothing_in_a_200_is_unknown_or_odd() -> None:
    """Each field is read, or known to say nothing; and the provider keeps to its own book."""
    for exchange, _, reply in good():
        assert exchange.response is not None
        assert unknown_fields(exchange.response, CODEC.known) == {}, exchange.case
        assert reply.oddities == (), exchange.case


def test_recorded_requests_are_written_again_as_they_were() -> None:
    """Nothing need be made up for: no field is lost, not even of the conversation of tools and thoughts."""
    for exchange, call, _ in recorded():
        request = CODEC.encode_call(call)
        assert json.loads(request.body) == json.loads(exchange.request.body), exchange.case
        assert CODEC.decode_call(request) == call, exchange.case
        assert set(call.patch) <= {"thinking"}, exchange.case  # {"display": "summarized"}


def test_recorded_replies_survive_being_written() -> None:
    """What was understood is written in our words, and understood the same."""
    for exchange, _, reply in good():
        written = dataclasses.replace(exchange, response=CODEC.encode_reply(reply, stream=reply.streamed))
        again = CODEC.decode_reply(written)
        assert dataclasses.replace(again, deltas=0) == dataclasses.replace(reply, deltas=0), exchange.case


def test_usage_finish_and_limits_are_always_told() -> None:
    """In both modes."""
    for exchange, call, reply in good():
        assert isinstance(reply.usage, Usage), exchange.case
        assert isinstance(reply.usage.input, int)
        assert isinstance(reply.usage.output, int)
        assert isinstance(reply.usage.cached, int)
        assert reply.usage.output > 0, exchange.case
        assert {limit.subject for limit in reply.limits} >= {"requests", "tokens"} or not reply.limits, exchange.case
        assert reply.model == call.model
    assert {reply.finish for _, _, reply in good()} == {"stop", "length", "tool_calls", "stop_sequence"}
    assert sum(bool(reply.limits) for _, _, reply in good()) > 300


def test_streams_came_where_streams_were_asked_for() -> None:
    """As the request says."""
    for exchange, call, reply in good():
        assert reply.streamed == call.stream, exchange.case
        assert bool(reply.deltas) == bool(reply.streamed and (reply.text or reply.reasoning or reply.tool_calls))


def test_thoughts_come_only_where_they_were_not_forbidden() -> None:
    """Always as blocks; newer models also count them, and do not always think."""
    seen = Counter((call.thinking, reply.reasoned) for _, call, reply in good())
    assert seen[False, True] == 0
    assert seen[True, True] > 60
    assert {reply.reasoning_place for _, _, reply in good() if reply.reasoned} == {"thinking"}
    for _, _, reply in good():
        assert isinstance(reply.usage, Usage)
        if isinstance(reply.usage.reasoning, int):
            assert bool(reply.usage.reasoning) == bool(reply.reasoning)


def test_documents_are_cited() -> None:
    """By the words that the document has."""
    replies = of("GenSync-Citations-text-plain") + of("GenStream-Citations-text-plain")
    assert len(replies) >= 8
    for reply in replies:
        assert {citation.kind for citation in reply.citations} == {"document"}
        assert reply.citations[0].quote.startswith("The capital of Quackiland is Quack.")


def test_the_web_is_searched_and_fetched() -> None:
    """Each use of a tool of the server is seen, and some answers name their sources."""
    found, fetched = (
        [reply for mode in ("GenSync", "GenStream") for reply in of(f"{mode}-Tools-{tool}")]
        for tool in ("WebSearch", "WebFetch")
    )
    assert {reply.server_tools for reply in found} == {("web_search",)}
    assert {reply.server_tools for reply in fetched} == {("web_fetch",)}
    sources = [citation for reply in found for citation in reply.citations]
    assert sources
    assert all(isinstance(one, Citation) and one.kind == "web" and one.url.startswith("https://") for one in sources)
    for _, call, reply in good():
        assert bool(call.server_tools) == bool(reply.server_tools)


def test_calls_are_whole_and_followed_up() -> None:
    """With an id, a name and an object; the result is a message of its own."""
    calls = [call for _, _, reply in good() for call in reply.tool_calls]
    assert len(calls) > 30
    for call in calls:
        assert call.id.startswith("toolu_")
        assert isinstance(json.loads(call.arguments), dict)
    follow_ups = [call for _, call, _ in recorded() if call.messages[-1].role == "tool"]
    assert len(follow_ups) > 10
    for asked in follow_ups:
        assert asked.messages[-1].tool_call_id == asked.messages[-2].tool_calls[0].id


def test_pictures_and_documents_are_seen() -> None:
    """Inline and by their address."""
    parts = [part for _, call, _ in recorded() for message in call.messages for part in message.content or ()]
    images = [part for part in parts if isinstance(part, Image)]
    files = [part for part in parts if isinstance(part, File)]
    assert {image.media_type for image in images if image.data} == {
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
    }
    assert any(image.url for image in images)
    assert {(file.media_type, bool(file.url), file.cite) for file in files} == {
        ("application/pdf", False, None),
        ("", True, None),
        ("text/plain", False, True),
    }


def test_a_refused_schema_is_told() -> None:
    """The bare object schema that lacks ``additionalProperties``."""
    refused = of("GenSync-JSON") + of("GenStream-JSON")
    assert refused
    for reply in refused:
        assert reply.error is not None
        assert (reply.error.status, reply.error.type) == (400, "invalid_request_error")
        assert "additionalProperties" in reply.error.message


def test_the_list_of_models_is_read() -> None:
    """All pages that were recorded."""
    lists = [
        CODEC.decode_models(one.response)
        for one in traffic()
        if one.response and one.response.status == 200 and one.request.url.partition("?")[0].endswith("/v1/models")
    ]
    assert lists
    assert all(model.declared["type"] == "model" for listed in lists for model in listed)


def test_signed_thoughts_go_back_as_other_clients_send_them() -> None:
    """What we would play back of a reply stands in the recorded request that goes on with it."""
    thinking = [(call, reply) for _, call, reply in good() if reply.echo and reply.tool_calls]
    assert thinking
    followed = {
        result.tool_call_id: call
        for _, call, _ in good()
        for result in call.messages
        if result.role == "tool" and result.tool_call_id
    }
    pairs = [(reply, followed[reply.tool_calls[0].id]) for _, reply in thinking if reply.tool_calls[0].id in followed]
    assert pairs
    for reply, after in pairs:
        assistant = next(message for message in after.messages if message.tool_calls)
        assert isinstance(assistant.content, tuple)
        assert assistant.content[: len(reply.echo)] == reply.echo
