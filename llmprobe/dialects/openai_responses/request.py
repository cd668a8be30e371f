"""The request: ``Call`` to the JSON body and back.

Words of ours that need saying how they stand on the wire:

- A turn of the assistant is one ``Message``, but up to three kinds of items in a row: a ``reasoning`` item (its
  summary is ``Message.reasoning``), a ``message``, and the ``function_call`` items. ``ToolCall.id`` is the ``call_id``
  that links a call to its ``function_call_output``. Items without a word, such as a ``web_search_call`` that is
  played back, are a message of their own with one ``Other`` part.
- Where these words do not say all that a list of items or tools holds (ids, ``encrypted_content``, ``annotations``,
  ``strict``), the list also stays in ``Call.patch``, whole. There it replaces what the words would say, so the
  request is sent again as it was; whoever changes ``messages`` or ``tools`` of such a call drops it from the patch.
- ``thinking`` is ``reasoning.effort``: off is "none", on any effort from "low" up (one above "low" stays in the patch
  too). "minimal" is neither, and stays in the patch alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

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
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.values import Body, objects, read_data_url, write_data_url
from llmprobe.json_patch import merge_patch

PATH = "/responses"

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",  # what newer models call it; both are accepted
    "user": "user",
    "assistant": "assistant",
}
_LOGPROBS = "message.output_text.logprobs"
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""Efforts that ask for thinking; see the head of this module on the others."""

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_output_tokens",),
    "thinking": ("reasoning.effort",),
    # without ``include``, OpenAI takes ``top_logprobs`` and sends no logprobs
    "logprobs": ("include", "top_logprobs"),
    # where the system prompt stands: in a message of this role, or in a field of its own
    "system": ("system", "developer", "instructions"),
    # how ``input`` is written: items of type "message", messages without a type, or a lone prompt
    "input": ("typed", "untyped", "string"),
}

FIELDS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_output_tokens", "max_tokens"),
    "json": ("text.format", "json_object", "json mode", "response format"),
    "schema": ("text.format", "json_schema", "schema", "structured output", "response format"),
    "tools": ("tools", "tool_choice", "tool calling", "tool choice", "function calling", "tool", "functions"),
    "logprobs": ("logprobs", "top_logprobs", _LOGPROBS),
    "image": ("image", "input_image", "image_url", "images", "vision", "multimodal"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "thinking": ("reasoning.effort", "reasoning_effort", "effort", "thinking", "reasoning"),
    # there are no fields for these; usage always comes, in the last event of a stream
    "seed": (),
    "stop": (),
    "include_usage": (),
}
LACKS = frozenset(name for name, words in FIELDS.items() if not words)


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    body: dict[str, JSON] = {"model": call.model} if call.model else {}
    body |= _write_input(call.messages, dict(call.spelling))
    if call.stream:
        body["stream"] = True
    if call.tools or call.server_tools:
        body["tools"] = _write_tools(call.tools, call.server_tools)
    if call.tool_choice is not None:
        body["tool_choice"] = _write_choice(call.tool_choice)
    if call.response_format is not None:
        body["text"] = {"format": _write_format(call.response_format)}
    if call.max_tokens is not None:
        body["max_output_tokens"] = call.max_tokens
    if call.top_logprobs is not None:
        body["top_logprobs"] = call.top_logprobs
        if call.spelled("logprobs", "include") == "include":
            body["include"] = [_LOGPROBS]
    for name in ("parallel_tool_calls", "temperature", "top_p"):
        value = getattr(call, name)
        if value is not None:
            body[name] = value
    if call.thinking is not None:
        body["reasoning"] = {"effort": "low" if call.thinking else "none"}
    patched: dict[str, JSON] = merge_patch(body, dict(call.patch))
    return patched


def _write_input(messages: Sequence[Message], spelling: Mapping[str, str]) -> dict[str, JSON]:
    """``input``, and ``instructions`` where they hold the system prompt."""
    body: dict[str, JSON] = {}
    if spelling.get("system") == "instructions" and messages and _is_prompt(messages[0], "system"):
        body["instructions"], messages = messages[0].content, messages[1:]
    if spelling.get("input") == "string" and len(messages) == 1 and _is_prompt(messages[0], "user"):
        return body | {"input": messages[0].content}
    return body | {"input": [item for message in messages for item in _write_message(message, spelling)]}


def _is_prompt(message: Message, role: Role) -> bool:
    return message.role == role and isinstance(message.content, str)


def _write_message(message: Message, spelling: Mapping[str, str]) -> list[dict[str, JSON]]:
    if message.role == "tool":
        identity = {} if message.tool_call_id is None else {"call_id": message.tool_call_id}
        return [{"type": "function_call_output"} | identity | {"output": _write_content(message)}]
    items: list[dict[str, JSON]] = []
    if message.reasoning is not None:
        items.append({"type": "reasoning", "summary": write_summary(message.reasoning)})
    if message.content is not None or not (items or message.tool_calls):
        kind = {} if spelling.get("input") == "untyped" else {"type": "message"}
        developer = message.role == "system" and spelling.get("system") == "developer"
        role = "developer" if developer else message.role
        items.append(kind | {"role": role, "content": _write_content(message)})
    return items + [write_tool_call(call) for call in message.tool_calls]


def write_summary(reasoning: str) -> list[JSON]:
    """The ``summary`` of a reasoning item."""
    return [{"type": "summary_text", "text": reasoning}]


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A ``function_call`` item."""
    identity = {"call_id": call.id} if call.id else {}
    return {"type": "function_call"} | identity | {"name": call.name, "arguments": call.arguments}


def _write_content(message: Message) -> JSON:
    if not isinstance(message.content, tuple):
        return message.content
    text_type = "output_text" if message.role == "assistant" else "input_text"
    return [_write_part(part, text_type) for part in message.content]


def _write_part(part: Part, text_type: str) -> dict[str, JSON]:
    if isinstance(part, Text):
        return {"type": text_type, "text": part.text}
    if isinstance(part, Other):
        return {"type": part.kind, **part.data}
    if isinstance(part, File):
        return _write_file(part)
    url = part.url or write_data_url(part.media_type, part.data)
    return {"type": "input_image", "image_url": url, "detail": "auto"}  # openapi.yaml demands `detail`


def _write_file(file: File) -> dict[str, JSON]:
    written: dict[str, JSON] = {"type": "input_file"} | ({"filename": file.name} if file.name else {})
    if file.url:
        return written | {"file_url": file.url}
    if file.text is not None:  # the wire has no plain text documents
        data = base64.b64encode(file.text.encode(errors="replace")).decode()
        return written | {"file_data": write_data_url(file.media_type or "text/plain", data)}
    return written | {"file_data": write_data_url(file.media_type, file.data)}


def _write_tools(tools: Sequence[Tool], server_tools: Sequence[ServerTool]) -> list[dict[str, JSON]]:
    return [_write_tool(tool) for tool in tools] + [{"type": tool.kind, **tool.data} for tool in server_tools]


def _write_tool(tool: Tool) -> dict[str, JSON]:
    about = {"description": tool.description} if tool.description else {}
    return {"type": "function", "name": tool.name} | about | {"parameters": dict(tool.parameters)}


def _write_choice(choice: ToolChoice) -> JSON:
    return {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice


def _write_format(wanted: JsonObject | JsonSchema) -> dict[str, JSON]:
    if isinstance(wanted, JsonObject):
        return {"type": "json_object"}
    named = {"name": wanted.name} if wanted.name else {}
    strict = {} if wanted.strict is None else {"strict": wanted.strict}
    return {"type": "json_schema"} | named | {"schema": dict(wanted.schema)} | strict


def read_call(body: JSON) -> Call:
    """The ``Call`` that ``body`` asks for; raises ``DecodeError`` when it has no input."""
    if not isinstance(body, dict) or not isinstance(body.get("input"), (str, list)):
        raise DecodeError("`input` is neither a text nor a list in the request")
    if not isinstance(body.get("model", ""), str):
        raise DecodeError("`model` is not a string")
    source = Body(dict(body))
    model = source.rest.pop("model", "")  # local servers with one model are asked without a name
    messages = _read_input(source)
    tools, server_tools = _read_tools(source)
    return Call(
        model=model,
        messages=messages,
        stream=source.take_equal("stream", True),
        tools=tools,
        server_tools=server_tools,
        tool_choice=_read_choice(source),
        parallel_tool_calls=source.take("parallel_tool_calls", bool),
        response_format=_read_format(source),
        max_tokens=source.take("max_output_tokens", int),
        temperature=source.take("temperature", (int, float)),
        top_p=source.take("top_p", (int, float)),
        top_logprobs=_read_logprobs(source),
        thinking=_read_thinking(source),
        spelling=tuple(sorted(source.spelling.items())),
        patch=source.rest,
    )


def _read_input(source: Body) -> tuple[Message, ...]:
    given = source.rest.pop("input")
    said = objects(given)
    roles = {item.get("role") for item in said if item.get("role") in ("system", "developer")}
    untyped = next(("type" not in item for item in said if item.get("type", "message") == "message"), False)
    messages: list[Message] = []
    if isinstance(source.rest.get("instructions"), str):
        source.spelling["system"] = "instructions"
        messages.append(Message("system", source.rest.pop("instructions")))
    elif roles == {"developer"}:
        source.spelling["system"] = "developer"
    if isinstance(given, str) or untyped:
        source.spelling["input"] = "string" if isinstance(given, str) else "untyped"
    messages.extend([Message("user", given)] if isinstance(given, str) else _read_items(given))
    if _write_input(messages, source.spelling)["input"] != given:
        source.rest["input"] = given
    return tuple(messages)


def _read_items(given: list[JSON]) -> list[Message]:
    messages: list[Message] = []
    for item in given:
        message = _read_item(item)
        if messages and _continues(messages[-1], message):
            messages[-1] = _joined(messages[-1], message)
        else:
            messages.append(message)
    return messages


def _continues(turn: Message, message: Message) -> bool:
    """``message`` belongs to the assistant's ``turn``: in it, reasoning comes before text, and text before calls."""
    if turn.role != "assistant" or message.role != "assistant":
        return False
    return _stage(turn) < _stage(message) or bool(turn.tool_calls and message.tool_calls)


def _stage(message: Message) -> int:
    return 2 if message.tool_calls else 0 if message.content is None else 1


def _joined(turn: Message, message: Message) -> Message:
    content = turn.content if message.content is None else message.content
    return replace(turn, content=content, tool_calls=turn.tool_calls + message.tool_calls)


def _read_item(item: JSON) -> Message:
    if not isinstance(item, dict) or not isinstance(item.get("type", "message"), str):
        raise DecodeError("an item of the input is not an object with a type")
    kind = item.get("type", "message")
    if kind == "message":
        return _read_message(item)
    if kind == "function_call" and all(isinstance(item.get(name), str) for name in ("name", "arguments")):
        identity = item.get("call_id")
        call = ToolCall(identity if isinstance(identity, str) else "", item["name"], item["arguments"])
        return Message("assistant", tool_calls=(call,))
    if kind.endswith("_output"):
        return _read_result(kind, item)
    if kind == "reasoning":
        return Message("assistant", reasoning=read_summary(item.get("summary")) or "")
    return Message("assistant", (_other(item),))


def _read_message(item: dict[str, JSON]) -> Message:
    role = _ROLES.get(item["role"]) if isinstance(item.get("role"), str) else None
    if role is None:
        raise DecodeError(f"unknown message role {item.get('role')!r}")
    return Message(role, _read_content(item.get("content")))


def _read_result(kind: str, item: dict[str, JSON]) -> Message:
    identity, output = item.get("call_id"), item.get("output")
    plain = kind == "function_call_output" and (output is None or isinstance(output, (str, list)))
    content = _read_content(output) if plain else (_other(item),)
    return Message("tool", content, tool_call_id=identity if isinstance(identity, str) else None)


def read_summary(summary: JSON) -> str | None:
    """The text of a ``summary``, whose parts are paragraphs; ``None`` when there is none."""
    texts = [part["text"] for part in objects(summary) if isinstance(part.get("text"), str)]
    return "\n\n".join(texts) if texts else None


def _read_content(content: JSON) -> str | tuple[Part, ...] | None:
    if isinstance(content, list):
        return tuple(_read_part(part) for part in content)
    if content is None or isinstance(content, str):
        return content
    raise DecodeError("message content is neither a string nor a list of parts")


def _read_part(part: JSON) -> Part:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise DecodeError("a content part is not an object with a type")
    if part["type"] in ("input_text", "output_text") and isinstance(part.get("text"), str):
        return Text(part["text"])
    if part["type"] == "input_image" and isinstance(part.get("image_url"), str):
        inline = read_data_url(part["image_url"])
        return Image(data=inline[1], media_type=inline[0]) if inline else Image(url=part["image_url"])
    return (_read_file(part) if part["type"] == "input_file" else None) or _other(part)


def _read_file(part: dict[str, JSON]) -> File | None:
    data, url, name = part.get("file_data"), part.get("file_url"), part.get("filename")
    name = name if isinstance(name, str) else ""
    inline = read_data_url(data) if isinstance(data, str) else None
    if inline:
        return File(_kind_of(inline[0]), data=inline[1], media_type=inline[0], name=name)
    return File("document", url=url, name=name) if isinstance(url, str) and url else None


def _kind_of(media_type: str) -> Literal["document", "audio", "video"]:
    """What a client that sends sounds and films as files has sent."""
    return "audio" if media_type.startswith("audio/") else "video" if media_type.startswith("video/") else "document"


def _other(value: dict[str, JSON]) -> Other:
    return Other(value["type"], {name: inner for name, inner in value.items() if name != "type"})


def _read_tools(source: Body) -> tuple[tuple[Tool, ...], tuple[ServerTool, ...]]:
    """The functions and the other tools on offer; a list that holds anything else stays in the rest."""
    given = source.rest.get("tools")
    if not isinstance(given, list) or not given or not all(map(_is_tool, given)):
        return (), ()
    tools = tuple(_read_tool(entry) for entry in given if entry["type"] == "function")
    others = [_other(entry) for entry in given if entry["type"] != "function"]
    server_tools = tuple(ServerTool(tool.kind, tool.data) for tool in others)
    if _write_tools(tools, server_tools) == given:
        del source.rest["tools"]
    return tools, server_tools


def _is_tool(entry: JSON) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        return False
    return entry["type"] != "function" or isinstance(entry.get("name"), str)


def _read_tool(entry: dict[str, JSON]) -> Tool:
    parameters, description = entry.get("parameters"), entry.get("description")
    return Tool(
        entry["name"],
        description if isinstance(description, str) else "",
        parameters if isinstance(parameters, dict) else {},
    )


def _read_choice(source: Body) -> ToolChoice | None:
    value = source.rest.get("tool_choice")
    if isinstance(value, str) and value in ("auto", "none", "required"):
        choice: ToolChoice = source.rest.pop("tool_choice")
        return choice
    name = value.get("name") if isinstance(value, dict) else None
    if isinstance(name, str) and source.take_equal("tool_choice", _write_choice(NamedTool(name))):
        return NamedTool(name)
    return None


def _read_format(source: Body) -> JsonObject | JsonSchema | None:
    text = source.rest.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    if wanted == {"type": "json_object"}:
        _leave(source, "text", "format", {})
        return JsonObject()
    if (
        not isinstance(wanted, dict)
        or wanted.get("type") != "json_schema"
        or not isinstance(wanted.get("schema"), dict)
    ):
        return None
    name, strict = wanted.get("name"), wanted.get("strict")
    found = JsonSchema(
        name if isinstance(name, str) else "", wanted["schema"], strict if isinstance(strict, bool) else None
    )
    said = _write_format(found)
    _leave(source, "text", "format", {name: value for name, value in wanted.items() if name not in said})
    return found


def _leave(source: Body, name: str, inner: str, rest: JSON) -> None:
    """Leave ``rest`` of member ``inner`` of field ``name``, and nothing at all where nothing is left."""
    left = {key: value for key, value in source.rest.pop(name).items() if key != inner}
    left |= {inner: rest} if rest else {}
    if left:
        source.rest[name] = left


def _read_logprobs(source: Body) -> int | None:
    count: int | None = source.take("top_logprobs", int)
    if count is None or source.take_equal("include", [_LOGPROBS]):
        return count
    include = source.rest.get("include")
    if not isinstance(include, list) or _LOGPROBS not in include:
        source.spelling["logprobs"] = "top_logprobs"
    return count


def _read_thinking(source: Body) -> bool | None:
    value = source.rest.get("reasoning")
    effort = value.get("effort") if isinstance(value, dict) else None
    if not isinstance(effort, str) or effort not in ("none", *_EFFORTS):
        return None
    if effort in ("none", "low"):
        _leave(source, "reasoning", "effort", None)
    return effort != "none"
