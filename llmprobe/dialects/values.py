"""Reading single values that a server sent: absent, null and value are kept apart, other types are reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON

_LARGEST = 2**63


def member(value: JSON, name: str) -> JSON:
    """Member ``name`` of an object; ``ABSENT`` when it has none, or when ``value`` is no object."""
    return value.get(name, ABSENT) if isinstance(value, dict) else ABSENT


def read_string(fields: Mapping[str, JSON], name: str, oddities: list[str]) -> Maybe[str]:
    """Field ``name`` if it is a string, null or absent; anything else is odd and counts as null."""
    value = fields.get(name, ABSENT)
    if isinstance(value, str) or value is None or value is ABSENT:
        return value
    oddities.append(f"{name} is not a string")
    return None


def read_word(fields: Mapping[str, JSON], name: str, oddities: list[str]) -> str:
    """Field ``name`` where absent, null and "" mean the same: nothing."""
    value = read_string(fields, name, oddities)
    return value if isinstance(value, str) else ""


def read_count(value: JSON, oddities: list[str]) -> Maybe[int]:
    """A count of tokens."""
    if value is ABSENT or value is None:
        return ABSENT if value is ABSENT else None
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole:
        oddities.append("a token count is not an integer")
    if (whole or (isinstance(value, float) and value.is_integer())) and abs(value) < _LARGEST:
        return int(value)
    if whole:
        oddities.append("a token count beyond all measure")
    return None


def read_number(value: JSON) -> float | None:
    """A finite number, or ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def objects(value: JSON) -> list[dict[str, JSON]]:
    """The objects in a list; none when ``value`` is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def join(before: Maybe[str], piece: Maybe[str]) -> Maybe[str]:
    """``before`` with one more piece of a stream: a string once one came, else null once that came."""
    if isinstance(piece, str):
        return (before if isinstance(before, str) else "") + piece
    return before if isinstance(before, str) else piece


def split(text: str, pieces: int) -> list[str]:
    """``text`` in at most ``pieces`` parts of about equal length; one part when it is empty."""
    size = max(1, -(-len(text) // max(1, pieces)))
    return [text[start : start + size] for start in range(0, len(text), size)] or [text]


def read_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 data of a ``data:`` URL; ``None`` when it is another URL."""
    head, comma, data = url.removeprefix("data:").partition(",")
    if not url.startswith("data:") or not comma or not head.endswith(";base64"):
        return None
    return head.removesuffix(";base64"), data


def write_data_url(media_type: str, data: str) -> str:
    """The inverse of ``read_data_url``."""
    return f"data:{media_type};base64,{data}"


@dataclass
class Body:
    """A request body while it is read: what is taken is removed, what stays over is the patch."""

    rest: dict[str, Any]
    spelling: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """Field ``name`` when it is there with the right type; otherwise it stays in the rest."""
        value = self.rest.get(name)
        if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
            return self.rest.pop(name)
        return None

    def take_equal(self, name: str, value: JSON) -> bool:
        """Remove field ``name`` if it is ``value``; whether it was."""
        if self.rest.get(name) != value:
            return False
        del self.rest[name]
        return True
