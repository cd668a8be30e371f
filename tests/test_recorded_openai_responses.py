"""Recorded traffic of OpenAI's responses format: every request and every answer can be read."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import cache

from llmprobe.call import Call, File, Image, Part
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Citation, Reply, Usage
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("openai-responses")


@cache
def recorded() -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Every exchange in this format, decoded."""
    found = (
        exchange
        for cassette in sorted(RECORDINGS.glob("*/openairesponses/**/*.yaml"))
        for exchange in exchanges(cassette)
        if exchange.request.url.endswith("/responses")
    )
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in found)


def good(*words: str) -> list[tuple[Exchange, Call, Reply]]:
    """The exchanges without an error whose address has all ``words``."""
    return [one for one in recorded() if one[2].error is None and all(word in one[0].case for word in words)]


def of_case(case: str) -> Reply:
    return next(reply for exchange, _, reply in recorded() if exchange.case == case)


def parts() -> list[Part]:
    contents = [message.content for _, call, _ in recorded() for message in call.messages]
    return [part for content in contents if isinstance(content, tuple) for part in content]


def test_the_recordings_are_all_there() -> None:
    """Nothing was passed over, nothing raised, and no other dialect claims a request."""
    statuses = Counter(exchange.response.status for exchange, _, _ in recorded() if exchange.response)
    assert statuses == {200: 194, 400: 44, 401: 4}
    assert all(recognised(exchange.request) is CODEC for exchange, _, _ in recorded())


def test_a_200_says_something_and_a_refusal_says_why() -> None:
    """Text, reasoning or calls; else the output cap was used up unseen."""
    for exchange, _, reply in recorded():
        if reply.error is not None:
            assert reply.error.where == "status", exchange.case
            assert reply.error.type == "invalid_request_error", exchange.case
            assert len(reply.error.message) > 5, exchange.case
        else:
            capped = reply.cut_short and isinstance(reply.usage, Usage)
            assert reply.content or reply.tool_calls or capped, exchange.case
            assert reply.complete, exchange.case


def test_no_field_of_a_reply_is_unknown() -> None:
    """Each is read, or is listed as one that says nothing."""
    unknown: Counter[str] = Counter()
    for exchange, _, _ in good():
        assert exchange.response is not None
        unknown.update(unknown_fields(exchange.response, CODEC.known))
    assert unknown == Counter()


def test_recorded_requests_are_sent_again_as_they_were() -> None:
    """Equal as JSON, none of it left to a patch that hides what the words say."""
    for exchange, call, _ in recorded():
        again = CODEC.encode_call(call)
        assert json.loads(again.body) == json.loads(exchange.request.body), exchange.case
        assert CODEC.decode_call(again) == call, exchange.case
        assert {"input", "tools", "text", "max_output_tokens", "tool_choice"}.isdisjoint(call.patch), exchange.case


def test_what_of_the_requests_has_no_word() -> None:
    """Storage and prices, and how reasoning is shown."""
    left = Counter(name for _, call, _ in recorded() for name in call.patch)
    assert set(left) == {"background", "include", "previous_response_id", "reasoning", "service_tier", "store"}
    assert {str(call.patch["reasoning"]) for _, call, _ in recorded()} == {"{'summary': 'auto'}"}


def test_recorded_replies_survive_being_written() -> None:
    """What was understood is written in our words, and understood the same. Mere sources become citations."""
    for exchange, _, reply in good():
        written = dataclasses.replace(exchange, response=CODEC.encode_reply(reply, stream=reply.streamed))
        again = CODEC.decode_reply(written)
        again, reply = (dataclasses.replace(one, deltas=0, oddities=()) for one in (again, reply))
        assert again == reply, exchange.case


def test_what_is_odd_about_the_original() -> None:
    """Summaries of reasoning that is cut short are streamed, and told otherwise in the end; there is no other fault."""
    odd = {exchange.case.partition("/openairesponses/")[2]: reply.oddities for exchange, _, reply in recorded()}
    faults = ("a done event differs from its deltas", "deltas and final response differ in the reasoning")
    assert {case: found for case, found in odd.items() if found} == {
        "o4-mini_thinking/GenStream-MaxTokens.yaml": faults,
        "gpt-5.6-sol_thinking/GenStream-MaxTokens.yaml": faults,
    }


def test_usage_and_finish_always_come() -> None:
    """In streams too, where nobody asked for usage."""
    finishes = Counter(reply.finish_raw for _, _, reply in good())
    assert finishes == {"completed": 184, "incomplete:max_output_tokens": 10}
    assert Counter(reply.finish for _, _, reply in good()) == {"stop": 154, "tool_calls": 30, "length": 10}
    for _, _, reply in good():
        assert isinstance(reply.usage, Usage)
        assert isinstance(reply.usage.input, int)
        assert isinstance(reply.usage.output, int)


def test_streams_came_where_streams_were_asked_for() -> None:
    """Each in more than no pieces; a capped one may have nothing to show."""
    for exchange, call, reply in good():
        assert reply.streamed == call.stream, exchange.case
        shown = reply.content or reply.reasoning or reply.tool_calls
        assert bool(reply.deltas) == bool(reply.streamed and shown), exchange.case


def test_reasoning_is_shown_now_and_then() -> None:
    """A summary was asked for each time; often tokens of reasoning are counted and none of it is shown."""
    shown = Counter(exchange.case.split("/")[2] for exchange, _, reply in good() if reply.reasoning_place)
    counted = Counter(exchange.case.split("/")[2] for exchange, _, reply in good() if reply.reasoned)
    assert {reply.reasoning_place for _, _, reply in good()} == {"", "reasoning.summary"}
    assert shown == {"o4-mini_thinking": 17, "gpt-5.6-terra_thinking": 3, "gpt-5.6-sol_thinking": 1}
    assert set(counted) == {*shown, "gpt-5.6-luna_thinking"}
    assert all(counted[model] > shown[model] for model in counted)


def test_thinking_is_asked_for_by_an_effort() -> None:
    """All but the oldest model."""
    assert Counter(call.thinking for _, call, _ in recorded())[False] == 0
    for exchange, call, _ in recorded():
        assert call.thinking is (True if call.patch.get("service_tier") == "flex" else None), exchange.case


def test_tools_make_a_round_trip() -> None:
    """Calls with an id, whole or from deltas; the answers name it."""
    calls = [call for _, _, reply in good() for call in reply.tool_calls]
    assert len(calls) == 30
    assert all(call.id.startswith("call_") and call.name and json.loads(call.arguments) for call in calls)
    results = [call.messages[-1] for _, call, _ in recorded() if call.messages[-1].role == "tool"]
    assert {message.content for message in results} == {"363.89"}
    assert all(message.tool_call_id for message in results)
    played_back = [call.messages[1] for _, call, _ in good("2025-08", "SquareRoot-2")]
    assert [len(message.tool_calls) for message in played_back] == [1] * 4


def test_searches_name_their_sources_but_cite_nothing() -> None:
    """The annotations are empty in all six; the sources that were asked for are there."""
    found = [reply for _, _, reply in good() if reply.server_tools]
    assert [reply.server_tools for reply in found] == [("web_search",)] * 6
    for reply in found:
        assert reply.content.strip() == "Mark Carney"
        assert len(reply.citations) > 5
        assert all(one == Citation("web", url=one.url) and one.url for one in reply.citations)
    assert not any(reply.citations for _, _, reply in good() if not reply.server_tools)


def test_pictures_and_files_are_read() -> None:
    """Inline and by address; sounds and films are sent as files, and refused."""
    pictures = [part for part in parts() if isinstance(part, Image)]
    files = Counter(part.kind for part in parts() if isinstance(part, File))
    assert Counter(bool(picture.url) for picture in pictures) == {False: 40, True: 40}
    assert files == {"document": 14, "audio": 20, "video": 8}
    for exchange, call, reply in recorded():
        content = call.messages[0].content
        heard = isinstance(content, tuple) and any(isinstance(x, File) and x.kind != "document" for x in content)
        assert not heard or reply.error is not None, exchange.case


def test_log_probabilities_were_asked_for_in_vain() -> None:
    """Without ``include`` none come, and reasoning models refuse."""
    asked = [(call, reply) for _, call, reply in recorded() if call.top_logprobs]
    assert all(call.spelling == (("logprobs", "top_logprobs"),) for call, _ in asked)
    assert Counter(reply.error.param if reply.error else reply.logprobs for _, reply in asked) == {
        (): 2,
        "top_logprobs": 8,
    }


def test_limits_are_reported_for_most_replies() -> None:
    """Of requests, of tokens or both; the streams of the older snapshot have none."""
    for snapshot, streamed in (("2025-08", False), ("2026-08", False), ("2026-08", True)):
        limits = [bool(reply.limits) for _, _, reply in good(snapshot) if reply.streamed is streamed]
        assert sum(limits) >= len(limits) - 3 > 30
    assert not any(reply.limits for _, _, reply in good("2025-08") if reply.streamed)


def test_a_capped_reply_of_the_older_snapshot_counts_no_tokens() -> None:
    """Usage is there, and says 0 throughout."""
    for _, _, reply in good("MaxTokens", "2025-08"):
        assert reply.usage == Usage(0, 0, 0, 0, 0)
    for _, _, reply in good("MaxTokens", "2026-08"):
        assert reply.output_tokens == 16


def test_a_file_type_that_is_not_supported() -> None:
    """The refusal as it came."""
    error = of_case("2025-08/openairesponses/gpt-4.1/GenSync-Citations.yaml").error
    assert error is not None
    assert (error.status, error.code, error.param) == (400, "unsupported_file", "input")
