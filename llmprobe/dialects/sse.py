"""Reading server-sent events, and reporting what is wrong with them.

Ours, because ordinary readers mend faults in silence and we are here to find them. The format is the
"Server-sent events" section of the WHATWG HTML standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the ``data`` lines joined by newlines, and its type ("" unless an ``event`` line named one)."""

    data: str
    event: str = ""


@dataclass(frozen=True, slots=True)
class EventStream:
    """All events of a body in order, and the faults of its framing, each once."""

    events: tuple[Event, ...]
    faults: tuple[str, ...]
    comments: int


def read_events(body: bytes) -> EventStream:
    """The events in ``body``.

    Faults: ``byte order mark``, ``invalid UTF-8`` (replaced by U+FFFD), ``unknown SSE field``, and
    ``no final blank line``: the standard drops the event that such an end cuts, here it is kept, so that
    the reader can say what was lost.
    """
    faults: dict[str, None] = {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", errors="replace")
        faults["invalid UTF-8"] = None
    if text.startswith("\ufeff"):
        text = text[1:]
        faults["byte order mark"] = None
    lines = _LINE_END.split(text)
    unfinished = lines.pop()
    events: list[Event] = []
    data: list[str] = []
    kind = ""
    comments = 0
    for line in [*lines, unfinished] if unfinished else lines:
        if not line:
            if data:
                events.append(Event("\n".join(data), kind))
            data, kind = [], ""
            continue
        if line.startswith(":"):
            comments += 1
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name not in ("id", "retry"):
            faults["unknown SSE field"] = None
    if data:
        events.append(Event("\n".join(data), kind))
        faults["no final blank line"] = None
    return EventStream(tuple(events), tuple(faults), comments)


def write_event(data: str, event: str = "") -> str:
    """``data`` as one event."""
    head = f"event: {event}\n" if event else ""
    return head + "".join(f"data: {line}\n" for line in _LINE_END.split(data)) + "\n"
