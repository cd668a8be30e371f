"""Recordings that other programs made, and our own journals: files and folders become exchanges.

What a file is, its beginning says, never its name: a cassette of go-vcr or vcrpy, an HTTP archive, or a
journal; any of them compressed with gzip. Folders hold all sorts of files, so whatever cannot be read is
one line of explanation, and costs little to find out.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from llmprobe.errors import UsageError
from llmprobe.exchange import Exchange, HttpResponse, TransportFailure
from llmprobe.recordings import go_vcr, har, journal, vcrpy
from llmprobe.recordings.messages import GZIP, LIMIT, TOO_LARGE, Unfit, is_number, read_up_to_limit, unkeyed
from llmprobe.strict_yaml import load_plain


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or an interaction in it, that could not be read. Interactions count from 0, lines from 1."""

    path: str
    why: str


Found: TypeAlias = Exchange | Unread
_File: TypeAlias = gzip.GzipFile | io.BufferedReader
_Reader: TypeAlias = Callable[[Any, str, int], Exchange]
_Listed: TypeAlias = tuple[list[Any], _Reader]
"""The interactions in a file, and what reads one of them."""

_HEAD = 65_536
"""Bytes by which a file is recognised."""
_FILE_WEIGHT = 1_000_000_000
"""Bytes of messages that one file may give: aliases and compression make more of a file than it holds."""
_EACH = 1_000
"""What each interaction and each header weighs beside its text: the time to look at it."""
_HELD = 1_000
"""Troubles before the first exchange that are told one by one."""


def read_paths(paths: Sequence[Path]) -> Iterator[Found]:
    """Everything that is recorded in ``paths``, one file at a time; a folder stands for all files in it.

    Each file gives exchanges and a line for each of its interactions that is none, or exactly one ``Unread``.
    Hidden files are left out. Raises ``UsageError`` at once for a path that does not exist.
    """
    return (found for file in files(paths) for found in _settled(file))


def files(paths: Sequence[Path]) -> Iterator[Path | Unread]:
    """Every file under ``paths``, and the folders that cannot be entered. Raises ``UsageError`` as ``read_paths``."""
    for path in paths:
        if not os.path.exists(path):
            raise UsageError(f"{path}: there is no such file or folder")
    return (file for path in paths for file in _files(path))


def header_of(path: Path) -> journal.Header | None:
    """What the journal at ``path`` was made with, ``None`` when it is no journal that this version can scan again."""
    try:
        with _opened(path) as file:
            return journal.read_header(file.readline(_HEAD))
    except (Unfit, OSError, EOFError, zlib.error):
        return None


# --- files -----------------------------------------------------------------------------------------------


def _files(top: Path) -> Iterator[Path | Unread]:
    """The files in ``top`` in the order of their names. No folder is entered twice, whatever links say."""
    waiting, entered = [top], set()
    while waiting:
        path = waiting.pop()
        if not os.path.isdir(path):
            yield path
            continue
        try:
            folder = path.stat()
            names = sorted(os.listdir(path), reverse=True)
        except OSError as trouble:
            yield Unread(path.as_posix(), _denied(trouble))
            continue
        if (folder.st_dev, folder.st_ino) not in entered:
            entered.add((folder.st_dev, folder.st_ino))
            waiting += [path / name for name in names if not name.startswith(".")]


def _denied(trouble: OSError) -> str:
    return f"cannot be read: {trouble.strerror or trouble}"


def _settled(file: Path | Unread) -> Iterator[Found]:
    """What ``file`` gives; its troubles are one when there is nothing else."""
    if isinstance(file, Unread):
        yield file
        return
    held: list[Unread] | None = []
    more = 0
    for found in _guarded(file):
        if held is None:
            yield found
        elif isinstance(found, Exchange):
            yield from held
            yield from _more(file, more)
            yield found
            held = None
        elif len(held) < _HELD:
            held.append(found)
        else:
            more += 1  # nobody reads so many, and a journal has no end
    if held is not None:
        yield _one(file, held, more)


def _more(file: Path, count: int) -> tuple[Unread, ...]:
    return (Unread(file.as_posix(), f"{count:,} more of this kind"),) if count else ()


def _one(file: Path, troubles: list[Unread], more: int) -> Unread:
    if not troubles:
        return Unread(file.as_posix(), "a journal without exchanges")
    if len(troubles) == 1:
        return troubles[0]
    return Unread(file.as_posix(), f"none of {len(troubles) + more:,} can be read: {troubles[0].why}")


def _guarded(path: Path) -> Iterator[Found]:
    try:
        yield from _read(path)
    except Unfit as trouble:
        yield Unread(path.as_posix(), str(trouble))
    except gzip.BadGzipFile:
        yield Unread(path.as_posix(), "damaged gzip")
    except OSError as trouble:
        yield Unread(path.as_posix(), _denied(trouble))
    except (EOFError, zlib.error):
        yield Unread(path.as_posix(), "damaged gzip")


def _read(path: Path) -> Iterator[Found]:
    name = path.as_posix()
    with _opened(path) as file:
        head = _beginning(file)
        if _is_journal(head):
            yield from _journal(file, name)
            return
        if path.stat().st_size > LIMIT:
            raise Unfit(TOO_LARGE)
        listed = _recognised(head)
        items, read = listed(read_up_to_limit(file))
    yield from _exchanges(items, read, name)


def _opened(path: Path) -> _File:
    if os.path.exists(path) and not os.path.isfile(path):
        raise Unfit("neither file nor folder")  # opening a pipe would wait for its other end
    with path.open("rb") as file:
        compressed = file.read(len(GZIP)) == GZIP
    return gzip.open(path) if compressed else path.open("rb")


def _beginning(file: _File) -> bytes:
    """What ``file`` begins with; it is read from its start again. Of damaged gzip, what comes before the damage."""
    head = b""
    try:
        while len(head) < _HEAD and (piece := file.read1(_HEAD - len(head))):
            head += piece
    except (EOFError, zlib.error):
        if not head:
            raise
    file.seek(0)
    return head


# --- what a file is --------------------------------------------------------------------------------------

_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_JSON_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[\]{"\d-])')
_JSON_KEY = re.compile(rb'"(?:log|interactions)"\s*:')
_YAML_KEY = re.compile(rb"""(?:^|[{,]|\A\xef\xbb\xbf)[ \t]*["']?interactions["']?[ \t]*:""", re.MULTILINE)
_OTHER_JSON = "JSON, but neither HAR nor a cassette"
_OTHER_YAML = "YAML, but no cassette"
_OTHER_TEXT = "text, but no recording"


def _is_journal(head: bytes) -> bool:
    """The first line describes a scan."""
    first = head.partition(b"\n")[0]
    if b'"llmprobe_journal"' not in first:
        return False
    try:
        described = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(described, dict) and "llmprobe_journal" in described


def _recognised(head: bytes) -> Callable[[bytes], _Listed]:
    """What lists the interactions in a file that begins with ``head``."""
    if not head:
        raise Unfit("empty")
    if _BINARY.search(head):
        raise Unfit("binary data")
    if _JSON_START.match(head):
        if _JSON_KEY.search(head):
            return _listed_in_json
        raise Unfit(_OTHER_JSON if len(head) == _HEAD or _is_json(head) else _OTHER_TEXT)
    if _YAML_KEY.search(head):
        return _listed_in_yaml
    raise Unfit(_OTHER_TEXT)


def _is_json(data: bytes) -> bool:
    try:
        _json(data)
    except Unfit:
        return False
    return True


def _listed_in_json(data: bytes) -> _Listed:
    value = _json(data)
    log = value.get("log") if isinstance(value, dict) else None
    if isinstance(log, dict) and "entries" in log:
        return _some(log["entries"], "a HAR without entries"), har.read
    return _listed(value, _OTHER_JSON)


def _listed_in_yaml(data: bytes) -> _Listed:
    return _listed(_yaml(data), _OTHER_YAML)


def _listed(value: Any, otherwise: str) -> _Listed:
    if not isinstance(value, dict) or "interactions" not in value:
        raise Unfit(otherwise)
    return _some(value["interactions"], "a cassette without interactions"), _read_interaction


def _some(items: Any, otherwise: str) -> list[Any]:
    if not isinstance(items, list) or not items:
        raise Unfit(otherwise)
    return items


def _read_interaction(item: Any, name: str, turn: int) -> Exchange:
    request = item.get("request") if isinstance(item, dict) else None
    read = vcrpy.read if isinstance(request, dict) and "uri" in request else go_vcr.read
    return read(item, name, turn)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise Unfit(f"not JSON: line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unfit(f"not JSON: line {line}: not UTF-8 text") from None
    except RecursionError:
        raise Unfit("not JSON: nested too deep") from None
    except ValueError:  # a number with thousands of digits
        raise Unfit("not JSON: a number is too long") from None


def _yaml(data: bytes) -> Any:
    try:
        return load_plain(data)
    except ValueError as error:
        raise Unfit(f"not YAML: {error}") from None


# --- exchanges -------------------------------------------------------------------------------------------


def _exchanges(items: list[Any], read: _Reader, name: str) -> Iterator[Found]:
    weight = 0
    for turn, item in enumerate(items):
        found, cost = _tried(read, item, name, turn)
        weight += cost
        if weight > _FILE_WEIGHT:
            yield Unread(name, f"interaction {turn} and the {len(items) - turn - 1:,} after it: more than 1 GB in all")
            return
        yield found


def _tried(read: _Reader, item: Any, name: str, turn: int) -> tuple[Found, int]:
    """The exchange in ``item``, or why there is none; and what it cost to find out."""
    try:
        found = read(item, name, turn)
    except Unfit as trouble:
        return Unread(name, f"interaction {turn} {trouble}"), _EACH + trouble.weight
    return unkeyed(found), _EACH + _size(found)


def _size(exchange: Exchange) -> int:
    request, response = exchange.request, exchange.response
    headers = request.headers + (response.headers if response else ())
    bodies = len(request.body) + (len(response.body) if response else 0)
    return len(request.url) + bodies + sum(_EACH + len(value) for _, value in headers)


# --- our own journals ------------------------------------------------------------------------------------


def _journal(file: _File, name: str) -> Iterator[Found]:
    """Line by line: the journal of a large scan is larger than memory."""
    number = 0
    while line := file.readline(LIMIT + 1):
        number += 1
        if len(line) > LIMIT:
            _skip_line(file, line)
            yield Unread(name, f"line {number} is {TOO_LARGE}")
        elif line.strip() not in (b"", b'{"end":true}') and not _is_journal(line):
            yield _line(line, name, number)


def _skip_line(file: _File, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(LIMIT)


def _line(line: bytes, name: str, number: int) -> Found:
    try:
        return unkeyed(_sound(journal.read_exchange(line)))
    except (ValueError, Unfit) as trouble:
        cut = not line.endswith(b"\n")
        return Unread(name, f"line {number} is cut off" if cut else f"line {number}: {str(trouble)[:100]}")


def _sound(exchange: Exchange) -> Exchange:
    """``exchange``, whose parts JSON may have made of anything."""
    request, response, failure = exchange.request, exchange.response, exchange.failure
    texts = [request.method, request.url, *(part for field in request.headers for part in field)]
    numbers = [exchange.turn, exchange.attempt, exchange.sent_at, exchange.elapsed, *exchange.chunk_times]
    fit = (response is not None or failure is not None) and isinstance(exchange.attempt, int)
    if response is not None:
        fit = fit and isinstance(response, HttpResponse) and isinstance(response.status, int)
        texts += [part for field in response.headers for part in field] if fit else []
    if failure is not None:
        fit = fit and isinstance(failure, TransportFailure)
        texts += [failure.kind, failure.detail] if fit else []
    if fit and all(isinstance(text, str) for text in texts) and all(map(is_number, numbers)):
        return exchange
    raise Unfit("not an exchange: a field is of the wrong type")
