"""The rows of a Markdown scoreboard: ours, or one that the project maruel/genai has printed, in either of its forms.

A table knows less than a scoreboard file: a mark stands for several outcomes, and a symbol that is missing
from a cell of several for "no" and "not tried". What is read here gives the same table again, no more: ❌ is
read as ``rejected``, a missing symbol as ``absent``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

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
from llmprobe.renderers.untrusted import one_line, unescape
from llmprobe.scoreboard import Mode, Row
from llmprobe.verdict import Outcome, Verdict

_T = TypeVar("_T")
_Found: TypeAlias = Iterable[tuple[str, Outcome]]
_Reader: TypeAlias = Callable[[str], _Found]
"""Takes the text of one column, gives the cells that it tells of."""


@dataclass(frozen=True, slots=True)
class _Form:
    """One kind of table."""

    columns: tuple[str, ...]
    modes: Mapping[str, tuple[Mode, bool]]
    """By how they are written; with thinking or without."""
    readers: Mapping[str, _Reader]
    """For each column after Model and Mode."""
    medals: str = ""
    """Signs that may follow the name of a model."""
    later: Mapping[str, str] = field(default_factory=dict)
    """Cells whose symbol was added to this form: a document without the symbol, also in its legend, knows neither."""


def read_table(markdown: str) -> tuple[Row, ...]:
    """The rows of the first scoreboard table in ``markdown``, in order, also those that occur twice."""
    lines = iter(markdown.splitlines())
    form = next((form for line in lines for form in _FORMS if _split(line) == form.columns), None)
    if form is None:
        known = " or ".join(", ".join(form.columns) for form in _FORMS)
        raise UsageError(f"no scoreboard table found: a table with the columns {known}")
    next(lines, "")
    unknown = {cell for cell, symbol in form.later.items() if symbol not in markdown}
    return tuple(_row(line, form, unknown) for line in _table_lines(lines))


def _table_lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield line


_CELL = re.compile(r"((?:[^|\\]+|\\.|\\$)*)(?:\||$)")
"""Matches everywhere: a search that could fail would start again at each character of a long line."""


def _split(line: str) -> tuple[str, ...]:
    if not line.startswith("|"):
        return ()
    *cells, _ = _CELL.findall(line.rstrip(" ")[1:])
    return tuple(cell.strip(" ") for cell in cells)


def _row(line: str, form: _Form, unknown: set[str]) -> Row:
    texts = _split(line)
    if len(texts) != len(form.columns):
        raise UsageError(f"{len(form.columns)} columns were expected, found {len(texts)} in {one_line(line, 200)!r}")
    name, how, *others = texts
    model = unescape(name.rstrip(form.medals) if form.medals else name)
    if how == UNKNOWN:
        return Row(model)
    mode, thinking = _known(how, form.modes)
    found = [cell for column, text in zip(form.columns[2:], others, strict=True) for cell in form.readers[column](text)]
    verdicts = {cell: Verdict(outcome) for cell, outcome in found if outcome != "untested" and cell not in unknown}
    return Row(model, thinking, mode, verdicts)


def _modes(signs: Mapping[Mode, str]) -> dict[str, tuple[Mode, bool]]:
    without = {sign: (mode, False) for mode, sign in signs.items()}
    return without | {f"{sign}{THINKING}": (mode, True) for mode, sign in signs.items()}


def _one(cell: str) -> _Reader:
    """A column with the mark of ``cell``."""
    return lambda text: [(cell, _known(text, _OUTCOMES))]


def _merged(cells: tuple[str, ...], marks: Mapping[str, tuple[Outcome, ...]]) -> _Reader:
    """A column with one mark for all of ``cells``."""
    return lambda text: zip(cells, _known(text, marks), strict=True)


def _several(symbols: Mapping[str, str]) -> _Reader:
    """A column with the symbols of those of several cells that work (cell -> symbol)."""
    whole: Mapping[str, Outcome] = {UNKNOWN: "untested", "❔": "inconclusive", "❌": "absent"}

    def read(text: str) -> _Found:
        found = {} if text in whole else _parse(text, symbols)
        return [(cell, whole.get(text) or found.get(symbol, "absent")) for cell, symbol in symbols.items()]

    return read


def _tool(traits: Mapping[str, str], without_calls: Outcome) -> _Reader:
    """The column with a mark for "tool" and the symbols of ``traits`` (cell -> symbol).

    The mark is left out by printers that mean ❌ but have a trait to show. ``without_calls`` is what a missing trait
    says of a model that makes no calls.
    """

    def read(text: str) -> _Found:
        bare = text != "" and text[0] not in _OUTCOMES
        outcome = "absent" if bare else _known(text[:1], _OUTCOMES)
        found = _parse(text if bare else text[1:], traits)
        missing = "absent" if outcome in USABLE else without_calls
        return [("tool", outcome), *((cell, found.get(symbol, missing)) for cell, symbol in traits.items())]

    return read


def _parse(text: str, symbols: Mapping[str, str]) -> dict[str, Outcome]:
    """Symbols, each with the outcome that the mark after it gives."""
    signs, marks = "|".join(symbols.values()), "".join(_QUALIFIED)
    if not re.fullmatch(f"(({signs})[{marks}]?)*", text):
        raise _unexpected(text, f"symbols of {''.join(symbols.values())}")
    return {found[0]: _QUALIFIED[found[1]] for found in re.findall(f"({signs})([{marks}]?)", text)}


def _known(text: str, marks: Mapping[str, _T]) -> _T:
    if text not in marks:
        raise _unexpected(text, f"one of {' '.join(marks)}")
    return marks[text]


def _unexpected(text: str, expected: str) -> UsageError:
    return UsageError(f"{one_line(text, 60)!r} in a scoreboard table, where {expected} was expected")


_OUTCOMES: Final[Mapping[str, Outcome]] = {
    **{symbol: outcome for outcome, symbol in MARKS.items()},
    "❌": "rejected",
    "💸": "absent",
    "🚩": "absent",
}
_QUALIFIED: Final[Mapping[str, Outcome]] = {symbol: outcome for outcome, symbol in QUALIFIERS.items()}

_FIRST: Final[Mapping[str, _Reader]] = {
    "➛In": _several(INPUTS),
    "Out➛": _several(OUTPUTS),
    "Tool": _tool(TOOL_TRAITS, "untested"),
    "Text": _several(TEXT_OPTIONS),
    **{column: _one(cell) for column, cell in SINGLES.items()},
}
_SECOND: Final[Mapping[str, _Reader]] = {
    **_FIRST,
    "Tool": _tool({"tool_required": "🪨", "web_search": "🕸️"}, "absent"),
    "JSON": _merged(
        ("json", "schema"),
        {
            "✅": ("supported", "supported"),
            "☁️": ("supported", "rejected"),
            "📐": ("rejected", "supported"),
            "❌": ("rejected", "rejected"),
            UNKNOWN: ("untested", "untested"),
        },
    ),
}
_SECOND_COLUMNS: Final = (
    "Model", "Mode", "➛In", "Out➛", "Tool", "JSON", "Batch", "File", "Cite", "Text",
    "Probs", "Limits", "Usage", "Finish",
)  # fmt: skip
_FORMS: Final = (
    _Form(
        COLUMNS,
        _modes(MODES),
        _FIRST,
        later={"web_search": TOOL_TRAITS["web_search"]},
    ),
    _Form(_SECOND_COLUMNS, _modes({"sync": "Sync", "stream": "Stream"}), _SECOND, medals="🥇🥈🥉"),
)
"""The form that we print, which was also printed in 2025-08, and the one printed in 2026-08."""
