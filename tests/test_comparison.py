"""A comparison as text for people, as Markdown and as JSON; untrusted text shows in all of them and acts in none."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llmprobe.compare import Compared, Comparison, Relation, compare
from llmprobe.renderers.comparison import FORMATS, as_json, differences, markdown, terminal
from llmprobe.renderers.untrusted import code, visible
from llmprobe.scoreboard import CELLS, Mode, Row, Scoreboard
from llmprobe.verdict import Outcome, Verdict
from tests.boards import NASTY, rows, texts, verdicts

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
"""An independent reader of what we write."""

RELATIONS: list[Relation] = ["agrees", "differs", "not judged", "not published"]
MODES: list[Mode] = ["sync", "stream"]

comparisons = st.builds(
    Comparison,
    st.lists(
        st.builds(
            Compared,
            model=texts,
            thinking=st.none() | st.booleans(),
            mode=st.sampled_from(MODES),
            cell=st.sampled_from(CELLS),
            ours=verdicts(),
            theirs=verdicts(),
            relation=st.sampled_from(RELATIONS),
            elsewhere=st.booleans(),
        ),
        max_size=4,
    ).map(tuple),
    st.lists(rows.filter(lambda row: row.mode is not None), max_size=3).map(tuple),
)
"""Any, also such as no two scoreboards give."""

IGNORED = Verdict(
    "ignored", "the reply is prose", 1, 10, quote="Sure! Here", evidence=("x/a.yaml#0", "x/b.yaml#1", "c")
)


def difference(
    cell: str,
    ours: Verdict,
    theirs: Outcome = "supported",
    model: str = "m",
    mode: Mode = "sync",
    elsewhere: bool = False,
) -> Compared:
    return Compared(model, True, mode, cell, ours, Verdict(theirs), "differs", elsewhere)


def agreement(cell: str = "text") -> Compared:
    return Compared("m", True, "sync", cell, Verdict("supported"), Verdict("supported"), "agrees")


FOUND = Comparison(
    (
        agreement(),
        agreement("seed"),
        difference("json", IGNORED),
        difference("usage", Verdict("broken"), mode="stream", elsewhere=True),
        difference("tool_required", Verdict("supported", "a call", strength="consistent"), "rejected", mode="stream"),
    ),
    (Row("gone", True, "sync"), Row("gone", True, "stream"), Row("lost", False, "stream")),
)


def test_the_terminal_shows_counts_and_each_difference_below_its_row() -> None:
    assert terminal(FOUND).splitlines() == [
        "Cell          agrees  differs  not judged  not published",
        "────────────  ──────  ───────  ──────────  ─────────────",
        "In 💬         1       0        0           0",
        "JSON          0       1        0           0",
        "Tool, forced  0       1        0           0",
        "Text 🌱       1       0        0           0",
        "Usage         0       1        0           0",
        "",
        "5 cells judged by both: 2 agree (40.0 %), 3 differ",
        "",
        "m 🕰️🧠",
        "  JSON: published yes, ours no (ignored, 1 of 10, shown)",
        "    the reply is prose “Sure! Here”",
        "    x/a.yaml#0",
        "    x/b.yaml#1",
        "",
        "m 📡🧠",
        "  Usage: published yes, ours no (broken, shown)",
        "    (the other mode agrees with what was published)",
        "  Tool, forced: published no, ours yes (supported, consistent)",
        "    a call",
        "",
        "Only published: gone 🕰️🧠 📡🧠, lost 📡",
    ]


def test_markdown_shows_the_same() -> None:
    assert markdown(FOUND).splitlines() == [
        "| Cell         | agrees | differs | not judged | not published |",
        "| ------------ | ------ | ------- | ---------- | ------------- |",
        "| In 💬        | 1      | 0       | 0          | 0             |",
        "| JSON         | 0      | 1       | 0          | 0             |",
        "| Tool, forced | 0      | 1       | 0          | 0             |",
        "| Text 🌱      | 1      | 0       | 0          | 0             |",
        "| Usage        | 0      | 1       | 0          | 0             |",
        "",
        "5 cells judged by both: 2 agree (40.0 %), 3 differ",
        "",
        "- `m` 🕰️🧠 **JSON**: published yes, ours no: the reply is prose “Sure! Here” (`x/a.yaml#0`)",
        "- `m` 📡🧠 **Usage**: published yes, ours no: (the other mode agrees with what was published)",
        "- `m` 📡🧠 **Tool, forced**: published no, ours yes: a call",
        "",
        "Only published: `gone` 🕰️🧠 📡🧠, `lost` 📡",
    ]


def test_json_has_every_cell() -> None:
    value = json.loads(as_json(FOUND))
    assert value["counts"]["json"] == {"differs": 1}
    assert (value["judged"], value["differing"], len(value["cells"])) == (5, 3, 5)
    assert value["cells"][2] == {
        "model": "m",
        "thinking": True,
        "mode": "sync",
        "cell": "json",
        "relation": "differs",
        "elsewhere": False,
        "ours": "ignored",
        "theirs": "supported",
        "strength": "shown",
        "successes": 1,
        "trials": 10,
        "reason": "the reply is prose",
        "evidence": ["x/a.yaml#0", "x/b.yaml#1", "c"],
    }
    assert value["only_published"][2] == {"model": "lost", "thinking": False, "mode": "stream"}


def test_differences_can_be_listed_alone_and_call_ours_recorded() -> None:
    assert differences([difference("seed", Verdict("absent"))]) == ["- `m` 🕰️🧠 **Text 🌱**: published yes, recorded no"]
    assert differences([]) == []


def test_scoreboards_that_agree_show_counts_only() -> None:
    text = "1 cell judged by both: 1 agree (100.0 %), 0 differ\n"
    assert terminal(Comparison((agreement(),), ())).endswith("0\n\n" + text)
    assert markdown(Comparison((agreement(),), ())).endswith("|\n\n" + text)


def test_no_cell_in_common_is_said() -> None:
    assert "No cell was judged by both" in terminal(Comparison((), ()))
    assert "No cell was judged by both" in markdown(Comparison((), ()))


@pytest.mark.parametrize("word", ["word ", "x"])
def test_prose_is_broken_to_the_width_of_a_terminal_and_evidence_is_not(word: str) -> None:
    evidence = "folder/" * 30 + "file.yaml#0"
    verdict = Verdict("broken", word * 200, successes=199_999, trials=200_000, quote="q" * 500, evidence=(evidence,))
    cells = tuple(difference(cell, verdict, model="org/" + "n" * 150) for cell in CELLS)
    text = terminal(Comparison(cells, tuple(Row(f"org/model-{number}", False, "sync") for number in range(50))))
    assert f"    {evidence}\n" in text
    assert max(len(line) for line in text.splitlines() if evidence not in line) <= 100
    assert "org/model-49 🕰️" in text


def test_long_reasons_are_cut() -> None:
    found = Comparison((difference("json", Verdict("broken", "why " * 1000)),), ())
    assert all(text(found).count("why") == 75 for text in (terminal, markdown))


def test_a_quote_that_the_reason_has_is_not_said_twice() -> None:
    (line,) = differences([difference("json", replace(IGNORED, reason="it said: Sure! Here"))])
    assert line.count("Sure! Here") == 1


def test_a_nasty_model_is_shown_literally_in_all_formats() -> None:
    row = Row(NASTY, False, "sync", {"json": Verdict("absent", NASTY, quote=NASTY[::-1], evidence=(NASTY,))})
    theirs = Row(NASTY, False, "sync", {"json": Verdict("supported")})
    alone = Row(NASTY + "/", False, "stream")
    found = compare(Scoreboard("p", "P", (row,)), Scoreboard("p", "P", (theirs, alone)))
    shown = {name: text(found) for name, text in FORMATS.items()}
    assert visible(NASTY) in shown["terminal"].replace("\n", " ")
    assert shown["markdown"].count(code(NASTY)) == 2
    assert json.loads(shown["json"])["cells"][0]["model"] == NASTY
    assert json.loads(shown["json"])["only_published"][0]["model"] == alone.model


@given(comparisons)
def test_nothing_untrusted_reaches_the_terminal(found: Comparison) -> None:
    assert all(char.isprintable() or char in "\n\ufe0f" for char in terminal(found))


@given(comparisons)
def test_nothing_untrusted_is_markup(found: Comparison) -> None:
    text = markdown(found)
    tokens = MARKDOWN.parse(text)
    kinds = [token.type for token in tokens]
    inside = {child.type for token in tokens for child in token.children or ()}
    assert inside <= {"text", "text_special", "code_inline", "strong_open", "strong_close"}
    assert "html_block" not in kinds
    assert kinds.count("table_open") == 1
    assert kinds.count("list_item_open") == len(found.differing)
    assert kinds.count("td_open") == 5 * len(found.counted())
    assert all(char.isprintable() or char in "\n\ufe0f" for char in text)


@given(comparisons)
def test_json_is_ascii_and_loses_nothing(found: Comparison) -> None:
    text = as_json(found)
    assert text.isascii()
    assert re.fullmatch(r"[ -~\n]*\n", text)
    value = json.loads(text)
    assert [one["model"] for one in value["cells"]] == [one.model for one in found.cells]
    assert [one["reason"] for one in value["cells"]] == [one.ours.reason for one in found.cells]
    assert len(value["only_published"]) == len(found.alone)
