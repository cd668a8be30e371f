"""One recorded HTTP exchange: the only evidence that verdicts are made from."""

from __future__ import annotations

from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order they came, names in lower case."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request without its key: authentication is added below the recorder."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as it came, decompressed and dechunked. ``truncated``: cut at our size limit."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False

    def header(self, name: str) -> str | None:
        """The first value of header ``name`` (lower case), or ``None``."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No whole HTTP answer came. ``kind`` is "timeout", "connect", "reset", "tls", "protocol", "too large"."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Request ``turn`` of a case, try ``attempt`` (both from 0).

    A failure in mid-body has both ``response`` (what came so far) and ``failure``.
    ``sent_at`` is Unix time in seconds, ``elapsed`` seconds until the last byte, ``chunk_times`` seconds
    from sending to each received piece of a streamed body, in order (at most the first 200).
    """

    case: str
    turn: int
    attempt: int
    request: HttpRequest
    response: HttpResponse | None
    failure: TransportFailure | None
    sent_at: float
    elapsed: float
    chunk_times: tuple[float, ...] = field(default=())

    @property
    def id(self) -> str:
        """The address of this exchange in notes and scoreboards: ``case#turn``, ``.attempt`` if not the first."""
        return f"{self.case}#{self.turn}" + (f".{self.attempt}" if self.attempt else "")
