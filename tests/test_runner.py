"""The edge on real sockets: waiting, trying again, limits, and what a failure may not do to a verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmprobe.dialects import dialect
from llmprobe.errors import CannotMeasure, UsageError
from llmprobe.exchange import Exchange, HttpRequest
from llmprobe.probe_file import probes
from llmprobe.quirks import apply_quirks
from llmprobe.recordings.journal import Header, Journal, read_journal
from llmprobe.runner.pacing import Pace, backoff_s
from llmprobe.runner.scan import Options, Scan
from llmprobe.runner.transport import Transport
from llmprobe.scenario import Limits, Quirk, Scenario, Skip
from llmprobe.scoreboard import Row, Scoreboard
from tests.endpoint import Asked, Endpoint, Told, chat, endpoint, models, told

FAST = Limits(concurrency=4, connect_s=2, idle_s=2, total_s=4, retries=3, max_wait_s=1, body_bytes=100_000)
LATER = told({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, 429, retry_after_ms="5")


class Quiet:
    """A progress display that shows nothing."""

    def models(self, count: int) -> None:
        """Ignored."""

    def row(self, row: Row) -> None:
        """Ignored."""

    def exchange(self, exchange: Exchange, replayed: bool) -> None:
        """Ignored."""


def scan(
    server: Endpoint, folder: Path, limits: Limits = FAST, wanted: tuple[str, ...] = ("text",), **fields: Any
) -> Scoreboard:
    """Scan ``server`` with some of the probes, recording into ``folder``."""
    scenario = Scenario("test", "Test", server.url, local=True, limits=limits, **fields)
    chosen = tuple(probe for probe in probes() if probe.id in wanted)
    journal = Journal(folder / "journal.ndjson", Header("test", server.url, "openai-chat", 1, ""))
    try:
        job = Scan(scenario, dialect("openai-chat"), chosen, journal, Options(1, modes=("sync",)), Quiet())
        return asyncio.run(job.run())
    finally:
        journal.close()


def obedient(asked: Asked) -> Told:
    """Lists one model and repeats codes."""
    if asked.method == "GET":
        return models("m")
    prompt = str(asked.json["messages"][-1]["content"])
    return chat(prompt.rpartition(": ")[2] or prompt)


def failing(first: int, failure: Told) -> Callable[[Asked], Told]:
    """An obedient endpoint that answers each request with ``failure`` ``first`` times before it works."""
    seen: dict[bytes, int] = {}

    def answer(asked: Asked) -> Told:
        seen[asked.body] = seen.get(asked.body, 0) + 1
        return failure if asked.method == "POST" and seen[asked.body] <= first else obedient(asked)

    return answer


@pytest.mark.parametrize(
    "failure",
    [
        LATER,
        told({"error": "overloaded"}, 503, retry_after="0"),
        told({"error": {"message": "internal"}}, 500),
        Told(502, b"<html><title>Bad gateway</title></html>", {"content-type": "text/html"}),
        Told(200, b'{"choices":', {"content-type": "application/json"}, drop=True),
    ],
    ids=["429", "503", "500", "502 html", "reset in the body"],
)
def test_passing_trouble_is_tried_again_and_every_try_is_recorded(failure: Told, tmp_path: Path) -> None:
    """The verdicts are those of the healthy endpoint; the journal holds the failed attempts too."""
    with endpoint(failing(1, failure)) as server:
        board = scan(server, tmp_path)
    exchanges = list(read_journal(tmp_path / "journal.ndjson"))
    chats = [exchange for exchange in exchanges if exchange.case != "models"]

    assert [row.cells["text"].outcome for row in board.rows] == ["supported"]
    assert {exchange.attempt for exchange in chats} == {0, 1}
    assert len(server.asked) == len(exchanges) == board.requests


def test_lasting_trouble_is_inconclusive_and_never_red(tmp_path: Path) -> None:
    """An endpoint that works at first and then fails for good gets ❔, not ❌."""
    healthy = 12

    with endpoint(lambda asked: obedient(asked) if len(server.asked) <= healthy else LATER) as server:
        board = scan(server, tmp_path, wanted=("text", "json", "stop", "max_tokens", "seed", "tool"))
    outcomes = {cell: verdict.outcome for cell, verdict in board.rows[0].cells.items()}

    assert "inconclusive" in outcomes.values()
    assert not {"ignored", "rejected", "broken"} & set(outcomes.values()), outcomes


def test_a_model_in_trouble_from_the_start_has_unknown_rows_beside_a_healthy_one(tmp_path: Path) -> None:
    """One broken model costs the others nothing."""

    def answer(asked: Asked) -> Told:
        if asked.method == "GET":
            return models("sick", "well")
        return told({"error": {"message": "boom"}}, 500) if asked.json["model"] == "sick" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path, Limits(concurrency=4, retries=1))

    assert {row.model: row.cells["text"].outcome for row in board.rows} == {
        "sick": "inconclusive",
        "well": "supported",
    }
    assert "boom" in board.rows[0].note


def test_one_model_that_is_closed_to_the_key_does_not_end_the_scan(tmp_path: Path) -> None:
    """A 401 about the first model says nothing about the others."""
    closed = told({"error": {"message": "Not authenticated for this model"}}, 401)

    def answer(asked: Asked) -> Told:
        if asked.method == "GET":
            return models("closed", "well")
        return closed if asked.json["model"] == "closed" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path)

    assert [(row.model, row.cells["text"].outcome) for row in board.rows] == [
        ("closed", "inconclusive"),
        ("well", "supported"),
    ]


def test_nothing_measured_is_an_error_and_not_a_scoreboard(tmp_path: Path) -> None:
    """All models out of order: exit 3 with the endpoint's words."""
    failure = told({"error": {"message": "maintenance"}}, 503)
    with (
        endpoint(failing(99, failure)) as server,
        pytest.raises((CannotMeasure, BaseExceptionGroup), match="maintenance"),
    ):
        scan(server, tmp_path, Limits(concurrency=1, retries=0))


def test_no_request_leaves_inside_a_wait_that_the_server_asked_for(tmp_path: Path) -> None:
    """After a 429 with a wait, every worker stays silent until it is over."""
    del tmp_path

    async def go() -> tuple[float, float]:
        pace = Pace(8)
        await pace.enter()
        asked = time.monotonic()
        await pace.leave(throttled=True, wait_s=0.08)
        await asyncio.gather(*(enter_and_leave(pace) for _ in range(6)))
        return asked, min(entered)

    entered: list[float] = []

    async def enter_and_leave(pace: Pace) -> None:
        await pace.enter()
        entered.append(time.monotonic())
        await pace.leave(throttled=False, wait_s=None)

    asked, first = asyncio.run(go())

    assert first - asked >= 0.079


def test_after_a_429_fewer_requests_are_in_flight() -> None:
    """Half as many at once, and more again only after a calm while."""

    async def go() -> int:
        pace = Pace(8)
        await pace.enter()
        await pace.leave(throttled=True, wait_s=None)
        for _ in range(4):
            await pace.enter()
        fifth = asyncio.ensure_future(pace.enter())
        done, _ = await asyncio.wait({fifth}, timeout=0.02)
        fifth.cancel()
        return len(done)

    assert asyncio.run(go()) == 0


@pytest.mark.parametrize("attempt", range(8))
def test_backoff_grows_and_stays_bounded(attempt: int) -> None:
    """Exponential with jitter, at most twenty seconds."""
    waits = [backoff_s(attempt) for _ in range(50)]

    assert min(20.0, 0.5 * 2**attempt) / 2 <= min(waits)
    assert max(waits) <= min(20.0, 0.5 * 2**attempt)


def test_a_wait_longer_than_allowed_is_not_waited_for(tmp_path: Path) -> None:
    """A server that asks for an hour makes the cell inconclusive now, with one request."""
    failure = told({"error": {"message": "Rate limit reached"}}, 429, retry_after="3600")

    def answer(asked: Asked) -> Told:
        if asked.method == "GET":
            return models("slow", "well")
        return failure if asked.json["model"] == "slow" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path)

    assert board.rows[0].cells["text"].outcome == "inconclusive"
    assert sum(asked.json["model"] == "slow" for asked in server.chats()) == 1


def test_a_body_over_the_limit_is_cut_and_never_read_as_an_answer(tmp_path: Path) -> None:
    """A 1 MB reply under a limit of 100 kB says nothing about the model."""

    def answer(asked: Asked) -> Told:
        return chat("x " * 500_000) if asked.method == "POST" and asked.json["model"] == "big" else small(asked)

    def small(asked: Asked) -> Told:
        return models("big", "well") if asked.method == "GET" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path)
    sizes = [len(e.response.body) for e in read_journal(tmp_path / "journal.ndjson") if e.response]

    assert board.rows[0].cells["text"].outcome == "inconclusive"
    assert max(sizes) == FAST.body_bytes


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """The key may not travel to another host."""
    with endpoint(obedient) as other:

        def answer(asked: Asked) -> Told:
            return obedient(asked) if asked.method == "GET" else Told(307, b"", {"location": other.url})

        with endpoint(answer) as server, pytest.raises((CannotMeasure, BaseExceptionGroup)):
            scan(server, tmp_path)

        assert other.asked == []


def test_skipped_models_have_a_row_with_the_scenarios_reason(tmp_path: Path) -> None:
    """A skip is shown, not hidden, and nothing is sent to the model."""

    def answer(asked: Asked) -> Told:
        return models("m", "tts-1") if asked.method == "GET" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path, skips=(Skip("tts-*", "speech only"),))

    assert [(row.model, row.mode, row.note) for row in board.rows[1:]] == [("tts-1", None, "skipped: speech only")]
    assert {asked.json["model"] for asked in server.chats()} == {"m"}


def test_a_bug_of_ours_is_inconclusive_and_the_scan_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that raises spoils its own cell only."""
    from llmprobe.checks import TRIAL_CHECKS, TrialCheck

    def broken(*_: object) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(TRIAL_CHECKS, "json", TrialCheck(broken))
    with endpoint(obedient) as server:
        board = scan(server, tmp_path, wanted=("text", "json"))
    cells = board.rows[0].cells

    assert cells["text"].outcome == "supported"
    assert cells["json"].outcome == "inconclusive"
    assert "a bug in llmprobe: ZeroDivisionError: oops" in cells["json"].reason


def test_a_journal_that_cannot_be_written_ends_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is the user's trouble, not a bug to be noted in a cell while money is spent."""

    def full(journal: Journal, exchange: Exchange) -> None:
        del journal
        if exchange.case != "models":
            raise UsageError("cannot write the journal: No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    with endpoint(obedient) as server, pytest.raises(BaseExceptionGroup) as trouble:
        scan(server, tmp_path)

    assert trouble.group_contains(UsageError, match="No space left")
    assert len(server.chats()) <= FAST.concurrency


def test_model_ids_with_anything_in_them_get_their_row(tmp_path: Path) -> None:
    """Newlines, pipes, escapes and paths in ids do not break a scan."""
    names = ("a\nb", "x|y", "\x1b[31mred", "../../etc", "m m")

    def answer(asked: Asked) -> Told:
        return models(*names, "a\nb") if asked.method == "GET" else obedient(asked)

    with endpoint(answer) as server:
        board = scan(server, tmp_path)

    assert [row.model for row in board.rows] == list(names)
    assert {row.cells["text"].outcome for row in board.rows} == {"supported"}
    assert all("\n" not in e.case and "\x1b" not in e.case for e in read_journal(tmp_path / "journal.ndjson"))


def test_quirks_rename_and_patch_the_body_that_is_sent(tmp_path: Path) -> None:
    """A scenario's quirks reach the wire, for the models that they name."""
    quirk = Quirk("docs", models="m", rename={"seed": "random_seed"}, patch={"safe": True, "stream_options": None})
    with endpoint(obedient) as server:
        scan(server, tmp_path, wanted=("seed",), quirks=(quirk,))
    bodies = [asked.json for asked in server.chats()]

    assert all(body["safe"] is True and "seed" not in body for body in bodies)
    assert any("random_seed" in body for body in bodies)


def test_without_quirks_the_body_is_not_touched() -> None:
    """Not even parsed: the bytes are the dialect's."""
    request = HttpRequest("POST", "/x", (), b'{ "odd":  1 }')

    assert apply_quirks(request, ()) is request


@pytest.fixture
def transport_to() -> Callable[[Callable[[Asked], Told]], Exchange]:
    """Send one request to an endpoint and get the exchange."""

    def send(answer: Callable[[Asked], Told]) -> Exchange:
        async def go(url: str) -> Exchange:
            transport = Transport(Scenario("t", "T", url, local=True, limits=FAST), "secret", 1)
            exchange = await transport.send(HttpRequest("POST", "/chat/completions", (), b"{}"), 0, "c", 0, 0)
            await transport.close()
            return exchange

        with endpoint(answer) as server:
            exchange = asyncio.run(go(server.url))
            assert server.asked[0].headers["authorization"] == "Bearer secret"
            return exchange

    return send


def test_the_key_is_added_below_what_is_recorded(
    transport_to: Callable[[Callable[[Asked], Told]], Exchange],
) -> None:
    """The endpoint gets it; the recorded request does not hold it."""
    exchange = transport_to(lambda _: chat("hi"))

    assert "secret" not in repr(exchange)
    assert exchange.failure is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies_are_recorded_plain(
    encoding: str, transport_to: Callable[[Callable[[Asked], Told]], Exchange]
) -> None:
    """A journal can be read without knowing how a body travelled."""
    import gzip
    import zlib

    plain = chat("hello").body
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)

    exchange = transport_to(lambda _: Told(200, packed, {"content-encoding": encoding}))

    assert exchange.response is not None
    assert exchange.response.body == plain


def test_a_connection_that_closes_early_is_a_failure_with_what_came(
    transport_to: Callable[[Callable[[Asked], Told]], Exchange],
) -> None:
    """Both the part that came and the fault are kept."""
    exchange = transport_to(lambda _: Told(200, b"data: {}\n\n", drop=True))

    assert exchange.failure is not None
    assert exchange.response is not None
    assert exchange.response.body == b"data: {}\n\n"
