"""The recordings beside the checkout: where they are, and how a cassette becomes exchanges."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "recordings"
RECORDINGS = Path(os.environ.get("LLMPROBE_RECORDINGS", _BESIDE))
needs_recordings = pytest.mark.skipif(
    not (RECORDINGS / "2025-08").is_dir(),
    reason=f"no recordings in {RECORDINGS}: set LLMPROBE_RECORDINGS to the folder that has 2025-08",
)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def exchanges(cassette: Path) -> Iterator[Exchange]:
    """The exchanges of a go-vcr cassette; its path and their place in it are their address."""
    with cassette.open("rb") as file:
        interactions = yaml.load(file, Loader=_Loader)["interactions"]
    for turn, found in enumerate(interactions):
        request, response = found["request"], found["response"]
        yield Exchange(
            cassette.relative_to(RECORDINGS).as_posix(),
            turn,
            0,
            HttpRequest(request["method"], request["url"], _headers(request), _body(request)),
            HttpResponse(response["code"], _headers(response), _body(response)),
            None,
            1767225600.0,
            1.0,
        )


def _headers(message: dict[str, Any]) -> Headers:
    fields = message.get("headers") or {}
    return tuple((name.lower(), value) for name, values in fields.items() for value in values)


def _body(message: dict[str, Any]) -> bytes:
    body = message.get("body", "")
    return body if isinstance(body, bytes) else str(body).encode()
