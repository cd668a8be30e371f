"""What an error means: about the feature, about our request, or about the day.

Texts and codes: wire/capabilities.md section 1, recorded from or documented by providers. They are matched
before the status, which alone says little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from llmprobe.reply import ApiError

Meaning: TypeAlias = Literal[
    "auth",
    "account",
    "model",
    "later",
    "filtered",
    "model failure",
    "unsupported",
    "wrong request",
    "unclear",
]
"""
``auth``           the key is missing, wrong or not allowed
``account``        no credit or quota left
``model``          no such model
``later``          overload, rate limit, outage, transport fault
``filtered``       a content filter stepped in
``model failure``  the request was fine and the model's output was not: flaky, not unsupported
``unsupported``    refused in words about this feature
``wrong request``  refused because of how the request was built
``unclear``        refused, for a reason that does not name the feature
"""

_REFUSAL_STATUS = {400, 403, 404, 405, 415, 422, 500, 501}
_LATER_STATUS = {408, 409, 425, 429, 498, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}

_UNSUPPORTED_CODES = {
    "unsupported_parameter", "unsupported_value", "multimodal_not_enabled", "not_supported_error",
    "5023", "5025", "3051", "extra_forbidden",
}  # fmt: skip
_UNSUPPORTED = re.compile(
    r"unsupported parameter|(is|are) not supported|not supported (with|by|in|for|on)|does ?n[o']t support"
    r"|do not support|doesn't suuport|not support\b|unsupported (value|content|field|type)"
    r"|input is not enabled|is not enabled for|content must be a string"
    r"|not a multimodal model|extra inputs are not permitted|unrecognized (request )?(argument|parameter|field)"
    r"|unknown (parameter|field|argument|name)|unexpected (keyword|parameter|field)|no endpoints found that support"
    r"|requires --(enable-auto-tool-choice|jinja)|must be one of|must be '|input should be|not implemented"
    r"|not available (for|with|on)|not allowed|cannot be used",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"must contain the word|explicitly set to false|json schema is required|name`? cannot be empty"
    r"|below minimum|below_min_value|at least \d|at most \d|minimum value|maximum value|greater than|less than"
    r"|use '?max_completion_tokens'? instead|budget_tokens|invalid (audio|video) format"
    r"|failed to (load|fetch|download)|base64|timed out|invalid image|corrupted|unknown format"
    r"|context.?length|exceed_context|context size|too (long|large)|unable to generate parser|invalid schema",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"insufficient.?(quota|balance|credit|funds)|exceeded your (current quota|monthly)|billing|spend limit"
    r"|credit balance|payment required|depleted",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"(invalid|incorrect|missing|no|bad).{0,20}api.?key|api_key_invalid|not authenticated", re.IGNORECASE
)
_MODEL = re.compile(
    r"model_not_found|invalid_model|model not exist|no such model|unknown model|not a valid model"
    r"|model .{1,120} (does not exist|not found)|the supported api model names are|unexpected model name",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content_filter|content management policy|moderat|blockreason|safety", re.IGNORECASE)
_MODEL_FAILURE = re.compile(
    r"json_validate_failed|tool_use_failed|failed_generation|failed to (generate|call)|no valid response generated"
    r"|malformed_function_call",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"overloaded|server_error|rate.?limit|too many requests|temporarily|try again later|loading model|model is loading"
    r"|service unavailable|capacity",
    re.IGNORECASE,
)


def names_feature(error: ApiError, words: Sequence[str]) -> bool:
    """The error speaks of one of ``words``, in its parameter or its text."""
    param = error.param.lower()
    text = f"{error.message} {error.code} {error.type}".lower()
    return any(
        param.split(".")[0].split("[")[0] == word or re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text)
        for word in words
    )


def meaning(error: ApiError, words: Sequence[str] = ()) -> Meaning:
    """What ``error`` means for a feature that goes by ``words``."""
    text = f"{error.message} {error.code} {error.type} {error.param}"
    status = error.status
    if error.where == "transport" or status == 429:
        return "account" if _ACCOUNT.search(text) else "later"
    if status == 401 or _AUTH.search(text):
        return "auth"
    if status == 402 or _ACCOUNT.search(text):
        return "account"
    if _MODEL_FAILURE.search(text):
        return "model failure"
    about = _about_feature(error, words, text)
    if about is not None:
        return about
    if _FILTERED.search(text):
        return "filtered"
    if _MODEL.search(text):
        return "model"
    if status in _LATER_STATUS or _LATER.search(text):
        return "later"
    if status == 403:
        return "auth"
    if error.where in ("body", "stream"):
        return "later"
    return "unclear"


def worth_retrying(error: ApiError) -> bool:
    """The trouble may pass by itself: some servers say "not supported" with a 500, which will not."""
    text = f"{error.message} {error.code} {error.type}"
    if error.where not in ("status", "transport") or _UNSUPPORTED.search(text) or _WRONG.search(text):
        return error.status in (429, 503) and meaning(error) == "later"
    return meaning(error) == "later"


def _about_feature(error: ApiError, words: Sequence[str], text: str) -> Meaning | None:
    if error.where == "status" and error.status not in _REFUSAL_STATUS:
        return None
    named = names_feature(error, words)
    refused = error.code in _UNSUPPORTED_CODES or bool(_UNSUPPORTED.search(text))
    if refused and named:
        return "unsupported"
    if _WRONG.search(text):
        return "wrong request"
    if named and error.status in (400, 404, 405, 415, 422, 501) and _FILTERED.search(text) is None:
        # it names the feature without saying that it is unsupported: "Invalid value for seed"
        return "wrong request"
    return None
