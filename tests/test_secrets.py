"""Keys are found in every form in which an endpoint may echo them, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.exchange import Exchange, Headers, HttpRequest, HttpResponse, TransportFailure
from llmprobe.recordings.secrets import MASK, redact

KEY = 'sk-a/b+c"d\\e&f_0123456789'
REQUEST = HttpRequest("POST", "/chat/completions", (("content-type", "application/json"),), b"{}")

_SIGNS = "abcXYZ0189-_.+/=&\"\\'<> ~é"
keys = st.text(alphabet=_SIGNS, min_size=8, max_size=40).filter(lambda key: key.strip() == key)
uneven_keys = st.lists(st.sampled_from(_SIGNS), min_size=8, unique=True).map("".join)
"""Keys in which nothing repeats, so that they can be found in one place only."""


def masked(body: bytes, key: str = KEY) -> bytes:
    """``body`` as it would be written to the journal."""
    exchange = Exchange("a/plain/sync/text", 0, 0, REQUEST, HttpResponse(401, (), body), None, 1.0, 0.5)
    response = redact(exchange, (key,)).response
    assert response is not None
    return response.body


def of_headers(headers: Headers, *wanted: str) -> Headers:
    exchange = Exchange("a", 0, 0, REQUEST, HttpResponse(200, headers), None, 1.0, 0.5)
    response = redact(exchange, wanted).response
    assert response is not None
    return response.headers


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        quote(KEY, safe=""),
        quote(KEY, safe="/"),
        quote(KEY, safe="").lower(),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(KEY))[3:-3],
        KEY.replace("\\", "\\u005C").replace('"', "\\u0022").replace("+", "\\u002B").replace("&", "\\u0026"),
        html.escape(KEY),
        KEY.replace("/", "&#47;").replace("+", "&#x2B;"),
    ],
)
def test_a_key_is_masked_however_its_signs_are_escaped(echo: str) -> None:
    """Raw, for URLs, for JSON, for JSON inside JSON, for HTML."""
    assert masked(f"before {echo} after".encode()) == f"before {MASK} after".encode()


@given(key=keys, before=st.text(max_size=9), after=st.text(max_size=9))
def test_any_key_is_masked_raw_in_json_and_in_urls(key: str, before: str, after: str) -> None:
    """Whatever stands around it."""
    for echo in (key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1], quote(key, safe="")):
        assert echo.encode() not in masked(f"{before}\n{echo}\n{after}".encode(), key)


@given(key=uneven_keys, before=st.binary(max_size=7), after=st.binary(max_size=7), safe=st.booleans())
def test_base64_of_a_key_is_masked_at_every_alignment(key: str, before: bytes, after: bytes, safe: bool) -> None:
    """All characters that the key alone decides are gone; those it shares with its neighbours may stay."""
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    whole, raw = encode(before + key.encode() + after), key.encode()

    left, mask, right = masked(whole, key).partition(MASK.encode())

    assert mask
    first, end = -(-len(before) * 4 // 3), (len(before) + len(raw)) * 4 // 3
    assert len(left) <= first
    assert len(right) <= len(whole) - end
    assert whole.startswith(left)
    assert whole.endswith(right)


@given(key=uneven_keys, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_next_to_a_key_stays(key: str, before: bytes, after: bytes) -> None:
    """Only what the key decides is masked: what encodes its neighbours alone can still be read."""
    whole = base64.b64encode(before + key.encode() + after)

    left, _, right = masked(whole, key).partition(MASK.encode())

    assert len(left) >= len(before) * 4 // 3
    assert len(right) >= len(after) * 4 // 3


def test_a_key_in_headers_and_in_failures_is_masked() -> None:
    """A redirect may carry it, and so may the words of an exception."""
    response = HttpResponse(302, (("location", f"https://x.test/?key={quote(KEY)}"),))
    failure = TransportFailure("protocol", f"bad header: Bearer {KEY}")
    exchange = Exchange("a", 0, 0, REQUEST, response, failure, 1.0, 0.5)

    clean = redact(exchange, (KEY,))

    assert clean.response == HttpResponse(302, (("location", f"https://x.test/?key={MASK}"),))
    assert clean.failure == TransportFailure("protocol", f"bad header: Bearer {MASK}")
    assert clean.request is exchange.request


def test_cookies_and_unknown_headers_are_dropped() -> None:
    """Only headers that are evidence are kept."""
    kept = (
        ("content-type", "application/json"),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("x-ratelimit-remaining-tokens", "7"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("retry-after", "3"),
        ("retry-after-ms", "3000"),
        ("x-request-id", "r"),
    )
    dropped = (("set-cookie", "session=1"), ("x-account", "me"), ("authorization", "Bearer x"), ("openai-project", "p"))
    assert of_headers(kept + dropped, KEY) == kept


@given(st.binary(max_size=200))
def test_a_body_without_the_key_is_unchanged(body: bytes) -> None:
    """Byte for byte, also when it is no text."""
    assert masked(body) == body
    assert masked(body, "") == body


@pytest.mark.parametrize("key", ["", "x", "abc"])
def test_keys_too_short_to_hide_anything_are_not_searched_for(key: str) -> None:
    """Local servers take any key; masking "x" would eat holes into every text."""
    assert masked(b"abc x xyz", key) == b"abc x xyz"


def test_a_dummy_key_is_masked_only_as_a_whole_word() -> None:
    """Keys such as "ollama" are words that also stand in model names."""
    assert masked(b'key "ollama" of ollama3', "ollama") == f'key "{MASK}" of ollama3'.encode()
    assert masked(b"b2xsYW1h", "ollama") == b"b2xsYW1h"


def test_of_two_keys_the_longer_one_is_masked_first() -> None:
    """A key that begins with another leaves no rest behind."""
    headers = (("location", "abcdefgh abcdefghijkl"),)
    assert of_headers(headers, "abcdefgh", "abcdefghijkl") == (("location", f"{MASK} {MASK}"),)


def test_without_an_answer_there_is_nothing_to_mask() -> None:
    """An exchange that failed before the response stays as it is."""
    exchange = Exchange("a", 0, 0, REQUEST, None, None, 1.0, 0.5)
    assert redact(exchange, (KEY,)) == exchange


def test_a_hostile_body_costs_no_more_than_its_length() -> None:
    """Long runs of backslashes do not make the search quadratic."""
    body = b"\\" * 300_000
    start = time.process_time()
    assert masked(body, "+/+/+/+/" + KEY) == body
    assert time.process_time() - start < 3
