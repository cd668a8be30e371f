"""The Markdown scoreboard: cells, notes and legend, and ids that cannot break out of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from wcwidth import wcswidth

from llmprobe.errors import UsageError
from llmprobe.renderers import legend, notes, render
from llmprobe.renderers.markdown_reader import read_table
from llmprobe.renderers.table import (
    COLUMNS,
    FAULTS,
    INPUTS,
    MARKS,
    MODES,
    OUTPUTS,
    QUALIFIERS,
    TEXT_OPTIONS,
    THINKING,
    TOOL_TRAITS,
    UNKNOWN,
    row_cells,
)
from llmprobe.renderers.untrusted import code, escape, one_line, reveal, unescape, visible
from llmprobe.scoreboard import CELLS, Row, Scoreboard
from llmprobe.verdict import Outcome, Strength, Verdict
from tests.boards import NASTY, boards, plain_rows, small_board, texts

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
"""An independent reader of what we write: GitHub's flavour without automatic links."""


def _row(**outcomes: Outcome) -> Row:
    return Row("m", False, "sync", {cell: Verdict(outcome) for cell, outcome in outcomes.items()})


def _cell(column: str, row: Row) -> str:
    return row_cells(row)[COLUMNS.index(column)]


def _inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens if token.type == "inline" for child in token.children or ()]


@pytest.mark.parametrize(
    ("column", "outcomes", "shown"),
    [
        ("➛In", {}, "?"),
        ("➛In", {"text": "supported"}, "💬"),
        ("➛In", dict.fromkeys(INPUTS, "supported"), "🎤🎥💬📄📸"),
        ("➛In", {"text": "supported", "image": "ignored", "pdf": "untested"}, "💬"),
        (
            "➛In",
            {"text": "supported", "image": "flaky", "audio": "partial", "pdf": "inconclusive"},
            "🎤🤪💬📄❔📸💨",
        ),
        ("➛In", {"text": "rejected"}, "❌"),
        ("➛In", {"text": "inconclusive"}, "❔"),
        ("➛In", {"text": "inconclusive", "image": "rejected"}, "💬❔"),
        ("Out➛", {"image_out": "supported", "text_out": "supported"}, "💬📸"),
        ("Text", {"seed": "supported", "max_tokens": "supported", "stop": "supported"}, "🌱📏🛑"),
        ("Text", {"seed": "ignored", "max_tokens": "flaky", "stop": "supported"}, "📏💨🛑"),
        ("Text", {"seed": "ignored", "max_tokens": "ignored", "stop": "broken"}, "❌"),
        ("Text", {"seed": "inconclusive", "stop": "inconclusive"}, "❔"),
        ("JSON", {"json": "supported"}, "✅"),
        ("JSON", {"json": "flaky"}, "💨"),
        ("Schema", {"schema": "partial"}, "🤪"),
        ("Schema", {"schema": "ignored"}, "❌"),
        ("Probs", {"probs": "rejected"}, "❌"),
        ("Limits", {"limits": "absent"}, "❌"),
        ("Cite", {"cite": "inconclusive"}, "❔"),
        ("File", {"file": "untested"}, "?"),
        ("Batch", {}, "?"),
        ("Usage", {"usage": "supported"}, "✅"),
        ("Usage", {"usage": "absent"}, "💸"),
        ("Usage", {"usage": "broken"}, "💸"),
        ("Usage", {"usage": "rejected"}, "❌"),
        ("Finish", {"finish": "broken"}, "🚩"),
        ("Finish", {"finish": "absent"}, "🚩"),
        ("Finish", {"finish": "rejected"}, "❌"),
        ("Finish", {"finish": "inconclusive"}, "❔"),
        (
            "Tool",
            {"tool": "supported", "tool_unbiased": "supported", "tool_indecisive": "supported"},
            "✅🧐💥",
        ),
        ("Tool", {"tool": "flaky", "tool_unbiased": "absent", "tool_indecisive": "absent"}, "💨"),
        (
            "Tool",
            {"tool": "supported", "tool_unbiased": "inconclusive", "tool_indecisive": "inconclusive"},
            "✅🧐❔💥❔",
        ),
        ("Tool", {"tool": "rejected", "tool_unbiased": "inconclusive"}, "❌"),
        ("Tool", {"tool": "inconclusive", "tool_indecisive": "inconclusive"}, "❔"),
        ("Tool", {"tool_indecisive": "inconclusive"}, "?"),
    ],
)
def test_each_cell_shows_what_was_found(column: str, outcomes: dict[str, Outcome], shown: str) -> None:
    assert _cell(column, _row(**outcomes)) == shown


def test_mode_shows_streaming_and_thinking() -> None:
    assert _cell("Mode", Row("m", False, "sync")) == "🕰️"
    assert _cell("Mode", Row("m", True, "stream")) == "📡🧠"


def test_a_model_that_was_not_tested_is_all_question_marks() -> None:
    assert row_cells(Row("m", cells={"json": Verdict("supported")})) == ("m", *["?"] * 14)


def test_the_table_is_aligned_by_display_width() -> None:
    board = Scoreboard("p", "P", (Row("モデル", True, "sync"), *small_board().rows, Row(NASTY)))
    table = [line for line in render(board, "markdown").splitlines() if line.startswith("|")]
    assert len({wcswidth(line) for line in table}) == 1
    assert table[0].startswith("| Model ")
    assert re.fullmatch(r"\|( -+ \|){15}", table[1])


@pytest.mark.parametrize(
    "model",
    [
        "llama-3.1_8b-instant",
        "meta-llama/llama-4-scout-17b-16e-instruct",
        "gemma3:4b",
        "ggml-org/gemma-3-4b-it-GGUF/gemma-3-4b-it-Q4_K_M.gguf#mmproj-model-f16.gguf",
        "claude@20241022",
        "a__b+c=d(1)!",
        "模型-1",
    ],
)
def test_ids_of_real_models_stay_as_they_are(model: str) -> None:
    assert escape(model) == model


@pytest.mark.parametrize(
    ("model", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("_a_", r"\_a\_"),
        ("a\\b", r"a\\b"),
        ("a\nb\x1b", "a⟨U+000A⟩b⟨U+001B⟩"),
        ("\u202ea\u200b", "⟨U+202E⟩a⟨U+200B⟩"),
        ("<b>", r"\<b\>"),
        ("https://x.y", r"https\://x.y"),
        ("www.x.y", r"www\.x.y"),
        ("⟨U+200B⟩", "⟨U+27E8⟩U+200B⟩"),
        (" a  b ", "⟨U+0020⟩a⟨U+0020⟩ b⟨U+0020⟩"),
        ("\ud800\u0301\u3164", "⟨U+D800⟩⟨U+0301⟩⟨U+3164⟩"),
    ],
)
def test_ids_are_escaped_where_they_must_be(model: str, escaped: str) -> None:
    assert escape(model) == escaped


@given(texts)
def test_escapes_can_be_undone(text: str) -> None:
    assert unescape(escape(text)) == text
    assert reveal(visible(text)) == text


@given(texts)
def test_escaped_text_is_shown_literally_by_a_markdown_reader(text: str) -> None:
    tokens = MARKDOWN.parse(f"| a |\n| - |\n| {escape(text)} |\n")
    assert [token.type for token in tokens].count("td_open") == 1
    children = _inline(tokens)[1:]
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == visible(text)


@given(texts)
def test_a_code_span_shows_untrusted_text_literally(text: str) -> None:
    (span,) = _inline(MARKDOWN.parse(f"- {code(text)}"))
    assert span.type == "code_inline"
    assert span.content == (visible(text) or " ")


@given(st.text(), st.integers(1, 20))
def test_shortened_text_is_one_line_within_the_limit(text: str, limit: int) -> None:
    assert len(one_line(text, limit)) <= limit
    assert len(one_line(text, limit).splitlines()) <= 1


@given(boards)
def test_no_board_can_bring_in_markup_of_its_own(board: Scoreboard) -> None:
    tokens = MARKDOWN.parse(render(board, "markdown"))
    html = {token.content.strip() for token in tokens if token.type == "html_block"}
    assert html <= {
        f"<details>\n<summary>{summary}</summary>"
        for summary in (legend.SUMMARY, "Notes: what is behind every cell that is not ✅")
    } | {"</details>"}
    assert {child.type for child in _inline(tokens)} <= {
        "text",
        "text_special",
        "code_inline",
        "strong_open",
        "strong_close",
        "em_open",
        "em_close",
        "softbreak",
    }
    assert [token.type for token in tokens].count("table_open") == 1
    assert [token.type for token in tokens].count("td_open") == 15 * len(board.rows)


@given(st.lists(plain_rows | st.builds(Row, texts), max_size=4))
def test_a_table_that_is_read_and_rendered_again_is_the_same(rows: list[Row]) -> None:
    read = read_table(render(Scoreboard("p", "P", tuple(rows)), "markdown"))
    assert [row_cells(row) for row in read] == [row_cells(row) for row in rows]


def test_the_reader_tells_refused_from_missing_and_keeps_double_rows() -> None:
    header, rule = "| " + " | ".join(COLUMNS) + " |", "|" + " - |" * 15
    line = "| m | 📡🧠 | 💬📸 | 💬 | ✅ | ❌ | 💨🧐 | ? | ? | ❔ | 📏🛑 | ❌ | 🤪 | ❌ | ❌ |"
    first, second = read_table("\n".join(["# x", header, rule, line, line, "text", line]))
    assert first == second
    assert (first.model, first.thinking, first.mode) == ("m", True, "stream")
    outcomes = {cell: verdict.outcome for cell, verdict in first.cells.items()}
    assert outcomes["usage"] == outcomes["finish"] == outcomes["schema"] == "rejected"
    assert (outcomes["seed"], outcomes["stop"], outcomes["pdf"]) == ("absent", "supported", "absent")
    assert (outcomes["tool"], outcomes["tool_unbiased"], outcomes["tool_indecisive"]) == (
        "flaky",
        "supported",
        "absent",
    )
    assert "batch" not in outcomes


@pytest.mark.parametrize("cells", ["| m |", "| m |" + " ✅ |" * 14, "| m | 📡 | 💬💬x |" + " ✅ |" * 12])
def test_a_table_that_is_not_ours_is_refused(cells: str) -> None:
    header, rule = "| " + " | ".join(COLUMNS) + " |", "|" + " - |" * 15
    with pytest.raises(UsageError, match="expected"):
        read_table("\n".join([header, rule, cells]))
    with pytest.raises(UsageError, match="no scoreboard table"):
        read_table("| a | b |\n| - | - |")


def test_heading_and_facts_say_what_was_measured() -> None:
    lines = render(small_board(), "markdown").splitlines()
    assert lines[0] == "# Scoreboard: Acme"
    assert lines[2] == (
        "🌐 US · `https://api.acme.test/v1` · openai-chat · measured 2026-01-02T03:04:05Z · "
        "llmprobe 0.1.0 · seed 1 · 5,123 requests"
    )


def test_notes_explain_every_red_cell_and_merge_equal_ones() -> None:
    assert notes.markdown(small_board()) == [
        "- `a` 📡, `b`: JSON ❌ ignored (0 of 10): the reply is prose, e.g. “Sure! Here” (`a/plain/stream/json#1`)",
        "- `b`: Usage 💸 broken: always 1",
        "- Not tested: `whisper`: speech, not chat",
        "- one page of the model list was missing",
    ]


def test_notes_name_all_models_at_once_and_both_modes_of_one() -> None:
    none = {"limits": Verdict("absent", "no such headers")}
    shaky = {"stop": Verdict("inconclusive", "503 each time")}
    rows = (
        Row("a", False, "sync", none | shaky),
        Row("a", False, "stream", none | shaky),
        Row("a", True, "sync", none),
        Row("b", False, "sync", none, note="slow", served=("b-2025",)),
        Row("c", note="speech"),
        Row("d", note="speech"),
    )
    assert notes.markdown(Scoreboard("p", "P", rows)) == [
        "- `a` 🕰️ 📡: Text 🛑 ❔ could not find out: 503 each time",
        "- all tested rows: Limits ❌ not there: no such headers",
        "- `b`: answered as `b-2025`",
        "- `b`: slow",
        "- Not tested: `c`, `d`: speech",
    ]


def test_notes_say_nothing_of_good_news_and_of_what_nobody_tried() -> None:
    row = _row(json="supported", tool_indecisive="absent", thinking="absent", batch="untested", image_out="absent")
    assert notes.markdown(Scoreboard("p", "P", (row,))) == []
    assert "Notes" not in render(Scoreboard("p", "P", (row,)), "markdown")


def test_indecision_is_noted_and_expectation_replaces_a_missing_reason() -> None:
    cells = {
        "tool_indecisive": Verdict("supported", successes=2, trials=4),
        "seed": Verdict("broken", expected="one text", actual="three texts"),
    }
    assert notes.markdown(Scoreboard("p", "P", (Row("m", False, "sync", cells),))) == [
        "- `m`: Tool 💥 seen (2 of 4)",
        "- `m`: Text 🌱 ❌ broken: expected one text, got three texts",
    ]


def test_long_quotes_are_cut_before_they_are_escaped() -> None:
    verdict = Verdict("rejected", "refused", quote="<" * 500)
    (line,) = notes.markdown(Scoreboard("p", "P", (Row("m", False, "sync", {"json": verdict}),)))
    assert line == "- `m`: JSON ❌ rejected: refused, “" + r"\<" * 159 + "…”"


def test_every_cell_has_a_name_in_the_notes() -> None:
    assert set(notes.LABELS) == set(CELLS)


def test_the_legend_explains_every_symbol_and_column() -> None:
    printed = {
        *MARKS.values(),
        *FAULTS.values(),
        *QUALIFIERS.values(),
        *MODES.values(),
        THINKING,
        UNKNOWN,
        "🏠",
        "🌐",
    }
    printed |= {symbol for group in (INPUTS, OUTPUTS, TEXT_OPTIONS, TOOL_TRAITS) for symbol in group.values()}
    assert {symbol for symbol, _ in legend.SYMBOLS} == printed - {""}
    assert tuple(column for column, _ in legend.COLUMNS) == COLUMNS
    text = render(small_board(), "markdown")
    assert all(f"- {symbol}: " in text for symbol in printed - {"", "?"})
    assert "- `?`: Not tested" in text


@pytest.mark.parametrize(
    ("strength", "promise"),
    [
        ("accepted", "Green says at least that the request was accepted"),
        ("consistent", "What was merely accepted is ❔"),
        ("shown", "the effect itself was seen"),
    ],
)
def test_the_legend_of_a_recorded_scoreboard_promises_no_experiment(strength: Strength, promise: str) -> None:
    """Its cells were not decided by controls that we sent."""
    board = replace(small_board(), recorded=True, strength=strength)
    legend = render(board, "markdown").partition("Legend")[2]
    assert promise in legend
    for words in ("*caused*", "random", "temperature 1", "the prompt pulled against it"):
        assert words not in legend


def test_the_legend_of_a_scan_names_its_controls() -> None:
    """Whatever strength its reader asks for."""
    legend = render(small_board(), "markdown").partition("Legend")[2]
    assert "*caused*" in legend
    assert "at temperature 1" in legend


def test_a_weak_green_is_not_green_where_more_is_asked_for() -> None:
    """The cell turns to "could not find out", and the notes say why."""
    weak = Verdict("supported", "accepted; one reply cannot show it", strength="accepted")
    board = Scoreboard("p", "P", (Row("m", False, "sync", {"json": weak}),), recorded=True, strength="consistent")
    text = render(board, "markdown")
    assert "| ✅ " not in text.partition("<details>")[0]
    assert "accepted only: accepted; one reply cannot show it" in text
