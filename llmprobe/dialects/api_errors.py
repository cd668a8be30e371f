"""Error bodies: one reader for the many shapes that servers use (wire/dialects.md, section 1, Errors)."""

from __future__ import annotations

import json
import re
from typing import Literal

from llmprobe.call import JSON
from llmprobe.dialects.json_text import decode_text, read_json
from llmprobe.reply import ApiError

_MESSAGE_LIMIT = 2000
_NESTED = 4
"""How deep errors are found inside errors; gateways wrap those of the servers behind them."""
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

Where = Literal["transport", "status", "body", "stream"]


def read_error(status: int | None, body: bytes, where: Where, wait: float | None = None) -> ApiError:
    """The error that ``body`` tells, whatever its shape; plain text and HTML are quoted shortened."""
    text = decode_text(body, []).strip()
    try:
        return from_json(read_json(text, []), status, where, wait)
    except (ValueError, RecursionError):
        return ApiError(where, status, _plain(text) or f"HTTP {status} without a body", retry_after=wait)


def from_json(value: JSON, status: int | None, where: Where, wait: float | None = None) -> ApiError:
    """The error in a parsed body: an ``error`` member, a flat object, a list of details, or a string."""
    outer = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
    inner = _inner(outer) if isinstance(outer, dict) else outer
    outer, fields = (x if isinstance(x, dict) else {} for x in (outer, inner))
    return ApiError(
        where,
        status,
        _clip(_message(inner)) or json.dumps(value),
        type=_first(fields.get("type"), fields.get("status"), fields.get("reason"), outer.get("type")),
        code=_first(fields.get("code"), outer.get("code")),
        param=_first(fields.get("param"), outer.get("param")),
        retry_after=wait,
    )


def _inner(outer: dict[str, JSON]) -> JSON:
    """What tells the error: the innermost object with a message, or a text or list of details."""
    for _ in range(_NESTED):
        found = next((outer[name] for name in ("error", "detail", "errors") if _tells(outer.get(name))), None)
        if isinstance(found, list) and isinstance(found[0], dict) and "loc" not in found[0]:
            found = found[0]
        if found is None or (isinstance(outer.get("message"), str) and not isinstance(found, dict)):
            return outer
        if not isinstance(found, dict):
            return found
        outer = found
    return outer


def _tells(value: JSON) -> bool:
    return bool(value) and isinstance(value, (str, dict, list))


def _message(inner: JSON) -> str:
    if not isinstance(inner, dict):
        return _words(inner)
    text = _words(next((inner[name] for name in ("message", "detail", "msg", "error") if inner.get(name)), inner))
    metadata = inner.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{text}: {raw}" if isinstance(raw, str) and raw else text


def _words(value: JSON) -> str:
    """Readable text of a message that may be a string, or a list of FastAPI details."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("detail"), list):
        return _words(value["detail"])
    if isinstance(value, list):
        return "; ".join(_detail(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def _detail(item: JSON) -> str:
    if not isinstance(item, dict) or "msg" not in item:
        return _words(item)
    steps = item.get("loc")
    place = ".".join(str(step) for step in steps if step != "body") if isinstance(steps, list) else ""
    kind = f" ({item['type']})" if isinstance(item.get("type"), str) else ""
    return (f"{place}: " if place else "") + f"{item['msg']}{kind}"


def _first(*values: JSON) -> str:
    """The first of ``values`` that is a word or a number, "" when none is."""
    return next((str(x) for x in values if isinstance(x, (str, int, float)) and not isinstance(x, bool) and x), "")


def _plain(text: str) -> str:
    if text[:200].lower().startswith(("<!doctype", "<html")):
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
