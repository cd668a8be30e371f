"""Scoreboards as text, in four formats. Each format is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from llmprobe.scoreboard import Scoreboard, weighed


@dataclass(frozen=True, slots=True)
class Look:
    """What a format may need to know of the place where its text will be shown."""

    width: int | None = None
    """Columns of the terminal; ``None``: as wide as it takes."""
    color: bool = False
    header: bool = True
    """Whether a CSV starts with the line of column names."""


Renderer: TypeAlias = Callable[[Scoreboard, Look], str]


def _markdown(board: Scoreboard, _: Look) -> str:
    from llmprobe.renderers import markdown

    return markdown.render(weighed(board))


def _terminal(board: Scoreboard, look: Look) -> str:
    from llmprobe.renderers import terminal

    return terminal.render(weighed(board), look.width, look.color)


def _json(board: Scoreboard, _: Look) -> str:
    from llmprobe import scoreboard_file

    return scoreboard_file.dumps(board)


def _csv(board: Scoreboard, look: Look) -> str:
    from llmprobe.renderers import csv

    return csv.render(weighed(board), look.header)


FORMATS: Final[Mapping[str, Renderer]] = {
    "markdown": _markdown,
    "terminal": _terminal,
    "json": _json,
    "csv": _csv,
}


def render(
    board: Scoreboard, format: str, *, width: int | None = None, color: bool = False, header: bool = True
) -> str:
    """``board`` in one of ``FORMATS``, ending with a newline. See ``Look`` for the options."""
    return FORMATS[format](board, Look(width, color, header))
