"""Recorded traffic made of calls and replies: exchanges in any dialect, and the files that recorders would write."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from llmprobe.call import Call, Message, Part
from llmprobe.dialects import Dialect, dialect
from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.recordings.journal import Header, write_exchange
from llmprobe.replay.answers import AnswerKey
from llmprobe.replay.boards import Provider, Replayed, replay
from llmprobe.replay.reading import Seen, read
from llmprobe.reply import Reply
from llmprobe.scoreboard import Row
from llmprobe.verdict import Strength, Verdict

CHAT = dialect("openai-chat")
BASE = "https://api.acme.test/v1"
SENT_AT = 1767225600.0
MODEL = "m"

Pair = tuple[Call, Reply]


def ask(question: str | tuple[Part, ...] = "What is new?", **fields: Any) -> Call:
    """A question to the model."""
    return Call(fields.pop("model", MODEL), (Message("user", question),), **fields)


# --- exchanges


def exchange(
    call: Call, reply: Reply, codec: Dialect = CHAT, *, base: str = BASE, file: str = "a.yaml", place: int = 0
) -> Exchange:
    """``call`` and ``reply`` as they go over the wire, recorded as interaction ``place`` of ``file``."""
    request = codec.encode_call(call)
    response, failure = _answer(call, reply, codec)
    asked = replace(request, url=f"{base}{request.url}")
    return Exchange(file, place, 0, asked, response, failure, SENT_AT + place, 1.0)


def _answer(call: Call, reply: Reply, codec: Dialect) -> tuple[HttpResponse | None, TransportFailure | None]:
    error = reply.error
    if error is None or error.where in ("body", "stream"):
        return codec.encode_reply(reply, stream=call.stream), None
    if error.where == "transport":
        return None, TransportFailure("reset", error.message)
    return codec.encode_error(error), None


def recorded(*pairs: Pair, codec: Dialect = CHAT, base: str = BASE, file: str = "a.yaml") -> list[Exchange]:
    """All of ``pairs``, in one file."""
    return [
        exchange(call, reply, codec, base=base, file=file, place=place) for place, (call, reply) in enumerate(pairs)
    ]


def fetched(path: str, body: Any = b"", *, status: int = 200, method: str = "GET", sent: Any = b"") -> Exchange:
    """A request that is none of a dialect: bodies that are no bytes are written as JSON."""
    request = HttpRequest(method, f"{BASE.removesuffix('/v1')}{path}", (), _bytes(sent))
    response = HttpResponse(status, (("content-type", "application/json"),), _bytes(body))
    return Exchange("a.yaml", 0, 0, request, response, None, SENT_AT, 1.0)


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


# --- what is made of them


def seen(*pairs: Pair, codec: Dialect = CHAT) -> list[Seen]:
    """``pairs``, read."""
    found = [read(one) for one in recorded(*pairs, codec=codec)]
    assert all(isinstance(one, Seen) for one in found), found
    return [one for one in found if isinstance(one, Seen)]


def replayed(
    found: Iterable[Exchange], key: AnswerKey | None = None, strength: Strength = "accepted", **options: bool
) -> Replayed:
    """What a replay makes of ``found``; every provider is called by its address."""
    return replay(found, key or AnswerKey(), lambda at, _: Provider(at, at), strength, **options)


def rows(*pairs: Pair, codec: Dialect = CHAT, key: AnswerKey | None = None) -> tuple[Row, ...]:
    """The rows of the only scoreboard; each verdict names exchanges that exist."""
    found = recorded(*pairs, codec=codec)
    [board] = replayed(found, key).boards
    known = {one.id for one in found}
    for row in board.rows:
        for cell, verdict in row.cells.items():
            assert set(verdict.evidence) <= known, (cell, verdict)
    return board.rows


def cells(*pairs: Pair, codec: Dialect = CHAT, key: AnswerKey | None = None) -> Mapping[str, Verdict]:
    """The cells of the only row."""
    [row] = rows(*pairs, codec=codec, key=key)
    return row.cells


# --- files, as other programs write them

KEY_HEADERS: Headers = (("authorization", "Bearer sk-canary-0123456789abcdef"),)
CANARY = "canary"


def go_vcr(found: Sequence[Exchange]) -> bytes:
    """A cassette of go-vcr, version 2."""
    return _yaml({"version": 2, "interactions": [_go_vcr(one, place) for place, one in enumerate(found)]})


def _go_vcr(one: Exchange, place: int) -> dict[str, Any]:
    request, response = one.request, _response(one)
    return {
        "id": place,
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": _listed(request.headers),
            "body": request.body.decode(),
        },
        "response": {
            "code": response.status,
            "status": f"{response.status} X",
            "headers": _listed(response.headers),
            "body": response.body.decode(),
            "duration": f"{one.elapsed}s",
        },
    }


def vcrpy(found: Sequence[Exchange]) -> bytes:
    """A cassette of vcrpy, as YAML."""
    return _yaml({"interactions": list(map(_vcrpy, found)), "version": 1})


def vcrpy_json(found: Sequence[Exchange]) -> bytes:
    """A cassette of vcrpy, as JSON."""
    return json.dumps({"interactions": list(map(_vcrpy, found)), "version": 1}, indent=4).encode()


def _vcrpy(one: Exchange) -> dict[str, Any]:
    request, response = one.request, _response(one)
    return {
        "request": {
            "method": request.method,
            "uri": request.url,
            "headers": _listed(request.headers),
            "body": request.body.decode(),
        },
        "response": {
            "status": {"code": response.status, "message": "X"},
            "headers": _listed(response.headers),
            "body": {"string": response.body.decode()},
        },
    }


def har(found: Sequence[Exchange]) -> bytes:
    """An HTTP archive."""
    log = {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": list(map(_har, found))}
    return json.dumps({"log": log}).encode()


def _har(one: Exchange) -> dict[str, Any]:
    request, response = one.request, _response(one)
    return {
        "startedDateTime": "2026-01-01T00:00:00.000Z",
        "time": one.elapsed * 1000,
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": _named(request.headers),
            "postData": {"mimeType": "application/json", "text": request.body.decode()},
        },
        "response": {
            "status": response.status,
            "headers": _named(response.headers),
            "content": {"size": len(response.body), "text": response.body.decode()},
        },
    }


def journal(found: Sequence[Exchange], header: Header | None = None) -> bytes:
    """A journal as a scan writes it."""
    described = header or Header("acme", BASE, "openai-chat", 7, "0")
    lines = [json.dumps(asdict(described)), *map(write_exchange, found), '{"end":true}']
    return "".join(f"{line}\n" for line in lines).encode()


FORMATS: Mapping[str, Callable[[Sequence[Exchange]], bytes]] = {
    "go-vcr": go_vcr,
    "vcrpy": vcrpy,
    "vcrpy as JSON": vcrpy_json,
    "HAR": har,
}
"""The formats that others write."""


def write(path: Path, data: bytes, *, compressed: bool = False) -> Path:
    """``data`` in the file ``path``, whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if compressed else data)
    return path


def _yaml(value: Any) -> bytes:
    return b"---\n" + yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()


def _response(one: Exchange) -> HttpResponse:
    assert one.response is not None, "these formats have no word for an answer that never came"
    return one.response


def _listed(headers: Headers) -> dict[str, list[str]]:
    return {name.title(): [value] for name, value in headers}


def _named(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name.title(), "value": value} for name, value in headers]
