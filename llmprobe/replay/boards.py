"""From everything that was recorded to scoreboards, and a list of what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from llmprobe import __version__
from llmprobe.checks.refusals import Meaning, meaning
from llmprobe.exchange import Exchange
from llmprobe.replay.answers import AnswerKey
from llmprobe.replay.judging import judge
from llmprobe.replay.reading import Listing, Seen, Unused, read
from llmprobe.replay.rows import RecordedRow, rows_of
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoring import oddities, served
from llmprobe.verdict import Strength


@dataclass(frozen=True, slots=True)
class Provider:
    """What is known of an endpoint beyond its traffic."""

    name: str
    title: str
    country: str = ""
    local: bool = False


@dataclass
class Replayed:
    """What a replay came to."""

    boards: tuple[Scoreboard, ...] = ()
    unused: list[Unused] = field(default_factory=list)
    read: int = 0
    """Exchanges that were read."""
    decoded: int = 0
    """Those among them that asked a model, in a format that is understood."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Reply fields that no codec understands: ``dialect: path``, with their number."""


def replay(
    found: Iterable[Exchange | Unused],
    key: AnswerKey,
    describe: Callable[[str, str], Provider],
    strength: Strength,
    *,
    count_unknown: bool = False,
) -> Replayed:
    """Scoreboards of all endpoints in ``found``, in order of appearance.

    ``describe`` names an endpoint by its address and dialect. ``found`` is read once, and its bodies are let go.
    """
    result = Replayed()
    seen: list[Seen] = []
    listings: list[Listing] = []
    for item in found:
        if isinstance(item, Unused):
            result.unused.append(item)
            continue
        result.read += 1
        understood = read(item, count_unknown=count_unknown)
        if isinstance(understood, Unused):
            result.unused.append(understood)
        elif isinstance(understood, Listing):
            listings.append(understood)
        else:
            seen.append(understood)
            result.unknown.update({f"{understood.dialect.name}: {name}": n for name, n in understood.unknown.items()})
    result.decoded = len(seen)
    boards = [
        _board(endpoint, dialect, some, listings, key, describe, strength, result)
        for (endpoint, dialect), some in _by_endpoint(seen).items()
    ]
    result.boards = tuple(board for board in boards if board.rows)
    return result


def _by_endpoint(seen: Sequence[Seen]) -> dict[tuple[str, str], list[Seen]]:
    """Exchanges by address and dialect. A dialect that has no words goes with the one that talks at this address."""
    talks: dict[str, str] = {}
    for one in seen:
        if "max_tokens" not in one.dialect.lacks:
            talks.setdefault(one.endpoint, one.dialect.name)
    grouped: dict[tuple[str, str], list[Seen]] = {}
    for one in seen:
        name = one.dialect.name
        if "max_tokens" in one.dialect.lacks:
            name = talks.get(one.endpoint, name)
        grouped.setdefault((one.endpoint, name), []).append(one)
    return grouped


def _board(
    endpoint: str,
    dialect: str,
    seen: Sequence[Seen],
    listings: Sequence[Listing],
    key: AnswerKey,
    describe: Callable[[str, str], Provider],
    strength: Strength,
    result: Replayed,
) -> Scoreboard:
    provider = describe(endpoint, dialect)
    listed = [model for listing in listings if listing.endpoint == endpoint for model in listing.models(dialect)]
    rows: list[Row] = []
    for row in _ordered(rows_of(seen), listed):
        why = _says_nothing(row)
        if why:
            result.unused.extend(Unused(turn.evidence, why) for turn in row.turns)
        else:
            rows.append(_row(row, key))
    latest = max((one.sent_at for one in seen), default=0.0)
    return Scoreboard(
        provider.name,
        provider.title,
        tuple(rows),
        country=provider.country,
        local=provider.local,
        base_url=endpoint,
        dialect=dialect,
        tool_version=__version__,
        scanned_at=datetime.fromtimestamp(latest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if latest else "",
        requests=len(seen),
        notes=("Made from recorded traffic, without a request.",),
        strength=strength,
        recorded=True,
    )


def _ordered(rows: list[RecordedRow], listed: Sequence[str]) -> list[RecordedRow]:
    """As the provider lists its models, where it was recorded; the others after them, as they came."""
    place = {model: number for number, model in reversed(list(enumerate(listed)))}
    return sorted(rows, key=lambda row: place.get(row.model, len(place)))


def _row(row: RecordedRow, key: AnswerKey) -> Row:
    return Row(
        row.model,
        row.thinking,
        row.mode,
        judge(row, key),
        note=oddities(row.turns),
        served=served(row.model, row.turns),
    )


def _says_nothing(row: RecordedRow) -> str:
    """Why a row in which every request failed for one reason that is not the model's is no row, "" when it is one."""
    errors = [turn.reply.error for turn in row.turns]
    if None in errors:
        return ""
    if not row.model:
        return "no model is named, and none answered"
    told = {meaning(error) for error in errors if error is not None}
    return _NO_ROW.get(told.pop(), "") if len(told) == 1 else ""


_NO_ROW: Final[Mapping[Meaning, str]] = {
    "auth": "the key was refused, as in all requests to this model",
    "model": "there is no such model, in any request",
}
