"""Published scoreboards: our own file, two forms of Markdown tables and one of JSON, read as rows of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.compare import compare
from llmprobe.errors import UsageError
from llmprobe.published import load_published, read_scenarios
from llmprobe.renderers import render
from llmprobe.renderers.markdown_reader import read_table
from llmprobe.renderers.table import COLUMNS
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import dumps
from llmprobe.verdict import Outcome, Verdict
from tests.boards import boards, small_board
from tests.recorded import RECORDINGS, needs_recordings

SECOND = (
    "Model", "Mode", "➛In", "Out➛", "Tool", "JSON", "Batch", "File", "Cite", "Text", "Probs", "Limits", "Usage",
    "Finish",
)  # fmt: skip
"""The columns of 2026-08."""
PLAIN = {"Mode": "Sync", "➛In": "💬", "Out➛": "💬", "Tool": "❌", "Text": "❌"}
SYMBOLS_OF_CALLS = ("tool", "tool_required", "tool_unbiased", "tool_indecisive", "web_search")


def table(*lines: Mapping[str, str], columns: tuple[str, ...] = SECOND) -> str:
    """A Markdown document with a row for each of ``lines``; a column that one leaves out reads ❌."""
    rows = [[{"Model": "m", **PLAIN, **line}.get(column, "❌") for column in columns] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, ["-"] * len(columns), *rows])


def outcomes(row: Row, *cells: str) -> dict[str, Outcome]:
    """What ``row`` says of ``cells``, or of all it has; those that it lacks are left out."""
    return {cell: verdict.outcome for cell, verdict in row.cells.items() if not cells or cell in cells}


def second(**line: str) -> Row:
    """The single row of a table of the second form."""
    (row,) = read_table(table({column.replace("In", "➛In"): text for column, text in line.items()}))
    return row


def loaded(text: str | bytes, name: str = "published.json") -> Scoreboard:
    """``text`` as a file that is loaded."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return load_published(path)


def scenario(**keys: Any) -> dict[str, Any]:
    """One model that was run in both modes, and does nothing but text."""
    text = {"text": {"inline": True}}
    return {"models": ["m"], "in": text, "out": text, "GenSync": {}, "GenStream": {}, **keys}


def rows_of(*scenarios: Any) -> tuple[Row, ...]:
    """The rows of a ``scoreboard.json`` with ``scenarios``."""
    return read_scenarios({"scenarios": list(scenarios)}, "acme").rows


# The second form of a table.


@pytest.mark.parametrize(
    ("mode", "thinking", "read"),
    [("Sync", False, "sync"), ("Sync🧠", True, "sync"), ("Stream", False, "stream"), ("Stream🧠", True, "stream")],
)
def test_the_second_form_writes_modes_as_words(mode: str, thinking: bool, read: str) -> None:
    row = second(Mode=mode)
    assert (row.mode, row.thinking) == (read, thinking)


@pytest.mark.parametrize("name", ["a/b-1", "a/b-1🥇", "a/b-1🥈", "a/b-1🥉"])
def test_medals_are_no_part_of_a_name(name: str) -> None:
    assert second(Model=name).model == "a/b-1"


def test_medals_stay_in_names_of_the_first_form() -> None:
    (row,) = read_table(table({"Model": "a🥇", "Mode": "📡"}, columns=COLUMNS))
    assert row.model == "a🥇"


@pytest.mark.parametrize(
    ("mark", "free", "schema"),
    [
        ("✅", "supported", "supported"),
        ("☁️", "supported", "rejected"),
        ("📐", "rejected", "supported"),
        ("❌", "rejected", "rejected"),
    ],
)
def test_one_mark_tells_of_free_json_and_of_a_schema(mark: str, free: Outcome, schema: Outcome) -> None:
    assert outcomes(second(JSON=mark), "json", "schema") == {"json": free, "schema": schema}


@pytest.mark.parametrize(
    ("text", "tool", "required", "search"),
    [
        ("✅🪨🕸️", "supported", "supported", "supported"),
        ("✅🪨", "supported", "supported", "absent"),
        ("✅🕸️", "supported", "absent", "supported"),
        ("✅", "supported", "absent", "absent"),
        ("💨🪨", "flaky", "supported", "absent"),
        ("🕸️", "absent", "absent", "supported"),
        ("❌", "rejected", "absent", "absent"),
    ],
)
def test_tool_tells_of_forcing_and_of_search_but_not_of_bias(
    text: str, tool: Outcome, required: Outcome, search: Outcome
) -> None:
    assert outcomes(second(Tool=text), *SYMBOLS_OF_CALLS) == {
        "tool": tool,
        "tool_required": required,
        "web_search": search,
    }


def test_usage_and_finish_can_be_flaky_in_the_second_form() -> None:
    row = second(Usage="✅", Finish="💨")
    assert outcomes(row, "usage", "finish") == {"usage": "supported", "finish": "flaky"}


def test_both_forms_give_the_same_cells_for_what_both_print() -> None:
    shared = {"Model": "m", "➛In": "🎤💬📸", "Tool": "✅", "Cite": "✅", "Text": "📏🛑", "Usage": "✅", "JSON": "✅"}
    (first,) = read_table(table(shared | {"Mode": "📡🧠", "Schema": "✅"}, columns=COLUMNS))
    (other,) = read_table(table(shared | {"Mode": "Stream🧠"}))
    different = {"tool_unbiased", "tool_indecisive", "tool_required", "web_search"}
    assert (first.model, first.thinking, first.mode) == (other.model, other.thinking, other.mode)
    assert {cell: first.cells[cell] for cell in first.cells.keys() - different} == {
        cell: other.cells[cell] for cell in other.cells.keys() - different
    }
    assert "schema" in first.cells


def test_a_model_of_question_marks_was_not_tested() -> None:
    assert read_table(table({"Model": "whisper", **dict.fromkeys(SECOND[1:], "?")})) == (Row("whisper"),)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Mode", "📡"),
        ("Mode", "🧠"),
        ("Tool", ""),
        ("Tool", "🧐"),
        ("Tool", "✅🧐"),
        ("Tool", "🕸️✅"),
        ("JSON", "☁️📐"),
        ("JSON", ""),
        ("➛In", "💬🪨"),
        ("Usage", "x"),
    ],
)
def test_a_symbol_that_the_second_form_has_not_is_refused(column: str, text: str) -> None:
    with pytest.raises(UsageError, match="expected") as refused:
        read_table(table({column: text}))
    assert repr(text) in str(refused.value) or repr(text[1:]) in str(refused.value)


def test_columns_in_another_order_are_no_form() -> None:
    with pytest.raises(UsageError, match="no scoreboard table") as refused:
        read_table(table({}, columns=(*SECOND[:4], "JSON", "Tool", *SECOND[6:])))
    assert ", ".join(SECOND) in str(refused.value)
    assert ", ".join(COLUMNS) in str(refused.value)


def test_a_row_that_is_too_short_is_shown_cut() -> None:
    with pytest.raises(UsageError, match="14 columns were expected, found 1 in") as refused:
        read_table(f"{table()}\n| {'x' * 10_000} |")
    assert len(str(refused.value)) < 300


def test_the_table_is_found_among_other_text_and_tables() -> None:
    other = "| a | b |\n| - | - |\n| c | d |\n"
    text = f"# Title\r\n\r\n{other}\r\n{table({'Model': 'x'})}\n<details>\n{table({'Model': 'y'})}\n"
    assert [row.model for row in read_table(text)] == ["x"]


def test_pipes_in_names_are_escaped_in_either_form() -> None:
    assert second(Model=r"a\|b\\").model == "a|b\\"


@pytest.mark.parametrize("text", ["x" * 200_000, "|" + "x" * 200_000, "|" + "\\" * 200_001, "{" * 200_000])
def test_a_long_line_that_is_no_table_is_soon_given_up(text: str) -> None:
    """A search that starts again at each character would take minutes."""
    with pytest.raises(UsageError):
        loaded(text)


def test_search_is_not_published_where_the_first_form_does_not_know_its_symbol() -> None:
    """Tables of 2025 do not: neither in a cell nor in the legend."""
    lines = {"Mode": "🕰️", "Tool": "✅🧐"}, {"Mode": "📡", "Tool": "✅"}
    older = read_table(table(*lines, columns=COLUMNS))
    newer = read_table(table(*lines, columns=COLUMNS) + "\n\n- 🕸️: web search\n")
    assert [outcomes(row, "web_search") for row in older] == [{}, {}]
    assert [outcomes(row, "web_search") for row in newer] == [{"web_search": "absent"}] * 2


def test_traits_without_a_mark_are_read_as_no_tools() -> None:
    """The printer of 2025-08 leaves the mark out of a stream row that is flaky on its own."""
    (row,) = read_table(table({"Mode": "📡", "Tool": "🧐💥"}, columns=COLUMNS))
    assert outcomes(row, "tool", "tool_unbiased", "tool_indecisive") == {
        "tool": "absent",
        "tool_unbiased": "supported",
        "tool_indecisive": "supported",
    }


# scoreboard.json.


def test_verdicts_that_are_left_out_are_false() -> None:
    sync, stream = rows_of(scenario(GenSync={"tools": "true", "json": True, "reportTokenUsage": "flaky"}))
    assert (sync.mode, stream.mode) == ("sync", "stream")
    assert outcomes(sync, "tool", "json", "usage", "seed", "tool_indecisive") == {
        "tool": "supported",
        "json": "supported",
        "usage": "flaky",
        "seed": "absent",
        "tool_indecisive": "absent",
    }


def test_an_empty_mode_is_a_row_in_which_nothing_works() -> None:
    (row,) = rows_of(scenario(out={"image": {"url": True}}, GenStream=None))
    worked = {cell for cell, outcome in outcomes(row).items() if outcome != "absent"}
    assert row.mode == "sync"
    assert worked == {"text", "image_out"}
    assert {"json", "seed", "finish", "tool"} <= row.cells.keys()


def test_only_the_first_model_of_a_scenario_was_run() -> None:
    rows = rows_of(scenario(models=["a", "b"], GenStream=None), {"models": ["c", "d"]})
    assert [(row.model, row.mode, row.note) for row in rows] == [
        ("a", "sync", ""),
        ("b", None, "inherits the verdicts of another model"),
        ("c", None, "not tested"),
        ("d", None, "not tested"),
    ]
    assert all(not row.cells for row in rows[1:])


def test_a_scenario_without_models_has_no_rows() -> None:
    assert rows_of(scenario(models=[])) == ()


@pytest.mark.parametrize(
    ("biased", "unbiased"), [("true", "absent"), ("flaky", "supported"), ("false", "absent"), (None, "absent")]
)
def test_only_one_choice_of_each_is_no_bias(biased: str | None, unbiased: Outcome) -> None:
    """The value listed first both times, or never, is a choice by its place."""
    said = {"tools": "true"} | ({"toolsBiased": biased} if biased else {})
    row = rows_of(scenario(GenSync=said))[0]
    assert outcomes(row, "tool_unbiased") == {"tool_unbiased": unbiased}


def test_nothing_is_published_on_the_calls_of_a_model_that_makes_none() -> None:
    row, _ = rows_of(scenario())
    assert outcomes(row, *SYMBOLS_OF_CALLS) == {"tool": "absent", "tool_required": "absent"}
    row, _ = rows_of(scenario(GenSync={"tools": "false", "toolsBiased": "flaky"}))
    assert outcomes(row, "tool_unbiased", "tool_indecisive") == {"tool_unbiased": "supported"}


@pytest.mark.parametrize("key", ["reason", "sota", "good", "cheap"])
def test_search_is_published_by_files_of_the_second_form(key: str) -> None:
    """They say so by other keys that came with it, also when no model of theirs can search."""
    marked = rows_of(scenario(), {"models": ["x"], key: True})
    assert outcomes(marked[0], "web_search") == {"web_search": "absent"}


def test_search_is_not_published_by_files_of_the_first_form() -> None:
    older = rows_of(scenario(thinking=True))
    assert outcomes(older[0], "web_search") == {}
    searching = rows_of(scenario(GenSync={"webSearch": True}))
    assert [outcomes(row, "web_search")["web_search"] for row in searching] == ["supported", "absent"]


@pytest.mark.parametrize("key", ["reason", "thinking"])
def test_thinking_has_two_names(key: str) -> None:
    assert [row.thinking for row in rows_of(scenario(**{key: True}))] == [True, True]
    assert [row.thinking for row in rows_of(scenario())] == [False, False]


def test_media_work_inline_or_by_address() -> None:
    media = {"image": {"inline": True}, "document": {"url": True}, "audio": {"supportedFormats": ["audio/mp3"]}}
    row = rows_of(scenario(**{"in": media, "out": {"text": {"inline": True}}}))[0]
    assert outcomes(row, "image", "pdf", "audio", "text", "text_out", "pdf_out") == {
        "image": "supported",
        "pdf": "supported",
        "audio": "absent",
        "text": "absent",
        "text_out": "supported",
    }


def test_a_country_that_is_none_is_the_machine_of_the_user() -> None:
    assert read_scenarios({"scenarios": [], "country": "Local"}, "x") == Scoreboard("x", "x", local=True)
    assert read_scenarios({"scenarios": [], "country": "FR"}, "x") == Scoreboard("x", "x", country="FR")


# Files.


def test_our_own_file_is_read_as_it_is() -> None:
    assert loaded(dumps(small_board())) == small_board()


def test_a_table_is_named_by_its_file_and_may_begin_with_a_byte_order_mark() -> None:
    board = loaded("\ufeff" + table({}), "acme.md")
    assert (board.provider, board.title, len(board.rows)) == ("acme", "acme", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no scoreboard table found"),
        ("# Nothing here", "no scoreboard table found"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        ('{"scenarios": [', "not JSON"),
        ('{"scenarios": [],}', "not JSON"),
        ("{" * 100_000, "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not a scoreboard"),
        ("null", "not a scoreboard"),
        ("{}", "not a scoreboard"),
        ('{"schema_version": 1, "rows": []}', "$.provider: is missing"),
        ('{"scenarios": {}}', "scenarios: a list was expected, found {}"),
        ('{"scenarios": null}', "scenarios: a list was expected, found null"),
        ('{"scenarios": [3]}', "a scenario: an object was expected, found 3"),
        ('{"scenarios": [{}]}', "models: a list of names was expected, found null"),
        ('{"scenarios": [{"models": "m"}]}', 'models: a list of names was expected, found "m"'),
        ('{"scenarios": [{"models": [1]}]}', "models: a list of names was expected, found [1]"),
        (json.dumps({"scenarios": [scenario(GenSync=[])]}), "GenSync: an object was expected, found []"),
        (json.dumps({"scenarios": [scenario(thinking="no")]}), 'thinking: true or false was expected, found "no"'),
        (json.dumps({"scenarios": [scenario(**{"in": [1]})]}), "in: an object was expected, found [1]"),
        (json.dumps({"scenarios": [scenario(out={"text": 1})]}), "out.text: an object was expected, found 1"),
        (
            json.dumps({"scenarios": [scenario(GenStream={"tools": "maybe"})]}),
            'tools: true, false or flaky was expected, found "maybe"',
        ),
        (
            json.dumps({"scenarios": [scenario(GenSync={"seed": None})]}),
            "seed: true, false or flaky was expected, found null",
        ),
        (json.dumps({"scenarios": [scenario(GenSync={"json": ["\x1b" * 900]})]}), 'found ["\\u001b'),
        (table({"JSON": "\x1b[31m"}), "'\\x1b[31m' in a scoreboard table"),
        (table({"Mode": "Batch"}), "'Batch' in a scoreboard table, where one of Sync Stream Sync🧠"),
    ],
)
def test_what_is_in_no_form_is_refused_in_one_line_that_names_the_file(text: str | bytes, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        loaded(text, "theirs.txt")
    line = str(refused.value)
    assert "theirs.txt: " in line
    assert said in line
    assert len(line) < 700
    assert line.isprintable()


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.md: no such file"):
        load_published(tmp_path / "gone.md")
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        load_published(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["models", "in", "out", "GenSync", "GenStream", "tools", "text", "inline", "reason"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=3))
def test_any_scenarios_are_read_or_refused(scenarios: list[Any]) -> None:
    with suppress(UsageError):
        assert all(isinstance(row.model, str) for row in read_scenarios({"scenarios": scenarios}, "x").rows)


@given(boards)
def test_a_board_agrees_with_its_own_table(board: Scoreboard) -> None:
    """What is read back may say less than the board, and nothing else."""
    rows = {(row.model, bool(row.thinking), row.mode): row for row in board.rows}
    tested = tuple(Row(model, think, mode, row.cells) for (model, think, mode), row in rows.items())
    board = Scoreboard(board.provider, board.title, tested, strength=board.strength)
    found = compare(board, loaded(render(board, "markdown"), "x.md"))
    assert found.differing == ()
    assert found.alone == ()
    assert len({(one.model, one.thinking, one.mode) for one in found.cells}) == sum(bool(row.mode) for row in tested)


# Real ones.


def _scenarios(folder: Path) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """The scenarios of a published file with a mode that was run and what is said of it, in the plainest reading."""
    for one in json.loads((folder / "published.json").read_text(encoding="utf-8"))["scenarios"]:
        yield from ((one, mode, one[key]) for mode, key in (("sync", "GenSync"), ("stream", "GenStream")) if key in one)


def _quirks(said: dict[str, Any], sync: dict[str, Any]) -> set[str]:
    """Cells that the printer of 2025-08 shows otherwise than its data, as the README of the recordings says."""
    tools, before = said.get("tools", "false"), sync.get("tools", "false")
    return {
        cell
        for cell, differs in {
            # ✅ for "not true", ❌ for "true": no answer comes out as it went in.
            "finish": True,
            # 🧐 for "biased" as well.
            "tool_unbiased": said.get("toolsBiased") == "true",
            "usage": said.get("reportTokenUsage") == "flaky",
            # 💨 is read from the other mode.
            "tool": (tools == "flaky") != (before == "flaky") and tools != "true",
        }.items()
        if differs
    }


FOLDERS = sorted(path.parent for path in RECORDINGS.glob("*/*/published.md"))
NAMES = [folder.relative_to(RECORDINGS).as_posix() for folder in FOLDERS]


@needs_recordings
@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_a_published_table_says_what_its_data_says_up_to_the_quirks_of_its_printer(folder: Path) -> None:
    printed, data = load_published(folder / "published.md"), load_published(folder / "published.json")
    found = compare(printed, data)
    older = folder.parent.name == "2025-08"
    expected = {
        (one["models"][0], one.get("reason", one.get("thinking", False)), mode, cell)
        for one, mode, said in _scenarios(folder)
        for cell in (_quirks(said, one.get("GenSync", {})) if older else ())
    }
    assert found.alone == ()
    assert {(one.model, one.thinking, one.mode, one.cell) for one in found.differing} == expected


@needs_recordings
@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_a_published_table_and_its_data_have_the_same_models_and_rows(folder: Path) -> None:
    """The table shows inherited verdicts as if they had been found; the data says that they were not."""
    printed, data = load_published(folder / "published.md"), load_published(folder / "published.json")
    rows = Counter(
        (model, one.get("reason", one.get("thinking", False)), mode)
        for one, mode, _ in _scenarios(folder)
        for model in one["models"]
    )
    assert Counter((row.model, row.thinking, row.mode) for row in printed.rows if row.mode) == rows
    assert {row.model for row in printed.rows} == {row.model for row in data.rows}
    run = Counter((one["models"][0], mode) for one, mode, _ in _scenarios(folder) if one["models"])
    assert Counter((row.model, row.mode) for row in data.rows if row.mode) == run


@needs_recordings
def test_every_printed_cell_that_the_data_has_is_compared() -> None:
    """Nothing agrees by being overlooked."""
    media = {"text", "image", "pdf", "audio", "video", "text_out", "image_out", "audio_out", "video_out"}
    both = media | {
        "json",
        "schema",
        "tool",
        "cite",
        "seed",
        "max_tokens",
        "stop",
        "probs",
        "limits",
        "usage",
        "finish",
    }
    compared: dict[str, set[str]] = {"2025-08": set(), "2026-08": set()}
    for folder in FOLDERS:
        found = compare(load_published(folder / "published.md"), load_published(folder / "published.json"))
        rows = {(one.model, one.thinking, one.mode) for one in found.cells}
        judged = {one.cell for one in found.cells if one.relation in ("agrees", "differs")}
        assert judged >= both
        assert found.judged >= len(both) * len(rows)
        compared[folder.parent.name] |= judged
    assert compared["2025-08"] == both | {"tool_unbiased", "tool_indecisive"}
    assert compared["2026-08"] == both | {"tool_required", "web_search"}
    assert len(FOLDERS) == 17


def test_an_outcome_that_was_published_carries_no_evidence_of_its_own() -> None:
    row, _ = rows_of(scenario(GenSync={"json": True}))
    assert row.cells["json"] == Verdict("supported")
