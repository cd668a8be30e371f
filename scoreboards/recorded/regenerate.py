"""Makes every file in this folder again, from a folder of recordings: see README.md beside this file.

    python scoreboards/recorded/regenerate.py ../shared/recordings [DIR]

The folder holds SNAPSHOT/PROVIDER/ with cassettes and the published.json that was made from them. The recordings
are read where they lie and never copied.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import replace
from pathlib import Path

from llmprobe.compare import compare
from llmprobe.published import load_published
from llmprobe.renderers import evidence_page, render
from llmprobe.renderers.evidence_page import Snapshot
from llmprobe.runner.replay import replay_paths
from llmprobe.scoreboard_file import dumps, write_atomically

SHOWN = "2025-08/groq"
"""The table that is compared with its printed form cell by cell."""

INTRODUCTION = """# Scoreboards from recorded traffic

Made by `llmprobe replay` from recordings of real exchanges with real providers, two snapshots of the test data of
[maruel/genai](https://github.com/maruel/genai) (Apache-2.0), without a request. Each scoreboard is compared with the
one that was published from the same recordings. The recordings are not in this repository; evidence is named by
its place in them. `python scoreboards/recorded/regenerate.py RECORDINGS` makes this folder again.

*Judged* are the cells that both scoreboards say something of: a yes, a no, flaky or partly. A cell is not judged when
no recorded request asks for it, or when what was recorded says nothing: then ours says so and theirs is left alone."""


def snapshots(recordings: Path) -> list[Snapshot]:
    """Every published scoreboard with what the recordings beside it give."""
    here = Path.cwd()
    os.chdir(recordings)  # so that the evidence is named by its place in the recordings
    try:
        found = sorted(path.parent for path in Path().glob("*/*/published.json"))
        missing = _missing()
        return [_snapshot(folder, missing.get(folder.as_posix(), 0)) for folder in found]
    finally:
        os.chdir(here)


def _snapshot(folder: Path, missing: int) -> Snapshot:
    theirs = load_published(folder / "published.json")
    result = replay_paths([folder], "accepted")
    provider = folder.name
    boards = [replace(board, provider=provider, tool_version="") for board in result.boards]
    board = max(boards, key=lambda one: one.requests) if boards else replace(theirs, rows=(), provider=provider)
    board = replace(board, strength="accepted")
    return Snapshot(folder.as_posix(), board, compare(board, theirs), result.read, result.decoded, missing)


def _missing() -> dict[str, int]:
    """Recordings that the index names and that are not there, by folder."""
    counts: dict[str, int] = {}
    if Path("INDEX.csv").exists():
        with Path("INDEX.csv").open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                if not Path(line["path"]).exists():
                    folder = "/".join(line["path"].split("/")[:2])
                    counts[folder] = counts.get(folder, 0) + 1
    return counts


def page(found: list[Snapshot], recordings: Path) -> str:
    """The README of this folder."""
    shown = next((one for one in found if one.name == SHOWN), None)
    printed = []
    if shown is not None:
        folder = recordings / SHOWN
        printed = evidence_page.printed_differences(
            shown.board, load_published(folder / "published.json"), (folder / "published.md").read_text("utf-8")
        )
    return evidence_page.render(INTRODUCTION, found, SHOWN, printed)


def main() -> None:
    """See the module."""
    recordings = Path(sys.argv[1]).resolve()
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent).resolve()
    found = snapshots(recordings)
    for one in found:
        if one.board.rows:
            write_atomically(folder / f"{one.name}.json", dumps(one.board))
            write_atomically(folder / f"{one.name}.md", render(one.board, "markdown"))
    write_atomically(folder / "README.md", page(found, recordings))


if __name__ == "__main__":
    main()
