"""Rate limits and waits in response headers: they look alike in every dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

from llmprobe.exchange import Headers
from llmprobe.reply import RateLimit

_NAMES = (
    # OpenAI, Groq, Cerebras, Mistral (whose subject holds the window): x-ratelimit-limit-requests
    re.compile(r"^x-ratelimit-(?P<what>limit|remaining|reset)(?:-(?P<subject>.+))?$"),
    # Anthropic: anthropic-ratelimit-requests-limit; others follow that order too
    re.compile(r"^(?:[a-z]+-)?ratelimit-(?P<subject>.+)-(?P<what>limit|remaining|reset)$"),
    # RFC draft before it became structured: ratelimit-limit
    re.compile(r"^ratelimit-(?P<what>limit|remaining|reset)$"),
)
_NUMBER = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(?:[,;].*)?$")
_STRUCTURED = re.compile(r'^\s*"?(?P<name>[^";]*)"?\s*;(?P<parameters>.*)$')
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|d|h|m|s)")
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
    """The IETF form: ``"default";r=50;t=30`` (remaining, seconds) and ``"default";q=100;w=60`` (quota)."""
    meaning = {"r": "remaining", "t": "reset", "q": "limit"}
    for item in value.split(","):
        match = _STRUCTURED.match(item)
        if not match:
            continue
        for parameter in match["parameters"].split(";"):
            key, _, number = parameter.strip().partition("=")
            if key in meaning:
                yield match["name"] or "all", meaning[key], number


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text) if text else None
    return float(match[1]) if match else None


def write_limits(limits: tuple[RateLimit, ...]) -> Headers:
    """``limits`` as ``x-ratelimit-*`` headers."""
    headers = []
    for limit in limits:
        for what, value in (("limit", limit.limit), ("remaining", limit.remaining), ("reset", limit.reset)):
            if value is not None:
                text = value if isinstance(value, str) else f"{value:.0f}"
                suffix = "" if limit.subject == "all" else f"-{limit.subject}"
                headers.append((f"x-ratelimit-{what}{suffix}", text))
    return tuple(headers)


def duration_seconds(text: str) -> float | None:
    """Seconds in ``7``, ``0.25``, ``120ms``, ``2m59.56s``, ``1h2m``; ``None`` when it is none of these."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in pieces)


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
    from datetime import datetime

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
