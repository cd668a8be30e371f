"""The official SDK of OpenAI drives the demo provider in the responses format."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from llmprobe.demo.models import MODELS
from llmprobe.demo.server import running
from llmprobe.pictures import digits_png

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
LOOK_UP: Any = {"type": "function", "name": "look_up", "parameters": PARAMETERS, "strict": True}
COUNT = "Count from 1 to 30 in words."


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(seed=7) as url:
        yield url


@pytest.fixture
def sdk(base: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base, api_key="unused", max_retries=0) as client:
        yield client


def test_the_sdk_lists_the_models(sdk: openai.OpenAI) -> None:
    """All models are listed, in their order."""
    assert [traits.name for traits in MODELS] == [model.id for model in sdk.models.list()]


def test_the_sdk_gets_a_reply(sdk: openai.OpenAI) -> None:
    """Text, status and usage arrive where the SDK expects them; instructions are heard."""
    reply = sdk.responses.create(model="perfect", instructions="Be brief.", input="Repeat this code: k7q2x")
    assert (reply.output_text, reply.status, reply.model) == ("k7q2x", "completed", "perfect")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens > 0


def test_the_sdk_reads_a_stream(sdk: openai.OpenAI) -> None:
    """Pieces join to the text, in the documented order of events, and the last event has it whole."""
    events = list(sdk.responses.create(model="perfect", input=COUNT, stream=True))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(pieces).startswith("one, two, three")
    assert len(pieces) > 5
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert list(dict.fromkeys(event.type for event in events)) == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "".join(pieces)


def test_the_sdk_does_a_tool_round_trip(sdk: openai.OpenAI) -> None:
    """A forced call, its result, and an answer that holds the result; the items are played back as they came."""
    history: list[Any] = [{"role": "user", "content": "Use look_up with k7q2x."}]
    first = sdk.responses.create(model="perfect", input=history, tools=[LOOK_UP], tool_choice="required")
    call = first.output[0]
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("look_up", {"code": "k7q2x"})
    history += first.output
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "the answer is z9"})
    second = sdk.responses.create(model="perfect", input=history, tools=[LOOK_UP])
    assert "the answer is z9" in second.output_text


def test_the_sdk_joins_a_streamed_tool_call(sdk: openai.OpenAI) -> None:
    """The SDK's own stream helper puts the pieces of a call together."""
    with sdk.responses.stream(model="perfect", input="Use look_up with k7q2x.", tools=[LOOK_UP]) as stream:
        events = list(stream)
        final = stream.get_final_response()
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(pieces) == '{"code": "k7q2x"}'
    calls = [item for item in final.output if item.type == "function_call"]
    assert [(one.name, one.arguments) for one in calls] == [("look_up", '{"code": "k7q2x"}')]


def test_the_sdk_gets_json(sdk: openai.OpenAI) -> None:
    """To a schema that the prompt does not mention, and any object."""
    schema: Any = {"format": {"type": "json_schema", "name": "c", "schema": PARAMETERS, "strict": True}}
    reply = sdk.responses.create(model="perfect", input="Write about rivers.", text=schema)
    assert set(json.loads(reply.output_text)) == {"code"}
    free: Any = {"format": {"type": "json_object"}}
    reply = sdk.responses.create(model="perfect", input="Write about rivers as JSON.", text=free)
    assert isinstance(json.loads(reply.output_text), dict)


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_sees_the_output_cap(sdk: openai.OpenAI, stream: bool) -> None:
    """An incomplete response, with the reason."""
    reply: Any = sdk.responses.create(model="perfect", input=COUNT, max_output_tokens=16, stream=stream)
    if stream:
        last = list(reply)[-1]
        assert last.type == "response.incomplete"
        reply = last.response
    assert reply.status == "incomplete"
    assert reply.incomplete_details.reason == "max_output_tokens"
    assert reply.output_text.startswith("one, two")


def test_the_sdk_reads_a_summary_of_reasoning(sdk: openai.OpenAI) -> None:
    """From a model that thinks unless it is told not to."""
    reply = sdk.responses.create(model="thinker", input=COUNT)
    items = [item for item in reply.output if item.type == "reasoning"]
    assert len(items) == 1
    assert items[0].summary[0].text
    quiet = sdk.responses.create(model="thinker", input=COUNT, reasoning={"effort": "none"})
    assert [item.type for item in quiet.output] == ["message"]


def test_the_sdk_reads_log_probabilities(sdk: openai.OpenAI) -> None:
    """Each token has its alternatives."""
    include: Any = ["message.output_text.logprobs"]
    reply = sdk.responses.create(model="perfect", input="Hi", top_logprobs=3, include=include)
    message = reply.output[0]
    assert message.type == "message"
    part = message.content[0]
    assert part.type == "output_text"
    assert part.logprobs
    assert all(len(token.top_logprobs) == 3 for token in part.logprobs)


def test_the_sdk_shows_an_image(sdk: openai.OpenAI) -> None:
    """An inline image is looked at."""
    url = "data:image/png;base64," + base64.b64encode(digits_png("40713")).decode()
    content: Any = [
        {"type": "input_text", "text": "What number is in the image?"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    reply = sdk.responses.create(model="perfect", input=[{"role": "user", "content": content}])
    assert "40713" in reply.output_text


def test_the_sdk_raises_the_right_errors(sdk: openai.OpenAI) -> None:
    """Refusals, unknown models and models that do not chat become the SDK's own exceptions."""
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.responses.create(model="nobody", input="Hi")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        sdk.responses.create(model="embedding", input="Hi")
    with pytest.raises(openai.BadRequestError, match="not an object with a type"):
        sdk.responses.create(model="perfect", input=[7])  # type: ignore[list-item]
