"""What commands that make scoreboards do with them: write the files, print the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from llmprobe.scoreboard import Scoreboard


def save(board: Scoreboard, folder: Path) -> None:
    """Write NAME.json and NAME.md into ``folder``."""
    from llmprobe.renderers import render
    from llmprobe.scoreboard_file import dumps, write_atomically

    write_atomically(folder / f"{board.provider}.json", dumps(board))
    write_atomically(folder / f"{board.provider}.md", render(board, "markdown"))


def show(board: Scoreboard) -> None:
    """Print the table, as wide as the terminal and in its colours."""
    import os
    import shutil
    import sys

    from llmprobe.renderers import render

    live = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if live else None
    click.echo(render(board, "terminal", width=width, color=live and not os.environ.get("NO_COLOR")), nl=False)


def tell_written(board: Scoreboard, folder: Path) -> None:
    """Say where the files are."""
    click.echo(f"written: {folder / board.provider}.json, {folder / board.provider}.md", err=True)
