"""Rate limits and waits in response headers: they look alike in every dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from llmprobe.exchange import Headers
from llmprobe.reply import RateLimit

_NAMES = (
    # OpenAI, Groq, Cerebras, Mistral (whose subject holds the window): x-ratelimit-limit-requests;
    # without a subject the RFC draft before it became structured: ratelimit-limit
    re.compile(r"^(?:[a-z]+-)?rate-?limit-(?P<what>limit|remaining|reset)(?:-(?P<subject>.+))?$"),
    # Anthropic: anthropic-ratelimit-requests-limit; others follow that order too
    re.compile(r"^(?:[a-z]+-)?rate-?limit-(?P<subject>.+)-(?P<what>limit|remaining|reset)$"),
)
_NUMBER = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(?:[,;].*)?$", re.DOTALL)
_GROUPED = re.compile(r"^\s*[0-9]{1,3}(?:,[0-9]{3})+\s*$")
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_STRUCTURED = re.compile(
    r'^\s*(?:"(?P<name>(?:[^"\\]|\\.)*)"|(?P<bare>[^";=]*))\s*(?:;(?P<parameters>.*))?$', re.DOTALL
)
_PARAMETERS = {"r": "remaining", "t": "reset", "q": "limit"}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|µs|d|h|m|s)")
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_limits(headers: Headers) -> tuple[RateLimit, ...]:
    """The rate limits that ``headers`` report, by subject in order of appearance.

    A header that only *looks* like one (no number in it) is left out.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in headers:
        for subject, what, text in _fields(name, value):
            found.setdefault(subject, {})[what] = text
    limits = (
        RateLimit(subject, _number(parts.get("limit")), _number(parts.get("remaining")), parts.get("reset"))
        for subject, parts in found.items()
    )
    return tuple(limit for limit in limits if limit.limit is not None or limit.remaining is not None)


def _fields(name: str, value: str) -> Iterable[tuple[str, str, str]]:
    if name in ("ratelimit", "ratelimit-policy"):
        yield from _structured(value)
        return
    for pattern in _NAMES:
        match = pattern.match(name)
        if match:
            parts = match.groupdict()
            yield parts.get("subject") or "all", parts["what"], value.strip()
            return


def _structured(value: str) -> Iterable[tuple[str, str, str]]:
    """The IETF forms: ``"default";r=50;t=30`` (remaining, seconds), ``"default";q=100;w=60`` (quota).

    Before they had names: ``limit=100, remaining=50, reset=30``.
    """
    for item in _ITEM.findall(value):
        key, _, number = item.strip().partition("=")
        if key in _PARAMETERS.values():
            yield "all", key, number
        match = _STRUCTURED.match(item)
        for parameter in (match["parameters"] or "").split(";") if match else ():
            key, _, number = parameter.strip().partition("=")
            if match and key in _PARAMETERS:
                yield match["name"] or (match["bare"] or "").strip() or "all", _PARAMETERS[key], number.strip()


def _number(text: str | None) -> float | None:
    """The number that ``text`` begins with, if nothing but a list or parameters follow it."""
    if not text:
        return None
    if _GROUPED.match(text):
        return float(text.replace(",", ""))
    match = _NUMBER.match(text)
    number = float(match[1]) if match else None
    return number if number is not None and isfinite(number) else None


def write_limits(limits: tuple[RateLimit, ...]) -> Headers:
    """``limits`` as ``x-ratelimit-*`` headers."""
    headers = []
    for limit in limits:
        for what, value in (("limit", limit.limit), ("remaining", limit.remaining), ("reset", limit.reset)):
            if value is not None:
                text = value if isinstance(value, str) else _write_number(value)
                suffix = "" if limit.subject == "all" else f"-{limit.subject}"
                headers.append((f"x-ratelimit-{what}{suffix}", text))
    return tuple(headers)


def _write_number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:f}"


def duration_seconds(text: str) -> float | None:
    """Seconds in ``7``, ``0.25``, ``120ms``, ``2m59.56s``, ``1h2m``; ``None`` when it is none of these."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        return number
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in pieces)
    return seconds if isfinite(seconds) else None


def retry_after(headers: Headers, now: float) -> float | None:
    """Seconds that the server asks to wait before the next request, ``None`` when it does not say.

    ``now`` is Unix time in seconds, against which HTTP dates and epochs are read. Forms: RFC 9110
    ``Retry-After`` (seconds or a date), ``retry-after-ms``, durations such as ``2m59.56s``, epoch
    seconds or milliseconds; failing these, the largest reset of a limit with nothing remaining.
    """
    fields = dict(reversed(headers))
    if "retry-after-ms" in fields and (ms := _number(fields["retry-after-ms"])) is not None:
        return ms / 1000
    if "retry-after" in fields and (seconds := _moment(fields["retry-after"], now)) is not None:
        return seconds
    resets = [
        seconds
        for limit in read_limits(headers)
        if limit.remaining == 0 and limit.reset and (seconds := _moment(limit.reset, now)) is not None
    ]
    return max(resets, default=None)


def _moment(text: str, now: float) -> float | None:
    seconds = duration_seconds(text)
    if seconds is None:
        return _until_date(text, now)
    if seconds > 1e12:  # epoch in milliseconds
        seconds /= 1000
    return max(0.0, seconds - now) if seconds > 1e9 else seconds


def _until_date(text: str, now: float) -> float | None:
    moment = _date(text.strip())
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def _date(text: str) -> datetime | None:
    """The moment in an HTTP date or an RFC 3339 one."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
