"""The recordings beside the checkout: where they are, and the exchanges of a cassette."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llmprobe.exchange import Exchange
from llmprobe.recordings.foreign import Unread, read_paths

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "recordings"
RECORDINGS = Path(os.environ.get("LLMPROBE_RECORDINGS", _BESIDE))
needs_recordings = pytest.mark.skipif(
    not (RECORDINGS / "2025-08").is_dir(),
    reason=f"no recordings in {RECORDINGS}: set LLMPROBE_RECORDINGS to the folder that has 2025-08",
)
_SENT_AT = 1767225600.0
"""The recordings do not say when they were made; dates in their headers are told from this one."""


def exchanges(cassette: Path) -> Iterator[Exchange]:
    """The exchanges of a go-vcr cassette; its path in the folder and their place in it are their address."""
    for found in read_paths([cassette]):
        assert not isinstance(found, Unread), found
        yield replace(found, case=cassette.relative_to(RECORDINGS).as_posix(), sent_at=_SENT_AT)
