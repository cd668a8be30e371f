"""From everything that was recorded to scoreboards, and a list of what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
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

    def add(self, one: Seen) -> None:
        """Count ``one`` among what was decoded."""
        self.decoded += 1
        self.unknown.update({f"{one.dialect.name}: {name}": n for name, n in one.unknown.items()})


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
    seen, listings = _read(found, result, count_unknown)
    boards = []
    for (endpoint, dialect), some in _by_endpoint(seen).items():
        listed = [model for listing in listings if listing.endpoint == endpoint for model in listing.models(dialect)]
        rows = _telling(_ordered(rows_of(some), listed), result)
        if rows:
            board = _board(describe(endpoint, dialect), some, [_row(row, key) for row in rows])
            boards.append(replace(board, base_url=endpoint, dialect=dialect, strength=strength))
    result.boards = tuple(boards)
    return result


def _read(
    found: Iterable[Exchange | Unused], result: Replayed, count_unknown: bool
) -> tuple[list[Seen], list[Listing]]:
    """What was understood; ``result`` is told of the rest, and of the numbers."""
    seen: list[Seen] = []
    listings: list[Listing] = []
    places: dict[bytes, str] = {}
    for item in found:
        understood = item if isinstance(item, Unused) else read(item, count_unknown=count_unknown)
        if isinstance(item, Exchange):
            result.read += 1
            if isinstance(understood, Seen) and _is_copy(item, places):
                understood = Unused(item.id, "the same exchange is in another file")
        if isinstance(understood, Seen):
            seen.append(understood)
            result.add(understood)
        elif isinstance(understood, Listing):
            listings.append(understood)
        else:
            result.unused.append(understood)
    return seen, listings


def _is_copy(exchange: Exchange, places: dict[bytes, str]) -> bool:
    """Another of the ``places`` has it too. A copied file is no second trial; refusals may be alike to the letter."""
    if exchange.response is None or exchange.response.status != 200:
        return False
    parts = (exchange.request.url.encode(errors="replace"), exchange.request.body, exchange.response.body)
    mark = b"".join(sha256(part).digest() for part in parts)
    return places.setdefault(mark, exchange.case) != exchange.case


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


def _board(provider: Provider, seen: Sequence[Seen], rows: Sequence[Row]) -> Scoreboard:
    """The scoreboard of ``provider``, whose ``rows`` were made of what was ``seen``."""
    return Scoreboard(
        provider.name,
        provider.title,
        tuple(rows),
        country=provider.country,
        local=provider.local,
        tool_version=__version__,
        scanned_at=written(max(one.sent_at for one in seen)),
        requests=len(seen),
        notes=("Made from recorded traffic, without a request.",),
        recorded=True,
    )


def written(time: float) -> str:
    """Unix ``time`` as scoreboards write it, "" for none, or for one that no calendar has."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""
    except (ValueError, OverflowError, OSError):
        return ""


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


def _telling(rows: Sequence[RecordedRow], result: Replayed) -> list[RecordedRow]:
    """Those of ``rows`` that are worth a row of a table; ``result`` is told why the others are not."""
    telling = []
    for row in rows:
        why = _says_nothing(row)
        if why:
            result.unused.extend(Unused(turn.evidence, why) for turn in row.turns)
        else:
            telling.append(row)
    return telling


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
