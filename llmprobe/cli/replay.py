"""``llmprobe replay``: scoreboards from recorded traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from pathlib import Path

    from llmprobe.replay.boards import Replayed
    from llmprobe.scoreboard import Scoreboard

_NAME = r"[^\W_][\w.-]{0,99}"
"""What can name a file anywhere."""
_SHOWN = 8
"""Reasons why something was not used that are told; the report has all."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--strength",
    type=click.Choice(["accepted", "consistent", "shown"]),
    help="The weakest evidence that counts as green: by default `accepted`, for journals of scans `shown`.",
)
@click.option("--name", metavar="NAME", help="What to call the provider, when there is one only.")
@click.option("--out", metavar="DIR", help="Write each scoreboard there, as NAME.json and NAME.md.")
@click.option("--report", metavar="FILE", help="Write what was not used and which reply fields are unknown, as JSON.")
@click.option("--quiet", is_flag=True, help="No table: only files and errors.")
def replay(
    paths: tuple[str, ...],
    strength: Literal["accepted", "consistent", "shown"] | None,
    name: str | None,
    out: str | None,
    report: str | None,
    quiet: bool,
) -> None:
    """Make scoreboards from recorded traffic, without a request.

    PATH is a recording or a folder of them: cassettes of go-vcr or vcrpy (YAML, JSON), HTTP archives (HAR), and
    journals of `llmprobe scan`, also gzipped. What a file is, it says itself. Whatever cannot be used is told with its
    reason, and the rest is still read.
    """
    from pathlib import Path

    from llmprobe.cli.output import save, show, tell_written
    from llmprobe.errors import CannotMeasure
    from llmprobe.runner.replay import replay_paths

    result = replay_paths([Path(path) for path in paths], strength, count_unknown=report is not None)
    result.boards = _named(result.boards, name)
    _tell(result, quiet)
    if report is not None:
        _write_report(result, Path(report))
    for board in result.boards:
        if out is not None:
            save(board, Path(out))
            tell_written(board, Path(out))
        if not quiet:
            show(board)
    if not result.boards:
        raise CannotMeasure("nothing in the recordings says what a model can do")


def _named(boards: tuple[Scoreboard, ...], name: str | None) -> tuple[Scoreboard, ...]:
    import re
    from dataclasses import replace

    from llmprobe.errors import UsageError

    if name is None:
        return boards
    if not re.fullmatch(_NAME, name):
        raise UsageError(f"--name {name[:40]!r} cannot name a file: letters, digits, dots, - and _ will do")
    if len(boards) > 1:
        found = ", ".join(board.provider for board in boards)
        raise UsageError(f"--name is for one provider, and the recordings hold {len(boards)}: {found}")
    return tuple(replace(board, provider=name, title=name) for board in boards)


def _tell(result: Replayed, quiet: bool) -> None:
    """One line for each reason, on standard error."""
    from llmprobe.renderers.untrusted import one_line, visible

    if not quiet:
        click.echo(f"{result.read:,} exchanges read, {result.decoded:,} of them asked a model", err=True)
    reasons: dict[str, list[str]] = {}
    for unused in result.unused:
        reasons.setdefault(unused.why, []).append(unused.evidence)
    for why, where in list(reasons.items())[:_SHOWN]:
        more = f" and {len(where) - 1:,} more" if len(where) > 1 else ""
        click.echo(f"not used: {visible(one_line(where[0], 200))}{more}: {visible(one_line(why, 200))}", err=True)
    if len(reasons) > _SHOWN:
        click.echo(f"not used: {len(reasons) - _SHOWN:,} more reasons; --report FILE lists all", err=True)


def _write_report(result: Replayed, path: Path) -> None:
    import json

    from llmprobe.scoreboard_file import write_atomically

    report = {
        "read": result.read,
        "decoded": result.decoded,
        "unused": [{"evidence": unused.evidence, "why": unused.why} for unused in result.unused],
        "unknown_fields": dict(sorted(result.unknown.items())),
    }
    write_atomically(path, json.dumps(report, indent=2, ensure_ascii=True) + "\n")
