"""The table: a row of a scoreboard as the symbols that stand for it. Markdown and terminal show the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmprobe.scoreboard import Mode, Row
from llmprobe.verdict import Outcome

INPUTS: Final = {"text": "💬", "image": "📸", "pdf": "📄", "audio": "🎤", "video": "🎥"}
OUTPUTS: Final = {f"{name}_out": INPUTS[name] for name in ("text", "image", "audio", "video")}
TEXT_OPTIONS: Final = {"seed": "🌱", "max_tokens": "📏", "stop": "🛑"}
TOOL_TRAITS: Final = {"tool_unbiased": "🧐", "tool_indecisive": "💥", "web_search": "🕸️"}
SINGLES: Final = {
    "JSON": "json",
    "Schema": "schema",
    "Batch": "batch",
    "File": "file",
    "Cite": "cite",
    "Probs": "probs",
    "Limits": "limits",
    "Usage": "usage",
    "Finish": "finish",
}
"""Columns that hold one mark of one cell."""

COLUMNS: Final = (
    "Model", "Mode", "➛In", "Out➛", "JSON", "Schema", "Tool", "Batch", "File", "Cite", "Text",
    "Probs", "Limits", "Usage", "Finish",
)  # fmt: skip
MODES: Final[Mapping[Mode, str]] = {"sync": "🕰️", "stream": "📡"}
THINKING: Final = "🧠"
UNKNOWN: Final = "?"

QUALIFIERS: Final[Mapping[Outcome, str]] = {
    "supported": "",
    "flaky": "💨",
    "partial": "🤪",
    "inconclusive": "❔",
}
"""What follows a symbol in a cell of several; with any other outcome the symbol itself is missing."""
USABLE: Final[tuple[Outcome, ...]] = ("supported", "flaky", "partial")
MARKS: Final[Mapping[Outcome, str]] = {
    "supported": "✅",
    "flaky": "💨",
    "partial": "🤪",
    "ignored": "❌",
    "rejected": "❌",
    "broken": "❌",
    "absent": "❌",
    "inconclusive": "❔",
    "untested": UNKNOWN,
}
FAULTS: Final[Mapping[str, str]] = {"usage": "💸", "finish": "🚩"}
"""The mark of these cells when what was to be reported is missing or wrong. ❌ is left for a refusal to
report it; the ❌ of tables that know this one mark only is read as such."""


def row_cells(row: Row) -> tuple[str, ...]:
    """The texts of ``row`` in the order of ``COLUMNS``. The model id is as it came: untrusted."""
    if row.mode is None:
        return (row.model, *[UNKNOWN] * (len(COLUMNS) - 1))
    several = {
        "Model": row.model,
        "Mode": mode_symbols(row),
        "➛In": _several(row, INPUTS),
        "Out➛": _several(row, OUTPUTS),
        "Tool": _tool(row),
        "Text": _several(row, TEXT_OPTIONS),
    }
    singles = {column: mark(cell, outcome_of(row, cell)) for column, cell in SINGLES.items()}
    texts = several | singles
    return tuple(texts[column] for column in COLUMNS)


def mode_symbols(row: Row) -> str:
    """How the row was asked: 🕰️ or 📡, and 🧠 with thinking on."""
    return (MODES[row.mode] if row.mode else UNKNOWN) + (THINKING if row.thinking else "")


def mark(cell: str, outcome: Outcome) -> str:
    """The symbol of a cell that stands alone."""
    if cell in FAULTS and outcome in ("ignored", "broken", "absent"):
        return FAULTS[cell]
    return MARKS[outcome]


def outcome_of(row: Row, cell: str) -> Outcome:
    """The outcome of a cell of ``row``; a cell that is missing is untested."""
    verdict = row.cells.get(cell)
    return verdict.outcome if verdict else "untested"


def _several(row: Row, symbols: Mapping[str, str]) -> str:
    """The symbols of ``symbols`` (cell -> symbol) that apply, by code point."""
    outcomes = {symbol: outcome_of(row, cell) for cell, symbol in symbols.items()}
    measured = set(outcomes.values()) - {"untested"}
    if not measured:
        return UNKNOWN
    if measured == {"inconclusive"}:
        return MARKS["inconclusive"]
    return "".join(_qualified(symbol, outcomes[symbol]) for symbol in sorted(outcomes)) or MARKS["absent"]


def _qualified(symbol: str, outcome: Outcome) -> str:
    return symbol + QUALIFIERS[outcome] if outcome in QUALIFIERS else ""


def _tool(row: Row) -> str:
    outcome = outcome_of(row, "tool")
    traits = {symbol: outcome_of(row, cell) for cell, symbol in TOOL_TRAITS.items()}
    if outcome not in USABLE:
        # That a trait of calls could not be found out goes without saying where no call was seen.
        traits = {symbol: trait for symbol, trait in traits.items() if trait != "inconclusive"}
    return mark("tool", outcome) + "".join(_qualified(symbol, trait) for symbol, trait in traits.items())
