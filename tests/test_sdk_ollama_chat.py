"""The official SDK of Ollama drives the demo provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
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
LOOK_UP: Any = {"type": "function", "function": {"name": "look_up", "parameters": PARAMETERS}}
COUNT = "Count from 1 to 30 in words."


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(seed=7) as url:
        yield url.removesuffix("/v1")


@pytest.fixture
def sdk(base: str) -> Iterator[ollama.Client]:
    with ollama.Client(host=base, trust_env=False) as client:
        yield client


def said(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


def test_the_sdk_lists_the_models(sdk: ollama.Client) -> None:
    """All models are listed, in their order."""
    assert [traits.name for traits in MODELS] == [model.model for model in sdk.list().models]


def test_the_sdk_gets_a_reply(sdk: ollama.Client) -> None:
    """Text, its end and the counts arrive where the SDK expects them."""
    reply = sdk.chat("perfect", said("Repeat this code: k7q2x"))
    assert (reply.message.content, reply.model, reply.done, reply.done_reason) == ("k7q2x", "perfect", True, "stop")
    assert (reply.prompt_eval_count or 0) > 0
    assert (reply.eval_count or 0) > 0


def test_the_sdk_reads_a_stream(sdk: ollama.Client) -> None:
    """Pieces join to the text, and the last line alone says done."""
    parts = list(sdk.chat("perfect", said(COUNT), stream=True))
    pieces = [part.message.content for part in parts if part.message.content]
    assert "".join(pieces).startswith("one, two, three")
    assert "".join(pieces).endswith("thirty")
    assert len(pieces) > 5
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop"


def test_a_stream_comes_unasked(base: str) -> None:
    """Whoever does not speak of streams gets one."""
    with httpx.Client(base_url=base, trust_env=False) as web:
        response = web.post("/api/chat", json={"model": "perfect", "messages": said(COUNT)})
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["done"] for line in response.text.splitlines()][-2:] == [False, True]


def test_the_sdk_reads_thoughts(sdk: ollama.Client) -> None:
    """In a field of their own, unless they are switched off."""
    thought = sdk.chat("thinker", said("Repeat this code: k7q2x"))
    assert thought.message.thinking
    assert thought.message.content == "k7q2x"
    assert not sdk.chat("thinker", said("Repeat this code: k7q2x"), think=False).message.thinking
    parts = list(sdk.chat("thinker", said("Repeat this code: k7q2x"), think=True, stream=True))
    assert any(part.message.thinking for part in parts)


def test_the_sdk_does_a_tool_round_trip(sdk: ollama.Client) -> None:
    """A call, its result, and an answer that holds the result."""
    messages = said("Use look_up with k7q2x.")
    first = sdk.chat("perfect", messages, tools=[LOOK_UP])
    calls = first.message.tool_calls
    assert calls is not None
    assert [(one.function.name, one.function.arguments) for one in calls] == [("look_up", {"code": "k7q2x"})]
    assert first.done_reason == "stop"
    messages += [first.message, {"role": "tool", "tool_name": "look_up", "content": "the answer is z9"}]
    second = sdk.chat("perfect", messages, tools=[LOOK_UP])
    assert "the answer is z9" in (second.message.content or "")


def test_the_sdk_reads_a_streamed_tool_call(sdk: ollama.Client) -> None:
    """A call comes whole in one line."""
    parts = list(sdk.chat("perfect", said("Use look_up with k7q2x."), tools=[LOOK_UP], stream=True))
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert [(one.function.name, one.function.arguments) for one in calls] == [("look_up", {"code": "k7q2x"})]


def test_the_sdk_gets_json(sdk: ollama.Client) -> None:
    """Any object, and one to a schema that the prompt does not mention."""
    free = sdk.chat("perfect", said("Write about rivers as JSON."), format="json")
    assert isinstance(json.loads(free.message.content or ""), dict)
    bound = sdk.chat("perfect", said("Write about rivers."), format=PARAMETERS)
    assert set(json.loads(bound.message.content or "")) == {"code"}


def test_the_sdk_sets_options(sdk: ollama.Client) -> None:
    """Output cap, stop sequence and seed."""
    capped = sdk.chat("perfect", said(COUNT), options={"num_predict": 5})
    assert (capped.done_reason, capped.eval_count) == ("length", 5)
    stopped = sdk.chat("perfect", said(COUNT), options={"stop": [", four"]})
    assert (stopped.message.content, stopped.done_reason) == ("one, two, three", "stop")
    words = [
        sdk.chat("perfect", said("Write 20 random words."), options={"seed": seed}).message.content
        for seed in (1, 1, 2)
    ]
    assert words[0] == words[1] != words[2]


def test_the_sdk_reads_log_probabilities(sdk: ollama.Client) -> None:
    """Each token has its alternatives, streamed or not."""
    whole = sdk.chat("perfect", said("Hi"), logprobs=True, top_logprobs=3)
    parts = sdk.chat("perfect", said("Hi"), logprobs=True, top_logprobs=3, stream=True)
    streamed = [entry for part in parts for entry in part.logprobs or ()]
    for entries in (whole.logprobs, streamed):
        assert entries
        assert all(len(entry.top_logprobs or ()) == 3 for entry in entries)


def test_the_sdk_shows_an_image(sdk: ollama.Client) -> None:
    """An inline image is looked at."""
    messages = said("What number is in the image?")
    messages[0]["images"] = [digits_png("40713")]
    assert "40713" in (sdk.chat("perfect", messages).message.content or "")


def test_the_sdk_raises_its_error(sdk: ollama.Client) -> None:
    """For refusals, unknown models and models that do not chat, whole and streamed."""
    with pytest.raises(ollama.ResponseError, match="'seed' is not supported") as refused:
        sdk.chat("strict", said("Hi"), options={"seed": 1})
    assert refused.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="does not exist") as unknown:
        sdk.chat("nobody", said("Hi"))
    assert unknown.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="does not exist"):
        list(sdk.chat("nobody", said("Hi"), stream=True))
    with pytest.raises(ollama.ResponseError, match="does not support chat completions"):
        sdk.chat("speech", said("Hi"))
