"""What is asked of a model, in our words: a ``Call`` is encoded by a dialect into its wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

JSON: TypeAlias = Any
"""A parsed JSON value."""

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text part of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image part: either inline bytes, base64 in ``data`` with their ``media_type``, or a ``url``.

    ``detail`` is how closely it is to be looked at, where a wire has a word for that.
    """

    data: str = ""
    media_type: str = ""
    url: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A document, sound or film: base64 ``data`` with its ``media_type``, a ``url``, or plain ``text``.

    ``media_type`` is "" where the wire does not say. ``cite`` asks for citations of a document, where a wire has a
    word for that.
    """

    kind: Literal["document", "audio", "video"]
    data: str = ""
    media_type: str = ""
    url: str = ""
    text: str | None = None
    name: str = ""
    cite: bool | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A part without a word here, such as a reference to an upload: its wire type, and its other fields."""

    kind: str
    data: Mapping[str, JSON]


Part: TypeAlias = Text | Image | File | Other


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model made. ``arguments`` is the JSON text as it came, not parsed.

    ``id`` is "" when the server sent none.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``content`` stays a plain string or a tuple of parts, as it stands on the wire."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None
    """Reasoning text to be played back with an assistant message, where a server wants it."""
    name: str = ""
    """Who speaks, in a result the tool: where a wire has a field for that."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function offered to the model; ``parameters`` is a JSON Schema, ``strict`` asks to hold calls to it."""

    name: str
    description: str = ""
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool that the server runs by itself, such as a web search: its wire type, and its other fields as they came."""

    kind: str
    data: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool choice that names one function."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonObject:
    """JSON mode: any JSON object."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """Schema mode: an object that satisfies ``schema``."""

    name: str
    schema: Mapping[str, JSON]
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model, dialect-neutral. ``None`` or empty means: not sent.

    ``spelling`` picks among the wire spellings that a dialect knows for a feature, for example
    ``(("max_tokens", "max_completion_tokens"),)``; the dialect's default is never listed.
    ``patch`` is a JSON merge patch (RFC 7386) for wire fields that have no word here.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    """Ask for token usage in a stream."""
    tools: tuple[Tool, ...] = ()
    server_tools: tuple[ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | JsonSchema | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    """Ask for log probabilities with this many alternatives for each token."""
    thinking: bool | None = None
    """Ask for thinking on or off; ``None`` leaves it to the endpoint."""
    spelling: tuple[tuple[str, str], ...] = ()
    patch: Mapping[str, JSON] = field(default_factory=dict)

    def spelled(self, feature: str, default: str) -> str:
        """The spelling chosen for ``feature``, or the dialect's ``default``."""
        return dict(self.spelling).get(feature, default)


def text_of(message: Message) -> str:
    """All that ``message`` says in text, "" when it says nothing."""
    if isinstance(message.content, tuple):
        return "\n".join(part.text for part in message.content if isinstance(part, Text))
    return message.content or ""


def only_text(message: Message) -> bool:
    """``message`` holds nothing but text, and neither calls a tool nor answers one."""
    parts = message.content if isinstance(message.content, tuple) else ()
    return message.role != "tool" and not message.tool_calls and all(isinstance(part, Text) for part in parts)
