"""A scripted endpoint on a real socket: a function from request to response, for tests of the edge."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as the endpoint got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """What the endpoint answers; ``drop`` closes the connection after ``body`` without its promised end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


def told(value: Any, status: int = 200, **headers: str) -> Told:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Told(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def chat(text: str, **headers: str) -> Told:
    """A plain whole chat completion that says ``text``."""
    count = len(text.split())
    body = json.dumps(
        {
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": count, "total_tokens": 5 + count},
        }
    )
    return Told(200, body.encode(), {"content-type": "application/json", **headers})


def models(*names: str) -> Told:
    """A model list."""
    return told({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


@dataclass
class Endpoint:
    """A running endpoint and all that it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def chats(self) -> list[Asked]:
        """The chat requests among them."""
        return [asked for asked in self.asked if asked.path.endswith("/chat/completions")]


@contextmanager
def endpoint(answer: Callable[[Asked], Told], *, at_once: bool = False) -> Iterator[Endpoint]:
    """Serve ``answer`` on a free loopback port while the context lasts.

    ``answer`` is called for one request after the other, unless ``at_once``.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length))
            with lock:
                served.asked.append(asked)
                reply = None if at_once else answer(asked)
            reply = reply or answer(asked)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body) + (10 if reply.drop else 0)))
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.drop:
                self.close_connection = True

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""
            del request, client_address

    server = Server(("127.0.0.1", 0), Handler)
    served = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
