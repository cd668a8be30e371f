"""One exchange: what was asked, in which format, and what came back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from llmprobe.call import Call
from llmprobe.dialects import DecodeError, Dialect, dialect, names, recognised
from llmprobe.dialects.answers import path_of
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange, HttpResponse
from llmprobe.replay.media import without_bytes, without_data
from llmprobe.reply import Reply

UNKNOWN_DIALECT: Final = "not understood: dialect unknown"

_DEEPEST: Final = 100
"""Levels of JSON in a request: no client needs as many, and comparing what has a thousand would end the program."""
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """An exchange that was understood. Media are replaced by their digests: their bytes have said what they can."""

    evidence: str
    endpoint: str
    """Scheme and host that the request went to."""
    dialect: Dialect
    call: Call
    reply: Reply
    sent_at: float
    status: int | None
    headed: bool = True
    """The recording kept headers of the response; many leave them out."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Reply fields that no codec understands."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model list: in this order a provider lists its models."""

    evidence: str
    endpoint: str
    read_as: Mapping[str, tuple[str, ...]]
    """The ids as each dialect reads them that can read the list: one takes off a prefix that another leaves on."""

    def models(self, name: str) -> tuple[str, ...]:
        """The ids in the words of the dialect ``name``, or of another where that one reads none."""
        return self.read_as.get(name) or max(self.read_as.values(), key=len)


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that was recorded and says nothing here."""

    evidence: str
    why: str


def read(exchange: Exchange, *, count_unknown: bool = False) -> Seen | Listing | Unused:
    """What ``exchange`` says. ``count_unknown``: also count reply fields that are not understood."""
    request = exchange.request
    codec = recognised(request)
    if codec is None:
        return _other(exchange)
    if _depth(request.body) > _DEEPEST:
        return Unused(exchange.id, "not understood: the request is nested too deep")
    try:
        call = codec.decode_call(request)
    except DecodeError as trouble:
        return Unused(exchange.id, f"not understood: {trouble}")
    reply = codec.decode_reply(exchange)
    response = exchange.response
    return Seen(
        exchange.id,
        endpoint_of(request.url),
        codec,
        without_bytes(call),
        without_data(reply),
        exchange.sent_at,
        response.status if response else None,
        bool(response and response.headers),
        _unknown(response, codec) if count_unknown and response is not None else Counter(),
    )


def _depth(text: bytes) -> int:
    """How many levels the JSON in ``text`` has."""
    if text.count(b"{") + text.count(b"[") <= _DEEPEST:
        return 0
    depth = deepest = 0
    for sign in _STRING.sub(b"", text):
        if sign in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in b"}]":
            depth -= 1
    return deepest


def _unknown(response: HttpResponse, codec: Dialect) -> Counter[str]:
    """The fields of a reply that ``codec`` does not know; errors are as free as their authors."""
    try:
        return unknown_fields(response, codec.known) if response.status == 200 else Counter()
    except RecursionError:
        return Counter(("nested too deep to be looked through",))


def endpoint_of(url: str) -> str:
    """Scheme and host of ``url``, "" when it has none. Capitals make no other host."""
    scheme, mark, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{host}".lower() if mark else ""


def _other(exchange: Exchange) -> Listing | Unused:
    """A request that asks no model: a list of models, or nothing that is understood here."""
    request, response = exchange.request, exchange.response
    path = path_of(request)
    if request.method == "GET" and path.rstrip("/").endswith(("/models", "/tags")):
        listed = _listed(response) if response is not None and response.status == 200 else {}
        if listed:
            return Listing(exchange.id, endpoint_of(request.url), listed)
        came = f"HTTP {response.status}" if response else "no answer"
        return Unused(exchange.id, f"a list of models that holds none ({came})")
    return Unused(exchange.id, f"{UNKNOWN_DIALECT} ({request.method} {_anonymous(path)})")


def _listed(response: HttpResponse) -> dict[str, tuple[str, ...]]:
    """The ids in ``response`` by the dialect that reads them; nothing where none reads any."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names():
        try:
            found[name] = tuple(model.id for model in dialect(name).decode_models(response))
        except DecodeError:
            continue
    return {name: models for name, models in found.items() if models}


def _anonymous(path: str) -> str:
    """``path`` with what looks like an id in it left out, so that like reasons are counted together."""
    steps = ("…" if len(step) > 20 and any(char.isdigit() for char in step) else step for step in path.split("/"))
    return "/".join(steps)
