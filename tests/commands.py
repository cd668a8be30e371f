"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def environment(**extra: str) -> dict[str, str]:
    """An environment without anybody's keys or proxies, in which the checkout's package is found."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "160", **extra}


def llmprobe(*arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``llmprobe`` with ``arguments`` in ``cwd``; ``extra`` are environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "llmprobe", *arguments],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        stdin=subprocess.DEVNULL,
    )
