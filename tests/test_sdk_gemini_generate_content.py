"""The official SDK of the generateContent format drives the demo provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from llmprobe.demo.models import MODELS
from llmprobe.demo.server import running
from llmprobe.pictures import digits_png

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
LOOK_UP = types.Tool(
    function_declarations=[types.FunctionDeclaration(name="look_up", parameters_json_schema=PARAMETERS)]
)
FORCED = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY))
COUNT = "Count from 1 to 30 in words."


def client_of(url: str, key: str = "unused") -> genai.Client:
    options = types.HttpOptions(
        base_url=url.removesuffix("/v1"), api_version="v1beta", client_args={"trust_env": False}
    )
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(seed=7) as url:
        yield url


@pytest.fixture
def sdk(base: str) -> Iterator[genai.Client]:
    with client_of(base) as client:
        yield client


def config(**fields: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(**fields)


def ask(sdk: genai.Client, prompt: str, model: str = "perfect", **fields: Any) -> types.GenerateContentResponse:
    return sdk.models.generate_content(model=model, contents=prompt, config=config(**fields))


def test_the_sdk_lists_the_models(sdk: genai.Client) -> None:
    """All models are listed, in their order."""
    assert [f"models/{traits.name}" for traits in MODELS] == [model.name for model in sdk.models.list()]


def test_the_sdk_gets_a_reply(sdk: genai.Client) -> None:
    """Text, finish reason, model and usage arrive where the SDK expects them."""
    reply = ask(sdk, "Repeat this code: k7q2x", system_instruction="Be brief.", safety_settings=[])
    assert reply.text == "k7q2x"
    assert reply.candidates is not None
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP
    assert reply.model_version == "perfect"
    usage = reply.usage_metadata
    assert usage is not None
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0) > 0


def test_the_sdk_reads_a_stream(sdk: genai.Client) -> None:
    """Pieces join to the text, and the last one alone has a finish reason."""
    pieces = list(sdk.models.generate_content_stream(model="perfect", contents=COUNT))
    text = "".join(piece.text or "" for piece in pieces)
    assert text.startswith("one, two, three")
    assert text.endswith("thirty")
    assert len(pieces) > 5
    ends = [piece.candidates[0].finish_reason for piece in pieces if piece.candidates]
    assert ends == [None] * (len(pieces) - 1) + [types.FinishReason.STOP]


def test_the_sdk_reads_thoughts(sdk: genai.Client) -> None:
    """As parts with a mark, unless they are switched off by a budget of nothing."""

    def thoughts(**fields: Any) -> list[bool | None]:
        reply = ask(sdk, "Repeat this code: k7q2x", "thinker", **fields)
        assert reply.text == "k7q2x"
        return [part.thought for part in reply.parts or ()]

    assert thoughts() == [True, None]
    assert thoughts(thinking_config=types.ThinkingConfig(thinking_budget=0)) == [None]


def test_the_sdk_does_a_tool_round_trip(sdk: genai.Client) -> None:
    """A forced call, its result, and an answer that holds the result."""
    prompt = types.Content(role="user", parts=[types.Part(text="Use look_up with k7q2x.")])
    offer = config(tools=[LOOK_UP], tool_config=FORCED)
    first = sdk.models.generate_content(model="perfect", contents=[prompt], config=offer)
    assert first.function_calls is not None
    (call,) = first.function_calls
    assert (call.name, call.args) == ("look_up", {"code": "k7q2x"})
    assert first.candidates is not None
    assert first.candidates[0].content is not None
    function = types.FunctionResponse(id=call.id, name=call.name, response={"output": "the answer is z9"})
    result = types.Content(role="user", parts=[types.Part(function_response=function)])
    turns: Any = [prompt, first.candidates[0].content, result]
    second = sdk.models.generate_content(model="perfect", contents=turns, config=config(tools=[LOOK_UP]))
    assert "the answer is z9" in (second.text or "")


def test_the_sdk_reads_a_streamed_tool_call(sdk: genai.Client) -> None:
    """It comes in one piece."""
    pieces = sdk.models.generate_content_stream(
        model="perfect", contents="Use look_up with k7q2x.", config=config(tools=[LOOK_UP], tool_config=FORCED)
    )
    calls = [call for piece in pieces for call in piece.function_calls or ()]
    assert [(call.name, call.args) for call in calls] == [("look_up", {"code": "k7q2x"})]


def test_the_sdk_gets_json_to_a_schema(sdk: genai.Client) -> None:
    """A schema is satisfied although the prompt does not mention it."""
    reply = ask(sdk, "Write about rivers.", response_mime_type="application/json", response_json_schema=PARAMETERS)
    assert set(json.loads(reply.text or "")) == {"code"}


def test_the_sdk_gets_any_json(sdk: genai.Client) -> None:
    """Without a schema."""
    reply = ask(sdk, "Write about rivers.", response_mime_type="application/json")
    assert isinstance(json.loads(reply.text or ""), dict)


def test_stop_sequences_and_output_caps(sdk: genai.Client) -> None:
    """A stop word ends like any text, the cap with a reason of its own."""
    stopped, capped = ask(sdk, COUNT, stop_sequences=["four"]), ask(sdk, COUNT, max_output_tokens=5)
    assert (stopped.text or "").startswith("one, two, three")
    assert "four" not in (stopped.text or "")
    assert [reply.candidates[0].finish_reason for reply in (stopped, capped) if reply.candidates] == [
        types.FinishReason.STOP,
        types.FinishReason.MAX_TOKENS,
    ]
    assert capped.usage_metadata is not None
    assert capped.usage_metadata.candidates_token_count == 5


def test_the_sdk_reads_log_probabilities(sdk: genai.Client) -> None:
    """Each token has its alternatives."""
    reply = ask(sdk, "Hi", response_logprobs=True, logprobs=3)
    assert reply.candidates is not None
    result = reply.candidates[0].logprobs_result
    assert result is not None
    chosen, tops = result.chosen_candidates or [], result.top_candidates or []
    assert "".join(token.token or "" for token in chosen) == reply.text
    assert [len(top.candidates or ()) for top in tops] == [3] * len(chosen)


def test_the_sdk_shows_an_image(sdk: genai.Client) -> None:
    """An inline image is looked at."""
    picture = types.Part.from_bytes(data=digits_png("40713"), mime_type="image/png")
    contents: Any = ["What number is in the image?", picture]
    reply = sdk.models.generate_content(model="perfect", contents=contents)
    assert "40713" in (reply.text or "")


def test_the_sdk_raises_the_right_errors(sdk: genai.Client) -> None:
    """Refusals and unknown models become the SDK's own exception, whole and streamed."""
    with pytest.raises(errors.ClientError) as refused:
        ask(sdk, "Hi", "strict", seed=1)
    assert (refused.value.code, refused.value.status) == (400, "invalid_request_error")
    assert "seed" in (refused.value.message or "")
    with pytest.raises(errors.ClientError) as unknown:
        list(sdk.models.generate_content_stream(model="nobody", contents="Hi"))
    assert unknown.value.code == 404


def test_a_wrong_key_is_refused() -> None:
    """The key comes in a header of the format's own."""
    with running(api_key="right") as url:
        with client_of(url, "right") as client:
            assert ask(client, "Repeat this code: k7q2x").text == "k7q2x"
        with client_of(url, "wrong") as client, pytest.raises(errors.ClientError) as refused:
            ask(client, "Hi")
    assert refused.value.code == 401
