"""What the demo models refuse, in the words that OpenAI uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmprobe.call import Call, Image, JsonSchema
from llmprobe.demo.models import Kind, Traits
from llmprobe.reply import ApiError

_KNOWN_FIELDS = frozenset(
    ("frequency_penalty", "logit_bias", "metadata", "n", "presence_penalty", "stream_options", "user")
)

RULES: Mapping[str, Callable[[Call], tuple[str, str] | None]] = {
    "seed": lambda call: _unsupported("seed") if call.seed is not None else None,
    "stop": lambda call: _unsupported("stop") if call.stop else None,
    "logprobs": lambda call: _unsupported("logprobs") if call.top_logprobs is not None else None,
    "tools": lambda call: _unsupported("tools") if call.tools else None,
    "schema": lambda call: _schema(call),
    "image": lambda call: _image(call),
    "thinking": lambda call: _unsupported("reasoning_effort") if call.thinking is not None else None,
    "max_tokens": lambda call: _max_tokens(call),
    "unknown": lambda call: _unknown(call),
}
"""For each word in ``Traits.refuses``: parameter and message, or ``None`` when it is not asked for."""


def refusal(call: Call, traits: Traits) -> ApiError | None:
    """Why ``traits`` does not answer ``call``, or ``None`` when it does."""
    if traits.kind != "chat":
        return _NOT_CHAT[traits.kind]
    if not call.messages:
        return invalid("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1.")
    if call.tool_choice not in (None, "auto", "none") and not call.tools:
        return invalid("tool_choice", "Invalid value for 'tool_choice': it is only allowed with 'tools'.")
    for word, rule in RULES.items():
        found = rule(call) if word in traits.refuses else None
        if found:
            return invalid(*found, code="unsupported_parameter")
    return None


def invalid(param: str, message: str, code: str = "invalid_value", status: int = 400) -> ApiError:
    """An error about the request."""
    return ApiError("status", status, message, type="invalid_request_error", code=code, param=param)


def no_such_model(name: str) -> ApiError:
    """The answer to a model that is not listed; the name is the caller's own."""
    return invalid("model", f"The model {name[:100]!r} does not exist.", "model_not_found", 404)


_NOT_CHAT: Mapping[Kind, ApiError] = {
    "speech": invalid("model", "This model does not support chat completions.", "invalid_request"),
    "embedding": invalid(
        "model",
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
        "Did you mean to use v1/embeddings?",
        "",
        404,
    ),
    "guard": invalid("model", "This model only classifies text and does not chat.", "model_not_supported", 404),
    "image": invalid("model", "This model makes images and is not available for chat.", "model_not_supported"),
}


def _unsupported(name: str) -> tuple[str, str]:
    return name, f"Unsupported parameter: '{name}' is not supported with this model."


def _schema(call: Call) -> tuple[str, str] | None:
    if not isinstance(call.response_format, JsonSchema):
        return None
    message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    return "response_format", message


def _image(call: Call) -> tuple[str, str] | None:
    for place, message in enumerate(call.messages):
        if isinstance(message.content, tuple) and any(isinstance(part, Image) for part in message.content):
            words = "Invalid content type. image_url is only supported by certain models."
            return f"messages.[{place}].content", words
    return None


def _max_tokens(call: Call) -> tuple[str, str] | None:
    if call.max_tokens is None or call.spelled("max_tokens", "max_tokens") != "max_tokens":
        return None
    name, message = _unsupported("max_tokens")
    return name, f"{message} Use 'max_completion_tokens' instead."


def _unknown(call: Call) -> tuple[str, str] | None:
    given = (name for name, value in call.patch.items() if value is not None)
    names = sorted(name for name in given if name not in _KNOWN_FIELDS)
    return (names[0], f"Unrecognized request argument supplied: {names[0][:100]}") if names else None
