"""What a recorded reply says when no experiment stands around it: its kind, and how strong the evidence is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.call import (
    Call,
    File,
    Image,
    JsonObject,
    JsonSchema,
    Message,
    NamedTool,
    ServerTool,
    Text,
    Tool,
    ToolCall,
)
from llmprobe.checks import LONE_CHECKS
from llmprobe.checks.choices import few_choices
from llmprobe.checks.evidence import Kind, Mark, Turn
from llmprobe.checks.fold import fold
from llmprobe.checks.media import put_out, taken_in
from llmprobe.checks.sampling import seed_repeated
from llmprobe.checks.sources import cited, searched, searches_unasked
from llmprobe.checks.tools import tool_alone
from llmprobe.probe import Trials
from llmprobe.reply import Citation, Media, Reply, TokenLogprob, Usage
from llmprobe.scoreboard import Row, Scoreboard, weighed
from llmprobe.scoreboard_file import from_json, to_json
from llmprobe.verdict import OUTCOMES, STRENGTHS, Outcome, Strength, Verdict
from tests.talks import counts, refusal, said

ONCE = Trials(1, 1)
PNG = Image(data="aGk=", media_type="image/png")
OPEN = Tool(
    "open",
    parameters={"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
)


def asking(question: str | tuple[Any, ...] = "What is new?", **fields: Any) -> Call:
    """A question."""
    return Call("m", (Message("user", question),), **fields)


def turn(reply: Reply, call: Call | None = None, evidence: str = "e") -> Turn:
    """``reply`` to ``call``."""
    return Turn("recorded", call or asking(), reply, evidence)


def calling(name: str, arguments: Any = None, text: str = "") -> Reply:
    """A structured call; arguments that are no text are written as JSON."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return said(text, tool_calls=(ToolCall("c1", name, written),), finish="tool_calls", finish_raw="tool_calls")


def marked(cell: str, call: Call, reply: Reply) -> tuple[str, str]:
    """Kind and strength of the mark for ``cell``, whose check must feel asked."""
    check = LONE_CHECKS[cell]
    assert check.asks(call)
    mark = check.mark(turn(reply, call))
    assert mark.evidence == ("e",)
    assert mark.reason
    return mark.kind, mark.strength


def kind_of(cell: str, call: Call, reply: Reply) -> str:
    """The kind alone, where nothing works and strength means nothing."""
    return marked(cell, call, reply)[0]


# --- which cells a request speaks to

PLAIN = {"text", "text_out"}
ASKED: dict[str, tuple[Call, set[str]]] = {
    "a question": (asking(), PLAIN),
    "a question in parts": (asking((Text("What"), Text("is new?"))), PLAIN),
    "a conversation": (
        Call("m", (Message("system", "Be short."), Message("user", "Hi"), Message("assistant", "Hi"),
                   Message("user", "Bye"))), PLAIN),
    "plain, with knobs": (asking(temperature=0.5, top_p=0.9, thinking=True, stream=True, include_usage=True), PLAIN),
    "a cap that is not there to cut": (asking(max_tokens=512), PLAIN),
    "a tight cap": (asking(max_tokens=511), {"max_tokens"}),
    "an impossible cap": (asking(max_tokens=0), {"max_tokens"}),
    "JSON mode": (asking(response_format=JsonObject()), {"json"}),
    "a schema": (asking(response_format=JsonSchema("s", {"type": "object"})), {"schema"}),
    "tools, left free": (asking(tools=(OPEN,)), set()),
    "tools, auto": (asking(tools=(OPEN,), tool_choice="auto"), set()),
    "a forced call": (asking(tools=(OPEN,), tool_choice="required"), {"tool_required"}),
    "a named call": (asking(tools=(OPEN,), tool_choice=NamedTool("open")), {"tool_required"}),
    "forbidden calls": (asking(tools=(OPEN,), tool_choice="none"), {"tool_forbidden"}),
    "a choice between no tools": (asking(tool_choice="required"), PLAIN),
    "no calls of no tools": (asking(tool_choice="none"), PLAIN),
    "a seed": (asking(seed=1), {"seed"}),
    "seed 0": (asking(seed=0), {"seed"}),
    "a stop word": (asking(stop=("END",)), {"stop"}),
    "log probabilities": (asking(top_logprobs=2), {"probs"}),
    "log probabilities without alternatives": (asking(top_logprobs=0), PLAIN | {"probs"}),
    "a picture": (asking((Text("What is it?"), PNG)), set()),
    "a document": (asking((Text("What is it?"), File("document", text="A duck."))), set()),
    "a tool's result": (
        Call("m", (Message("user", "Hi"), Message("assistant", tool_calls=(ToolCall("c", "open", "{}"),)),
                   Message("tool", "7", tool_call_id="c"))), set()),
    "a search by a tool of the server": (asking(server_tools=(ServerTool("web_search_20250305"),)), {"web_search"}),
    "a search under another name": (asking(server_tools=(ServerTool("googleSearch"),)), {"web_search"}),
    "a search by a field": (asking(patch={"web_search_options": {}}), PLAIN | {"web_search"}),
    "a search that is off": (asking(patch={"enable_web_search": False, "web_search_options": None}), PLAIN),
    "a search in files": (asking(server_tools=(ServerTool("file_search"),)), set()),
    "a search for tools": (asking(server_tools=(ServerTool("tool_search_tool_regex"),)), set()),
    "code that the server runs": (asking(server_tools=(ServerTool("code_interpreter"),)), set()),
    "several at once": (asking(seed=1, stop=("END",), max_tokens=8), {"seed", "stop", "max_tokens"}),
}  # fmt: skip


@pytest.mark.parametrize(("call", "cells"), ASKED.values(), ids=ASKED)
def test_a_request_speaks_to_these_cells_and_to_no_others(call: Call, cells: set[str]) -> None:
    """The others stay untested."""
    assert {cell for cell, check in LONE_CHECKS.items() if check.asks(call)} == cells


def test_every_lone_check_is_asked_for_by_some_request_and_not_by_another() -> None:
    """So that the table above leaves none out."""
    asked = set().union(*(cells for _, cells in ASKED.values()))

    assert asked == set(LONE_CHECKS)


@pytest.mark.parametrize(("call", "cells"), ASKED.values(), ids=ASKED)
def test_the_control_of_a_request_is_the_request_without_the_feature(call: Call, cells: set[str]) -> None:
    """It no longer asks for the cell, and for the others it asks as before."""
    for cell in cells:
        without = LONE_CHECKS[cell].without
        if without is not None:
            asked = {other for other, check in LONE_CHECKS.items() if check.asks(without(call))}
            assert cell not in asked
            assert cells - {cell} <= asked


# --- whatever comes back

REPLIES = st.builds(
    Reply,
    text=st.sampled_from(["", " ", "END", "a b END c", '{"a": 1}', "[]", "x " * 40, None]),
    reasoning=st.sampled_from([None, "", "hm", "END"]),
    reasoning_place=st.sampled_from(["", "think"]),
    tool_calls=st.sampled_from([(), (ToolCall("", "open", '{"code": 1'),), (ToolCall("", "open", '{"code": "1"}'),)]),
    server_tools=st.sampled_from([(), ("web_search",), ("python",)]),
    citations=st.sampled_from([(), (Citation("web", url="https://a.test"),), (Citation("document"),)]),
    finish=st.sampled_from(["stop", "length", "stop_sequence", "tool_calls", None]),
    usage=st.sampled_from([None, Usage(1, 0), Usage(1, 8), Usage(1, 99), Usage(1, 99, 100, 90)]),
    logprobs=st.sampled_from([None, (), (TokenLogprob("a", -0.5),), (TokenLogprob("a", 0.5), TokenLogprob("b", None))]),
    streamed=st.booleans(),
    complete=st.booleans(),
)


@given(REPLIES, st.sampled_from(list(ASKED.values())))
def test_every_reply_gets_a_mark_that_names_its_evidence(reply: Reply, asked: tuple[Call, set[str]]) -> None:
    """And a reason, which is short enough to be read."""
    call, cells = asked
    for cell in cells:
        mark = LONE_CHECKS[cell].mark(turn(reply, call))
        assert mark.evidence == ("e",)
        assert 0 < len(mark.reason) < 400
        assert mark.kind != "rejected"


@pytest.mark.parametrize("cell", LONE_CHECKS)
def test_nothing_works_when_nothing_came(cell: str) -> None:
    """An empty answer supports no cell."""
    call = next(call for call, cells in ASKED.values() if cell in cells)

    assert kind_of(cell, call, Reply(complete=True, finish="stop")) in ("void", "ignored", "broken")


# --- text


def test_an_answer_in_text_is_consistent_with_text_being_read() -> None:
    """That it depends on the question takes another question to see. A reply that is cut is a reply."""
    assert marked("text", asking(), said("News.")) == ("shown", "consistent")
    assert kind_of("text", asking(), said(" \n")) == "void"
    assert LONE_CHECKS["text"].judges_cut


@pytest.mark.parametrize(
    ("stream", "reply", "expected"),
    [
        (False, said("News."), ("shown", "shown")),
        (True, said("News.", streamed=True, deltas=3), ("shown", "shown")),
        (True, said("News."), ("ignored", "shown")),
        (False, said(""), ("void", "shown")),
        (True, said("", streamed=True), ("void", "shown")),
    ],
    ids=["sync", "stream", "not streamed", "nothing", "nothing streamed"],
)
def test_text_that_came_is_shown(stream: bool, reply: Reply, expected: tuple[str, str]) -> None:
    """It is there to be seen; a stream must come as one."""
    assert marked("text_out", asking(stream=stream), reply) == expected


# --- JSON


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (said('{"a": 1}'), "shown"),
        (said('\n {"a": 1} \n'), "shown"),
        (said('```json\n{"a": 1}\n```'), "partial"),
        (said('{"a": 1}', reasoning="hm", reasoning_place="think"), "partial"),
        (said("", reasoning='{"a": 1}'), "partial"),
        (said("News are short."), "ignored"),
        (said('Here: {"a": 1}'), "ignored"),
        (said('{"a": 1,}'), "broken"),
        (said('{"a": 1, "a": 2}'), "broken"),
        (said(""), "broken"),
    ],
    ids=["object", "space around", "fence", "thoughts", "in reasoning", "prose", "prose before", "comma", "twice",
         "empty"],
)  # fmt: skip
def test_a_reply_that_is_one_object_is_consistent_with_json_mode(reply: Reply, kind: str) -> None:
    """The question may have asked for JSON in words."""
    assert marked("json", asking(response_format=JsonObject()), reply) == (kind, "consistent")


FRUIT = {"type": "object", "properties": {"is_fruit": {"type": "boolean"}}, "required": ["is_fruit"],
         "additionalProperties": False}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "reply", "expected"),
    [
        (FRUIT, said('{"is_fruit": true}'), ("shown", "consistent")),
        (FRUIT, said('```\n{"is_fruit": true}\n```'), ("partial", "consistent")),
        (FRUIT, said('{"is_fruit": "yes"}'), ("ignored", "consistent")),
        (FRUIT, said("```\n{}\n```"), ("ignored", "consistent")),
        (FRUIT, said("It is."), ("ignored", "consistent")),
        (FRUIT, said('{"is_fruit": tr'), ("broken", "consistent")),
        (FRUIT, said("[true]"), ("broken", "consistent")),
        (FRUIT, said(""), ("broken", "consistent")),
        ({"type": "ARRAY", "items": {"type": "STRING"}}, said('["a"]'), ("shown", "consistent")),
        ({"type": "string"}, said('"a"'), ("shown", "consistent")),
        ({"type": "array"}, said("{}"), ("ignored", "consistent")),
        ({}, said("{}"), ("void", "shown")),
        ({"patternProperties": {}}, said("{}"), ("void", "shown")),
        ({"minimum": "3"}, said("{}"), ("void", "shown")),
    ],
    ids=["fits", "fenced", "other type", "fenced and empty", "prose", "cut", "array", "empty", "wants an array",
         "wants a string", "wants no object", "no schema", "unknown keyword", "malformed keyword"],
)  # fmt: skip
def test_a_reply_that_fits_is_consistent_with_a_schema(
    schema: dict[str, Any], reply: Reply, expected: tuple[str, str]
) -> None:
    """Where it cannot be told whether the reply fits, nothing is said."""
    assert marked("schema", asking(response_format=JsonSchema("s", schema)), reply) == expected


# --- tools


def tool_mark(reply: Reply, answer: Reply | None = None, question: str = "Open 4711.", tool: Tool = OPEN) -> Mark:
    """The mark of a call that was left free, and of the reply to its result."""
    call = asking(question, tools=(tool,))
    return tool_alone(turn(reply, call), None if answer is None else turn(answer, call, "answer"))


def test_a_call_with_what_the_question_says_is_consistent() -> None:
    """And more so when its result is answered with text, or with a picture."""
    made = calling("open", {"code": "4711"})
    once, twice = tool_mark(made), tool_mark(made, said("It is open."))
    drawn = tool_mark(made, said("", media=(Media("image"),)))

    assert [(mark.kind, mark.strength) for mark in (once, twice, drawn)] == [("shown", "consistent")] * 3
    assert (once.evidence, twice.evidence) == (("e",), ("e", "answer"))
    assert "answered with text" in twice.reason
    assert "answered" not in once.reason


@pytest.mark.parametrize("code", ["1234", ""])
def test_a_call_with_arguments_from_nowhere_is_only_accepted(code: str) -> None:
    """Nothing shows that the model read the question."""
    mark = tool_mark(calling("open", {"code": code}))

    assert (mark.kind, mark.strength) == ("shown", "accepted")


def test_a_boolean_argument_is_no_word_of_the_question() -> None:
    """``true`` may stand in a question that says something else with it."""
    mark = tool_mark(calling("open", {"now": True}), question="Is it true?", tool=Tool("open"))

    assert mark.strength == "accepted"


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        (said('<tool_call>{"name": "open"}</tool_call>'), "broken", "printed as text"),
        (calling("close", {"code": "4711"}), "broken", "'close', which was not offered"),
        (calling("open", '{"code": "4711"'), "broken", "not JSON"),
        (calling("open", "[]"), "broken", "not an object"),
        (calling("open", {"code": 4711}), "broken", "not of type string"),
        (calling("open", ""), "broken", "lacks"),
    ],
    ids=["printed", "other tool", "cut", "array", "number", "nothing"],
)
def test_what_comes_in_place_of_a_call(reply: Reply, kind: str, why: str) -> None:
    """The same for calls that were left free and for forced ones."""
    mark = tool_mark(reply)

    assert (mark.kind, why in mark.reason) == (kind, True)
    assert kind_of("tool_required", asking(tools=(OPEN,), tool_choice="required"), reply) == kind


def test_a_call_that_did_not_come_counts_only_where_it_was_due() -> None:
    """Applications offer their tools with every question, and most of these need none."""
    talked = tool_mark(said("I am well."), question="How are you?")
    named = tool_mark(said("I will not."), question="Use the tool open with 4711.")
    forced = kind_of("tool_required", asking(tools=(OPEN,), tool_choice="required"), said("I will not."))

    assert (talked.kind, named.kind, forced) == ("void", "ignored", "ignored")
    assert talked.reason == "no tool call, and the question asks for none"


@pytest.mark.parametrize(
    ("answer", "why"),
    [(calling("open", {"code": "4711"}), "calls again"), (said(" "), "no text comes")],
)
def test_a_result_that_is_not_answered_is_partial(answer: Reply, why: str) -> None:
    """The call itself was right."""
    mark = tool_mark(calling("open", {"code": "4711"}), answer)

    assert (mark.kind, why in mark.reason) == ("partial", True)


def test_another_call_after_a_result_is_the_next_step() -> None:
    """Agents go on calling; only the call whose result was sent must not come again."""
    mark = tool_mark(calling("open", {"code": "4711"}), calling("open", {"code": "0815"}))

    assert (mark.kind, mark.strength) == ("shown", "consistent")


def test_json_that_is_no_object_says_nothing() -> None:
    """JSON mode of one format gives objects only, that of another any JSON."""
    for text in ("[1]", "7", "null"):
        assert marked("json", asking(response_format=JsonObject()), said(text))[0] == "void"


@pytest.mark.parametrize("parameters", [{"patternProperties": {}}, {"type": "objekt"}, {"$ref": "other.json"}])
def test_a_tool_whose_schema_cannot_be_checked_is_not_held_against_its_calls(parameters: dict[str, Any]) -> None:
    """Recorded tools have any schema."""
    mark = tool_mark(calling("open", {"code": "4711"}), tool=Tool("open", parameters=parameters))

    assert (mark.kind, mark.strength) == ("shown", "consistent")


def test_a_forced_call_is_consistent() -> None:
    """The model may have wanted to call anyway."""
    forced = asking(tools=(OPEN,), tool_choice="required")
    named = replace(forced, tool_choice=NamedTool("open"))
    good = calling("open", {"code": "4711"})

    assert marked("tool_required", forced, good) == ("shown", "consistent")
    assert marked("tool_required", named, good) == ("shown", "consistent")


def test_a_call_of_another_tool_than_the_named_one_is_broken() -> None:
    """It was offered, and it was not the one."""
    call = asking(tools=(OPEN, Tool("close")), tool_choice=NamedTool("close"))

    assert kind_of("tool_required", call, calling("open", {"code": "4711"})) == "broken"
    assert kind_of("tool_required", replace(call, tool_choice="required"), calling("open", {"code": "1"})) == "shown"


def test_no_call_where_calls_are_forbidden_is_only_accepted() -> None:
    """The model may not have wanted to call; a call is proof to the contrary."""
    forbidden = asking(tools=(OPEN,), tool_choice="none")

    assert marked("tool_forbidden", forbidden, said("No.")) == ("shown", "accepted")
    assert marked("tool_forbidden", forbidden, calling("open", {"code": "1"})) == ("ignored", "shown")
    assert marked("tool_forbidden", forbidden, said(" ")) == ("void", "shown")


# --- few choices between the values of an enum


def choice(order: Sequence[str], *picked: str, **fields: Any) -> Turn:
    """A turn that offers the values in ``order``, and the calls that chose ``picked``."""
    arguments = {"wall": {"type": "string"}, "kind": {"enum": ["matt"]}, "colour": {"enum": list(order)}}
    tool = Tool("paint", parameters={"properties": arguments})
    calls = tuple(ToolCall("", "paint", json.dumps({"colour": colour})) for colour in picked)
    return turn(said("", tool_calls=calls, **fields), asking(tools=(tool,)), "/".join((*order, "", *picked)))


RED, BLUE = ("red", "blue"), ("blue", "red")


@pytest.mark.parametrize(
    ("turns", "outcome", "why"),
    [
        ((choice(RED, "red"), choice(BLUE, "blue")), "absent", "took the first value of the enum each time"),
        ((choice(RED, "blue"), choice(BLUE, "red")), "absent", "took the last value of the enum each time"),
        ((choice(RED, "red"), choice(BLUE, "red")), "supported", "the order of the values did not decide"),
        ((choice(RED, "red"), choice(RED, "red"), choice(BLUE, "red")), "supported", "in 3 choices"),
    ],
    ids=["first", "last", "the same", "the same, more often"],
)
def test_a_few_choices_hint_at_bias(turns: Sequence[Turn], outcome: str, why: str) -> None:
    """Too few for a proof, and the reason says so; there is no sign of indecision."""
    found = few_choices(turns)
    bias, indecision = found["tool_unbiased"], found["tool_indecisive"]

    assert (bias.outcome, bias.strength) == (outcome, "consistent")
    assert why in bias.reason
    assert "too few for a proof" in bias.reason
    assert bias.evidence == tuple(turn.evidence for turn in turns)
    assert (indecision.outcome, indecision.strength) == ("absent", "consistent")
    assert (indecision.successes, indecision.trials) == (0, len(turns))


def test_choosing_both_is_seen_once_and_for_all() -> None:
    """Indecision is in the reply itself; of bias nothing is left to say."""
    found = few_choices((choice(RED, "red", "blue"), choice(BLUE, "red")))

    assert (found["tool_indecisive"].outcome, found["tool_indecisive"].strength) == ("supported", "shown")
    assert (found["tool_indecisive"].successes, found["tool_indecisive"].trials) == (1, 2)
    assert found["tool_unbiased"].outcome == "inconclusive"


def test_a_list_of_both_values_is_choosing_both() -> None:
    """In one call as in two; the same value twice is one choice."""
    both = replace(choice(RED), reply=calling("paint", {"colour": ["red", "blue"]}))
    found, twice = few_choices((both, choice(BLUE, "blue"))), few_choices((choice(RED, "red", "red"), choice(BLUE)))

    assert found["tool_indecisive"].outcome == "supported"
    assert twice["tool_indecisive"].outcome == "absent"


@pytest.mark.parametrize(
    "turns",
    [
        (),
        (choice(RED, "red"),),
        (choice(RED, "red"), choice(RED, "blue")),
        (choice(RED), choice(BLUE)),
        (choice(RED, "green"), choice(BLUE, "green")),
        (choice(RED, "red"), choice(("up", "down"), "up")),
    ],
    ids=["nothing", "once", "one order", "no calls", "neither value", "other values"],
)
def test_without_the_same_values_in_two_orders_nothing_is_said(turns: Sequence[Turn]) -> None:
    """A first value that is taken each time may just be liked."""
    assert few_choices(turns) == {}


@pytest.mark.parametrize("arguments", [{}, {"wall": "north"}, "[]", '{"colour": ', {"colour": None}, {"colour": {}}])
def test_a_call_without_the_value_is_no_choice(arguments: Any) -> None:
    """It takes two that can be compared."""
    without = replace(choice(RED), reply=calling("paint", arguments))
    found = few_choices((without, choice(BLUE, "blue")))

    assert found["tool_indecisive"].trials == 1
    assert found["tool_unbiased"].outcome == "inconclusive"
    assert "1 made no call" in found["tool_unbiased"].reason


@pytest.mark.parametrize(
    "parameters",
    [{}, {"properties": None}, {"properties": {"colour": True}}, {"properties": {"colour": {"enum": 5}}},
     {"properties": {"colour": {"enum": [["red"], {}]}}}, {"properties": {"colour": {"enum": ["red"]}}}],
)  # fmt: skip
def test_tools_without_a_choice_of_words_say_nothing(parameters: dict[str, Any]) -> None:
    """Recorded tools have any schema."""
    offered = turn(calling("paint", {"colour": "red"}), asking(tools=(Tool("paint", parameters=parameters),)))

    assert few_choices((offered, offered)) == {}


# --- sources

SEARCHING = asking(server_tools=(ServerTool("web_search"),))
PAGE = Citation("web", "A page", "https://a.test")
DOCUMENT = Citation("document", "Ducks", quote="Quack")
CITING = asking((Text("Who?"), File("document", text="A duck.", cite=True)))


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        (said("News.", server_tools=("web_search",)), "shown", "the server ran web_search"),
        (said("News.", server_tools=("python", "browser_search")), "shown", "the server ran browser_search"),
        (said("News.", citations=(PAGE,)), "shown", "the server cites https://a.test"),
        (said("News.", citations=(Citation("web", "A page"),)), "shown", "the server cites A page"),
        (said("News."), "ignored", "no trace of a search"),
        (said("News.", server_tools=("python", "file_search_call")), "ignored", "no trace of a search"),
        (said("News.", citations=(DOCUMENT,)), "ignored", "no trace of a search"),
        (said(" "), "void", "no text"),
        (said("", server_tools=("web_search",)), "shown", "the server ran web_search"),
    ],
)
def test_a_search_leaves_a_trace(reply: Reply, kind: str, why: str) -> None:
    """A run that is named, or pages of the web: that is proof."""
    mark = searched(turn(reply, SEARCHING))

    assert (mark.kind, mark.strength, why in mark.reason) == (kind, "shown", True)
    assert marked("web_search", SEARCHING, reply) == (kind, "shown")


def test_a_refused_search_is_not_believed() -> None:
    """There are many ways of asking for one, and the refusal is of this one."""
    assert [cell for cell, check in LONE_CHECKS.items() if not check.believes_refusals] == ["web_search"]


def test_a_search_that_nobody_asked_for_is_seen() -> None:
    """Only in answers, and only where none was asked for."""
    found = searches_unasked(
        [
            turn(said("News."), evidence="plain"),
            turn(said("News.", citations=(PAGE,)), SEARCHING, "asked"),
            turn(replace(refusal("no"), citations=(PAGE,)), evidence="refused"),
            turn(said("News.", citations=(PAGE,)), evidence="unasked"),
        ]
    )

    assert found is not None
    assert (found.outcome, found.successes, found.trials, found.evidence) == ("supported", 1, 1, ("unasked",))
    assert "https://a.test" in found.reason


def test_where_no_search_was_seen_nothing_is_said() -> None:
    """Not to search is no fault where nobody asked."""
    assert searches_unasked([turn(said("News.")), turn(said("News.", citations=(PAGE,)), SEARCHING)]) is None


def test_citations_of_a_document_are_supported_whether_they_were_asked_for_or_not() -> None:
    """They are there to be seen."""
    asked, unasked = turn(said("Quack.", citations=(DOCUMENT,)), CITING), turn(said("Quack.", citations=(DOCUMENT,)))
    found = cited([asked, unasked, turn(said("Hi."))])

    assert found is not None
    assert (found.outcome, found.successes, found.trials, found.quote) == ("supported", 2, 2, "Quack")
    assert found.strength == "shown"


@pytest.mark.parametrize("citations", [(), (PAGE,)], ids=["none", "pages of the web"])
def test_citations_that_were_asked_for_and_did_not_come_are_ignored(citations: tuple[Citation, ...]) -> None:
    """Pages of the web are no answer to a document."""
    missing = turn(said("Quack.", citations=citations), CITING, "missing")
    alone, beside = cited([missing]), cited([turn(said("Quack.", citations=(DOCUMENT,)), CITING, "there"), missing])

    assert alone is not None
    assert beside is not None
    assert (alone.outcome, alone.successes, alone.trials) == ("ignored", 0, 1)
    assert (beside.outcome, beside.successes, beside.trials) == ("flaky", 1, 2)
    assert beside.evidence == ("missing", "there")


@pytest.mark.parametrize(
    "one",
    [
        turn(said("News.", citations=(PAGE,))),
        turn(said("News.")),
        turn(refusal("no"), CITING),
        turn(said(""), CITING),
        turn(calling("open"), CITING),
        turn(said("A duck."), asking((Text("Who?"), File("document", text="A duck.", cite=False)))),
        turn(said("A duck."), asking((Text("Who?"), File("document", text="A duck.")))),
    ],
    ids=["web only", "neither", "refused", "empty", "a call", "asked not to", "not asked"],
)
def test_where_no_citation_was_due_nothing_is_said(one: Turn) -> None:
    """The cell stays untested."""
    assert cited([one]) is None


# --- seed


def test_one_reply_to_a_seed_is_only_accepted() -> None:
    """It cannot show that the seed fixes the text."""
    assert marked("seed", asking(seed=1), said("News.")) == ("shown", "accepted")
    assert marked("seed", asking(seed=1), said(" ")) == ("void", "shown")


def repeated(same: Sequence[Reply], without: Sequence[Reply] = ()) -> Mark | None:
    """What replies to one request with a seed, and without it, show."""
    seeded = [turn(reply, asking(seed=1), f"same{number}") for number, reply in enumerate(same)]
    return seed_repeated(seeded, [turn(reply, evidence=f"bare{number}") for number, reply in enumerate(without)])


def test_a_seed_that_repeats_a_text_which_varies_without_it_is_shown() -> None:
    """The reply that differs is part of the evidence."""
    mark = repeated([said("a b"), said("a b")], [said("a b"), said("c d")])

    assert mark is not None
    assert (mark.kind, mark.strength, mark.evidence) == ("shown", "shown", ("same0", "same1", "bare1"))


def test_a_seed_that_gives_another_text_is_ignored() -> None:
    """The two that differ are the evidence."""
    mark = repeated([said("a b"), said("a b"), said("c d")])

    assert mark is not None
    assert (mark.kind, mark.strength, mark.evidence) == ("ignored", "shown", ("same0", "same2"))
    assert (mark.expected, mark.actual) == ("a b", "c d")


@pytest.mark.parametrize(
    ("same", "without"),
    [
        ([], []),
        ([said("a")], [said("b")]),
        ([said("a"), said("a")], []),
        ([said("a"), said("a")], [said("a")]),
        ([said("a"), said("a")], [said("")]),
        ([said("a"), said("a")], [said("a b", complete=False)]),
        ([said("a"), said("")], [said("b")]),
        ([said("a b"), said("a", complete=False)], []),
        ([said("a", fingerprint="f1"), said("b", fingerprint="f2")], []),
    ],
    ids=["nothing", "once", "no control", "the same without", "empty control", "broken control", "empty",
         "a stream that broke off", "another backend"],
)  # fmt: skip
def test_repetitions_that_show_nothing(same: Sequence[Reply], without: Sequence[Reply]) -> None:
    """No mark at all."""
    assert repeated(same, without) is None


def test_one_backend_that_gives_another_text_has_no_excuse() -> None:
    """The fingerprint is the same."""
    mark = repeated([said("a", fingerprint="f1"), said("b", fingerprint="f1")])

    assert mark is not None
    assert mark.kind == "ignored"


# --- max tokens

CAPPED = asking(max_tokens=8)
WORDS = "one two three four five six seven eight"


def ending(text: str, finish: str | None, made: int | None, **fields: Any) -> Reply:
    """A reply with this finish reason and count."""
    usage = None if made is None else replace(counts(20, made), reasoning=fields.pop("thought", None))
    return said(text, finish=finish, finish_raw=finish or "", usage=usage, **fields)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (ending(WORDS, "length", 8), ("shown", "consistent")),
        (ending(WORDS, "length", 10), ("shown", "consistent")),
        (ending(WORDS, "length", None), ("shown", "consistent")),
        (ending(WORDS, "stop", 8), ("shown", "consistent")),
        (ending(WORDS, None, 7), ("shown", "consistent")),
        (ending("", "length", 8, reasoning="hm " * 99, thought=8), ("shown", "consistent")),
        (ending("Yes.", "stop", None), ("shown", "accepted")),
        (ending("", "stop", None, reasoning="hm"), ("shown", "accepted")),
        (ending("Yes.", "stop", 2), ("void", "shown")),
        (ending("", "stop", None), ("void", "shown")),
        (ending(WORDS * 2, "stop", 30), ("ignored", "consistent")),
        (ending(WORDS * 2, "length", 8), ("ignored", "consistent")),
        (ending(f"{WORDS} nine ten eleven", "stop", None), ("ignored", "consistent")),
        (ending("Yes.", "stop", 30), ("ignored", "consistent")),
        (ending(WORDS, "length", 30, thought=22), ("partial", "consistent")),
        (ending("", "length", 30, reasoning="hm " * 30), ("partial", "consistent")),
        (ending("", "length", 8, reasoning="hm " * 30), ("partial", "consistent")),
        (ending("", "length", 8, reasoning="hm", thought=999), ("partial", "consistent")),
        (ending("", "length", 8, reasoning="hm " * 30, thought=0), ("partial", "consistent")),
        (ending("", "length", 0, reasoning="hm " * 30, thought=0), ("void", "shown")),
        (ending(WORDS, "length", 0), ("shown", "consistent")),
        (ending(WORDS, "length", 30), ("partial", "consistent")),
    ],
    ids=["cut", "cut, one counted more", "cut, no counts", "cut, says stop", "cut, says nothing",
         "a summary longer than the tokens", "no counts", "thoughts without counts", "ended by itself", "empty",
         "longer", "longer, says length", "more words, no counts", "more tokens, says stop", "thoughts not capped",
         "thoughts only", "more thoughts than tokens", "counted apart", "a zero beside thoughts",
         "nothing counted, thoughts", "nothing counted", "more counted"],
)  # fmt: skip
def test_a_reply_against_its_cap(reply: Reply, expected: tuple[str, str]) -> None:
    """Counts and finish reason look like a cut; without a count, a short reply was at least accepted."""
    assert marked("max_tokens", CAPPED, reply) == expected


def test_what_a_partial_cap_counts_is_told() -> None:
    """Whether it is thoughts that are not capped, or the counts are odd."""
    mark = LONE_CHECKS["max_tokens"].mark
    thoughts = mark(turn(ending(WORDS, "length", 30, thought=22), CAPPED))
    odd = mark(turn(ending(WORDS, "length", 30), CAPPED))

    assert (thoughts.reason, odd.reason) == ("caps the visible text only", "cut, but more tokens are counted")
    assert (odd.expected, odd.actual) == ("at most 8 tokens", "finish length, 30 tokens")


# --- stop

STOPPED = asking("Count: one two three END four", stop=("END",))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (ending("one two", "stop_sequence", 2), ("shown", "shown")),
        (ending("", "stop_sequence", 0), ("shown", "shown")),
        (ending("one two three", "stop", 3), ("shown", "consistent")),
        (ending("one two three ", None, 3), ("shown", "consistent")),
        (ending("one two", "stop", 2), ("shown", "accepted")),
        (ending("one two three END", "stop", 4), ("partial", "consistent")),
        (ending("one two three END \n", "stop", 4), ("partial", "consistent")),
        (ending("", "stop", 9, reasoning='I shall count: "one two three '), ("partial", "consistent")),
        (ending("", "stop", 9, reasoning="I count to three, then"), ("void", "shown")),
        (ending("one two three END four", "stop", 5), ("ignored", "shown")),
        (ending("END END", "stop", 2), ("ignored", "shown")),
        (ending("one END two", "stop_sequence", 3), ("ignored", "shown")),
        (ending("", "stop", 0), ("void", "shown")),
        (ending("", "stop", 9, reasoning="I count to END, then"), ("void", "shown")),
        (ending("one two", "length", 2), ("void", "shown")),
    ],
    ids=["the wire says so", "the wire says so, and no text", "due", "due, with space", "not due", "left",
         "left, space", "in the reasoning", "thinks and says nothing", "goes on", "twice",
         "goes on, says otherwise", "empty", "past it in the reasoning", "cut"],
)  # fmt: skip
def test_a_reply_against_its_stop_word(reply: Reply, expected: tuple[str, str]) -> None:
    """Its absence is telling only where the wire or the question says that it was due."""
    assert marked("stop", STOPPED, reply) == expected


@pytest.mark.parametrize(
    ("stop", "text", "kind"),
    [
        (("B", "A"), "1 A 2 B", "ignored"),
        (("A", "B"), "1 A 2 B", "ignored"),
        (("B", "A"), "1 2 B", "partial"),
        (("\n",), "one line\n", "partial"),
        (("\n",), "one line\nanother", "ignored"),
        (("\n",), "one line", "shown"),
        (("", "B"), "1 2", "shown"),
    ],
)
def test_the_first_of_several_stop_words_counts(stop: tuple[str, ...], text: str, kind: str) -> None:
    """In whatever order they are listed; white space may be one, and an empty one is none."""
    assert kind_of("stop", asking(stop=stop), said(text)) == kind


# --- log probabilities


def probable(*values: float | None, top: int = 0) -> tuple[TokenLogprob, ...]:
    """Tokens with these values, each with ``top`` alternatives."""
    others = tuple((f"o{number}", -3.0 - number) for number in range(top))
    return tuple(TokenLogprob(f"t{number}", value, others) for number, value in enumerate(values))


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        (probable(-0.1, -0.2, top=2), ("shown", "consistent")),
        (probable(-0.1, -0.2), ("partial", "consistent")),
        (probable(-0.1, -0.2, top=1), ("partial", "consistent")),
        (probable(0.5, 0.7, top=2), ("broken", "consistent")),
        (probable(*[0.0] * 6, top=2), ("broken", "consistent")),
        ((), ("ignored", "consistent")),
        (None, ("ignored", "consistent")),
    ],
    ids=["good", "no alternatives", "too few", "positive", "made up", "empty", "null"],
)
def test_log_probabilities_are_there_to_be_looked_at(
    logprobs: tuple[TokenLogprob, ...] | None, expected: tuple[str, str]
) -> None:
    """But no control shows that they come because they were asked for."""
    assert marked("probs", asking(top_logprobs=2), said("t0t1", logprobs=logprobs)) == expected


def test_without_text_there_are_no_probabilities_to_miss() -> None:
    """Nothing is said."""
    assert kind_of("probs", asking(top_logprobs=2), said("", logprobs=None)) == "void"


# --- media

SEEING = asking((Text("What fruit is it?"), PNG))


@pytest.mark.parametrize(
    "text",
    ["banana", "Banana.", "It is a **banana**!", "_Banana_", "a ｂａｎａｎａ", "I can't see much, but a banana"],
)
def test_the_right_word_is_consistent_with_seeing(text: str) -> None:
    """It may be guessed, so it is no more than that."""
    mark = taken_in(turn(said(text), SEEING), "banana")

    assert (mark.kind, mark.strength, mark.evidence) == ("shown", "consistent", ("e",))


@pytest.mark.parametrize("text", ["An apple.", "bananarama", "ban ana", "I cannot see any image."])
def test_another_word_is_not(text: str) -> None:
    """The medium was accepted, and not taken in; part of a word is another word."""
    mark = taken_in(turn(said(text), SEEING), "banana")

    assert (mark.kind, "(banana)" in mark.reason) == ("ignored", True)


def test_what_a_medium_shows_may_have_several_words_in_any_case() -> None:
    """They must stand together."""
    assert taken_in(turn(said("It's a RED-apple.")), "Red Apple").kind == "shown"
    assert taken_in(turn(said("A red car and an apple.")), "Red Apple").kind == "ignored"


def test_an_answer_about_something_unknown_is_only_accepted() -> None:
    """Right or wrong: here nobody knows."""
    mark = taken_in(turn(said("A quiet street at night."), SEEING), None)

    assert (mark.kind, mark.strength) == ("shown", "accepted")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't see any image.",
        "I can’t view pictures.",
        "I don’t have access to the file.",
        "I cannot listen to audio.",
        "I am unable to open links.",
        "There is no attached document.",
        "I see no image here.",
    ],
)
def test_a_model_that_says_it_has_not_got_the_medium_shows_nothing(text: str) -> None:
    """Nor was it refused."""
    assert taken_in(turn(said(text), SEEING), None).kind == "void"


@pytest.mark.parametrize("text", ["There is no text in this picture.", "No doubt a street.", "The tin can is open."])
def test_a_no_in_an_answer_is_not_taken_for_blindness(text: str) -> None:
    """It speaks of what is there."""
    assert taken_in(turn(said(text), SEEING), None).kind == "shown"


@pytest.mark.parametrize("shows", ["banana", None])
def test_without_text_nothing_is_said_of_a_medium(shows: str | None) -> None:
    """Known or not."""
    assert taken_in(turn(said(" "), SEEING), shows).kind == "void"


def test_a_medium_that_came_is_shown() -> None:
    """By its type, where the wire tells it; another kind is not the one that was wanted."""
    drawn = turn(said("Here.", media=(Media("audio", text="la"), Media("image", "image/png"))))
    picture, sound, film = (put_out(drawn, kind) for kind in ("image", "audio", "video"))

    assert (picture.kind, picture.strength, picture.reason) == ("shown", "shown", "image/png came")
    assert (sound.kind, sound.reason, sound.quote) == ("shown", "audio came", "la")
    assert (film.kind, film.reason, film.quote or film.actual) == ("ignored", "no video came", "Here.")


# --- from marks to verdicts


def test_one_recorded_refusal_can_decide() -> None:
    """In a scan it is asked for twice; a recording cannot be asked again."""
    rejected = Mark("rejected", "no", evidence=("e",))

    assert fold([rejected], ONCE, refusals=1).verdict.outcome == "rejected"
    assert fold([rejected], ONCE).verdict.outcome == "inconclusive"


@given(st.lists(st.tuples(st.sampled_from(get_args(Kind)), st.sampled_from(STRENGTHS)), min_size=1, max_size=6))
def test_the_strongest_of_the_marks_that_work_counts(pairs: list[tuple[str, Strength]]) -> None:
    """What does not work, and what says nothing, lends no strength to what does."""
    marks = [Mark(cast(Kind, kind), "r", strength=strength) for kind, strength in pairs]
    verdict = fold(marks, ONCE, refusals=1).verdict
    working = [strength for kind, strength in pairs if kind in ("shown", "partial")]

    expected = max(working, key=STRENGTHS.index) if working else "shown"
    assert verdict.strength == expected


# --- on the scoreboard


def board_of(verdict: Verdict, strength: Strength = "shown") -> Scoreboard:
    """A scoreboard with one cell."""
    return Scoreboard("p", "P", (Row("m", False, "sync", {"json": verdict}),), strength=strength)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_strength_of_a_verdict_is_written_and_read_back(outcome: Outcome, strength: Strength) -> None:
    """It is left out only where it goes without saying: what does not work was seen not to work."""
    board = board_of(Verdict(outcome, strength=strength), strength)
    written = to_json(board)

    told = strength != "shown" or outcome in ("supported", "flaky", "partial")
    assert written["rows"][0]["cells"]["json"].get("strength") == (strength if told else None)
    assert written["strength"] == strength
    assert from_json(written) == board


@pytest.mark.parametrize("least", STRENGTHS)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_weaker_evidence_than_a_board_asks_for_is_no_result(
    outcome: Outcome, strength: Strength, least: Strength
) -> None:
    """It becomes "could not find out" and says why; what is strong enough, or was none, stays as it is."""
    verdict = Verdict(outcome, "works", 1, 1, evidence=("e",), strength=strength)
    board = board_of(verdict, least)
    found = weighed(board).rows[0].cells["json"]

    weak = STRENGTHS.index(strength) < STRENGTHS.index(least)
    if weak and outcome not in ("inconclusive", "untested"):
        assert found == replace(verdict, outcome="inconclusive", reason=f"{strength} only: works")
    else:
        assert found == verdict
    assert weighed(weighed(board)) == weighed(board)
    assert board == board_of(verdict, least)
