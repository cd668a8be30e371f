"""Seed, output cap and stop sequences: what a server really does, driven through the shipped probes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import Random

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call
from llmprobe.reply import Reply
from tests.talks import DIALECT, Endpoint, changed, counts, demo, dropping, later, refusal, said, talk, when


def random_words(luck: Random, number: int = 30) -> str:
    """A text that no other text is like."""
    return " ".join("".join(luck.choice("abcdefghij") for _ in range(6)) for _ in range(number))


def seeded(call: Call) -> bool:
    """A seed is sent."""
    return call.seed is not None


def capped(call: Call) -> bool:
    """The tight cap is sent."""
    return call.max_tokens in (8, 16)


def stopped(call: Call) -> bool:
    """A stop sequence is sent."""
    return bool(call.stop)


# --- seed


def seed_server(text: str = "random", seed: str = "honoured", **fields: object) -> Endpoint:
    """Random words, by the rule that is named."""
    luck, numbers = Random(1), count()

    def reply(call: Call) -> Reply:
        if call.seed is not None and seed == "honoured":
            words = random_words(Random(call.seed))
        elif text == "greedy" or (call.seed is not None and seed == "switch"):
            words = random_words(Random(0))
        else:
            words = random_words(luck)
        return said(words, fingerprint=f"fp{next(numbers)}" if fields.get("backends") else ABSENT)

    return reply


def test_a_seed_that_decides_the_text_is_supported() -> None:
    """Controls and other seeds differ, the same seed repeats; the treatment is the control and a seed."""
    done = talk("seed", seed_server())

    assert done.outcome == "supported"
    assert (done.verdict.successes, done.verdict.trials) == (10, 10)
    assert [ask.call.seed for ask in done.asks[:3]] == [None] * 3
    seeds = {ask.call.seed for ask in done.asks[5:]}
    assert len(seeds) == 1
    assert {ask.call.seed for ask in done.asks[3:5]}.isdisjoint(seeds)
    assert all(replace(ask.call, seed=None) == done.asks[0].call for ask in done.asks)


@pytest.mark.parametrize("place", [0, 1])
def test_one_other_seed_that_gives_the_same_text_is_chance(place: int) -> None:
    """Two different seeds are tried: short texts of weak models coincide now and then."""
    seen: list[int] = []
    honoured = seed_server()

    def reply(call: Call) -> Reply:
        if call.seed is None:
            return honoured(call)
        if call.seed not in seen:
            seen.append(call.seed)
        same = seen.index(call.seed) in (place, 2)
        return said("river stone cloud winter" if same else "candle harbor ribbon")

    done = talk("seed", reply)

    assert done.outcome == "supported"
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("server", "outcome", "why"),
    [
        (seed_server(seed="ignored"), "ignored", "the same seed gives another text"),
        (seed_server(seed="switch"), "ignored", "every seed gives the same text: the seed is only a switch"),
        (seed_server("greedy", "ignored"), "inconclusive", "without a seed the text is the same each time"),
        (seed_server("greedy", "honoured"), "inconclusive", "without a seed the text is the same each time"),
        (seed_server(seed="ignored", backends=True), "inconclusive", "another backend answered"),
    ],
    ids=["ignored", "boolean", "temperature 0", "temperature 0 but for seeds", "many backends"],
)
def test_seeds_that_do_not_decide_the_text(server: Endpoint, outcome: str, why: str) -> None:
    """TRAPS 6: ignored, a boolean seed, a greedy server, changing backends."""
    done = talk("seed", server)

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_replies_from_a_cache_do_not_look_like_a_seed() -> None:
    """Identical requests get identical replies, seed or not."""
    cache: dict[bytes, Reply] = {}
    luck = Random(3)

    def reply(call: Call) -> Reply:
        return cache.setdefault(DIALECT.encode_call(call).body, said(random_words(luck)))

    assert talk("seed", reply).outcome == "inconclusive"


def test_texts_that_part_late_are_partial() -> None:
    """The same long beginning: batching and routing diverge late."""
    luck = Random(5)

    def reply(call: Call) -> Reply:
        beginning = random_words(Random(call.seed), 20) + " " if call.seed else ""
        return said(beginning + random_words(luck, 10))

    assert talk("seed", reply).outcome == "partial"


def test_one_bad_moment_in_the_reference_does_not_make_a_seed_ignored() -> None:
    """The first reply with the seed is a stray one: flaky or partial, but it did decide the text later."""
    numbers, good = count(), seed_server()

    def reply(call: Call) -> Reply:
        return said("a stray text") if seeded(call) and next(numbers) == 2 else good(call)

    assert talk("seed", reply).outcome == "partial"


@pytest.mark.parametrize("luck", range(5))
def test_a_seed_that_fails_now_and_then_is_not_green(luck: int) -> None:
    """30 % of the requests forget the seed."""
    assert talk("seed", dropping("seed", 0.3, luck), seed=f"{luck}").outcome in ("flaky", "partial")


def test_empty_texts_are_not_equal_texts() -> None:
    """A model that says nothing when seeded shows nothing."""
    silent = when(seeded, said("", finish="length"), seed_server())

    assert talk("seed", silent).outcome == "inconclusive"


def test_texts_cut_by_the_cap_can_be_compared() -> None:
    """A model that rambles to the cap: equal as far as they go."""
    rambling = changed(seed_server(), lambda _, reply: replace(reply, finish="length", finish_raw="length"))

    assert talk("seed", rambling).outcome == "supported"


# --- max tokens


def counting(obeys: bool = True, finish: str = "right", usage: str = "right", words: int = 100) -> Endpoint:
    """Counts to ``words``, one token a word; obeys the cap or not, and tells what it is told to tell."""

    def reply(call: Call) -> Reply:
        room = call.max_tokens if obeys and call.max_tokens is not None else 10_000
        text = " ".join(["number"] * min(words, room))
        made = min(words, room)
        ended = ("length" if made == room else "stop") if finish == "right" else finish
        told = {"right": counts(20, made), "none": ABSENT, "constant": counts(10, 10), "zero": counts(0, 0)}[usage]
        if not ended:
            return said(text, finish=ABSENT, finish_raw="", usage=told)
        return said(text, finish=ended, finish_raw=ended, usage=told)

    return reply


@pytest.mark.parametrize("usage", ["right", "none", "zero", "constant"])
@pytest.mark.parametrize("finish", ["right", "stop", "length", ""])
def test_a_cap_is_judged_by_the_text_whatever_a_server_says_about_it(finish: str, usage: str) -> None:
    """Obeyed is supported and exceeded is ignored, with right, wrong, constant or missing counts and reasons."""
    assert talk("max_tokens", counting(finish=finish, usage=usage)).outcome == "supported"
    liar = talk("max_tokens", counting(obeys=False, finish=finish, usage=usage))
    assert liar.outcome == "ignored"
    assert "longer than the cap" in liar.verdict.reason


def test_the_capped_request_differs_in_the_cap_alone() -> None:
    """Two controls with room, then the same call with a cap of 16."""
    done = talk("max_tokens", counting())
    control, capped_call = done.calls("control")[0], done.calls("treatment")[0]

    assert replace(capped_call, max_tokens=control.max_tokens) == control
    assert (capped_call.max_tokens, len(done.calls("control")), len(done.calls("treatment"))) == (16, 2, 10)


def test_short_natural_answers_leave_no_room_and_a_tighter_cap_is_tried() -> None:
    """12 words: not under 16 tokens, but under 8; 5 words: under neither."""
    short, shorter = talk("max_tokens", counting(words=12)), talk("max_tokens", counting(words=5))

    assert (short.outcome, {call.max_tokens for call in short.calls("treatment")}) == ("supported", {8})
    assert (shorter.outcome, shorter.calls("treatment")) == ("inconclusive", [])
    assert "leaves no room" in shorter.verdict.reason


def test_a_reply_that_ends_by_itself_below_the_cap_shows_nothing() -> None:
    """The control was long, the treatment is short by chance and not by the cap."""
    chatty = when(capped, said("I would rather not count to a hundred now.", usage=counts(20, 9)), counting(words=24))

    assert talk("max_tokens", chatty).outcome == "inconclusive"


def test_a_cap_that_counts_without_reasoning_is_partial() -> None:
    """The visible text is cut, hundreds of reasoning tokens come on top."""

    def reply(call: Call) -> Reply:
        text = counting()(call)
        usage = replace(counts(20, 400 + (text.output_tokens or 0)), reasoning=400)
        return replace(text, reasoning="hm " * 400, reasoning_place="reasoning", usage=usage)

    done = talk("max_tokens", reply)

    assert done.outcome == "partial"
    assert done.verdict.reason == "caps the visible text only"


def test_a_cap_that_thoughts_use_up_is_obeyed() -> None:
    """An empty text with finish "length" is what a cap on all output looks like."""
    thoughtful = when(
        capped,
        said("", reasoning="number number", reasoning_place="reasoning", finish="length", usage=counts(20, 16)),
        counting(),
    )

    assert talk("max_tokens", thoughtful).outcome == "supported"


def test_max_tokens_refused_in_favour_of_another_name_is_supported_under_that() -> None:
    """A second spelling is tried before anything is red, and the cell says which one worked."""
    renamed = when(
        lambda call: capped(call) and call.spelled("max_tokens", "max_tokens") == "max_tokens",
        refusal("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.", param="max_tokens", code="unsupported_parameter"),
        counting(),
    )  # fmt: skip
    done = talk("max_tokens", renamed)

    assert (done.outcome, done.verdict.spelling) == ("supported", "max_completion_tokens")


def test_both_names_refused_is_red_and_says_what_was_tried() -> None:
    """Rejected, with both spellings."""
    refused = when(capped, refusal("max_tokens is not supported with this model"), counting())
    done = talk("max_tokens", refused)

    assert (done.outcome, done.verdict.spelling) == ("rejected", "max_tokens, max_completion_tokens")


def test_an_outage_during_the_second_spelling_is_not_red() -> None:
    """The first is refused, the second could not be tried."""

    def reply(call: Call) -> Reply:
        if not capped(call):
            return counting()(call)
        second = call.spelled("max_tokens", "") == "max_completion_tokens"
        return later() if second else refusal("max_tokens is not supported with this model")

    assert talk("max_tokens", reply).outcome == "inconclusive"


# --- stop


def copying(mode: str = "honoured", **fields: object) -> Endpoint:
    """Copies the list, and treats stop words in the way that is named."""

    def reply(call: Call) -> Reply:
        text = str(call.messages[-1].content).rpartition(": ")[2]
        full = len(text.split())
        if call.stop:
            head = text.partition(call.stop[0])[0]
            cut = {"honoured": head, "kept": head + call.stop[0], "trimmed": head, "ignored": text, "hidden": "",
                   "other": "Sorry, I would rather write about the sea."}[mode]  # fmt: skip
            text = cut
        made = full if mode == "trimmed" else len(text.split())
        return said(text, usage=counts(20, made), **fields)

    return reply


@pytest.mark.parametrize(
    ("mode", "outcome", "why"),
    [
        ("honoured", "supported", "the reply ends before the stop word"),
        ("ignored", "ignored", "the reply goes on past the stop word"),
        ("kept", "partial", "the stop word is left in the text"),
        ("trimmed", "partial", "trimmed: the text is cut, but as many tokens are generated"),
        ("hidden", "inconclusive", "the reply went another way"),
        ("other", "inconclusive", "the reply went another way"),
    ],
)
def test_what_a_server_does_at_a_stop_word(mode: str, outcome: str, why: str) -> None:
    """TRAPS 5: honoured, ignored, kept, trimmed, stopped in hidden reasoning (no text), another text."""
    done = talk("stop", copying(mode))

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_the_stop_word_comes_from_the_middle_of_the_control_with_text_after_it() -> None:
    """The treatment is the control and one plain word."""
    done = talk("stop", copying())
    control, treatment = done.calls("control")[0], done.calls("treatment")[0]
    text = done.replies[0].content
    (word,) = treatment.stop

    assert replace(treatment, stop=()) == control
    assert word.isalpha()
    assert len(text.partition(word)[0].split()) >= 2
    assert len(text.partition(word)[2].split()) >= 3


def test_controls_that_share_no_word_give_nothing_to_build_on() -> None:
    """Without a word that comes in both in the same way nothing is asked further."""
    luck = Random(1)
    done = talk("stop", lambda _: said(random_words(luck)))

    assert (done.outcome, done.calls("treatment")) == ("inconclusive", [])


def test_a_stop_list_refused_for_its_type_is_tried_as_a_string() -> None:
    """The second spelling works."""
    typed = when(
        lambda call: stopped(call) and call.spelled("stop", "list") == "list",
        refusal("stop: Input should be a valid string (string_type)", 422),
        copying(),
    )
    done = talk("stop", typed)

    assert (done.outcome, done.verdict.spelling) == ("supported", "string")


@pytest.mark.parametrize("luck", range(3))
def test_stop_words_ignored_now_and_then_are_flaky(luck: int) -> None:
    """30 % of the requests forget the stop word."""
    assert talk("stop", dropping("stop", 0.3, luck), seed=f"{luck}").outcome == "flaky"


def test_a_temperature_that_is_refused_does_not_spoil_the_cell() -> None:
    """Reasoning models refuse temperature 0: it is left out of control and treatment alike."""
    picky = when(
        lambda call: call.temperature is not None,
        refusal("Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
                "supported.", param="temperature", code="unsupported_value"),
        copying(),
    )  # fmt: skip
    done = talk("stop", picky)

    assert done.outcome == "supported"
    assert [ask.call.temperature for ask in done.asks].count(0) == 1


def test_the_demo_brain_agrees() -> None:
    """The provider whose truth is known."""
    assert [talk(name, demo()).outcome for name in ("seed", "max_tokens", "stop")] == ["supported"] * 3
