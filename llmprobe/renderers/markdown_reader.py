"""The rows of a Markdown scoreboard, ours or one in the older form with the same columns.

A table knows less than a scoreboard file: a mark stands for several outcomes, and a symbol that is missing
from a cell of several for "no" and "not tried". What is read here gives the same table again, no more: ❌ is
read as ``rejected``, a missing symbol as ``absent``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from llmprobe.errors import UsageError
from llmprobe.renderers.table import (
    COLUMNS,
    INPUTS,
    MARKS,
    MODES,
    OUTPUTS,
    QUALIFIERS,
    SINGLES,
    TEXT_OPTIONS,
    THINKING,
    TOOL_TRAITS,
    UNKNOWN,
    USABLE,
)
from llmprobe.renderers.untrusted import unescape
from llmprobe.scoreboard import Row
from llmprobe.verdict import Outcome, Verdict

_CELL = re.compile(r"((?:\\.|[^|\\])*)\|")
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    **{symbol: outcome for outcome, symbol in MARKS.items()},
    "❌": "rejected",
    "💸": "absent",
    "🚩": "absent",
}
_QUALIFIED: Final[Mapping[str, Outcome]] = {symbol: outcome for outcome, symbol in QUALIFIERS.items()}
_MODES: Final = {symbol: mode for mode, symbol in MODES.items()}


def read_table(markdown: str) -> tuple[Row, ...]:
    """The rows of the first scoreboard table in ``markdown``, in order, also those that occur twice."""
    lines = iter(markdown.splitlines())
    if not any(_split(line) == COLUMNS for line in lines):
        raise UsageError("no scoreboard table found: a table with the columns " + ", ".join(COLUMNS))
    next(lines, "")
    return tuple(_row(line) for line in _table_lines(lines))


def _table_lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield line


def _split(line: str) -> tuple[str, ...]:
    return tuple(cell.strip(" ") for cell in _CELL.findall(line[1:]))


def _row(line: str) -> Row:
    texts = _split(line)
    if len(texts) != len(COLUMNS):
        raise UsageError(f"{len(COLUMNS)} columns were expected, found {len(texts)} in {line!r}")
    cells = dict(zip(COLUMNS, texts, strict=True))
    model, mode = unescape(cells["Model"]), cells["Mode"]
    if mode == UNKNOWN:
        return Row(model)
    verdicts = {cell: Verdict(outcome) for cell, outcome in _outcomes(cells) if outcome != "untested"}
    symbol = mode.removesuffix(THINKING)
    return Row(model, mode.endswith(THINKING), _MODES[_known(symbol, _MODES)], verdicts)


def _outcomes(texts: Mapping[str, str]) -> Iterator[tuple[str, Outcome]]:
    for column, cell in SINGLES.items():
        yield cell, _OUTCOMES[_known(texts[column], _OUTCOMES)]
    for column, symbols in (("➛In", INPUTS), ("Out➛", OUTPUTS), ("Text", TEXT_OPTIONS)):
        yield from _several(texts[column], symbols)
    yield from _tool(texts["Tool"])


def _several(text: str, symbols: Mapping[str, str]) -> Iterator[tuple[str, Outcome]]:
    """The outcomes of the cells of ``symbols`` (cell -> symbol) that share ``text``."""
    whole: Mapping[str, Outcome] = {UNKNOWN: "untested", "❔": "inconclusive", "❌": "absent"}
    marks = {} if text in whole else _parse(text, symbols)
    for cell, symbol in symbols.items():
        yield cell, whole.get(text) or marks.get(symbol, "absent")


def _tool(text: str) -> Iterator[tuple[str, Outcome]]:
    outcome = _OUTCOMES[_known(text[:1], _OUTCOMES)]
    yield "tool", outcome
    missing: Outcome = "absent" if outcome in USABLE else "untested"
    marks = _parse(text[1:], TOOL_TRAITS)
    for cell, symbol in TOOL_TRAITS.items():
        yield cell, marks.get(symbol, missing)


def _parse(text: str, symbols: Mapping[str, str]) -> dict[str, Outcome]:
    """Symbols, each with the outcome that the mark after it gives."""
    signs, marks = "|".join(symbols.values()), "".join(_QUALIFIED)
    if not re.fullmatch(f"(({signs})[{marks}]?)*", text):
        raise UsageError(f"{text!r} in a scoreboard table, where symbols of {''.join(symbols.values())} were expected")
    return {found[0]: _QUALIFIED[found[1]] for found in re.findall(f"({signs})([{marks}]?)", text)}


def _known(text: str, marks: Mapping[str, object]) -> str:
    if text not in marks:
        raise UsageError(f"{text!r} in a scoreboard table, where one of {' '.join(marks)} was expected")
    return text
