"""What recorded requests and replies say of a row's cells: the checks on lone replies, and the rules around them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.absent import ABSENT
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
from llmprobe.checks.evidence import Turn
from llmprobe.compare import answer_of
from llmprobe.dialects import Dialect, dialect, names
from llmprobe.renderers import render
from llmprobe.replay.answers import AnswerKey, KnownMedium
from llmprobe.replay.judging import judge
from llmprobe.replay.rows import RecordedRow
from llmprobe.reply import ApiError, Citation, Media, RateLimit, Reply, TokenLogprob
from llmprobe.scoreboard import CELLS, Scoreboard, weighed
from llmprobe.scoreboard_file import from_json, to_json
from llmprobe.verdict import OUTCOMES, Verdict
from tests.replayed import CHAT, Pair, ask, cells, exchange, recorded, replayed, rows
from tests.talks import counts, refusal, said
from tests.test_openai_chat import calls as any_calls
from tests.test_openai_chat import replies as any_replies
from tests.test_openai_chat import with_a_wild_node

ADD = Tool(
    "add",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
)
TASK = "Add 17."
PLAIN: Pair = (ask(), said("Nothing."))
"""A question that is answered, so that refusals of others say something."""


def summary(verdict: Verdict) -> tuple[str, str]:
    return verdict.outcome, verdict.strength


def calling(identity: str = "c1", arguments: str = '{"a": 17}', name: str = "add", **fields: Any) -> Reply:
    made = (ToolCall(identity, name, arguments),)
    return said("", tool_calls=made, finish="tool_calls", finish_raw="tool_calls", **fields)


def cut(text: str, tokens: int) -> Reply:
    return said(text, finish="length", finish_raw="length", usage=counts(9, tokens))


# --- controls: the same request without the feature

SCHEMA = JsonSchema("s", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
LONG = said("word " * 40, usage=counts(9, 40))
LOGPROBS = tuple(TokenLogprob(token, -value, ((token, -value), ("x", -9.0))) for token, value in
                 zip(("No", "th", "ing", "."), (0.1, 0.2, 0.3, 0.4), strict=True))  # fmt: skip
TOOLED = ask("Hello.", tools=(ADD,))
EFFECTS: dict[str, tuple[Call, Reply, Call, Reply, Reply]] = {
    # the call and its reply; its control, with another result and with the same
    "json": (ask(response_format=JsonObject()), said('{"a": 1}'), ask(), said("Prose."), said('{"a": 2}')),
    "schema": (ask(response_format=SCHEMA), said('{"a": 1}'), ask(), said("Prose."), said('{"a": 2}')),
    "max_tokens": (ask(max_tokens=8), cut("word " * 8, 8), ask(), LONG, cut("word " * 8, 8)),
    "stop": (ask("Say: one two three", stop=("three",)), said("one two"), ask("Say: one two three"),
             said("one two three"), said("one two")),
    "probs": (ask(top_logprobs=2), said("Nothing.", logprobs=LOGPROBS), ask(), said("Nothing."),
              said("Nothing.", logprobs=LOGPROBS)),
    "tool_required": (replace(TOOLED, tool_choice="required"), calling(), TOOLED, said("Hi."), calling()),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cell", EFFECTS)
def test_a_control_with_another_result_shows_the_effect(cell: str, stream: bool) -> None:
    """A lone reply is consistent with the feature; beside what came without it, it shows it."""
    call, reply, without, other, same = EFFECTS[cell]
    call, without = replace(call, stream=stream), replace(without, stream=stream)

    assert summary(cells((call, reply))[cell]) == ("supported", "consistent")
    shown = cells((without, other), (call, reply))[cell]
    assert summary(shown) == ("supported", "shown")
    assert shown.evidence == ("a.yaml#0", "a.yaml#1")
    assert "the same request without it gave another result" in shown.reason
    assert summary(cells((without, same), (call, reply))[cell]) == ("supported", "consistent")


@pytest.mark.parametrize("cell", EFFECTS)
def test_one_control_with_the_same_result_is_enough_to_doubt(cell: str) -> None:
    """Wherever it stands: the order of files must not matter."""
    call, reply, without, other, same = EFFECTS[cell]
    for controls in ([other, same], [same, other]):
        found = cells(*[(without, control) for control in controls], (call, reply))
        assert summary(found[cell]) == ("supported", "consistent")


@pytest.mark.parametrize("cell", EFFECTS)
def test_a_control_that_failed_or_asked_otherwise_is_none(cell: str) -> None:
    """It must have been answered, and differ in nothing else."""
    call, reply, without, other, _ = EFFECTS[cell]
    for control in ((without, refusal("No.", 500)), (replace(without, temperature=0.0), other)):
        assert summary(cells(control, (call, reply))[cell])[1] == "consistent"


def test_a_control_that_leaves_no_room_is_none() -> None:
    """It ended by itself before the cap would have."""
    call, reply, without, *_ = EFFECTS["max_tokens"]
    short = said("Two words.", usage=counts(9, 2))
    assert summary(cells((without, short), (call, reply))["max_tokens"]) == ("supported", "consistent")
    found = cells((without, short), (without, LONG), (call, reply))["max_tokens"]
    assert summary(found) == ("supported", "shown")
    assert found.evidence == ("a.yaml#1", "a.yaml#2")


def test_a_control_of_the_other_mode_is_none() -> None:
    """Streams go another way."""
    call, reply, without, other, _ = EFFECTS["json"]
    sync, streamed = rows((call, reply), (replace(without, stream=True), other))
    assert sync.cells["json"].strength == "consistent"
    assert "json" not in streamed.cells


def test_a_control_makes_nothing_of_what_was_merely_accepted() -> None:
    """No stop word was due, so its absence is nobody's work."""
    found = cells((ask(stop=("zebra",)), said("one two")), (ask(), said("one zebra")))
    assert summary(found["stop"]) == ("supported", "accepted")


# --- requests that were built wrongly (wire/capabilities.md section 1.2)

WRONG: dict[str, tuple[str, Call, str]] = {
    "no word": ("json", ask(response_format=JsonObject()),
                "'messages' must contain the word 'json' in some form, to use 'response_format'."),
    "additional": ("schema", ask(response_format=SCHEMA),
                   "output_format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"),
    "no schema": ("schema", ask(response_format=SCHEMA), "json schema is required"),
    "no name": ("schema", ask(response_format=SCHEMA), "`response_format.json_schema.name` cannot be empty"),
    "below": ("max_tokens", ask(max_tokens=8),
              "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 8 instead."),
    "renamed": ("max_tokens", ask(max_tokens=8), "Unsupported parameter: 'max_tokens' is not supported with this "
                "model. Use 'max_completion_tokens' instead."),
    "budget": ("max_tokens", ask(max_tokens=8), "`max_tokens` must be greater than `thinking.budget_tokens`"),
    "format": ("audio", ask((Text("What?"), File("audio", "AAAA", "audio/ogg"))),
               "invalid audio format, only mp3 and wav are supported"),
    "load": ("audio", ask((Text("What?"), File("audio", "AAAA", "audio/ogg"))), "Failed to load audio file"),
    "data URL": ("pdf", ask((Text("What?"), File("document", "JVBERi0=", "application/pdf", name="a"))),
                 "Invalid file data: 'file_data'. Expected a base64-encoded data URL with an application/pdf MIME "
                 "type (e.g. 'data:application/pdf;base64,...')"),
    "gif": ("image", ask((Text("What?"), Image("AAAA", "image/gif"))), "image: unknown format"),
    "fetch": ("image", ask((Text("What?"), Image(url="https://x.test/a.png"))), "failed to fetch image"),
    "corrupted": ("image", ask((Text("What?"), Image("AAAA", "image/png"))), "Multimodal data is corrupted"),
    "too long": ("json", ask(response_format=JsonObject()), "This model's maximum context length is 8192 tokens"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_request_that_was_built_wrongly_says_nothing(name: str) -> None:
    """The cell is inconclusive, in the provider's own words."""
    cell, call, words = WRONG[name]
    found = cells(PLAIN, (call, refusal(words)))[cell]
    assert found.outcome == "inconclusive"
    assert words[:60] in found.reason
    assert found.evidence == ("a.yaml#1",)


# --- trouble of the day

TROUBLE = {
    401: "Invalid API key",
    402: "Insufficient balance",
    429: "Rate limit reached for requests",
    500: "The server had an error",
    503: "The engine is overloaded",
    529: "Overloaded",
}


@pytest.mark.parametrize("status", TROUBLE)
@pytest.mark.parametrize("cell", EFFECTS)
def test_trouble_of_the_day_says_nothing_of_a_feature(cell: str, status: int) -> None:
    """The words are told."""
    found = cells(PLAIN, (EFFECTS[cell][0], refusal(TROUBLE[status], status)))[cell]
    assert found.outcome == "inconclusive"
    assert TROUBLE[status] in found.reason


def test_no_answer_says_nothing_of_a_feature() -> None:
    """A transport fault, as a HAR records it."""
    broke_off = Reply(error=ApiError("transport", None, "net::ERR_CONNECTION_RESET"))
    assert cells(PLAIN, (ask(seed=1), broke_off))["seed"].outcome == "inconclusive"


# --- refusals

REFUSED: dict[str, tuple[Call, str]] = {
    "json": (ask(response_format=JsonObject()), "This model does not support response format `json_object`."),
    "schema": (ask(response_format=SCHEMA), "This model does not support response format `json_schema`."),
    "max_tokens": (ask(max_tokens=8), "Unsupported parameter: 'max_tokens' is not supported with this model."),
    "stop": (ask(stop=("x",)), "Unsupported parameter: 'stop' is not supported with this model."),
    "probs": (ask(top_logprobs=1), "logprobs are not supported with reasoning models"),
    "seed": (ask(seed=1), "Unrecognized request argument supplied: seed"),
    "tool": (ask(TASK, tools=(ADD,)), "`tool calling` is not supported with this model"),
    "tool_required": (ask(TASK, tools=(ADD,), tool_choice="required"),
                      "tool_choice parameter does not support being set to required"),
    "image": (ask((Text("What?"), Image("AAAA", "image/png"))), "messages[0].content must be a string"),
    "audio": (ask((Text("What?"), File("audio", "AAAA", "audio/wav"))), "Audio input is not enabled for this model"),
    "pdf": (ask((Text("What?"), File("document", "JVBERi0=", "application/pdf", name="a"))),
            "Invalid value: 'file' content is not supported by this model"),
}  # fmt: skip


@pytest.mark.parametrize("cell", REFUSED)
def test_a_refusal_that_names_the_feature_counts_while_others_are_answered(cell: str) -> None:
    """One is enough: a recording has no second try."""
    call, words = REFUSED[cell]
    found = cells(PLAIN, (call, refusal(words)))[cell]
    assert summary(found) == ("rejected", "shown")
    assert (found.successes, found.trials) == (0, 1)
    assert words[:60] in found.reason
    assert found.evidence == ("a.yaml#1", "a.yaml#0")


@pytest.mark.parametrize("cell", REFUSED)
def test_the_same_refusal_says_nothing_where_nothing_was_ever_answered(cell: str) -> None:
    """The endpoint may have had a bad day."""
    call, words = REFUSED[cell]
    assert cells((call, refusal(words)))[cell].outcome == "inconclusive"


@pytest.mark.parametrize("cell", REFUSED)
def test_a_refusal_that_names_nothing_says_nothing(cell: str) -> None:
    """Of the feature."""
    found = cells(PLAIN, (REFUSED[cell][0], refusal("Invalid request.")))[cell]
    assert found.outcome == "inconclusive"
    assert "Invalid request." in found.reason


def test_the_name_of_the_model_is_no_name_of_a_feature() -> None:
    """It may hold any word."""
    model = "acme/seed-oss"
    pairs = [(ask(model=model), said()), (ask(model=model, seed=1), refusal(f"{model} is not supported by this plan"))]
    assert cells(*pairs)["seed"].outcome == "inconclusive"


def test_output_that_fails_the_servers_own_test_is_flaky_beside_other_results() -> None:
    """It blames the model, in a refusal, so by itself it is no word on the feature."""
    failed = refusal("Failed to generate JSON. Please adjust your prompt.", code="json_validate_failed")
    asked, again = ask(response_format=JsonObject()), ask("And now?", response_format=JsonObject())
    alone = cells(PLAIN, (asked, failed))["json"]
    assert alone.outcome == "inconclusive"
    assert "Failed to generate JSON" in alone.reason
    assert cells((asked, failed), (again, said("{}")))["json"].outcome == "flaky"
    assert cells((asked, failed), (again, said("Prose.")))["json"].outcome in ("ignored", "broken")


# --- several trials


@pytest.mark.parametrize(
    ("replies", "outcome", "count"),
    [
        (["{}", "{}"], "supported", (2, 2)),
        (["{}", "Prose."], "flaky", (1, 2)),
        (["Prose.", "{}", "{}"], "flaky", (2, 3)),
        (["Prose.", "Prose."], "ignored", (0, 2)),
        (["{}", "```json\n{}\n```"], "flaky", (1, 2)),
        (["Prose.", "{,}", "Prose."], "ignored", (0, 3)),
        (["Prose.", "[1]", "Prose."], "ignored", (0, 2)),
        (["{}", ""], "flaky", (1, 2)),
    ],
)
def test_trials_that_disagree_are_flaky(replies: list[str], outcome: str, count: tuple[int, int]) -> None:
    """Whatever their order; how often is told."""
    for some in (replies, replies[::-1]):
        found = cells(*[(ask(response_format=JsonObject(), temperature=n / 9), said(text)) for n, text in
                        enumerate(some)])["json"]  # fmt: skip
        assert found.outcome == outcome
        assert (found.successes, found.trials) == count


def test_trouble_among_trials_is_not_counted() -> None:
    """It says nothing, so it takes nothing away."""
    call = ask(response_format=JsonObject())
    found = cells((call, refusal("Overloaded", 503)), (call, said("{}")), (call, refusal("Overloaded", 503)))["json"]
    assert (found.outcome, found.successes, found.trials) == ("supported", 1, 1)


def test_a_refusal_among_replies_is_flaky() -> None:
    """Behind a router, some backends know a feature and some do not."""
    call, words = REFUSED["json"]
    assert cells((call, said("{}")), (call, refusal(words)))["json"].outcome == "flaky"


# --- how a feature was asked for


def test_an_undocumented_spelling_that_is_ignored_says_nothing() -> None:
    """Nobody promised to know it."""
    call = ask(max_tokens=8, spelling=(("max_tokens", "n_predict"),))
    found = cells((call, LONG))["max_tokens"]
    assert found.outcome == "inconclusive"
    assert "does not document (n_predict)" in found.reason
    assert "longer than the cap" in found.reason


def test_an_undocumented_spelling_that_works_works() -> None:
    """A cut is a cut."""
    call = ask(max_tokens=8, spelling=(("max_tokens", "n_predict"),))
    assert cells((call, cut("word " * 8, 8)))["max_tokens"].outcome == "supported"


def test_an_undocumented_spelling_that_is_refused_for_the_feature_is_rejected() -> None:
    """The refusal speaks of the feature by another name."""
    call = ask(seed=1, spelling=(("seed", "random_seed"),))
    assert cells(PLAIN, (call, refusal("A seed is not supported with this model")))["seed"].outcome == "rejected"


@pytest.mark.parametrize(
    "words",
    [
        "Unrecognized request argument supplied: n_predict",
        "Unknown parameter: 'n_predict'.",
        "n_predict is not allowed",
    ],
)
def test_an_undocumented_spelling_that_is_not_known_says_nothing(words: str) -> None:
    """Another one may be."""
    call = ask(max_tokens=8, spelling=(("max_tokens", "n_predict"),))
    refused = refusal(words, param="n_predict", code="unknown_parameter")
    assert cells(PLAIN, (call, refused))["max_tokens"].outcome == "inconclusive"


def test_a_documented_spelling_that_is_ignored_counts() -> None:
    """It is the feature."""
    call = ask(max_tokens=8, spelling=(("max_tokens", "max_completion_tokens"),))
    assert cells((call, LONG))["max_tokens"].outcome == "ignored"


SEARCH = ask(server_tools=(ServerTool("web_search"),))


def test_a_search_that_is_refused_in_one_way_of_asking_says_nothing() -> None:
    """Every provider has its own."""
    found = cells(PLAIN, (SEARCH, refusal("tools[0].type must be one of [function, mcp]")))["web_search"]
    assert found.outcome == "inconclusive"
    assert "another way of asking may pass" in found.reason


def test_a_search_that_is_made_is_seen_beside_one_that_was_refused() -> None:
    """The refusal says nothing."""
    refused = (SEARCH, refusal("tools[0].type must be one of [function, mcp]"))
    made = (ask(patch={"web_search_options": {}}), said(citations=(Citation("web", "A", "https://x.test"),)))
    assert summary(cells(PLAIN, refused, made)["web_search"]) == ("supported", "shown")


def test_a_search_that_nobody_asked_for_counts() -> None:
    """Some models cannot do otherwise."""
    found = cells((ask(), said(citations=(Citation("web", "A", "https://x.test"),))))["web_search"]
    assert found.outcome == "supported"
    assert found.evidence == ("a.yaml#0",)


def test_a_search_that_was_asked_for_and_not_made_is_not_made_up_for_by_another() -> None:
    """Only where asking came to nothing do searches count that nobody asked for."""
    unasked = (ask(), said(citations=(Citation("web", "A", "https://x.test"),)))
    refused = (SEARCH, refusal("tools[0].type must be one of [function, mcp]"))
    assert cells(unasked, (SEARCH, said("From memory.")))["web_search"].outcome == "ignored"
    assert cells(unasked, refused)["web_search"].outcome == "supported"


# --- seeds


def test_one_seeded_reply_is_merely_accepted() -> None:
    """It cannot repeat itself."""
    assert summary(cells((ask(seed=1), said("A")))["seed"]) == ("supported", "accepted")


def test_a_seed_that_repeats_what_no_seed_does_not_is_shown() -> None:
    """All three replies are needed."""
    pairs = [(ask(seed=1), said("A")), (ask(seed=1), said("A")), (ask(), said("B"))]
    assert summary(cells(*pairs)["seed"]) == ("supported", "shown")
    assert summary(cells(*pairs[:2])["seed"]) == ("supported", "accepted")
    assert summary(cells(*pairs[:2], (ask(), said("A")))["seed"]) == ("supported", "accepted")


def test_a_seed_that_does_not_repeat_is_ignored() -> None:
    """Unless another backend answered."""
    assert cells((ask(seed=1), said("A")), (ask(seed=1), said("B")))["seed"].outcome == "ignored"
    prints = [(ask(seed=1), said(text, fingerprint=text)) for text in "AB"]
    assert summary(cells(*prints)["seed"]) == ("supported", "accepted")


def test_seeds_of_different_questions_do_not_meet() -> None:
    """Nor do different seeds."""
    assert summary(cells((ask(seed=1), said("A")), (ask(seed=2), said("B")))["seed"]) == ("supported", "accepted")


# --- tools


def went_on(call: Call, reply: Reply) -> Call:
    """The request with the results of the calls in ``reply``."""
    results = [Message("tool", "34", tool_call_id=made.id or None) for made in reply.tool_calls]
    return replace(call, messages=(*call.messages, Message("assistant", tool_calls=reply.tool_calls), *results))


FREE = ask(TASK, tools=(ADD,))
FORCED = replace(FREE, tool_choice="required")


def test_small_talk_beside_a_call_is_no_flakiness() -> None:
    """The tools are offered with every question."""
    talk = ask("How are you?", tools=(ADD,))
    assert summary(cells((talk, said("Well.")), (FREE, calling()))["tool"])[0] == "supported"
    assert cells((talk, said("Well.")))["tool"].outcome == "inconclusive"


def test_a_stream_that_the_client_left_says_nothing_of_finish_reasons() -> None:
    """A recording does not tell who hung up."""
    left = said("One", finish=ABSENT, finish_raw="", streamed=True, deltas=1, complete=False)
    whole = said("One two.", streamed=True, deltas=2)
    turns = [Turn("recorded", ask(stream=True), reply, f"a#{n}") for n, reply in enumerate((left, whole))]
    found = [judge(RecordedRow("m", False, "stream", CHAT, tuple(some)), AnswerKey()) for some in (turns, turns[:1])]
    assert [cells["finish"].outcome for cells in found] == ["inconclusive", "inconclusive"]


def test_a_recording_without_headers_says_nothing_of_limits() -> None:
    """Many recorders leave them out."""
    row = RecordedRow("m", False, "sync", CHAT, (Turn("recorded", ask(), said("Hi."), "a#0"),), headed=False)
    assert judge(row, AnswerKey())["limits"].outcome == "inconclusive"
    assert judge(replace(row, headed=True), AnswerKey())["limits"].outcome == "absent"


def test_a_call_with_its_result_is_a_round_trip() -> None:
    """Both are evidence."""
    found = cells((FREE, calling()), (went_on(FREE, calling()), said("34")))["tool"]
    assert summary(found) == ("supported", "consistent")
    assert "its result is answered with text" in found.reason
    assert found.evidence == ("a.yaml#0", "a.yaml#1")
    assert found.trials == 1


@pytest.mark.parametrize("name", ["anthropic-messages", "gemini-generate-content", "openai-responses", "ollama-chat"])
def test_a_round_trip_is_seen_in_every_format(name: str) -> None:
    """With ids and without."""
    codec = dialect(name)
    free, reply = replace(FREE, max_tokens=600), calling("" if name == "ollama-chat" else "c1")
    after = went_on(free, reply)
    if name == "ollama-chat":  # results have the name of the tool there
        after = replace(after, messages=(*after.messages[:-1], Message("tool", "34", tool_call_id="add")))
    found = cells((free, reply), (after, said("34")), codec=codec)["tool"]
    assert found.evidence == ("a.yaml#0", "a.yaml#1")
    assert summary(found) == ("supported", "consistent")


@pytest.mark.parametrize(
    "words",
    [
        "tool_choice parameter does not support being set to required",
        "function calling with this tool_choice is not supported with this model",
    ],
)
def test_a_forced_call_that_is_refused_leaves_the_free_one(words: str) -> None:
    """Each has its cell."""
    found = cells(PLAIN, (FREE, calling()), (FORCED, refusal(words)))
    assert found["tool"].outcome == "supported"
    assert found["tool_required"].outcome == "rejected"


def test_a_forced_call_that_is_refused_alone_says_nothing_of_free_ones() -> None:
    """The choice was refused, and not the tools."""
    found = cells(PLAIN, (FORCED, refusal("tool_choice parameter does not support being set to required")))
    assert found["tool"].outcome == "inconclusive"
    assert found["tool_required"].outcome == "rejected"


def test_a_forced_call_that_is_refused_for_its_tools_says_that_there_are_none() -> None:
    """The words are about tools."""
    found = cells(PLAIN, (FORCED, refusal("`tool calling` is not supported with this model")))
    assert found["tool"].outcome == found["tool_required"].outcome == "rejected"


def test_a_forced_call_that_does_not_come_counts() -> None:
    """It was accepted."""
    found = cells((FREE, calling()), (FORCED, said("17.")))
    assert found["tool"].outcome == "flaky"
    assert found["tool_required"].outcome == "ignored"


@pytest.mark.parametrize("words", ["Tool messages are not supported", "Invalid request."])
def test_a_result_that_is_refused_makes_it_partial(words: str) -> None:
    """The call came; what follows is a part of the feature."""
    found = cells((FREE, calling()), (went_on(FREE, calling()), refusal(words)))["tool"]
    assert found.outcome == "partial"
    assert words in found.reason
    assert found.evidence == ("a.yaml#0", "a.yaml#1")


@pytest.mark.parametrize("error", [refusal("Overloaded", 503), refusal("Rate limit", 429), refusal("Pay.", 402)])
def test_trouble_in_the_second_step_leaves_the_first(error: Reply) -> None:
    """The call came."""
    found = cells((FREE, calling()), (went_on(FREE, calling()), error))["tool"]
    assert summary(found) == ("supported", "consistent")
    assert "answered" not in found.reason


def test_calls_that_are_forbidden_are_not_missed() -> None:
    """Nor do they speak of calling."""
    found = cells((replace(FREE, tool_choice="none"), said("34")))
    assert "tool" not in found
    assert summary(found["tool_forbidden"]) == ("supported", "accepted")
    assert cells((replace(FREE, tool_choice="none"), calling()))["tool_forbidden"].outcome == "ignored"


def test_a_named_call_is_a_forced_one() -> None:
    """The choice has a name."""
    call = replace(FREE, tool_choice=NamedTool("add"))
    assert cells((call, calling()))["tool_required"].outcome == "supported"


def choosing(*values: str) -> Tool:
    return Tool("pick", parameters={"type": "object", "properties": {"of": {"enum": list(values)}}})


def test_choices_in_both_orders_are_compared() -> None:
    """Each order of the enum is another request."""
    pairs = [(ask("Which?", tools=(choosing(*order),)), calling(arguments=json.dumps({"of": took}), name="pick"))
             for order, took in ((("x", "y"), "x"), (("y", "x"), "y"))]  # fmt: skip
    found = cells(*pairs)
    assert found["tool_unbiased"].outcome == "absent"
    assert found["tool_indecisive"].outcome == "absent"
    assert "tool_unbiased" not in cells(pairs[0])


@pytest.mark.parametrize("enum", [5, "xy", None, {"a": 1}, [1, 2], [["a"], ["b"]]])
def test_an_odd_enum_is_no_choice(enum: Any) -> None:
    """Requests come from anybody."""
    tool = Tool("pick", parameters={"type": "object", "properties": {"of": {"enum": enum}}})
    assert "tool_unbiased" not in cells((ask("Which?", tools=(tool,)), calling(arguments='{"of": 1}', name="pick")))


# --- media

PNG, GIF = b"\x89PNG 1", b"GIF89a 1"
KEY = AnswerKey(
    (KnownMedium("duck", tuple(sha256(data).hexdigest() for data in (PNG, GIF)), ("https://x.test/duck.png",)),)
)


def picture(data: bytes, url: str = "") -> Call:
    part = Image(url=url) if url else Image(base64.b64encode(data).decode(), "image/x")
    return ask((Text("What is it?"), part))


def test_a_known_picture_that_is_named_is_taken_in() -> None:
    """The word may have been guessed."""
    assert summary(cells((picture(PNG), said("A duck.")), key=KEY)["image"]) == ("supported", "consistent")
    assert (
        summary(cells((picture(b"", "https://x.test/duck.png"), said("A duck.")), key=KEY)["image"])[0] == "supported"
    )
    assert cells((picture(PNG), said("A cow.")), key=KEY)["image"].outcome == "ignored"


def test_a_picture_that_is_not_known_is_merely_accepted() -> None:
    """Nobody here knows what it shows."""
    assert summary(cells((picture(b"\x89PNG 2"), said("A duck.")), key=KEY)["image"]) == ("supported", "accepted")


def test_a_model_that_says_that_it_is_blind_says_nothing_certain() -> None:
    """Of a picture that is not known."""
    found = cells((picture(b"\x89PNG 2"), said("I can't see images.")), key=KEY)["image"]
    assert found.outcome == "inconclusive"


def test_one_format_that_is_taken_is_enough_and_the_others_are_named() -> None:
    """Formats are judged each by itself."""
    found = cells(
        (picture(PNG), said("A duck.")), (picture(GIF), refusal("image/gif content is not supported")), key=KEY
    )["image"]
    assert found.outcome == "supported"
    assert "png inline" in found.reason
    assert "not so: gif inline (rejected)" in found.reason
    assert (found.successes, found.trials) == (1, 1)


def test_ways_of_sending_are_judged_each_by_itself() -> None:
    """A server may not fetch."""
    found = cells(
        (picture(PNG), said("A duck.")),
        (picture(b"", "https://x.test/duck.png"), refusal("failed to fetch image")),
        key=KEY,
    )["image"]
    assert "png inline; not so: png by URL (inconclusive)" in found.reason


def test_trouble_with_a_format_takes_nothing_from_it() -> None:
    """It was named in all replies that came."""
    found = cells(
        (picture(PNG), refusal("Overloaded", 503)), (picture(PNG), said("A duck.")), (picture(GIF), said("A cow.")),
        key=KEY,
    )["image"]  # fmt: skip
    assert found.outcome == "supported"
    assert "not so: gif inline (ignored)" in found.reason


def test_a_format_that_is_taken_now_and_then_is_flaky() -> None:
    """When no other is better."""
    found = cells((picture(PNG), said("A duck.")), (picture(PNG), said("A cow.")), key=KEY)["image"]
    assert (found.outcome, found.successes, found.trials) == ("flaky", 1, 2)


def test_several_media_in_one_request_say_nothing_of_either() -> None:
    """An answer about one of them would be an answer."""
    both = ask((Text("What?"), Image("AAAA", "image/png"), Image("BBBB", "image/png")))
    assert "image" not in cells((both, said("A duck.")))


def test_what_comes_out_is_seen() -> None:
    """A picture in a reply."""
    reply = said("Here.", media=(Media("image", "image/png", "AAAA"),))
    assert summary(cells((ask(), reply))["image_out"]) == ("supported", "shown")
    assert "image_out" not in cells(PLAIN)


def test_a_picture_of_another_format_of_the_same_host_is_of_the_same_board() -> None:
    """Requests for pictures have a format without words."""
    words = recorded(PLAIN)
    [picture_out] = recorded(
        (ask(model="painter"), said("", media=(Media("image", data="AAAA"),))), codec=dialect("openai-images")
    )
    [board] = replayed([*words, picture_out]).boards
    assert board.dialect == "openai-chat"
    assert [row.model for row in board.rows] == ["m", "painter"]
    assert board.rows[1].cells["image_out"].outcome == "supported"


# --- what every row has


def test_what_is_read_from_every_exchange_is_there() -> None:
    """Usage, finish, limits and thinking need nobody to ask."""
    limits = (RateLimit("requests", 10.0, 9.0, "1s"),)
    found = cells((ask(), said(limits=limits)), (ask(max_tokens=8), replace(cut("w " * 8, 8), limits=limits)))
    assert {cell: found[cell].outcome for cell in ("usage", "finish", "limits", "thinking")} == {
        "usage": "supported", "finish": "supported", "limits": "supported", "thinking": "absent",
    }  # fmt: skip


def test_cells_stand_in_the_order_of_the_table() -> None:
    """Whatever was recorded first."""
    found = cells(*[(call, reply) for call, reply, *_ in reversed(EFFECTS.values())], PLAIN, (picture(PNG), said("x")))
    assert list(found) == [cell for cell in CELLS if cell in found]
    assert {"text", "image", "json", "schema", "tool", "tool_required", "max_tokens", "stop", "probs"} <= set(found)


@pytest.mark.parametrize("status", [401, 403])
def test_a_model_whose_key_was_always_refused_has_no_row(status: int) -> None:
    """It is told in place of that."""
    found = replayed(recorded(PLAIN, (ask(model="closed"), refusal("Invalid API key", status))))
    assert [row.model for row in found.boards[0].rows] == ["m"]
    assert [(one.evidence, one.why) for one in found.unused] == [
        ("a.yaml#1", "the key was refused, as in all requests to this model")
    ]


def test_a_model_that_there_is_not_has_no_row() -> None:
    """Nor a board, when it is the only one."""
    found = replayed(recorded((ask(), refusal("The model `m` does not exist", 404, code="model_not_found"))))
    assert found.boards == ()
    assert [one.why for one in found.unused] == ["there is no such model, in any request"]


def test_a_row_of_passing_trouble_is_a_row() -> None:
    """What was asked is not known, which is worth knowing."""
    found = cells((ask(), refusal("Overloaded", 503)))
    assert {verdict.outcome for verdict in found.values()} == {"inconclusive"}


# --- whatever was recorded


def turn_of(pair: Pair) -> Pair:
    """Replies come as they were asked for."""
    call, reply = pair
    return (call, replace(reply, streamed=True, deltas=2) if call.stream else reply)


errors = st.builds(
    ApiError,
    st.just("status"),
    st.sampled_from([400, 401, 402, 404, 422, 429, 500, 503]),
    st.sampled_from([words for _, words in REFUSED.values()] + [words for *_, words in WRONG.values()] + ["", "No."]),
)
KNOWN_CALLS = [
    *(call for call, *_ in EFFECTS.values()), *(control for _, _, control, *_ in EFFECTS.values()), SEARCH,
    *(call for call, _ in REFUSED.values()), *(call for _, call, _ in WRONG.values()), FREE, FORCED, ask(seed=1),
    went_on(FREE, calling()), went_on(FREE, calling("")), picture(PNG), picture(GIF), picture(b"?"),
    *(ask("Which?", tools=(choosing(*order),)) for order in ("xy", "yx")),
]  # fmt: skip
KNOWN_REPLIES = [
    *(reply for _, *some in EFFECTS.values() for reply in (some[0], *some[2:])), calling(), calling(""),
    said("A duck."),
    calling(arguments='{"of": "x"}', name="pick"), said("34"), said(media=(Media("image", data="AAAA"),)),
    said("Fine.", reasoning="Hm.", reasoning_place="reasoning"), said("A", fingerprint="f"), said("B"),
    said(citations=(Citation("web", "A", "https://x.test"),)), said(limits=(RateLimit("requests", 10.0, 9.0),)),
]  # fmt: skip
refusals = st.builds(Reply, error=errors)
pairs = st.tuples(any_calls(), any_replies() | refusals)
pairs |= st.tuples(st.sampled_from(KNOWN_CALLS), st.sampled_from(KNOWN_REPLIES) | refusals)


@settings(max_examples=200, deadline=None)
@given(st.lists(pairs.map(turn_of), max_size=12), st.data())
def test_whatever_was_recorded_is_judged(some: list[Pair], data: st.DataObject) -> None:
    """Each verdict is sound and names what exists; nothing is lost; the order changes no verdict."""
    found = recorded(*some)
    result = replayed(found, KEY, count_unknown=True)
    known = {one.id for one in found}

    assert result.read == len(found)
    assert result.decoded == len(found)
    assert sum(board.requests for board in result.boards) + len(result.unused) >= len(found)
    for board in result.boards:
        assert to_json(from_json(to_json(board))) == to_json(board)
        for row in board.rows:
            assert row.cells
            for verdict in row.cells.values():
                assert verdict.outcome in OUTCOMES
                assert verdict.reason
                assert set(verdict.evidence) <= known
                assert 0 <= verdict.successes <= verdict.trials <= len(found)
    again = replayed(recorded(*data.draw(st.permutations(some))), KEY)
    assert told(again.boards) == told(result.boards)


def told(boards: tuple[Scoreboard, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What every cell answers, without what it quotes: of two failures that are as frequent, the first is told."""
    return {
        (row.model, row.mode, row.thinking, cell): (answer_of(one), one.successes, one.trials, one.strength)
        for board in map(weighed, boards)
        for row in board.rows
        for cell, one in row.cells.items()
    }


TALKING = [dialect(name) for name in names() if "max_tokens" not in dialect(name).lacks]
FULL: list[Pair] = [
    (replace(FREE, seed=1, stop=("x",), max_tokens=8, response_format=SCHEMA, top_logprobs=1, tool_choice="required"),
     calling(logprobs=LOGPROBS, reasoning="Hm.", model="m")),
    (went_on(FREE, calling()), said("34", model="m")),
    (ask("Which?", tools=(choosing("x", "y"),)), calling(arguments='{"of": "x"}', name="pick")),
    (ask("Which?", tools=(choosing("y", "x"),)), calling(arguments='{"of": "x"}', name="pick")),
    (picture(PNG), said("A duck.")),
    (ask(response_format=JsonObject()), said("{}")),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TALKING), st.data())
def test_anything_anywhere_in_requests_and_replies_can_be_judged(codec: Dialect, data: st.DataObject) -> None:
    """Nobody checked what was recorded, and the rest is judged all the same."""
    found = recorded(*FULL, codec=codec)
    place = data.draw(st.integers(0, len(found) - 1))
    request, response = found[place].request, found[place].response
    assert response is not None
    asked, answered = (data.draw(with_a_wild_node(json.loads(body))) for body in (request.body, response.body))
    found[place] = replace(
        found[place],
        request=replace(request, body=json.dumps(asked).encode()),
        response=replace(response, body=json.dumps(answered).encode()),
    )
    result = replayed(found, KEY, count_unknown=True)
    assert result.read == len(found)
    for one in result.boards:
        assert to_json(from_json(to_json(one))) == to_json(one)
        assert render(one, "markdown")


def test_a_reply_that_is_nested_deeply_is_no_trouble() -> None:
    """Nor are arguments of a call."""
    deep = "[" * 900 + "]" * 900
    called = calling(arguments=deep)
    pairs = [(ask(response_format=SCHEMA), said(deep)), (ask(response_format=JsonObject()), said(deep))]
    pairs += [(FREE, called), (went_on(FREE, called), said("34"))]
    assert set(cells(*pairs)) >= {"schema", "json", "tool"}


def test_evidence_is_the_address_of_the_exchange() -> None:
    """File and place in it."""
    one = exchange(ask(), said(), file="some/where.yaml", place=7)
    [board] = replayed([one]).boards
    assert board.rows[0].cells["text"].evidence == ("some/where.yaml#7",)
