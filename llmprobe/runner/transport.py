"""Sending: the only home of httpx. One single-connection client for each worker.

httpx's pool scans all connections on every request, which makes one big pool quadratic in concurrency;
clients with one connection each share one TLS context and stay cheap (measured in benchmarks/).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from types import TracebackType

import httpx

from llmprobe import __version__
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse, TransportFailure
from llmprobe.scenario import Limits, Scenario

_CHUNK_TIMES = 200
_HEADERS = {"user-agent": f"llmprobe/{__version__}", "accept": "*/*"}


class Transport:
    """Sends requests to one provider; the key is added here, below everything that is recorded."""

    def __init__(self, scenario: Scenario, key: str, workers: int) -> None:
        limits = scenario.limits
        context: ssl.SSLContext | bool = httpx.create_ssl_context() if scenario.base_url.startswith("https") else False
        headers = {**_HEADERS, **scenario.headers}
        if key:
            headers[scenario.key_header] = f"{scenario.key_scheme} {key}".strip()
        self._base_url = scenario.base_url.rstrip("/")
        self._limits: Limits = limits
        self._clients = [
            httpx.AsyncClient(
                verify=context,
                headers=headers,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                timeout=httpx.Timeout(limits.idle_s, connect=limits.connect_s),
                follow_redirects=False,  # a redirect to another host must never carry the key
                trust_env=not scenario.local,
            )
            for _ in range(workers)
        ]

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.aclose()

    async def send(self, request: HttpRequest, worker: int, case: str, turn: int, attempt: int) -> Exchange:
        """Send ``request`` over the connection of ``worker``. Never raises for what an endpoint does."""
        sent_at, start = time.time(), time.perf_counter()
        reader = _Reader(self._limits.body_bytes, start)
        failure: TransportFailure | None = None
        try:
            async with asyncio.timeout(self._limits.total_s):
                await reader.read(self._clients[worker], request, self._base_url + request.url)
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

    async def read(self, client: httpx.AsyncClient, request: HttpRequest, url: str) -> None:
        async with client.stream(
            request.method, url, content=request.body or None, headers=list(request.headers)
        ) as response:
            self._head = response
            async for piece in response.aiter_bytes():
                self._take(piece)
                if self._truncated:
                    return

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
