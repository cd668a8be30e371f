"""Log probabilities: there, well-formed, and not made up."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call
from llmprobe.conversation import Footing
from llmprobe.reply import Reply, TokenLogprob
from tests.talks import FEATURES, Endpoint, demo, dropping, later, refusal, said, talk, when

TEXT = "The mountain is high and its top is white with snow"
asked = FEATURES["logprobs"].asked


def entry(token: str, value: float | None, *others: float | None) -> TokenLogprob:
    """A token with alternatives."""
    return TokenLogprob(token, value, ((token, value), *(("other", other) for other in others)))


def tokens() -> list[str]:
    """The text in pieces."""
    first, *rest = TEXT.split()
    return [first, *(f" {word}" for word in rest)]


def plausible() -> tuple[TokenLogprob, ...]:
    """A different value for each token, and a less likely alternative."""
    return tuple(entry(token, -0.1 * n - 0.01, -5.0 - n) for n, token in enumerate(tokens()))


def giving(logprobs: Any, text: str = TEXT, **fields: Any) -> Endpoint:
    """A text, with ``logprobs`` when they are asked for."""
    return lambda call: said(text, logprobs=logprobs if asked(call) else ABSENT, **fields)


@pytest.mark.parametrize(
    ("logprobs", "outcome", "why"),
    [
        (plausible(), "supported", "plausible"),
        (ABSENT, "ignored", "nothing came"),
        (None, "ignored", "null came"),
        ((), "ignored", "an empty list came"),
        (tuple(entry(token, 0.0, -9999.0) for token in tokens()), "broken", "every token has the same value"),
        (tuple(entry(token, -9999.0, -9999.0) for token in tokens()), "broken", "every token has the same value"),
        (tuple(entry(token, 0.5, -3.0) for token in tokens()), "broken", "no logarithm of a probability"),
        (tuple(entry(token, None, None) for token in tokens()), "broken", "no logarithm of a probability"),
        (tuple(entry(token, math.nan, -1.0) for token in tokens()), "broken", "no logarithm of a probability"),
        (tuple(entry(token, -math.inf, -1.0) for token in tokens()), "broken", "no logarithm of a probability"),
        (tuple(entry(token, -0.1 - n / 100, -0.1) for n, token in enumerate(tokens())), "broken", "more than one"),
        ((entry(" The", None), *plausible()[1:]), "partial", "the first token has no log probability"),
        (tuple(replace(one, top=()) for one in plausible()), "partial", "alternatives that were asked for are missing"),
        (tuple(replace(one, top=one.top[:1]) for one in plausible()), "partial", "fewer than the 2 alternatives"),
        (plausible()[:2], "partial", "only a part of the text"),
    ],
    ids=["plausible", "absent", "null", "empty", "all 0", "all -9999", "positive", "all null", "NaN", "-inf",
         "sum above 1", "first null", "no alternatives", "one alternative", "two tokens only"],
)  # fmt: skip
def test_log_probabilities_must_be_able_to_be_true(logprobs: Any, outcome: str, why: str) -> None:
    """TRAPS 11."""
    done = talk("logprobs", giving(logprobs))

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_values_rounded_to_two_decimals_are_plausible() -> None:
    """-0.00 and -4.61 add up to 1.01."""
    rounded = tuple(entry(token, -0.0 if n % 2 else -0.01, -4.61) for n, token in enumerate(tokens()))

    assert talk("logprobs", giving(rounded)).outcome == "supported"


def test_a_sure_short_text_may_have_equal_values() -> None:
    """Four zeros are no proof of a fake."""
    sure = tuple(entry(token, 0.0, -30.0) for token in tokens()[:4])

    assert talk("logprobs", giving(sure, " ".join(TEXT.split()[:4]))).outcome == "supported"


def test_a_reply_without_text_shows_nothing() -> None:
    """There is nothing whose probability could come."""
    assert talk("logprobs", giving(ABSENT, "")).outcome == "inconclusive"


def test_a_text_cut_by_the_cap_has_log_probabilities_too() -> None:
    """Both ways: there, or not."""
    assert talk("logprobs", giving(plausible(), finish="length")).outcome == "supported"
    assert talk("logprobs", giving(ABSENT, finish="length")).outcome == "ignored"


def test_two_alternatives_are_asked_for_with_a_new_prompt_each_time() -> None:
    """A cache that leaves the parameter out of its key cannot pass for the server."""
    done = talk("logprobs", giving(plausible()))
    calls = done.calls("treatment")

    assert {call.top_logprobs for call in calls} == {2}
    assert len({str(call.messages) for call in calls}) == len(calls) == 8
    assert {call.top_logprobs for call in done.calls("control")} == {None}


@pytest.mark.parametrize(
    ("message", "outcome"),
    [("This model does not support the 'logprobs' parameter.", "rejected"),
     ("Unsupported parameter: 'stop' is not supported with this model.", "inconclusive"),
     ("Bad Request", "inconclusive")],
)  # fmt: skip
def test_a_refusal_counts_when_it_names_them(message: str, outcome: str) -> None:
    """And not when it names something else, or nothing."""
    assert talk("logprobs", when(asked, refusal(message), demo())).outcome == outcome


def test_refused_in_streams_only_is_a_matter_of_the_stream_row() -> None:
    """LogProbs is not supported in streaming mode."""
    no = refusal("LogProbs is not supported in streaming mode")

    def reply(call: Call) -> Reply:
        return no if asked(call) and call.stream else demo()(call)

    assert talk("logprobs", reply).outcome == "supported"
    assert talk("logprobs", reply, footing=Footing("m", stream=True)).outcome == "rejected"


def test_an_outage_and_a_now_and_then() -> None:
    """Inconclusive, and flaky."""
    numbers = count()

    assert talk("logprobs", when(asked, later(), demo())).outcome == "inconclusive"
    assert talk("logprobs", lambda call: giving(plausible() if next(numbers) % 4 else None)(call)).outcome == "flaky"
    assert talk("logprobs", dropping("logprobs", 0.3)).outcome == "flaky"
