"""Two scoreboards side by side: which row goes with which, and how two verdicts on one cell relate."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from llmprobe.compare import Compared, Comparison, answer_of, compare
from llmprobe.scoreboard import CELLS, Mode, Row, Scoreboard, weighed
from llmprobe.verdict import OUTCOMES, Outcome, Strength, Verdict
from tests.boards import boards

SAID = {
    "supported": "yes",
    "flaky": "flaky",
    "partial": "partly",
    "ignored": "no",
    "rejected": "no",
    "broken": "no",
    "absent": "no",
}
"""The outcomes that answer the question whether a thing works, with the answer."""


def board(*rows: Row, strength: Strength = "shown") -> Scoreboard:
    return Scoreboard("acme", "Acme", rows, strength=strength)


def row(model: str = "m", thinking: bool | None = False, mode: Mode | None = "sync", **cells: Outcome) -> Row:
    return Row(
        model, thinking, mode, {cell: Verdict(outcome) for cell, outcome in (cells or {"json": "flaky"}).items()}
    )


def cell(found: Comparison, name: str) -> Compared:
    (one,) = [one for one in found.cells if one.cell == name]
    return one


def matched(ours: list[Row], wanted: Row) -> Outcome | None:
    """The JSON verdict of the row of ``ours`` that ``wanted`` of theirs is compared with."""
    found = compare(board(*ours), board(wanted))
    assert found.alone == (() if found.cells else (wanted,))
    return cell(found, "json").ours.outcome if found.cells else None


@pytest.mark.parametrize("ours", OUTCOMES)
@pytest.mark.parametrize("theirs", OUTCOMES)
def test_verdicts_agree_when_they_answer_alike(ours: Outcome, theirs: Outcome) -> None:
    one = cell(compare(board(row(json=ours)), board(row(json=theirs))), "json")
    if theirs not in SAID:
        assert one.relation == "not published"
    elif ours not in SAID:
        assert one.relation == "not judged"
    else:
        assert one.relation == ("agrees" if SAID[ours] == SAID[theirs] else "differs")


def test_an_answer_is_one_word() -> None:
    assert {outcome: answer_of(Verdict(outcome)) for outcome in OUTCOMES} == {
        **SAID,
        "inconclusive": "unknown",
        "untested": "unknown",
    }


def test_a_cell_that_one_of_them_lacks_is_not_judged_or_not_published() -> None:
    found = compare(board(row(json="flaky", tool_required="supported")), board(row(json="flaky", seed="absent")))
    assert cell(found, "json").relation == "agrees"
    assert cell(found, "seed").relation == "not judged"
    assert cell(found, "tool_required").relation == "not published"
    assert cell(found, "tool_required").ours.outcome == "supported"
    assert [one.cell for one in found.cells] == list(CELLS)


def test_counts_are_by_cell_and_leave_out_what_nobody_published() -> None:
    ours = board(row("a", json="flaky", seed="supported"), row("b", json="supported", probs="absent"))
    theirs = board(row("a", json="flaky", seed="absent"), row("b", json="flaky", stop="flaky"))
    found = compare(ours, theirs)
    assert found.counted() == {
        "json": Counter(agrees=1, differs=1),
        "seed": Counter({"differs": 1, "not published": 1}),
        "stop": Counter({"not judged": 1, "not published": 1}),
    }
    assert list(found.counted()) == ["json", "seed", "stop"]
    assert found.judged == 3
    assert [(one.model, one.cell) for one in found.differing] == [("a", "seed"), ("b", "json")]


def test_evidence_that_is_too_weak_for_a_table_is_too_weak_to_contradict() -> None:
    """A scoreboard that asks for more than acceptance shows ❔ there, and that is what it says."""
    weak = Row("m", False, "sync", {"seed": Verdict("supported", "no effect can be seen", strength="accepted")})
    strict = cell(compare(board(weak), board(row(seed="absent"))), "seed")
    mild = cell(compare(board(weak, strength="accepted"), board(row(seed="absent"))), "seed")
    assert (strict.relation, mild.relation) == ("not judged", "differs")
    assert "no effect can be seen" in strict.ours.reason
    assert cell(compare(board(row(seed="supported")), board(weak)), "seed").relation == "not published"


def test_rows_go_by_model_mode_and_thinking() -> None:
    ours = [
        row("m", False, "sync", json="supported"),
        row("m", True, "sync", json="flaky"),
        row("m", False, "stream", json="partial"),
        row("n", False, "sync", json="absent"),
    ]
    assert matched(ours, row("m", False, "sync")) == "supported"
    assert matched(ours, row("m", True, "sync")) == "flaky"
    assert matched(ours, row("m", False, "stream")) == "partial"
    assert matched(ours, row("n", False, "sync")) == "absent"
    assert matched(ours, row("n", False, "stream")) is None
    assert matched(ours, row("o", False, "sync")) is None


def test_the_only_row_of_a_model_and_mode_is_taken_whatever_its_thinking() -> None:
    """Published rows are marked by what replies showed, ours by what was asked for."""
    assert matched([row("m", False, json="partial")], row("m", True)) == "partial"
    assert matched([row("m", None, json="partial"), row("m", False, "stream")], row("m", True)) == "partial"


def test_one_of_several_rows_is_not_taken_by_guess() -> None:
    assert matched([row("m", False), row("m", None)], row("m", True)) is None


def test_the_first_of_equal_rows_is_taken() -> None:
    assert matched([row("m", json="supported"), row("m", json="absent")], row("m")) == "supported"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("org/folder", "org/folder/file.bin"), ("org/folder/file.bin", "org/folder"), ("org", "org/a/b/c")],
)
def test_a_folder_and_a_file_in_it_are_one_model(ours: str, theirs: str) -> None:
    assert matched([row(ours, json="partial"), row("other")], row(theirs)) == "partial"
    found = compare(board(row(ours, json="partial")), board(row(theirs)))
    assert {one.model for one in found.cells} == {theirs}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["org/a"], "org/ab"),
        (["org/ab"], "org/a"),
        (["a"], "org/a"),
        (["org/a", "org/b"], "org"),
        (["org", "org/a"], "org/a/file"),
        ([""], "/models/a"),
        (["/models/a"], ""),
    ],
)
def test_names_that_are_no_path_to_each_other_or_not_the_only_one_are_no_match(ours: list[str], theirs: str) -> None:
    assert matched([row(name) for name in ours], row(theirs)) is None


def test_a_model_that_ours_has_is_never_taken_for_another() -> None:
    """Also when ours has no row of the wanted mode."""
    ours = [row("org/a", mode="stream"), row("org/a/file", json="partial")]
    assert matched(ours, row("org/a")) is None


def test_a_model_of_another_name_must_think_alike() -> None:
    """Two files of one folder are listed as one with thinking and one without: these are not the same."""
    assert matched([row("org/a", True, json="partial")], row("org/a/file", True)) == "partial"
    assert matched([row("org/a", True, json="partial")], row("org/a/other", False)) is None


def test_a_difference_says_when_the_other_mode_agrees() -> None:
    ours = board(
        row(image="absent", pdf="absent", audio="supported"),
        row(mode="stream", image="supported", pdf="absent", audio="absent"),
    )
    found = compare(ours, board(row(image="supported", pdf="supported", audio="supported")))
    told = {one.cell: (one.relation, one.elsewhere) for one in found.cells if one.relation != "not published"}
    assert told == {"image": ("differs", True), "pdf": ("differs", False), "audio": ("agrees", False)}


def test_the_other_mode_is_that_of_the_same_thinking() -> None:
    ours = board(
        row(image="absent"),
        row(mode="stream", image="absent"),
        row(thinking=True, mode="stream", image="supported"),
    )
    assert not cell(compare(ours, board(row(image="supported"))), "image").elsewhere


def test_what_they_did_not_test_is_left_out_and_what_only_they_have_is_named() -> None:
    mine, other, untested = row("m"), row("other"), Row("m", note="not tested")
    found = compare(board(mine, Row("unknown")), board(untested, other, mine))
    assert found.alone == (other,)
    assert {one.model for one in found.cells} == {"m"}
    assert compare(board(), board()) == Comparison((), ())


@given(boards)
def test_a_board_agrees_with_itself(mine: Scoreboard) -> None:
    rows = {(one.model, one.thinking, one.mode): one for one in mine.rows}
    mine = board(*rows.values(), strength=mine.strength)
    found = compare(mine, mine)
    assert found.differing == ()
    assert found.alone == ()
    known = [one for row in weighed(mine).rows if row.mode for one in row.cells.values() if one.outcome in SAID]
    assert found.judged == len(known)
