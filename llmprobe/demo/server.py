"""The demo provider on real sockets: HTTP/1.1 with keep-alive, replies streamed event by event.

Importing this module must stay cheap: a scan of the demo waits for a process that does it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hmac import compare_digest
from pathlib import Path
from random import Random

import h11

from llmprobe.call import Call
from llmprobe.demo.brain import answer, streams
from llmprobe.demo.models import MODELS
from llmprobe.demo.refusals import invalid, no_such_model
from llmprobe.dialects import DecodeError, Dialect, Listed, dialect, names, recognised
from llmprobe.errors import LlmprobeError
from llmprobe.exchange import HttpRequest, HttpResponse
from llmprobe.reply import ApiError

HOST = "127.0.0.1"
_MAX_BODY = 4_000_000
_MAX_HEAD = 32_000
_LINGER_S = 5.0
"""How long the rest of a refused request is read and dropped, so that the refusal gets through."""
_BASE = "/v1"
"""Of the format that most endpoints speak; the others have bases of their own."""
_EVENT = re.compile(rb".+?\n\n", re.DOTALL)
_LINE = re.compile(rb".+?\n", re.DOTALL)
_STREAMS = {"text/event-stream": _EVENT, "application/x-ndjson": _LINE}
"""Content types of streams, and what is sent of them at a time."""
_DEFAULT = dialect("openai-chat")
_LISTS = {f"{_BASE}/models": "openai-chat", "/v1beta/models": "gemini-generate-content", "/api/tags": "ollama-chat"}
"""Where models are listed, and in which format."""
_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")
_TRAITS = {traits.name: traits for traits in MODELS}
_LISTED = tuple(
    Listed(traits.name, {"object": "model", "created": 0, "owned_by": "llmprobe-demo"}) for traits in MODELS
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the demo provider is run. The same seed and epoch give the same replies to the same requests."""

    seed: int = 0
    epoch: int = 0
    """Sets replies of one run apart from those of another with the same seed."""
    delay_s: float = 0.0
    """Wait before the reply and between the events of a stream."""
    api_key: str = field(default="", repr=False)
    """The key that requests must bear; "" admits everybody."""


class Service:
    """The provider behind the socket: a request in, a response out.

    Chance depends on what is asked, and on how often exactly that was asked before, but not on what
    others ask in between: so a scan gives the same results in whatever order its requests arrive.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[bytes, int] = {}

    def respond(self, request: HttpRequest) -> HttpResponse:
        """The response to ``request``, whose URL is a path and whose header names are in lower case."""
        codec = _codec_of(request)
        if not self._admits(request):
            return codec.encode_error(_error(401, "Incorrect API key provided.", "invalid_api_key"))
        if request.url.partition("?")[0] in _LISTS:
            return codec.encode_models(_LISTED) if request.method == "GET" else _refused(_error(405, "Use GET here."))
        if codec.recognises(request):
            return self._chat(codec, request)
        if request.url.partition("?")[0] == f"{_BASE}/chat/completions":
            return self._chat(codec, request) if request.method == "POST" else _refused(_error(405, "Use POST here."))
        return _refused(_error(404, "Unknown path. There are /v1/models and /v1/chat/completions.", "not_found"))

    def _admits(self, request: HttpRequest) -> bool:
        headers = dict(request.headers)
        wanted = self._settings.api_key.encode()
        given = (headers.get(name, "").removeprefix("Bearer ").encode() for name in _KEY_HEADERS)
        return not wanted or any(compare_digest(wanted, key) for key in given)

    def _chat(self, codec: Dialect, request: HttpRequest) -> HttpResponse:
        try:
            call = codec.decode_call(request)
        except DecodeError as trouble:
            return codec.encode_error(invalid("", str(trouble)[:300], "invalid_request"))
        traits = _TRAITS.get(call.model)
        if traits is None:
            return codec.encode_error(no_such_model(call.model))
        if "include_usage" in codec.lacks:  # there usage goes without asking
            call = replace(call, include_usage=True)
        reply = answer(call, traits, self._luck(call, request.body, cached=traits.sampling == "cached"))
        if isinstance(reply, ApiError):
            return codec.encode_error(_in_words_of(codec, reply))
        return codec.encode_reply(reply, stream=streams(call, traits))

    def _luck(self, call: Call, body: bytes, *, cached: bool) -> Random:
        settings = self._settings
        address = f"{settings.seed} {settings.epoch} {call.model} ".encode() + body
        digest = hashlib.sha256(address).digest()
        before = 0 if cached else self._seen.get(digest, 0)
        self._seen[digest] = before + 1
        return Random(digest + before.to_bytes(8))


def _codec_of(request: HttpRequest) -> Dialect:
    """The format that the client speaks."""
    listing = _LISTS.get(request.url.partition("?")[0])
    if listing == _DEFAULT.name and "anthropic-version" in dict(request.headers):
        listing = "anthropic-messages"  # two formats list models under the same path
    if listing in names():
        return dialect(listing)
    return recognised(request) or _DEFAULT


def _in_words_of(codec: Dialect, error: ApiError) -> ApiError:
    """``error`` with the name that the client's format has for the field that is refused."""
    if error.code != "unsupported_parameter":
        return error
    for feature, words in reversed(list(_DEFAULT.fields.items())):  # of two that share a field, a schema comes last
        own = codec.fields.get(feature)
        if words[0] == error.param and own:
            return replace(error, param=own[0], message=error.message.replace(words[0], own[0]))
    return error


def _refused(error: ApiError) -> HttpResponse:
    return _DEFAULT.encode_error(error)


def _error(status: int, message: str, code: str = "") -> ApiError:
    return ApiError("status", status, message, type="invalid_request_error", code=code)


class Connection(asyncio.Protocol):
    """One connection: requests are answered one after the other."""

    def __init__(self, service: Service, delay_s: float, connections: set[Connection]) -> None:
        self._service = service
        self._delay_s = delay_s
        self._connections = connections
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._slow: asyncio.Task[None] | None = None
        self._hung_up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._connections.discard(self)
        if self._slow is not None:
            self._slow.cancel()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if not self._hung_up:
            self._http.receive_data(data)
            self._advance()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _advance(self) -> None:
        """Take in what has arrived, as far as the reply that is being sent allows."""
        try:
            while self._slow is None and not self._hung_up:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                self._take(event)
            if self._http.they_are_waiting_for_100_continue and not self._hung_up:
                self._transport.write(self._bytes(h11.InformationalResponse(status_code=100, headers=[])))
        except h11.RemoteProtocolError as trouble:
            status = trouble.error_status_hint
            self._refuse(_error(status, "The request is too large." if status > 412 else "This is not HTTP/1.1."))

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._request, self._body = event, bytearray()
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > _MAX_BODY:
                self._refuse(_error(413, f"The request body is larger than {_MAX_BODY} bytes."))
        elif isinstance(event, h11.EndOfMessage):
            self._answer()
        else:  # the client has hung up
            self._hang_up()

    def _refuse(self, error: ApiError) -> None:
        """Answer before the request is read to its end, and hang up."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._write(_refused(error), (("connection", "close"),))
        self._hung_up = True
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def _hang_up(self) -> None:
        self._hung_up = True
        self._transport.close()

    def _answer(self) -> None:
        response = self._response()
        if self._delay_s:
            self._transport.pause_reading()
            self._slow = asyncio.get_running_loop().create_task(self._write_slowly(response))
            return
        self._write(response)
        self._next()

    def _response(self) -> HttpResponse:
        request = self._request
        assert request is not None  # h11 gives no end of a message without its start
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
        method, target = request.method.decode(), request.target.decode("latin-1")
        try:
            return self._service.respond(HttpRequest(method, target, headers, bytes(self._body)))
        except Exception:
            traceback.print_exc()
            return _refused(_error(500, "The demo provider has a bug; its trace is on stderr."))

    def _write(self, response: HttpResponse, more: tuple[tuple[str, str], ...] = ()) -> None:
        for piece in self._pieces(response, more):
            self._transport.write(piece)

    async def _write_slowly(self, response: HttpResponse) -> None:
        for piece in self._pieces(response, ()):
            await asyncio.sleep(self._delay_s)
            self._transport.write(piece)
        self._slow = None
        self._transport.resume_reading()
        self._next()
        self._advance()

    def _pieces(self, response: HttpResponse, more: tuple[tuple[str, str], ...]) -> Iterator[bytes]:
        """The bytes of ``response``: in one piece, or a piece for each event of a stream."""
        piece = _STREAMS.get((response.header("content-type") or "").partition(";")[0])
        if piece is not None:
            headers = [*response.headers, *more, ("cache-control", "no-cache")]
            yield self._bytes(h11.Response(status_code=response.status, headers=headers))
            for event in piece.findall(response.body):
                yield self._bytes(h11.Data(data=event))
            yield self._bytes(h11.EndOfMessage())
            return
        headers = [*response.headers, *more, ("content-length", str(len(response.body)))]
        head = self._bytes(h11.Response(status_code=response.status, headers=headers))
        yield head + self._bytes(h11.Data(data=response.body)) + self._bytes(h11.EndOfMessage())

    def _bytes(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    def _next(self) -> None:
        """Get ready for the next request, or hang up when there will be none."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self._hang_up()


async def _run(host: str, port: int, settings: Settings, ready: Callable[[int], None]) -> None:
    service, connections = Service(settings), set[Connection]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service, settings.delay_s, connections), host, port)
    try:
        ready(server.sockets[0].getsockname()[1])
        await loop.create_future()  # until we are cancelled
    finally:
        server.close()
        for connection in tuple(connections):
            connection.close()


def serve(host: str, port: int, settings: Settings, ready: Callable[[int], None]) -> None:
    """Serve until interrupted. ``ready`` is told the port, which is a free one when ``port`` is 0.

    Raises ``OSError`` when the port cannot be used.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(host, port, settings, ready))


# A process of its own

_START = "import sys; sys.path.append(sys.argv[1]); from llmprobe.demo.server import main; main()"
"""Started so, and not with ``-m``, the child finds this very package, wherever it is started from."""


@contextmanager
def running(*, seed: int = 0, epoch: int = 0, port: int = 0, delay_s: float = 0.0, api_key: str = "") -> Iterator[str]:
    """The demo provider in a process of its own while the context lasts; gives its base URL.

    The process ends with ours, however ours ends: its standard input is closed then.
    """
    settings = Settings(seed, epoch, delay_s, api_key)
    letter = json.dumps({"port": port, "settings": asdict(settings)})  # not in argv: others can read that
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _START, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle
    ) as child:
        try:
            yield f"http://{HOST}:{_introduced(child, letter)}{_BASE}"
        finally:
            _end(child)


def _introduced(child: subprocess.Popen[bytes], letter: str) -> int:
    """Hand ``letter`` to ``child``; the port that it answers with."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(letter.encode() + b"\n")
        child.stdin.flush()
    port = child.stdout.readline().strip()
    if not port.isdigit():
        raise LlmprobeError("the demo provider did not start")
    return int(port)


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> None:
    """The child of ``running``: reads its settings, serves, and ends when its standard input does."""
    letter = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(HOST, letter["port"], Settings(**letter["settings"]), lambda port: print(port, flush=True))


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
