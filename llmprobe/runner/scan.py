"""A scan: list the models, make first contact, talk every probe through with every row, record all of it.

Everything that decides is pure and lives elsewhere; here is only who does what when. Workers take the
most urgent case from one queue, so the rows of the first models are finished first.
"""

from __future__ import annotations

import asyncio
import heapq
import re
import traceback
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar

from llmprobe import __version__
from llmprobe.checks import OBSERVERS
from llmprobe.checks.evidence import Turn, clip
from llmprobe.checks.refusals import meaning, worth_retrying
from llmprobe.conversation import Answer, Ask, Contact, Footing, contact, converse
from llmprobe.dialects import DecodeError, Dialect, Listed
from llmprobe.dialects.api_errors import read_error
from llmprobe.errors import CannotMeasure, UsageError
from llmprobe.exchange import Exchange, HttpRequest
from llmprobe.probe import Probe, Trials
from llmprobe.quirks import apply_quirks
from llmprobe.recordings.journal import Journal
from llmprobe.recordings.secrets import redact
from llmprobe.renderers.untrusted import visible
from llmprobe.reply import Reply
from llmprobe.runner.pacing import Pace, backoff_s
from llmprobe.runner.transport import Transport
from llmprobe.scenario import Scenario
from llmprobe.scoreboard import CELLS, Mode, Row, Scoreboard
from llmprobe.verdict import Verdict

T = TypeVar("T")
_THOROUGH = 10
_LISTING = "models"
"""The address of the request for the model list."""


class Progress(Protocol):
    """What a scan tells while it runs."""

    def models(self, count: int) -> None:
        """The provider lists ``count`` models."""

    def row(self, row: Row) -> None:
        """A row is finished."""

    def exchange(self, exchange: Exchange, replayed: bool) -> None:
        """An exchange was made, or found in the journal."""


@dataclass(frozen=True, slots=True)
class Options:
    """What narrows a scan."""

    seed: int
    models: tuple[str, ...] = ()
    """Globs over model ids; empty: all."""
    modes: tuple[Mode, ...] = ("sync", "stream")
    trials: int | None = None
    """Unanimous trials that decide, in place of the probes' own number."""


@dataclass
class _RowWork:
    """A row while its cases are talked through."""

    footing: Footing
    place: tuple[int, int]
    waiting: int
    turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    """By probe: cases end in any order, and the verdict must not hang on it."""
    cells: dict[str, Verdict] = field(default_factory=dict)


@dataclass(order=True)
class _Job:
    """Something for a worker: first contact with a model (no row), or a case of a row."""

    urgency: tuple[int, int, int]
    model: str = field(compare=False)
    row: _RowWork | None = field(compare=False, default=None)
    probe: Probe | None = field(compare=False, default=None)


class Scan:
    """One provider, from its model list to its scoreboard."""

    def __init__(
        self,
        scenario: Scenario,
        dialect: Dialect,
        probes: Sequence[Probe],
        journal: Journal,
        options: Options,
        progress: Progress,
        key: str = "",
    ) -> None:
        self._scenario = scenario
        self._dialect = dialect
        self._experiments = [probe for probe in probes if not probe.observes]
        self._observers = [probe for probe in probes if probe.observes]
        self._journal = journal
        self._options = options
        self._progress = progress
        self._key = key
        self._pace = Pace(scenario.limits.concurrency)
        self._queue: list[_Job] = []
        self._busy = 0
        self._moved = asyncio.Condition()
        self._rows: dict[tuple[int, int], Row] = {}
        self._contacts: dict[str, Contact] = {}
        self._requests = 0

    async def run(self) -> Scoreboard:
        """Scan everything. Raises ``CannotMeasure`` when not a single row could be measured."""
        workers = self._scenario.limits.concurrency
        async with Transport(self._scenario, self._key, workers) as self._transport:
            listed = await self._list()
            self._progress.models(len(listed))
            for place, model in enumerate(listed):
                self._plan_contact(place, model.id)
            async with asyncio.TaskGroup() as group:
                for worker in range(workers):
                    group.create_task(self._work(worker))
        return self._scoreboard()

    # --- the model list

    async def _list(self) -> tuple[Listed, ...]:
        wanted, literal = (
            self._options.models,
            tuple(name for name in self._options.models if not _is_glob(name)),
        )
        path = self._scenario.models_path
        try:
            listed = await self._fetch_list(path) if path else ()
        except CannotMeasure:
            if not (self._scenario.models or (wanted and literal == wanted)):
                raise
            listed = ()
        listed = listed or tuple(Listed(name, {}) for name in self._scenario.models or literal)
        chosen = tuple(model for model in listed if not wanted or any(fnmatchcase(model.id, glob) for glob in wanted))
        if not listed:
            raise CannotMeasure(f"{self._scenario.title}: it lists no models; name some with --models")
        if not chosen:
            some = ", ".join(visible(model.id) for model in listed[:5]) + (", ..." if len(listed) > 5 else "")
            raise UsageError(f"{self._scenario.title} lists no model that matches {', '.join(wanted)}; it has {some}")
        return chosen

    async def _fetch_list(self, path: str) -> tuple[Listed, ...]:
        title, base = self._scenario.title, self._scenario.base_url
        request = HttpRequest("GET", path)
        exchange, _ = await self._exchange(_LISTING, 0, request, worker=0)
        if exchange.response is None or exchange.failure is not None:
            detail = exchange.failure.detail if exchange.failure else "no answer"
            raise CannotMeasure(f"{title}: cannot reach {base} ({detail})")
        if exchange.response.status != 200:
            error = read_error(exchange.response.status, exchange.response.body, "status")
            raise CannotMeasure(
                f"{title}: listing the models at {base}{path} was refused with HTTP {error.status}: "
                f"{clip(error.message)}{self._key_advice() if meaning(error) == 'auth' else ''}"
            )
        try:
            return self._dialect.decode_models(exchange.response)
        except DecodeError as trouble:
            raise CannotMeasure(f"{title}: {base}{path} does not answer with a list of models: {trouble}") from None

    def _key_advice(self) -> str:
        if self._scenario.key_env:
            return f"; check the key in {' or '.join(self._scenario.key_env)}"
        return "; name the environment variable that holds its key with --key-env"

    # --- the queue

    def _plan_contact(self, place: int, model: str) -> None:
        reason = self._scenario.skip_reason(model)
        if reason is not None:
            self._finish_row((place, 0), Row(model, note=f"skipped: {reason}"))
        else:
            heapq.heappush(self._queue, _Job((place, -1, 0), model))

    async def _work(self, worker: int) -> None:
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._queue or not self._busy)
                if not self._queue:
                    self._moved.notify_all()
                    return
                job = heapq.heappop(self._queue)
                self._busy += 1
            try:
                await self._do(job, worker)
            finally:
                async with self._moved:
                    self._busy -= 1
                    self._moved.notify_all()

    async def _do(self, job: _Job, worker: int) -> None:
        if job.row is None:
            await self._meet(job, worker)
        elif job.probe is not None:
            await self._try(job.row, job.probe, worker)

    # --- first contact

    async def _meet(self, job: _Job, worker: int) -> None:
        model, place = job.model, job.urgency[0]
        nonce = f"{self._options.seed:x}"
        talk = contact(model, self._dialect, self._scenario.thinking_of(model), nonce)
        try:
            found = await self._converse(talk, f"{_safe(model)}:contact", model, worker)
        except Exception:
            found = Contact("trouble", f"a bug in llmprobe: {_trace()}")
        self._contacts[model] = found
        if found.state == "key refused" and not any(c.state == "chats" for c in self._contacts.values()):
            raise CannotMeasure(f"{self._scenario.title}: the key was refused ({found.note}){self._key_advice()}")
        if found.state == "not chat":
            self._finish_row((place, 0), Row(model, note=f"does not chat: {found.note}"))
            return
        modes = [mode for mode in self._scenario.modes if mode in self._options.modes]
        if found.state != "chats":
            for number, mode in enumerate(modes):
                self._finish_row((place, number), self._unknown_row(model, mode, found.note))
            return
        rows = [(footing, mode) for footing in found.footings for mode in modes]
        for number, (footing, mode) in enumerate(rows):
            self._plan_row(place, number, replace(footing, stream=mode == "stream"))

    def _unknown_row(self, model: str, mode: Mode, note: str) -> Row:
        cells = {cell: Verdict("inconclusive", note) for probe in self._experiments for cell in probe.cells}
        return Row(model, False, mode, _ordered(cells), note=f"first contact failed: {note}")

    def _plan_row(self, place: int, number: int, footing: Footing) -> None:
        row = _RowWork(footing, (place, number), len(self._experiments))
        for order, probe in enumerate(self._experiments):
            heapq.heappush(self._queue, _Job((place, number, order), footing.model, row, probe))

    # --- cases

    async def _try(self, row: _RowWork, probe: Probe, worker: int) -> None:
        case = case_id(row.footing, probe.id)
        seed = f"{self._options.seed}|{self._scenario.name}|{case}"
        talk = converse(probe, row.footing, self._dialect, seed, self._bounds(probe))
        try:
            finding = await self._converse(talk, case, row.footing.model, worker)
            row.cells.update(finding.verdicts)
            row.turns[probe.id] = finding.turns
        except Exception:
            bug = Verdict("inconclusive", f"a bug in llmprobe: {_trace()}", probe=probe.stamp)
            row.cells.update(dict.fromkeys(probe.cells, bug))
        row.waiting -= 1
        if not row.waiting:
            self._finish_row(row.place, self._close(row))

    def _bounds(self, probe: Probe) -> Trials:
        wanted, own = self._options.trials, probe.trials
        if wanted is None:
            return own
        least = wanted if own.least >= _THOROUGH else min(own.least, wanted)
        return Trials(least, max(own.most, least + least // 2))

    def _close(self, row: _RowWork) -> Row:
        footing = row.footing
        turns = [turn for probe in self._experiments for turn in row.turns.get(probe.id, ())]
        cells = observe(self._observers, turns, row.cells)
        names = {turn.reply.model for turn in turns if isinstance(turn.reply.model, str)}
        mode: Mode = "stream" if footing.stream else "sync"
        served = tuple(sorted(name for name in names - {footing.model} if name))
        return Row(footing.model, footing.thinking, mode, _ordered(cells), note=_oddities(turns), served=served)

    def _finish_row(self, place: tuple[int, int], row: Row) -> None:
        self._rows[place] = row
        self._progress.row(row)

    # --- conversations

    async def _converse(self, talk: Generator[Ask, Answer, T], case: str, model: str, worker: int) -> T:
        """Drive a conversation to its end; each request is turn 0, 1, 2, ... of ``case``."""
        quirks = self._scenario.quirks_of(model)
        turn = 0
        try:
            ask = next(talk)
            while True:
                request = apply_quirks(self._dialect.encode_call(ask.call), quirks)
                exchange, reply = await self._exchange(case, turn, request, worker)
                turn += 1
                ask = talk.send(Answer(reply, exchange.id))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _exchange(self, case: str, turn: int, request: HttpRequest, worker: int) -> tuple[Exchange, Reply]:
        """One request with its retries; what the journal already holds is not sent again."""
        recorded = self._journal.find(case, turn, request)
        for exchange in recorded:
            self._progress.exchange(exchange, True)
        if recorded:
            reply = self._dialect.decode_reply(recorded[-1])
            if not self._again(recorded[-1], reply, len(recorded)):
                self._requests += len(recorded)
                return recorded[-1], reply
        for attempt in range(len(recorded), self._scenario.limits.retries + 1):
            exchange, reply = await self._send(case, turn, attempt, request, worker)
            if not self._again(exchange, reply, attempt + 1):
                break
            wait = reply.error.retry_after if reply.error else None
            if not (reply.error and reply.error.status == 429 and wait):
                await asyncio.sleep(wait if wait is not None else backoff_s(attempt))
        self._requests += exchange.attempt + 1
        return exchange, reply

    async def _send(
        self, case: str, turn: int, attempt: int, request: HttpRequest, worker: int
    ) -> tuple[Exchange, Reply]:
        await self._pace.enter()
        throttled, wait = False, None
        try:
            exchange = redact(await self._transport.send(request, worker, case, turn, attempt), (self._key,))
            self._journal.append(exchange)
            reply = self._dialect.decode_reply(exchange)
            if reply.error is not None and reply.error.status in (429, 503, 529):
                throttled, wait = True, reply.error.retry_after
                if wait is not None and wait > self._scenario.limits.max_wait_s:
                    wait = None
        finally:
            await self._pace.leave(throttled=throttled, wait_s=wait)
        self._progress.exchange(exchange, False)
        return exchange, reply

    def _again(self, exchange: Exchange, reply: Reply, attempts: int) -> bool:
        """Whether to try once more: for transport faults and servers in distress, never for a wrong answer."""
        error = reply.error
        if attempts > self._scenario.limits.retries or error is None:
            return False
        if error.retry_after is not None and error.retry_after > self._scenario.limits.max_wait_s:
            return False
        if exchange.failure is not None:
            unreachable = exchange.failure.kind == "connect" and exchange.case == _LISTING
            return exchange.failure.kind not in ("too large", "tls") and not unreachable
        return worth_retrying(error)

    # --- the result

    def _scoreboard(self) -> Scoreboard:
        rows = tuple(self._rows[place] for place in sorted(self._rows))
        if all(contact.state != "chats" for contact in self._contacts.values()):
            first = next(iter(self._contacts.values()), None)
            why = f": {first.note}" if first else ""
            raise CannotMeasure(f"{self._scenario.title}: none of its {len(rows)} models could be measured{why}")
        return Scoreboard(
            provider=self._scenario.name,
            title=self._scenario.title,
            rows=rows,
            country=self._scenario.country,
            local=self._scenario.local,
            base_url=self._scenario.base_url,
            dialect=self._scenario.dialect,
            tool_version=__version__,
            scanned_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seed=self._options.seed,
            trials=self._options.trials,
            requests=self._requests,
            notes=_notes(self._contacts),
        )


def _notes(contacts: Mapping[str, Contact]) -> tuple[str, ...]:
    chatting = [found for found in contacts.values() if found.state == "chats"]
    tolerant = sum(found.tolerates_unknown is True for found in chatting)
    strict = sum(found.tolerates_unknown is False for found in chatting)
    return (
        f"A made-up request field was accepted by {tolerant} and refused by {strict} of {len(chatting)} chatting "
        f"models: where it is accepted, acceptance of a parameter alone proves nothing.",
    )


def observe(observers: Sequence[Probe], turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """``cells`` with those added or refined that are read from every exchange of the row."""
    known = dict(cells)
    for probe in observers:
        for cell, decide in probe.cells.items():
            verdict = OBSERVERS[decide.check](turns, known)
            if verdict is not None:
                known[cell] = replace(verdict, probe=probe.stamp)
    return known


_ODDITIES = 6


def _oddities(turns: Sequence[Turn]) -> str:
    """Deviations from the documented wire format that were read over, with their counts."""
    seen = Counter(oddity for turn in turns for oddity in turn.reply.oddities)
    told = [f"{oddity} ({count} of {len(turns)} replies)" for oddity, count in sorted(seen.items())[:_ODDITIES]]
    return f"odd on the wire: {'; '.join(told)}" if told else ""


def _ordered(cells: Mapping[str, Verdict]) -> dict[str, Verdict]:
    return {cell: cells[cell] for cell in CELLS if cell in cells}


def case_id(footing: Footing, probe: str) -> str:
    """The address of a case: ``model:plain:sync:stop``; control characters of ids are percent-encoded."""
    state = "thinking" if footing.thinking else "plain"
    return f"{_safe(footing.model)}:{state}:{'stream' if footing.stream else 'sync'}:{probe}"


def _safe(model: str) -> str:
    return re.sub(r"[\x00-\x20%\x7f-\x9f]", lambda match: f"%{ord(match[0]):02X}", model)


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _trace() -> str:
    lines: list[Any] = traceback.format_exc().strip().splitlines()
    return clip(f"{lines[-1]} at {lines[-3].strip() if len(lines) > 2 else '?'}")
