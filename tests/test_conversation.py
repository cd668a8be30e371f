"""Experiments as conversations: what is sent, what refusals and outages come to, and that nothing can break it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.absent import ABSENT
from llmprobe.call import Call, ToolCall
from llmprobe.conversation import Footing
from llmprobe.conversation.values import DRAW, draw, fill
from llmprobe.probe import Trials
from llmprobe.reply import ApiError, Reply, TokenLogprob, Usage
from llmprobe.verdict import OUTCOMES
from tests.talks import (
    DIALECT,
    EXPERIMENTS,
    FEATURES,
    PROBES,
    Endpoint,
    Talk,
    demo,
    dropping,
    is_plain,
    later,
    refusal,
    said,
    talk,
    when,
)

SWITCHES = tuple(FEATURES)


def wire(call: Call) -> dict[str, Any]:
    """The body that would be sent."""
    body: dict[str, Any] = json.loads(DIALECT.encode_call(call).body)
    return body


def named(name: str) -> str:
    """A refusal of the feature, in words about it."""
    return f"Unsupported parameter: '{FEATURES[name].name}' is not supported with this model."


# --- what is sent


@pytest.mark.parametrize(
    ("name", "arm", "control", "fields"),
    [
        ("seed", "same", "control", {"seed"}),
        ("seed", "reference", "control", {"seed"}),
        ("seed", "other", "control", {"seed"}),
        ("max_tokens", "treatment", "control", {"max_tokens"}),
        ("stop", "treatment", "control", {"stop"}),
        ("json", "treatment", "control", {"response_format"}),
        ("schema", "neutral", "control", {"response_format"}),
        ("schema", "against", "neutral", {"messages"}),
        ("tool", "answer", "call", {"messages"}),
        ("tool_required", "forced", "control", {"tool_choice"}),
        ("tool_forbidden", "forbidden", "control", {"tool_choice"}),
        ("image", "picture", "control", {"messages"}),
        ("image", "blank", "control", {"messages"}),
        ("enum_order", "enum ab, question ba", "enum ab, question ab", {"messages"}),
        ("enum_order", "enum ba, question ab", "enum ab, question ab", {"tools"}),
        ("enum_order", "enum ba, question ba", "enum ba, question ab", {"messages"}),
    ],
)
@pytest.mark.parametrize("footing", [Footing("m"), Footing("m", stream=True), Footing("m", thinking=True)], ids=repr)
def test_a_treatment_differs_from_its_control_in_one_wire_field(
    name: str, arm: str, control: str, fields: set[str], footing: Footing
) -> None:
    """Compared as JSON bodies, in every kind of row."""
    done = talk(name, demo(), footing=footing)
    treated, plain = wire(done.calls(arm)[0]), wire(done.calls(control)[0])

    assert {key for key in treated.keys() | plain.keys() if treated.get(key) != plain.get(key)} == fields


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_request_survives_its_encoding(name: str) -> None:
    """What a recording of it would be read as."""
    for ask in talk(name, demo()).asks:
        assert DIALECT.decode_call(DIALECT.encode_call(ask.call)) == ask.call


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_placeholder_is_left_in_what_is_sent(name: str) -> None:
    """Every {name} of the file is replaced; braces of JSON are no placeholders."""
    values = {value for variant in PROBES[name].variants for value in variant.values}
    values |= {*PROBES[name].values, *PROBES[name].fresh, "word"}

    for ask in talk(name, demo()).asks:
        body = DIALECT.encode_call(ask.call).body.decode()
        assert not [value for value in values if f"{{{value}}}" in body]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_thinking_rows_get_headroom_but_for_the_cap_on_trial(name: str) -> None:
    """And rows whose thoughts are unseen too."""
    plain, thinking, unseen = (
        [ask.call.max_tokens for ask in talk(name, demo(), footing=footing).asks]
        for footing in (Footing("m"), Footing("m", thinking=True), Footing("m", headroom=True))
    )

    assert thinking == unseen == [cap if cap == 16 else (cap or 0) + 2000 for cap in plain]


def test_a_footing_reaches_every_request() -> None:
    """Stream, thinking switch, spelling and patch."""
    footing = Footing("m", True, True, ask_thinking=True, thinking_spelling="thinking",
                      thinking_patch={"extra": 1}, cap_spelling="max_completion_tokens")  # fmt: skip
    for ask in talk("json", demo(), footing=footing).asks:
        body = wire(ask.call)
        assert body["stream"] is True
        assert (body["thinking"], body["extra"]) == ({"type": "enabled"}, 1)
        assert (body["max_completion_tokens"], "max_tokens" in body) == (2400, False)


def test_the_cap_is_left_out_where_none_was_accepted_and_tried_where_it_is_the_question() -> None:
    """First contact had to leave it out."""
    footing = Footing("m", capped=False)

    assert {ask.call.max_tokens for ask in talk("json", demo(), footing=footing).asks} == {None}
    assert {ask.call.max_tokens for ask in talk("max_tokens", demo(), footing=footing).asks} == {None, 16}


def test_the_cap_is_tried_first_in_the_spelling_that_first_contact_got_through_with() -> None:
    """The other one is known to be refused."""
    done = talk("max_tokens", demo(), footing=Footing("m", cap_spelling="max_completion_tokens"))

    assert {call.spelling for call in done.calls("treatment")} == {(("max_tokens", "max_completion_tokens"),)}
    assert (done.outcome, done.verdict.spelling) == ("supported", "max_completion_tokens")


# --- supported, ignored, refused, flaky, inconclusive: for every experiment with a switch


@pytest.mark.parametrize("name", SWITCHES)
def test_what_works_is_supported_and_what_is_dropped_is_ignored(name: str) -> None:
    """A gateway that drops the field on the way passes no effect test."""
    assert talk(name, demo()).outcome == "supported"
    assert talk(name, dropping(name)).outcome == "ignored"


@pytest.mark.parametrize("name", SWITCHES)
def test_refused_in_words_about_the_feature_with_a_plain_call_answered_is_rejected(name: str) -> None:
    """Twice, the plain call right after each; the message is quoted."""
    done = talk(name, when(FEATURES[name].asked, refusal(named(name)), demo()))

    assert (done.outcome, named(name) in done.verdict.quote) == ("rejected", True)
    assert done.verdict.trials == 2
    rechecks = [place for place, ask in enumerate(done.asks) if ask.arm == "recheck"]
    assert len(rechecks) >= 2
    assert all(done.replies[place - 1].error and not done.replies[place].error for place in rechecks)


@pytest.mark.parametrize("name", SWITCHES)
def test_what_is_dropped_now_and_then_is_not_green(name: str) -> None:
    """Half of the requests lose it: flaky (or, for a seed, partial)."""
    found = {talk(name, dropping(name, 0.5, luck), seed=f"{luck}").outcome for luck in range(5)}

    assert found <= {"flaky", "partial", "inconclusive", "ignored"}
    assert "flaky" in found


NOT_RED = [
    *(later(status) for status in (408, 429, 500, 502, 503, 504, 524, 529)),
    refusal("Unauthorized", 401),
    refusal("Insufficient Balance", 402),
    refusal("Forbidden", 403),
    refusal("The model `m` does not exist", 404, code="model_not_found"),
    refusal("Not found", 404),
    refusal("Method Not Allowed", 405),
    refusal("Bad Request"),
    refusal("Invalid value"),
    refusal("Unsupported parameter: 'frequency_penalty' is not supported with this model."),
    refusal("context_length_exceeded"),
    refusal("The response was filtered", code="content_filter"),
    refusal("request too large", 413),
    Reply(error=ApiError("transport", None, "timeout: no byte in 60 s")),
    Reply(error=ApiError("body", 200, "not JSON: an HTML page")),
    Reply(error=ApiError("stream", 200, "overloaded_error"), text="Half an answ"),
    Reply(error=ApiError("stream", 200, "the stream was cut off")),
    said("I cannot help.", refusal="I cannot help."),
    said("", finish="content_filter"),
    said("A bit", complete=False),
]


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(
    "reply", NOT_RED, ids=lambda r: f"{r.error.status} {r.error.message}" if r.error else r.content
)
def test_no_trouble_of_another_kind_is_ever_red_or_green(name: str, reply: Reply) -> None:
    """Outages, keys, credit, models, filters, unclear refusals, cut replies: inconclusive."""
    assert talk(name, when(FEATURES[name].asked, reply, demo())).outcome == "inconclusive"


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("reply", NOT_RED[:6], ids=lambda reply: str(reply.error.status))
def test_an_endpoint_that_is_down_has_no_red_cell(name: str, reply: Reply) -> None:
    """Every cell of every experiment."""
    outcomes = {verdict.outcome for verdict in talk(name, lambda _: reply).finding.verdicts.values()}

    assert outcomes == {"inconclusive"}


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("after", [later(), refusal("Unauthorized", 401), refusal("Insufficient Balance", 402)])
def test_a_refusal_is_void_when_the_plain_call_right_after_fails_too(name: str, after: Reply) -> None:
    """TRAPS 1.2: credit ran out in the middle."""
    down = [False]

    def reply(call: Call) -> Reply:
        if FEATURES[name].asked(call):
            down[0] = True
            return refusal(named(name))
        return after if down[0] else demo()(call)

    assert talk(name, reply).outcome == "inconclusive"


@pytest.mark.parametrize("name", SWITCHES)
def test_an_outage_in_between_does_not_spoil_what_is_good(name: str) -> None:
    """Every fifth request fails; the runner would have retried it, the rest decides."""
    numbers, good = count(), demo()

    def reply(call: Call) -> Reply:
        return later() if FEATURES[name].asked(call) and next(numbers) % 5 == 4 else good(call)

    assert talk(name, reply).outcome in ("supported", "inconclusive")


@pytest.mark.parametrize("name", SWITCHES)
def test_a_refusal_now_and_then_is_flaky(name: str) -> None:
    """Backends differ behind one name."""
    numbers, good = count(), demo()

    def reply(call: Call) -> Reply:
        asked = FEATURES[name].asked(call)
        return refusal(named(name)) if asked and next(numbers) % 4 == 3 else good(call)

    assert talk(name, reply).outcome in ("flaky", "inconclusive")


def test_a_refusal_that_turns_into_an_outage_is_not_confirmed() -> None:
    """The control is refused in words about tools, and the second time by a 429."""
    numbers = count()

    def reply(call: Call) -> Reply:
        if not call.tools:
            return demo()(call)
        return refusal(named("tool")) if next(numbers) == 0 else later()

    assert talk("tool_forbidden", reply).outcome == "inconclusive"


def test_a_refused_control_that_is_answered_the_second_time_is_not_confirmed() -> None:
    """A refusal must come twice."""
    numbers = count()

    def reply(call: Call) -> Reply:
        return refusal(named("tool")) if call.tools and next(numbers) == 0 else demo()(call)

    assert talk("tool_forbidden", reply).outcome == "inconclusive"


def test_the_name_of_the_model_does_not_name_the_feature() -> None:
    """seed-oss refuses something about its temperature."""
    message = "The model `seed-oss-36b` does not support this combination."
    server = when(lambda call: call.seed is not None, refusal(message), demo())

    assert talk("seed", server, footing=Footing("bytedance/seed-oss-36b")).outcome == "inconclusive"


# --- auxiliary fields


@pytest.mark.parametrize("name", ["seed", "stop", "max_tokens"])
@pytest.mark.parametrize("stream", [False, True])
def test_auxiliary_fields_that_are_refused_are_left_out_and_do_not_spoil_the_cell(name: str, stream: bool) -> None:
    """Temperature (0 and 1) and stream options, each asked once with it and never again."""
    good = demo()

    def reply(call: Call) -> Reply:
        if call.temperature is not None:
            return refusal("Unsupported value: 'temperature' does not support this value with this model.",
                           param="temperature", code="unsupported_value")  # fmt: skip
        if call.include_usage:
            return refusal("Unknown parameter: 'stream_options'.", param="stream_options")
        return good(replace(call, temperature=0) if name != "seed" else call)

    done = talk(name, reply, footing=Footing("m", stream=stream))

    assert done.outcome == "supported"
    assert [ask.call.temperature is not None for ask in done.asks].count(True) == 1
    assert [ask.call.include_usage for ask in done.asks].count(True) == 2 * stream


def test_a_field_that_is_refused_for_ever_ends_the_conversation() -> None:
    """An endpoint that blames the temperature whatever is sent."""
    done = talk("stop", lambda _: refusal("temperature is not supported", param="temperature"))

    assert done.outcome == "inconclusive"


# --- bounds, determinism


@given(st.lists(st.sampled_from(["good", "dropped", "later", "named", "unclear", "cut"]), min_size=1, max_size=12),
       st.sampled_from(SWITCHES), st.integers(1, 5), st.integers(0, 5))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_more_than_twice_the_trials_are_made(kinds: list[str], name: str, least: int, more: int) -> None:
    """Whatever comes in whatever order, for each spelling and variant."""
    feature, numbers, good = FEATURES[name], count(), demo()
    bounds = Trials(least, least + more)
    replies = {
        "later": later(),
        "named": refusal(named(name)),
        "unclear": refusal("no"),
        "cut": said("", finish="length"),
    }

    def reply(call: Call) -> Reply:
        if not feature.asked(call):
            return good(call)
        kind = kinds[next(numbers) % len(kinds)]
        return replies.get(kind) or good(feature.dropped(call) if kind == "dropped" else call)

    done = talk(name, reply, bounds=bounds)
    probe = PROBES[name]
    first_arms = {variant.trial[0].arm for variant in probe.variants}
    ways = len(probe.variants) * len(DIALECT.spellings.get(probe.feature, ("",)))

    assert sum(ask.arm in first_arms for ask in done.asks) <= 2 * bounds.most * ways
    assert done.verdict.trials <= 2 * bounds.most
    if done.outcome == "supported":
        assert done.verdict.successes == done.verdict.trials >= bounds.least


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_same_seed_gives_the_same_requests_and_verdicts(name: str) -> None:
    """And another seed gives other nonces, in every request but the fixed ones."""
    first, again, other = (talk(name, demo(), seed=seed) for seed in ("one", "one", "two"))

    assert first == again
    assert first.asks != other.asks
    assert set(first.finding.verdicts) == set(PROBES[name].cells)


@pytest.mark.parametrize("name", ["text", "tool", "enum_order", "logprobs", "image"])
def test_trials_with_fresh_values_never_repeat_a_request(name: str) -> None:
    """A cache cannot answer them."""
    done = talk(name, demo())
    last = PROBES[name].variants[0].trial[0].arm
    bodies = Counter(DIALECT.encode_call(call).body for call in done.calls(last))

    assert set(bodies.values()) == {1}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_turns_are_kept_in_order_with_what_they_expect(name: str) -> None:
    """Every exchange of the case, for the observers."""
    done = talk(name, demo())

    assert [turn.evidence for turn in done.finding.turns] == [f"case#{n}" for n in range(len(done.asks))]
    assert [turn.call for turn in done.finding.turns] == [ask.call for ask in done.asks]
    assert [turn.expects for turn in done.finding.turns] == [ask.expects for ask in done.asks]
    assert {turn.probe for turn in done.finding.turns} == {name}


def test_verdicts_carry_the_stamp_of_their_probe() -> None:
    """Id and version."""
    for name in EXPERIMENTS:
        for verdict in talk(name, demo()).finding.verdicts.values():
            assert verdict.probe == f"{name}@{PROBES[name].version}"


# --- fuzz


COUNTS = st.one_of(st.just(ABSENT), st.none(), st.integers(-1, 3000))
TOKENS = st.builds(
    TokenLogprob,
    st.text(max_size=3),
    st.one_of(st.none(), st.floats()),
    st.lists(st.tuples(st.text(max_size=2), st.one_of(st.none(), st.floats())), max_size=3).map(tuple),
)
CALLS = st.builds(
    ToolCall,
    st.sampled_from(["", "a"]),
    st.sampled_from(["open_locker", "choose_city", "", "x"]),
    st.sampled_from(["", "{", "{}", "null", "[]", "7", '{"code": "x"}', '{"city": ["a", 1, null, {}]}',
                     '{"city": "Oslo"}', "[" * 5000, '{"city": {"a": []}}']),
)  # fmt: skip
TEXTS = st.one_of(
    st.just(ABSENT), st.none(), st.text(max_size=30),
    st.sampled_from(["{}", "```json\n{}\n```", "[1]", "{", "[" * 5000, "a b c d e f g h i j k l", "12345", "<think>"]),
)  # fmt: skip
ERRORS = st.builds(
    ApiError,
    st.sampled_from(["transport", "status", "body", "stream"]),
    st.one_of(st.none(), st.sampled_from([200, 400, 401, 402, 403, 404, 422, 429, 500, 501, 503])),
    st.one_of(st.text(max_size=20), st.sampled_from([named(name) for name in SWITCHES] + [
        "temperature is not supported", "stream_options is not supported", "Use 'max_completion_tokens' instead"])),
    code=st.sampled_from(["", "tool_use_failed", "unsupported_parameter", "500"]),
    param=st.sampled_from(["", "temperature", "seed", "stop"]),
)  # fmt: skip
REPLIES = st.builds(
    Reply,
    text=TEXTS,
    reasoning=TEXTS,
    reasoning_place=st.sampled_from(["", "think", "reasoning_content"]),
    tool_calls=st.lists(CALLS, max_size=3).map(tuple),
    refusal=st.sampled_from([None, None, "no"]),
    finish=st.sampled_from([ABSENT, None, "stop", "length", "tool_calls", "content_filter", "error", "unknown"]),
    finish_raw=st.sampled_from(["", "stop", "weird"]),
    usage=st.one_of(st.just(ABSENT), st.none(), st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS)),
    logprobs=st.one_of(st.just(ABSENT), st.none(), st.lists(TOKENS, max_size=7).map(tuple)),
    fingerprint=st.sampled_from([ABSENT, None, "fp"]),
    deltas=st.integers(0, 5),
    streamed=st.booleans(),
    complete=st.booleans(),
    error=st.one_of(st.none(), st.none(), ERRORS),
)


def assert_sound(done: Talk, name: str) -> None:
    """Known outcomes, counts that fit, evidence of the case."""
    known = {turn.evidence for turn in done.finding.turns}
    assert set(done.finding.verdicts) == set(PROBES[name].cells)
    for verdict in done.finding.verdicts.values():
        assert verdict.outcome in OUTCOMES
        assert 0 <= verdict.successes <= verdict.trials
        assert set(verdict.evidence) <= known
        assert verdict.reason
        assert "\n" not in verdict.reason


@given(st.lists(REPLIES, min_size=1, max_size=8), st.sampled_from(EXPERIMENTS), st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_conversation_survives_whatever_is_answered(replies: list[Reply], name: str, stream: bool) -> None:
    """Random replies in turn: never an exception, always a sound finding."""
    numbers = count()
    done = talk(name, lambda _: replies[next(numbers) % len(replies)], footing=Footing("m", stream=stream))

    assert_sound(done, name)


@given(st.lists(REPLIES, min_size=1, max_size=8), st.sampled_from(EXPERIMENTS), st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_a_conversation_survives_good_replies_mixed_with_others(replies: list[Reply], name: str, luck: int) -> None:
    """So that the later steps are reached too."""
    rng, good = Random(luck), demo(luck)
    endpoint: Endpoint = lambda call: good(call) if rng.random() < 0.8 else rng.choice(replies)  # noqa: E731

    assert_sound(talk(name, endpoint), name)


# --- values


@given(st.sampled_from(["digits 5", "letters 6", "hex 6", "code 6", "words 14", "city", "integer 6", "constant 16"]),
       st.integers(0, 10**6))  # fmt: skip
def test_values_are_what_their_kind_says(kind: str, seed: int) -> None:
    """The right alphabet and length; equal seeds, equal values."""
    value = draw({"x": kind}, Random(seed))["x"]
    word, _, number = kind.partition(" ")

    assert value == draw({"x": kind}, Random(seed))["x"]
    if word in ("digits", "letters", "hex", "code", "integer"):
        assert len(value) == int(number)
    assert {"digits": value.isdigit(), "letters": value.isalpha(), "integer": value.isdigit()}.get(word, True)
    assert len(value.split()) == {"words": 14}.get(word, 1)
    assert word != "constant" or value == "16"


@given(st.integers(0, 10**6))
def test_two_values_of_a_kind_differ_and_constants_may_be_equal(seed: int) -> None:
    """Cities, for example; but 16 is 16."""
    values = draw({"a": "city", "b": "city", "c": "constant 16", "d": "constant 16"}, Random(seed))

    assert values["a"] != values["b"]
    assert values["c"] == values["d"] == "16"


def test_more_values_than_a_kind_has_are_an_error_and_no_endless_loop() -> None:
    """Nine digits do not make ten different ones."""
    with pytest.raises(ValueError, match="`digits 1` cannot be drawn 10 times"):
        draw({f"v{n}": "digits 1" for n in range(12)}, Random(0))


def test_placeholders_are_filled_at_any_depth_and_nothing_else_is() -> None:
    """In strings, keys, lists; braces that name no value stay."""
    value = {"key_{a}": ["{a}", {"x": ("{b}", 1, None)}], "{c}": '{"a": 1}'}

    assert fill(value, {"a": "A", "b": "{a}"}) == {"key_A": ["A", {"x": ("{a}", 1, None)}], "{c}": '{"a": 1}'}


def test_every_kind_of_value_is_drawn_by_name() -> None:
    """The names that probe files use."""
    assert set(DRAW) == {"digits", "letters", "hex", "code", "words", "city", "integer", "constant"}


def test_the_plain_call_is_plain() -> None:
    """No feature that could be refused: model, messages, cap."""
    done = talk("seed", when(FEATURES["seed"].asked, refusal(named("seed")), demo()))
    plain = next(ask.call for ask in done.asks if ask.arm == "recheck")

    assert is_plain(plain)
    assert set(wire(plain)) == {"model", "messages", "max_tokens"}
