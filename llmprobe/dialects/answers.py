"""What all dialects do alike around the bodies that they write and read: requests, answers, lists of models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Protocol

from llmprobe.call import JSON
from llmprobe.dialects.api_errors import read_error
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.json_text import decode_text, read_json, write_json
from llmprobe.dialects.rate_limits import read_limits, retry_after, write_limits
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply

JSON_TYPE: Headers = (("content-type", "application/json"),)
SSE_TYPE: Headers = (("content-type", "text/event-stream; charset=utf-8"),)


def posts_to(request: HttpRequest, path: str, names: Sequence[str]) -> bool:
    """``request`` posts a JSON object in which all of ``names`` stand to a URL whose path ends with ``path``."""
    return request.method == "POST" and path_of(request).endswith(path) and has_fields(request, names)


def asks_stream(request: HttpRequest, *, default: bool = False) -> bool | None:
    """Whether ``request`` asks for a stream, which it does by ``default``; ``None`` when it cannot be read."""
    try:
        wanted = request_json(request).get("stream")
    except DecodeError:
        return None
    return wanted is not False if default else wanted is True


def post(path: str, body: JSON, headers: Headers = ()) -> HttpRequest:
    """The request that posts ``body`` as JSON."""
    return HttpRequest("POST", path, (*JSON_TYPE, *headers), write_json(body))


def answer(body: JSON, limits: tuple[RateLimit, ...] = ()) -> HttpResponse:
    """A 200 with ``body`` as JSON."""
    return HttpResponse(200, JSON_TYPE + write_limits(limits), write_json(body))


def stream_answer(text: str, limits: tuple[RateLimit, ...], kind: Headers = SSE_TYPE) -> HttpResponse:
    """A 200 with a whole stream as its body."""
    return HttpResponse(200, kind + write_limits(limits), text.encode())


def refuse(error: ApiError, body: JSON) -> HttpResponse:
    """The refusal that says ``body``."""
    return HttpResponse(error.status or 500, JSON_TYPE, write_json(body))


class ReadReply(Protocol):
    """Reads the body of a 200. ``cut`` says why the body ended early, "" when it is whole."""

    def __call__(self, response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply: ...


def decode_answer(exchange: Exchange, read: ReadReply) -> Reply:
    """The reply in ``exchange``: failures and refusals are told here, the body of a 200 is left to ``read``."""
    response, failure = exchange.response, exchange.failure
    if response is None:
        detail = f"{failure.kind}: {failure.detail}" if failure else "no answer was recorded"
        return Reply(error=ApiError("transport", None, detail))
    wait = retry_after(response.headers, exchange.sent_at + exchange.elapsed)
    limits = read_limits(response.headers)
    if response.status != 200:
        return Reply(error=read_error(response.status, response.body, "status", wait), limits=limits)
    cut = f"{failure.kind}: {failure.detail}" if failure else "cut at the size limit" * response.truncated
    try:
        return read(response, limits=limits, cut=cut)
    except RecursionError:
        return Reply(error=ApiError("body", 200, "the reply is nested too deep to be read"), limits=limits)


def read_body(response: HttpResponse, oddities: list[str], cut: str) -> dict[str, JSON] | ApiError:
    """The JSON object that a whole (not streamed) 200 holds, or why there is none."""
    if cut:
        return ApiError("transport", 200, f"the reply was cut off ({cut})")
    try:
        value = read_json(decode_text(response.body, oddities), oddities)
    except ValueError:
        return ApiError("body", 200, f"not JSON: {read_error(200, response.body, 'body').message}")
    if not isinstance(value, dict):
        return ApiError("body", 200, "the reply is not a JSON object")
    if "json" not in (response.header("content-type") or "json"):
        oddities.append("JSON under another content type")
    return value


def request_json(request: HttpRequest) -> dict[str, JSON]:
    """The JSON object that ``request`` carries. Raises ``DecodeError`` when it is none."""
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as trouble:
        raise DecodeError(f"the request body is not JSON: {trouble}") from None
    if not isinstance(value, dict):
        raise DecodeError("the request body is not a JSON object")
    return value


def path_of(request: HttpRequest) -> str:
    """The path of the request's URL, without host and query."""
    path = request.url.partition("?")[0]
    return "/" + path.partition("://")[2].partition("/")[2] if "://" in path else path


def has_fields(request: HttpRequest, names: Sequence[str]) -> bool:
    """The request's body is a JSON object in which all of ``names`` stand."""
    try:
        return set(names) <= request_json(request).keys()
    except DecodeError:
        return False


def encode_list(models: tuple[Listed, ...]) -> HttpResponse:
    """The list of ``models`` as OpenAI and its relatives write it."""
    return answer({"object": "list", "data": [{**model.declared, "id": model.id} for model in models]})


def decode_list(
    response: HttpResponse, members: Sequence[str], name_of: Callable[[dict[str, JSON]], JSON]
) -> tuple[Listed, ...]:
    """The models that ``response`` lists: a bare list, or one under the first of ``members`` that is there.

    Raises ``DecodeError`` when there is no list.
    """
    try:
        body = read_json(decode_text(response.body, []), [])
    except ValueError:
        raise DecodeError(f"not JSON but {read_error(None, response.body, 'body').message!r}") from None
    entries = body
    if isinstance(body, dict):
        entries = next((body[key] for key in members if isinstance(body.get(key), list)), None)
    if not isinstance(entries, list):
        raise DecodeError(f"no list of models in {response.body[:80].decode(errors='replace')!r}")
    listed: dict[str, Listed] = {}
    for entry in entries:
        name = name_of(entry) if isinstance(entry, dict) else entry
        if isinstance(name, str) and name:
            listed.setdefault(name, Listed(name, entry if isinstance(entry, dict) else {}))
    return tuple(listed.values())
