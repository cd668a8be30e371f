"""What a dialect is: one wire format as a two-way codec, pure functions and no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llmprobe.call import JSON, Call
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse
from llmprobe.reply import ApiError, Reply


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a provider's model list. ``declared`` is the entry as it came: a claim, not a measurement."""

    id: str
    declared: Mapping[str, JSON]


class DecodeError(ValueError):
    """The bytes are not this dialect at all; says what was found instead."""


class Dialect(Protocol):
    """One wire format. Written URLs are relative to the provider's base URL, such as ``/chat/completions``;
    read ones may be whole."""

    name: str
    spellings: Mapping[str, tuple[str, ...]]
    """For a feature of ``Call``, the wire spellings to try in order; the first one is the default."""
    fields: Mapping[str, tuple[str, ...]]
    """For a feature, the words by which a refusal would name it: wire fields and plain names, lower case."""
    lacks: frozenset[str]
    """Features of a call that this wire format has no field for; ``encode_call`` leaves them out."""
    known: frozenset[str]
    """Paths of all reply fields that are understood or known to say nothing: see ``known.unknown_fields``."""

    def recognises(self, request: HttpRequest) -> bool:
        """``request`` asks a model in this format, by its method, the end of its path and the shape of its body.

        Neither host nor model are looked at. Two dialects never recognise the same request.
        """
        ...

    def encode_call(self, call: Call) -> HttpRequest:
        """The HTTP request that asks for ``call``; carries no authentication."""
        ...

    def decode_call(self, request: HttpRequest) -> Call:
        """What ``request`` asks for: the inverse of ``encode_call``. Fields without a word land in ``patch``.

        Raises ``DecodeError`` when the body is not this dialect.
        """
        ...

    def encode_reply(self, reply: Reply, *, stream: bool) -> HttpResponse:
        """The HTTP response that says ``reply``; a stream is the whole event stream as one body."""
        ...

    def encode_error(self, error: ApiError) -> HttpResponse:
        """The HTTP response for a refusal; ``error.status`` becomes the HTTP status."""
        ...

    def decode_reply(self, exchange: Exchange) -> Reply:
        """What came back: the inverse of ``encode_reply``. Never raises; what cannot be read is ``Reply.error``."""
        ...

    def encode_models(self, models: tuple[Listed, ...]) -> HttpResponse:
        """The answer to a request for the model list."""
        ...

    def decode_models(self, response: HttpResponse) -> tuple[Listed, ...]:
        """The listed models in order, without repetitions. Raises ``DecodeError`` when it is no list."""
        ...
