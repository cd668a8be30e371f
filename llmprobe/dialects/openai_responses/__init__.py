"""The responses format of OpenAI.

Sources: openai/openai-openapi ``openapi.yaml``, "Responses"; recorded traffic.
``request`` is the request codec, ``reply`` the codec of whole replies, ``stream`` that of streamed ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.call import Call
from llmprobe.dialects.answers import (
    answer,
    asks_stream,
    decode_answer,
    decode_list,
    encode_list,
    post,
    posts_to,
    refuse,
    request_json,
    stream_answer,
)
from llmprobe.dialects.api_errors import write_error
from llmprobe.dialects.base import Listed
from llmprobe.dialects.openai_responses import fields as wire
from llmprobe.dialects.openai_responses import reply as whole
from llmprobe.dialects.openai_responses import request as asked
from llmprobe.dialects.openai_responses import stream as streamed
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
        return posts_to(request, asked.PATH, ("input",))

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``."""
        return post(asked.PATH, asked.write_call(call))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``."""
        return asked.read_call(request_json(request))

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``."""
        if stream:
            return stream_answer(streamed.write_stream(reply), reply.limits)
        return answer(whole.write_reply(reply), reply.limits)

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return refuse(error, write_error(error))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        wanted = asks_stream(exchange.request)

        def read(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
            how = streamed.read_stream if is_stream(response) else whole.read_whole
            return how(response, limits=limits, wanted=wanted, cut=cut)

        return decode_answer(exchange, read)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        return encode_list(models)

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``. Besides ``data``, a bare list and ``models`` are read."""
        return decode_list(response, ("data", "models"), lambda entry: entry.get("id", entry.get("name")))
