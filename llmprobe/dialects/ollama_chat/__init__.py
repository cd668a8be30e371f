"""The chat format of Ollama.

Sources: ollama/ollama ``docs/api.md``, ``api/types.go``; what deviates, from recorded traffic. Tools, log
probabilities and thoughts inside the text stand as in chat completions, whose codec reads and writes them.
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
    post,
    posts_to,
    refuse,
    request_json,
    stream_answer,
)
from llmprobe.dialects.base import Listed
from llmprobe.dialects.ollama_chat import reply as whole
from llmprobe.dialects.ollama_chat import request as asked
from llmprobe.dialects.ollama_chat import stream as streamed
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply


class OllamaChat:
    """``POST {base}/api/chat``, where the base is that of the whole server, such as ``http://host:11434``."""

    name = "ollama-chat"
    spellings: Mapping[str, tuple[str, ...]] = asked.SPELLINGS
    fields: Mapping[str, tuple[str, ...]] = asked.FIELDS
    lacks: frozenset[str] = asked.LACKS
    known: frozenset[str] = whole.KNOWN

    def recognises(self, request: HttpRequest) -> bool:
        """See ``Dialect.recognises``."""
        return posts_to(request, asked.PATH, ("messages",))

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``. Besides what it lacks, a tool choice and the name of a schema are left out."""
        return post(asked.PATH, asked.write_call(call))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``. The result of a tool that has no id has the tool's name for one."""
        return asked.read_call(request_json(request))

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``."""
        if stream:
            return stream_answer(streamed.write_stream(reply), reply.limits, streamed.NDJSON_TYPE)
        return answer(whole.write_reply(reply), reply.limits)

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return refuse(error, whole.write_error(error))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        wanted = asks_stream(exchange.request, default=True)

        def read(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
            how = streamed.read_stream if streamed.is_stream(response) else whole.read_whole
            return how(response, limits=limits, asked=wanted, cut=cut)

        return decode_answer(exchange, read)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        data = [{**model.declared, "name": model.id, "model": model.id} for model in models]
        return answer({"models": data})

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``."""
        return decode_list(response, ("models",), lambda entry: entry.get("name", entry.get("model")))
