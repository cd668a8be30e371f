"""Recorded traffic of seven providers: every request and every answer of the chat completions format can be read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cache

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call
from llmprobe.dialects import dialect
from llmprobe.exchange import Exchange
from llmprobe.reply import Reply, Usage
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("openai-chat")
PROVIDERS = ("groq", "mistral", "deepseek", "perplexity", "openaichat", "llamacpp", "openrouter")


@cache
def recorded(provider: str) -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Every exchange of ``provider`` in this format, decoded."""
    found = (
        exchange
        for cassette in sorted(RECORDINGS.glob(f"*/{provider}/**/*.yaml"))
        for exchange in exchanges(cassette)
        if exchange.request.url.endswith("/chat/completions")
    )
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in found)


def good(provider: str) -> list[tuple[Exchange, Call, Reply]]:
    return [one for one in recorded(provider) if one[2].error is None]


def usage_places(provider: str, snapshot: str, *, streamed: bool) -> Counter[str]:
    """Where usage stood, "" when there was none."""
    replies = [reply for exchange, _, reply in good(provider) if exchange.case.startswith(snapshot)]
    usages = [reply.usage for reply in replies if reply.streamed is streamed]
    return Counter(usage.place if isinstance(usage, Usage) else "" for usage in usages)


def test_the_recordings_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was passed over, and nothing raised."""
    counted = {provider: len(recorded(provider)) for provider in PROVIDERS}
    with capsys.disabled():
        print(f"\n{sum(counted.values())} recorded exchanges decoded: {counted}")
    assert counted == {
        "groq": 513,
        "mistral": 741,
        "deepseek": 50,
        "perplexity": 122,
        "openaichat": 333,
        "llamacpp": 87,
        "openrouter": 129,
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_200_says_something_or_says_why_not(provider: str) -> None:
    """Text, reasoning or calls; else the output cap was used up unseen, or the reply is sound."""
    for exchange, _, reply in recorded(provider):
        assert exchange.response is not None
        if exchange.response.status != 200:
            assert reply.error is not None
            assert reply.error.where == "status", exchange.case
            assert len(reply.error.message) > 5, exchange.case
        elif reply.error is None:
            capped = reply.cut_short and reply.reasoned
            audio = b'"audio":' in exchange.response.body.replace(b" ", b"")
            assert reply.content or reply.reasoning or reply.tool_calls or capped or audio, exchange.case


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_calls_and_replies_survive_being_written(provider: str) -> None:
    """What was understood is written in our words, and understood the same."""
    for exchange, call, reply in good(provider):
        assert CODEC.decode_call(CODEC.encode_call(call)) == call, exchange.case
        written = dataclasses.replace(exchange, response=CODEC.encode_reply(reply, stream=reply.streamed))
        again = CODEC.decode_reply(written)
        assert dataclasses.replace(again, oddities=(), deltas=0) == dataclasses.replace(reply, oddities=(), deltas=0)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_usage_and_finish_are_seen_wherever_they_were_sent(provider: str) -> None:
    """Searched for in the bytes, in the plainest way."""
    for exchange, _, reply in good(provider):
        assert exchange.response is not None
        body = exchange.response.body.replace(b" ", b"")
        assert isinstance(reply.usage, Usage) == (b'"prompt_tokens":' in body), exchange.case
        assert isinstance(reply.finish, str) == (b'"finish_reason":"' in body), exchange.case
        assert reply.finish != "unknown", exchange.case
        if isinstance(reply.usage, Usage):
            assert isinstance(reply.usage.input, int)
            assert isinstance(reply.usage.output, int)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_streams_came_where_streams_were_asked_for(provider: str) -> None:
    """As the request says."""
    for exchange, call, reply in good(provider):
        assert reply.streamed == call.stream, exchange.case
        assert bool(reply.deltas) == bool(reply.streamed and (reply.content or reply.reasoning or reply.tool_calls))


def test_the_oddities_of_each_provider() -> None:
    """Known faults of each, and no false alarms."""
    counted = Counter(
        (provider, odd) for provider in PROVIDERS for _, _, reply in good(provider) for odd in reply.oddities
    )
    assert counted == {
        ("perplexity", "no [DONE]"): 58,
        ("groq", "system_fingerprint changes in the stream"): 2,
        ("openaichat", "a chunk without choices"): 10,
        ("openaichat", "finish_reason is stop although tools are called"): 3,
        ("openrouter", "finish_reason repeated"): 60,
    }


def test_where_usage_stands_in_streams() -> None:
    """Groq has a place of its own; llama.cpp sends none unless it is asked to."""
    assert usage_places("groq", "2025-08", streamed=True) == {"x_groq.usage": 112}
    assert usage_places("groq", "2026-08", streamed=True) == {"usage": 35, "x_groq.usage": 10}
    assert usage_places("llamacpp", "2026-08", streamed=True) == {"": 41}
    assert usage_places("llamacpp", "2026-08", streamed=False) == {"usage": 44}
    for provider in ("deepseek", "perplexity", "mistral"):
        assert set(usage_places(provider, "20", streamed=True)) == {"usage"}


def test_where_reasoning_stands() -> None:
    """In fields of its own, or in tags inside the text."""
    places = {
        provider: Counter(reply.reasoning_place for _, _, reply in good(provider) if reply.reasoning_place)
        for provider in PROVIDERS
    }
    assert places == {
        "groq": {"reasoning": 148, "think": 24},
        "mistral": {},
        "deepseek": {"reasoning_content": 18},
        "perplexity": {"think": 58},
        "openaichat": {},
        "llamacpp": {"reasoning_content": 84},
        "openrouter": {"reasoning": 116},
    }


def test_which_providers_report_limits() -> None:
    """Of requests, tokens or both, each with what is left."""
    counted = Counter((provider, len(reply.limits)) for provider in PROVIDERS for _, _, reply in good(provider))
    limits = {key: number for key, number in counted.items() if key[1]}
    assert limits == {("groq", 2): 320, ("mistral", 3): 290, ("openaichat", 2): 148, ("openaichat", 3): 72}
    for provider in PROVIDERS:
        for _, _, reply in good(provider):
            assert all(x.limit is not None and x.remaining is not None for x in reply.limits)


def of_case(case: str) -> Reply:
    provider = case.split("/")[1]
    return next(reply for exchange, _, reply in recorded(provider) if exchange.case == case)


def test_a_groq_stream_that_is_only_an_error_event() -> None:
    """HTTP says 200, ``event: error`` says otherwise."""
    error = of_case("2025-08/groq/moonshotai/kimi-k2-instruct/GenStream-Tools-SquareRoot-1.yaml").error
    assert error is not None
    assert (error.where, error.type, error.code) == ("stream", "invalid_request_error", "tool_use_failed")
    assert error.message.startswith("Failed to call a function.")


def test_an_openai_stream_that_breaks_off_with_an_error() -> None:
    """``error`` and ``detail`` side by side in a chunk."""
    reply = of_case("2026-08/openaichat/gpt-audio/GenStream-Stop.yaml")
    assert reply.error is not None
    assert (reply.error.where, reply.error.type) == ("stream", "invalid_request_error")
    assert reply.error.message.startswith("Could not finish the message because max_tokens")


@pytest.mark.parametrize(
    ("cassette", "where", "words"),
    [
        ("GenSync-JSONSchema", "body", "Provider returned error"),
        ("GenStream-JSONSchema", "stream", "Provider returned error"),
        ("GenStream-Tools-SquareRoot-1", "status", "invalid request, invalid parameter"),
    ],
)
def test_errors_that_openrouter_passes_on(cassette: str, where: str, words: str) -> None:
    """In a 200 after blank lines, in a chunk, and quoted inside its own."""
    error = of_case(f"2026-08/openrouter/qwen/qwen3.5-122b-a10b_thinking/{cassette}.yaml").error
    assert error is not None
    assert (error.where, error.code) == (where, "400")
    assert words in error.message


def test_pages_and_lists_of_details_as_errors() -> None:
    """Perplexity's HTML page, Mistral's list of what is wrong with which field."""
    page = [reply.error for _, _, reply in recorded("perplexity") if reply.error and reply.error.status == 401]
    details = [reply.error for _, _, reply in recorded("mistral") if reply.error and reply.error.status == 422]
    assert {error.message for error in page} == {"an HTML page: 401 Authorization Required"}
    assert len(details) == 37
    assert all("Input should be" in error.message and "(" in error.message for error in details)


def test_logprobs_are_read() -> None:
    """Each token with its alternatives."""
    read = [
        reply.logprobs
        for provider in PROVIDERS
        for _, call, reply in good(provider)
        if call.top_logprobs and isinstance(reply.logprobs, tuple)
    ]
    assert len(read) == 8
    for logprobs in read:
        assert all(entry.logprob is not None and entry.logprob <= 0 and entry.top for entry in logprobs)


def test_tool_calls_are_whole() -> None:
    """An id, a name and arguments, whole or from fragments."""
    calls = [call for provider in PROVIDERS for _, _, reply in good(provider) for call in reply.tool_calls]
    assert len(calls) == 282
    assert all(call.id and call.name and call.arguments for call in calls)


def test_absent_and_null_finish_reasons_are_told_apart() -> None:
    """gpt-audio ends its streams with null."""
    ends = Counter(reply.finish for provider in PROVIDERS for _, _, reply in good(provider))
    assert ends[None] == 10
    assert ABSENT not in ends
