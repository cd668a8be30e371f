"""An unreliable way to the demo provider: whatever breaks on it, no cell may turn to something untrue."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from llmprobe.demo.models import MODELS
from llmprobe.demo.server import running
from llmprobe.demo.truth import expected
from llmprobe.scoreboard_file import load
from tests.commands import llmprobe
from tests.endpoint import Asked, Told, endpoint, told

NAMES = ("perfect", "strict")
SHARE = 0.15
"""Of all requests that meet with a fault."""


def forwarded(asked: Asked, base: str) -> Told:
    """What the demo at ``base`` answers."""
    url = base + asked.path.removeprefix("/v1")
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, asked.body or None, headers, method=asked.method)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            kept = {
                name: text for name, text in reply.headers.items() if name.startswith(("content-type", "x-ratelimit"))
            }
            return Told(reply.status, reply.read(), kept)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Told(refusal.code, refusal.read(), {"content-type": "application/json"})


SEEN_AS_FLAKY = {("stream or body cut clean", "text_out"), ("stream or body cut clean", "finish")}
"""A stream that ends on a whole connection and never says so is the endpoint's own doing, as far as anyone can see."""

FAULTS: dict[str, Callable[[Told], Told]] = {
    "429 with a wait": lambda _: told({"error": {"message": "Rate limit reached"}}, 429, retry_after_ms="2"),
    "503 that asks to come back": lambda _: told({"error": {"message": "overloaded"}}, 503, retry_after="0"),
    "reset in the body": lambda good: Told(good.status, good.body[: len(good.body) // 2], good.headers, drop=True),
    "stream or body cut clean": lambda good: Told(good.status, good.body[: len(good.body) // 2], good.headers),
    "error in a 200": lambda _: told({"error": {"message": "upstream failed", "code": 502}}),
    "HTML with 200": lambda _: Told(200, b"<html><title>Gateway</title></html>", {"content-type": "text/html"}),
    "402 for a moment": lambda _: told({"error": {"message": "Insufficient credits"}}, 402),
    "400 about something else": lambda _: told({"error": {"message": "Bad request", "param": None}}, 400),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_on_the_way_makes_a_cell_untrue(fault: str, tmp_path: Path) -> None:
    """Cells are as the truth says, or could not be found out; and most are found out all the same."""
    seen: Counter[bytes] = Counter()
    hurt = 0
    lock = threading.Lock()

    def answer(asked: Asked) -> Told:
        nonlocal hurt
        good = forwarded(asked, base)
        with lock:
            seen[asked.body] += 1
        draw = sha256(fault.encode() + asked.body + str(seen[asked.body]).encode()).digest()[0] / 256
        # the first talk decides whether there is a row at all: it has tests of its own
        if asked.method == "GET" or draw >= SHARE or b"27 times 14" in asked.body:
            return good
        with lock:
            hurt += 1
        return FAULTS[fault](good)

    with running(seed=3) as base, endpoint(answer, at_once=True) as server:
        # a name of its own: the port would make other requests, and so meet other faults, in each run
        scenario = tmp_path / "chaos.yaml"
        scenario.write_text(f"name: chaos\ntitle: Chaos\nbase_url: {server.url}\nlocal: true\n")
        wanted = [part for name in NAMES for part in ("--models", name)]
        done = llmprobe(
            "scan", str(scenario), "--quiet", "--seed", "3", "--trials", "6", "--out", ".", *wanted, cwd=tmp_path
        )
    assert (done.returncode, done.stderr) == (0, "")
    traits = {known.name: known for known in MODELS}
    wrong, unknown, right = [], 0, 0
    for row in load(tmp_path / "chaos.json").rows:
        assert row.mode is not None
        for cell, allowed in expected(traits[row.model], row.thinking or False, row.mode).items():
            outcome = row.cells[cell].outcome
            if outcome in allowed or (outcome == "flaky" and (fault, cell) in SEEN_AS_FLAKY):
                right += 1
            elif outcome == "inconclusive":
                unknown += 1
            else:
                wrong.append(f"{row.model} {row.mode} {cell}: {row.cells[cell]}")

    assert wrong == []
    assert hurt > 40
    assert right > 3 * unknown, json.dumps({"right": right, "unknown": unknown})
