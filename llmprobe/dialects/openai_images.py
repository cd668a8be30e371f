"""The image format of OpenAI: a prompt in, pictures out.

Sources: openai/openai-openapi ``openapi.yaml`` (createImage); wire/dialects.md, section 1, Images.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, Call, Message, text_of
from llmprobe.dialects.answers import (
    answer,
    decode_answer,
    encode_list,
    post,
    posts_to,
    read_body,
    refuse,
    request_json,
)
from llmprobe.dialects.api_errors import from_json, write_error
from llmprobe.dialects.base import DecodeError, Listed
from llmprobe.dialects.openai_chat import OpenAiChat
from llmprobe.dialects.openai_chat.request import FIELDS
from llmprobe.dialects.values import objects, read_count, read_word
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.json_patch import merge_patch
from llmprobe.reply import ApiError, Media, RateLimit, Reply, Usage

_PATH = "/images/generations"
_CHAT = OpenAiChat()
"""Errors and lists of models are the same under both paths."""
_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_TYPE = "image/"


class OpenAiImages:
    """``POST {base}/images/generations``."""

    name = "openai-images"
    spellings: Mapping[str, tuple[str, ...]] = {"max_tokens": ("",), "thinking": ("",)}
    lacks: frozenset[str] = frozenset(FIELDS)
    fields: Mapping[str, tuple[str, ...]] = dict.fromkeys(FIELDS, ())
    known: frozenset[str] = frozenset(
        (
            # understood
            *("data", "data[].b64_json", "data[].url", "output_format", "error", "error.*"),
            *("usage", *(f"usage.{name}" for name in _COUNTS)),
            # the prompt that the server made of the prompt; how the counts divide into text and picture
            *("data[].revised_prompt", "usage.input_tokens_details.*", "usage.output_tokens_details.*"),
            *("usage.input_tokens_details", "usage.output_tokens_details"),
            # when it was made; what was chosen where the request did not choose
            *("created", "background", "quality", "size"),
        )
    )

    def recognises(self, request: HttpRequest) -> bool:
        """See ``Dialect.recognises``."""
        return posts_to(request, _PATH, ("prompt",))

    def encode_call(self, call: Call) -> HttpRequest:
        """See ``Dialect.encode_call``. What the messages say in text is the prompt, nothing else has a field."""
        prompt = "\n".join(text_of(message) for message in call.messages)
        body = ({"model": call.model} if call.model else {}) | {"prompt": prompt}
        return post(_PATH, merge_patch(body, dict(call.patch)))

    def decode_call(self, request: HttpRequest) -> Call:
        """See ``Dialect.decode_call``. All but model and prompt is in the patch, ``stream`` too."""
        rest = request_json(request)
        model, prompt = rest.pop("model", ""), rest.pop("prompt", None)
        if not isinstance(model, str) or not isinstance(prompt, str):
            raise DecodeError("`model` or `prompt` is not a string")
        return Call(model, (Message("user", prompt),), patch=rest)

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """See ``Dialect.encode_reply``. There are no streams."""
        del stream
        return answer(_write_reply(reply), reply.limits)

    def encode_error(self, error: ApiError) -> HttpResponse:
        """See ``Dialect.encode_error``."""
        return refuse(error, write_error(error))

    def decode_reply(self, exchange: Exchange) -> Reply:
        """See ``Dialect.decode_reply``."""
        return decode_answer(exchange, _read_reply)

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """See ``Dialect.encode_models``."""
        return encode_list(models)

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """See ``Dialect.decode_models``."""
        return _CHAT.decode_models(response)


def _read_reply(response: HttpResponse, *, limits: tuple[RateLimit, ...], cut: str) -> Reply:
    oddities: list[str] = []
    value = read_body(response, oddities, cut)
    if isinstance(value, ApiError):
        return Reply(error=value, limits=limits)
    if value.get("error"):
        return Reply(error=from_json(value, 200, "body"), limits=limits)
    media = _read_media(value, oddities)
    if not media:
        return Reply(error=ApiError("body", 200, "a reply without pictures"), limits=limits)
    return Reply(
        media=media,
        usage=_read_usage(value, oddities),
        limits=limits,
        complete=True,
        oddities=tuple(dict.fromkeys(oddities)),
    )


def _read_media(value: dict[str, JSON], oddities: list[str]) -> tuple[Media, ...]:
    """The pictures, all of them in the one format that the reply names, if it does."""
    form = read_word(value, "output_format", oddities)
    entries = objects(value.get("data"))
    if isinstance(value.get("data"), list) and len(entries) < len(value["data"]):
        oddities.append("a picture that is not an object")
    media = []
    for entry in entries:
        data, url = (read_word(entry, name, oddities) for name in ("b64_json", "url"))
        if data or url:
            media.append(Media("image", _TYPE + form if form else "", data, url))
        else:
            oddities.append("a picture without data or url")
    return tuple(media)


def _read_usage(value: dict[str, JSON], oddities: list[str]) -> Maybe[Usage]:
    usage = value.get("usage", ABSENT)
    if usage is ABSENT or usage is None:
        return ABSENT if usage is ABSENT else None
    if not isinstance(usage, dict):
        oddities.append("usage is not an object")
        return None
    taken, made, total = (read_count(usage.get(name, ABSENT), oddities) for name in _COUNTS)
    return Usage(taken, made, total)


def _write_reply(reply: Reply) -> dict[str, JSON]:
    if reply.error is not None:
        return write_error(reply.error)
    body: dict[str, JSON] = {"created": 0, "data": [_write_media(media) for media in reply.media]}
    form = next((media.media_type.removeprefix(_TYPE) for media in reply.media), "")
    if form:
        body["output_format"] = form
    usage = reply.usage
    if isinstance(usage, Usage):
        counts = zip(_COUNTS, (usage.input, usage.output, usage.total), strict=True)
        body["usage"] = {name: count for name, count in counts if count is not ABSENT}
    elif usage is None:
        body["usage"] = None
    return body


def _write_media(media: Media) -> dict[str, JSON]:
    written = (("b64_json", media.data), ("url", media.url))
    return {name: value for name, value in written if value}
