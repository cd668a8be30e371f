"""The request: ``Call`` to the JSON body and back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from llmprobe.call import (
    JSON,
    Call,
    File,
    Image,
    JsonObject,
    JsonSchema,
    Message,
    NamedTool,
    Other,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.values import Body, read_data_url, write_data_url
from llmprobe.json_patch import merge_patch

PATH = "/chat/completions"

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",  # what newer OpenAI models call it; both are accepted
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}

_THINKING: Mapping[str, tuple[dict[str, JSON], dict[str, JSON]]] = {
    # name: (on, off); wire/dialects.md, "How the compatibles turn thinking on and off"
    "reasoning_effort": ({"reasoning_effort": "low"}, {"reasoning_effort": "none"}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    "thinking": ({"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
    "enable_thinking": ({"enable_thinking": True}, {"enable_thinking": False}),
    "reasoning": ({"reasoning": {"enabled": True}}, {"reasoning": {"enabled": False}}),
}

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    # the documented one first where all take it, else the one that most relatives take
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "schema": ("json_schema.schema", "response_format.schema", "json_object.schema"),
    "stop": ("list", "string"),
    "thinking": tuple(_THINKING),
}

FIELDS: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "stop": ("stop",),
    "json": ("response_format", "json_object", "json mode", "response format"),
    "schema": ("response_format", "json_schema", "schema", "structured output", "response format"),
    "tools": ("tools", "tool_choice", "tool calling", "tool choice", "function calling", "tool", "functions"),
    "logprobs": ("logprobs", "top_logprobs"),
    "image": ("image", "image_url", "images", "vision", "multimodal", "content must be a string"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "include_usage": ("stream_options", "include_usage"),
    "thinking": ("reasoning_effort", "chat_template_kwargs", "thinking", "enable_thinking", "reasoning"),
}


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    body: dict[str, JSON] = {"model": call.model} if call.model else {}
    body["messages"] = [_write_message(message) for message in call.messages]
    if call.stream:
        body["stream"] = True
    if call.include_usage:
        body["stream_options"] = {"include_usage": True}
    if call.tools:
        body["tools"] = [_write_tool(tool) for tool in call.tools]
    if call.tool_choice is not None:
        body["tool_choice"] = _write_choice(call.tool_choice)
    if call.response_format is not None:
        body["response_format"] = _write_format(call)
    if call.max_tokens is not None:
        body[call.spelled("max_tokens", "max_tokens")] = call.max_tokens
    if call.stop:
        single = call.spelled("stop", "list") == "string"
        body["stop"] = call.stop[0] if single else list(call.stop)
    if call.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": call.top_logprobs}
    for name in ("parallel_tool_calls", "temperature", "top_p", "seed"):
        value = getattr(call, name)
        if value is not None:
            body[name] = value
    if call.thinking is not None:
        on, off = _THINKING[call.spelled("thinking", SPELLINGS["thinking"][0])]
        body |= on if call.thinking else off
    patched: dict[str, JSON] = merge_patch(body, dict(call.patch))
    return patched


def _write_message(message: Message) -> dict[str, JSON]:
    content = message.content
    written: dict[str, JSON] = {"role": message.role}
    written["content"] = [_write_part(part) for part in content] if isinstance(content, tuple) else content
    if message.reasoning is not None:
        written["reasoning_content"] = message.reasoning
    if message.tool_calls:
        written["tool_calls"] = [write_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return written


def _write_part(part: Part) -> dict[str, JSON]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Other):
        return {"type": part.kind, **part.data}
    if isinstance(part, File):
        raise NotImplementedError
    url = part.url or write_data_url(part.media_type, part.data)
    return {"type": "image_url", "image_url": {"url": url}}


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A call in a message; ``arguments`` is a string of JSON in this dialect."""
    function = {"name": call.name, "arguments": call.arguments}
    return ({"id": call.id} if call.id else {}) | {"type": "function", "function": function}


def _write_tool(tool: Tool) -> dict[str, JSON]:
    function: dict[str, JSON] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function | {"parameters": dict(tool.parameters)}}


def _write_choice(choice: ToolChoice) -> JSON:
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _write_format(call: Call) -> dict[str, JSON]:
    wanted = call.response_format
    if not isinstance(wanted, JsonSchema):
        return {"type": "json_object"}
    spelling = call.spelled("schema", "json_schema.schema")
    strict = {} if wanted.strict is None else {"strict": wanted.strict}
    named = ({"name": wanted.name} if wanted.name else {}) | strict
    if spelling == "response_format.schema":
        return {"type": "json_schema"} | named | {"schema": dict(wanted.schema)}
    if spelling == "json_object.schema":
        return {"type": "json_object"} | named | {"schema": dict(wanted.schema)}
    return {"type": "json_schema", "json_schema": named | {"schema": dict(wanted.schema)}}


def read_call(body: JSON) -> Call:
    """The ``Call`` that ``body`` asks for; raises ``DecodeError`` when it has no messages."""
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise DecodeError("no `messages` list in the request")
    if not isinstance(body.get("model", ""), str):
        raise DecodeError("`model` is not a string")
    if not body["messages"] and "model" not in body:
        raise DecodeError("neither `model` nor messages in the request")
    source = Body(dict(body))
    messages = tuple(_read_message(entry) for entry in source.rest.pop("messages"))
    return Call(
        model=source.rest.pop("model", ""),  # local servers with one model are asked without a name
        messages=messages,
        stream=source.take("stream", bool) or False,
        include_usage=source.take_equal("stream_options", {"include_usage": True}),
        tools=_read_tools(source),
        tool_choice=_read_choice(source),
        parallel_tool_calls=source.take("parallel_tool_calls", bool),
        response_format=_read_format(source),
        max_tokens=_read_max_tokens(source),
        temperature=source.take("temperature", (int, float)),
        top_p=source.take("top_p", (int, float)),
        seed=source.take("seed", int),
        stop=_read_stop(source),
        top_logprobs=_read_logprobs(source),
        thinking=_read_thinking(source),
        spelling=tuple(sorted(source.spelling.items())),
        patch=source.rest,
    )


def _read_message(entry: JSON) -> Message:
    if not isinstance(entry, dict) or not isinstance(entry.get("role"), str):
        raise DecodeError("a message is not an object with a role")
    role = _ROLES.get(entry["role"])
    if role is None:
        raise DecodeError(f"unknown message role {entry['role']!r}")
    content = entry.get("content")
    if isinstance(content, list):
        content = tuple(_read_part(part) for part in content)
    elif content is not None and not isinstance(content, str):
        raise DecodeError("message content is neither a string nor a list of parts")
    calls = entry.get("tool_calls") or ()
    if not isinstance(calls, (list, tuple)):
        raise DecodeError("tool_calls is not a list")
    identity, reasoning = entry.get("tool_call_id"), entry.get("reasoning_content", entry.get("reasoning"))
    return Message(
        role=role,
        content=content,
        tool_calls=tuple(read_tool_call(call)[0] for call in calls),
        tool_call_id=identity if isinstance(identity, str) else None,
        reasoning=reasoning if isinstance(reasoning, str) else None,
    )


def _read_part(part: JSON) -> Part:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise DecodeError("a content part is not an object with a type")
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return Text(part["text"])
    if part.get("type") == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):
            return _read_url(url)
    return Other(part["type"], {name: value for name, value in part.items() if name != "type"})


def _read_url(url: str) -> Image:
    inline = read_data_url(url)
    return Image(data=inline[1], media_type=inline[0]) if inline else Image(url=url)


def read_tool_call(entry: JSON) -> tuple[ToolCall, tuple[str, ...]]:
    """A whole tool call, and what is odd about it."""
    outer = entry if isinstance(entry, dict) else {}
    function = outer.get("function")
    function = function if isinstance(function, dict) else {}
    oddities = []
    arguments = function.get("arguments")
    if isinstance(arguments, (dict, list)):
        oddities.append("tool call arguments are not a string")
        arguments = json.dumps(arguments, ensure_ascii=False)
    elif not isinstance(arguments, str):
        oddities.append("tool call without arguments")
        arguments = ""
    identity = outer.get("id")
    if not isinstance(identity, str) or not identity:
        oddities.append("tool call without an id")
        identity = ""
    name = function.get("name")
    return ToolCall(identity, name if isinstance(name, str) else "", arguments), tuple(oddities)


def _read_tools(source: Body) -> tuple[Tool, ...]:
    """The functions on offer; a list that holds anything else, such as a built-in search, stays in the rest."""
    entries = source.rest.get("tools")
    if not isinstance(entries, list) or not entries or not all(map(_is_function, entries)):
        return ()
    return tuple(_read_tool(entry["function"]) for entry in source.rest.pop("tools"))


def _is_function(entry: JSON) -> bool:
    function = entry.get("function") if isinstance(entry, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str) and entry.get("type") == "function"


def _read_tool(function: dict[str, JSON]) -> Tool:
    parameters, description = function.get("parameters"), function.get("description")
    return Tool(
        function["name"],
        description if isinstance(description, str) else "",
        parameters if isinstance(parameters, dict) else {},
    )


def _read_choice(source: Body) -> ToolChoice | None:
    value = source.rest.get("tool_choice")
    if isinstance(value, str) and value in ("auto", "none", "required"):
        choice: ToolChoice = source.rest.pop("tool_choice")
        return choice
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        name = value["function"].get("name")
        if isinstance(name, str):
            del source.rest["tool_choice"]
            return NamedTool(name)
    return None


def _read_format(source: Body) -> JsonObject | JsonSchema | None:
    wanted = source.rest.get("response_format")
    if not isinstance(wanted, dict):
        return None
    kind, nested = wanted.get("type"), wanted.get("json_schema")
    if wanted == {"type": "json_object"}:
        del source.rest["response_format"]
        return JsonObject()
    if kind not in ("json_object", "json_schema"):
        return None
    holder = nested if isinstance(nested, dict) and kind == "json_schema" else wanted
    if not isinstance(holder.get("schema"), dict):
        return None
    if holder is wanted:
        source.spelling["schema"] = f"{'response_format' if kind == 'json_schema' else kind}.schema"
    del source.rest["response_format"]
    name, strict = holder.get("name"), holder.get("strict")
    return JsonSchema(
        name if isinstance(name, str) else "", holder["schema"], strict if isinstance(strict, bool) else None
    )


def _read_max_tokens(source: Body) -> int | None:
    for name in SPELLINGS["max_tokens"]:
        value: int | None = source.take(name, int)
        if value is not None:
            if name != SPELLINGS["max_tokens"][0]:
                source.spelling["max_tokens"] = name
            return value
    return None


def _read_stop(source: Body) -> tuple[str, ...]:
    value = source.rest.get("stop")
    if isinstance(value, str):
        source.spelling["stop"] = "string"
        return (source.rest.pop("stop"),)
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return tuple(source.rest.pop("stop"))
    return ()


def _read_logprobs(source: Body) -> int | None:
    if source.rest.get("logprobs") is not True:
        return None
    count: int | None = source.take("top_logprobs", int)
    if count is not None:
        del source.rest["logprobs"]
    return count


def _read_thinking(source: Body) -> bool | None:
    for name, ways in _THINKING.items():
        for wanted, patch in zip((True, False), ways, strict=True):
            if all(source.rest.get(key) == value for key, value in patch.items()):
                for key in patch:
                    del source.rest[key]
                if name != SPELLINGS["thinking"][0]:
                    source.spelling["thinking"] = name
                return wanted
    return None
