"""The request: ``Call`` to the JSON body and back.

Where the wire has no place for one of our words, or we none for one of its fields:

- The system prompt is a field beside the messages; here it is the first message.
- Results of tools are blocks in a user message; here each is a message with role "tool". Neighbours are joined again.
- Fields of a block that its part has no word for, such as ``cache_control``, follow it as an ``Other`` without a kind.
- What would still be lost, such as the order of calls and text in an answer, is found by writing what was read, and
  stays in the patch. So every request is written again as it was; null fields and ``"stream": false`` excepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from llmprobe.absent import ABSENT
from llmprobe.call import (
    JSON,
    Call,
    File,
    Image,
    JsonSchema,
    Message,
    NamedTool,
    Other,
    Part,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.json_text import read_json
from llmprobe.dialects.values import Body, member
from llmprobe.json_patch import merge_patch

PATH = "/messages"
VERSION = ("anthropic-version", "2023-06-01")
"""The header without which requests are refused."""

_THINKING: Mapping[str, dict[str, JSON]] = {
    # older models take a budget only, of at least this many tokens; newer ones refuse it
    "enabled": {"type": "enabled", "budget_tokens": 1024},
    "adaptive": {"type": "adaptive"},
}
_CHOICES: Mapping[str, ToolChoice] = {"auto": "auto", "any": "required", "none": "none"}

SPELLINGS: Mapping[str, tuple[str, ...]] = {"max_tokens": ("max_tokens",), "thinking": tuple(_THINKING)}

FIELDS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_tokens",),
    "stop": ("stop_sequences", "stop sequences"),
    "schema": ("output_config", "output_format", "json_schema", "schema", "structured output"),
    "tools": ("tools", "tool_choice", "input_schema", "tool_use", "tool use", "tool choice", "tool"),
    "image": ("image", "images", "vision", "multimodal"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "parallel_tool_calls": ("disable_parallel_tool_use",),
    "thinking": ("thinking", "budget_tokens", "adaptive"),
}


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    body: dict[str, JSON] = {"model": call.model} if call.model else {}
    messages = call.messages
    if messages and messages[0].role == "system":
        body["system"] = _write_content(messages[0].content)
        messages = messages[1:]
    body["messages"] = _write_messages(messages)
    body |= _write_options(call) | _write_tools(call)
    if isinstance(call.response_format, JsonSchema):
        wanted = {"type": "json_schema", "schema": dict(call.response_format.schema)}
        body["output_config"] = {"format": wanted}
    if call.thinking is not None:
        way = _THINKING[call.spelled("thinking", SPELLINGS["thinking"][0])]
        body["thinking"] = dict(way) if call.thinking else {"type": "disabled"}
    patched: dict[str, JSON] = merge_patch(body, dict(call.patch))
    return patched


def _write_options(call: Call) -> dict[str, JSON]:
    options: dict[str, JSON] = {"stream": True} if call.stream else {}
    for name in ("max_tokens", "temperature", "top_p"):
        value = getattr(call, name)
        if value is not None:
            options[name] = value
    if call.stop:
        options["stop_sequences"] = list(call.stop)
    return options


def _write_messages(messages: Sequence[Message]) -> list[dict[str, JSON]]:
    written = [_write_message(message) for message in messages[:1]]
    for before, message in pairwise(messages):
        entry = _write_message(message)
        if _joins(before) and _joins(message) and "tool" in (before.role, message.role):
            written[-1]["content"] += entry["content"]
        else:
            written.append(entry)
    return written


def _joins(message: Message) -> bool:
    """``message`` is a result of a tool, or can stand beside one."""
    return message.role == "tool" or (
        message.role == "user" and isinstance(message.content, tuple) and message.content != ()
    )


def _write_message(message: Message) -> dict[str, JSON]:
    if message.role == "tool":
        return {"role": "user", "content": [_write_result(message)]}
    content = message.content
    calls = [write_tool_call(call) for call in message.tool_calls]
    if not calls and message.reasoning is None:
        return {"role": message.role, "content": _write_content(content)}
    if isinstance(content, str):
        content = (Text(content),) if content else ()  # an empty block is refused
    thoughts = [] if message.reasoning is None else [{"type": "thinking", "thinking": message.reasoning}]
    return {"role": message.role, "content": [*thoughts, *_write_parts(content or ()), *calls]}


def _write_result(message: Message) -> dict[str, JSON]:
    result: dict[str, JSON] = {"type": "tool_result"}
    if message.tool_call_id is not None:
        result["tool_use_id"] = message.tool_call_id
    if message.content is not None:
        result["content"] = _write_content(message.content)
    return result


def _write_content(content: str | tuple[Part, ...] | None) -> JSON:
    return _write_parts(content) if isinstance(content, tuple) else content


def _write_parts(parts: Iterable[Part]) -> list[dict[str, JSON]]:
    blocks: list[dict[str, JSON]] = []
    for part in parts:
        if isinstance(part, Other) and not part.kind and blocks:
            blocks[-1] |= part.data
        else:
            blocks.append(_write_part(part))
    return blocks


def _write_part(part: Part) -> dict[str, JSON]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Other):
        return {"type": part.kind, **part.data}
    if isinstance(part, Image):
        return {"type": "image", "source": _write_source(part)}
    block: dict[str, JSON] = {"type": part.kind, "source": _write_source(part)}
    if part.name:
        block["title"] = part.name
    return block if part.cite is None else block | {"citations": {"enabled": part.cite}}


def _write_source(part: Image | File) -> dict[str, JSON]:
    kind = {"media_type": part.media_type} if part.media_type else {}
    if isinstance(part, File) and part.text is not None:
        return {"type": "text", **kind, "data": part.text}
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "base64", **kind, "data": part.data}


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A call as a block. Arguments are an object in this dialect; text that is none is sent as the text that it is."""
    faults: list[str] = []
    arguments: JSON = call.arguments
    try:
        value = read_json(call.arguments, faults)
    except ValueError:
        value = None
    if isinstance(value, dict) and not faults:
        arguments = value
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _write_tools(call: Call) -> dict[str, JSON]:
    tools = [_write_tool(tool) for tool in call.tools]
    tools += [{"type": tool.kind, **tool.data} for tool in call.server_tools]
    fields: dict[str, JSON] = {"tools": tools} if tools else {}
    choice = call.tool_choice
    if choice is None and call.parallel_tool_calls is not None:
        choice = "auto"  # the switch has no place but in a choice
    return fields if choice is None else fields | {"tool_choice": _write_choice(choice, call.parallel_tool_calls)}


def _write_tool(tool: Tool) -> dict[str, JSON]:
    about: dict[str, JSON] = {"description": tool.description} if tool.description else {}
    strict = {} if tool.strict is None else {"strict": tool.strict}
    return {"name": tool.name, **about, "input_schema": dict(tool.parameters), **strict}


def _write_choice(choice: ToolChoice, parallel: bool | None) -> dict[str, JSON]:
    if choice == "none":
        return {"type": "none"}
    switch = {} if parallel is None else {"disable_parallel_tool_use": not parallel}
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name, **switch}
    return {"type": "any" if choice == "required" else "auto", **switch}


def read_call(body: dict[str, JSON]) -> Call:
    """The ``Call`` that ``body`` asks for; raises ``DecodeError`` when it has no messages that can be read."""
    if not isinstance(body.get("messages"), list):
        raise DecodeError("no `messages` list in the request")
    if not isinstance(body.get("model", ""), str):
        raise DecodeError("`model` is not a string")
    source = Body({name: value for name, value in body.items() if name != "stream" or value is not False})
    whole = dict(source.rest)
    tools, server_tools = _read_tools(body.get("tools"))
    choice, parallel = _read_choice(body.get("tool_choice"))
    call = Call(
        model=body.get("model", ""),
        messages=tuple(_read_messages(body)),
        stream=source.take("stream", bool) or False,
        tools=tools,
        server_tools=server_tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=_read_format(body.get("output_config")),
        max_tokens=source.take("max_tokens", int),
        temperature=source.take("temperature", (int, float)),
        top_p=source.take("top_p", (int, float)),
        stop=_read_stop(body.get("stop_sequences")),
        thinking=_read_thinking(source),
        spelling=tuple(source.spelling.items()),
    )
    return replace(call, patch=_difference(whole, write_call(call)))


def _difference(body: Mapping[str, JSON], written: Mapping[str, JSON]) -> dict[str, JSON]:
    """The merge patch that turns ``written`` into ``body``. It cannot say that a member is null."""
    patch: dict[str, JSON] = {name: None for name in written if name not in body}
    for name, value in body.items():
        before = written.get(name)
        if name in written and before == value:
            continue
        if isinstance(value, dict):
            inner = _difference(value, before if isinstance(before, dict) else {})
            if inner or not isinstance(before, dict):
                patch[name] = inner
        elif value is not None or name in written:
            patch[name] = value
    return patch


def _read_messages(body: dict[str, JSON]) -> Iterator[Message]:
    if "system" in body:
        yield Message("system", _read_content(body["system"]))
    for entry in body["messages"]:
        yield from _read_message(entry)


def _read_message(entry: JSON) -> Iterator[Message]:
    role, content = member(entry, "role"), member(entry, "content")
    if role not in ("user", "assistant", "system"):
        raise DecodeError("a message is not an object with the role user or assistant")
    if not isinstance(content, list) or role == "system":
        yield Message(role, None if content is ABSENT else _read_content(content))
    elif role == "assistant":
        yield _read_answer(_blocks(content))
    else:
        yield from _read_turn(_blocks(content))


def _read_turn(blocks: list[dict[str, JSON]]) -> Iterator[Message]:
    """What a user message holds: results of tools, and what stands beside them."""
    if not blocks:
        yield Message("user", ())
    for are_results, group in groupby(blocks, _is_result):
        if are_results:
            yield from map(_read_result, group)
        else:
            yield Message("user", _read_parts(group))


def _is_result(block: dict[str, JSON]) -> bool:
    return block["type"] == "tool_result" and isinstance(block.get("tool_use_id"), str)


def _read_result(block: dict[str, JSON]) -> Message:
    return Message("tool", _read_content(block.get("content")), tool_call_id=block["tool_use_id"])


def _read_answer(blocks: list[dict[str, JSON]]) -> Message:
    """An answer that is played back. Thoughts that are signed stay blocks: they must be returned as they came."""
    calls = tuple(_read_tool_call(block) for block in blocks if _is_call(block))
    rest = [block for block in blocks if not _is_call(block)]
    reasoning = None
    if rest and rest[0].keys() == {"type", "thinking"} and isinstance(rest[0]["thinking"], str):
        reasoning = rest.pop(0)["thinking"]
    bare = not rest and (calls or reasoning is not None)
    return Message("assistant", None if bare else _read_parts(rest), calls, reasoning=reasoning)


def _is_call(block: dict[str, JSON]) -> bool:
    named = isinstance(block.get("id"), str) and isinstance(block.get("name"), str)
    return block["type"] == "tool_use" and named and "input" in block


def _read_tool_call(block: dict[str, JSON]) -> ToolCall:
    return ToolCall(block["id"], block["name"], write_arguments(block["input"]))


def write_arguments(value: JSON) -> str:
    """The JSON text of a call's input; one that is a string already stays as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_content(value: JSON) -> str | tuple[Part, ...] | None:
    return value if value is None or isinstance(value, str) else _read_parts(_blocks(value))


def _blocks(value: JSON) -> list[dict[str, JSON]]:
    if not isinstance(value, list):
        raise DecodeError("content is neither a string nor a list of blocks")
    for block in value:
        if not isinstance(member(block, "type"), str) or not block["type"]:
            raise DecodeError("a content block is not an object with a type")
    return value


def _read_parts(blocks: Iterable[dict[str, JSON]]) -> tuple[Part, ...]:
    return tuple(part for block in blocks for part in _read_block(block))


def _read_block(block: dict[str, JSON]) -> Iterator[Part]:
    part = _read_part(block)
    yield part
    understood = _write_part(part)
    more = {name: value for name, value in block.items() if name not in understood}
    if more:
        yield Other("", more)


def _read_part(block: dict[str, JSON]) -> Part:
    kind, text = block["type"], block.get("text")
    if kind == "text" and isinstance(text, str):
        return Text(text)
    source = _read_source(block.get("source"))
    if source is not None and kind == "image" and source.text is None:
        return Image(source.data, source.media_type, source.url)
    if source is not None and kind in ("document", "audio", "video"):
        title, cite = block.get("title"), member(block.get("citations"), "enabled")
        name = title if isinstance(title, str) else ""
        return replace(source, kind=kind, name=name, cite=cite if isinstance(cite, bool) else None)
    return Other(kind, {name: value for name, value in block.items() if name != "type"})


def _read_source(source: JSON) -> File | None:
    """Where the content of a block comes from; ``None`` for an upload, or a document of blocks."""
    kind, data, url = (member(source, name) for name in ("type", "data", "url"))
    media = member(source, "media_type")
    media = media if isinstance(media, str) else ""
    if kind == "url" and isinstance(url, str):
        return File("document", url=url)
    if not isinstance(data, str) or kind not in ("base64", "text"):
        return None
    return File("document", media_type=media, text=data) if kind == "text" else File("document", data, media)


def _read_tools(entries: JSON) -> tuple[tuple[Tool, ...], tuple[ServerTool, ...]]:
    """The functions on offer, and the tools that the server runs. Of a list that holds anything else, nothing."""
    if not isinstance(entries, list):
        return (), ()
    found = [_read_tool(entry) for entry in entries]
    functions = tuple(tool for tool in found if isinstance(tool, Tool))
    others = tuple(tool for tool in found if isinstance(tool, ServerTool))
    return (functions, others) if None not in found else ((), ())


def _read_tool(entry: JSON) -> Tool | ServerTool | None:
    name, kind, schema = (member(entry, key) for key in ("name", "type", "input_schema"))
    if kind in (ABSENT, "custom") and isinstance(name, str) and isinstance(schema, dict):
        about, strict = entry.get("description"), entry.get("strict")
        return Tool(name, about if isinstance(about, str) else "", schema, strict if isinstance(strict, bool) else None)
    if not isinstance(kind, str) or kind == "custom":
        return None
    return ServerTool(kind, {key: value for key, value in entry.items() if key != "type"})


def _read_choice(value: JSON) -> tuple[ToolChoice | None, bool | None]:
    """The tool choice, and whether several calls at once are welcome."""
    kind, name, single = (member(value, key) for key in ("type", "name", "disable_parallel_tool_use"))
    parallel = not single if isinstance(single, bool) else None
    if kind == "tool" and isinstance(name, str):
        return NamedTool(name), parallel
    return _CHOICES.get(kind) if isinstance(kind, str) else None, parallel


def _read_format(value: JSON) -> JsonSchema | None:
    wanted = member(value, "format")
    schema = member(wanted, "schema")
    return JsonSchema("", schema) if member(wanted, "type") == "json_schema" and isinstance(schema, dict) else None


def _read_stop(value: JSON) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) and all(isinstance(word, str) for word in value) else ()


def _read_thinking(source: Body) -> bool | None:
    kind = member(source.rest.get("thinking"), "type")
    if kind == "disabled":
        return False
    if kind not in SPELLINGS["thinking"]:
        return None
    if kind != SPELLINGS["thinking"][0]:
        source.spelling["thinking"] = kind
    return True
