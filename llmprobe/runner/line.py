"""The line to a provider: one request with its retries, recorded before it is read; and whole conversations.

What the journal already holds is not sent again, so a resumed scan goes the same way as the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import TracebackType
from typing import TypeVar

from llmprobe.checks.refusals import worth_retrying
from llmprobe.conversation import Answer, Ask
from llmprobe.dialects import Dialect
from llmprobe.exchange import Exchange, HttpRequest
from llmprobe.quirks import apply_quirks
from llmprobe.recordings.journal import Journal, ReadOnly
from llmprobe.recordings.secrets import redact
from llmprobe.reply import Reply
from llmprobe.runner.pacing import Pace, backoff_s
from llmprobe.runner.progress import Progress
from llmprobe.runner.transport import NOT_RECORDED, Silence, Transport
from llmprobe.scenario import Scenario

T = TypeVar("T")
_THROTTLED = (429, 503, 529)


class Line:
    """To one provider with one key, for as many workers as the scenario allows requests in flight."""

    def __init__(
        self, scenario: Scenario, dialect: Dialect, journal: Journal | ReadOnly, progress: Progress, key: str
    ) -> None:
        self.requests = 0
        """Attempts behind the scan so far, those in the journal included."""
        self.workers = scenario.limits.concurrency
        self._scenario = scenario
        self._dialect = dialect
        self._journal = journal
        self._progress = progress
        self._key = key
        self._pace = Pace(self.workers)
        self._transport = Silence() if isinstance(journal, ReadOnly) else Transport(scenario, key, self.workers)

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def converse(self, talk: Generator[Ask, Answer, T], case: str, model: str, worker: int) -> T:
        """Drive a conversation to its end; each request is turn 0, 1, 2, ... of ``case``."""
        quirks = self._scenario.quirks_of(model)
        turn = 0
        try:
            ask = next(talk)
            while True:
                request = apply_quirks(self._dialect.encode_call(ask.call), quirks)
                exchange, reply = await self.exchange(case, turn, request, worker)
                turn += 1
                ask = talk.send(Answer(reply, exchange.id))
        except StopIteration as end:
            result: T = end.value
            return result

    async def exchange(
        self, case: str, turn: int, request: HttpRequest, worker: int, *, unreachable_is_final: bool = False
    ) -> tuple[Exchange, Reply]:
        """One request with its retries. ``unreachable_is_final``: a refused connection is not tried again."""
        recorded = self._journal.find(case, turn, request)
        for exchange in recorded:
            self._progress.exchange(exchange, True)
        if recorded:
            exchange, reply = recorded[-1], self._dialect.decode_reply(recorded[-1])
        attempt = len(recorded)
        while not attempt or self._again(exchange, reply, attempt, unreachable_is_final):
            if attempt > len(recorded):
                await self._wait(reply, attempt - 1)
            exchange, reply = await self._send(case, turn, attempt, request, worker)
            attempt += 1
        self.requests += attempt
        return exchange, reply

    async def _wait(self, reply: Reply, attempt: int) -> None:
        """What the server asked for, or a while; after a 429 with a wait the pace of all workers sees to it."""
        error = reply.error
        asked = error.retry_after if error else None
        if not (asked and error and error.status in _THROTTLED):
            await asyncio.sleep(backoff_s(attempt) if asked is None else asked)

    async def _send(
        self, case: str, turn: int, attempt: int, request: HttpRequest, worker: int
    ) -> tuple[Exchange, Reply]:
        await self._pace.enter()
        throttled, wait = False, None
        try:
            exchange = redact(await self._transport.send(request, worker, case, turn, attempt), (self._key,))
            self._journal.append(exchange)
            reply = self._dialect.decode_reply(exchange)
            if reply.error is not None and reply.error.status in _THROTTLED:
                throttled = True
                wait = None if self._too_long(reply) else reply.error.retry_after
        finally:
            await self._pace.leave(throttled=throttled, wait_s=wait)
        self._progress.exchange(exchange, False)
        return exchange, reply

    def _again(self, exchange: Exchange, reply: Reply, attempts: int, unreachable_is_final: bool) -> bool:
        """Whether to try once more: for transport faults and servers in distress, never for a wrong answer."""
        error, failure = reply.error, exchange.failure
        if error is None or attempts > self._scenario.limits.retries or self._too_long(reply):
            return False
        if failure is not None:
            final = ("too large", "tls", NOT_RECORDED, *["connect"] * unreachable_is_final)
            return failure.kind not in final
        return worth_retrying(error)

    def _too_long(self, reply: Reply) -> bool:
        """The server asks for a wait longer than a scan will wait."""
        asked = reply.error.retry_after if reply.error else None
        return asked is not None and asked > self._scenario.limits.max_wait_s
