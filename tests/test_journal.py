"""The journal: what is on disk is found again, whatever became of the scan that wrote it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.exchange import Exchange, HttpRequest, HttpResponse, TransportFailure
from llmprobe.recordings.journal import (
    Header,
    Journal,
    read_exchange,
    read_journal,
    unfinished_seed,
    write_exchange,
)

HEADER = Header("acme", "https://api.acme.test/v1", "openai-chat", 7, "abc", trials=10)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["\u2028", "\r\n", "\x85", "é"]
)
headers = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
bodies = st.binary(max_size=40) | texts.map(str.encode) | st.just(b'\xef\xbb\xbf{"end":true}\n')
requests = st.builds(HttpRequest, st.sampled_from(["GET", "POST"]), texts, headers, bodies)
seconds = st.integers(0, 10**9).map(lambda ms: ms / 1000)
exchanges = st.builds(
    Exchange,
    case=texts,
    turn=st.integers(0, 9),
    attempt=st.integers(0, 3),
    request=requests,
    response=st.none() | st.builds(HttpResponse, st.integers(100, 599), headers, bodies, st.booleans()),
    failure=st.none() | st.builds(TransportFailure, texts, texts),
    sent_at=seconds,
    elapsed=seconds,
    chunk_times=st.lists(seconds, max_size=3).map(tuple),
)


def exchange(turn: int, answer: bytes = b"{}", case: str = "a/plain/sync/text", attempt: int = 0) -> Exchange:
    request = HttpRequest("POST", "/chat/completions", (("content-type", "application/json"),), b'{"turn":%d}' % turn)
    return Exchange(case, turn, attempt, request, HttpResponse(200, (), answer), None, 1.5, 0.25)


@contextmanager
def opened(path: Path, header: Header = HEADER) -> Iterator[Journal]:
    journal = Journal(path, header)
    try:
        yield journal
    finally:
        journal.close()


def write(path: Path, exchanges: Sequence[Exchange], *, finish: bool = False) -> None:
    with opened(path) as journal:
        for one in exchanges:
            journal.append(one)
        if finish:
            journal.finish()


def found(path: Path, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Which of ``exchanges`` a scan that goes on with the journal at ``path`` need not send."""
    with opened(path) as journal:
        return [one for one in exchanges if one in journal.find(one.case, one.turn, one.request)]


@given(exchanges)
def test_any_exchange_comes_back_from_its_line(one: Exchange) -> None:
    """Binary bodies, odd headers, failures; and it is one line, whatever is in it."""
    line = write_exchange(one)
    assert read_exchange(line) == one
    assert read_exchange(line.encode()) == one
    assert "\n" not in line


def test_times_are_kept_to_the_millisecond_or_better() -> None:
    """More digits would only make journals longer."""
    one = dataclasses.replace(exchange(0), sent_at=1.23456, elapsed=0.123456, chunk_times=(0.00004, 0.00006))
    back = read_exchange(write_exchange(one))
    assert (back.sent_at, back.elapsed, back.chunk_times) == (1.235, 0.1235, (0.0, 0.0001))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"end":true}',
        b"\xff\xfe",
        b"\0" * 30,
        b"[" * 100_000,
        b'{"case":"a"}',
        b'{"case":["a"],"turn":0,"attempt":0,"request":{"method":"GET","url":"","headers":[],"body":""}}',
        b'{"case":"a","turn":0,"attempt":0,"request":{"method":"GET","url":"","headers":[["x"]],"body":""}}',
        b'{"case":"a","turn":0,"attempt":0,"request":{"method":"GET","url":"","headers":[],"body_base64":"x"}}',
        b'{"case":"a","turn":0,"attempt":0,"request":{"method":"GET","url":"","headers":[],"body":null}}',
    ],
)
def test_a_line_that_is_no_exchange_is_a_value_error(line: bytes) -> None:
    """And no other exception."""
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the parser's
        read_exchange(line)


def test_an_unfinished_journal_is_gone_on_with(tmp_path: Path) -> None:
    """What it holds is found, what is appended comes after it."""
    path, three = tmp_path / "acme.ndjson", [exchange(0), exchange(1), exchange(2)]
    write(path, three[:2])
    with opened(path) as journal:
        assert journal.kept == 2
        assert journal.find("a/plain/sync/text", 1, three[1].request) == (three[1],)
        journal.append(three[2])
        assert journal.find("a/plain/sync/text", 0, three[0].request) == (three[0],)
    assert list(read_journal(path)) == three


def test_a_search_between_two_writes_does_not_disturb_them(tmp_path: Path) -> None:
    """Reading moves the place in the file, writing must not follow it."""
    path = tmp_path / "acme.ndjson"
    write(path, [exchange(0), exchange(1)])
    with opened(path) as journal:
        journal.find("a/plain/sync/text", 0, exchange(0).request)
        journal.append(exchange(2))
    assert [one.turn for one in read_journal(path)] == [0, 1, 2]


def test_only_identical_requests_are_found(tmp_path: Path) -> None:
    """Another method, URL, header, body, case or turn is another request."""
    path, one = tmp_path / "acme.ndjson", exchange(0)
    write(path, [one])
    with opened(path) as journal:
        assert journal.find(one.case, 0, one.request) == (one,)
        others: list[dict[str, Any]] = [{"method": "GET"}, {"url": "/models"}, {"headers": ()}, {"body": b"{}"}]
        for change in others:
            assert journal.find(one.case, 0, dataclasses.replace(one.request, **change)) == ()
        assert journal.find("b/plain/sync/text", 0, one.request) == ()
        assert journal.find(one.case, 1, one.request) == ()


def test_attempts_are_found_in_order(tmp_path: Path) -> None:
    """Every try of a request is evidence."""
    tries = [exchange(0, b"busy"), exchange(0, b"busy still", attempt=1), exchange(0, attempt=2)]
    write(tmp_path / "acme.ndjson", tries)
    with opened(tmp_path / "acme.ndjson") as journal:
        assert list(journal.find("a/plain/sync/text", 0, tries[0].request)) == tries


def test_a_finished_journal_begins_anew_and_is_kept_as_old(tmp_path: Path) -> None:
    """The next scan measures again; the last one can still be looked at."""
    path = tmp_path / "acme.ndjson"
    write(path, [exchange(0)], finish=True)
    before = path.read_bytes()
    with opened(path) as journal:
        assert journal.kept == 0
        assert journal.find("a/plain/sync/text", 0, exchange(0).request) == ()
    assert (tmp_path / "acme.old.ndjson").read_bytes() == before
    assert list(read_journal(path)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "other"},
        {"base_url": "http://localhost"},
        {"seed": 8},
        {"probes": "abd"},
        {"trials": None},
        {"llmprobe_journal": 0},
    ],
)
def test_a_journal_of_another_scan_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any]) -> None:
    """Its answers were given to other questions; they are kept beside the new ones."""
    path = tmp_path / "acme.ndjson"
    write(path, [exchange(0)])
    before = path.read_bytes()
    with opened(path, dataclasses.replace(HEADER, **change)) as journal:
        assert journal.kept == 0
    assert (tmp_path / "acme.old.ndjson").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b"[" * 100_000 + b"\n", b'{"provider":"acme"'])
def test_a_file_that_is_no_journal_is_kept_as_old(tmp_path: Path, content: bytes) -> None:
    """Nothing is lost, and the scan starts."""
    path = tmp_path / "acme.ndjson"
    path.write_bytes(content)
    write(path, [exchange(0)])
    assert (tmp_path / "acme.old.ndjson").read_bytes() == content
    assert list(read_journal(path)) == [exchange(0)]


def test_a_journal_cut_at_any_byte_of_its_last_line_is_gone_on_with(tmp_path: Path) -> None:
    """The torn exchange is sent again, those before it are not, and the file is whole after that."""
    path = tmp_path / "acme.ndjson"
    three = [exchange(0), exchange(1, "😀\n".encode()), exchange(2, "é\u2028".encode())]
    write(path, three)
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        assert unfinished_seed(path) == 7
        assert found(path, three) == three[:2], cut
        write(path, three[2:])
        assert path.read_bytes() == whole


def test_a_journal_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    """Without a header nobody knows what was asked."""
    path = tmp_path / "acme.ndjson"
    write(path, [])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        write(path, [exchange(0)])
        assert list(read_journal(path)) == [exchange(0)]


@pytest.mark.parametrize(
    "garbage", [b"\0" * 50, b'{"case":"a","turn":0}', b'{"case":[],"turn":{}}', b"\xff", b"[" * 9999]
)
def test_a_garbled_line_costs_only_its_own_exchange(tmp_path: Path, garbage: bytes) -> None:
    """What was paid for before and after it is still there."""
    path, three = tmp_path / "acme.ndjson", [exchange(0), exchange(1), exchange(2)]
    write(path, three)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = garbage + b"\n"
    path.write_bytes(b"".join(lines))
    assert list(read_journal(path)) == [three[0], three[2]]
    assert found(path, three) == [three[0], three[2]]
    assert path.read_bytes() == b"".join(lines)


def test_only_an_unfinished_journal_gives_its_seed(tmp_path: Path) -> None:
    """A new scan takes a new seed."""
    path = tmp_path / "acme.ndjson"
    assert unfinished_seed(path) is None
    write(path, [exchange(0, b'{"end":true}\n')])
    assert unfinished_seed(path) == 7
    write(path, [], finish=True)
    assert unfinished_seed(path) is None
    path.write_bytes(b"no journal\n")
    assert unfinished_seed(path) is None


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    """A failure may quote anything."""
    path = tmp_path / "acme.ndjson"
    one = dataclasses.replace(exchange(0), response=None, failure=TransportFailure("protocol", "\ud83d"))
    write(path, [one])
    assert list(read_journal(path)) == [one]


def test_the_first_line_is_the_header(tmp_path: Path) -> None:
    """Anyone can read what the journal was made with."""
    path = tmp_path / "sub" / "acme.ndjson"
    write(path, [], finish=True)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {
            "provider": "acme",
            "base_url": "https://api.acme.test/v1",
            "dialect": "openai-chat",
            "seed": 7,
            "probes": "abc",
            "models": [],
            "modes": ["stream", "sync"],
            "trials": 10,
            "scenario": "",
            "llmprobe_journal": 1,
        },
        {"end": True},
    ]
