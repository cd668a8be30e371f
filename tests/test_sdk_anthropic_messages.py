"""The official SDK of the messages format drives the demo provider."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import TypeAdapter

from llmprobe.call import ToolCall
from llmprobe.demo.models import MODELS
from llmprobe.demo.server import running
from llmprobe.dialects import dialect
from llmprobe.dialects.sse import read_events
from llmprobe.pictures import digits_png
from llmprobe.reply import Citation, Reply, Usage

CODEC = dialect("anthropic-messages")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
LOOK_UP: Any = {"name": "look_up", "input_schema": SCHEMA}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(seed=7) as url:
        yield url.removesuffix("/v1")


@pytest.fixture
def sdk(base: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=base, api_key="unused", max_retries=0) as client:
        yield client


def said(prompt: Any) -> Any:
    return [{"role": "user", "content": prompt}]


def ask(sdk: anthropic.Anthropic, prompt: Any, **more: Any) -> Any:
    asked: dict[str, Any] = {"model": "perfect", "max_tokens": 200, "messages": said(prompt)}
    return sdk.messages.create(**(asked | more))


def test_the_sdk_lists_the_models(sdk: anthropic.Anthropic) -> None:
    """All models are listed, in their order, on one page."""
    assert [traits.name for traits in MODELS] == [model.id for model in sdk.models.list()]


def test_the_sdk_gets_a_reply(sdk: anthropic.Anthropic) -> None:
    """Text, stop reason and usage arrive where the SDK expects them."""
    reply = ask(sdk, "Repeat this code: k7q2x", system="Be brief.")
    assert [(block.type, block.text) for block in reply.content] == [("text", "k7q2x")]
    assert (reply.type, reply.role, reply.model, reply.stop_reason) == ("message", "assistant", "perfect", "end_turn")
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0


def test_the_sdk_reads_a_stream(sdk: anthropic.Anthropic) -> None:
    """Its events come in the documented order, and the pieces join to the text."""
    events = list(ask(sdk, "Count from 1 to 30 in words.", stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    pieces = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(pieces).startswith("one, two, three")
    assert "".join(pieces).endswith("thirty")
    assert len(pieces) > 5
    assert [event.delta.stop_reason for event in events if event.type == "message_delta"] == ["end_turn"]


def test_the_sdk_does_a_tool_round_trip(sdk: anthropic.Anthropic) -> None:
    """A forced call, its result, and an answer that holds the result."""
    prompt = "Use look_up with k7q2x."
    first = ask(sdk, prompt, tools=[LOOK_UP], tool_choice={"type": "any"})
    assert first.stop_reason == "tool_use"
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("look_up", {"code": "k7q2x"})]
    result = {"type": "tool_result", "tool_use_id": calls[0].id, "content": "the answer is z9"}
    messages = [*said(prompt), {"role": "assistant", "content": first.content}, *said([result])]
    second = ask(sdk, prompt, messages=messages, tools=[LOOK_UP])
    assert second.stop_reason == "end_turn"
    assert "the answer is z9" in second.content[0].text


def test_the_sdk_reads_a_streamed_tool_call(sdk: anthropic.Anthropic) -> None:
    """The input comes in pieces after an empty object."""
    events = list(ask(sdk, "Use look_up with k7q2x.", tools=[LOOK_UP], stream=True))
    started = [event.content_block for event in events if event.type == "content_block_start"]
    assert [(block.type, block.name, block.input) for block in started] == [("tool_use", "look_up", {})]
    pieces = [event.delta.partial_json for event in events if event.type == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"code": "k7q2x"}


def test_the_sdk_gets_json_to_a_schema(sdk: anthropic.Anthropic) -> None:
    """A schema is satisfied although the prompt does not mention it."""
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    reply = ask(sdk, "Write about rivers.", output_config=wanted)
    assert set(json.loads(reply.content[0].text)) == {"code"}


def test_the_sdk_stops_a_reply(sdk: anthropic.Anthropic) -> None:
    """At a word, and at a number of tokens."""
    stopped = ask(sdk, "Count from 1 to 30 in words.", stop_sequences=["five"])
    assert "four" in stopped.content[0].text
    assert "five" not in stopped.content[0].text
    capped = ask(sdk, "Count from 1 to 30 in words.", max_tokens=5)
    assert (capped.stop_reason, capped.usage.output_tokens) == ("max_tokens", 5)


def test_the_sdk_shows_an_image(sdk: anthropic.Anthropic) -> None:
    """An inline image is looked at."""
    data = base64.b64encode(digits_png("40713")).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    reply = ask(sdk, [{"type": "text", "text": "What number is in the image?"}, image])
    assert "40713" in reply.content[0].text


def test_the_sdk_raises_the_right_errors(sdk: anthropic.Anthropic) -> None:
    """Refusals and models that are not there become the SDK's own exceptions."""
    with pytest.raises(anthropic.NotFoundError) as unknown:
        ask(sdk, "Hi", model="nobody")
    body: Any = unknown.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    with pytest.raises(anthropic.BadRequestError, match="stop") as refused:
        ask(sdk, "Hi", model="strict", stop_sequences=["x"])
    assert refused.value.type == "invalid_request_error"


def test_a_wrong_key_is_the_sdks_authentication_error() -> None:
    """The key stands in a header of its own."""
    with (
        running(api_key="sk-right") as url,
        anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key="sk-right", max_retries=0) as right,
        anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key="sk-wrong", max_retries=0) as wrong,
    ):
        assert ask(right, "Repeat this code: k7q2x").content[0].text == "k7q2x"
        with pytest.raises(anthropic.AuthenticationError):
            ask(wrong, "Hi")


def test_the_sdk_puts_a_stream_together(sdk: anthropic.Anthropic) -> None:
    """The SDK's own stream helper builds the whole message from the events, with usage from both ends."""
    prompt = said("Use look_up with k7q2x.")
    with sdk.messages.stream(model="perfect", max_tokens=99, messages=prompt, tools=[LOOK_UP]) as stream:
        reply = stream.get_final_message()
    assert [block.input for block in reply.content if block.type == "tool_use"] == [{"code": "k7q2x"}]
    assert reply.stop_reason == "tool_use"
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0


def test_the_sdk_sees_thoughts(sdk: anthropic.Anthropic) -> None:
    """In a block of their own before the text, streamed or not; and none when they are forbidden."""
    prompt = said("Repeat this code: k7q2x")
    whole = ask(sdk, prompt[0]["content"], model="thinker")
    with sdk.messages.stream(model="thinker", max_tokens=200, messages=prompt) as stream:
        streamed = stream.get_final_message()
    replies: tuple[Any, ...] = (whole, streamed)
    for reply in replies:
        assert [block.type for block in reply.content] == ["thinking", "text"]
        assert len(reply.content[0].thinking) > 10
    off = ask(sdk, "Repeat this code: k7q2x", model="thinker", thinking={"type": "disabled"})
    assert [block.type for block in off.content] == ["text"]


# What the demo does not say: held against the types of the SDK

RICH = Reply(
    text="ducks",
    reasoning="hm",
    reasoning_place="thinking",
    tool_calls=(ToolCall("c1", "f", '{"a": 1}'),),
    server_tools=("web_search",),
    citations=(
        Citation("web", "t", "https://x.test", "q"),
        Citation("document", "t", quote="q"),
        Citation("document", "t", "s", "q"),
    ),
    refusal="no",
    finish="tool_calls",
    usage=Usage(3, 5, reasoning=2, cached=2),
    model="m",
    deltas=2,
)
LOCATIONS = ["web_search_result_location", "char_location", "search_result_location"]


def test_a_body_has_the_types_of_the_sdk() -> None:
    """All that a reply can hold, read strictly."""
    body = CODEC.encode_reply(RICH, stream=False).body
    read = anthropic.types.Message.model_validate_json(body)
    assert [block.type for block in read.content] == ["thinking", "server_tool_use", "text", "tool_use"]
    text = read.content[2]
    assert isinstance(text, anthropic.types.TextBlock)
    assert [one.type for one in text.citations or ()] == LOCATIONS
    assert read.usage.cache_read_input_tokens == 2


def test_events_have_the_types_of_the_sdk() -> None:
    """Each one, read strictly."""
    events = read_events(CODEC.encode_reply(RICH, stream=True).body).events
    reader: TypeAdapter[Any] = TypeAdapter(anthropic.types.RawMessageStreamEvent)
    read = [reader.validate_json(event.data) for event in events]
    assert [one.type for one in read] == [event.event for event in events]
    cited = [one.delta.citation.type for one in read if getattr(one, "delta", None) and hasattr(one.delta, "citation")]
    assert cited == LOCATIONS
