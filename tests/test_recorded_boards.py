"""The committed scoreboards of recordings are those that the recordings give today."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from llmprobe.renderers import render
from llmprobe.scoreboard import Scoreboard
from llmprobe.scoreboard_file import dumps
from tests.recorded import RECORDINGS, needs_recordings

pytestmark = needs_recordings

FOLDER = Path(__file__).resolve().parents[1] / "scoreboards" / "recorded"


@cache
def maker() -> ModuleType:
    """The script that makes the folder."""
    spec = importlib.util.spec_from_file_location("regenerate", FOLDER / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def made() -> list[Any]:
    """What the recordings give."""
    found: list[Any] = maker().snapshots(RECORDINGS)
    return found


def whole_snapshots() -> list[Any]:
    """Those of which no recording is missing, neither here nor where the committed ones were made."""
    rows = [[cell.strip() for cell in line.split("|")] for line in committed_page().splitlines()]
    made_whole = {row[1] for row in rows if len(row) > 3 and row[1].startswith("20") and row[3] == "0"}
    return [one for one in made() if not one.missing and one.name in made_whole]


def committed_page() -> str:
    return (FOLDER / "README.md").read_text("utf-8")


def test_every_scoreboard_is_up_to_date() -> None:
    """Byte by byte."""
    whole = whole_snapshots()
    files = [
        (name, text)
        for one in whole
        for name, text in ((f"{one.name}.json", dumps(one.board)), (f"{one.name}.md", render(one.board, "markdown")))
    ]
    stale = [name for name, text in files if (FOLDER / name).read_text("utf-8") != text]
    assert stale == [], "python scoreboards/recorded/regenerate.py RECORDINGS makes them again"
    assert len(whole) >= 15


def test_the_page_is_up_to_date() -> None:
    """All of it when it is made from the same recordings, else the lines on snapshots that are whole."""
    page: str = maker().page(made(), RECORDINGS)
    committed = committed_page()
    if f"| {sum(one.missing for one in made())} " in next(x for x in committed.splitlines() if x.startswith("| all")):
        assert page == committed
    names = [one.name for one in whole_snapshots()]
    rows = [line for line in page.splitlines() if line.startswith(tuple(f"| {name} " for name in names))]
    assert [line for line in rows if line not in committed.splitlines()] == []
    assert len(rows) == len(names) >= 15


def test_nothing_long_is_copied_from_the_recordings() -> None:
    """Verdicts, counts and short quotes; prompts and replies stay where they are."""
    boards: list[Scoreboard] = [one.board for one in made()]
    quotes = [verdict.quote for board in boards for row in board.rows for verdict in row.cells.values()]
    assert max(map(len, quotes)) <= 160


def test_every_contradiction_can_be_looked_up() -> None:
    """Each published cell that the recordings contradict has a reason and a recording that exists."""
    differing = [cell for one in made() for cell in one.compared.differing]
    assert differing
    for cell in differing:
        assert cell.ours.reason, cell
        paths = [evidence.partition(".yaml#")[0] + ".yaml" for evidence in cell.ours.evidence]
        assert paths, cell
        assert all((RECORDINGS / path).is_file() for path in paths), cell


def test_nearly_all_judged_cells_agree() -> None:
    """The rest stands in the list, one by one."""
    judged = sum(one.compared.judged for one in made())
    differing = sum(len(one.compared.differing) for one in made())
    assert judged > 1800
    assert differing / judged < 0.04
