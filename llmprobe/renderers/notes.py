"""The notes under a table: what is behind every mark that is not a plain yes, equal ones merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from llmprobe.renderers.table import INPUTS, OUTPUTS, SINGLES, TEXT_OPTIONS, TOOL_TRAITS, mark, mode_symbols
from llmprobe.renderers.untrusted import code, escape, one_line
from llmprobe.scoreboard import CELLS, Row, Scoreboard
from llmprobe.verdict import Outcome, Verdict

_REASON_LIMIT = 300
_QUOTE_LIMIT = 160
"""Characters."""

LABELS: Final[Mapping[str, str]] = {
    **{cell: f"In {symbol}" for cell, symbol in INPUTS.items()},
    **{cell: f"Out {symbol}" for cell, symbol in OUTPUTS.items()},
    **{cell: f"Text {symbol}" for cell, symbol in TEXT_OPTIONS.items()},
    "tool": "Tool",
    **{cell: f"Tool {symbol}" for cell, symbol in TOOL_TRAITS.items()},
    "tool_required": "Tool, forced",
    "tool_forbidden": "Tool, forbidden",
    "thinking": "Thinking 🧠",
    **{cell: column for column, cell in SINGLES.items()},
}
"""How the notes call a cell."""

_WORDS: Final[Mapping[Outcome, str]] = {
    "supported": "seen",
    "absent": "not there",
    "inconclusive": "could not find out",
    "untested": "not tested",
}
_GOOD_WHEN_ABSENT = ("tool_indecisive", "thinking")
"""Cells that name a trait of the model, not a feature that one would miss."""

_Group: TypeAlias = tuple[str, Verdict, list[Row]]
"""A cell, the first of several equal verdicts on it, and the rows that have them."""


def markdown(board: Scoreboard) -> list[str]:
    """The notes of ``board`` as Markdown list items."""
    tested = [row for row in board.rows if row.mode]
    untested = [row for row in board.rows if not row.mode]
    names = _Names(tested)
    return [
        *(f"- {names(rows)}: {_told(cell, verdict, len(rows))}" for cell, verdict, rows in _groups(tested)),
        *(f"- {names(rows)}: {remark}" for remark, rows in _merged(_remarks(tested))),
        *(f"- Not tested: {_models(rows)}: {why}" for why, rows in _merged(_reasons(untested))),
        *(f"- {_prose(note, _REASON_LIMIT)}" for note in board.notes),
    ]


class _Names:
    """Names some of ``rows`` in few words: models, with modes where not all rows of a model are meant."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._totals = Counter(row.model for row in rows)

    def __call__(self, rows: Sequence[Row]) -> str:
        meant: dict[str, list[Row]] = {}
        for row in rows:
            meant.setdefault(row.model, []).append(row)
        if len(meant) > 1 and len(rows) == self._totals.total():
            return "all tested rows"
        return ", ".join(self._name(model, some) for model, some in meant.items())

    def _name(self, model: str, rows: Sequence[Row]) -> str:
        modes = [mode_symbols(row) for row in rows if row.mode]
        return " ".join([code(model), *([] if len(rows) == self._totals[model] else modes)])


def _models(rows: Iterable[Row]) -> str:
    return ", ".join(code(model) for model in dict.fromkeys(row.model for row in rows))


def _groups(rows: Iterable[Row]) -> list[_Group]:
    """Verdicts that need a word, equal ones together, in the order of the table's columns."""
    groups: dict[tuple[object, ...], _Group] = {}
    for row in rows:
        for cell, verdict in row.cells.items():
            if _is_telling(cell, verdict):
                same = (cell, verdict.outcome, _count(verdict), verdict.reason)
                groups.setdefault(same, (cell, verdict, []))[2].append(row)
    return sorted(groups.values(), key=lambda group: CELLS.index(group[0]))


def _is_telling(cell: str, verdict: Verdict) -> bool:
    if cell == "tool_indecisive" and verdict.outcome == "supported":
        return True
    if verdict.outcome == "absent" and cell in _GOOD_WHEN_ABSENT:
        return False
    explained = bool(verdict.reason or verdict.quote or verdict.expected)
    return verdict.outcome != "supported" and (explained or verdict.outcome not in ("absent", "untested"))


def _told(cell: str, verdict: Verdict, rows: int) -> str:
    """As in: Schema ❌ ignored (0 of 10): the reason, "a quote" (`evidence`), the last two of one row."""
    name = LABELS[cell] if cell in TOOL_TRAITS else f"{LABELS[cell]} {mark(cell, verdict.outcome)}"
    word = _WORDS.get(verdict.outcome, verdict.outcome)
    count = _count(verdict)
    said = ", ".join(part for part in (_reason(verdict), _quote(verdict, rows)) if part)
    why = f": {said}" if said else ""
    source = f" ({code(verdict.evidence[0])})" if verdict.evidence else ""
    return f"{name} {word}{count}{why}{source}"


def _count(verdict: Verdict) -> str:
    """k of n; left out where it says no more than the word: not once in however many answers."""
    if not verdict.trials or (verdict.outcome == "absent" and not verdict.successes):
        return ""
    return f" ({verdict.successes} of {verdict.trials})"


def _reason(verdict: Verdict) -> str:
    reason = verdict.reason
    if not reason and verdict.expected:
        reason = f"expected {verdict.expected}" + (f", got {verdict.actual}" if verdict.actual else "")
    return _prose(reason, _REASON_LIMIT)


def _quote(verdict: Verdict, rows: int) -> str:
    if not verdict.quote or verdict.quote in verdict.reason:
        return ""
    return ("e.g. " if rows > 1 else "") + f"“{_prose(verdict.quote, _QUOTE_LIMIT)}”"


def _prose(text: str, limit: int) -> str:
    return escape(one_line(text, limit))


def _remarks(rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    for row in rows:
        if row.served:
            yield "answered as " + ", ".join(map(code, row.served)), row
        if row.note:
            yield _prose(row.note, _REASON_LIMIT), row


def _reasons(rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    for row in rows:
        yield _prose(row.note, _REASON_LIMIT) or "no reason given", row


def _merged(remarks: Iterable[tuple[str, Row]]) -> Iterable[tuple[str, list[Row]]]:
    """Each remark once, with the rows that it is about."""
    merged: dict[str, list[Row]] = {}
    for remark, row in remarks:
        merged.setdefault(remark, []).append(row)
    return merged.items()
