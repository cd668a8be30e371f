"""Text in and out, in one piece or streamed."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call
from llmprobe.conversation import Footing
from llmprobe.reply import Reply
from tests.talks import Endpoint, Talk, asks_prompt, counts, demo, later, refusal, said, talk

STREAM = Footing("m", stream=True)
LONG = "The sea is wide and blue and full of fish. " * 5


def answering(echo: str | None = None, **fields: Any) -> Endpoint:
    """Long texts, and the code (or ``echo``) where a code is asked for."""

    def reply(call: Call) -> Reply:
        prompt = asks_prompt(call)
        said_back = prompt.rpartition(": ")[2] if echo is None else echo
        text = said_back if "code" in prompt else LONG + prompt
        return said(text, **({"usage": counts(len(prompt.split()), len(text.split()))} | fields))

    return reply


def cells(done: Talk) -> tuple[str, str]:
    """The outcomes of text in and text out."""
    return done.finding.verdicts["text"].outcome, done.finding.verdicts["text_out"].outcome


def test_an_echoed_code_shows_that_text_goes_in_and_out() -> None:
    """A new code in each trial."""
    done = talk("text", answering())

    assert cells(done) == ("supported", "supported")
    assert len({asks_prompt(call) for call in done.calls("echo")}) == 8


@pytest.mark.parametrize(
    ("endpoint", "outcomes", "why"),
    [
        (answering(""), ("broken", "broken"), "the reply has no text"),
        (answering("Hello!"), ("supported", "supported"), "counts more input tokens"),
        (answering("Hello!", usage=ABSENT), ("inconclusive", "supported"), "nothing shows that it depends"),
        (answering("Hello!", usage=counts(9, 9)), ("inconclusive", "supported"), "nothing shows that it depends"),
        (lambda _: said(LONG), ("broken", "supported"), "three different questions got the same text"),
        (lambda _: later(), ("inconclusive", "inconclusive"), "control failed"),
        (lambda _: refusal("no", 402), ("inconclusive", "inconclusive"), "control failed"),
        (lambda _: refusal("Forbidden", 403), ("inconclusive", "inconclusive"), "control failed"),
    ],
    ids=["silent", "deaf, counting", "deaf", "constant counts", "canned", "429", "402", "403"],
)
def test_a_stub_that_does_not_listen_is_not_green(endpoint: Endpoint, outcomes: tuple[str, str], why: str) -> None:
    """TRAPS 2: text of any kind passes a shape test; only the code, or honest counts, show that it was heard."""
    done = talk("text", endpoint)

    assert cells(done) == outcomes
    assert why in done.finding.verdicts["text"].reason


def test_a_text_cut_by_the_cap_is_a_text() -> None:
    """A model that rambles: the code came, or the counts follow."""
    assert cells(talk("text", answering(finish="length"))) == ("supported", "supported")
    assert cells(talk("text", answering("", finish="length"))) == ("inconclusive", "inconclusive")


@pytest.mark.parametrize(
    ("fields", "outcome", "why"),
    [
        ({"streamed": True, "deltas": 40}, "supported", "in 40 events"),
        ({"streamed": True, "deltas": 1}, "partial", "buffered"),
        ({"streamed": False}, "ignored", "one JSON body"),
    ],
)
def test_a_stream_must_come_as_a_stream(fields: dict[str, Any], outcome: str, why: str) -> None:
    """Many events, one, or a JSON body."""
    done = talk("text", answering(**fields), footing=STREAM)
    verdict = done.finding.verdicts["text_out"]

    assert all(ask.call.stream and ask.call.include_usage for ask in done.asks)
    assert (verdict.outcome, done.finding.verdicts["text"].outcome) == (outcome, "supported")
    assert why in verdict.reason


def test_short_texts_may_come_in_one_event() -> None:
    """Nothing is held against a reply of a few words."""

    def reply(call: Call) -> Reply:
        return replace(answering()(call), text=asks_prompt(call)[-12:], streamed=True, deltas=1)

    assert cells(talk("text", reply, footing=STREAM))[1] == "supported"


def test_a_stream_that_never_says_that_it_ended_is_partial() -> None:
    """TRAPS 2: text goes in, but a truncated answer looks like a whole one. Now and then: flaky."""
    open_ended, numbers = answering(complete=False, finish=ABSENT, streamed=True, deltas=9), count()
    whole = answering(streamed=True, deltas=9)

    assert cells(talk("text", open_ended, footing=STREAM)) == ("supported", "partial")
    mixed = talk("text", lambda call: (open_ended if next(numbers) % 3 == 2 else whole)(call), footing=STREAM)
    assert cells(mixed)[1] == "flaky"
    assert talk("json", answering("{}", complete=False, streamed=True), footing=STREAM).outcome == "inconclusive"


def test_a_stream_that_is_refused_by_name_is_rejected() -> None:
    """In sync mode the same endpoint answers; and the other way round."""
    no = refusal("Unsupported parameter: 'stream' is not supported with this model.", param="stream")
    only = refusal("stream: false is not supported, this model only streams", param="stream")
    answered = answering(streamed=True, deltas=9)

    assert cells(talk("text", lambda call: no if call.stream else answering()(call), footing=STREAM))[1] == "rejected"
    assert cells(talk("text", lambda call: answered(call) if call.stream else only))[1] == "rejected"
    assert cells(talk("text", lambda call: no if call.stream else later(), footing=STREAM))[1] == "inconclusive"


def test_stream_options_that_are_refused_are_left_out() -> None:
    """Streams are not condemned for an option that only asks for usage."""

    def reply(call: Call) -> Reply:
        if call.include_usage:
            return refusal("Unrecognized request argument supplied: stream_options")
        return replace(answering()(call), streamed=True, deltas=9)

    done = talk("text", reply, footing=STREAM)

    assert cells(done) == ("supported", "supported")
    assert [ask.call.include_usage for ask in done.asks].count(True) == 1


def test_text_that_comes_now_and_then_is_flaky() -> None:
    """Two of three replies are empty."""
    numbers = count()
    empty = answering("")

    assert cells(talk("text", lambda call: (answering() if next(numbers) % 3 else empty)(call)))[0] == "flaky"


def test_the_demo_brain_agrees() -> None:
    """Sync and streamed."""
    assert cells(talk("text", demo())) == cells(talk("text", demo(), footing=STREAM)) == ("supported", "supported")
