"""Error bodies: one reader for the many shapes that servers use (wire/dialects.md, section 1, Errors)."""

from __future__ import annotations

import json
import re
from typing import Literal

from llmprobe.call import JSON
from llmprobe.reply import ApiError

_MESSAGE_LIMIT = 2000
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

Where = Literal["transport", "status", "body", "stream"]


def read_error(status: int | None, body: bytes, where: Where, wait: float | None = None) -> ApiError:
    """The error that ``body`` tells, whatever its shape; plain text and HTML are quoted shortened."""
    text = body.decode("utf-8", errors="replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ApiError(where, status, _plain(text) or f"HTTP {status} without a body", retry_after=wait)
    return from_json(value, status, where, wait)


def from_json(value: JSON, status: int | None, where: Where, wait: float | None = None) -> ApiError:
    """The error in a parsed body: an ``error`` member, a flat object, a list of details, or a string."""
    outer = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
    if not isinstance(outer, dict):
        return ApiError(where, status, _clip(str(outer)), retry_after=wait)
    inner = _inner(outer)
    if not isinstance(inner, dict):
        return ApiError(where, status, _clip(_words(inner)), code=_text(outer.get("code")), retry_after=wait)
    message = inner.get("message") or inner.get("detail") or inner.get("msg") or inner
    return ApiError(
        where,
        status,
        _clip(_words(message)),
        type=_text(inner.get("type") or inner.get("status") or outer.get("type")),
        code=_text(inner.get("code") or outer.get("code")),
        param=_text(inner.get("param") or outer.get("param")),
        retry_after=wait,
    )


def _inner(outer: dict[str, JSON]) -> JSON:
    for name in ("error", "detail", "errors"):
        value = outer.get(name)
        if isinstance(value, list) and name == "errors" and value:
            return value[0]
        if value:
            return value
    return outer


def _words(value: JSON) -> str:
    """Readable text of a message that may be a string, or a list of FastAPI details."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(_detail(item) for item in value)
    if isinstance(value, dict) and isinstance(value.get("detail"), list):
        return _words(value["detail"])
    return json.dumps(value, ensure_ascii=False)


def _detail(item: JSON) -> str:
    if not isinstance(item, dict):
        return _words(item)
    place = ".".join(str(step) for step in item.get("loc", ()) if step != "body")
    kind = f" ({item['type']})" if isinstance(item.get("type"), str) else ""
    return f"{place}: {item.get('msg', '')}{kind}"


def _text(value: JSON) -> str:
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _plain(text: str) -> str:
    if text[:200].lower().lstrip("\ufeff").startswith(("<!doctype", "<html")):
        title = _TITLE.search(text)
        return "an HTML page" + (f": {_clip(title[1].strip())}" if title else "")
    return _clip(text)


def _clip(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "…"


def write_error(error: ApiError) -> dict[str, JSON]:
    """``error`` in the shape that OpenAI documents."""
    return {
        "error": {
            "message": error.message,
            "type": error.type or None,
            "param": error.param or None,
            "code": error.code or None,
        }
    }
