"""``llmprobe compare``: our scoreboard beside a published one."""

from __future__ import annotations

import click


@click.command()
@click.argument("ours", metavar="OURS")
@click.argument("published", metavar="PUBLISHED")
@click.option("--format", "format_", type=click.Choice(["terminal", "markdown", "json"]), default="terminal",
              show_default=True)  # fmt: skip
@click.option("--output", metavar="FILE", help="Write to this file and not to the terminal.")
def compare(ours: str, published: str, format_: str, output: str | None) -> None:
    """Compare a scoreboard file with a published scoreboard, cell by cell.

    OURS is a scoreboard of llmprobe (NAME.json). PUBLISHED is another one, a Markdown file with such a table, or the
    scoreboard.json of maruel/genai or a table printed from it. Shows the agreement of each column, and every cell that
    differs with both verdicts, the reason and the evidence. Differences are a result, not a failure: the exit code is
    0. It is 3 when the two have no tested row in common.
    """
    from pathlib import Path

    from llmprobe.compare import compare as compared
    from llmprobe.errors import CannotMeasure
    from llmprobe.published import load_published
    from llmprobe.renderers.comparison import FORMATS
    from llmprobe.scoreboard_file import load, write_atomically

    found = compared(load(Path(ours)), load_published(Path(published)))
    if not found.cells:
        raise CannotMeasure(f"{ours} and {published} have no tested row in common")
    text = FORMATS[format_](found)
    if output is not None:
        write_atomically(Path(output), text)
    else:
        # As bytes: UTF-8 and plain line ends, whatever the console is set to.
        click.echo(text.encode(), nl=False)
