"""The generateContent format of Google's API, with the prediction format of its models that only make pictures.

Sources: googleapis/python-genai ``google/genai/types.py``; wire/dialects.md, section 4; recorded traffic.
``request`` and ``turns`` are the request codec, ``reply`` the codec of whole replies, ``stream`` that of streamed
ones, ``failures`` that of errors, ``fields`` the list of all that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmprobe.call import JSON, Call
from llmprobe.dialects.answers import answer, decode_answer, decode_list, has_fields, post, refuse, stream_answer
from llmprobe.dialects.base import Listed
from llmprobe.dialects.gemini_generate_content import failures
from llmprobe.dialects.gemini_generate_content import reply as whole
from llmprobe.dialects.gemini_generate_content import request as asked
from llmprobe.dialects.gemini_generate_content import stream as streamed
from llmprobe.dialects.gemini_generate_content.fields import KNOWN
from llmprobe.dialects.sse import is_stream
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, RateLimit, Reply


class GeminiGenerateContent:
    """``POST {base}/models/{model}:generateContent``, ``:streamGenerateContent?alt=sse`` and ``:predict``."""

    name = "gemini-generate-content"
    spellings: Mapping[str, tuple[str, ...]] = asked.SPELLINGS
    fields: Mapping[str, tuple[str, ...]] = asked.FIELDS
    lacks: frozenset[str] = asked.LACKS
    known: frozenset[str] = KNOWN

    def recognises(self, request: HttpRequest) -> bool:
        """See ``Dialect.recognises``."""
        method = asked.read_url(request)[1] if request.method == "POST" else ""
        return bool(method) and has_fields(request, ("instances",) if method == "predict" else ("contents",))

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``."""
        return post(asked.write_url(call), asked.write_call(call))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``."""
        return asked.read_call(request)

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``."""
        if stream:
            return stream_answer(streamed.write_stream(reply), reply.limits)
        return answer(whole.write_reply(reply), reply.limits)

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return refuse(error, failures.write_failure(error))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        wanted = _asked(exchange.request)

        def read(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
            how = whole.read_whole
            if is_stream(response):
                how = streamed.read_stream
            elif streamed.is_array(response):
                how = streamed.read_array
            return how(response, limits=limits, asked=wanted, cut=cut)

        reply = decode_answer(exchange, read)
        if reply.error is None or reply.error.where != "status" or exchange.response is None:
            return reply
        return replace(reply, error=failures.of_body(reply.error, exchange.response.body))

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        entries = [{**model.declared, "name": f"{asked.collection(model.id)}{model.id}"} for model in models]
        return answer({"models": entries})

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``. The collection ``models/`` is no part of an id."""
        return decode_list(response, ("models", "data"), _name_of)


def _name_of(entry: dict[str, JSON]) -> JSON:
    name = entry.get("name", entry.get("id"))
    return name.removeprefix("models/") if isinstance(name, str) else name


def _asked(request: HttpRequest) -> whole.Asked:
    """What the answer to ``request`` is to be measured by; of one that cannot be read nothing is known."""
    method = asked.read_url(request)[1]
    return whole.Asked(method == "streamGenerateContent", asked.wants_events(request)) if method else whole.Asked()
