"""What the Markdown and the terminal table share: alignment by display width, and the facts of a scan."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import DataRow, Line, TableFormat, tabulate

from llmprobe.scoreboard import Scoreboard


def aligned(rows: Sequence[Sequence[str]], begin: str, between: str, end: str, rule: str) -> list[str]:
    """The lines of a table whose first row is the header, with a line of ``rule`` below it."""
    form = TableFormat(
        lineabove=Line(begin, rule, between, end),
        linebelowheader=None,
        linebetweenrows=None,
        linebelow=None,
        headerrow=None,
        datarow=DataRow(begin, between, end),
        padding=0,
        with_header_hide=None,
    )
    lines = tabulate(rows, tablefmt=form, disable_numparse=True).split("\n")
    # The header is handed over as data, since tabulate makes a column two wider than its header.
    return [lines[1], lines[0], *lines[2:]]


def place(board: Scoreboard) -> str:
    """Where the provider is: 🏠 on the user's machine, 🌐 and a country, or nothing."""
    return " ".join(["🏠"] * board.local + [f"🌐 {board.country}"] * bool(board.country))


def counted(number: int, noun: str) -> str:
    """As in "1 row" and "5,123 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
