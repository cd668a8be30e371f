"""The request: ``Call`` to the JSON body and back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from llmprobe.call import (
    JSON,
    Call,
    JsonObject,
    JsonSchema,
    Message,
    NamedTool,
    Role,
    ServerTool,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.openai_chat.parts import FORMS, read_part, write_part
from llmprobe.dialects.openai_chat.thinking import SWITCHES, read_thinking, write_thinking
from llmprobe.dialects.values import Body
from llmprobe.json_patch import merge_patch

PATH = "/chat/completions"

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",  # what newer OpenAI models call it; both are accepted
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    # the documented one first where all take it, else the one that most relatives take
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "schema": ("json_schema.schema", "response_format.schema", "json_object.schema"),
    "stop": ("list", "string"),
    "thinking": tuple(SWITCHES),
    "seed": ("seed",),
    "tool_choice": ("required", "any"),
    # a picture is understood in either form, so that a refusal does not call for the other one
    **{kind: forms for kind, forms in FORMS.items() if kind != "image"},
}
_READ_TOO: Mapping[str, tuple[str, ...]] = {"max_tokens": ("n_predict",), "seed": ("random_seed",)}
"""Spellings that are read, and not tried: who takes them takes a better known one too."""
_DEFAULTS = {name: ways[0] for name, ways in {**SPELLINGS, **FORMS}.items()}

FIELDS: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed", "random_seed"),
    "max_tokens": ("max_tokens", "max_completion_tokens", "n_predict"),
    "stop": ("stop",),
    "json": ("response_format", "json_object", "json mode", "response format"),
    "schema": ("response_format", "json_schema", "schema", "structured output", "response format"),
    "tools": ("tools", "tool_choice", "tool calling", "tool choice", "function calling", "tool", "functions"),
    "logprobs": ("logprobs", "top_logprobs"),
    "image": ("image", "image_url", "images", "vision", "multimodal", "content must be a string"),
    "audio": ("audio", "input_audio", "audio_url", "multimodal", "content must be a string"),
    "document": ("document", "file", "file_data", "document_url", "pdf", "content must be a string"),
    "video": ("video", "video_url", "multimodal", "content must be a string"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "include_usage": ("stream_options", "include_usage"),
    "thinking": ("reasoning_effort", "chat_template_kwargs", "thinking", "enable_thinking", "reasoning"),
}


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    body: dict[str, JSON] = {"model": call.model} if call.model else {}
    forms = dict(call.spelling)
    body["messages"] = [_write_message(message, forms) for message in call.messages]
    if call.stream:
        body["stream"] = True
    if call.include_usage:
        body["stream_options"] = {"include_usage": True}
    tools = [*map(_write_tool, call.tools), *({"type": tool.kind, **tool.data} for tool in call.server_tools)]
    if tools:
        body["tools"] = tools
    if call.tool_choice is not None:
        body["tool_choice"] = _write_choice(call.tool_choice, call.spelled("tool_choice", "required"))
    if call.response_format is not None:
        body["response_format"] = _write_format(call)
    if call.max_tokens is not None:
        body[call.spelled("max_tokens", "max_tokens")] = call.max_tokens
    if call.stop:
        single = call.spelled("stop", "list") == "string"
        body["stop"] = call.stop[0] if single else list(call.stop)
    if call.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": call.top_logprobs}
    for name in ("parallel_tool_calls", "temperature", "top_p"):
        value = getattr(call, name)
        if value is not None:
            body[name] = value
    if call.seed is not None:
        body[call.spelled("seed", "seed")] = call.seed
    if call.thinking is not None:
        body |= write_thinking(call.thinking, call.spelled("thinking", SPELLINGS["thinking"][0]))
    patched: dict[str, JSON] = merge_patch(body, dict(call.patch))
    return patched


def _write_message(message: Message, forms: Mapping[str, str]) -> dict[str, JSON]:
    content = message.content
    written: dict[str, JSON] = {"role": message.role}
    if content is not None or not message.tool_calls:  # beside calls it need not stand, and no recorded request has it
        written["content"] = [write_part(part, forms) for part in content] if isinstance(content, tuple) else content
    if message.reasoning is not None:
        written["reasoning_content"] = message.reasoning
    if message.tool_calls:
        written["tool_calls"] = [write_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return written | ({"name": message.name} if message.name else {})


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A call in a message; ``arguments`` is a string of JSON in this dialect."""
    function = {"name": call.name, "arguments": call.arguments}
    return ({"id": call.id} if call.id else {}) | {"type": "function", "function": function}


def _write_tool(tool: Tool) -> dict[str, JSON]:
    function: dict[str, JSON] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    strict = {} if tool.strict is None else {"strict": tool.strict}
    return {"type": "function", "function": function | {"parameters": dict(tool.parameters)} | strict}


def _write_choice(choice: ToolChoice, required: str) -> JSON:
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return required if choice == "required" else choice


def _write_format(call: Call) -> dict[str, JSON]:
    wanted = call.response_format
    if not isinstance(wanted, JsonSchema):
        return {"type": "json_object"}
    spelling = call.spelled("schema", "json_schema.schema")
    if spelling == "json_schema":
        return {"type": "json_schema", "json_schema": dict(wanted.schema)}
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
    messages = tuple(_read_message(entry, source.spelling) for entry in source.rest.pop("messages"))
    tools, server_tools = _read_tools(source)
    return Call(
        model=source.rest.pop("model", ""),  # local servers with one model are asked without a name
        messages=messages,
        stream=source.take("stream", bool) or False,
        include_usage=source.take_equal("stream_options", {"include_usage": True}),
        tools=tools,
        server_tools=server_tools,
        tool_choice=_read_choice(source),
        parallel_tool_calls=source.take("parallel_tool_calls", bool),
        response_format=_read_format(source),
        max_tokens=_read_number(source, "max_tokens"),
        temperature=source.take("temperature", (int, float)),
        top_p=source.take("top_p", (int, float)),
        seed=_read_number(source, "seed"),
        stop=_read_stop(source),
        top_logprobs=_read_logprobs(source),
        thinking=read_thinking(source),
        spelling=tuple(sorted(pair for pair in source.spelling.items() if pair[1] != _DEFAULTS.get(pair[0]))),
        patch=source.rest,
    )


def _read_message(entry: JSON, forms: dict[str, str]) -> Message:
    if not isinstance(entry, dict) or not isinstance(entry.get("role"), str):
        raise DecodeError("a message is not an object with a role")
    role = _ROLES.get(entry["role"])
    if role is None:
        raise DecodeError(f"unknown message role {entry['role']!r}")
    content = entry.get("content")
    if isinstance(content, list):
        content = tuple(read_part(part, forms) for part in content)
    elif content is not None and not isinstance(content, str):
        raise DecodeError("message content is neither a string nor a list of parts")
    calls = entry.get("tool_calls") or ()
    if not isinstance(calls, (list, tuple)):
        raise DecodeError("tool_calls is not a list")
    identity, reasoning = entry.get("tool_call_id"), entry.get("reasoning_content", entry.get("reasoning"))
    name = entry.get("name")
    return Message(
        role=role,
        content=content,
        tool_calls=tuple(read_tool_call(call)[0] for call in calls),
        tool_call_id=identity if isinstance(identity, str) else None,
        reasoning=reasoning if isinstance(reasoning, str) else None,
        name=name if isinstance(name, str) else "",
    )


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


def _read_tools(source: Body) -> tuple[tuple[Tool, ...], tuple[ServerTool, ...]]:
    """The functions on offer, and the tools that the server runs; a list that holds anything else stays in the rest."""
    entries = source.rest.get("tools")
    if not isinstance(entries, list) or not all(_is_function(entry) or _is_server_tool(entry) for entry in entries):
        return (), ()
    if entries:
        del source.rest["tools"]
    functions = tuple(_read_tool(entry["function"]) for entry in entries if _is_function(entry))
    return functions, tuple(_read_server_tool(entry) for entry in entries if not _is_function(entry))


def _is_server_tool(entry: JSON) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("type"), str) and entry["type"] != "function"


def _read_server_tool(entry: dict[str, JSON]) -> ServerTool:
    return ServerTool(entry["type"], {name: value for name, value in entry.items() if name != "type"})


def _is_function(entry: JSON) -> bool:
    function = entry.get("function") if isinstance(entry, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str) and entry.get("type") == "function"


def _read_tool(function: dict[str, JSON]) -> Tool:
    parameters, description, strict = (function.get(name) for name in ("parameters", "description", "strict"))
    return Tool(
        function["name"],
        description if isinstance(description, str) else "",
        parameters if isinstance(parameters, dict) else {},
        strict if isinstance(strict, bool) else None,
    )


def _read_choice(source: Body) -> ToolChoice | None:
    value = source.rest.get("tool_choice")
    if isinstance(value, str) and value in ("auto", "none", "required"):
        choice: ToolChoice = source.rest.pop("tool_choice")
        return choice
    if value == "any":
        source.spelling["tool_choice"] = source.rest.pop("tool_choice")
        return "required"
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
    if holder is nested and _is_schema(holder):  # not documented, and what some clients send
        source.spelling["schema"] = "json_schema"
        del source.rest["response_format"]
        return JsonSchema("", holder)
    if not isinstance(holder.get("schema"), dict):
        return None
    if holder is wanted:
        source.spelling["schema"] = f"{'response_format' if kind == 'json_schema' else kind}.schema"
    del source.rest["response_format"]
    name, strict = holder.get("name"), holder.get("strict")
    return JsonSchema(
        name if isinstance(name, str) else "", holder["schema"], strict if isinstance(strict, bool) else None
    )


def _is_schema(holder: Mapping[str, JSON]) -> bool:
    """The schema itself stands where its holder should be."""
    return "schema" not in holder and ("properties" in holder or "$schema" in holder)


def _read_number(source: Body, feature: str) -> int | None:
    """The number that stands in whichever spelling of ``feature`` comes first."""
    for name in (*SPELLINGS[feature], *_READ_TOO.get(feature, ())):
        value: int | None = source.take(name, int)
        if value is not None:
            source.spelling[feature] = name
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
