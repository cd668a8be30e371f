"""What an error means: about the feature, about our request, or about the day.

Texts and codes: wire/capabilities.md section 1, recorded from or documented by providers. They are matched
before the status, which alone says little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
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
``account``        no credit or quota left, or not on this plan
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
    r"unsupported parameter|(is|are) not (yet |currently )?supported|not (yet )?supported (with|by|in|for|on)"
    r"|not (yet |currently )?support\b|does ?n[o']t (yet |currently )?support|doesn't suuport"
    r"|unsupported (value|content|field|type|feature|option)|only supported (by|in|for|with|on)"
    r"|input is not enabled|is not enabled for|content must be a string|not a multimodal model"
    r"|extra (inputs|fields) (are )?not permitted|properties are not allowed"
    r"|unrecognized (request )?(argument|parameter|field|key)|unknown (parameter|field|argument|name)"
    r"|unexpected (keyword|parameter|field)|no endpoints found that support|requires --[a-z][a-z-]+"
    r"|must be one of|type'? must be '|input should be '|not implemented"
    r"|not available (for|with|on)|not allowed to (request|use)|(is|are) not allowed (for|with|in|on)"
    r"|cannot be used (with|in|for) (this|the|stream)",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"must contain the word|additional_?properties|\bstrict\b|json schema is required|name`? cannot be empty"
    r"|below minimum|below_min_value|at least \d|at most \d|minimum value|maximum value|greater than|less than"
    r"|use '?max_completion_tokens'? instead|budget_tokens|invalid (audio|video) format|failed to fetch"
    r"|failed to (load|download).{0,20}(audio|image|video|file|media|url)|download.{0,30}timed out"
    r"|base64|invalid image|corrupted|unknown format|input should be a valid|input should be (greater|less)"
    r"|context.?length|exceed_context|context size|too (long|large)|unable to generate parser|invalid schema",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"insufficient.?(quota|balance|credit|funds)|exceeded your (current quota|monthly)|billing|spend limit"
    r"|credit balance|payment required|depleted|your (current )?(plan|tier|subscription)\b|upgrade your",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"\b(invalid|incorrect|missing|no|bad)\b.{0,20}api.?key|api_key_invalid|check the api.?key|not authenticated"
    r"|authentication (fails|failed|error)|authentication_error",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|invalid_model|invalid model\b|model not exist|no such model|unknown model|not a valid model"
    r"|model .{0,120}(does not exist|not found|no longer (supported|available))|not supported model"
    r"|the supported api model names are|unexpected model name",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_filter|content (management|usage) policy|content policy|moderat(ion|ed)\b|blockreason"
    r"|safety (system|filter|polic|reasons|settings)|flagged",
    re.IGNORECASE,
)
_MODEL_FAILURE = re.compile(
    r"json_validate_failed|tool_use_failed|failed_generation|failed to (generate json|call a function)"
    r"|no valid response generated|malformed_function_call",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"overloaded|server_error|rate.?limit|too many requests|temporarily|try again later|loading model|model is loading"
    r"|service unavailable|(at|over|no|exceed\w*|insufficient) capacity|capacity (is |was )?exceeded",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"\s*(4\d\d)\b")
_SUBJECT = re.compile(
    r"(?:parameter|argument|field|property)(?: supplied)?:? ?[`'\"](?P<after>[\w.\[\]]+)[`'\"]"
    r"|[`'\"](?P<before>[\w.\[\]]+)[`'\"] parameter|argument supplied: (?P<plain>[\w.]+)",
    re.IGNORECASE,
)
_PLACES = re.compile(r"(messages?|model|input|body|prompt|contents?)\b", re.IGNORECASE)
"""Parameters that say where something stood and not what it was."""


def names_feature(error: ApiError, words: Sequence[str]) -> bool:
    """The error speaks of one of ``words``: as its subject where it has one, else anywhere in its text."""
    where = _subject(error) or f"{error.message} {error.code} {error.type}"
    return any(re.search(rf"(?<![a-z]){re.escape(word)}s?(?![a-z])", where.lower()) for word in words if word)


def _subject(error: ApiError) -> str:
    """The request field that the error is about, "" when it does not point at one."""
    if error.param and not _PLACES.match(error.param):
        return error.param
    match = _SUBJECT.search(error.message)
    return next((group for group in match.groups() if group), "") if match else ""


def without_model_name(error: ApiError, model: str) -> ApiError:
    """``error`` without the name of ``model``, which may hold any word: seed-oss, llama-vision, tool-use."""
    message = error.message
    for name in (model, model.rpartition("/")[2]):
        message = re.sub(re.escape(name), "it", message, flags=re.IGNORECASE) if len(name) > 3 else message
    return replace(error, message=message)


def meaning(error: ApiError, words: Sequence[str] = ()) -> Meaning:
    """What ``error`` means for a feature that goes by ``words``."""
    text, status = f"{error.message} {error.code} {error.type} {error.param}", _status(error)
    if error.where == "transport" or status == 429:
        return "account" if _ACCOUNT.search(text) else "later"
    if status == 401 or _AUTH.search(text):
        return "auth"
    if status == 402 or _ACCOUNT.search(text):
        return "account"
    if _FILTERED.search(text):
        return "filtered"
    if _MODEL_FAILURE.search(text) and status < 500:
        return "model failure"
    about = _about_feature(error, status, words, text)
    return about or _about_the_day(error, status, text)


def _status(error: ApiError) -> int:
    """The status that counts: an upstream's own, where it is wrapped into another or into a 200."""
    if error.where in ("body", "stream") and re.fullmatch(r"[45]\d\d", error.code):
        return int(error.code)
    wrapped = _WRAPPED.match(error.message) if (error.status or 0) >= 500 else None
    return int(wrapped[1]) if wrapped else error.status or 0


def _about_feature(error: ApiError, status: int, words: Sequence[str], text: str) -> Meaning | None:
    if error.where == "status" and status not in _REFUSAL_STATUS:
        return None
    named = names_feature(error, words)
    if _WRONG.search(text) and (named or status < 500):
        return "wrong request"
    if named and (error.code in _UNSUPPORTED_CODES or _UNSUPPORTED.search(text)):
        return "unsupported"
    if named and status in (400, 404, 405, 415, 422, 501):
        # it names the feature without saying that it is unsupported: "Invalid value for seed"
        return "wrong request"
    return None


def _about_the_day(error: ApiError, status: int, text: str) -> Meaning:
    if _MODEL.search(text) and status < 500:
        return "model"
    if status in _LATER_STATUS or _LATER.search(text):
        return "later"
    if status == 403:
        return "auth"
    return "later" if error.where in ("body", "stream") else "unclear"


def worth_retrying(error: ApiError) -> bool:
    """The trouble may pass by itself: some servers say "not supported" with a 500, which will not."""
    text = f"{error.message} {error.code} {error.type}"
    if error.where not in ("status", "transport") or _UNSUPPORTED.search(text) or _WRONG.search(text):
        return error.status in (429, 503) and meaning(error) == "later"
    return meaning(error) == "later"
