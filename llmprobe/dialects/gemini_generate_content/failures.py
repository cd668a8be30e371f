"""Errors: ``{"error": {code, message, status, details}}``, with Google's details of what, where and until when.

Source: googleapis/googleapis ``google/rpc/error_details.proto`` (ErrorInfo, BadRequest, RetryInfo).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmprobe.call import JSON
from llmprobe.dialects.api_errors import Where, from_json
from llmprobe.dialects.json_text import decode_text, read_json
from llmprobe.dialects.rate_limits import duration_seconds
from llmprobe.dialects.values import member, objects
from llmprobe.reply import ApiError

_TYPE = "type.googleapis.com/google.rpc."
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_HTTP_ERROR = re.compile(r"[45][0-9]{2}")
_WORDS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def read_failure(value: JSON, status: int, where: Where) -> ApiError:
    """The error in a parsed body or event."""
    return with_details(from_json(value, status, where), value)


def of_body(error: ApiError, body: bytes) -> ApiError:
    """``error``, which was read from ``body``, with what the details there add."""
    try:
        return with_details(error, read_json(decode_text(body, []), []))
    except (ValueError, RecursionError):
        return error


def with_details(error: ApiError, value: JSON) -> ApiError:
    """``error`` with what its details add: a reason for a bare number, the field, the wait.

    A number that is an error status inside a 200 says more than the reason, and is kept.
    """
    outer = value[0] if isinstance(value, list) and value else value
    details = objects(member(member(outer, "error"), "details"))
    reason = _first(details, "ErrorInfo", "reason")
    if error.where != "status" and _HTTP_ERROR.fullmatch(error.code):
        reason = ""
    violations = [objects(detail.get("fieldViolations")) for detail in details if _is(detail, "BadRequest")]
    fields = [violation.get("field") for several in violations for violation in several]
    field = next((name for name in fields if isinstance(name, str)), "")
    wait = duration_seconds(_first(details, "RetryInfo", "retryDelay"))
    return replace(
        error,
        code=reason or error.code,
        param=field or error.param,
        retry_after=wait if error.retry_after is None else error.retry_after,
    )


def _first(details: list[dict[str, Any]], kind: str, name: str) -> str:
    values = (detail.get(name) for detail in details if _is(detail, kind))
    return next((value for value in values if isinstance(value, str)), "")


def _is(detail: dict[str, JSON], kind: str) -> bool:
    name = detail.get("@type")
    return isinstance(name, str) and name.endswith(f".{kind}")


def write_failure(error: ApiError) -> dict[str, JSON]:
    """The body that tells ``error``. The number is the status; a code that is a word is the reason."""
    status = error.status or 500
    number = bool(_NUMBER.fullmatch(error.code))
    told: dict[str, JSON] = {
        "code": int(error.code) if number else status,
        "message": error.message,
        "status": error.type or _WORDS.get(status, "UNKNOWN"),
    }
    details: list[JSON] = []
    if error.code and not number:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": error.code})
    if error.param:
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [{"field": error.param}]})
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after:f}s"})
    return {"error": told | ({"details": details} if details else {})}
