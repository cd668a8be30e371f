"""A scan: list the models, make first contact, talk every probe through with every row.

Everything that decides is pure and lives elsewhere; here is only who does what when. Workers take the
most urgent job from one queue, so the rows of the first models are finished first.
"""

from __future__ import annotations

import asyncio
import heapq
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from llmprobe import __version__
from llmprobe.address import case_address, contact_address
from llmprobe.checks.evidence import clip
from llmprobe.conversation import Contact, Finding, Footing, contact, converse
from llmprobe.dialects import Dialect
from llmprobe.errors import CannotMeasure, LlmprobeError
from llmprobe.probe import Probe, Trials
from llmprobe.recordings.journal import Journal, ReadOnly
from llmprobe.runner.line import Line
from llmprobe.runner.listing import key_advice, list_models
from llmprobe.runner.progress import Progress
from llmprobe.scenario import Scenario
from llmprobe.scoreboard import Mode, Row, Scoreboard
from llmprobe.scoring import canary_note, score_row, unknown_row
from llmprobe.verdict import Verdict

_THOROUGH = 10
"""Probes that ask for this many trials or more take the user's number in place of their own."""

_REFUSALS_THAT_END = 3


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
    findings: dict[str, Finding] = field(default_factory=dict)


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
        journal: Journal | ReadOnly,
        options: Options,
        progress: Progress,
        key: str = "",
    ) -> None:
        self._scenario = scenario
        self._dialect = dialect
        self._probes = probes
        self._experiments = [probe for probe in probes if not probe.observes]
        self._options = options
        self._progress = progress
        self._line = Line(scenario, dialect, journal, progress, key)
        self._queue: list[_Job] = []
        self._busy = 0
        self._moved = asyncio.Condition()
        self._listed = 0
        self._rows: dict[tuple[int, int], Row] = {}
        self._contacts: dict[str, Contact] = {}

    async def run(self) -> Scoreboard:
        """Scan everything. Raises ``CannotMeasure`` when not a single row could be measured."""
        async with self._line as line:
            listed = await list_models(line, self._scenario, self._dialect, self._options.models)
            self._listed = len(listed)
            self._progress.models(self._listed)
            for place, model in enumerate(listed):
                self._plan_contact(place, model)
            async with asyncio.TaskGroup() as group:
                for worker in range(line.workers):
                    group.create_task(self._work(worker))
        return self._scoreboard()

    # --- the queue

    def _plan_contact(self, place: int, model: str) -> None:
        reason = self._scenario.skip_reason(model)
        if reason is not None:
            self._finish((place, 0), Row(model, note=f"skipped: {reason}"))
        else:
            heapq.heappush(self._queue, _Job((place, -1, 0), model))

    def _plan_row(self, place: int, number: int, footing: Footing) -> None:
        row = _RowWork(footing, (place, number))
        for order, probe in enumerate(self._experiments):
            heapq.heappush(self._queue, _Job((place, number, order), footing.model, row, probe))

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
                if job.row is not None and job.probe is not None:
                    await self._try(job.row, job.probe, worker)
                else:
                    await self._meet(job.model, job.urgency[0], worker)
            finally:
                async with self._moved:
                    self._busy -= 1
                    self._moved.notify_all()

    # --- first contact

    async def _meet(self, model: str, place: int, worker: int) -> None:
        talk = contact(model, self._dialect, self._scenario.thinking_of(model), f"{self._options.seed:x}")
        try:
            found = await self._line.converse(talk, contact_address(model), model, worker)
        except LlmprobeError:
            raise
        except Exception:
            found = Contact("trouble", _bug())
        self._contacts[model] = found
        if self._key_is_refused():
            advice = key_advice(self._scenario)
            raise CannotMeasure(f"{self._scenario.title}: the key was refused ({found.note}){advice}")
        self._plan_rows(model, place, found)

    def _plan_rows(self, model: str, place: int, found: Contact) -> None:
        modes = [mode for mode in self._scenario.modes if mode in self._options.modes]
        if found.state == "not chat":
            self._finish((place, 0), Row(model, note=f"does not chat: {found.note}"))
        elif found.state != "chats":
            for number, mode in enumerate(modes):
                self._finish((place, number), unknown_row(model, mode, found.note, self._probes))
        else:
            footings = [replace(known, stream=mode == "stream") for known in found.footings for mode in modes]
            for number, footing in enumerate(footings):
                self._plan_row(place, number, footing)

    def _key_is_refused(self) -> bool:
        """By several models (or all there are) while none has chatted: one alone may be closed to this key."""
        refused = sum(found.state == "key refused" for found in self._contacts.values())
        return refused >= min(_REFUSALS_THAT_END, self._listed) and not self._any_chats()

    def _any_chats(self) -> bool:
        return any(found.state == "chats" for found in self._contacts.values())

    # --- cases and rows

    async def _try(self, row: _RowWork, probe: Probe, worker: int) -> None:
        footing = row.footing
        case = case_address(footing.model, footing.thinking, footing.stream, probe.id)
        seed = f"{self._options.seed}|{self._scenario.name}|{case}"
        talk = converse(probe, footing, self._dialect, seed, self._bounds(probe))
        try:
            finding = await self._line.converse(talk, case, footing.model, worker)
        except LlmprobeError:
            raise
        except Exception:
            bug = Verdict("inconclusive", _bug(), probe=probe.stamp)
            finding = Finding(dict.fromkeys(probe.cells, bug), ())
        row.findings[probe.id] = finding
        if len(row.findings) == len(self._experiments):
            self._finish(row.place, score_row(footing, row.findings, self._probes))

    def _bounds(self, probe: Probe) -> Trials:
        wanted, own = self._options.trials, probe.trials
        if wanted is None:
            return own
        least = wanted if own.least >= _THOROUGH else min(own.least, wanted)
        return Trials(least, max(own.most, least + least // 2))

    def _finish(self, place: tuple[int, int], row: Row) -> None:
        self._rows[place] = row
        self._progress.row(row)

    # --- the result

    def _scoreboard(self) -> Scoreboard:
        scenario = self._scenario
        if not self._any_chats():
            first = next(iter(self._contacts.values()), None)
            why = f": {first.note}" if first else ""
            raise CannotMeasure(f"{scenario.title}: none of its {len(self._rows)} models could be measured{why}")
        return Scoreboard(
            provider=scenario.name,
            title=scenario.title,
            rows=tuple(self._rows[place] for place in sorted(self._rows)),
            country=scenario.country,
            local=scenario.local,
            base_url=scenario.base_url,
            dialect=scenario.dialect,
            tool_version=__version__,
            scanned_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seed=self._options.seed,
            trials=self._options.trials,
            requests=self._line.requests,
            notes=(canary_note(self._contacts.values()),),
        )


def _bug() -> str:
    """The exception in hand as one line, for a cell that a bug of ours left without a verdict."""
    lines = traceback.format_exc().strip().splitlines()
    where = lines[-3].strip() if len(lines) > 2 else "?"
    return clip(f"a bug in llmprobe: {lines[-1]} at {where}")
