"""The journal of a scan: one line of JSON an exchange, flushed before the exchange is decoded.

The first line describes the scan, the last one says that it ended. A scan that was killed leaves at most
a torn last line, which is cut off when it is resumed. A line that cannot be read is passed over: what it
held is sent again, what the others hold is not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from llmprobe.call import JSON
from llmprobe.errors import UsageError
from llmprobe.exchange import Exchange, HttpRequest, HttpResponse, TransportFailure
from llmprobe.scoreboard import Mode

VERSION = 1
_END = b'{"end":true}\n'


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal was made with. Only a scan with an equal header may resume it."""

    provider: str
    base_url: str
    dialect: str
    seed: int
    probes: str
    """Digest of the probe files."""
    models: tuple[str, ...] = ()
    """Globs over model ids, sorted; empty: all."""
    modes: tuple[Mode, ...] = ("stream", "sync")
    """Sorted."""
    trials: int | None = None
    scenario: str = ""
    """What ``scenario.kept`` wrote: the rest of what decides on the requests."""
    llmprobe_journal: int = VERSION

    def line(self) -> str:
        """The first line of the journal, without the newline."""
        return json.dumps(asdict(self))


def read_header(line: bytes) -> Header | None:
    """The header in the first line of a journal, ``None`` when it is none of this version."""
    fields = _parse(line)
    if fields.get("llmprobe_journal") != VERSION:
        return None
    given: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in fields.items()}
    try:
        return Header(**given)
    except TypeError:
        return None


def write_exchange(exchange: Exchange) -> str:
    """``exchange`` as one line of JSON, without the newline."""
    value: dict[str, JSON] = {
        "case": exchange.case,
        "turn": exchange.turn,
        "attempt": exchange.attempt,
        "request": {
            "method": exchange.request.method,
            "url": exchange.request.url,
            "headers": list(exchange.request.headers),
            **_write_body(exchange.request.body),
        },
        "sent_at": round(exchange.sent_at, 3),
        "elapsed": round(exchange.elapsed, 4),
    }
    response = exchange.response
    if response is not None:
        value["response"] = {
            "status": response.status,
            "headers": list(response.headers),
            **_write_body(response.body),
            **({"truncated": True} if response.truncated else {}),
        }
    if exchange.failure is not None:
        value["failure"] = {"kind": exchange.failure.kind, "detail": exchange.failure.detail}
    if exchange.chunk_times:
        value["chunk_times"] = [round(time, 4) for time in exchange.chunk_times]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write_body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def read_exchange(line: str | bytes) -> Exchange:
    """The exchange in a line of a journal. Raises ``ValueError`` when it is not one."""
    try:
        value = json.loads(line)
        if not isinstance(value["case"], str) or not isinstance(value["turn"], int):
            raise ValueError("not an exchange: it has no address")
        response, failure = value.get("response"), value.get("failure")
        request = value["request"]
        return Exchange(
            case=value["case"],
            turn=value["turn"],
            attempt=value["attempt"],
            request=HttpRequest(request["method"], request["url"], _pairs(request["headers"]), _read_body(request)),
            response=response
            and HttpResponse(
                response["status"],
                _pairs(response["headers"]),
                _read_body(response),
                response.get("truncated", False),
            ),
            failure=failure and TransportFailure(failure["kind"], failure["detail"]),
            sent_at=value["sent_at"],
            elapsed=value["elapsed"],
            chunk_times=tuple(value.get("chunk_times", ())),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as trouble:
        raise ValueError(f"not an exchange: {trouble!r}") from None


def _pairs(headers: JSON) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers)


def _read_body(value: dict[str, str]) -> bytes:
    if "body_base64" in value:
        return base64.b64decode(value["body_base64"])
    return value["body"].encode()


class Journal:
    """A journal on disk that is read for what it already holds and written to.

    Only the place of each line is kept in memory, so that a scan of thousands of models stays small.
    """

    def __init__(self, path: Path, header: Header) -> None:
        """Open ``path``; go on where an unfinished scan with an equal ``header`` stopped, else begin anew.

        A journal that cannot be resumed is kept beside the new one, with ``.old`` before its suffix.
        """
        self.path = path
        self.kept = 0
        """Exchanges that an earlier, unfinished run left."""
        self._places: dict[tuple[str, int], list[tuple[int, int]]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        end = self._resume(header)
        if end is None:
            self._places.clear()
            if path.exists():
                path.replace(path.with_suffix(f".old{path.suffix}"))
        self._file: IO[bytes] = path.open("r+b" if end is not None else "w+b")
        self.kept = sum(len(places) for places in self._places.values())
        if end is None:
            self._write_line(header.line())
        else:
            self._file.truncate(end)
        self._end = self._file.seek(0, 2)

    def _resume(self, header: Header) -> int | None:
        """Where to go on writing, or ``None`` to begin anew."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            lines = _whole_lines(file)
            _, first = next(lines, (0, b"{}"))
            if read_header(first) != header:
                return None
            end = len(first)
            for start, line in lines:
                end = start + len(line)
                if line == _END:
                    return None
                exchange = _try_exchange(line)
                if exchange is not None:
                    self._places.setdefault((exchange.case, exchange.turn), []).append((start, len(line)))
        return end

    def find(self, case: str, turn: int, request: HttpRequest) -> tuple[Exchange, ...]:
        """Recorded attempts of exactly this request, in order."""
        found = []
        for start, length in self._places.get((case, turn), ()):
            self._file.seek(start)
            exchange = read_exchange(self._file.read(length))
            if exchange.request == request:
                found.append(exchange)
        self._file.seek(0, 2)
        return tuple(found)

    def append(self, exchange: Exchange) -> None:
        """Put ``exchange`` on disk."""
        self._write_line(write_exchange(exchange))

    def finish(self) -> None:
        """Say that the scan came to its end, so that the next one begins anew."""
        self._write(_END)

    def _write_line(self, line: str) -> None:
        self._write(line.encode("utf-8", errors="surrogatepass") + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as trouble:
            raise UsageError(f"cannot write the journal {self.path}: {trouble.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ReadOnly:
    """The exchanges of a journal that is read and not written to."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._found: dict[tuple[str, int], list[Exchange]] = {}
        self.latest = 0.0
        """When the last one was sent, Unix time."""
        for exchange in exchanges:
            self._found.setdefault((exchange.case, exchange.turn), []).append(exchange)
            self.latest = max(self.latest, exchange.sent_at)

    def find(self, case: str, turn: int, request: HttpRequest) -> tuple[Exchange, ...]:
        """See ``Journal.find``."""
        return tuple(found for found in self._found.get((case, turn), ()) if found.request == request)

    def append(self, exchange: Exchange) -> None:
        """Nothing is added: what is not there was not recorded."""


def _try_exchange(line: bytes) -> Exchange | None:
    try:
        return read_exchange(line)
    except ValueError:
        return None


def _parse(line: bytes) -> dict[str, JSON]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _whole_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Every line that ends in a newline, with its place."""
    start = 0
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield start, line
        start += len(line)


def read_journal(path: Path) -> Iterator[Exchange]:
    """Every exchange of the journal at ``path``, in order."""
    with path.open("rb") as file:
        for _, line in _whole_lines(file):
            exchange = _try_exchange(line)
            if exchange is not None:
                yield exchange


def unfinished_seed(path: Path) -> int | None:
    """The seed of the scan that left the journal at ``path`` unfinished, ``None`` when there is none."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        first = _parse(file.readline())
        file.seek(0, 2)
        file.seek(max(0, file.tell() - len(_END)))
        ended = file.read() == _END
    seed = first.get("seed")
    return seed if isinstance(seed, int) and not ended else None
