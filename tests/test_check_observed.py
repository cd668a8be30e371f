"""Usage, finish reason, rate limits and thinking, read from every exchange of a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.absent import ABSENT
from llmprobe.call import Call, JsonObject, Message, Tool, ToolCall
from llmprobe.checks import OBSERVERS
from llmprobe.checks.evidence import Turn
from llmprobe.conversation import Footing
from llmprobe.probe import Expectation
from llmprobe.reply import RateLimit, Reply, Usage
from llmprobe.verdict import OUTCOMES, Verdict
from tests.talks import PROBES, counts, demo, later, refusal, said, talk, turns_of

GOOD = {"usage": Verdict("supported"), "max_tokens": Verdict("supported")}
TOOL = Tool("open_locker", "", {"type": "object"})


def turn(reply: Reply, prompt: str = "How are you?", expects: Expectation = "any", **fields: Any) -> Turn:
    """One exchange of a row."""
    call = Call("m", (Message("user", prompt),), **({"max_tokens": 300} | fields))
    return Turn("arm", call, reply, f"case#{prompt[:3]}", "probe", expects)


def observe(name: str, *turns: Turn, cells: dict[str, Verdict] | None = None) -> Verdict:
    """What an observer says."""
    found = OBSERVERS[name](turns, GOOD if cells is None else cells)
    assert found is not None
    return found


def row(*probes: str, stream: bool = False, **traits: Any) -> list[Turn]:
    """The turns of probes against a demo model."""
    footing = Footing("m", stream=stream)
    return turns_of(*(talk(probe, demo(**traits), footing=footing) for probe in probes))


SOME = ("text", "max_tokens", "tool")

# --- usage


def plain(*texts: str, usage: Any = None) -> list[Turn]:
    """Prompts of growing length, with honest or given counts."""
    prompts = ("Hi there now", "Tell me more of it, please, at length and in detail" * 3)
    return [
        turn(said(text, **({"usage": usage} if usage is not None else {"usage": counts(9 * n + 3, len(text))})), prompt)
        for text in texts
        for n, prompt in enumerate(prompts)
    ]


TEXTS = ("Red.", "A long answer that goes on. " * 12)


@pytest.mark.parametrize(
    ("turns", "outcome", "why"),
    [
        (plain(*TEXTS), "supported", "token counts in `usage`"),
        (plain(*TEXTS, usage=ABSENT), "broken", "no token counts"),
        (plain(*TEXTS, usage=Usage()), "broken", "no token counts"),
        (plain(*TEXTS, usage=counts(0, 0)), "broken", "no count of input tokens"),
        (plain(*TEXTS, usage=counts(-1, 9)), "broken", "no count of input tokens"),
        (plain(*TEXTS, usage=Usage(12, 0, 12)), "broken", "no count of output tokens"),
        (plain(*TEXTS, usage=Usage(12, None, 12)), "broken", "no count of output tokens"),
        (plain(*TEXTS, usage=Usage(12, 9, 12)), "broken", "total is less"),
        (plain(*TEXTS, usage=counts(9, 9)), "broken", "the input count is 9 for prompts of very different length"),
        (plain(*TEXTS) + plain("Blue.", usage=ABSENT), "flaky", "in some answers no token counts"),
        ([turn(later())], "inconclusive", "no complete answer"),
        ([turn(said("x", complete=False))], "inconclusive", "no complete answer"),
        ([], "inconclusive", "no complete answer"),
    ],
)
def test_usage_must_be_there_and_able_to_be_true(turns: list[Turn], outcome: str, why: str) -> None:
    """TRAPS 12: zeros, halves, sums that do not add up, constants; errors and cut streams are not judged."""
    verdict = observe("usage", *turns)

    assert verdict.outcome == outcome
    assert why in verdict.reason


def test_a_constant_output_count_is_broken() -> None:
    """The input counts follow the prompts, the output counts follow nothing."""
    turns = [replace(one, reply=replace(one.reply, usage=counts(len(str(one.call)), 9))) for one in plain(*TEXTS)]

    assert "the output count is 9" in observe("usage", *turns).reason


def test_a_chance_agreement_of_two_counts_is_not_a_constant() -> None:
    """The longest and the shortest prompt count alike, the others do not."""
    turns = plain(*TEXTS)
    turns[0] = replace(turns[0], reply=replace(turns[0].reply, usage=counts(12, 4)))
    turns[1] = replace(turns[1], reply=replace(turns[1].reply, usage=counts(12, 4)))

    assert observe("usage", *turns).outcome == "supported"


def test_tools_schemas_and_pictures_are_not_compared_by_their_prompts() -> None:
    """They add tokens of their own."""
    extra = [turn(said("{}", usage=counts(9, 9)), "Hi", response_format=JsonObject()),
             turn(said("x", usage=counts(9, 9)), "Hi" * 90, tools=(TOOL,))]  # fmt: skip

    assert observe("usage", *(extra * 3)).outcome == "supported"


def test_a_stream_that_was_asked_for_usage_and_gave_none_ignores_it() -> None:
    """As opposed to a plain reply without it."""
    asked = [turn(said("x", usage=ABSENT), stream=True, include_usage=True)]

    assert observe("usage", *asked).outcome == "ignored"


def test_reasoning_tokens_without_text_need_their_count() -> None:
    """A reply that only thought said something."""
    thought = said("", reasoning="hm", reasoning_place="reasoning", usage=Usage(9, 0, 9))

    assert observe("usage", turn(thought)).outcome == "broken"
    assert observe("usage", turn(said("", usage=Usage(9, 0, 9)))).outcome == "supported"


# --- finish reason


def ended(finish: str | None, tokens: int = 5, expects: Expectation = "any", **fields: Any) -> Turn:
    """A reply of ``tokens`` tokens that says why it ended; ``None``: says nothing."""
    known = {"stop", "length", "tool_calls", "content_filter"}
    told = {"finish": ABSENT} if finish is None else {"finish": finish if finish in known else "unknown",
                                                      "finish_raw": finish}  # fmt: skip
    reply = said("word " * tokens, **(told | {"usage": counts(9, tokens)}))
    return turn(replace(reply, **fields), expects=expects, max_tokens=16 if expects == "cut" else 300)


def called(finish: str, choice: Any = None) -> Turn:
    """A reply with a tool call."""
    reply = said("", tool_calls=(ToolCall("a", "open_locker", "{}"),), finish=finish, finish_raw=finish)
    return turn(reply, tools=(TOOL,), tool_choice=choice, expects="call")


NATURAL, CUT, CALLED = ended("stop"), ended("length", 16, "cut"), called("tool_calls")


@pytest.mark.parametrize(
    ("turns", "outcome", "why"),
    [
        ([NATURAL, CUT, CALLED], "supported", "told apart"),
        ([NATURAL, CUT], "supported", "told apart"),
        ([NATURAL, NATURAL], "inconclusive", "only one kind of ending"),
        ([NATURAL, ended("stop", 16, "cut"), CALLED], "broken", "after a cut at the cap: 'stop'"),
        ([NATURAL, CUT, called("stop")], "broken", "after a tool call: 'stop'"),
        ([NATURAL, CUT, called("stop", "required")], "supported", "told apart"),
        ([ended("length"), CUT, CALLED], "broken", "after a natural end: 'length'"),
        (
            [ended(None), replace(CUT, reply=replace(CUT.reply, finish=ABSENT, finish_raw=""))],
            "broken",
            "no finish_reason",
        ),
        (
            [replace(NATURAL, reply=replace(NATURAL.reply, finish=None, finish_raw="")), CUT],
            "broken",
            "finish_reason null",
        ),
        ([NATURAL, ended("length"), CUT, CALLED], "flaky", "sometimes 'length'"),
        ([NATURAL, CUT, ended("end_turn")], "supported", "told apart"),
        ([ended("end_turn")], "inconclusive", "no answer whose ending is known"),
        ([NATURAL, CUT, ended("content_filter")], "supported", "told apart"),
        ([turn(later()), turn(refusal("no"))], "inconclusive", ""),
        ([ended("stop", complete=False)], "inconclusive", ""),
    ],
)
def test_finish_reasons_must_tell_endings_apart(turns: list[Turn], outcome: str, why: str) -> None:
    """TRAPS 3: always stop, absent, null, wrong now and then; unknown values and filters are not held against it."""
    verdict = observe("finish", *turns)

    assert verdict.outcome == outcome
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("one", "cells"),
    [
        (ended("stop", 6, "cut"), GOOD),  # it ended by itself below the cap
        (ended("length", 500, "cut"), GOOD),  # only the visible text is capped
        (ended("stop", 300), GOOD),  # it ended by itself at the cap, or was cut
        (ended("length", 299), GOOD),
        (ended("length", usage=ABSENT), GOOD),  # without counts it may well have reached the cap
        (ended("stop", 16, "cut", usage=counts(9, 10)), {"usage": Verdict("broken")}),
        (ended("length", 16, "cut", usage=counts(9, 10)), {"usage": Verdict("broken")}),
    ],
)
def test_endings_that_cannot_be_known_are_not_held_against_it(one: Turn, cells: dict[str, Verdict]) -> None:
    """Neither as right nor as wrong: beside a good pair the cell stays as it is."""
    assert observe("finish", NATURAL, CALLED, one, cells=cells).outcome == "supported"


def test_streams_that_never_say_that_they_ended_report_no_finish_reason() -> None:
    """The reason is missing, although nothing was cut on the way; now and then: flaky."""
    whole, open_ended = turn(said()), turn(said(complete=False, finish=ABSENT, finish_raw="", streamed=True))

    assert observe("finish", *[open_ended] * 9).outcome == "broken"
    assert observe("finish", *[whole] * 8, open_ended).outcome == "flaky"


def test_a_cut_without_counts_is_known_from_the_cap_that_works() -> None:
    """No usage at all, but the max-tokens cell is green."""
    always_stop = [ended("stop", usage=ABSENT), ended("stop", 10, "cut", usage=ABSENT)]

    assert observe("finish", *always_stop, cells={"max_tokens": Verdict("supported")}).outcome == "broken"
    assert observe("finish", *always_stop, cells={"max_tokens": Verdict("ignored")}).outcome == "inconclusive"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("how", "outcome"), [("right", "supported"), ("stop", "broken"), ("absent", "broken")])
def test_the_demo_brain_agrees_about_finish(how: str, outcome: str, stream: bool) -> None:
    """Over the probes of a row."""
    assert observe("finish", *row(*SOME, stream=stream, finish=how)).outcome == outcome


# --- rate limits


def limited(*limits: RateLimit) -> Turn:
    """A good reply with these headers."""
    return turn(said("x", limits=limits))


FULL = RateLimit("requests", 100.0, 99.0, "1s")


@pytest.mark.parametrize(
    ("turns", "outcome"),
    [
        ([limited(FULL)] * 3, "supported"),
        ([limited(FULL, RateLimit("x", None, 7.0))] * 3, "supported"),
        ([limited()] * 3, "absent"),
        ([limited(RateLimit("requests", 100.0))] * 3, "absent"),
        ([limited(RateLimit("requests", None, 99.0))] * 3, "absent"),
        ([limited(RateLimit("requests", 100.0, 101.0))] * 3, "absent"),
        ([limited(FULL), limited()], "flaky"),
        ([limited(RateLimit("requests", 100.0, 100.0))] * 5, "partial"),
        ([turn(Reply(error=later().error, limits=(FULL,)))], "inconclusive"),
    ],
    ids=["all", "one of two", "none", "no remainder", "no limit", "more than the limit", "some", "never down", "429"],
)
def test_limits_need_a_limit_and_a_remainder_that_fit(turns: list[Turn], outcome: str) -> None:
    """TRAPS 14: look-alikes without numbers, remainders that cannot be, headers on errors only."""
    assert observe("limits", *turns).outcome == outcome


# --- thinking


THOUGHT = turn(said("4", reasoning="2 + 2", reasoning_place="reasoning"))
COUNTED = turn(said("4", usage=replace(counts(9, 9), reasoning=5)))


@pytest.mark.parametrize(
    ("turns", "outcome", "why"),
    [
        ([THOUGHT, THOUGHT], "supported", "reasoning in reasoning"),
        ([COUNTED], "supported", "a token count only"),
        ([turn(said("4", reasoning="", reasoning_place="reasoning"))], "absent", "no reasoning"),
        ([turn(said("4", usage=replace(counts(9, 9), reasoning=0)))], "absent", "no reasoning"),
        ([THOUGHT, turn(said("4")), turn(said("5"))], "partial", "reasoning in reasoning"),
        ([turn(later())], "inconclusive", "no complete answer"),
    ],
)
def test_thinking_is_seen_as_text_or_as_a_count(turns: list[Turn], outcome: str, why: str) -> None:
    """TRAPS 13."""
    verdict = observe("thinking", *turns)

    assert verdict.outcome == outcome
    assert why in verdict.reason


# --- all of them


@pytest.mark.parametrize("stream", [False, True])
def test_the_demo_brain_agrees_about_usage_limits_and_thinking(stream: bool) -> None:
    """Everything reported, and nothing."""
    good = row(*SOME, stream=stream, limits=True, thinking="always")
    bad = row(*SOME, stream=stream, usage=())

    assert {name: observe(name, *good).outcome for name in ("usage", "limits", "thinking")} == dict.fromkeys(
        ("usage", "limits", "thinking"), "supported"
    )
    assert observe("usage", *bad).outcome == ("ignored" if stream else "broken")
    assert observe("limits", *bad).outcome == observe("thinking", *bad).outcome == "absent"


MAYBE_COUNT = st.one_of(st.just(ABSENT), st.none(), st.integers(-2, 400))
REPLIES = st.builds(
    Reply,
    text=st.one_of(st.just(ABSENT), st.none(), st.text(max_size=8)),
    reasoning=st.one_of(st.just(ABSENT), st.none(), st.text(max_size=4)),
    tool_calls=st.sampled_from([(), (ToolCall("", "x", "{"),)]),
    refusal=st.sampled_from([None, "no"]),
    finish=st.sampled_from([ABSENT, None, "stop", "length", "tool_calls", "unknown"]),
    usage=st.one_of(st.just(ABSENT), st.none(), st.builds(Usage, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT)),
    limits=st.sampled_from([(), (FULL,), (RateLimit("x", 0.0, 0.0),), (RateLimit("x", None, None),)]),
    complete=st.booleans(),
    error=st.sampled_from([None, None, later().error]),
)
TURNS = st.lists(
    st.tuples(REPLIES, st.sampled_from(["any", "call", "no call", "cut"]), st.sampled_from([None, 16, 300])), max_size=8
)


@given(TURNS, st.sampled_from(sorted(OBSERVERS)), st.dictionaries(st.sampled_from(["usage", "max_tokens", "tool"]),
       st.sampled_from(OUTCOMES).map(Verdict)))  # fmt: skip
def test_observers_never_fail_and_cite_their_turns(parts: Any, name: str, cells: dict[str, Verdict]) -> None:
    """Whatever came: a known outcome, counts that fit, evidence of the row."""
    turns = [
        turn(reply, f"{n}", expects, max_tokens=cap, tools=(TOOL,)) for n, (reply, expects, cap) in enumerate(parts)
    ]
    verdict = OBSERVERS[name](turns, cells)

    if verdict is not None:
        assert verdict.outcome in OUTCOMES
        assert 0 <= verdict.successes <= verdict.trials <= len(turns)
        assert set(verdict.evidence) <= {one.evidence for one in turns}


def test_every_observer_has_a_probe() -> None:
    """Each of them decides a cell of the table."""
    used = {decide.check for probe in PROBES.values() if probe.observes for decide in probe.cells.values()}

    assert used == set(OBSERVERS)
