"""Whole replies: the JSON body to ``Reply`` and back, and the pieces that streams share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.answers import read_body
from llmprobe.dialects.api_errors import from_json, write_error
from llmprobe.dialects.openai_chat.attached import Attached, write_attached
from llmprobe.dialects.openai_chat.request import read_tool_call, write_tool_call
from llmprobe.dialects.values import member, objects, read_count, read_number, read_string, read_word
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, Finish, RateLimit, Reply, TokenLogprob, Usage

FINISH: dict[str, Finish] = {
    # openapi.yaml; then the relatives (wire/dialects.md, section 1)
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "eos": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "repetition_truncation": "length",
    "error": "error",
    "insufficient_system_resource": "error",
}
REASONING_FIELDS = ("reasoning_content", "reasoning")
PARTS = "content.thinking"
"""The place of reasoning that came as a part of the content."""
TIMINGS = "timings"
"""The place of usage that is told only by the way."""
_THINK = re.compile(r"^\s*<think>\n?(.*?)(?:\n?</think>\s*|$)", re.DOTALL)
_UNOPENED = re.compile(r"^(.*?)\n?</think>\s*", re.DOTALL)
_QUOTE = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the request matters for reading the answer. ``stream`` is ``None`` when it is not known."""

    stream: bool | None = None
    named_tool: bool = False
    """One function was prescribed, after which OpenAI itself finishes with "stop"."""


def read_whole(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: Asked, cut: str) -> Reply:
    """The reply in a JSON body. ``cut`` says why the body ended early, "" when it is whole."""
    oddities: list[str] = []
    value = read_body(response, oddities, cut)
    if isinstance(value, ApiError):
        return Reply(error=value, limits=limits)
    error_member = error_of(value)
    if error_member is not None:
        return Reply(error=from_json(error_member, 200, "body"), limits=limits)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        told = from_json(value, 200, "body").message[:_QUOTE]
        return Reply(error=ApiError("body", 200, f"a reply without choices: {told}"), limits=limits)
    if asked.stream:
        oddities.append("a JSON body although a stream was asked for")
    return _read_choice(value, choices[0], limits, asked, oddities)


def error_of(value: dict[str, JSON]) -> JSON | None:
    """The error member of a body or event that is none of the documented shapes, or ``None``."""
    if value.get("error"):
        beside = ("code", "param", "type", "message")
        return {"error": value["error"]} | {name: value[name] for name in beside if name in value}
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict) and choices[0].get("error"):
        return {"error": choices[0]["error"]}
    if value.get("object") == "error" or value.get("type") == "error":
        return value
    return None


def _read_choice(
    value: dict[str, JSON], choice: dict[str, JSON], limits: tuple[RateLimit, ...], asked: Asked, oddities: list[str]
) -> Reply:
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {}
        oddities.append("choice without a message")
    text, reasoning, place = read_content(message.get("content", ABSENT), message, oddities)
    finish, raw = read_finish(choice.get("finish_reason", ABSENT), oddities)
    calls = _read_calls(message.get("tool_calls"), oddities)
    oddities.extend(odd_calls(calls, finish, asked))
    attached = Attached(oddities)
    attached.read_body(value)
    attached.read_message(message)
    return Reply(
        text=text,
        reasoning=reasoning,
        reasoning_place=place,
        tool_calls=calls,
        server_tools=attached.server_tools(),
        citations=attached.citations(text),
        media=attached.media(),
        refusal=read_word(message, "refusal", oddities) or None,
        finish=finish,
        finish_raw=raw,
        usage=find_usage(value, choice, oddities),
        logprobs=read_logprobs(choice.get("logprobs", ABSENT), oddities),
        model=read_string(value, "model", oddities),
        fingerprint=read_string(value, "system_fingerprint", oddities),
        limits=limits,
        complete=True,
        oddities=tuple(dict.fromkeys(oddities)),
    )


def read_content(content: JSON, message: dict[str, JSON], oddities: list[str]) -> tuple[Maybe[str], Maybe[str], str]:
    """Text, reasoning and the place of the reasoning, from a message or from joined deltas."""
    place, reasoning = _find_reasoning(message, oddities)
    if isinstance(content, (list, dict)):
        content, thoughts = join_parts([content] if isinstance(content, dict) else content)
        oddities.append("content is a list of parts")
        if thoughts and not reasoning:
            reasoning, place = thoughts, PARTS
    text = read_string({"content": content}, "content", oddities)
    if isinstance(text, str) and not reasoning:
        match = _THINK.match(text)
        if not match and "</think>" in text and (match := _UNOPENED.match(text)):
            oddities.append("</think> without <think>")
        if match:
            return text[match.end() :], match[1], "think"
    return text, reasoning, place


def _find_reasoning(message: dict[str, JSON], oddities: list[str]) -> tuple[str, Maybe[str]]:
    """The place of the reasoning and the reasoning: of several fields the first that says something."""
    places = (*REASONING_FIELDS, PARTS)
    found = [(name, read_string(message, name, oddities)) for name in places if name in message]
    said = [(name, value) for name, value in found if value]
    return (said or found or [("", ABSENT)])[0]


def join_parts(parts: list[JSON]) -> tuple[str, str]:
    """Text and thoughts of a list of content parts (Mistral; servers that answer in parts)."""
    text, thoughts = "", ""
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "thinking":
            inner = part.get("thinking")
            thoughts += "".join(_text_of(piece) for piece in inner) if isinstance(inner, list) else _text_of(inner)
        else:
            text += _text_of(part)
    return text, thoughts


def _text_of(part: JSON) -> str:
    value = part.get("text") if isinstance(part, dict) else part
    return value if isinstance(value, str) else ""


def read_finish(value: JSON, oddities: list[str]) -> tuple[Maybe[Finish], str]:
    """The neutral finish reason and the raw one; "" and null are both ``None``."""
    raw = read_string({"finish_reason": value}, "finish_reason", oddities)
    if raw == "":
        oddities.append("finish_reason is empty")
    if not isinstance(raw, str) or not raw:
        return (ABSENT if raw is ABSENT else None), ""
    return FINISH.get(raw, "unknown"), raw


def odd_calls(calls: tuple[ToolCall, ...], finish: Maybe[Finish], asked: Asked) -> list[str]:
    """What would trouble a strict client in a reply with these calls."""
    identities = [call.id for call in calls if call.id]
    faults = (
        ("tool call without a name", any(not call.name for call in calls)),
        ("tool calls share an id", len(set(identities)) < len(identities)),
        ("finish_reason is stop although tools are called", bool(calls) and finish == "stop" and not asked.named_tool),
        ("finish_reason tells of tool calls that are not there", not calls and finish == "tool_calls"),
    )
    return [words for words, found in faults if found]


def _read_calls(value: JSON, oddities: list[str]) -> tuple[ToolCall, ...]:
    if not isinstance(value, list):
        if value is not None:
            oddities.append("tool_calls is not a list")
        return ()
    calls = []
    for entry in value:
        call, odd = read_tool_call(entry)
        calls.append(call)
        oddities.extend(odd)
    return tuple(calls)


def find_usage(value: dict[str, JSON], choice: JSON, oddities: list[str]) -> Maybe[Usage]:
    """Usage wherever it stands: at the top, in ``x_groq``, in the choice; failing these, in the ``timings``."""
    places = (
        ("usage", value.get("usage", ABSENT)),
        ("x_groq.usage", member(value.get("x_groq"), "usage")),
        ("choices[0].usage", member(choice, "usage")),
    )
    found: Maybe[Usage] = ABSENT
    for place, usage in places:
        if isinstance(usage, dict):
            return read_usage(usage, place, oddities)
        if usage is None:
            found = None
    timings = value.get("timings")
    return _read_timings(timings, oddities) if isinstance(timings, dict) and "prompt_n" in timings else found


def _read_timings(timings: dict[str, JSON], oddities: list[str]) -> Usage:
    """Counts of llama.cpp, whose streams have no others unless asked; ``prompt_n`` leaves out what was cached.

    In recorded replies that have both, ``prompt_n`` and ``cache_n`` add up to ``prompt_tokens``.
    """
    fresh, cached = (read_count(timings.get(name, ABSENT), oddities) for name in ("prompt_n", "cache_n"))
    return Usage(
        input=fresh + cached if isinstance(fresh, int) and isinstance(cached, int) else fresh,
        output=read_count(timings.get("predicted_n", ABSENT), oddities),
        cached=cached,
        place=TIMINGS,
    )


def read_usage(usage: dict[str, JSON], place: str, oddities: list[str]) -> Usage:
    """Counts of a usage object. ``completion_tokens`` includes reasoning in this dialect."""
    completion = usage.get("completion_tokens_details")
    prompt = usage.get("prompt_tokens_details")
    reasoning = member(completion, "reasoning_tokens")
    if reasoning is ABSENT:
        reasoning = usage.get("reasoning_tokens", ABSENT)
    return Usage(
        input=read_count(usage.get("prompt_tokens", ABSENT), oddities),
        output=read_count(usage.get("completion_tokens", ABSENT), oddities),
        total=read_count(usage.get("total_tokens", ABSENT), oddities),
        reasoning=read_count(reasoning, oddities),
        cached=read_count(member(prompt, "cached_tokens"), oddities),
        place=place,
    )


def read_logprobs(value: JSON, oddities: list[str]) -> Maybe[tuple[TokenLogprob, ...]]:
    """Log probabilities in OpenAI's shape, with those of the reasoning before those of the text where it has some.

    Or in the parallel lists of older completions.
    """
    if value is ABSENT or value is None:
        return ABSENT if value is ABSENT else None
    if not isinstance(value, dict):
        oddities.append("logprobs is not an object")
        return None
    lists = [value[name] for name in ("reasoning_content", "content") if isinstance(value.get(name), list)]
    if lists:
        return tuple(_read_logprob(entry) for entries in lists for entry in objects(entries))
    tokens, numbers = value.get("tokens"), value.get("token_logprobs")
    if isinstance(tokens, list) and isinstance(numbers, list):
        oddities.append("logprobs as parallel lists")
        tops = value.get("top_logprobs")
        tops = tops if isinstance(tops, list) else [None] * len(tokens)
        return tuple(
            TokenLogprob(str(token), read_number(number), _read_top(top))
            for token, number, top in zip(tokens, numbers, tops, strict=False)
        )
    return None


def _read_logprob(entry: dict[str, JSON]) -> TokenLogprob:
    return TokenLogprob(
        str(entry.get("token", "")), read_number(entry.get("logprob")), _read_top(entry.get("top_logprobs"))
    )


def _read_top(value: JSON) -> tuple[tuple[str, float | None], ...]:
    if isinstance(value, dict):
        return tuple((str(token), read_number(number)) for token, number in value.items())
    if not isinstance(value, list):
        return ()
    entries = (entry for entry in value if isinstance(entry, dict))
    return tuple((str(entry.get("token", "")), read_number(entry.get("logprob"))) for entry in entries)


def write_reply(reply: Reply) -> dict[str, JSON]:
    """The JSON body that says ``reply``."""
    if reply.error is not None:
        return write_error(reply.error)
    message: dict[str, Any] = {"role": "assistant"} | write_content(reply)
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if reply.tool_calls:
        message["tool_calls"] = [write_tool_call(call) for call in reply.tool_calls]
    choice: dict[str, JSON] = {"index": 0, "message": message | write_attached(reply)}
    if reply.logprobs is not ABSENT:
        choice["logprobs"] = write_logprobs(reply.logprobs)
    if reply.finish is not ABSENT:
        choice["finish_reason"] = write_finish(reply)
    beside, inside = write_usage(reply)
    return write_head(reply, "chat.completion") | {"choices": [choice | inside]} | beside


def write_head(reply: Reply, kind: str) -> dict[str, JSON]:
    """The fields that every body and every chunk begins with."""
    head: dict[str, JSON] = {"id": "chatcmpl-1", "object": kind, "created": 0}
    if reply.model is not ABSENT:
        head["model"] = reply.model
    if reply.fingerprint is not ABSENT:
        head["system_fingerprint"] = reply.fingerprint
    return head


def write_content(reply: Reply) -> dict[str, JSON]:
    """Text and reasoning, in the fields where ``reply`` says that they stood."""
    fields: dict[str, JSON] = {}
    content: JSON = reply.text
    if reply.reasoning_place == "think":
        content = f"<think>\n{reply.reasoning}\n</think>\n\n{reply.content}"
    elif reply.reasoning_place == PARTS:
        thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": reply.reasoning}]}
        content = [thoughts, {"type": "text", "text": reply.content}]
    elif reply.reasoning is not ABSENT:
        fields[reply.reasoning_place or REASONING_FIELDS[0]] = reply.reasoning
    if content is not ABSENT:
        fields["content"] = content
    return fields


def write_finish(reply: Reply) -> str | None:
    """The wire's finish reason: the raw one where it is known."""
    return reply.finish_raw or (reply.finish if isinstance(reply.finish, str) else None)


def write_usage(reply: Reply) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """What usage adds to the body, and what it adds to the choice; nothing when it is absent."""
    usage = reply.usage
    if not isinstance(usage, Usage):
        return ({} if usage is ABSENT else {"usage": None}), {}
    if usage.place == TIMINGS:
        return {TIMINGS: _write_timings(usage)}, {}
    counts = _write_counts(usage)
    if usage.place == "choices[0].usage":
        return {}, {"usage": counts}
    return ({"x_groq": {"usage": counts}} if usage.place == "x_groq.usage" else {"usage": counts}), {}


def _write_timings(usage: Usage) -> dict[str, JSON]:
    fresh, cached = usage.input, usage.cached
    counts = (
        ("prompt_n", fresh - cached if isinstance(fresh, int) and isinstance(cached, int) else fresh),
        ("predicted_n", usage.output),
        ("cache_n", cached),
    )
    return {name: value for name, value in counts if value is not ABSENT}


def _write_counts(usage: Usage) -> dict[str, JSON]:
    counts: dict[str, JSON] = {}
    for name, value in (
        ("prompt_tokens", usage.input),
        ("completion_tokens", usage.output),
        ("total_tokens", usage.total),
    ):
        if value is not ABSENT:
            counts[name] = value
    if usage.cached is not ABSENT:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning is not ABSENT:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return counts


def write_logprobs(logprobs: tuple[TokenLogprob, ...] | None) -> JSON:
    """The ``logprobs`` member of a choice."""
    return None if logprobs is None else {"content": [_write_logprob(entry) for entry in logprobs]}


def _write_logprob(entry: TokenLogprob) -> dict[str, JSON]:
    written = _write_token(entry.token, entry.logprob)
    return written | {"top_logprobs": [_write_token(token, number) for token, number in entry.top]}


def _write_token(token: str, logprob: float | None) -> dict[str, JSON]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", errors="replace"))}
