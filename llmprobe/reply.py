"""What came back, in our words: a ``Reply`` is decoded by a dialect from a recorded exchange.

Nothing is filled in. A field that was not sent is ``ABSENT``, one sent as null is ``None``; every
deviation from the documented wire format is named in ``Reply.oddities``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import Other, ToolCall

Finish: TypeAlias = Literal[
    "stop", "stop_sequence", "length", "tool_calls", "content_filter", "pending", "error", "unknown"
]
"""Neutral finish reasons.

``stop_sequence`` only where the wire tells it from a natural end; ``pending`` when the server wants to be asked to go
on; ``unknown`` is a value that the dialect does not list.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. ``output`` includes reasoning tokens where the wire format says so.

    ``place`` is where the counts stood: "usage", "x_groq.usage", "choices[0].usage", ...
    """

    input: Maybe[int] = ABSENT
    output: Maybe[int] = ABSENT
    total: Maybe[int] = ABSENT
    reasoning: Maybe[int] = ABSENT
    cached: Maybe[int] = ABSENT
    place: str = "usage"


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """The natural-log probability of one output token and of its best alternatives."""

    token: str
    logprob: float | None
    top: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that a reply names: a document that was sent along, or something that the server found.

    ``quote`` is what is cited, or the part of the reply that the source stands behind.
    """

    kind: Literal["document", "web"]
    title: str = ""
    url: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or film in a reply: base64 ``data`` or a ``url``. ``text`` is what is said in a sound."""

    kind: Literal["image", "audio", "video"]
    media_type: str = ""
    data: str = ""
    url: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One rate limit as reported in response headers. ``subject`` is "requests", "tokens", ..."""

    subject: str
    limit: float | None = None
    remaining: float | None = None
    reset: str | None = None


@dataclass(frozen=True, slots=True)
class ApiError:
    """Why there is no usable answer, as the wire told it; what it *means* is for the checks to say.

    ``where``: "transport" (no HTTP answer, or not all of one), "status" (an HTTP error status), "body" (a 200 whose
    body is an error or cannot be read), "stream" (an error event inside a 200 stream).
    """

    where: Literal["transport", "status", "body", "stream"]
    status: int | None
    message: str
    type: str = ""
    code: str = ""
    param: str = ""
    retry_after: float | None = None
    """Seconds that the server asked to wait."""


WITHHELD = ("redacted_thinking",)
"""Places of reasoning whose text the provider keeps to itself."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One decoded answer, streamed or not."""

    text: Maybe[str] = ABSENT
    reasoning: Maybe[str] = ABSENT
    reasoning_place: str = ""
    """Wire field of the reasoning text; "think" when it stood in tags inside the text."""
    tool_calls: tuple[ToolCall, ...] = ()
    echo: tuple[Other, ...] = ()
    """Parts that the provider wants back as they came when a conversation goes on: thoughts that it has signed."""
    server_tools: tuple[str, ...] = ()
    """Wire names of the tools that the server ran by itself, each use once."""
    citations: tuple[Citation, ...] = ()
    media: tuple[Media, ...] = ()
    refusal: str | None = None
    finish: Maybe[Finish] = ABSENT
    finish_raw: str = ""
    usage: Maybe[Usage] = ABSENT
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT
    model: Maybe[str] = ABSENT
    fingerprint: Maybe[str] = ABSENT
    limits: tuple[RateLimit, ...] = ()
    deltas: int = 0
    """Events of a stream that carried text, reasoning or tool calls; 0 when not streamed."""
    streamed: bool = False
    complete: bool = False
    """A terminal signal was seen: a whole JSON body, a finish reason, or the end marker."""
    error: ApiError | None = None
    oddities: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """The text, "" when there is none."""
        return self.text if isinstance(self.text, str) else ""

    @property
    def output_tokens(self) -> int | None:
        """Output tokens as reported, ``None`` when not reported."""
        usage = self.usage
        return usage.output if isinstance(usage, Usage) and isinstance(usage.output, int) else None

    @property
    def input_tokens(self) -> int | None:
        """Input tokens as reported, ``None`` when not reported."""
        usage = self.usage
        return usage.input if isinstance(usage, Usage) and isinstance(usage.input, int) else None

    @property
    def reasoning_tokens(self) -> int | None:
        """Tokens of reasoning as reported, ``None`` when not reported."""
        usage = self.usage
        return usage.reasoning if isinstance(usage, Usage) and isinstance(usage.reasoning, int) else None

    @property
    def reasoned(self) -> bool:
        """Reasoning was seen: as text, as a place for text that is withheld, or as a count of reasoning tokens."""
        seen = isinstance(self.reasoning, str) and (self.reasoning.strip() or self.reasoning_place in WITHHELD)
        return bool(seen) or (self.reasoning_tokens or 0) > 0

    @property
    def cut_short(self) -> bool:
        """The output cap ended the reply: nothing that is missing from it may be held against it."""
        return self.finish == "length"
