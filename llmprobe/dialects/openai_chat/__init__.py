"""The chat completions format of OpenAI and its many relatives.

Sources: openai/openai-openapi ``openapi.yaml``; recorded traffic of the relatives for what deviates.
``request`` is the request codec, ``reply`` the codec of whole replies, ``stream`` that of streamed ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from llmprobe.call import Call
from llmprobe.dialects.api_errors import read_error, write_error
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.json_text import decode_text, read_json, write_json
from llmprobe.dialects.openai_chat import reply as whole
from llmprobe.dialects.openai_chat import request as asked
from llmprobe.dialects.openai_chat import stream as streamed
from llmprobe.dialects.rate_limits import read_limits, retry_after, write_limits
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, Reply

_JSON: Headers = (("content-type", "application/json"),)
_SSE: Headers = (("content-type", "text/event-stream; charset=utf-8"),)


class OpenAiChat:
    """``POST {base}/chat/completions``."""

    name = "openai-chat"
    spellings: Mapping[str, tuple[str, ...]] = asked.SPELLINGS
    fields: Mapping[str, tuple[str, ...]] = asked.FIELDS

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``."""
        return HttpRequest("POST", asked.PATH, _JSON, write_json(asked.write_call(call)))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``."""
        try:
            return asked.read_call(json.loads(request.body))
        except DecodeError:
            raise
        except (ValueError, RecursionError) as trouble:
            raise DecodeError(f"the request body is not JSON: {trouble}") from None

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``."""
        limits = write_limits(reply.limits)
        if stream:
            return HttpResponse(200, _SSE + limits, streamed.write_stream(reply).encode())
        return HttpResponse(200, _JSON + limits, write_json(whole.write_reply(reply)))

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return HttpResponse(error.status or 500, _JSON, write_json(write_error(error)))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        response, failure = exchange.response, exchange.failure
        if response is None:
            detail = f"{failure.kind}: {failure.detail}" if failure else "no answer was recorded"
            return Reply(error=ApiError("transport", None, detail))
        wait = retry_after(response.headers, exchange.sent_at + exchange.elapsed)
        limits = read_limits(response.headers)
        if response.status != 200:
            return Reply(error=read_error(response.status, response.body, "status", wait), limits=limits)
        cut = f"{failure.kind}: {failure.detail}" if failure else "cut at the size limit" * response.truncated
        wanted = _asked(exchange.request)
        read = streamed.read_stream if streamed.is_stream(response) else whole.read_whole
        try:
            return read(response, limits=limits, asked=wanted, cut=cut)
        except RecursionError:
            return Reply(error=ApiError("body", 200, "the reply is nested too deep to be read"), limits=limits)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        data = [{**model.declared, "id": model.id} for model in models]
        return HttpResponse(200, _JSON, write_json({"object": "list", "data": data}))

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``. Besides ``data``, a bare list and ``models`` are read."""
        try:
            body = read_json(decode_text(response.body, []), [])
        except ValueError:
            raise DecodeError(f"not JSON but {read_error(None, response.body, 'body').message!r}") from None
        entries = body if isinstance(body, list) else isinstance(body, dict) and _entries(body)
        if not isinstance(entries, list):
            raise DecodeError(f"no list of models in {response.body[:80].decode(errors='replace')!r}")
        listed: dict[str, Listed] = {}
        for entry in entries:
            name = entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry
            if isinstance(name, str) and name:
                listed.setdefault(name, Listed(name, entry if isinstance(entry, dict) else {}))
        return tuple(listed.values())


def _entries(body: Mapping[str, object]) -> object:
    return next((body[key] for key in ("data", "models") if isinstance(body.get(key), list)), None)


def _asked(request: HttpRequest) -> whole.Asked:
    """What the answer to ``request`` is to be measured by; of one that cannot be read nothing is known."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return whole.Asked()
    if not isinstance(body, dict):
        return whole.Asked()
    return whole.Asked(body.get("stream") is True, isinstance(body.get("tool_choice"), dict))
