"""Reading recordings from disk: journals of ours go through the scan that made them, others are judged as they are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from llmprobe.answer_file import answer_key
from llmprobe.dialects import dialect
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.exchange import Exchange
from llmprobe.probe_file import probes
from llmprobe.recordings.foreign import Unread, files, header_of, read_paths
from llmprobe.recordings.journal import Header, ReadOnly
from llmprobe.replay.boards import Provider, Replayed, replay, written
from llmprobe.replay.reading import Seen, Unused, read
from llmprobe.runner.progress import Nobody
from llmprobe.runner.scan import Options, Scan
from llmprobe.scenario import Scenario, restored
from llmprobe.scenario_file import by_endpoint
from llmprobe.scoreboard import Mode, Scoreboard
from llmprobe.verdict import Strength

_NAME_CHARACTERS = 100
"""Providers are names of files."""


def replay_paths(paths: Sequence[Path], strength: Strength | None, *, count_unknown: bool = False) -> Replayed:
    """The scoreboards in all recordings under ``paths``.

    ``strength`` of ``None``: what is usual, ``shown`` for our own journals and ``accepted`` for the rest.
    Raises ``UsageError`` for a path that does not exist.
    """
    journals: dict[Path, Header] = {}
    others: list[Path | Unread] = []
    for file in _once(files(paths)):
        header = header_of(file) if isinstance(file, Path) else None
        if header is None or not isinstance(file, Path) or not _is_sound(header):
            others.append(file)
        else:
            journals[file] = header
    result = replay(_found(others), answer_key(), _describe, strength or "accepted", count_unknown=count_unknown)
    for path, header in journals.items():
        _add_journal(result, path, header, strength or "shown", count_unknown)
    result.boards = _told_apart(result.boards)
    return result


def _once(found: Iterable[Path | Unread]) -> Iterator[Path | Unread]:
    """Each file once, by whatever names it goes: what was recorded once is no two trials."""
    known: set[str] = set()
    for file in found:
        place = os.path.realpath(file.path if isinstance(file, Unread) else file)
        if place not in known:
            known.add(place)
            yield file


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
    return Provider(_file_name(host), host)


def _file_name(text: str) -> str:
    """``text`` as a name that a file can have, and that leads to no other folder."""
    name = "".join(char if char.isalnum() or char in "-_." else "-" for char in text.lower())
    return name.strip(".-")[:_NAME_CHARACTERS] or "unknown"


# --- our own journals


def _is_sound(header: Header) -> bool:
    """A scan can be made with ``header``: JSON may have made anything of it."""
    words = (header.provider, header.base_url, header.dialect, header.probes, header.scenario)
    lists = (header.models, header.modes)
    fit = all(isinstance(word, str) for word in words) and all(isinstance(one, tuple) for one in lists)
    fit = fit and all(isinstance(model, str) for model in header.models) and set(header.modes) <= set(get_args(Mode))
    return fit and isinstance(header.seed, int) and (header.trials is None or isinstance(header.trials, int))


def _add_journal(result: Replayed, path: Path, header: Header, strength: Strength, count_unknown: bool) -> None:
    """The scoreboard that the scan made, from what it recorded: by the very same way."""
    recorded: list[Exchange] = []
    for found in read_paths([path]):
        if isinstance(found, Unread):
            result.unused.append(Unused(found.path, found.why))
        else:
            recorded.append(found)
    if not recorded:
        return
    _count(result, recorded, count_unknown)
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
    board = replace(
        board,
        provider=_file_name(board.provider),
        scanned_at=written(journal.latest),
        strength=strength,
        base_url=header.base_url,
    )
    result.boards = (*result.boards, board)


def _count(result: Replayed, recorded: Sequence[Exchange], count_unknown: bool) -> None:
    """Tell ``result`` how much was read, and which fields are unknown."""
    result.read += len(recorded)
    for exchange in recorded:
        understood = read(exchange, count_unknown=count_unknown)
        if isinstance(understood, Seen):
            result.add(understood)


async def _scan(header: Header, journal: ReadOnly) -> Scoreboard:
    scenario = _scenario(header)
    # what the scan tried again is in the journal; a request that is not there will not come by waiting
    scenario = replace(scenario, limits=replace(scenario.limits, retries=0))
    options = Options(header.seed, header.models, header.modes, header.trials)
    return await Scan(scenario, dialect(header.dialect), probes(), journal, options, Nobody()).run()


def _scenario(header: Header) -> Scenario:
    """The scenario of the scan, as its journal kept it."""
    scenario = Scenario(header.provider, header.provider, header.base_url, header.dialect)
    try:
        return restored(scenario, header.scenario)
    except ValueError as trouble:
        raise UsageError(f"its first line cannot be read: {trouble}") from None
