"""Whole replies: the JSON body to ``Reply`` and back, and the pieces that streams share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.answers import read_body
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.ollama_chat.request import read_tool_call, write_tool_call
from llmprobe.dialects.openai_chat import reply as chat
from llmprobe.dialects.values import read_count, read_string
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, Finish, Media, RateLimit, Reply, TokenLogprob, Usage

_FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length"}
"""Of the documented words; the others, ``load`` and ``unload``, end no reply but the answer to an empty request."""
_THINKING = "thinking"
_COUNTS = ("prompt_eval_count", "eval_count")
_ASKED = chat.Asked()

KNOWN = frozenset(
    (
        # understood
        *("model", "message", "message.content", "message.thinking", "message.images", "message.tool_calls"),
        *(f"message.tool_calls[].{name}" for name in ("id", "function", "function.name")),
        *("message.tool_calls[].function.arguments", "message.tool_calls[].function.arguments.*"),
        *("done", "done_reason", "error", *_COUNTS),
        *("logprobs", "logprobs[].token", "logprobs[].logprob", "logprobs[].top_logprobs"),
        *("logprobs[].top_logprobs[].token", "logprobs[].top_logprobs[].logprob"),
        # the tokens once more, as bytes
        *("logprobs[].bytes", "logprobs[].top_logprobs[].bytes"),
        # when it was made, who speaks, which call it is: nothing that the order does not tell
        *("created_at", "message.role", "message.tool_calls[].function.index"),
        # the server's own clock, in nanoseconds
        *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
    )
)


def read_whole(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: bool | None, cut: str) -> Reply:
    """The reply in a JSON body. ``asked``: a stream was asked for, ``None`` when that is not known."""
    oddities: list[str] = []
    value = read_body(response, oddities, cut)
    if isinstance(value, ApiError):
        return Reply(error=value, limits=limits)
    if value.get("error"):
        return Reply(error=from_json(value, 200, "body"), limits=limits)
    message = value.get("message")
    if not isinstance(message, dict):
        return Reply(error=ApiError("body", 200, "a reply without a message"), limits=limits)
    if asked:
        oddities.append("a JSON body although a stream was asked for")
    if value.get("done") is not True:
        oddities.append("a whole reply that is not done")
    calls = read_calls(message, oddities)
    thinking = read_string(message, _THINKING, oddities)
    base = Reply(
        tool_calls=calls,
        media=read_images(message, oddities),
        usage=read_usage(value, oddities),
        logprobs=read_logprobs(value, oddities),
        model=read_string(value, "model", oddities),
        limits=limits,
        complete=True,
    )
    return finished(base, message.get("content", ABSENT), thinking, value.get("done_reason", ABSENT), oddities)


def finished(base: Reply, content: JSON, thinking: Maybe[str], done_reason: JSON, oddities: list[str]) -> Reply:
    """``base`` with text, thoughts and end, which are read from all of them together."""
    text, reasoning, place = _read_text(content, thinking, oddities)
    finish, raw = _read_finish(done_reason, base.tool_calls, oddities)
    if base.error is None:
        oddities.extend(chat.odd_calls(base.tool_calls, finish, _ASKED))
    return replace(
        base,
        text=text,
        reasoning=reasoning,
        reasoning_place=place,
        finish=finish,
        finish_raw=raw,
        oddities=tuple(dict.fromkeys(oddities)),
    )


def _read_text(content: JSON, thinking: Maybe[str], oddities: list[str]) -> tuple[Maybe[str], Maybe[str], str]:
    """Text, reasoning and its place: a field, or tags in the text where the request did not say ``think``."""
    field = chat.REASONING_FIELDS[0]
    fields = {} if thinking is ABSENT else {field: thinking}
    text, reasoning, place = chat.read_content(content, fields, oddities)
    return text, reasoning, _THINKING if place == field else place


def _read_finish(value: JSON, calls: tuple[ToolCall, ...], oddities: list[str]) -> tuple[Maybe[Finish], str]:
    """The neutral finish reason and the raw one. That calls were made is told by nothing but the calls."""
    raw = read_string({"done_reason": value}, "done_reason", oddities)
    if raw == "":
        oddities.append("done_reason is empty")
    if not isinstance(raw, str) or not raw:
        return (ABSENT if raw is ABSENT else None), ""
    finish = _FINISH.get(raw, "unknown")
    return ("tool_calls" if calls and finish == "stop" else finish), raw


def read_calls(message: dict[str, JSON], oddities: list[str]) -> tuple[ToolCall, ...]:
    """The tool calls in a message: each one is whole, in streams too."""
    entries = message.get("tool_calls")
    if entries is None or not isinstance(entries, list):
        if entries is not None:
            oddities.append("tool_calls is not a list")
        return ()
    calls = []
    for entry in entries:
        call, odd = read_tool_call(entry)
        calls.append(call)
        oddities.extend(odd)
    return tuple(calls)


def read_images(message: dict[str, JSON], oddities: list[str]) -> tuple[Media, ...]:
    """Pictures in a message: base64 whose type the wire does not tell."""
    images = message.get("images")
    if images is None:
        return ()
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        oddities.append("images is not a list of strings")
        return ()
    return tuple(Media("image", data=image) for image in images)


def read_usage(value: dict[str, JSON], oddities: list[str]) -> Maybe[Usage]:
    """The two counts, which stand among the other fields; the server leaves out a zero."""
    taken, made = (read_count(value.get(name, ABSENT), oddities) for name in _COUNTS)
    return ABSENT if taken is ABSENT and made is ABSENT else Usage(taken, made, place=_COUNTS[1])


def read_logprobs(value: dict[str, JSON], oddities: list[str]) -> Maybe[tuple[TokenLogprob, ...]]:
    """Log probabilities: the list that chat completions have under ``logprobs.content``."""
    entries = value.get("logprobs", ABSENT)
    if isinstance(entries, list):
        return chat.read_logprobs({"content": entries}, oddities)
    if entries is ABSENT or entries is None:
        return ABSENT if entries is ABSENT else None
    oddities.append("logprobs is not a list")
    return None


def write_reply(reply: Reply) -> dict[str, JSON]:
    """The JSON body that says ``reply``."""
    if reply.error is not None:
        return write_error(reply.error)
    message: dict[str, JSON] = {"role": "assistant"} | write_content(reply) | write_media(reply)
    if reply.tool_calls:
        message["tool_calls"] = [write_tool_call(call) for call in reply.tool_calls]
    return write_head(reply) | {"message": message} | write_logprobs(reply.logprobs) | write_end(reply)


def write_error(error: ApiError) -> dict[str, JSON]:
    """An error, of which only the message has a place."""
    return {"error": error.message}


def write_head(reply: Reply) -> dict[str, JSON]:
    """The fields that every body and every line begins with."""
    model = {} if reply.model is ABSENT else {"model": reply.model}
    return model | {"created_at": "1970-01-01T00:00:00Z"}


def write_content(reply: Reply) -> dict[str, JSON]:
    """Text and reasoning: in the field for it, unless it stood in tags inside the text."""
    place = reply.reasoning_place if reply.reasoning_place == "think" else _THINKING
    return chat.write_content(replace(reply, reasoning_place=place))


def write_media(reply: Reply) -> dict[str, JSON]:
    """The pictures of a reply; nothing else has a field."""
    images = [media.data for media in reply.media if media.kind == "image" and media.data]
    return {"images": images} if images else {}


def write_logprobs(logprobs: Maybe[tuple[TokenLogprob, ...]]) -> dict[str, JSON]:
    """What log probabilities add to a body or a line; nothing when they are absent."""
    if not isinstance(logprobs, tuple):
        return {} if logprobs is ABSENT else {"logprobs": None}
    return {"logprobs": chat.write_logprobs(logprobs)["content"]}


def write_end(reply: Reply) -> dict[str, JSON]:
    """What tells that and how the reply is done."""
    end: dict[str, JSON] = {"done": True}
    if reply.finish is not ABSENT:
        end["done_reason"] = _write_finish(reply)
    usage = reply.usage if isinstance(reply.usage, Usage) else Usage()
    counts = zip(_COUNTS, (usage.input, usage.output), strict=True)
    return end | {name: value for name, value in counts if value is not ABSENT}


def _write_finish(reply: Reply) -> str | None:
    """The wire's word for the end. Calls and stop sequences have none of their own here."""
    if reply.finish_raw or not isinstance(reply.finish, str):
        return reply.finish_raw or None
    return "stop" if reply.finish in ("tool_calls", "stop_sequence") else reply.finish
