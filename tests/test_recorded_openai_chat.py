"""Recorded traffic of seven providers: every request and every answer of the chat completions format can be read."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call, Image, Other, Text
from llmprobe.dialects import dialect
from llmprobe.dialects.known import unknown_fields
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
    assert counted.pop("llamacpp") in (87, 206)  # some copies of the folder lack 119 of them
    assert counted == {
        "groq": 513,
        "mistral": 741,
        "deepseek": 50,
        "perplexity": 122,
        "openaichat": 333,
        "openrouter": 129,
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_200_says_something_or_says_why_not(provider: str) -> None:
    """Text, reasoning, calls or sound; else the output cap was used up unseen."""
    for exchange, _, reply in recorded(provider):
        assert exchange.response is not None
        if exchange.response.status != 200:
            assert reply.error is not None
            assert reply.error.where == "status", exchange.case
            assert len(reply.error.message) > 5, exchange.case
        elif reply.error is None:
            capped = reply.cut_short and reply.reasoned
            assert reply.content or reply.reasoning or reply.tool_calls or reply.media or capped, exchange.case


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_replies_survive_being_written(provider: str) -> None:
    """What was understood is written in our words, and understood the same."""
    for exchange, _, reply in good(provider):
        written = dataclasses.replace(exchange, response=CODEC.encode_reply(reply, stream=reply.streamed))
        again = CODEC.decode_reply(written)
        assert dataclasses.replace(again, oddities=(), deltas=0) == dataclasses.replace(reply, oddities=(), deltas=0)


def normal(body: Any) -> Any:
    """A request without what says nothing: that no stream is wanted, and the place of a call in its list."""
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    for call in calls:
        call.pop("index", None)
    return {name: value for name, value in body.items() if (name, value) != ("stream", False)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_requests_are_written_again_as_they_were(provider: str) -> None:
    """Every field of every request, in whatever form."""
    for exchange, call, _ in recorded(provider):
        again = CODEC.encode_call(call)
        assert json.loads(again.body) == normal(json.loads(exchange.request.body)), exchange.case
        assert CODEC.decode_call(again) == call, exchange.case
        assert CODEC.recognises(exchange.request)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_field_of_a_reply_is_passed_over(provider: str) -> None:
    """Each is read, or known to say nothing."""
    for exchange, _, _ in recorded(provider):
        assert exchange.response is not None
        if exchange.response.status == 200:
            assert unknown_fields(exchange.response, CODEC.known) == {}, exchange.case


def parts(provider: str) -> Counter[tuple[str, str]]:
    """The kinds of parts in requests, with what each holds: the media type of data, or an address."""
    found: Counter[tuple[str, str]] = Counter()
    for _, call, _ in recorded(provider):
        contents = [message.content for message in call.messages if isinstance(message.content, tuple)]
        for part in (part for content in contents for part in content if not isinstance(part, Text)):
            if isinstance(part, Other):
                found["other", part.kind] += 1
            else:
                kind = "image" if isinstance(part, Image) else part.kind
                found[kind, "url" if part.url else part.media_type] += 1
    return found


def test_files_are_understood_in_every_form() -> None:
    """Sound as an object, as a bare string, as a file and by address; documents and films as files or by address."""
    assert not [one for provider in PROVIDERS for one in parts(provider) if one[0] == "other"]
    files = {
        provider: {one: number for one, number in parts(provider).items() if one[0] != "image"}
        for provider in ("mistral", "openaichat")
    }
    assert files == {
        "mistral": {("audio", ""): 90, ("audio", "url"): 15, ("document", "url"): 30},
        "openaichat": {
            ("document", "application/pdf"): 14,
            ("audio", "audio/aac"): 8,
            ("audio", "audio/flac"): 8,
            ("audio", "audio/mpeg"): 8,
            ("audio", "audio/ogg"): 8,
            ("audio", "audio/wav"): 8,
            ("video", "video/mp4"): 8,
            ("video", "video/webm"): 6,
        },
    }
    assert {what for kind, what in parts("llamacpp") if kind == "audio"} >= {"audio/mpeg", "audio/wav"}


def test_tools_and_switches_of_the_relatives_are_understood() -> None:
    """Searches that the server runs, seeds and caps by other names, ways to ask for thinking."""
    asked = [(provider, call) for provider in PROVIDERS for _, call, _ in recorded(provider)]
    tools = Counter((provider, tool.kind) for provider, call in asked for tool in call.server_tools)
    assert tools == {("groq", "browser_search"): 9, ("groq", "visit_website"): 9, ("mistral", "web_search"): 22}
    seeds = Counter((provider, call.spelled("seed", "seed")) for provider, call in asked if call.seed is not None)
    assert seeds["mistral", "random_seed"] == 30
    assert {provider for provider, way in seeds if way == "seed"} == {"groq", "llamacpp", "openaichat", "openrouter"}
    thinking = Counter((provider, call.thinking) for provider, call in asked if call.thinking is not None)
    assert thinking.pop(("llamacpp", True)) >= 87
    assert thinking == {("groq", True): 24, ("openaichat", True): 56, ("openaichat", False): 24}
    strict = {tool.strict for provider, call in asked if provider == "mistral" for tool in call.tools}
    assert strict == {True}
    names = Counter(message.name for _, call in asked for message in call.messages)
    assert names["square_root"] == 30


def test_sources_tools_and_media_are_seen() -> None:
    """Who searched: one with its own index, one with tools that it ran; and one that speaks."""
    counted = Counter(
        (provider, *(bool(found) for found in (reply.citations, reply.server_tools, reply.media)))
        for provider in PROVIDERS
        for _, _, reply in good(provider)
    )
    assert {key: number for key, number in counted.items() if any(key[1:])} == {
        ("groq", False, True, False): 4,
        ("groq", True, True, False): 8,
        ("perplexity", True, False, False): 9,
        ("openaichat", False, False, True): 15,
    }


def test_the_tools_that_a_server_ran_are_told_alike_whole_and_streamed() -> None:
    """Each use once, by its type, with the pages that it found."""
    whole, streamed = (
        of_case(f"2026-08/groq/openai/gpt-oss-120b_thinking/{mode}-Tools-WebSearch.yaml")
        for mode in ("GenSync", "GenStream")
    )
    assert whole.server_tools == ("browser_search", "browser.open", "browser.open")
    assert streamed.server_tools == ("browser_search", "browser.open") * 3
    for reply in (whole, streamed):
        assert "https://www.pm.gc.ca/en" in {source.url for source in reply.citations}
        assert all(source.kind == "web" and source.title for source in reply.citations)


def test_sources_of_a_search_product_have_titles() -> None:
    """The list of addresses and the list of results are told as one, then the pictures."""
    reply = of_case("2025-08/perplexity/sonar/GenStream-Citations.yaml")
    assert len(reply.citations) == 6
    assert [bool(source.title) for source in reply.citations] == [True] * 5 + [False]
    assert reply.citations[1].url == "https://en.wikipedia.org/wiki/Peep_and_the_Big_Wide_World"
    assert reply.citations[-1].url.startswith("https://www.tripadvisor.in/")


@pytest.mark.parametrize("mode", ["GenSync", "GenStream"])
def test_a_spoken_reply_has_sound_and_words(mode: str) -> None:
    """Its text is null where the wire says so, or never came."""
    reply = of_case(f"2026-08/openaichat/gpt-audio/{mode}MultiModal-Document-pdf-Inline.yaml")
    (sound,) = reply.media
    assert (sound.kind, sound.text, reply.text) == ("audio", "orange", None)
    assert len(base64.b64decode(sound.data, validate=True)) > 10_000


@pytest.mark.parametrize("provider", PROVIDERS)
def test_usage_and_finish_are_seen_wherever_they_were_sent(provider: str) -> None:
    """Searched for in the bytes, in the plainest way."""
    for exchange, _, reply in good(provider):
        assert exchange.response is not None
        body = exchange.response.body.replace(b" ", b"")
        told = b'"prompt_tokens":' in body or b'"prompt_n":' in body
        assert isinstance(reply.usage, Usage) == told, exchange.case
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
    """Groq has a place of its own; llama.cpp has only its timings unless it is asked for usage."""
    assert usage_places("groq", "2025-08", streamed=True) == {"x_groq.usage": 112}
    assert usage_places("groq", "2026-08", streamed=True) == {"usage": 35, "x_groq.usage": 10}
    assert set(usage_places("llamacpp", "2026-08", streamed=True)) == {"timings"}
    assert set(usage_places("llamacpp", "2026-08", streamed=False)) == {"usage"}
    for provider in ("deepseek", "perplexity", "mistral"):
        assert set(usage_places(provider, "20", streamed=True)) == {"usage"}


def test_where_reasoning_stands() -> None:
    """In fields of its own, or in tags inside the text."""
    places = {
        provider: Counter(reply.reasoning_place for _, _, reply in good(provider) if reply.reasoning_place)
        for provider in PROVIDERS
    }
    assert places.pop("llamacpp")["reasoning_content"] >= 84
    assert places == {
        "groq": {"reasoning": 148, "think": 24},
        "mistral": {},
        "deepseek": {"reasoning_content": 18},
        "perplexity": {"think": 58},
        "openaichat": {},
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
    assert len(read) >= 8
    for logprobs in read:
        assert all(entry.logprob is not None and entry.logprob <= 0 and entry.top for entry in logprobs)


def test_tool_calls_are_whole() -> None:
    """An id, a name and arguments, whole or from fragments."""
    calls = [call for provider in PROVIDERS for _, _, reply in good(provider) for call in reply.tool_calls]
    assert len(calls) >= 282
    assert all(call.id and call.name and call.arguments for call in calls)


def test_absent_and_null_finish_reasons_are_told_apart() -> None:
    """gpt-audio ends its streams with null."""
    ends = Counter(reply.finish for provider in PROVIDERS for _, _, reply in good(provider))
    assert ends[None] == 10
    assert ABSENT not in ends
