"""``python -m tests.engine``: serve the tiny model on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engine.server import READY, base_url, start


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8402, help="default: 8402; 0 takes a free one")
    parser.add_argument("--vision", action="store_true", help="take images, without seeing anything")
    parser.add_argument("--no-jinja", action="store_true", help="refuse tools")
    parser.add_argument("--until-eof", action="store_true", help="end at the end of the input too")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = start(Path(folder), port=options.port, vision=options.vision, jinja=not options.no_jinja)
        print(f"{READY}{base_url(server)}", flush=True)
        _wait(options.until_eof)
    os._exit(0)  # the engine's threads would keep the process alive


def _wait(until_eof: bool) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=_end_with_input, args=(stop,), daemon=True).start()
    stop.wait()


def _end_with_input(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


main()
