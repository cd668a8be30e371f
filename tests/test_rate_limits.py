"""Rate limits and waits: every way in which servers write them, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.dialects.rate_limits import duration_seconds, read_limits, retry_after, write_limits
from llmprobe.exchange import Headers
from llmprobe.reply import RateLimit

NOW = 1767225600.0
"""2026-01-01T00:00:00Z."""


def limits(*headers: tuple[str, str]) -> list[tuple[str, float | None, float | None, str | None]]:
    return [(limit.subject, limit.limit, limit.remaining, limit.reset) for limit in read_limits(headers)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # OpenAI, Groq
        (
            (
                ("x-ratelimit-limit-requests", "500000"),
                ("x-ratelimit-limit-tokens", "250000"),
                ("x-ratelimit-remaining-requests", "499999"),
                ("x-ratelimit-remaining-tokens", "249964"),
                ("x-ratelimit-reset-requests", "172.799999ms"),
                ("x-ratelimit-reset-tokens", "8.64ms"),
            ),
            [("requests", 500000, 499999, "172.799999ms"), ("tokens", 250000, 249964, "8.64ms")],
        ),
        # Mistral: the window is in the name, there is no reset
        (
            (("x-ratelimit-limit-tokens-5-minute", "600000"), ("x-ratelimit-remaining-tokens-5-minute", "591787")),
            [("tokens-5-minute", 600000, 591787, None)],
        ),
        # Cerebras
        (
            (("x-ratelimit-limit-requests-day", "14400"), ("x-ratelimit-remaining-requests-day", "0")),
            [("requests-day", 14400, 0, None)],
        ),
        # Anthropic: the other order, times as RFC 3339
        (
            (
                ("anthropic-ratelimit-input-tokens-limit", "50000"),
                ("anthropic-ratelimit-input-tokens-remaining", "49000"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:00:30Z"),
            ),
            [("input-tokens", 50000, 49000, "2026-01-01T00:00:30Z")],
        ),
        # without a subject, with and without the x
        (
            (("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "59"), ("x-ratelimit-reset", "1")),
            [("all", 60, 59, "1")],
        ),
        (
            (("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "42"), ("ratelimit-reset", "5")),
            [("all", 100, 42, "5")],
        ),
        ((("x-rate-limit-limit", "60"), ("x-rate-limit-remaining", "59")), [("all", 60, 59, None)]),
        # the IETF's: structured, and as it was before
        (
            (("ratelimit-policy", '"default";q=100;w=60'), ("ratelimit", '"default";r=50;t=30')),
            [("default", 100, 50, "30")],
        ),
        (
            (("ratelimit", '"per, minute";r=1;t=2, "day";t=9; r=7'),),
            [("per, minute", None, 1, "2"), ("day", None, 7, "9")],
        ),
        ((("ratelimit", "limit=100, remaining=50, reset=30"),), [("all", 100, 50, "30")]),
        # numbers
        ((("x-ratelimit-limit-tokens", " 1,000,000 "),), [("tokens", 1000000, None, None)]),
        ((("x-ratelimit-limit-tokens", "20000.0"),), [("tokens", 20000, None, None)]),
        ((("x-ratelimit-remaining-tokens", "7"),), [("tokens", None, 7, None)]),
    ],
)
def test_every_known_form_is_read(headers: Headers, expected: list[object]) -> None:
    """By subject, in order of appearance."""
    assert limits(*headers) == expected


@pytest.mark.parametrize(
    "header",
    [
        ("x-ratelimit-tokens-query-cost", "13"),
        ("x-ratelimit-over-limit", "no"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-requests", "unlimited"),
        ("x-ratelimit-remaining-requests", "-1"),
        ("x-ratelimit-limit-requests", ""),
        ("x-ratelimit-limit-requests", "10 per minute"),
        ("x-ratelimit-limit-requests", "9" * 400),
        ("x-ratelimit-limit-requests", "\u0663"),
        ("ratelimit", "ok"),
        ("ratelimit-policy", "100;w=60"),
        ("ratelimit", '"default'),
        ("x-limit", "10"),
        ("retry-after", "10"),
    ],
)
def test_look_alikes_are_no_limits(header: tuple[str, str]) -> None:
    """A limit has a number of what is allowed or of what is left."""
    assert read_limits((header,)) == ()


subjects = st.sampled_from(
    ["all", "requests", "tokens", "req-10-second", "tokens-5-minute", "requests-day", "input-images"]
)
numbers = st.none() | st.integers(0, 2**53).map(float)
rate_limits = st.builds(
    RateLimit, subjects, numbers, numbers, st.none() | st.sampled_from(["1s", "2m59.56s", "30", "0"])
)
said = st.lists(
    rate_limits.filter(lambda x: x.limit is not None or x.remaining is not None),
    unique_by=lambda x: x.subject,
    max_size=4,
).map(tuple)


@given(said)
def test_written_limits_are_read_again(limits: tuple[RateLimit, ...]) -> None:
    """Whole numbers come back exactly."""
    assert read_limits(write_limits(limits)) == limits


def test_a_fraction_is_not_rounded_away() -> None:
    """Half a request left is not none."""
    assert write_limits((RateLimit("requests", 1.0, 0.5),)) == (
        ("x-ratelimit-limit-requests", "1"),
        ("x-ratelimit-remaining-requests", "0.500000"),
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        (" 0.25 ", 0.25),
        ("120ms", 0.12),
        ("2m59.56s", 179.56),
        ("1h2m", 3720),
        ("6m0s", 360),
        ("1d", 86400),
        ("500us", 0.0005),
        ("500µs", 0.0005),
        ("120, 120", 120),
        ("100;w=60", 100),
        ("", None),
        ("s", None),
        ("-5", None),
        ("1s later", None),
        ("in 5s", None),
        ("9" * 400 + "d", None),
        ("soon", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    """As Go prints them, and plain seconds."""
    read = duration_seconds(text)
    assert read == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("retry-after", "7"),), 7),
        ((("retry-after", "0"),), 0),
        ((("retry-after", "1.5"),), 1.5),
        ((("retry-after", "2m59.56s"),), 179.56),
        ((("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT"),), 30),
        ((("retry-after", "Thu, 01 Jan 2026 00:00:30 -0000"),), 30),
        ((("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT"),), 0),
        ((("retry-after", "2026-01-01T00:00:30Z"),), 30),
        ((("retry-after", "2026-01-01T01:00:30.5+01:00"),), 30.5),
        ((("retry-after", "2026-01-01 00:00:30"),), 30),
        ((("retry-after", "1767225630"),), 30),
        ((("retry-after", "1767225630000"),), 30),
        ((("retry-after", "120, 120"),), 120),
        ((("retry-after", "5"), ("retry-after", "9")), 5),
        ((("retry-after-ms", "250"), ("retry-after", "1")), 0.25),
        ((("retry-after-ms", "soon"), ("retry-after", "1")), 1),
        ((("retry-after", "soon"),), None),
        ((("retry-after", "-5"),), None),
        ((("retry-after", ""),), None),
        ((("retry-after", "99 Foo 9999999999999999999 1:2:3"),), None),
        ((("retry-after", "9" * 400),), None),
        ((), None),
        # a reset counts only when nothing is left, and then the longest
        ((("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1s")), 1),
        ((("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "1s")), None),
        ((("x-ratelimit-reset-requests", "1s"),), None),
        (
            (
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "1m"),
                ("x-ratelimit-remaining-images", "1"),
                ("x-ratelimit-reset-images", "1h"),
            ),
            60,
        ),
        ((("ratelimit", '"default";r=0;t=30'),), 30),
        (
            (
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:30Z"),
            ),
            30,
        ),
        ((("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225630")), 30),
        ((("retry-after", "soon"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4")), 4),
    ],
)
def test_the_wait_a_server_asks_for(headers: Headers, seconds: float | None) -> None:
    """In seconds from now, never less than 0."""
    wait = retry_after(headers, NOW)
    assert wait == (None if seconds is None else pytest.approx(seconds))


_TEXTS = st.text(max_size=20) | st.text(alphabet='0123456789:-+TZ. ,;="GMTJanMonsm', max_size=30)
_HEADERS = st.sampled_from(["retry-after", "retry-after-ms", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"])


@given(st.lists(st.tuples(_HEADERS, _TEXTS), max_size=4).map(tuple))
def test_any_header_can_be_read(headers: Headers) -> None:
    """Never an exception, never a negative or endless wait."""
    read_limits(headers)
    wait = retry_after(headers, NOW)
    assert wait is None or 0 <= wait < float("inf")
