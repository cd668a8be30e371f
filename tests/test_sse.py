"""Server-sent events: read as other readers do when they are well formed, and reported when they are not."""

from __future__ import annotations

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.dialects.sse import Event, read_events, write_event

_VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=12
) | st.sampled_from(["", " two", "end  ", "a:b", ": c", "\u2028", "\x85", "\x0b", "😀", "[DONE]", '{"a":1}'])
_LINES = (
    st.tuples(st.sampled_from(["data", "data", "event", "id"]), st.sampled_from([":", ": "]), _VALUES).map("".join)
    | st.sampled_from(["retry: 10", ":", ": keep-alive", "data", "event"])
    | _VALUES.map(lambda value: f":{value}")
)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A well-formed stream: blocks of lines, ended by blank lines, in any mixture of line ends."""
    blocks = draw(st.lists(st.lists(_LINES, max_size=5), max_size=5))
    text = "".join(line + draw(_ENDS) for block in blocks for line in (*block, ""))
    return (text + "\n\n").encode()


def by_httpx_sse(body: bytes) -> list[Event]:
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    return [Event(event.data, event.event) for event in EventSource(response).iter_sse()]


@given(streams())
def test_well_formed_streams_are_read_as_httpx_sse_reads_them(body: bytes) -> None:
    """Its events without data are left out: by the standard they are none."""
    read = read_events(body)

    expected = [Event(x.data, "" if x.event == "message" else x.event) for x in by_httpx_sse(body) if x.data]
    assert [Event(x.data, "" if x.event == "message" else x.event) for x in read.events if x.data] == expected
    assert read.faults == ()


@given(streams(), st.integers(0, 400))
def test_a_stream_that_is_cut_gives_the_same_events_up_to_there(body: bytes, cut: int) -> None:
    """All but the last one, of which something may be missing."""
    whole, part = read_events(body).events, read_events(body[:cut]).events
    assert part[:-1] == whole[: max(0, len(part) - 1)]


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"data", b":", b" ", b"\r", b"\n", b"\xff", b"x"])).map(b"".join)
)
def test_any_bytes_can_be_read(body: bytes) -> None:
    """Reading never raises, and every fault is named once."""
    read = read_events(body)
    assert len(set(read.faults)) == len(read.faults)
    assert all(isinstance(event.data, str) for event in read.events)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30),
    st.sampled_from(["", "error"]),
)
def test_a_written_event_is_read_again(data: str, kind: str) -> None:
    """Data of several lines too."""
    read = read_events(write_event(data, kind).encode())
    assert read.events == (Event(data, kind),)
    assert read.faults == ()


@pytest.mark.parametrize(
    ("body", "events", "faults"),
    [
        (b"data: a\n\n", ["a"], []),
        (b"data:a\r\n\r\ndata:  b \r\n\r\n", ["a", " b "], []),
        (b"data: a\rdata: b\r\r", ["a\nb"], []),
        (b"data\n\n", [""], []),
        (b"event: x\n\ndata: a\n\n", ["a"], []),
        (b": only a comment", [], []),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"], ["byte order mark"]),
        (b"data: \xff\n\n", ["\ufffd"], ["invalid UTF-8"]),
        (b"data: a\n", ["a"], ["no final blank line"]),
        (b"data: a\n\ndata: b", ["a", "b"], ["no final blank line"]),
        (b"data: a\n\nda", ["a"], ["unknown SSE field"]),
        (b"date: a\ndata: b\nDATA: c\n\n", ["b"], ["unknown SSE field"]),
        (b" data: a\n\n", [], ["unknown SSE field"]),
        (b"", [], []),
        (b"\n\n\n", [], []),
    ],
)
def test_faults_of_framing_are_named(body: bytes, events: list[str], faults: list[str]) -> None:
    """And what can be saved is read all the same."""
    read = read_events(body)
    assert [event.data for event in read.events] == events
    assert list(read.faults) == faults


def test_the_type_of_an_event_lasts_until_its_blank_line() -> None:
    """The next event has none, unless it says so."""
    read = read_events(b"event: error\ndata: a\n\ndata: b\n\nevent: x\nevent: y\ndata: c\n\n")
    assert read.events == (Event("a", "error"), Event("b"), Event("c", "y"))


def test_comments_are_counted() -> None:
    """They keep a connection alive and say nothing."""
    assert read_events(b": OPENROUTER PROCESSING\n\n:\n\ndata: a\n\n").comments == 2
