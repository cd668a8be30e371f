"""Recordings of other programs become exchanges; whatever else lies in a folder becomes one line each."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import os
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmprobe import strict_yaml
from llmprobe.errors import UsageError
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse, TransportFailure
from llmprobe.recordings import foreign, messages
from llmprobe.recordings.foreign import Unread, header_of, read_paths
from llmprobe.recordings.journal import Header, write_exchange
from llmprobe.strict_yaml import load_plain
from tests.recorded import RECORDINGS, exchanges, needs_recordings

URL = "https://api.acme.test/v1/chat/completions?alt=sse"
ASKED = '{"model":"a","messages":[{"role":"user","content":"Grüße 🍌"}]}'
ANSWER = 'data: {"choices":[]}\n\ndata: [DONE]\n\n'
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
EXPECTED = Exchange(
    "",
    0,
    0,
    HttpRequest("POST", URL, (("content-type", "application/json"), ("x-trace", "1")), ASKED.encode()),
    HttpResponse(200, (("content-type", "text/event-stream"), ("date", DATE)), ANSWER.encode()),
    None,
    1767225600.0,
    1.5,
)
REQUEST_HEADERS = {"Content-Type": "application/json", "X-Trace": "1", "Authorization": "Bearer sk-0123456789abcdef"}
RESPONSE_HEADERS = {"Content-Type": "text/event-stream", "Date": DATE, "Set-Cookie": "session=1"}
JOURNAL = json.dumps(dataclasses.asdict(Header("acme", "https://api.acme.test/v1", "openai-chat", 7, "abc")))


# --- the formats, as their programs write them -----------------------------------------------------------


def go_vcr_one(**changes: Any) -> dict[str, Any]:
    response = {
        "proto": "HTTP/2.0",
        "content_length": -1,
        "body": ANSWER,
        "headers": {name: [value] for name, value in RESPONSE_HEADERS.items()},
        "status": "200 OK",
        "code": 200,
        "duration": "1.5s",
    }
    request = {
        "body": ASKED,
        "form": {},
        "headers": {name: [value] for name, value in REQUEST_HEADERS.items()},
        "url": URL,
        "method": "POST",
    }
    return {"id": 0, "request": request, "response": response | changes}


def vcrpy_one(**changes: Any) -> dict[str, Any]:
    return {
        "request": {"body": ASKED, "headers": REQUEST_HEADERS, "method": "POST", "uri": URL},
        "response": {
            "body": {"string": ANSWER},
            "headers": {name: [value] for name, value in RESPONSE_HEADERS.items()},
            "status": {"code": 200, "message": "OK"},
        }
        | changes,
    }


def har_one(**changes: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-01-01T01:00:00.000+01:00",
        "time": 1500,
        "request": {
            "method": "POST",
            "url": URL,
            "httpVersion": "h2",
            "headers": [{"name": ":authority", "value": "api.acme.test"}, *_listed(REQUEST_HEADERS)],
            "postData": {"mimeType": "application/json", "text": ASKED},
        },
        "response": {
            "status": 200,
            "headers": _listed(RESPONSE_HEADERS),
            "content": {"size": 9, "mimeType": "text/event-stream", "text": ANSWER},
        }
        | changes,
    }


def _listed(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def as_yaml(version: int, *interactions: Any, first: bool = True) -> bytes:
    """A cassette; go-vcr says its version first, vcrpy last."""
    parts: list[dict[str, Any]] = [{"version": version}, {"interactions": list(interactions)}]
    texts = [yaml.safe_dump(part, allow_unicode=True) for part in (parts if first else reversed(parts))]
    return "".join(texts).encode()


def go_vcr(*interactions: Any) -> bytes:
    return b"---\n" + as_yaml(2, *interactions)


def vcrpy(*interactions: Any) -> bytes:
    return as_yaml(1, *interactions, first=False)


def vcrpy_json(*interactions: Any) -> bytes:
    return json.dumps({"version": 1, "interactions": interactions}, indent=4).encode()


def har(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).encode()


def journal(*lines: str | Exchange) -> bytes:
    texts = (write_exchange(line) if isinstance(line, Exchange) else line for line in lines)
    return "".join(f"{text}\n" for text in (JOURNAL, *texts)).encode()


SPOKEN = dataclasses.replace(EXPECTED, case="acme/plain/stream/text", turn=3, attempt=2, chunk_times=(0.5, 1.5))
FORMATS: dict[str, bytes] = {
    "go-vcr 2": go_vcr(go_vcr_one()),
    "go-vcr 1": as_yaml(1, go_vcr_one()),
    "go-vcr as JSON": json.dumps({"version": 2, "interactions": [go_vcr_one()]}).encode(),
    "vcrpy": vcrpy(vcrpy_one()),
    "vcrpy as JSON": vcrpy_json(vcrpy_one()),
    "vcrpy, httpx": vcrpy(
        {
            "request": vcrpy_one()["request"],
            "response": {"status_code": 200, "http_version": "h", "headers": RESPONSE_HEADERS, "content": ANSWER},
        }
    ),
    "HAR": har(har_one()),
    "HAR with a BOM": b"\xef\xbb\xbf" + har(har_one()),
}


def found(path: Path, data: bytes | None = None) -> list[Exchange | Unread]:
    if data is not None:
        path.write_bytes(data)
    return list(read_paths([path]))


def exchange(path: Path, data: bytes) -> Exchange:
    """The only exchange in ``data``."""
    [one] = found(path, data)
    assert isinstance(one, Exchange), one
    return one


def answer(path: Path, data: bytes) -> HttpResponse:
    one = exchange(path, data)
    assert one.response is not None
    return one.response


def whys(path: Path, data: bytes) -> list[str]:
    """Why parts of ``data`` could not be read; what could is left out."""
    return [one.why for one in found(path, data) if isinstance(one, Unread)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A name that says nothing of the format."""
    return tmp_path / "notes.txt"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_one_exchange_is_the_same_in_every_format(file: Path, name: str, compressed: bool) -> None:
    """Only a duration and the moment of sending are not known to all."""
    data = FORMATS[name]
    one = exchange(file, gzip.compress(data) if compressed else data)
    timed = "vcrpy" not in name
    assert one == dataclasses.replace(EXPECTED, case=file.as_posix(), elapsed=1.5 if timed else 0.0)


@pytest.mark.parametrize("compressed", [False, True])
def test_exchanges_of_a_journal_keep_their_address(file: Path, compressed: bool) -> None:
    """Case, turn and attempt are what a scan gave them."""
    data = journal(SPOKEN, dataclasses.replace(SPOKEN, attempt=3), '{"end":true}')
    assert found(file, gzip.compress(data) if compressed else data) == [SPOKEN, dataclasses.replace(SPOKEN, attempt=3)]


def test_turns_count_the_interactions_of_a_file(file: Path) -> None:
    """From 0, those that cannot be read included."""
    data = go_vcr(go_vcr_one(), {"request": go_vcr_one()["request"]}, go_vcr_one())
    first, missing, last = found(file, data)
    assert isinstance(first, Exchange)
    assert isinstance(last, Exchange)
    assert (first.id, last.id) == (f"{file.as_posix()}#0", f"{file.as_posix()}#2")
    assert missing == Unread(file.as_posix(), "interaction 1 has no response")


# --- bodies and headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda body: go_vcr(go_vcr_one(body=body)),
        lambda body: vcrpy(vcrpy_one(body={"string": body})),
        lambda body: vcrpy_json(vcrpy_one(body={"base64_string": base64.b64encode(body).decode()})),
        lambda body: har(har_one(content={"text": base64.b64encode(body).decode(), "encoding": "base64"})),
    ],
    ids=["go-vcr", "vcrpy", "vcrpy as JSON", "HAR"],
)
def test_bodies_of_bytes_are_kept_byte_for_byte(file: Path, make: Callable[[bytes], bytes]) -> None:
    """A picture or a sound."""
    body = bytes(range(256))
    assert answer(file, make(body)).body == body


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity, gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
        *((coding, lambda body: body) for coding in ("gzip", "deflate", "br", "zstd")),
    ],
)
def test_compressed_bodies_are_decompressed(file: Path, coding: str, compress: Callable[[bytes], bytes]) -> None:
    """Also when the recorder did it and left the header as it was."""
    headers = {"Content-Encoding": [coding], "Content-Length": ["99"], "Transfer-Encoding": "chunked", "Date": DATE}
    response = answer(file, vcrpy(vcrpy_one(body={"string": compress(ANSWER.encode())}, headers=headers)))
    assert response == HttpResponse(200, (("date", DATE),), ANSWER.encode())


def test_a_body_that_never_was_compressed_keeps_its_length(file: Path) -> None:
    """The header is evidence."""
    response = answer(file, go_vcr(go_vcr_one(headers={"Content-Length": ["38"], "Retry-After": 5})))
    assert response.headers == (("content-length", "38"), ("retry-after", "5"))


@pytest.mark.parametrize(
    ("coding", "body", "why"),
    [
        ("br", b"\x0b\x02\x80\xff", "has a body compressed with br"),
        ("zstd", b"\x28\xb5\x2f\xfd", "has a body compressed with zstd"),
        ("\x1b[31mred", b"\xff", "has a body compressed with an unknown coding"),
        ("gzip", gzip.compress(b"x" * 99)[:-9], "has a body that is damaged gzip"),
        ("gzip", b"\x1f\x8bnonsense", "has a body that is damaged gzip"),
        ("deflate", b"\xff\xff\xff", "has a body that is damaged deflate"),
        ("gzip, gzip, gzip, gzip", b"x", "has a body with more than 3 content codings"),
        ("gzip", gzip.compress(bytes(messages.LIMIT + 1), 1), "has a body that is larger than 64 MB"),
        ("deflate", zlib.compress(bytes(messages.LIMIT + 1), 1), "has a body that is larger than 64 MB"),
    ],
)
def test_a_body_that_cannot_be_decompressed_is_said(file: Path, coding: str, body: bytes, why: str) -> None:
    """A megabyte can become gigabytes, and not every coding is known."""
    broken = vcrpy_one(body={"string": body}, headers={"content-encoding": coding})
    assert whys(file, vcrpy(vcrpy_one(), broken)) == [f"interaction 1 {why}"]


def test_messages_without_bodies_are_exchanges(file: Path) -> None:
    """A listing has no body in its request, an evicted answer none in its response."""
    bare: dict[str, Any] = {"method": "GET", "headers": None}
    cassettes = [
        go_vcr({"request": {**bare, "url": URL}, "response": {"code": 204}}),
        vcrpy({"request": {**bare, "uri": URL, "body": None}, "response": {"status": {"code": 204}, "body": {}}}),
        har({"request": {"method": "GET", "url": URL}, "response": {"status": 204}}),
    ]
    for data in cassettes:
        assert exchange(file, data) == Exchange(
            file.as_posix(), 0, 0, HttpRequest("GET", URL), HttpResponse(204), None, 0.0, 0.0
        )


def test_a_har_without_an_answer_is_a_failure(file: Path) -> None:
    """Browsers write status 0 when a connection was refused or cut."""
    data = har(har_one(status=0, _error="net::ERR_CONNECTION_REFUSED"), har_one(status=0))
    outcomes = [(one.response, one.failure) for one in found(file, data) if isinstance(one, Exchange)]
    assert outcomes == [
        (None, TransportFailure("protocol", "net::ERR_CONNECTION_REFUSED")),
        (None, TransportFailure("protocol", "no answer")),
    ]


def test_the_fields_of_a_form_are_a_body(file: Path) -> None:
    """HAR has them instead of a text."""
    entry = har_one()
    entry["request"]["postData"] = {"params": [{"name": "a b", "value": "é"}, {"name": "c"}]}
    assert exchange(file, har(entry)).request.body == b"a+b=%C3%A9&c="


@pytest.mark.parametrize(("text", "body"), [("\\udcff", b"\xff"), ("\\ud83d", b"?"), ("\\ud83c\\udf4c", "🍌".encode())])
def test_halves_of_surrogate_pairs_are_no_trouble(file: Path, text: str, body: bytes) -> None:
    """JSON can hold what UTF-8 cannot."""
    data = vcrpy_json(vcrpy_one(body={"string": "HALF"})).replace(b"HALF", text.encode())
    assert answer(file, data).body == body


@pytest.mark.parametrize(
    ("duration", "elapsed"), [("120ms", 0.12), ("1m2.5s", 62.5), ("", 0.0), ("soon", 0.0), (None, 0.0), (7, 0.0)]
)
def test_durations_are_read(file: Path, duration: Any, elapsed: float) -> None:
    """As Go writes them."""
    assert exchange(file, go_vcr(go_vcr_one(duration=duration))).elapsed == pytest.approx(elapsed)


@pytest.mark.parametrize("time", [-1, None, True, "fast", 10**400, float("inf")])
def test_a_time_that_is_none_is_zero(file: Path, time: Any) -> None:
    """HAR has -1 for "not known"."""
    entry = har_one() | {"time": time, "startedDateTime": time}
    assert exchange(file, har(entry)).elapsed == 0.0
    assert exchange(file, har(entry)).sent_at == 1767225600.0  # the server's clock


# --- keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Api-Key", "x-goog-api-key", "api-key", "Cookie", "Set-Cookie", "Proxy-Authorization"],
)
def test_headers_that_hold_keys_are_left_out(file: Path, name: str) -> None:
    """Everything else that was sent is kept."""
    one = vcrpy_one()
    one["request"]["headers"] = {name: "secret", "Accept": "*/*"}
    assert exchange(file, vcrpy(one)).request.headers == (("accept", "*/*"),)


def test_keys_in_addresses_are_masked(file: Path) -> None:
    """In the query, and before the host."""
    one = go_vcr_one()
    one["request"]["url"] = (
        "https://me:pw@acme.test/v1?key=AIza0&alt=sse&api_key=b&access_token=c&pageToken=d&max_key=1"
    )
    assert exchange(file, go_vcr(one)).request.url == (
        "https://acme.test/v1?key=[key]&alt=sse&api_key=[key]&access_token=[key]&pageToken=d&max_key=1"
    )


def test_an_echo_of_a_key_is_masked(file: Path) -> None:
    """A refusal may quote it; a place-holder is a word like any other."""
    one = vcrpy_one(body={"string": "no such key: sk-0123456789abcdef"})
    assert answer(file, vcrpy(one)).body == b"no such key: [key]"
    one["request"]["headers"] = {"authorization": "Bearer key"}
    assert answer(file, vcrpy(one)).body == b"no such key: sk-0123456789abcdef"


# --- what is no recording --------------------------------------------------------------------------------

_BOMB = "a: &a0 [x]\n" + "".join(f"b{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60))
_MERGES = "a: &a0 {x: 1}\n" + "".join(f"b{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60))


NO_RECORDINGS = [
    (b"", "empty"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\r", "binary data"),
    (b"PK\x03\x04", "binary data"),
    (gzip.compress(gzip.compress(b"x")), "binary data"),
    (b"hello\n", "text, but no recording"),
    (b"[section]\nname = 1\n", "text, but no recording"),
    (b"{{ template }}", "text, but no recording"),
    (b"version: 2\nservices: {}\n", "text, but no recording"),
    (b"caf\xe9", "text, but no recording"),
    (b"{}", "JSON, but neither HAR nor a cassette"),
    (b'[{"log": {"entries": []}}]', "JSON, but neither HAR nor a cassette"),
    (b'{"a": 1}', "JSON, but neither HAR nor a cassette"),
    (b'{"log": [1]}', "JSON, but neither HAR nor a cassette"),
    (b'{"a": {"interactions": []}}', "JSON, but neither HAR nor a cassette"),
    (b'{"log": {"entries": [\n{"request"', "not JSON: line 2: Expecting ':' delimiter"),
    (b'{"log": {"entries": [\n\xff', "not JSON: line 2: not UTF-8 text"),
    (b'{"log": ' + b"[" * 200_000, "not JSON: nested too deep"),
    (b'{"log": ' + b"1" * 5_000 + b"}", "not JSON: a number is too long"),
    (har(), "a HAR without entries"),
    (b'{"log": {"entries": {"a": 1}}}', "a HAR without entries"),
    (go_vcr(), "a cassette without interactions"),
    (b"interactions:\nversion: 1\n", "a cassette without interactions"),
    (vcrpy_json(), "a cassette without interactions"),
    (b"a:\n  interactions: []\n", "YAML, but no cassette"),
    (b"- interactions: []\n- interactions:\n", "text, but no recording"),
    (go_vcr(go_vcr_one()) + b"- [\n", "not YAML: line 38: did not find expected node content"),
    (b"interactions: []\n---\na: b\n", "expected a single document in the stream, but found another document"),
    (b"interactions: !!python/object/apply:os.getcwd []\n", "could not determine a constructor for the tag"),
    (b"interactions:\n- !!int soon\n", "not YAML: line 2: invalid literal for int()"),
    (b"interactions:\n- caf\xe9\n", "not YAML: line 2: incomplete UTF-8 octet sequence"),
    (b"interactions:\n- \x7f\n", "not YAML: line 2: control characters are not allowed"),
    (b"interactions: " + b"[" * 100_000, "not YAML: line 1: exceeded maximum nesting depth"),
    (b"interactions:\n" + b"- " * 100_000, "not YAML: line 2: exceeded maximum nesting depth"),
    (f"{_BOMB}interactions: [*a59]\n".encode(), "interaction 0 has no request"),
    (f"{_MERGES}interactions: [*a59]\n".encode(), "interaction 0 has no request"),
    (b"interactions: &a [*a]\n", "interaction 0 has no request"),
    (b"interactions: &a [{request: *a, response: *a}]\n", "interaction 0 has no request"),
    (b"interactions: " + b"1:" * 200_000 + b"1\n", "a cassette without interactions"),
    (journal(), "a journal without exchanges"),
    (journal('{"end":true}'), "a journal without exchanges"),
    (JOURNAL.encode(), "a journal without exchanges"),
    (journal('{"case":"a"}'), "line 2: not an exchange: KeyError('turn')"),
    (gzip.compress(go_vcr(go_vcr_one()))[:-9], "damaged gzip"),
    (b"\x1f\x8b", "damaged gzip"),
    (b"\x1f\x8bnonsense", "damaged gzip"),
]


@pytest.mark.parametrize(("data", "why"), NO_RECORDINGS, ids=[why for _, why in NO_RECORDINGS])
def test_what_cannot_be_read_is_one_line(file: Path, data: bytes, why: str) -> None:
    """Soon, with a place where there is one, and in signs that print."""
    start = time.process_time()
    [reason] = whys(file, data)
    assert why in reason
    assert reason.isprintable()
    assert len(reason) < 160
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (None, "has no request"),
        ([], "has no request"),
        ({}, "has no request"),
        ({"request": {"uri": URL, "method": "GET"}}, "has no response"),
        ({"request": {"uri": URL}, "response": {}}, "has no method"),
        ({"request": {"uri": "", "method": "GET"}, "response": {}}, "has no uri"),
        ({"request": {"method": "GET"}, "response": {}}, "has no url"),
        (vcrpy_one(status={}), "has no status"),
        (vcrpy_one(status={"code": "200"}), "has no status"),
        (vcrpy_one(status={"code": 0}), "has no status"),
        (vcrpy_one(status=True), "has no status"),
        (go_vcr_one(code=None), "has no status"),
        (vcrpy_one(headers=[1]), "has headers that are no mapping"),
        (vcrpy_one(headers={"a": [{}]}), "has a header that is no text"),
        (vcrpy_one(headers={"a" * 300: "b"}), "has a header with an endless name"),
        (vcrpy_one(headers={f"a{i}": "b" for i in range(1001)}), "has more than 1,000 headers"),
        (vcrpy_one(headers={"a": ["b"] * 1001}), "has more than 1,000 headers"),
        (vcrpy_one(body={"string": {"string": "x"}}), "has a body that is neither text nor bytes"),
        (vcrpy_one(body={"base64_string": "x"}), "has a body that is not base64"),
        (vcrpy_one(body=[1]), "has a body that is neither text nor bytes"),
    ],
)
def test_an_interaction_that_is_none_is_one_line(file: Path, one: Any, why: str) -> None:
    """The others are read; when there are none, it speaks for the file."""
    for make in (vcrpy, vcrpy_json):
        assert whys(file, make(vcrpy_one(), one, vcrpy_one())) == [f"interaction 1 {why}"]
        assert len(found(file, make(vcrpy_one(), one, vcrpy_one()))) == 3
        assert whys(file, make(one)) == [f"interaction 0 {why}"]
        assert whys(file, make(one, one)) == [f"none of 2 can be read: interaction 0 {why}"]


def test_null_is_no_log(file: Path) -> None:
    """Entries of a HAR are as untrusted as interactions."""
    assert whys(file, har(har_one(), None, {"request": {}}, har_one(status="200"))) == [
        "interaction 1 has no request",
        "interaction 2 has no response",
        "interaction 3 has no status",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": "1"},
        {"attempt": 1.5},
        {"sent_at": None},
        {"elapsed": float("nan")},
        {"chunk_times": ["1"]},
        {"turn": 10**400},
        {"request": {"method": 1, "url": "", "headers": [], "body": ""}},
        {"request": {"method": "GET", "url": "", "headers": [["a", 1]], "body": ""}},
        {"response": {"status": "200", "headers": [], "body": ""}},
        {"response": {"status": 200, "headers": [[1, "a"]], "body": ""}},
        {"response": []},
        {"response": None},
        {"failure": {"kind": 1, "detail": ""}},
    ],
)
def test_a_line_of_a_journal_with_wrong_types_is_none(file: Path, change: dict[str, Any]) -> None:
    """JSON may hold anything under our names."""
    line = json.dumps(json.loads(write_exchange(SPOKEN)) | change)
    bad, good = found(file, journal(line, SPOKEN))
    assert bad == Unread(file.as_posix(), "line 2: not an exchange: a field is of the wrong type")
    assert good == SPOKEN


def test_a_journal_that_was_cut_off_is_read_up_to_there(file: Path) -> None:
    """A scan that was killed leaves a torn line; a missing newline alone is no loss."""
    whole = journal(SPOKEN, SPOKEN)
    assert found(file, whole[:-1]) == [SPOKEN, SPOKEN]
    assert found(file, whole[:-9]) == [SPOKEN, Unread(file.as_posix(), "line 3 is cut off")]


def test_journals_one_after_the_other_are_one(file: Path) -> None:
    """As ``cat`` makes them."""
    assert found(file, journal(SPOKEN, '{"end":true}') + b"\n" + journal(SPOKEN)) == [SPOKEN, SPOKEN]


def test_a_damaged_gzip_journal_is_read_up_to_the_damage(file: Path) -> None:
    """Like one that is not compressed."""
    noise = [dataclasses.replace(SPOKEN, case=os.urandom(40_000).hex()) for _ in range(4)]
    cut = gzip.compress(journal(*noise))[:-20_000]
    *good, last = found(file, cut)
    assert good == noise[: len(good)]
    assert len(good) >= 2
    assert last == Unread(file.as_posix(), "damaged gzip")


def test_troubles_without_end_do_not_fill_the_memory(file: Path) -> None:
    """Each is told until there are too many to be of use."""
    lines = ["{}"] * 3_000
    assert whys(file, journal(*lines)) == ["none of 3,000 can be read: line 2: not an exchange: KeyError('case')"]
    *told, rest = whys(file, journal(*lines, SPOKEN))
    assert len(told) == 1_000
    assert rest == "2,000 more of this kind"


# --- size ------------------------------------------------------------------------------------------------


def sparse(path: Path, beginning: bytes, size: int) -> Path:
    """A file that takes no room on the disk."""
    path.write_bytes(beginning)
    os.truncate(path, size)
    return path


@pytest.mark.parametrize("beginning", [b"", b"hello\n", b'{"log": {"entries": [', b"interactions:\n- request: x\n"])
def test_a_large_file_costs_nothing(file: Path, beginning: bytes) -> None:
    """Its size is known before it is read."""
    sparse(file, beginning, 200_000_000)
    tracemalloc.start()
    try:
        start = time.process_time()
        assert found(file) == [Unread(file.as_posix(), "larger than 64 MB")]
        assert time.process_time() - start < 0.5
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_small_file_may_be_large_inside(file: Path) -> None:
    """Decompressing stops at the limit, and does not begin when it is no recording."""
    zeros = bytes(messages.LIMIT)
    assert whys(file, gzip.compress(b"interactions:\n" + zeros.replace(b"\0", b" "), 1)) == ["larger than 64 MB"]
    assert whys(file, gzip.compress(zeros, 1)) == ["binary data"]


def test_a_journal_may_be_larger_than_the_limit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only each of its lines may not."""
    data = journal(SPOKEN, *["x" * 5_000], SPOKEN, SPOKEN)
    monkeypatch.setattr(foreign, "LIMIT", 2_000)
    assert len(data) > 2_000
    assert found(file, data) == [SPOKEN, Unread(file.as_posix(), "line 3 is larger than 64 MB"), SPOKEN, SPOKEN]


@pytest.mark.parametrize("body", ["x" * 1_000_000, "!!binary " + base64.b64encode(bytes(1_000_000)).decode()])
def test_aliases_do_not_make_more_of_a_file_than_a_gigabyte(file: Path, body: str) -> None:
    """One body, named by a hundred thousand interactions."""
    one = f"- &i {{request: {{method: GET, url: /}}, response: {{code: 200, body: &b {body}}}}}\n"
    other = "- {request: {method: GET, url: /}, response: {code: 200, body: *b}}\n"
    file.write_text("interactions:\n" + one + other * 10 + "- *i\n" * 100_000)
    start = time.process_time()
    good, last = 0, None
    for last in read_paths([file]):
        good += isinstance(last, Exchange)
    assert good == 999
    assert isinstance(last, Unread)
    assert last.why == "interaction 999 and the 99,011 after it: more than 1 GB in all"
    assert time.process_time() - start < 10


def test_headers_that_are_named_again_and_again_come_to_an_end(file: Path) -> None:
    """Each takes time, also when it is left out in the end."""
    headers = ", ".join(f"a{i}: b" for i in range(1000))
    one = f"- &i {{request: {{method: GET, url: /}}, response: {{code: 200, headers: {{{headers}}}}}}}\n"
    file.write_text("interactions:\n" + one + "- *i\n" * 100_000)
    assert sum(isinstance(one, Exchange) for one in read_paths([file])) < 1_000


# --- folders ---------------------------------------------------------------------------------------------


def test_a_folder_stands_for_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of their names; hidden ones are left out, and no link leads in circles."""
    monkeypatch.chdir(tmp_path)
    rec = Path("rec")
    for folder in ("b/deep", ".git", "empty"):
        (rec / folder).mkdir(parents=True)
    (rec / "c.har").write_bytes(FORMATS["HAR"])
    (rec / "b" / "deep" / "x").write_bytes(FORMATS["vcrpy"])
    (rec / "b" / "truncated.yaml").write_bytes(FORMATS["go-vcr 2"] + b"- [\n")
    (rec / "a.md").write_text("# Notes\n")
    (rec / ".git" / "y.har").write_bytes(FORMATS["HAR"])
    (rec / ".hidden.har").write_bytes(FORMATS["HAR"])
    (rec / "b" / "up").symlink_to(tmp_path / "rec")
    (rec / "z.har").symlink_to(tmp_path / "rec" / "c.har")
    (rec / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(rec / "pipe")

    seen = [(one.case, True) if isinstance(one, Exchange) else (one.path, False) for one in read_paths([rec])]

    assert seen == [
        ("rec/a.md", False),
        ("rec/b/deep/x", True),
        ("rec/b/truncated.yaml", False),
        ("rec/c.har", True),
        ("rec/gone", False),
        ("rec/pipe", False),
        ("rec/z.har", True),
    ]
    whys = {one.path: one.why for one in read_paths([rec]) if isinstance(one, Unread)}
    assert whys["rec/gone"] == "cannot be read: No such file or directory"
    assert whys["rec/pipe"] == "neither file nor folder"
    assert header_of(rec / "pipe") is None


def test_links_between_folders_are_not_multiplied(tmp_path: Path) -> None:
    """Thirty folders with two links each are a billion ways to one file."""
    for i in range(30):
        (tmp_path / f"{i:02}").mkdir()
        for name in "ab":
            (tmp_path / f"{i:02}" / name).symlink_to(tmp_path / f"{i + 1:02}")
    (tmp_path / "30").mkdir()
    (tmp_path / "30" / "x").write_bytes(FORMATS["HAR"])
    assert len(list(read_paths([tmp_path]))) == 1


def test_paths_are_read_in_the_order_given(tmp_path: Path) -> None:
    """Files and folders alike."""
    (tmp_path / "a").write_text("x")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b").write_text("y")
    paths = [one.path for one in read_paths([tmp_path / "d", tmp_path / "a"]) if isinstance(one, Unread)]
    assert paths == [f"{tmp_path}/d/b", f"{tmp_path}/a"]


def test_a_path_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    """Known before anything is read."""
    with pytest.raises(UsageError, match="nowhere: there is no such file or folder"):
        read_paths([tmp_path, tmp_path / "nowhere"])


def test_a_file_is_closed_before_the_next_one_is_read(tmp_path: Path) -> None:
    """One file at a time is in memory, whatever the folder holds."""
    body = "x" * 1_000_000
    for i in range(12):
        (tmp_path / str(i)).write_bytes(vcrpy_json(vcrpy_one(body={"string": body})))
    tracemalloc.start()
    try:
        assert sum(isinstance(one, Exchange) for one in read_paths([tmp_path])) == 12
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


# --- anything --------------------------------------------------------------------------------------------

_starts = st.sampled_from(
    [b"", b"\x1f\x8b", b'{"log":', b'{"log":{"entries":[', b"interactions:\n- ", b"interactions: {", JOURNAL.encode()]
)
_NAMES = sorted(
    {"request", "response", "url", "uri", "method", "headers", "body", "string", "base64_string", "code", "status"}
    | {"content", "postData", "text", "encoding", "params", "name", "value", "time", "startedDateTime", "status_code"}
    | {"case", "turn", "attempt", "kind", "detail", "sent_at", "elapsed", "failure", "content-encoding", "date"}
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([200, "GET", URL]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES) | st.text(max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


def settled(path: Path, results: Iterable[Exchange | Unread]) -> None:
    """Each file gives exchanges, or exactly one line."""
    kinds = [isinstance(one, Exchange) for one in results]
    assert any(kinds) or kinds == [False], path


@given(_starts, st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.booleans())
def test_any_bytes_are_exchanges_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes, compressed: bool
) -> None:
    """And no exception."""
    path = tmp_path_factory.getbasetemp() / "anything"
    data = start + rest
    settled(path, found(path, gzip.compress(data) if compressed else data))


@given(st.lists(_json, max_size=4))
def test_any_interactions_are_exchanges_or_lines(tmp_path_factory: pytest.TempPathFactory, items: list[Any]) -> None:
    """In every format."""
    path = tmp_path_factory.getbasetemp() / "anything"
    lines = [json.dumps(item) for item in items]
    for data in (vcrpy_json(*items), har(*items), go_vcr(*items), journal(*lines)):
        results = found(path, data)
        settled(path, results)
        assert len(results) <= max(1, len(items))


LOADERS = {
    name: strict_yaml._plain_loader(getattr(yaml, name))
    for name in ("CSafeLoader", "SafeLoader")
    if hasattr(yaml, name)
}
"""On both of PyYAML's parsers: an installation may lack the fast one."""
both = pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)


def plain(data: bytes, loader: Any) -> Any:
    """``data`` as read with ``loader``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_yaml, "_PLAIN", loader)
        return load_plain(data)


def trouble(data: bytes, loader: Any) -> str:
    """Why ``data`` is not plain YAML, "" when it is."""
    try:
        plain(data, loader)
    except ValueError as error:
        return str(error)
    return ""


@both
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_plain_yaml_is_a_value_or_one_line(loader: Any, data: bytes) -> None:
    """Whatever stands there."""
    why = trouble(data, loader)
    assert not why or why.startswith("line ")
    assert not why or why.isprintable()


@both
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a: b\n- c", "line 2: "),
        (b'"\\UFFFFFFFF"', "line 1: "),
        (b"a: \xff", "line 1: "),
        (b"\na: \0", "line 2: "),
        (b"[" * 3_000, "line 1: "),
        (b"a: !!timestamp x", "line 1: could not determine a constructor for the tag"),
        (b"a:\n- !!bool {}", "line 2: expected a scalar node"),
        (b"\n!!int soon", "line 2: invalid literal"),
        (b"? [a]\n: b", "line 1: found unhashable key"),
        (b"*a", "line 1: found undefined alias"),
        (b"!<" + b"x" * 300 + b"> a", "..."),
    ],
)
def test_troubles_of_plain_yaml_have_a_line(loader: Any, data: bytes, why: str) -> None:
    """Whatever PyYAML raises."""
    assert why in trouble(data, loader)
    assert len(trouble(data, loader)) < 130


@both
def test_plain_yaml_changes_no_text(loader: Any) -> None:
    """Only null, true, false and whole numbers are more than text."""
    text = b"[null, ~, true, 12, -3, 0, 007, 3.10, 1e3, 2024-01-01, 1:30, yes, No, 0x1f, 12345678901234567890, '12']"
    assert plain(text, loader) == [
        None, None, True, 12, -3, 0, "007", "3.10", "1e3", "2024-01-01", "1:30", "yes", "No", "0x1f",
        "12345678901234567890", "12",
    ]  # fmt: skip
    aliased = b"{a: &x [!!binary /w==], b: *x, <<: {c: d}}"
    assert plain(aliased, loader) == {
        "a": [b"\xff"],
        "b": [b"\xff"],
        "<<": {"c": "d"},
    }


@both
def test_plain_yaml_has_room_for_so_many_values(loader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a hundred times its text."""
    monkeypatch.setattr(strict_yaml, "MAX_NODES", 5)
    assert plain(b"- 1\n" * 4, loader) == [1] * 4
    assert trouble(b"- 1\n" * 5, loader) == "line 1: more than 5 values"


# --- the recordings --------------------------------------------------------------------------------------


@needs_recordings
def test_every_recording_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """All cassettes, and of the other files one line each."""
    start = time.perf_counter()
    good, bad = set(), set()
    for one in read_paths([RECORDINGS]):
        if isinstance(one, Exchange):
            good.add((one.case, one.turn))
        else:
            bad.add(one.path)
    took = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n{len(good)} exchanges of {len({case for case, _ in good})} recordings read in {took:.1f} s")
    assert {case for case, _ in good} == {path.as_posix() for path in RECORDINGS.rglob("*.yaml")}
    assert len(good) >= 3_000
    assert not {path for path in bad if path.endswith(".yaml")}


@needs_recordings
def test_recordings_are_read_as_they_stand() -> None:
    """Compared with a plain YAML reader, field by field."""
    for path in sorted(RECORDINGS.rglob("*.yaml"))[::40]:
        plain = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
        read = list(exchanges(path))
        assert [one.turn for one in read] == list(range(len(plain)))
        for one, raw in zip(read, plain, strict=True):
            assert one.response is not None
            assert one.case == path.relative_to(RECORDINGS).as_posix()
            assert (one.request.method, one.request.url) == (raw["request"]["method"], raw["request"]["url"])
            assert one.request.body == raw["request"].get("body", "").encode()
            assert (one.response.status, one.response.body) == (
                raw["response"]["code"],
                raw["response"]["body"].encode(),
            )
            assert one.elapsed > 0
            sent = {name.lower(): values for name, values in raw["request"].get("headers", {}).items()}
            assert one.request.headers == tuple((name, value) for name in sent for value in sent[name])
            limits = {name for name, _ in one.response.headers if "ratelimit" in name}
            assert limits == {name.lower() for name in raw["response"]["headers"] if "ratelimit" in name.lower()}
