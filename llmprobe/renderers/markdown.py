"""The scoreboard as Markdown: heading, table, notes and legend."""

from __future__ import annotations

from llmprobe.renderers import legend, notes
from llmprobe.renderers.layout import aligned, counted, place
from llmprobe.renderers.table import COLUMNS, row_cells
from llmprobe.renderers.untrusted import code, escape, one_line
from llmprobe.scoreboard import Row, Scoreboard

_NOTES_SUMMARY = "Notes: what is behind every cell that is not ✅"


def render(board: Scoreboard) -> str:
    """``board`` as a Markdown document."""
    blocks = [
        [f"# Scoreboard: {escape(one_line(board.title, 200))}"],
        [_facts(board)],
        _table(board.rows),
        _folded(_NOTES_SUMMARY, notes.markdown(board)),
        _folded(legend.SUMMARY, legend.markdown(board)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if any(block)) + "\n"


def _facts(board: Scoreboard) -> str:
    facts = [
        escape(place(board)),
        code(board.base_url) if board.base_url else "",
        escape(board.dialect),
        f"measured {escape(board.scanned_at)}" if board.scanned_at else "",
        f"llmprobe {escape(board.tool_version)}" if board.tool_version else "",
        f"seed {board.seed}" if board.seed is not None else "",
        counted(board.requests, "request") if board.requests else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _table(rows: tuple[Row, ...]) -> list[str]:
    shown = [row_cells(row) for row in rows]
    escaped = [(escape(model), *cells) for model, *cells in shown]
    return aligned([COLUMNS, *escaped], "| ", " | ", " |", "-")


def _folded(summary: str, lines: list[str]) -> list[str]:
    """``lines`` behind a click, or nothing when there are none."""
    if not lines:
        return []
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>"]
