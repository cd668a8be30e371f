"""Conversations: ``contents`` and ``systemInstruction`` to messages and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from llmprobe.call import JSON, File, Image, Message, Other, Part, Text, ToolCall
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.json_text import write_json

RESULT_KEYS = ("output", "response", "result")
"""Where the text of a tool's result stands in its object: as documented, and as clients have it."""

Kind = Literal["image", "document", "audio", "video"]
_KINDS: Mapping[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}

_URL_SAFE = str.maketrans("-_", "+/")
"""Base64 may come in either alphabet (protocol buffers' JSON)."""


def kind_of(media_type: str) -> Kind:
    """What ``media_type`` is about; whatever is no picture, sound or film is a document."""
    return _KINDS.get(media_type.lower().partition("/")[0], "document")


def dump(value: JSON) -> str:
    """``value`` as compact JSON: how objects of the wire become text here."""
    return write_json(value).decode()


def write_turns(messages: Sequence[Message], key: str) -> list[JSON]:
    """The ``contents``: results of tools that follow each other share a turn of the user."""
    turns: list[JSON] = []
    results: list[JSON] = []
    calls: list[ToolCall] = []
    for message in messages:
        if message.role == "tool":
            if not results:
                turns.append({"role": "user", "parts": results})
            results.append(_write_result(message, calls, len(results), key))
            continue
        results = []
        if message.role == "assistant":
            calls = list(message.tool_calls)
            turns.append({"role": "model"} | _write_answer(message))
        elif message.role == "user":
            turns.append({"role": "user"} | write_content(message.content))
    return turns


def write_content(content: str | tuple[Part, ...] | None) -> dict[str, JSON]:
    """The ``parts`` of a turn; a plain string is one part of text."""
    if content is None:
        return {}
    return {"parts": [{"text": content}] if isinstance(content, str) else [_write_part(part) for part in content]}


def _write_answer(message: Message) -> dict[str, JSON]:
    thoughts = [] if message.reasoning is None else [{"text": message.reasoning, "thought": True}]
    calls = [{"functionCall": write_tool_call(call)} for call in message.tool_calls]
    said = write_content(message.content)
    if thoughts or calls:
        said["parts"] = [*thoughts, *said.get("parts", ()), *calls]
    return said


def _write_part(part: Part) -> JSON:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Other):
        return dict(part.data)
    if isinstance(part, File) and part.text is not None:
        return {"text": part.text}  # plain text is no file on this wire
    name = {"displayName": part.name} if isinstance(part, File) and part.name else {}
    kind = {"mimeType": part.media_type} if part.media_type else {}
    if part.url:
        return {"fileData": kind | {"fileUri": part.url} | name}
    return {"inlineData": kind | {"data": part.data} | name}


def write_tool_call(call: ToolCall) -> dict[str, JSON]:
    """A ``functionCall``; arguments that are no JSON object, which the wire cannot say, stay a string."""
    written: dict[str, JSON] = ({"id": call.id} if call.id else {}) | {"name": call.name}
    if call.arguments:
        arguments = _object_in(call.arguments)
        written["args"] = call.arguments if arguments is None else arguments
    return written


def _object_in(text: str) -> dict[str, JSON] | None:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} in JSON")


def _write_result(message: Message, calls: Sequence[ToolCall], place: int, key: str) -> JSON:
    """A ``functionResponse``. One that names no function answers the call with its id, else the one at its place."""
    identity, name = message.tool_call_id, message.name
    if not name:
        match = next((call for call in calls if call.id and call.id == identity), None)
        if match is None and not identity and place < len(calls):
            match = calls[place]
        name = match.name if match else identity or ""
    written: dict[str, JSON] = {"id": identity} if identity and identity != name else {}
    return {"functionResponse": written | {"name": name} | _write_outcome(message.content, key)}


def _write_outcome(content: str | tuple[Part, ...] | None, key: str) -> dict[str, JSON]:
    if content is None:
        return {}
    if isinstance(content, str):
        return {"response": _write_text(content, key)}
    text = "".join(part.text for part in content if isinstance(part, Text))
    parts = [_write_part(part) for part in content if not isinstance(part, Text)]
    return {"response": _write_text(text, key), "parts": parts}


def _write_text(text: str, key: str) -> JSON:
    value = _object_in(text)
    alike = any(_plain_text(value, one) is not None for one in RESULT_KEYS)
    plain = value is None or alike or dump(value) != text
    return {key: text} if plain else value


def _plain_text(response: JSON, key: str) -> str | None:
    """The text in an object that holds nothing else."""
    alone = isinstance(response, dict) and len(response) == 1
    text = response.get(key) if alone else None
    return text if isinstance(text, str) else None


def result_key(contents: Sequence[JSON]) -> str:
    """The one of ``RESULT_KEYS`` under which the first result in ``contents`` that is plain text has it."""
    for turn in contents:
        for part in _parts_in(turn):
            response = part.get("functionResponse")
            response = response.get("response") if isinstance(response, dict) else None
            found = next((key for key in RESULT_KEYS if _plain_text(response, key) is not None), None)
            if found:
                return found
    return RESULT_KEYS[0]


def read_turn(turn: JSON, key: str) -> Iterator[Message]:
    """The messages in one of the ``contents``: each result of a tool is one of its own."""
    if not isinstance(turn, dict):
        raise DecodeError("one of `contents` is not an object")
    role = turn.get("role", "user")
    if role == "model":
        yield _read_answer(turn)
        return
    if role not in ("user", "function"):  # "function" is what the first versions of the format had for results
        raise DecodeError(f"unknown role {str(role)[:40]!r} in `contents`")
    parts = _parts_in(turn)
    results = [part for part in parts if isinstance(part.get("functionResponse"), dict)]
    yield from (_read_result(part["functionResponse"], key) for part in results)
    others = [part for part in parts if not isinstance(part.get("functionResponse"), dict)]
    if others or not results:
        yield Message("user", _read_content(others, turn))


def read_content(turn: JSON) -> str | tuple[Part, ...] | None:
    """What a turn says; ``None`` when it has no parts at all. Raises ``DecodeError`` when it is no turn."""
    if not isinstance(turn, dict):
        raise DecodeError("a turn is not an object")
    return _read_content(_parts_in(turn), turn)


def _read_content(parts: list[dict[str, JSON]], turn: dict[str, JSON]) -> str | tuple[Part, ...] | None:
    if turn.get("parts") is None:
        return None
    read = tuple(_read_part(part) for part in parts)
    return read[0].text if len(read) == 1 and isinstance(read[0], Text) else read


def _parts_in(turn: JSON) -> list[dict[str, JSON]]:
    parts = turn.get("parts") if isinstance(turn, dict) else None
    if parts is None:
        return []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise DecodeError("`parts` is not a list of objects")
    return parts


def _read_answer(turn: dict[str, JSON]) -> Message:
    parts = _parts_in(turn)
    thoughts = [part for part in parts if part.get("thought") is True and isinstance(part.get("text"), str)]
    calls = [part for part in parts if isinstance(part.get("functionCall"), dict)]
    others = [part for part in parts if part not in thoughts and part not in calls]
    silent = (thoughts or calls) and not others
    return Message(
        "assistant",
        None if silent else _read_content(others, turn),
        tuple(read_tool_call(part["functionCall"], []) for part in calls),
        reasoning="".join(part["text"] for part in thoughts) if thoughts else None,
    )


def _read_part(part: dict[str, JSON]) -> Part:
    if isinstance(part.get("text"), str):
        return Text(part["text"])
    for field, place in (("inlineData", "data"), ("fileData", "fileUri")):
        blob = part.get(field)
        if isinstance(blob, dict) and isinstance(blob.get(place), str):
            return _read_file(blob, "data" if place == "data" else "url", blob[place])
    return Other(next(iter(part), ""), part)


def _read_file(blob: dict[str, JSON], place: str, value: str) -> Part:
    media_type, name = (x if isinstance(x, str) else "" for x in (blob.get("mimeType"), blob.get("displayName")))
    kind = kind_of(media_type)
    if place == "data":
        value = value.translate(_URL_SAFE)
    where: dict[str, Any] = {place: value, "media_type": media_type}
    return Image(**where) if kind == "image" else File(kind, name=name, **where)


def read_tool_call(function: dict[str, JSON], oddities: list[str]) -> ToolCall:
    """A ``functionCall``. Arguments are an object here and become compact JSON; a function without any needs none."""
    identity, name, arguments = (function.get(field) for field in ("id", "name", "args"))
    if not isinstance(name, str) or not name:
        oddities.append("tool call without a name")
    if arguments is not None and not isinstance(arguments, dict):
        oddities.append("tool call arguments are not an object")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else dump(arguments)
    return ToolCall(identity if isinstance(identity, str) else "", name if isinstance(name, str) else "", arguments)


def _read_result(function: dict[str, JSON], key: str) -> Message:
    identity, name = (x if isinstance(x, str) else "" for x in (function.get("id"), function.get("name")))
    response, parts = function.get("response"), function.get("parts")
    text = _plain_text(response, key)
    if text is None:
        text = None if response is None else dump(response)
    content: str | tuple[Part, ...] | None = text
    if isinstance(parts, list):
        content = (*(() if text is None else (Text(text),)), *map(_read_part, _parts_in(function)))
    return Message("tool", content, tool_call_id=identity or name, name=name)
