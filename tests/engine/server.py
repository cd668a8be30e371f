"""llama.cpp's own HTTP server, from the xllamacpp wheel: in this process, or in one of its own for a test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.engine import tiny_model, tiny_vision

HOST = "127.0.0.1"
READY = "READY "
"""Begins the line that a server process prints once it serves; the base URL follows."""
_ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, *, port: int = 0, vision: bool = False, jinja: bool = True) -> Any:
    """A running server with the tiny model, whose files go to ``folder``; it ends when it is deleted.

    With port 0 a free one is taken. Without ``jinja`` the engine refuses tools.
    """
    import xllamacpp  # 34 MB, and not there on every machine that runs tests

    options = xllamacpp.CommonParams()
    options.model.path = str(folder / "model.gguf")
    tiny_model.write(Path(options.model.path))
    if vision:
        options.mmproj.path = str(folder / "vision.gguf")
        options.mmproj_use_gpu = False
        tiny_vision.write(Path(options.mmproj.path))
    options.model_alias = {tiny_model.NAME}
    options.hostnames, options.port = [HOST], port
    options.n_ctx, options.n_parallel, options.n_gpu_layers = tiny_model.CONTEXT, 2, 0
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
    options.warmup = options.ui = options.fit_params = False
    options.cache_ram_mib = 0
    options.verbosity = 0
    options.use_jinja = jinja
    if not jinja:
        options.chat_template = "glmedge"  # a built-in one that ends with the model's mark for its turn
    return xllamacpp.Server(options)


def base_url(server: Any) -> str:
    """Where ``server`` is to be scanned."""
    return f"{server.listening_address}/v1"


@contextmanager
def running(*options: str) -> Iterator[str]:
    """A server in a process of its own, started with the ``options`` of ``python -m tests.engine``: its base URL.

    The process ends with this one even if that is killed: it waits for the end of its input.
    """
    command = [sys.executable, "-m", "tests.engine", "--port", "0", "--until-eof", *options]
    with (
        TemporaryFile() as log,
        subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            if not line.startswith(READY):
                log.seek(0)
                raise RuntimeError(f"the engine did not start: {line}{log.read().decode(errors='replace')}")
            yield line.removeprefix(READY).strip()
        finally:
            process.terminate()
