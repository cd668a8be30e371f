"""Recorded traffic of Ollama: every request and every answer of its chat format can be read."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import cache

import pytest

from llmprobe.call import Call, Image, JsonObject, JsonSchema, ToolCall
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Reply, Usage
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("ollama-chat")


@cache
def recorded() -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Every exchange in this format, decoded."""
    found = (
        exchange
        for cassette in sorted(RECORDINGS.glob("*/ollama/**/*.yaml"))
        for exchange in exchanges(cassette)
        if recognised(exchange.request) is CODEC
    )
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in found)


def good() -> list[tuple[Exchange, Call, Reply]]:
    return [one for one in recorded() if one[2].error is None]


def of_case(name: str) -> tuple[Exchange, Call, Reply]:
    return next(one for one in recorded() if one[0].case == f"2025-08/ollama/{name}.yaml")


def test_the_recordings_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """All chats of the folder are recognised, those that failed too."""
    counted = Counter(one.response.status for one, _, _ in recorded() if one.response)
    with capsys.disabled():
        print(f"\n{sum(counted.values())} recorded exchanges decoded: {dict(counted)}")
    assert counted[200] >= 40
    assert counted[400] >= 4
    assert counted[404] >= 2
    assert set(counted) == {200, 400, 404, 500}


def test_requests_are_written_again_as_they_were() -> None:
    """The same JSON: all of them say whether they want a stream, which is always written."""
    for exchange, call, _ in recorded():
        assert json.loads(CODEC.encode_call(call).body) == json.loads(exchange.request.body), exchange.case
        assert not call.patch, exchange.case


def test_a_200_says_something_or_says_why_not() -> None:
    """Text, reasoning or calls; or an error, as its only line."""
    for exchange, _, reply in recorded():
        assert exchange.response is not None
        if exchange.response.status != 200:
            assert reply.error is not None
            assert reply.error.where == "status", exchange.case
        elif reply.error is None:
            assert reply.content or reply.reasoning or reply.tool_calls, exchange.case
            assert reply.complete, exchange.case


def test_no_field_is_passed_over() -> None:
    """All that the replies say is understood, or known to say nothing."""
    unknown: Counter[str] = Counter()
    for exchange, _, _ in recorded():
        assert exchange.response is not None
        if exchange.response.status == 200:
            unknown.update(unknown_fields(exchange.response, CODEC.known))
    assert not unknown


def test_nothing_is_odd() -> None:
    """The server keeps to its own format."""
    assert not Counter(odd for _, _, reply in good() for odd in reply.oddities)


def test_recorded_replies_survive_being_written() -> None:
    """What was understood is written in our words, and understood the same."""
    for exchange, _, reply in good():
        written = dataclasses.replace(exchange, response=CODEC.encode_reply(reply, stream=reply.streamed))
        again = CODEC.decode_reply(written)
        assert dataclasses.replace(again, deltas=0) == dataclasses.replace(reply, deltas=0), exchange.case


def test_streams_came_where_streams_were_asked_for() -> None:
    """As the request says; each with counts, an end and a model."""
    for exchange, call, reply in good():
        assert reply.streamed == call.stream == bool(reply.deltas), exchange.case
        assert isinstance(reply.usage, Usage)
        assert isinstance(reply.usage.input, int)
        assert isinstance(reply.usage.output, int)
        assert reply.model == call.model
    assert {call.stream for _, call, _ in good()} == {False, True}


def test_how_replies_ended() -> None:
    """Calls are told from a natural end by the calls; the cap by its own word."""
    ends = Counter((reply.finish, reply.finish_raw) for _, _, reply in good())
    assert set(ends) == {("stop", "stop"), ("length", "length"), ("tool_calls", "stop")}
    for exchange, call, reply in good():
        assert (reply.finish == "length") == (call.max_tokens is not None), exchange.case


def test_thoughts_stand_in_tags_where_the_request_does_not_say_think() -> None:
    """With every reply of the model that thinks, but where a format holds it to JSON; with none of the other."""
    for exchange, call, reply in good():
        thinks = "_thinking/" in exchange.case and call.response_format is None
        assert call.thinking is None
        assert (reply.reasoning_place == "think") == thinks, exchange.case
        assert bool(reply.reasoning) == thinks, exchange.case


def test_what_was_asked_for() -> None:
    """Images, formats, options and tools are understood."""
    calls = [call for _, call, _ in recorded()]
    parts = [part for call in calls for message in call.messages for part in message.content or ()]
    assert sum(isinstance(part, Image) for part in parts) >= 16
    assert {type(call.response_format) for call in calls} == {type(None), JsonObject, JsonSchema}
    assert {call.seed for call in calls} == {None, 42}
    assert {call.max_tokens for call in calls} == {None, 16}
    assert {call.stop for call in calls} == {(), ("is",)}
    assert {tool.name for call in calls for tool in call.tools} == {"square_root"}


@pytest.mark.parametrize("mode", ["GenSync", "GenStream"])
def test_a_call_without_an_id(mode: str) -> None:
    """Its arguments are an object of JSON."""
    _, _, reply = of_case(f"qwen3-4b_thinking/{mode}-Tools-SquareRoot-1")
    assert reply.tool_calls == (ToolCall("", "square_root", '{"number": 132413}'),)
    assert reply.finish == "tool_calls"


def test_errors() -> None:
    """With a status, and in a stream that had begun as a 200."""
    errors = {
        name: of_case(name)[2].error
        for name in (
            "_errors/bad_model/GenStream",
            "gemma3-4b/GenSync-Tools-SquareRoot-1",
            "gemma3-4b/GenSyncMultiModal-Image-gif-Inline",
            "gemma3-4b/GenStreamMultiModal-Image-gif-Inline",
        )
    }
    assert [(error.where, error.status) for error in errors.values() if error] == [
        ("status", 404),
        ("status", 400),
        ("status", 500),
        ("stream", 200),
    ]
    words = ["not found", "does not support tools", "image: unknown format", "image: unknown format"]
    assert all(error and word in error.message for error, word in zip(errors.values(), words, strict=True))
