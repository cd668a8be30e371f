"""Sending: the only home of httpx. One single-connection transport for each worker.

httpx's pool scans all connections on every request, which makes one big pool quadratic in concurrency; transports
with one connection each share one TLS context and stay cheap. They are used without a client on top: it would add
a third to the CPU time of a request for redirects, cookies and authentication flows, none of which may happen here.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from llmprobe import __version__
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse, TransportFailure
from llmprobe.scenario import Limits, Scenario

_CHUNK_TIMES = 200
_HEADERS = {"user-agent": f"llmprobe/{__version__}", "accept": "*/*", "accept-encoding": "gzip, deflate"}


class Transport:
    """Sends requests to one provider; the key is added here, below everything that is recorded."""

    def __init__(self, scenario: Scenario, key: str, workers: int) -> None:
        self._limits: Limits = scenario.limits
        self._base_url = scenario.base_url.rstrip("/")
        self._headers = {**_HEADERS, **scenario.headers}
        if key:
            self._headers[scenario.key_header] = f"{scenario.key_scheme} {key}".strip()
        context: ssl.SSLContext | bool = httpx.create_ssl_context() if scenario.base_url.startswith("https") else False
        proxy = None if scenario.local else _proxy(scenario.base_url)
        self._lines = [
            httpx.AsyncHTTPTransport(
                verify=context,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                proxy=proxy,
            )
            for _ in range(workers)
        ]

    async def close(self) -> None:
        """Close all connections."""
        for line in self._lines:
            await line.aclose()

    async def send(self, request: HttpRequest, worker: int, case: str, turn: int, attempt: int) -> Exchange:
        """Send ``request`` over the connection of ``worker``. Never raises for what an endpoint does."""
        sent_at, start = time.time(), time.perf_counter()
        reader = _Reader(self._limits.body_bytes, start)
        failure: TransportFailure | None = None
        try:
            async with asyncio.timeout(self._limits.total_s):
                await reader.read(self._lines[worker], self._built(request))
        except TimeoutError:
            failure = TransportFailure("timeout", f"no end after {self._limits.total_s:g} s")
        except httpx.HTTPError as trouble:
            failure = _failure(trouble, self._limits)
        except (httpx.InvalidURL, ValueError, ssl.SSLError) as trouble:
            failure = TransportFailure("protocol", f"{type(trouble).__name__}: {trouble}")
        response = reader.response()
        if response is not None and response.truncated and failure is None:
            failure = TransportFailure("too large", f"more than {self._limits.body_bytes:,} bytes")
        return Exchange(
            case,
            turn,
            attempt,
            request,
            response,
            failure,
            sent_at,
            time.perf_counter() - start,
            reader.times(),
        )

    def _built(self, request: HttpRequest) -> httpx.Request:
        """The request for the wire; a listing may have a whole URL of its own."""
        url = request.url if "://" in request.url else self._base_url + request.url
        timeout = httpx.Timeout(self._limits.idle_s, connect=self._limits.connect_s)
        return httpx.Request(
            request.method,
            url,
            headers={**self._headers, **dict(request.headers)},
            content=request.body or None,
            extensions={"timeout": timeout.as_dict()},
        )


NOT_RECORDED: Final = "not recorded"


class Silence:
    """Stands for a provider that is not there, when a journal is read again: nothing is sent."""

    async def send(self, request: HttpRequest, worker: int, case: str, turn: int, attempt: int) -> Exchange:
        """The same interface as ``Transport.send``."""
        del worker
        failure = TransportFailure(NOT_RECORDED, "the journal does not hold this request")
        return Exchange(case, turn, attempt, request, None, failure, 0.0, 0.0)

    async def close(self) -> None:
        """There is nothing to close."""


def _proxy(base_url: str) -> str | None:
    """The proxy that the environment names for this address, if any."""
    address = urlsplit(base_url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")


class _Reader:
    """Reads one response up to the size limit, and notes when its pieces came."""

    def __init__(self, limit: int, start: float) -> None:
        self._limit = limit
        self._start = start
        self._head: httpx.Response | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._times: list[float] = []
        self._truncated = False

    async def read(self, line: httpx.AsyncHTTPTransport, request: httpx.Request) -> None:
        """Send ``request`` and read until its end, or until the limit."""
        response = self._head = await line.handle_async_request(request)
        try:
            async for piece in response.aiter_bytes():
                self._take(piece)
                if self._truncated:
                    return
        finally:
            await response.aclose()

    def _take(self, piece: bytes) -> None:
        if len(self._times) < _CHUNK_TIMES:
            self._times.append(time.perf_counter() - self._start)
        room = self._limit - self._size
        self._truncated = len(piece) > room
        self._pieces.append(piece[:room])
        self._size += min(len(piece), room)

    def response(self) -> HttpResponse | None:
        """What came so far, ``None`` before the headers."""
        if self._head is None:
            return None
        headers = tuple((name.lower(), value) for name, value in self._head.headers.multi_items())
        return HttpResponse(self._head.status_code, headers, b"".join(self._pieces), self._truncated)

    def times(self) -> tuple[float, ...]:
        """When the pieces came; of no interest when there was only one."""
        return tuple(self._times) if len(self._times) > 1 else ()


def _failure(trouble: httpx.HTTPError, limits: Limits) -> TransportFailure:
    detail = str(trouble) or type(trouble).__name__
    if isinstance(trouble, httpx.ConnectTimeout):
        return TransportFailure("connect", f"no connection within {limits.connect_s:g} s")
    if isinstance(trouble, httpx.TimeoutException):
        return TransportFailure("timeout", f"nothing came for {limits.idle_s:g} s")
    if isinstance(trouble, httpx.ConnectError):
        kind = "tls" if "ssl" in detail.lower() or "certificate" in detail.lower() else "connect"
        return TransportFailure(kind, detail)
    if isinstance(trouble, (httpx.ReadError, httpx.WriteError, httpx.CloseError)):
        return TransportFailure("reset", detail)
    return TransportFailure("protocol", f"{type(trouble).__name__}: {detail}")
