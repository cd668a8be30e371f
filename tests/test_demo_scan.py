"""The whole pipe against the demo provider, whose truth is known: the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmprobe.demo.models import MODELS
from llmprobe.demo.truth import expected, rows
from llmprobe.recordings.journal import read_journal
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import load
from tests.commands import llmprobe

SEEDS = range(20)


def scan_demo(folder: Path, *arguments: str) -> Scoreboard:
    """Scan the demo into ``folder``."""
    done = llmprobe("scan", "demo", "--quiet", "--out", str(folder), *arguments, cwd=folder)

    assert (done.returncode, done.stderr) == (0, "")
    return load(folder / "demo.json")


def differences(board: Scoreboard) -> Iterator[str]:
    """Every cell in which ``board`` and the truth part, and every row that is missing or too many."""
    found = {(row.model, row.thinking, row.mode): row for row in board.rows}
    for traits in MODELS:
        wanted = rows(traits)
        has = {key[1:] for key in found if key[0] == traits.name and key[2] is not None}
        if set(wanted) != has:
            yield f"{traits.name}: rows {has}, not {set(wanted)}"
            continue
        for thinking, mode in wanted:
            row = found[(traits.name, thinking, mode)]
            for cell, allowed in expected(traits, thinking, mode).items():
                yield from _difference(row, cell, allowed)


def _difference(row: Row, cell: str, allowed: frozenset[str]) -> Iterator[str]:
    verdict = row.cells.get(cell)
    if verdict is None or verdict.outcome not in allowed:
        yield f"{row.model} {row.mode} thinking={row.thinking} {cell}: {verdict}, not {sorted(allowed)}"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cell_of_the_demo_is_true(seed: int, tmp_path: Path) -> None:
    """No wrong green, no wrong red, no missing row, whatever the seed."""
    board = scan_demo(tmp_path, "--seed", str(seed))

    assert list(differences(board)) == []


def test_the_same_seed_gives_the_same_bytes_but_for_times(tmp_path: Path) -> None:
    """A scoreboard does not depend on the order in which requests happen to end."""
    texts = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        scan_demo(folder, "--seed", "7", "--models", "p*", "--models", "tool*")
        lines = (folder / "demo.json").read_text("utf-8").splitlines()
        texts.append([line for line in lines if '"scanned_at"' not in line])

    assert texts[0] == texts[1]


def test_every_listed_model_has_a_row_and_those_that_do_not_chat_say_why(tmp_path: Path) -> None:
    """A model that cannot be measured is shown untested with the endpoint's own words."""
    board = scan_demo(tmp_path, "--models", "speech", "--models", "embedding", "--models", "perfect")
    untested = {row.model: row.note for row in board.rows if row.mode is None}

    assert set(untested) == {"speech", "embedding"}
    assert all("does not chat: HTTP 40" in note for note in untested.values())
    assert [row.mode for row in board.rows if row.model == "perfect"] == ["sync", "stream"]


def test_every_piece_of_evidence_is_in_the_journal(tmp_path: Path) -> None:
    """What a cell names as evidence can be looked up, and no request was sent twice."""
    board = scan_demo(tmp_path, "--models", "perfect", "--models", "strict")
    exchanges = [exchange.id for exchange in read_journal(tmp_path / ".journal" / "demo.ndjson")]
    named = {identity for row in board.rows for verdict in row.cells.values() for identity in verdict.evidence}

    assert named
    assert named <= set(exchanges)
    assert len(exchanges) == len(set(exchanges)) == board.requests


def test_the_journal_alone_gives_the_same_scoreboard_without_a_request(tmp_path: Path) -> None:
    """Every verdict is a function of what was recorded: nothing is asked again, and the cells are equal."""
    arguments = ("--seed", "11", "--models", "perfect", "--models", "tool-flaky", "--models", "strict")
    first = scan_demo(tmp_path, *arguments)
    journal = tmp_path / ".journal" / "demo.ndjson"
    recorded = journal.read_bytes()
    journal.with_name("demo.partial.ndjson").write_bytes(recorded.removesuffix(b'{"end":true}\n'))

    again = scan_demo(tmp_path, *arguments)

    assert again.rows == first.rows
    assert again.requests == first.requests
    assert journal.read_bytes() == recorded
