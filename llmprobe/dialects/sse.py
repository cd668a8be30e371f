"""Reading server-sent events, and reporting what is wrong with them.

Ours, because ordinary readers mend faults in silence and we are here to find them. The format is the
"Server-sent events" section of the WHATWG HTML standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llmprobe.dialects.json_text import decode_text
from llmprobe.exchange import HttpResponse

_LINE_END = re.compile(r"\r\n|\n|\r")
_STARTS = (b"data:", b"event:", b"id:", b":", b"retry:")
_DATA = re.compile(rb"^data:", re.MULTILINE)


def is_stream(response: HttpResponse) -> bool:
    """The body is an event stream, by its own look more than by its content type.

    A failed stream request is often answered with bare JSON under ``text/event-stream``.
    """
    body = response.body.lstrip(b"\xef\xbb\xbf\r\n ")
    if body.startswith(_STARTS):
        return True
    declared = "text/event-stream" in (response.header("content-type") or "")
    return declared and (not body or (not body.startswith((b"{", b"[", b"<")) and bool(_DATA.search(body))))


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


@dataclass
class _Reader:
    """What the lines have said so far."""

    events: list[Event] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    comments: int = 0
    data: list[str] = field(default_factory=list)
    kind: str = ""

    def line(self, line: str) -> None:
        """Take in a line that is not blank."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments += 1
        elif name == "data":
            self.data.append(value)
        elif name == "event":
            self.kind = value
        elif name not in ("id", "retry"):
            self.faults.append("unknown SSE field")

    def end(self) -> None:
        """A blank line, or the end of the body: the event is complete. One without data is none."""
        if self.data:
            self.events.append(Event("\n".join(self.data), self.kind))
        self.data, self.kind = [], ""


def read_events(body: bytes) -> EventStream:
    """The events in ``body``.

    Faults: ``byte order mark``, ``invalid UTF-8`` (replaced by U+FFFD), ``unknown SSE field``, and
    ``no final blank line``: the standard drops the event that such an end cuts, here it is kept, so that
    the reader can say what was lost.
    """
    reader = _Reader()
    *lines, unfinished = _LINE_END.split(decode_text(body, reader.faults))
    for line in [*lines, unfinished] if unfinished else lines:
        if line:
            reader.line(line)
        else:
            reader.end()
    if reader.data:
        reader.faults.append("no final blank line")
    reader.end()
    return EventStream(tuple(reader.events), tuple(dict.fromkeys(reader.faults)), reader.comments)


def write_event(data: str, event: str = "") -> str:
    """``data`` as one event."""
    head = f"event: {event}\n" if event else ""
    return head + "".join(f"data: {line}\n" for line in _LINE_END.split(data)) + "\n"
