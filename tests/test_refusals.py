"""What an error means: texts that providers are recorded or documented to send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.checks.refusals import meaning, names_feature, without_model_name, worth_retrying
from llmprobe.reply import ApiError
from tests.talks import DIALECT

_FEATURES = ("seed", "max_tokens", "stop", "json", "schema", "tools", "logprobs", "image")
_KIN = {"json": {"schema"}, "schema": {"json"}}
"""Features that share a wire field: a refusal of one may name the other."""


def error(message: str, status: int = 400, **fields: Any) -> ApiError:
    """An HTTP error."""
    return ApiError("status", status, message, **fields)


UNSUPPORTED = [
    # feature, error; recorded unless a comment says otherwise
    ("stop", error("Unsupported parameter: 'stop' is not supported with this model.", param="stop",
                   code="unsupported_parameter")),
    ("logprobs", error("Unsupported parameter: 'logprobs' is not supported with this model.", param="logprobs",
                       code="unsupported_parameter")),
    ("logprobs", error("This model does not support the 'logprobs' parameter.", param="logprobs")),
    ("logprobs", error("deepseek-reasoner does not support the parameter `logprobs`", code="invalid_request_error")),
    ("logprobs", error("You are not allowed to request logprobs from this model", 403)),
    ("logprobs", error("logprobs are not supported with reasoning models.")),
    ("logprobs", error("does not support logprobs > 1")),
    ("logprobs", error("Logprobs is not enabled for this model")),
    ("logprobs", error("LogProbs is not supported in streaming mode")),
    ("image", error("This model does not support image_url content.", code="invalid_value",
                    param="messages[0].content")),
    ("image", error("messages[0].content must be a string", type="invalid_request_error")),
    ("image", error("message[0].content must be a string", type="invalid_request_error")),
    ("image", error("Image input is not enabled for this model", code="3051", type="invalid_request_invalid_args")),
    ("image", error("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
                    500, type="server_error", code="500")),
    ("image", error("model features vision not support")),
    ("image", error("m is not a multimodal model")),
    ("image", error("The model does not support multimodal")),
    ("image", error("image_url is not supported")),
    ("image", error("Multimodal is not enabled for your organization and model", 403, code="multimodal_not_enabled")),
    ("image", error("image content is not supported for this model")),
    ("image", error("No endpoints found that support image input", 404)),
    ("image", error("Invalid content type. image_url is only supported by certain models.",
                    param="messages[0].content")),
    ("json", error("Invalid parameter: 'response_format' of type 'json_object' is not supported with this model.",
                   param="response_format")),
    ("json", error("'response_format.type' must be 'json_schema' or 'text'")),
    ("schema", error("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. "
                     "Learn more about supported models at the Structured Outputs guide: https://platform.openai.com/",
                     param="")),
    ("schema", error("This model does not support response format `json_schema`. See supported models at "
                     "https://console.groq.com/docs/structured-outputs#supported-models")),
    ("schema", error("model features structured outputs not support")),
    ("schema", error("This model doesn't suuport JSON Schema")),
    ("schema", error("JSON Schema mode is not supported with stream mode")),
    ("tools", error("`tool calling` is not supported with this model", param="tool calling")),
    ("tools", error("model features function calling not support")),
    ("tools", error("No endpoints found that support tool use. To learn more about provider routing, visit", 404)),
    ("tools", error("registry.ollama.ai/library/m:latest does not support tools")),
    ("tools", error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')),
    ("tools", error("tools param requires --jinja flag", 500, code="500")),
    ("tools", error("deepseek-reasoner does not support this tool_choice")),
    ("tools", error("The tool_choice parameter does not support being set to required or object in thinking mode")),
    ("tools", error("tools.list[Tool].0.type: Input should be 'function' (enum)", 422)),
    ("tools", error("tools[0].type must be one of [function, mcp]")),
    ("seed", error("seed: Extra inputs are not permitted (extra_forbidden)", 422)),
    ("seed", error("Unrecognized request argument supplied: seed")),  # (u)
    ("seed", error("Additional properties are not allowed ('seed' was unexpected)")),
    ("seed", error("This server does not implement it", 501, param="seed", code="not_supported_error")),
]  # fmt: skip

WRONG = [
    # §1.2: the request was wrong; the feature is the one that was on trial
    ("json", error("'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                   "'json_object'.", param="messages")),
    ("schema", error("Invalid schema for response_format 'answer': 'additionalProperties' must be explicitly set to "
                     "false", param="response_format")),
    ("schema", error("json schema is required", type="invalid_request_error")),
    ("schema", error("code=400, message=json schema is required, type=invalid_request_error")),
    ("schema", error("response_format.json_schema.name` cannot be empty")),
    ("schema", error("Provider returned error: schema_ is required for json_schema response format request.")),
    ("schema", error("response_format: missing field `json_schema` at line 1 column 430")),
    ("schema", error("Unable to generate parser for this template", 400)),
    ("max_tokens", error("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16",
                         code="integer_below_min_value", param="max_output_tokens")),
    ("max_tokens", error("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                         "'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter")),
    ("max_tokens", error("max_tokens must be greater than thinking.budget_tokens")),
    ("max_tokens", error("Could not finish the message because max_tokens or model output limit was reached. Please "
                         "try again with higher max_tokens.")),
    ("image", error("image: unknown format", 500)),
    ("image", error("Download multimodal file timed out")),
    ("image", error("failed to fetch image")),
    ("image", error("Invalid image data")),
    ("image", error("Multimodal data is corrupted")),
    ("image", error("Invalid file data. Expected a base64-encoded data URL")),
    ("stop", error("stop: Input should be a valid list (list_type)", 422)),
    ("seed", error("seed: Input should be less than or equal to 2147483647 (less_than_equal)", 422)),
    ("seed", error("Invalid value for seed", param="seed")),
    ("tools", error("This model's maximum context length is 4096 tokens", code="context_length_exceeded")),
    ("tools", error("request (2000 tokens) exceeds the available context size", code="exceed_context_size_error")),
    ("tools", error("messages with role 'tool' must be a response to a preceding message with 'tool_calls'")),
]  # fmt: skip

OTHER = [
    ("auth", error("Incorrect API key provided: x. You can find your API key at https://x", 401)),
    ("auth", error("Invalid API Key", 401, code="invalid_api_key")),
    ("auth", error("Unauthorized", 401)),
    ("auth", error("You have insufficient permissions for this operation.", 401)),
    ("auth", error("Incorrect API key provided", 400)),
    ("auth", error("Authentication Fails, Your api key: ****iKey is invalid", 401, type="authentication_error")),
    ("auth", error("Missing Authentication header", 401, code="401")),
    ("auth", error("an HTML page: 401 Authorization Required", 401)),
    ("auth", error("Not authenticated", 403)),
    ("auth", error("please check the api-key", 403)),
    ("auth", error("Forbidden", 403)),
    ("account", error("Insufficient Balance", 402)),
    ("account", error("You exceeded your current quota, please check your plan", 429, code="insufficient_quota")),
    ("account", error("Your credit balance is too low", 400)),
    ("account", error("Structured output is not supported on your plan, upgrade your plan", 400)),
    ("model", error("The model `bad model` does not exist or you do not have access to it.", 404,
                    code="model_not_found")),
    ("model", error("Model Not Exist", 400)),
    ("model", error("Invalid model: bad model", 400, type="invalid_model", code="1500")),
    ("model", error("invalid model ID", 400)),
    ("model", error("bad/model is not a valid model ID", 400, code="400")),
    ("model", error("Not supported model m", 400)),
    ("model", error("The model `m` has been decommissioned and is no longer supported.", 400)),
    ("later", error("Too many requests", 429)),
    ("later", error("Service unavailable.", 500, type="internal_server_error", code="3000")),
    ("later", error("image service: internal error", 500)),
    ("later", error("failed to load model", 500)),
    ("later", error("Bad gateway: failed to call upstream", 502)),
    ("later", error("Loading model", 503)),
    ("later", error("The tools backend is over capacity", 503)),
    ("later", error("overloaded_error", 529)),
    ("later", error("seed server: request timeout", 408)),
    ("filtered", error("The response was filtered", 400, code="content_filter")),
    ("filtered", error("The prompt triggered the content management policy; image tools are not supported", 400)),
    ("model failure", error("Failed to generate JSON. Please adjust your prompt. See 'failed_generation'", 400,
                            code="json_validate_failed")),
    ("model failure", error("Failed to call a function. Please adjust your prompt. See 'failed_generation' for more "
                            "details.", 400, code="tool_use_failed")),
    ("model failure", error("tool call validation failed: attempted to call tool ' square_root ' which was not "
                            "request.tools", 400, code="tool_use_failed")),
    ("model failure", error("No valid response generated", 422)),
    ("unclear", error("Provider returned error: {\"code\":400,\"msg\":\"invalid request, invalid parameter\"}", 400)),
    ("unclear", error("400 Bad Request", 500)),
    ("unclear", error("This model requires that either input content or output modality contain audio.", 400,
                      param="model", code="invalid_value")),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "refused"), UNSUPPORTED, ids=lambda value: getattr(value, "message", value))
def test_a_refusal_that_names_the_feature_is_unsupported(feature: str, refused: ApiError) -> None:
    """Every text of wire/capabilities.md §1.1 that can meet a probe of ours."""
    assert meaning(refused, DIALECT.fields[feature]) == "unsupported"


@pytest.mark.parametrize(("feature", "refused"), UNSUPPORTED, ids=lambda value: getattr(value, "message", value))
def test_a_refusal_of_one_feature_is_not_read_as_one_of_another(feature: str, refused: ApiError) -> None:
    """A wrong attribution would be a wrong red."""
    others = [other for other in _FEATURES if other != feature and other not in _KIN.get(feature, set())]

    assert {other: meaning(refused, DIALECT.fields[other]) for other in others} == {
        other: meaning(refused) for other in others
    }
    assert meaning(refused) != "unsupported"


@pytest.mark.parametrize(("feature", "refused"), WRONG, ids=lambda value: getattr(value, "message", value))
def test_a_request_that_was_wrong_says_nothing_of_any_feature(feature: str, refused: ApiError) -> None:
    """§1.2, and values out of range: never "unsupported", whichever feature is on trial."""
    assert meaning(refused, DIALECT.fields[feature]) == "wrong request"
    assert "unsupported" not in {meaning(refused, DIALECT.fields[other]) for other in _FEATURES}


@pytest.mark.parametrize(("found", "refused"), OTHER, ids=lambda value: getattr(value, "message", value))
def test_errors_about_anything_else_keep_their_meaning_for_every_feature(found: str, refused: ApiError) -> None:
    """Key, credit, model, outage, filter, failed output: the same whichever feature is on trial, and never red."""
    assert {meaning(refused, DIALECT.fields[feature]) for feature in _FEATURES} <= {found}


@pytest.mark.parametrize("status", [408, 425, 429, 498, 500, 502, 503, 504, 520, 524, 529])
@pytest.mark.parametrize("feature", _FEATURES)
def test_no_status_of_distress_is_a_refusal(status: int, feature: str) -> None:
    """Even when the text names the feature."""
    words = DIALECT.fields[feature]

    assert meaning(error(f"error in {words[0]}", status), words) == "later"


@pytest.mark.parametrize("kind", ["timeout: no byte in 60 s", "reset: stop", "tls: seed is not supported"])
def test_a_transport_fault_is_never_a_refusal(kind: str) -> None:
    """Whatever words its detail holds."""
    assert meaning(ApiError("transport", None, kind), ("seed", "stop")) == "later"


def test_an_error_in_a_body_of_200_counts_by_its_own_code() -> None:
    """Some routers wrap an upstream's status into a 200."""
    wrapped = ApiError("body", 200, "Provider returned error", code="402")

    assert meaning(wrapped, ("seed",)) == "account"
    assert meaning(ApiError("stream", 200, "seed is not supported", code="400"), ("seed",)) == "unsupported"
    assert meaning(ApiError("stream", 200, "seed exploded", code="400"), ("seed",)) in ("later", "wrong request")


def test_the_name_of_a_model_is_not_the_name_of_a_feature() -> None:
    """Models are called seed-oss, tool-use-preview and vision-preview."""
    refused = error("The model `seed-oss-36b` does not support something else.")

    assert meaning(refused, ("seed",)) == "unsupported"  # what would go wrong
    assert meaning(without_model_name(refused, "bytedance/seed-oss-36b"), ("seed",)) == "unclear"


def test_the_subject_of_an_error_beats_words_elsewhere_in_it() -> None:
    """A list of what is supported does not refuse what stands in it."""
    refused = error("Unsupported parameter: 'stop' is not supported. Supported: seed, temperature.")

    assert not names_feature(refused, ("seed",))
    assert names_feature(refused, ("stop",))
    assert names_feature(error("no", param="messages[0].content"), ("image",)) is False
    assert names_feature(error("bad tools", param="tools[0].function"), ("tool",))


def test_a_feature_without_words_is_never_named() -> None:
    """A probe without a feature gets no red from a refusal."""
    assert not names_feature(error("seed is not supported", param="seed"), ("",))
    assert not names_feature(error("seed is not supported"), ())


@pytest.mark.parametrize(
    ("failed", "again"),
    [(error("Service unavailable", 503), True), (error("slow down", 429), True), (error("oops", 500), True),
     (error("tools param requires --jinja flag", 500), False), (error("no", 400), False),
     (error("image input is not supported", 500), False), (ApiError("transport", None, "timeout"), True),
     (error("Unauthorized", 401), False), (error("insufficient_quota", 429, code="insufficient_quota"), False)],
)  # fmt: skip
def test_only_passing_trouble_is_worth_another_try(failed: ApiError, again: bool) -> None:
    """Some servers say "not supported" with a 500, which will not pass."""
    assert worth_retrying(failed) is again


@given(
    st.sampled_from(["transport", "status", "body", "stream"]),
    st.one_of(st.none(), st.integers(100, 599)),
    st.text(max_size=200),
    st.text(max_size=20),
    st.sampled_from(_FEATURES),
)
def test_every_error_has_a_meaning(where: Any, status: int | None, message: str, code: str, feature: str) -> None:
    """Reading never raises, and a status of distress or of the key is never a refusal."""
    found = meaning(ApiError(where, status, message, code=code), DIALECT.fields[feature])

    assert found
    if where == "status" and status in (401, 402, 408, 409, 429, 502, 503, 504):
        assert found != "unsupported"


@pytest.mark.parametrize(
    "message",
    [
        "Unknown name \"additionalProperties\" at 'tools[0].function.parameters': Cannot find field.",
        "response_format.json_schema.strict: Extra inputs are not permitted (extra_forbidden)",
        "Unknown parameter: 'response_format.json_schema.strict'.",
    ],
)
@pytest.mark.parametrize("feature", ["tools", "schema"])
def test_a_detail_of_our_request_that_is_not_known_is_no_refusal_of_the_feature(message: str, feature: str) -> None:
    """The place of the detail names the feature, and the complaint is about something else."""
    error = ApiError("status", 400, message, code="unsupported_parameter")

    assert meaning(error, DIALECT.fields[feature]) == "wrong request"
