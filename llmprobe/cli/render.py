"""``llmprobe render``: scoreboard files as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmprobe.renderers import FORMATS

if TYPE_CHECKING:
    from llmprobe.scoreboard import Scoreboard


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="terminal", show_default=True)
@click.option("--output", metavar="FILE", help="Write to this file and not to the terminal.")
def render(files: tuple[str, ...], format_: str, output: str | None) -> None:
    """Show scoreboard files (scoreboards/*.json) as a table, as Markdown, JSON or CSV.

    Several files are shown in turn; a CSV of several files has one header.
    """
    from pathlib import Path

    from llmprobe.scoreboard_file import load, write_atomically

    text = _rendered([load(Path(file)) for file in files], format_, to_terminal=output is None)
    if output is not None:
        write_atomically(Path(output), text)
    else:
        # As bytes: UTF-8 and plain line ends, whatever the console is set to.
        click.echo(text.encode(), nl=False)


def _rendered(boards: list[Scoreboard], format_: str, to_terminal: bool) -> str:
    import os
    import shutil
    import sys

    from llmprobe.renderers import render as render_board

    live = to_terminal and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if live else None
    color = live and not os.environ.get("NO_COLOR")
    texts = [
        render_board(board, format_, width=width, color=color, header=index == 0) for index, board in enumerate(boards)
    ]
    return ("" if format_ in ("csv", "json") else "\n").join(texts)
