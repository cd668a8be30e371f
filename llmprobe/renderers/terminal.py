"""The scoreboard for a terminal: the table, a short legend and the totals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from wcwidth import wcswidth, wcwidth

from llmprobe.renderers import legend
from llmprobe.renderers.layout import aligned, counted, place
from llmprobe.renderers.table import COLUMNS, UNKNOWN, row_cells
from llmprobe.renderers.untrusted import one_line, visible
from llmprobe.scoreboard import Scoreboard

_GAP = 1
_SHORTEST_MODEL = 8
"""Columns of the terminal. Narrower than this is no use: lines wrap instead."""
_BOLD: Final = "1"
_DIM: Final = "2"

_width = lru_cache(maxsize=4096)(wcswidth)


def render(board: Scoreboard, width: int | None = None, color: bool = False) -> str:
    """``board`` in lines of at most ``width`` columns where that is possible.

    To fit, columns that nothing was measured for are left out, and model ids cut short.
    """
    table = [COLUMNS, *((visible(model), *cells) for model, *cells in map(row_cells, board.rows))]
    fitted, left_out = _fit(table, width)
    header, rule, *rows = aligned(fitted, "", " " * _GAP, "", "─")
    lines = [
        _styled(_title(board), _BOLD, color),
        _styled(header, _BOLD, color),
        _styled(rule, _DIM, color),
        *(_styled(line, "" if row.mode else _DIM, color) for line, row in zip(rows, board.rows, strict=True)),
        *(_styled(line, _DIM, color) for line in (*legend.SHORT, *left_out)),
        _summary(board),
    ]
    return "\n".join(lines) + "\n"


def _title(board: Scoreboard) -> str:
    return visible(one_line(f"{board.title} {place(board)}", 200))


def _summary(board: Scoreboard) -> str:
    models = len({row.model for row in board.rows})
    counts = (models, "model"), (len(board.rows), "row"), (board.requests, "request")
    made = f"; from recorded traffic, green means at least {board.strength}" if board.recorded else ""
    return ", ".join(counted(number, noun) for number, noun in counts) + made


def _styled(line: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{line}\x1b[0m" if color and code else line


def _fit(table: list[tuple[str, ...]], width: int | None) -> tuple[Sequence[Sequence[str]], list[str]]:
    """``table`` made narrow enough, and lines that say what was left out, if anything."""
    columns = list(zip(*table, strict=True))
    if width is None or _total(columns) <= width:
        return table, []
    kept = [column for column in columns if set(column[1:]) != {UNKNOWN}]
    left_out = [column[0] for column in columns if column not in kept]
    room = max(_SHORTEST_MODEL, width - _total(kept[1:]) - _GAP)
    models = [_cut(model, room) for model in kept[0]]
    note = f"not shown, since not tested: {', '.join(left_out)}" if left_out else ""
    return list(zip(models, *kept[1:], strict=True)), textwrap.wrap(note, width)


def _total(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(_width, set(column))) for column in columns) + _GAP * (len(columns) - 1)


def _cut(text: str, room: int) -> str:
    """``text`` in at most ``room`` columns, with an ellipsis when it had to be cut."""
    if _width(text) <= room:
        return text
    used = 0
    for index, char in enumerate(text):
        used += wcwidth(char)
        if used > room - 1:
            return text[:index] + "…"
    return text
