"""The chat completions format of OpenAI and its many relatives.

Sources: openai/openai-openapi ``openapi.yaml``; recorded traffic of the relatives for what deviates.
``request`` is the request codec with ``parts`` of messages and ``thinking`` switches, ``reply`` the codec of whole
replies, ``stream`` that of streamed ones, ``attached`` what both may hold besides text and calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.call import Call
from llmprobe.dialects.answers import (
    answer,
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
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.openai_chat import reply as whole
from llmprobe.dialects.openai_chat import request as asked
from llmprobe.dialects.openai_chat import stream as streamed
from llmprobe.dialects.openai_chat.known_fields import KNOWN
from llmprobe.dialects.sse import is_stream
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply


class OpenAiChat:
    """``POST {base}/chat/completions``."""

    name = "openai-chat"
    spellings: Mapping[str, tuple[str, ...]] = asked.SPELLINGS
    fields: Mapping[str, tuple[str, ...]] = asked.FIELDS
    lacks: frozenset[str] = frozenset()
    known: frozenset[str] = KNOWN

    def recognises(self, request: HttpRequest) -> bool:
        """See ``Dialect.recognises``."""
        return posts_to(request, asked.PATH, ("messages",))

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
        wanted = _asked(exchange.request)

        def read(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
            how = streamed.read_stream if is_stream(response) else whole.read_whole
            return how(response, limits=limits, asked=wanted, cut=cut)

        return decode_answer(exchange, read)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        return encode_list(models)

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``. Besides ``data``, a bare list and ``models`` are read."""
        return decode_list(response, ("data", "models"), lambda entry: entry.get("id", entry.get("name")))


def _asked(request: HttpRequest) -> whole.Asked:
    """What the answer to ``request`` is to be measured by; of one that cannot be read nothing is known."""
    try:
        body = request_json(request)
    except DecodeError:
        return whole.Asked()
    return whole.Asked(body.get("stream") is True, isinstance(body.get("tool_choice"), dict))
