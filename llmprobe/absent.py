"""``ABSENT``: a field that was not sent, as opposed to one sent as null.

Servers that leave a field out and servers that send null are told apart everywhere, and nothing is
ever filled in: a client that reads ``finish_reason or "stop"`` hides the fault it looks for.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar


class Absent(Enum):
    """The type of ``ABSENT``."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT

T = TypeVar("T")
Maybe: TypeAlias = T | Literal[Absent.ABSENT] | None
