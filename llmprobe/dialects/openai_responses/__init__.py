"""The responses format of OpenAI.

Sources: openai/openai-openapi ``openapi.yaml``, "Responses"; recorded traffic.
``request`` is the request codec, ``reply`` the codec of whole replies, ``stream`` that of streamed ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.call import Call
from llmprobe.dialects.answers import (
    JSON_TYPE,
    SSE_TYPE,
    decode_answer,
    decode_list,
    has_fields,
    path_of,
    request_json,
)
from llmprobe.dialects.api_errors import write_error
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.json_text import write_json
from llmprobe.dialects.openai_responses import fields as wire
from llmprobe.dialects.openai_responses import reply as whole
from llmprobe.dialects.openai_responses import request as asked
from llmprobe.dialects.openai_responses import stream as streamed
from llmprobe.dialects.rate_limits import write_limits
from llmprobe.dialects.sse import is_stream
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply


class OpenAiResponses:
    """``POST {base}/responses``."""

    name = "openai-responses"
    spellings: Mapping[str, tuple[str, ...]] = asked.SPELLINGS
    fields: Mapping[str, tuple[str, ...]] = asked.FIELDS
    lacks: frozenset[str] = asked.LACKS
    known: frozenset[str] = wire.KNOWN

    def recognises(self, request: HttpRequest) -> bool:
        """See ``Dialect.recognises``."""
        return request.method == "POST" and path_of(request).endswith(asked.PATH) and has_fields(request, ("input",))

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``."""
        return HttpRequest("POST", asked.PATH, JSON_TYPE, write_json(asked.write_call(call)))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``."""
        return asked.read_call(request_json(request))

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``."""
        limits = write_limits(reply.limits)
        if stream:
            return HttpResponse(200, SSE_TYPE + limits, streamed.write_stream(reply).encode())
        return HttpResponse(200, JSON_TYPE + limits, write_json(whole.write_reply(reply)))

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return HttpResponse(error.status or 500, JSON_TYPE, write_json(write_error(error)))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        wanted = _wants_stream(exchange.request)

        def read(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
            how = streamed.read_stream if is_stream(response) else whole.read_whole
            return how(response, limits=limits, wanted=wanted, cut=cut)

        return decode_answer(exchange, read)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        data = [{**model.declared, "id": model.id} for model in models]
        return HttpResponse(200, JSON_TYPE, write_json({"object": "list", "data": data}))

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``. Besides ``data``, a bare list and ``models`` are read."""
        return decode_list(response, ("data", "models"), lambda entry: entry.get("id", entry.get("name")))


def _wants_stream(request: HttpRequest) -> bool | None:
    """Whether ``request`` asks for a stream; ``None`` when it cannot be read."""
    try:
        return request_json(request).get("stream") is True
    except DecodeError:
        return None
