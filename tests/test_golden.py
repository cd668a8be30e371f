"""The tables published in 2025-08, read and rendered again: the same header and cells in the same order."""

from __future__ import annotations

import pytest

from llmprobe.renderers.markdown import render
from llmprobe.renderers.markdown_reader import read_table
from llmprobe.scoreboard import Scoreboard
from tests.recorded import RECORDINGS, needs_recordings

PUBLISHED = sorted(RECORDINGS.glob("2025-08/*/published.md"))


def _cells(markdown: str) -> list[list[str]]:
    """The texts of a table without escapes, read in the plainest way; line 1 is the rule under the header."""
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[text.strip() for text in line.strip("|").split("|")] for line in table]


def _differences(before: list[list[str]], after: list[list[str]]) -> list[str]:
    pairs = [
        (row, column, *texts)
        for row, lines in enumerate(zip(before, after, strict=True))
        for column, texts in enumerate(zip(*lines, strict=True))
        if row != 1
    ]
    return [f"row {row}, column {column}: {old} -> {new}" for row, column, old, new in pairs if old != new]


@needs_recordings
def test_published_tables_come_out_as_they_went_in(capsys: pytest.CaptureFixture[str]) -> None:
    compared = 0
    for path in PUBLISHED:
        before = _cells(path.read_text(encoding="utf-8"))
        rows = read_table(path.read_text(encoding="utf-8"))
        after = _cells(render(Scoreboard(path.parent.name, path.parent.name, rows)))
        assert _differences(before, after) == [], path
        compared += sum(map(len, before)) - len(before[1])
    with capsys.disabled():
        print(f"\n{compared} cells of {len(PUBLISHED)} published tables compared, 0 differences")
    assert len(PUBLISHED) == 10
    assert compared > 3000
