"""The scoreboard as CSV, for spreadsheets and scripts: a line per row, columns that stay as they are.

==================  =========================================================================================
provider, model     names; see below
thinking            ``true``, ``false``; empty in the one row of a model that was not tested
mode                ``sync``, ``stream``; empty in the one row of a model that was not tested
in, out             modalities of ``text image pdf audio video`` that work, also flaky or in part, by spaces
the others          ``yes``, ``flaky``, ``partial``, ``ignored``, ``rejected``, ``broken``, ``no`` (does not
                    apply to what was seen, as in "not indecisive"), ``inconclusive``, ``untested``
==================  =========================================================================================

UTF-8, lines end with ``\\n``. Names are untrusted: characters that cannot be seen are spelled out as in
``⟨U+200B⟩``, and a name that a spreadsheet would take for a formula (it starts with ``=``, ``+``, ``-`` or
``@``) gets a ``'`` in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

from llmprobe.renderers.table import INPUTS, OUTPUTS, USABLE, outcome_of
from llmprobe.renderers.untrusted import visible
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.verdict import Outcome

CELL_COLUMNS: Final = (
    "json", "schema", "tool", "tool_required", "tool_unbiased", "tool_indecisive", "batch", "file", "cite",
    "seed", "max_tokens", "stop", "probs", "limits", "usage", "finish", "web_search",
)  # fmt: skip
COLUMNS: Final = ("provider", "model", "thinking", "mode", "in", "out", *CELL_COLUMNS)
WORDS: Final[Mapping[Outcome, str]] = {"supported": "yes", "absent": "no"}
"""Outcomes that the CSV names differently."""


def render(board: Scoreboard, header: bool = True) -> str:
    """``board`` as CSV, with or without the line of column names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows(_line(board.provider, row) for row in board.rows)
    return text.getvalue()


def _line(provider: str, row: Row) -> list[str]:
    cells = (outcome_of(row, cell) for cell in CELL_COLUMNS)
    return [
        _name(provider),
        _name(row.model),
        "" if row.thinking is None else str(row.thinking).lower(),
        row.mode or "",
        " ".join(cell for cell in INPUTS if outcome_of(row, cell) in USABLE),
        " ".join(cell.removesuffix("_out") for cell in OUTPUTS if outcome_of(row, cell) in USABLE),
        *(WORDS.get(outcome, outcome) for outcome in cells),
    ]


def _name(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
