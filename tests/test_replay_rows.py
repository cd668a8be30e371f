"""From exchanges to rows: which belong together, which go on with which, and which is whose control."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from llmprobe.call import Call, JsonObject, Message, Tool, ToolCall
from llmprobe.checks.evidence import Turn
from llmprobe.dialects import Listed
from llmprobe.replay.rows import RecordedRow, answers, by_wish, is_continuation, rows_of, wish
from llmprobe.reply import Reply, Usage
from tests.replayed import CHAT, Pair, ask, fetched, recorded, replayed, seen
from tests.talks import refusal, said

THOUGHT = said("Fine.", reasoning="Hm.", reasoning_place="reasoning")
ADD = Tool("add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})


def made(*pairs: Pair) -> list[RecordedRow]:
    return rows_of(seen(*pairs))


def shape(*pairs: Pair) -> list[tuple[str, bool, str, int]]:
    """Model, thinking, mode and number of turns of each row."""
    return [(row.model, row.thinking, row.mode, len(row.turns)) for row in made(*pairs)]


# --- models and modes


def test_each_model_has_a_row_for_each_mode() -> None:
    """Models as they came, sync first, turns as they came."""
    pairs = [(ask(model=model, stream=stream), said()) for model in "ba" for stream in (True, False, False)]
    assert shape(*pairs) == [
        ("b", False, "sync", 2), ("b", False, "stream", 1), ("a", False, "sync", 2), ("a", False, "stream", 1),
    ]  # fmt: skip
    assert [turn.evidence for turn in made(*pairs)[0].turns] == ["a.yaml#1", "a.yaml#2"]


def test_a_request_without_a_model_belongs_to_the_one_that_answered() -> None:
    """Servers of one model do not want a name."""
    assert shape((ask(model=""), said(model="served"))) == [("served", False, "sync", 1)]


def test_a_refusal_of_a_request_without_a_model_belongs_to_the_one_that_answered_others() -> None:
    """An error names no model, and it is one of the same server."""
    refused = (ask("No?", model=""), refusal("No."))
    answered = (ask(model=""), said(model="served"))
    assert shape(refused, answered) == [("served", False, "sync", 2)]
    assert shape(answered, refused) == [("served", False, "sync", 2)]


def test_it_belongs_to_none_when_several_answered() -> None:
    """No guess."""
    pairs = [(ask(model=""), said(model=model)) for model in ("one", "other")]
    assert shape(*pairs, (ask(model=""), refusal("No."))) == [
        ("one", False, "sync", 1), ("other", False, "sync", 1), ("", False, "sync", 1),
    ]  # fmt: skip


def test_what_no_model_answered_is_told_and_makes_no_row() -> None:
    """A row without a name would say nothing."""
    found = replayed(recorded((ask(model=""), refusal("No.")), (ask(model="a"), said())))
    assert [row.model for board in found.boards for row in board.rows] == ["a"]
    assert [(one.evidence, one.why) for one in found.unused] == [("a.yaml#0", "no model is named, and none answered")]


# --- thinking


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # asked on, and never shown: the model cannot, and all is one row
        ((True, said()), (None, said()), [(False, 2)]),
        # not asked, and shown: the model always thinks
        ((None, THOUGHT), (True, THOUGHT), [(True, 2)]),
        # asked on and shown, not asked and not shown: two states
        ((None, said()), (True, THOUGHT), [(False, 1), (True, 1)]),
        # asked off, and shown all the same
        ((False, THOUGHT), (None, THOUGHT), [(True, 2)]),
        ((False, said()), (None, THOUGHT), [(False, 1), (True, 1)]),
        # one reply of those that were asked for alike is enough: easy questions need no thought
        ((None, THOUGHT), (None, said()), [(True, 2)]),
    ],
)
def test_replies_tell_whether_a_model_thinks(
    first: tuple[bool | None, Reply], second: tuple[bool | None, Reply], expected: list[tuple[bool, int]]
) -> None:
    """What was asked for only tells which replies belong together."""
    pairs = [(ask(thinking=asked), reply) for asked, reply in (first, second)]
    assert [(thinking, n) for _, thinking, _, n in shape(*pairs)] == expected


def test_thoughts_count_in_both_modes() -> None:
    """Some providers stream none of them."""
    assert shape((ask(), THOUGHT), (ask(stream=True), said())) == [("m", True, "sync", 1), ("m", True, "stream", 1)]


def test_a_count_of_thoughts_is_as_good_as_thoughts() -> None:
    """Some providers keep the text to themselves."""
    reply = said(usage=Usage(5, 7, 12, reasoning=4))
    assert shape((ask(), reply)) == [("m", True, "sync", 1)]


def test_the_thoughts_of_one_model_are_not_those_of_another() -> None:
    """Each is asked by itself."""
    assert [row[:2] for row in shape((ask(model="a"), THOUGHT), (ask(model="b"), said()))] == [
        ("a", True),
        ("b", False),
    ]


def test_a_reply_that_reached_its_cap_is_expected_to_be_cut() -> None:
    """So that its ending is judged as that of a cut."""
    cut = said("One two", finish="length", finish_raw="length")
    pairs = [
        (ask(max_tokens=2), said("One two")),
        (ask(max_tokens=9), said("One two")),
        (ask(max_tokens=9), cut),
        (ask(), cut),
    ]
    [row] = made(*pairs)
    assert [turn.expects for turn in row.turns] == ["cut", "any", "cut", "any"]


# --- the order of a board


def test_rows_stand_in_the_order_of_the_list_of_models() -> None:
    """Others after them, as they came; lists of other hosts say nothing."""

    def listing(*models: str, base: str = "https://api.acme.test") -> Any:
        found = fetched("/v1/models", CHAT.encode_models(tuple(Listed(model, {}) for model in models)).body)
        return replace(found, request=replace(found.request, url=f"{base}/v1/models"))

    talked = recorded(*[(ask(model=model), said()) for model in "xcyab"])
    found = replayed([*talked, listing("a", "b", "c"), listing("y", "x", base="https://other.test")])
    assert [row.model for row in found.boards[0].rows] == ["a", "b", "c", "x", "y"]


# --- conversations that go on


def call_of(identity: str = "c1", name: str = "add", arguments: str = '{"a": 1}') -> Reply:
    """A reply that calls a tool."""
    return said("", tool_calls=(ToolCall(identity, name, arguments),), finish="tool_calls", finish_raw="tool_calls")


def going_on(call: Call, reply: Reply, identity: str | None = "c1") -> Call:
    """The request that sends the result of the calls in ``reply``."""
    back = Message("assistant", tool_calls=reply.tool_calls)
    result = Message("tool", "7", tool_call_id=identity)
    return replace(call, messages=(*call.messages, back, result))


def turns(*pairs: Pair) -> list[Turn]:
    return [Turn("recorded", call, reply, f"e{number}") for number, (call, reply) in enumerate(pairs)]


def linked(*pairs: Pair) -> dict[str, str]:
    """Which turn answers which."""
    return {first: second.evidence for first, second in answers(turns(*pairs)).items()}


def test_a_call_is_linked_to_its_result_by_its_id() -> None:
    """Wherever they stand."""
    asked, called = ask(tools=(ADD,)), call_of()
    after = going_on(asked, called)
    assert linked((asked, called), (after, said("7"))) == {"e0": "e1"}
    assert linked((after, said("7")), (ask("Else?"), said()), (asked, called)) == {"e2": "e0"}


def test_a_call_without_an_id_is_linked_by_what_it_says() -> None:
    """However its arguments are written."""
    asked, called = ask(tools=(ADD,)), call_of("", arguments='{"a":1,"b":2}')
    other = call_of("", arguments='{ "b": 2, "a": 1 }')
    assert linked((asked, called), (going_on(asked, other, None), said("7"))) == {"e0": "e1"}
    assert linked((asked, called), (going_on(asked, call_of("", arguments='{"a":2}'), None), said("7"))) == {}


def test_a_client_may_give_calls_ids_of_its_own() -> None:
    """Then what they say links them."""
    asked = ask(tools=(ADD,))
    assert linked((asked, call_of("c1")), (going_on(asked, call_of("mine"), "mine"), said("7"))) == {"e0": "e1"}


def test_where_the_server_keeps_the_conversation_the_id_alone_links() -> None:
    """The request holds nothing but the result."""
    asked = ask(tools=(ADD,))
    after = Call("m", (Message("tool", "7", tool_call_id="c1"),), tools=(ADD,))
    assert linked((asked, call_of()), (after, said("7"))) == {"e0": "e1"}
    other = replace(after, messages=(Message("tool", "7", tool_call_id="c2"),))
    assert linked((asked, call_of()), (other, said("7"))) == {}


def test_the_same_call_in_another_conversation_is_not_its_beginning() -> None:
    """The question is another one."""
    asked, other, called = ask("One?", tools=(ADD,)), ask("Other?", tools=(ADD,)), call_of("")
    assert linked((asked, called), (going_on(other, called, None), said("7"))) == {}
    assert linked((asked, called), (other, called), (going_on(other, called, None), said("7"))) == {"e1": "e2"}


def test_each_result_is_used_once() -> None:
    """Two trials that went alike have two answers, or one of them has none."""
    asked, called = ask(tools=(ADD,)), call_of("")
    after = going_on(asked, called, None)
    assert linked((asked, called), (asked, called), (after, said("7"))) == {"e0": "e2"}
    assert linked((asked, called), (asked, called), (after, said("7")), (after, said("8"))) == {"e0": "e2", "e1": "e3"}


def test_an_id_counts_more_than_what_a_call_says() -> None:
    """Two trials that went alike but for their ids."""
    asked = ask(tools=(ADD,))
    first, second = call_of("c1"), call_of("c2")
    pairs = [(asked, first), (asked, second), (going_on(asked, second, "c2"), said("8"))]
    assert linked(*pairs) == {"e1": "e2"}
    assert linked(*pairs, (going_on(asked, first, "c1"), said("7"))) == {"e0": "e3", "e1": "e2"}


def test_a_long_conversation_is_a_chain() -> None:
    """Each call has the request right after it, and not a later one, which holds the same call too."""
    asked = ask(tools=(ADD,))
    first, second = call_of("c1"), call_of("c2", arguments='{"a": 2}')
    one = going_on(asked, first, "c1")
    two = going_on(one, second, "c2")
    pairs = [(asked, first), (one, second), (two, said("Done."))]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]):
        found = answers([turns(*pairs)[place] for place in order])
        assert {key: turn.evidence for key, turn in found.items()} == {"e0": "e1", "e1": "e2"}


def test_only_a_last_word_of_a_tool_goes_on_with_a_call() -> None:
    """When the user has spoken again, it is another question."""
    asked = ask(tools=(ADD,))
    after = going_on(asked, call_of())
    assert is_continuation(after)
    assert not is_continuation(asked)
    assert not is_continuation(replace(after, messages=(*after.messages, Message("user", "Thanks."))))
    assert not is_continuation(replace(asked, messages=()))


# --- controls


def test_a_control_asks_for_the_same_and_was_answered() -> None:
    """All of them, as they came."""
    bare = ask()
    found = turns((bare, refusal("No.")), (ask("Else?"), said()), (bare, said("A")), (bare, said("B")))
    assert [turn.evidence for turn in by_wish(found)[wish(bare)]] == ["e2", "e3"]
    assert wish(ask("No one asked.")) not in by_wish(found)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"spelling": (("max_tokens", "max_completion_tokens"),)}, True),
        ({"max_tokens": 9}, False),
        ({"temperature": 0.5}, False),
        ({"stream": True}, False),
        ({"patch": {"user": "x"}}, False),
        ({"response_format": JsonObject()}, False),
        ({"tools": (ADD,)}, False),
    ],
)
def test_spelling_is_all_in_which_a_control_may_differ(change: dict[str, Any], same: bool) -> None:
    """It is how a request is written, and not what it asks for."""
    assert (wish(ask(max_tokens=8)) == wish(replace(ask(max_tokens=8), **change))) is same


# --- size


def test_many_alike_are_no_trouble() -> None:
    """A log of one question, asked over and over, with calls that cannot be told apart: each has its own answer."""
    asked, called = ask(tools=(ADD,), seed=1), call_of("")
    pairs = [(asked, called), (going_on(asked, called, None), said("7"))] * 2_000
    random.Random(1).shuffle(pairs)
    found = answers(turns(*pairs))

    assert len(found) == 2_000
    assert len({turn.evidence for turn in found.values()}) == 2_000
