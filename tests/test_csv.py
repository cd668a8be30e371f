"""The CSV: documented columns and words, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given

from llmprobe.renderers import FORMATS, render
from llmprobe.renderers.csv import COLUMNS
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.verdict import OUTCOMES, Verdict
from tests.boards import boards, small_board

HEADER = (
    "provider,model,thinking,mode,in,out,json,schema,tool,tool_required,tool_unbiased,tool_indecisive,"
    "batch,file,cite,seed,max_tokens,stop,probs,limits,usage,finish,web_search"
)


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_are_those_that_are_documented() -> None:
    assert render(Scoreboard("p", "P"), "csv") == HEADER + "\n"
    readme = Path(__file__).parents[1].joinpath("scoreboards/README.md").read_text(encoding="utf-8")
    assert [column for column in COLUMNS if f"`{column}`" not in readme] == []


def test_a_row_is_one_line_with_words() -> None:
    lines = render(small_board(), "csv").split("\n")
    assert lines[1] == "acme,a,false,sync,text,text,yes" + ",untested" * 16
    assert lines[2] == "acme,a,false,stream,text,text,ignored" + ",untested" * 16
    assert lines[4] == "acme,whisper,,,," + ",untested" * 17
    assert lines[5:] == [""]


def test_every_outcome_has_its_word() -> None:
    board = Scoreboard("p", "P", tuple(Row("m", True, "sync", {"finish": Verdict(o)}) for o in OUTCOMES))
    words = [line["finish"] for line in _read(render(board, "csv"))]
    assert words == [
        "yes",
        "flaky",
        "partial",
        "ignored",
        "rejected",
        "broken",
        "no",
        "inconclusive",
        "untested",
    ]


def test_modalities_that_work_now_and_then_or_in_part_are_listed() -> None:
    outcomes = {
        "video": "partial",
        "text": "supported",
        "image": "flaky",
        "pdf": "ignored",
        "image_out": "supported",
    }
    cells = {cell: Verdict(outcome) for cell, outcome in outcomes.items()}  # type: ignore[arg-type]
    (line,) = _read(render(Scoreboard("p", "P", (Row("m", False, "sync", cells),)), "csv"))
    assert (line["in"], line["out"]) == ("text image video", "image")


@pytest.mark.parametrize("model", ["=1+1", "+1", "-1", "@sum", "=cmd|' /C calc'!A0"])
def test_names_cannot_become_formulas(model: str) -> None:
    (line,) = _read(render(Scoreboard(model, "P", (Row(model),)), "csv"))
    assert line["model"] == line["provider"] == "'" + model


@given(boards)
def test_every_row_is_one_line_whatever_the_names_hold(board: Scoreboard) -> None:
    text = render(board, "csv")
    assert text.count("\n") == len(text.splitlines()) == len(board.rows) + 1
    assert [len(line) for line in csv.reader(io.StringIO(text))] == [23] * (len(board.rows) + 1)


def test_the_header_can_be_left_out_to_append_boards() -> None:
    assert render(small_board(), "csv", header=False) == render(small_board(), "csv").split("\n", 1)[1]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_with_one_newline_and_is_the_same_each_time(name: str) -> None:
    text = render(small_board(), name)
    assert text == render(small_board(), name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
