"""First contact: does it chat, how is its output capped, does it think, can that be switched?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.call import Call
from llmprobe.conversation import Ask, Contact, Footing
from llmprobe.reply import ApiError, Reply
from llmprobe.scenario import Thinking
from tests.talks import DIALECT, Endpoint, counts, demo, later, meet, refusal, said, when
from tests.test_conversation import REPLIES

SPELLINGS = DIALECT.spellings["thinking"]


def thought(text: str = "435", **fields: Any) -> Reply:
    """A reply that shows its thoughts."""
    return said(text, **({"reasoning": "27 x 14 is 378.", "reasoning_place": "reasoning"} | fields))


def arms(asks: list[Ask]) -> list[str]:
    """What was asked, by name."""
    return [ask.arm for ask in asks]


def is_canary(call: Call) -> bool:
    """The field that exists nowhere is sent."""
    return any(name.startswith("llmprobe_") for name in call.patch)


def switchable(default: bool, spelling: str, refuses_others: bool = False) -> Endpoint:
    """Thinks or not by default; the switch is heard in one spelling."""

    def reply(call: Call) -> Reply:
        if call.thinking is None:
            return thought() if default else said("435")
        if call.spelled("thinking", SPELLINGS[0]) != spelling:
            if refuses_others:
                return refusal("Unrecognized request argument supplied")
            return thought() if default else said("435")
        return thought() if call.thinking else said("435")

    return reply


# --- chatting, or not


def test_a_plain_model_has_one_footing() -> None:
    """No thinking, no switch, cap accepted as it is spelled by default."""
    found, asks = meet(lambda _: said("435"))

    assert (found.state, found.footings) == ("chats", (Footing("m"),))
    assert arms(asks) == ["hello", "canary", *["thinking on"] * len(SPELLINGS)]
    assert found.evidence == ("case#0", "case#1")


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (refusal("This model does not support chat completions."), "not chat"),
        (refusal("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", 404),
         "not chat"),
        (refusal("This model requires that either input content or output modality contain audio.", param="model"),
         "not chat"),
        (refusal("The model `m` does not exist", 404, code="model_not_found"), "not chat"),
        (refusal("whisper does not support generate"), "not chat"),
        (refusal("Not Found", 404), "not chat"),
        (refusal("Unauthorized", 401), "key refused"),
        (refusal("Incorrect API key provided"), "key refused"),
        (refusal("You must accept the terms of this model first", 403), "trouble"),
        (refusal("Insufficient Balance", 402), "trouble"),
        (refusal("You exceeded your current quota", 429, code="insufficient_quota"), "trouble"),
        (later(429), "trouble"),
        (later(500), "trouble"),
        (refusal("failed to load model", 500), "trouble"),
        (later(503), "trouble"),
        (refusal("content_filter"), "trouble"),
        (Reply(error=ApiError("transport", None, "timeout: 60 s")), "trouble"),
        (Reply(error=ApiError("body", 200, "not JSON: an HTML page")), "trouble"),
    ],
)  # fmt: skip
def test_models_that_do_not_answer(reply: Reply, state: str) -> None:
    """Not a chat model, the key, the day; the endpoint's words are kept."""
    found, asks = meet(lambda _: reply)

    assert reply.error is not None
    assert (found.state, found.footings) == (state, ())
    assert reply.error.message in found.note
    assert arms(asks) == ["hello", "hello again"] or state != "not chat"


def test_a_refusal_must_come_twice() -> None:
    """The first one was a slip."""
    numbers = count()
    found, _ = meet(lambda _: refusal("Bad Request") if next(numbers) == 0 else said("435"))

    assert found.state == "chats"


# --- the cap


def test_max_tokens_refused_in_favour_of_another_name() -> None:
    """The name that worked goes on every footing."""
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    renamed = when(
        lambda call: call.spelled("max_tokens", "max_tokens") == "max_tokens",
        refusal(message, param="max_tokens", code="unsupported_parameter"),
        lambda _: said("435"),
    )
    found, asks = meet(renamed)

    assert {(one.cap_spelling, one.capped) for one in found.footings} == {("max_completion_tokens", True)}
    assert {ask.call.spelled("max_tokens", "") for ask in asks[1:]} == {"max_completion_tokens"}


def test_no_cap_is_accepted_at_all() -> None:
    """Then none is sent."""
    found, asks = meet(when(lambda call: call.max_tokens is not None, refusal("max_tokens: unknown field", 422),
                            lambda _: said("435")))  # fmt: skip

    assert [one.capped for one in found.footings] == [False]
    assert {ask.call.max_tokens for ask in asks[3:]} == {None}


def test_a_rate_limit_that_speaks_of_max_tokens_is_not_a_refusal_of_it() -> None:
    """Groq: "reduce your max_tokens" with a 429."""
    found, asks = meet(lambda _: refusal("Request too large: limit 6000 tokens, reduce max_tokens", 429))

    assert (found.state, arms(asks)) == ("trouble", ["hello"])


@pytest.mark.parametrize(
    ("wide", "footing"),
    [
        (thought(), Footing("m", thinking=True)),
        (said("435"), Footing("m", headroom=True)),
        (said("", finish="length"), Footing("m", headroom=True)),
        (refusal("max_tokens must be at most 2048"), Footing("m")),
    ],
    ids=["thinks", "thinks unseen", "thinks unseen and more", "cannot give more"],
)
def test_an_answer_that_the_cap_ate_is_asked_for_with_headroom(wide: Reply, footing: Footing) -> None:
    """TRAPS 1.14: empty text and finish "length". More room is no reason to lose a model that cannot give it."""
    found, asks = meet(lambda call: said("", finish="length") if (call.max_tokens or 0) <= 300 else wide)

    assert found.state == "chats"
    assert found.footings == (footing,)
    assert asks[1].arm == "headroom"
    assert (asks[1].call.max_tokens or 0) >= 2000


def test_a_long_answer_that_is_cut_is_not_a_thinker() -> None:
    """Text came before the cap."""
    found, _ = meet(lambda call: said("First, " * 300, finish="length" if (call.max_tokens or 0) <= 300 else "stop"))

    assert found.footings == (Footing("m"),)


# --- thinking


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("refuses", [False, True])
def test_the_other_state_is_found_in_whatever_spelling(default: bool, spelling: str, refuses: bool) -> None:
    """On by default and switched off, off by default and switched on; other spellings ignored or refused."""
    found, asks = meet(switchable(default, spelling, refuses))
    plain, thinking = found.footings
    switched, left = (plain, thinking) if default else (thinking, plain)

    assert (plain.thinking, thinking.thinking) == (False, True)
    assert (switched.ask_thinking, left.ask_thinking) == (not default, None)
    assert switched.thinking_spelling == ("" if spelling == SPELLINGS[0] else spelling)
    assert arms(asks)[-2:] == ["thinking off" if default else "thinking on", "thinking confirmed"]


def test_a_model_that_always_thinks_has_one_footing() -> None:
    """Every switch is accepted and ignored."""
    found, _ = meet(lambda _: thought())

    assert found.footings == (Footing("m", thinking=True),)


def test_thinking_that_shows_as_a_count_only_is_thinking() -> None:
    """OpenAI shows no text of it."""
    found, _ = meet(lambda _: said("435", usage=replace(counts(9, 99), reasoning=80)))

    assert [one.thinking for one in found.footings] == [True]


@pytest.mark.parametrize("default", [False, True])
def test_a_state_that_changes_by_itself_is_no_switch(default: bool) -> None:
    """It shows the other state once, and not when asked again."""
    numbers = count()

    def reply(call: Call) -> Reply:
        stray = call.thinking is not None and next(numbers) == 0
        return thought() if default != stray else said("435")

    found, asks = meet(reply)

    assert [one.thinking for one in found.footings] == [default]
    assert "thinking confirmed" in arms(asks)


def test_a_switch_is_not_found_in_an_outage() -> None:
    """A failed try shows no state."""
    found, _ = meet(lambda call: thought() if call.thinking is None else later())

    assert [one.thinking for one in found.footings] == [True]


KNOWN = Thinking("documented", on={"think": True}, off={"think": False})


@pytest.mark.parametrize("default", [False, True])
def test_a_switch_that_the_scenario_knows_is_tried_and_no_other(default: bool) -> None:
    """As a patch, for models that no spelling of the dialect fits."""

    def reply(call: Call) -> Reply:
        return thought() if call.patch.get("think", default) else said("435")

    found, asks = meet(reply, KNOWN)
    switched = found.footings[0 if default else 1]

    assert [one.thinking for one in found.footings] == [False, True]
    assert (switched.thinking_patch, switched.ask_thinking) == ({"think": not default}, None)
    assert {ask.call.thinking for ask in asks} == {None}


def test_a_scenario_can_say_that_there_is_no_switch() -> None:
    """Nothing is tried."""
    _, asks = meet(lambda _: thought(), Thinking("always thinks"))

    assert arms(asks) == ["hello", "canary"]


# --- the canary


@pytest.mark.parametrize(
    ("reply", "tolerated"),
    [(said("435"), True), (refusal("Unrecognized request argument supplied: llmprobe_abc"), False),
     (refusal("extra fields not permitted", 422), False), (later(), None), (later(500), None)],
)  # fmt: skip
def test_the_canary_tells_whether_acceptance_means_anything(reply: Reply, tolerated: bool | None) -> None:
    """A field that exists nowhere: accepted, refused, or not found out."""
    found, asks = meet(when(is_canary, reply, lambda _: said("435")))

    assert (found.state, found.tolerates_unknown) == ("chats", tolerated)
    assert [dict(ask.call.patch) for ask in asks if is_canary(ask.call)] == [{"llmprobe_abc": True}]


@pytest.mark.parametrize(
    ("traits", "rows"),
    [
        ({}, [False]),
        ({"thinking": "unless told not to"}, [False, True]),
        ({"thinking": "always"}, [True]),
        ({"thinking": "always", "thinking_place": "think"}, [True]),
        ({"refuses": frozenset(("thinking", "unknown"))}, [False]),
        ({"kind": "embedding"}, []),
    ],
)
def test_the_demo_brain_agrees(traits: dict[str, Any], rows: list[bool]) -> None:
    """The provider whose truth is known."""
    found, _ = meet(demo(**traits))

    assert [one.thinking for one in found.footings] == rows


@given(st.lists(REPLIES, min_size=1, max_size=8), st.sampled_from([None, KNOWN]))
@settings(max_examples=300, deadline=None)
def test_contact_survives_whatever_is_answered(replies: list[Reply], known: Thinking | None) -> None:
    """Never an exception; footings exactly when it chats, thinking off first."""
    numbers = count()
    answer: Callable[[Call], Reply] = lambda _: replies[next(numbers) % len(replies)]  # noqa: E731
    found, asks = meet(answer, known)

    assert isinstance(found, Contact)
    assert bool(found.footings) == (found.state == "chats")
    assert sorted(one.thinking for one in found.footings) == [one.thinking for one in found.footings]
    assert set(found.evidence) <= {f"case#{n}" for n in range(len(asks))}
    assert len(asks) <= 20
