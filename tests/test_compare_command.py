"""``llmprobe compare`` from the outside: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest

from llmprobe.cli.compare import compare as command
from llmprobe.renderers import render
from llmprobe.renderers.comparison import FORMATS
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import dumps
from llmprobe.verdict import Verdict
from tests.boards import NASTY, small_board
from tests.commands import llmprobe

SCENARIOS = {
    "country": "US",
    "scenarios": [
        {
            "models": ["a", "x"],
            "in": {"text": {"inline": True}},
            "out": {"text": {"inline": True}},
            "GenSync": {"json": True},
            "GenStream": {"json": True},
        },
        {"models": ["z"], "GenSync": {}},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Our scoreboard, and the same models as others have published them in two forms."""
    (tmp_path / "ours.json").write_text(dumps(small_board()), encoding="utf-8")
    (tmp_path / "ours.md").write_text(render(small_board(), "markdown"), encoding="utf-8")
    (tmp_path / "theirs.json").write_text(json.dumps(SCENARIOS), encoding="utf-8")
    return tmp_path


def one_line(text: str) -> str:
    """``text``, which must be a single line of ours."""
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    assert text.startswith("llmprobe: ")
    return text.strip()


def test_differences_are_shown_with_reason_and_evidence_and_are_no_failure(folder: Path) -> None:
    done = llmprobe("compare", "ours.json", "theirs.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "Cell"
    assert "6 cells judged by both: 5 agree (83.3 %), 1 differ" in lines
    place = lines.index("a 📡")
    assert lines[place : place + 6] == [
        "a 📡",
        "  JSON: published yes, ours no (ignored, 0 of 10, shown)",
        "    the reply is prose “Sure! Here” (the other mode agrees with what was published)",
        "    a/plain/stream/json#1",
        "",
        "Only published: z 🕰️",
    ]
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("theirs", ["ours.json", "ours.md"])
def test_a_scoreboard_agrees_with_itself_as_a_file_and_as_a_table(folder: Path, theirs: str) -> None:
    done = llmprobe("compare", "ours.json", theirs, cwd=folder)
    assert done.returncode == 0
    assert " agree (100.0 %), 0 differ" in done.stdout
    assert "Only published" not in done.stdout


def test_json_can_be_parsed(folder: Path) -> None:
    done = llmprobe("compare", "ours.json", "theirs.json", "--format", "json", cwd=folder)
    assert done.returncode == 0
    value = json.loads(done.stdout)
    assert value["counts"]["json"] == {"agrees": 1, "differs": 1}
    assert (value["judged"], value["differing"]) == (6, 1)
    assert value["only_published"] == [{"model": "z", "thinking": False, "mode": "sync"}]


@pytest.mark.parametrize("format_", list(FORMATS))
def test_output_goes_to_a_file_and_is_the_same(folder: Path, format_: str) -> None:
    arguments = ("compare", "ours.json", "theirs.json", "--format", format_)
    printed = llmprobe(*arguments, cwd=folder)
    written = llmprobe(*arguments, "--output", "new/found.txt", cwd=folder)
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert (folder / "new" / "found.txt").read_text(encoding="utf-8") == printed.stdout != ""


def test_the_command_offers_every_format() -> None:
    """Its list is a copy, since the formats are imported when they are used."""
    (offered,) = (one.type for one in command.params if one.name == "format_")
    assert isinstance(offered, click.Choice)
    assert list(offered.choices) == list(FORMATS)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("gone.json", "theirs.json", "gone.json: no such file"),
        ("ours.json", "gone.md", "gone.md: no such file"),
        ("ours.json", ".", "cannot read ."),
        ("theirs.json", "ours.json", "theirs.json: not a scoreboard"),
        ("ours.md", "theirs.json", "ours.md is not JSON"),
        ("ours.json", "torn.json", "torn.json: not JSON"),
        ("ours.json", "notes.md", "notes.md: no scoreboard table found"),
    ],
)
def test_a_file_that_is_wrong_is_named_in_one_line(folder: Path, ours: str, theirs: str, said: str) -> None:
    (folder / "torn.json").write_text('{"scenarios": [', encoding="utf-8")
    (folder / "notes.md").write_text("# Notes\n", encoding="utf-8")
    done = llmprobe("compare", ours, theirs, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in one_line(done.stderr)


@pytest.mark.parametrize("arguments", [(), ("ours.json",), ("ours.json", "theirs.json", "--format", "csv")])
def test_a_wrong_command_is_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    done = llmprobe("compare", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: " in done.stderr


def test_nothing_in_common_could_not_be_compared(folder: Path) -> None:
    """Exit 3, and no file is written."""
    other = Scoreboard(
        "o", "O", (Row("other", False, "sync", {"json": Verdict("supported")}), Row("a", note="untested"))
    )
    (folder / "other.json").write_text(dumps(other), encoding="utf-8")
    done = llmprobe("compare", "ours.json", "other.json", "--output", "found.txt", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no tested row in common" in one_line(done.stderr)
    assert not (folder / "found.txt").exists()


def test_a_nasty_model_does_no_harm_in_a_terminal(folder: Path) -> None:
    row = Row(NASTY, False, "sync", {"json": Verdict("absent", NASTY, evidence=(NASTY,))})
    board = replace(small_board(), rows=(row,))
    (folder / "ours.json").write_text(dumps(board), encoding="utf-8")
    theirs = replace(board, rows=(replace(row, cells={"json": Verdict("supported")}),))
    (folder / "theirs.md").write_text(render(theirs, "markdown"), encoding="utf-8")
    done = llmprobe("compare", "ours.json", "theirs.md", cwd=folder)
    assert done.returncode == 0
    assert "1 differ" in done.stdout
    assert all(char.isprintable() or char in "\n\ufe0f" for char in done.stdout)
