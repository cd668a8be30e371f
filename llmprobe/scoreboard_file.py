"""The scoreboard file: a ``Scoreboard`` as JSON and back.

Its form is published as ``scoreboard.schema.json`` beside this module and described for users in
``scoreboards/README.md``. Reading is strict, unknown keys and wrong types are refused with their JSON path;
writing gives the same bytes for the same scoreboard: fixed key order, empty optional fields left out, rates
rounded to four digits.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from llmprobe.call import JSON
from llmprobe.errors import UsageError
from llmprobe.scoreboard import CELLS, SCHEMA_VERSION, Mode, Row, Scoreboard
from llmprobe.verdict import OUTCOMES, STRENGTHS, Verdict

SCHEMA_PATH: Final = Path(__file__).with_name("scoreboard.schema.json")
"""The published JSON Schema of the file."""

_RATE_DIGITS = 4
_UNSAFE_IN_FILE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What ``json`` leaves as it is and a terminal, an editor or the UTF-8 encoder trips over."""

Reader: TypeAlias = Callable[[JSON, str], Any]
"""Takes a parsed value and its JSON path, returns it in our types or raises ``UsageError``."""


def to_json(board: Scoreboard) -> dict[str, JSON]:
    """``board`` as plain JSON values, in the order in which they are written."""
    head = _filled(
        country=board.country,
        local=board.local,
        base_url=board.base_url,
        dialect=board.dialect,
        tool_version=board.tool_version,
        scanned_at=board.scanned_at,
        seed=board.seed,
        trials=board.trials,
    )
    return {
        "schema_version": board.schema_version,
        "provider": board.provider,
        "title": board.title,
        **head,
        "requests": board.requests,
        **_filled(notes=list(board.notes)),
        "strength": board.strength,
        **_filled(recorded=board.recorded),
        "rows": [_row_to_json(row) for row in board.rows],
    }


def dumps(board: Scoreboard) -> str:
    """The text of the file of ``board``."""
    text = json.dumps(to_json(board), indent=2, ensure_ascii=False, allow_nan=False)
    return _UNSAFE_IN_FILE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8 so that at any moment a whole file is there, old or new."""
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode_of(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode_of(target: Path) -> int:
    """Permission bits of ``target``, or those of a new file: mkstemp makes private files."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _filled(**fields: JSON) -> dict[str, JSON]:
    """``fields`` without the empty ones. 0 is not empty."""
    return {key: value for key, value in fields.items() if not _is_empty(value)}


def _is_empty(value: JSON) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _row_to_json(row: Row) -> dict[str, JSON]:
    cells = {cell: _verdict_to_json(row.cells[cell]) for cell in CELLS if cell in row.cells}
    if len(cells) < len(row.cells):
        raise ValueError(f"cells that no scoreboard has: {sorted(row.cells.keys() - set(CELLS))}")
    identity = {"model": row.model, "thinking": row.thinking, "mode": row.mode}
    return identity | _filled(note=row.note, served=list(row.served), cells=cells)


def _verdict_to_json(verdict: Verdict) -> dict[str, JSON]:
    return {"outcome": verdict.outcome} | _filled(
        successes=verdict.successes if verdict.trials or verdict.successes else None,
        trials=verdict.trials or None,
        interval=_interval(verdict),
        reason=verdict.reason,
        expected=verdict.expected,
        actual=verdict.actual,
        quote=verdict.quote,
        evidence=list(verdict.evidence),
        probe=verdict.probe,
        spelling=verdict.spelling,
        strength=verdict.strength if _says_strength(verdict) else "",
    )


def _says_strength(verdict: Verdict) -> bool:
    """It is left out where it goes without saying: what does not work was seen not to work."""
    return verdict.strength != "shown" or verdict.outcome in ("supported", "flaky", "partial")


def _interval(verdict: Verdict) -> list[float] | None:
    if verdict.low is None or verdict.high is None:
        return None
    return [round(verdict.low, _RATE_DIGITS), round(verdict.high, _RATE_DIGITS)]


def load(path: Path) -> Scoreboard:
    """The scoreboard in the file ``path``. Raises ``UsageError`` when there is none, saying why."""
    try:
        return from_json(_parse(path.read_bytes().decode("utf-8-sig")))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except RecursionError as error:
        raise UsageError(f"{path} is not a scoreboard: nested too deeply") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def from_json(value: JSON) -> Scoreboard:
    """The scoreboard that ``value`` holds; the inverse of ``to_json``.

    Raises ``UsageError`` with the JSON path of the first thing that is wrong.
    """
    if not isinstance(value, dict) or "schema_version" not in value:
        raise UsageError("not a scoreboard: an object with schema_version was expected")
    _version(value["schema_version"], "$.schema_version")
    return Scoreboard(**_object(value, "$", _BOARD, ("schema_version", "provider", "title", "rows")))


def _parse(text: str) -> JSON:
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return result


def _wrong(path: str, problem: str) -> UsageError:
    return UsageError(f"{path}: {problem}")


def _found(value: JSON) -> str:
    """``value`` as an error message shows it: as JSON in ASCII, cut short."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _suggestion(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _object(value: JSON, path: str, readers: Mapping[str, Reader], required: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, f"an object was expected, found {_found(value)}")
    for key in value:
        if key not in readers:
            raise _wrong(path, f"unknown key {_found(key)}, {_suggestion(key, readers)}")
    for key in required:
        if key not in value:
            raise _wrong(f"{path}.{key}", "is missing")
    return {key: readers[key](item, f"{path}.{key}") for key, item in value.items()}


def _list_of(reader: Reader) -> Reader:
    def read(value: JSON, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(path, f"a list was expected, found {_found(value)}")
        return tuple(reader(item, f"{path}[{index}]") for index, item in enumerate(value))

    return read


def _choice(*choices: str | None) -> Reader:
    def read(value: JSON, path: str) -> str | None:
        if not (value is None or isinstance(value, str)) or value not in choices:
            known = ", ".join(_found(choice) for choice in choices)
            raise _wrong(path, f"one of {known} was expected, found {_found(value)}")
        return value

    return read


def _text(value: JSON, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, f"a string was expected, found {_found(value)}")
    return value


def _flag(value: JSON, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, f"true or false was expected, found {_found(value)}")
    return value


def _optional_flag(value: JSON, path: str) -> bool | None:
    return None if value is None else _flag(value, path)


def _integer(value: JSON, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(path, f"a whole number was expected, found {_found(value)}")
    return value


def _count(value: JSON, path: str) -> int:
    if _integer(value, path) < 0:
        raise _wrong(path, f"a number from 0 was expected, found {_found(value)}")
    return int(value)


def _version(value: JSON, path: str) -> int:
    version = _integer(value, path)
    if version > SCHEMA_VERSION:
        raise UsageError(f"made by a newer llmprobe ({path} is {version}, this one reads {SCHEMA_VERSION}); upgrade it")
    if version < 1:
        raise _wrong(path, f"a number from 1 was expected, found {version}")
    return version


def _rate(value: JSON, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise _wrong(path, f"a number from 0 to 1 was expected, found {_found(value)}")
    return float(value)


def _bounds(value: JSON, path: str) -> tuple[float, ...]:
    bounds: tuple[float, ...] = _list_of(_rate)(value, path)
    if len(bounds) != 2:
        raise _wrong(path, f"two numbers were expected, found {len(bounds)}")
    return bounds


def _verdict(value: JSON, path: str) -> Verdict:
    fields = _object(value, path, _VERDICT, ("outcome",))
    low, high = fields.pop("interval", (None, None))
    return Verdict(**fields, low=low, high=high)


def _row(value: JSON, path: str) -> Row:
    return Row(**_object(value, path, _ROW, ("model", "thinking", "mode")))


def _cells(value: JSON, path: str) -> dict[str, Verdict]:
    return _object(value, path, dict.fromkeys(CELLS, _verdict))


_VERDICT: Final[Mapping[str, Reader]] = {
    "outcome": _choice(*OUTCOMES),
    "successes": _count,
    "trials": _count,
    "interval": _bounds,
    "reason": _text,
    "expected": _text,
    "actual": _text,
    "quote": _text,
    "evidence": _list_of(_text),
    "probe": _text,
    "spelling": _text,
    "strength": _choice(*STRENGTHS),
}
_ROW: Final[Mapping[str, Reader]] = {
    "model": _text,
    "thinking": _optional_flag,
    "mode": _choice(*get_args(Mode), None),
    "note": _text,
    "served": _list_of(_text),
    "cells": _cells,
}
_BOARD: Final[Mapping[str, Reader]] = {
    "schema_version": _version,
    "provider": _text,
    "title": _text,
    "country": _text,
    "local": _flag,
    "base_url": _text,
    "dialect": _text,
    "tool_version": _text,
    "scanned_at": _text,
    "seed": _integer,
    "trials": _count,
    "requests": _count,
    "notes": _list_of(_text),
    "strength": _choice(*STRENGTHS),
    "recorded": _flag,
    "rows": _list_of(_row),
}
