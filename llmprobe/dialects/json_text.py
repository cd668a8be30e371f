"""Reading JSON that a server sent: tolerant, and reporting what a strict reader would refuse."""

from __future__ import annotations

import json
import re
from typing import Any

from llmprobe.call import JSON

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode_text(body: bytes, faults: list[str]) -> str:
    """The text of ``body`` without a byte order mark; bytes that are not UTF-8 become U+FFFD."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", errors="replace")
        faults.append("invalid UTF-8")
    if text.startswith("\ufeff"):
        faults.append("byte order mark")
    return text.removeprefix("\ufeff")


def read_json(text: str, faults: list[str]) -> JSON:
    """The value in ``text``; raises ``ValueError`` when it is not JSON, is nested too deep or holds too long a number.

    Mended, and added to ``faults``: NaN and infinities (null instead), keys that stand twice (the last
    one counts), halves of a surrogate pair (U+FFFD instead, so that the text can be encoded).
    """

    def constant(_name: str) -> None:
        faults.append("NaN or Infinity in JSON")

    def members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        value: dict[str, Any] = dict(pairs)
        if len(value) != len(pairs):
            faults.append("duplicate keys in JSON")
        return value

    try:
        value = json.loads(text, parse_constant=constant, object_pairs_hook=members)
        return _whole_characters(value, faults) if _SURROGATE.search(text) else value
    except RecursionError:
        raise ValueError("nested too deep") from None


def _whole_characters(value: JSON, faults: list[str]) -> JSON:
    text = json.dumps(value, ensure_ascii=False)
    clean = text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace")
    if clean == text:
        return value
    faults.append("half a surrogate pair in JSON")
    return json.loads(clean)


def write_json(value: JSON) -> bytes:
    """``value`` as compact JSON in UTF-8; escaped where the text holds half a surrogate pair."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
