"""The request: ``Call`` to the JSON body and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmprobe.call import (
    JSON,
    Call,
    File,
    Image,
    JsonObject,
    JsonSchema,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
)
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.json_text import read_json
from llmprobe.dialects.openai_chat import request as chat
from llmprobe.dialects.values import Body
from llmprobe.json_patch import merge_patch

PATH = "/api/chat"

_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}

SPELLINGS: Mapping[str, tuple[str, ...]] = {"max_tokens": ("num_predict",), "thinking": ("think",)}

FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(chat.FIELDS, ()),
    "seed": ("seed",),
    "max_tokens": ("num_predict",),
    "stop": ("stop",),
    "json": ("format", "json mode"),
    "schema": ("format", "schema", "structured output", "grammar"),
    "tools": ("tools", "tool calling", "function calling", "tool"),
    "logprobs": ("logprobs", "top_logprobs"),
    "image": ("image", "images", "vision", "multimodal"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "thinking": ("think", "thinking"),
}

LACKS = frozenset(name for name, words in FIELDS.items() if not words) | {"tool_choice"}

_SHARED = ("tools", "logprobs", "top_logprobs")
"""Fields that stand in a body just as in one of chat completions."""


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    body: dict[str, JSON] = {"model": call.model, "messages": _write_messages(call.messages), "stream": call.stream}
    asked = Call("", (), tools=call.tools, server_tools=call.server_tools, top_logprobs=call.top_logprobs)
    shared = chat.write_call(asked)
    body |= {name: shared[name] for name in _SHARED if name in shared}
    if call.response_format is not None:
        wanted = call.response_format
        body["format"] = dict(wanted.schema) if isinstance(wanted, JsonSchema) else "json"
    if call.thinking is not None:
        body["think"] = call.thinking
    options = _write_options(call)
    if options:
        body["options"] = options
    patched: dict[str, JSON] = merge_patch(body, dict(call.patch))
    return patched


def _write_options(call: Call) -> dict[str, JSON]:
    options: dict[str, JSON] = {} if call.max_tokens is None else {"num_predict": call.max_tokens}
    for name in ("temperature", "top_p", "seed"):
        value = getattr(call, name)
        if value is not None:
            options[name] = value
    if call.stop:
        options["stop"] = list(call.stop)
    return options


def _write_messages(messages: tuple[Message, ...]) -> list[dict[str, JSON]]:
    written, calls = [], list[ToolCall]()
    for message in messages:
        if message.tool_calls:
            calls = list(message.tool_calls)
        answered = _write_answered(message, calls) if message.role == "tool" else {}
        written.append(_write_message(message) | answered)
    return written


def _write_message(message: Message) -> dict[str, JSON]:
    """One message. Text goes before images, and what is neither of them has no field."""
    written: dict[str, JSON] = {"role": message.role}
    content = message.content
    if isinstance(content, tuple):
        texts = [text for part in content if (text := _text_of(part)) is not None]
        if texts:
            written["content"] = "\n".join(texts)
        # a URL is sent where the data should be: it is for the server to say that it does not fetch any
        written["images"] = [part.data or part.url for part in content if isinstance(part, Image)]
    elif content is not None:
        written["content"] = content
    if message.reasoning is not None:
        written["thinking"] = message.reasoning
    if message.tool_calls:
        written["tool_calls"] = [write_tool_call(call) for call in message.tool_calls]
    return written


def _text_of(part: Part) -> str | None:
    return part.text if isinstance(part, (Text, File)) else None


def _write_answered(message: Message, calls: list[ToolCall]) -> dict[str, JSON]:
    """Which of ``calls`` the message is the result of; that one is taken out of ``calls``.

    Results go by the name of the tool here, as calls mostly have no ids; those without an id are in the
    order of the calls.
    """
    identity = message.tool_call_id or ""
    call = next((call for call in calls if call.id == identity), None)
    if call is not None:
        calls.remove(call)
    name = message.name or (call.name if call else identity)
    named = {"tool_name": name} if name else {}
    return named | ({} if identity in ("", name) else {"tool_call_id": identity})


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A call in a message: its arguments are an object, unless they are the text of none."""
    try:
        arguments = read_json(call.arguments, [])
    except ValueError:
        arguments = None
    function = {"name": call.name, "arguments": arguments if isinstance(arguments, dict) else call.arguments}
    return ({"id": call.id} if call.id else {}) | {"function": function}


def read_call(body: dict[str, JSON]) -> Call:
    """The ``Call`` that ``body`` asks for; raises ``DecodeError`` when it names no model or has no messages."""
    if not isinstance(body.get("messages"), list):
        raise DecodeError("no `messages` list in the request")
    if not isinstance(body.get("model"), str):
        raise DecodeError("`model` is not a string")
    source = Body(dict(body))
    return Call(
        model=source.rest.pop("model"),
        messages=tuple(_read_message(entry) for entry in source.rest.pop("messages")),
        stream=source.take("stream", bool) is not False,  # by default it streams
        response_format=_read_format(source),
        thinking=source.take("think", bool),
        **_read_shared(source),
        **_read_options(source),
        patch=source.rest,
    )


def _read_shared(source: Body) -> dict[str, Any]:
    fields = {name: source.rest.pop(name) for name in _SHARED if name in source.rest}
    read = chat.read_call({"model": "", "messages": []} | fields)
    source.rest.update(read.patch)
    return {"tools": read.tools, "server_tools": read.server_tools, "top_logprobs": read.top_logprobs}


def _read_options(source: Body) -> dict[str, Any]:
    given = source.take("options", dict)
    options = Body(dict(given or {}))
    read = {
        "max_tokens": _read_cap(options),
        "temperature": options.take("temperature", (int, float)),
        "top_p": options.take("top_p", (int, float)),
        "seed": options.take("seed", int),
        "stop": _read_stop(options),
    }
    if options.rest or given == {}:
        source.rest["options"] = options.rest
    return read


def _read_format(source: Body) -> JsonObject | JsonSchema | None:
    if source.take_equal("format", "json"):
        return JsonObject()
    schema = source.take("format", dict)
    return None if schema is None else JsonSchema("", schema)


def _read_cap(options: Body) -> int | None:
    """The output cap; below zero there is none (docs/modelfile.md: -1 goes on for ever)."""
    value: int | None = options.take("num_predict", int)
    if value is not None and value < 0:
        options.rest["num_predict"] = value
        return None
    return value


def _read_stop(options: Body) -> tuple[str, ...]:
    value = options.rest.get("stop")
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return tuple(options.rest.pop("stop"))
    return ()


def _read_message(entry: JSON) -> Message:
    if not isinstance(entry, dict) or not isinstance(entry.get("role"), str):
        raise DecodeError("a message is not an object with a role")
    role = _ROLES.get(entry["role"])
    if role is None:
        raise DecodeError(f"unknown message role {entry['role']!r}")
    calls = entry.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DecodeError("tool_calls is not a list")
    name, reasoning = _word(entry, "tool_name"), entry.get("thinking")
    return Message(
        role=role,
        content=_read_content(entry),
        tool_calls=tuple(read_tool_call(call)[0] for call in calls),
        tool_call_id=_word(entry, "tool_call_id") or name or None,
        reasoning=reasoning if isinstance(reasoning, str) else None,
        name=name,
    )


def _word(entry: dict[str, JSON], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _read_content(entry: dict[str, JSON]) -> str | tuple[Part, ...] | None:
    """The text; parts where there are images beside it, whose type the wire does not tell."""
    content, images = entry.get("content"), entry.get("images")
    if content is not None and not isinstance(content, str):
        raise DecodeError("message content is not a string")
    if images is None:
        return content
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise DecodeError("images is not a list of strings")
    texts = () if content is None else (Text(content),)
    return (*texts, *(Image(image) for image in images))


def read_tool_call(entry: JSON) -> tuple[ToolCall, tuple[str, ...]]:
    """A tool call, and what is odd about it. That it has no id is not."""
    outer = entry if isinstance(entry, dict) else {}
    function = outer.get("function")
    function = function if isinstance(function, dict) else {}
    arguments, oddities = function.get("arguments"), list[str]()
    if arguments is None:
        oddities.append("tool call without arguments")
    elif not isinstance(arguments, dict):
        oddities.append("tool call arguments are not an object")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(_word(outer, "id"), _word(function, "name"), arguments), tuple(oddities)
