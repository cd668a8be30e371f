"""Reading recordings from disk: journals of ours go through the scan that made them, others are judged as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from llmprobe.answer_file import answer_key
from llmprobe.dialects import dialect
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.exchange import Exchange
from llmprobe.probe_file import probes
from llmprobe.recordings.foreign import Unread, files, header_of, read_paths
from llmprobe.recordings.journal import Header, ReadOnly
from llmprobe.replay.boards import Provider, Replayed, replay
from llmprobe.replay.reading import Unused
from llmprobe.runner.progress import Nobody
from llmprobe.runner.scan import Options, Scan
from llmprobe.scenario import Scenario
from llmprobe.scenario_file import by_endpoint, find
from llmprobe.scoreboard import Scoreboard
from llmprobe.verdict import Strength


def replay_paths(paths: Sequence[Path], strength: Strength | None, *, count_unknown: bool = False) -> Replayed:
    """The scoreboards in all recordings under ``paths``.

    ``strength`` of ``None``: what is usual, ``shown`` for our own journals and ``accepted`` for the rest.
    Raises ``UsageError`` for a path that does not exist.
    """
    journals: dict[Path, Header] = {}
    others: list[Path | Unread] = []
    for file in files(paths):
        header = header_of(file) if isinstance(file, Path) else None
        if header is None or not isinstance(file, Path):
            others.append(file)
        else:
            journals[file] = header
    result = replay(_found(others), answer_key(), _describe, strength or "accepted", count_unknown=count_unknown)
    for path, header in journals.items():
        _add_journal(result, path, header, strength or "shown")
    result.boards = _told_apart(result.boards)
    return result


def _told_apart(boards: Sequence[Scoreboard]) -> tuple[Scoreboard, ...]:
    """``boards`` under names of which none occurs twice: the format, then a number, is added to later ones."""
    taken: dict[str, Scoreboard] = {}
    for board in boards:
        choices = [board.provider, f"{board.provider}-{board.dialect}"]
        choices += [f"{board.provider}-{number}" for number in range(2, len(boards) + 2)]
        name = next(choice for choice in choices if choice not in taken)
        taken[name] = replace(board, provider=name)
    return tuple(taken.values())


def _found(files_: Sequence[Path | Unread]) -> Iterator[Exchange | Unused]:
    for file in files_:
        for found in [file] if isinstance(file, Unread) else read_paths([file]):
            yield Unused(found.path, found.why) if isinstance(found, Unread) else found


def _describe(endpoint: str, dialect_name: str) -> Provider:
    """The scenario of the endpoint, or a name made of its host."""
    scenario = by_endpoint(endpoint, dialect_name)
    if scenario is not None:
        return Provider(scenario.name, scenario.title, scenario.country, scenario.local)
    host = endpoint.partition("://")[2] or "unknown"
    name = "".join(char if char.isalnum() or char in "-." else "-" for char in host.lower())
    return Provider(name.strip(".-") or "unknown", host)


# --- our own journals


def _add_journal(result: Replayed, path: Path, header: Header, strength: Strength) -> None:
    """The scoreboard that the scan made, from what it recorded: by the very same way."""
    recorded: list[Exchange] = []
    for found in read_paths([path]):
        if isinstance(found, Unread):
            result.unused.append(Unused(found.path, found.why))
        else:
            recorded.append(found)
    result.read += len(recorded)
    result.decoded += len(recorded)
    journal = ReadOnly(recorded)
    try:
        board = asyncio.run(_scan(header, journal))
    except LlmprobeError as trouble:
        result.unused.append(Unused(path.as_posix(), str(trouble)))
        return
    except BaseExceptionGroup as group:
        known = group.subgroup(LlmprobeError)
        if known is None:
            raise
        result.unused.append(Unused(path.as_posix(), str(known.exceptions[0])))
        return
    latest = datetime.fromtimestamp(journal.latest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    board = replace(board, scanned_at=latest, strength=strength, base_url=header.base_url)
    result.boards = (*result.boards, board)


async def _scan(header: Header, journal: ReadOnly) -> Scoreboard:
    scenario = _scenario(header)
    options = Options(header.seed, header.models, header.modes, header.trials)
    return await Scan(scenario, dialect(header.dialect), probes(), journal, options, Nobody()).run()


def _scenario(header: Header) -> Scenario:
    """The scenario of the scan; one that is no longer known by its name is made from what the journal says."""
    try:
        known = find(header.provider)
    except UsageError:
        return Scenario(header.provider, header.provider, header.base_url, header.dialect)
    return replace(known, base_url=header.base_url, dialect=header.dialect)
