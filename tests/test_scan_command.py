"""``llmprobe scan`` from the outside: what a user reads, the exit codes, and what is left on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import environment, llmprobe
from tests.endpoint import Asked, Told, chat, endpoint, models, told

CANARY = "sk-canary/4+7b1c9e2d=="


def one_line(text: str) -> str:
    """``text``, which must be a single line."""
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text.strip()


def test_without_a_key_one_line_says_which_variable_and_where_keys_are_made(tmp_path: Path) -> None:
    """Exit 2, and the way to start without a key."""
    done = llmprobe("scan", "groq", cwd=tmp_path)
    line = one_line(done.stderr)

    assert done.returncode == 2
    assert "GROQ_API_KEY" in line
    assert "https://" in line
    assert "llmprobe scan demo" in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_provider_gets_a_suggestion(tmp_path: Path) -> None:
    """Exit 2 with the nearest name."""
    done = llmprobe("scan", "grok", cwd=tmp_path)

    assert done.returncode == 2
    assert "did you mean `groq`" in one_line(done.stderr)


def test_an_unreachable_server_is_named_and_a_good_scoreboard_stays(tmp_path: Path) -> None:
    """Exit 3; nothing that stood there before is touched."""
    board = tmp_path / "scoreboards" / "127.0.0.1-9.json"
    board.parent.mkdir()
    board.write_text("good")

    done = llmprobe("scan", "127.0.0.1:9", cwd=tmp_path)

    assert done.returncode == 3
    assert "cannot reach http://127.0.0.1:9/v1" in one_line(done.stderr)
    assert board.read_text() == "good"


def test_a_server_that_answers_html_is_told_from_an_api(tmp_path: Path) -> None:
    """Exit 3, quoting the page's title."""
    page = Told(200, b"<html><title>Welcome</title></html>", {"content-type": "text/html"})
    with endpoint(lambda _: page) as server:
        done = llmprobe("scan", server.url, cwd=tmp_path)

    assert done.returncode == 3
    assert "an HTML page: Welcome" in one_line(done.stderr)
    assert not list(tmp_path.glob("scoreboards/*.json"))


def test_a_refused_key_ends_the_scan_at_once(tmp_path: Path) -> None:
    """A 401 on the first chat says nothing about any model: exit 3, naming the variable."""

    def answer(asked: Asked) -> Told:
        if asked.method == "GET":
            return models("a", "b")
        return told({"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}, 401)

    with endpoint(answer) as server:
        done = llmprobe("scan", server.url, "--key-env", "MY_KEY", "--quiet", cwd=tmp_path, MY_KEY="k" * 20)

    assert done.returncode == 3
    assert "MY_KEY" in one_line(done.stderr)
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer " + "k" * 20}


def test_a_glob_that_matches_nothing_is_the_users_mistake(tmp_path: Path) -> None:
    """Exit 2, with some of the names there are."""
    with endpoint(lambda _: models("alpha", "beta")) as server:
        done = llmprobe("scan", server.url, "--models", "gamma*", cwd=tmp_path)

    assert done.returncode == 2
    assert "gamma*" in one_line(done.stderr)
    assert "alpha" in done.stderr


def test_the_key_is_in_no_file_although_the_server_echoes_it(tmp_path: Path) -> None:
    """Neither journal, scoreboard nor terminal shows it, raw or encoded."""
    from base64 import b64encode
    from urllib.parse import quote

    def answer(asked: Asked) -> Told:
        if asked.method == "GET":
            return models("m")
        if b"seed" in asked.body:
            return told({"error": {"message": f"seed is not supported for {CANARY}"}}, 400, x_request_id=CANARY)
        if b"tools" in asked.body:
            return told({"error": {"message": f"tools: {quote(CANARY, safe='')}"}}, 400, set_cookie=CANARY)
        return chat(f"hello {CANARY} {b64encode(('x' + CANARY).encode()).decode()}")

    with endpoint(answer) as server:
        done = llmprobe(
            "scan", server.url, "--key-env", "MY_KEY", "--mode", "sync", "--trials", "2", cwd=tmp_path, MY_KEY=CANARY
        )
    forms = (CANARY, quote(CANARY, safe=""), b64encode(CANARY.encode()).decode()[:12], json.dumps(CANARY)[1:-1])
    texts = [path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()]

    assert done.returncode == 0, done.stderr
    assert any(asked.headers.get("authorization") == f"Bearer {CANARY}" for asked in server.asked)
    assert len(texts) >= 3
    assert not [form for form in forms for text in (*texts, done.stdout, done.stderr) if form in text]


@pytest.mark.parametrize("after", [40, 400, 1200])
def test_a_killed_scan_is_resumed_and_nothing_is_sent_twice(after: int, tmp_path: Path) -> None:
    """After kill -9 the same command goes on; only what was in flight is sent again."""
    command = [sys.executable, "-m", "llmprobe", "scan", "demo", "--seed", "5"]
    names = ("--models", "perfect", "--models", "strict", "--models", "thinker", "--models", "liar")
    partial = tmp_path / "scoreboards" / ".journal" / "demo.partial.ndjson"
    with subprocess.Popen([*command, *names], cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL) as scan:
        while scan.poll() is None and (not partial.exists() or partial.read_bytes().count(b"\n") < after):
            pass
        scan.send_signal(signal.SIGKILL)
    kept = partial.read_bytes().count(b"\n") - 1

    done = llmprobe("scan", "demo", "--seed", "5", *names, cwd=tmp_path)
    lines = (tmp_path / "scoreboards" / ".journal" / "demo.ndjson").read_text("utf-8").splitlines()
    sent = Counter(
        (value["case"], value["turn"], value["attempt"]) for value in map(json.loads, lines) if "case" in value
    )

    assert scan.returncode == -signal.SIGKILL
    assert kept >= after - 1
    assert done.returncode == 0
    assert "resuming:" in done.stderr
    assert max(sent.values()) == 1
    assert (tmp_path / "scoreboards" / "demo.json").exists()


def test_an_unfinished_scan_can_be_begun_anew(tmp_path: Path) -> None:
    """``--fresh`` uses nothing of the old journal and keeps it beside the new one."""
    partial = tmp_path / "scoreboards" / ".journal" / "demo.partial.ndjson"
    partial.parent.mkdir(parents=True)
    partial.write_text('{"llmprobe_journal": 1, "seed": 3}\n')

    done = llmprobe(
        "scan", "demo", "--fresh", "--models", "embedding", "--models", "perfect", "--trials", "2", cwd=tmp_path
    )

    assert done.returncode == 0
    assert "resuming" not in done.stderr
    assert partial.with_suffix(".old.ndjson").exists()


def test_no_more_requests_are_in_flight_than_allowed(tmp_path: Path) -> None:
    """``--concurrency 1`` asks one thing at a time."""
    import threading

    at_once, most = 0, 0
    lock = threading.Lock()

    def answer(asked: Asked) -> Told:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        reply = models("m") if asked.method == "GET" else chat("hello")
        with lock:
            at_once -= 1
        return reply

    with endpoint(answer, at_once=True) as server:
        done = llmprobe("scan", server.url, "--concurrency", "1", "--trials", "2", "--quiet", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert most == 1
