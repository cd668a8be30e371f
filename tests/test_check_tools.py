"""Tool calling, forced and forbidden calls, order bias, indecision, and flakiness over a row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest

from llmprobe.call import Call, Other, Text, ToolCall
from llmprobe.checks import OBSERVERS
from llmprobe.checks.evidence import Turn
from llmprobe.reply import Reply
from llmprobe.verdict import Outcome, Verdict
from tests.talks import DIALECT, Endpoint, asks_prompt, demo, dropping, later, refusal, said, talk, turns_of, when


def calling(name: str, arguments: str, **fields: Any) -> Reply:
    """A structured call."""
    call = ToolCall("call_1", name, arguments)
    return said("", **({"tool_calls": (call,), "finish": "tool_calls", "finish_raw": "tool_calls"} | fields))


def code_in(call: Call) -> str:
    """The code that the prompt gives."""
    found = re.search(r'code "(\w+)"', str(call.messages[0].content))
    return found[1] if found else ""


def good(call: Call) -> Reply:
    """Calls with the code, uses the answer, and can repeat a code."""
    if call.messages[-1].role == "tool":
        return said(f"The number is {call.messages[-1].content}.")
    if call.tools:
        return calling("open_locker", json.dumps({"code": code_in(call)}))
    return said(asks_prompt(call).rpartition(": ")[2])


def first_call(call: Call) -> bool:
    """The request in which the call is due."""
    return bool(call.tools) and call.messages[-1].role == "user"


def answer_turn(call: Call) -> bool:
    """The request that carries the tool's answer."""
    return call.messages[-1].role == "tool"


# --- the call and its round trip


def test_a_round_trip_with_values_that_cannot_be_guessed_is_supported() -> None:
    """Call with the code, answer used; every trial has another code and another number."""
    done = talk("tool", good)
    first, second = done.calls("call")[0], done.calls("answer")[0]

    assert (done.outcome, done.verdict.trials) == ("supported", 6)
    assert len({code_in(call) for call in done.calls("call")}) == 6
    assert len({str(call.messages[-1].content) for call in done.calls("answer")}) == 6
    assert replace(second, messages=second.messages[:1]) == first
    assert second.messages[1].tool_calls == done.replies[1].tool_calls
    assert second.messages[2].tool_call_id == "call_1"


@pytest.mark.parametrize(
    ("oddity", "outcome"),
    [
        ("tool call fragment without an index", "partial"),
        ("two tool calls under one index", "partial"),
        ("tool call without an id", "partial"),
        ("no [DONE]", "supported"),
    ],
)
def test_a_call_that_only_a_patient_client_can_join_is_partial(oddity: str, outcome: str) -> None:
    """TRAPS 9: strict reassembly fails, lenient works. Other oddities are not the tool's."""
    done = talk("tool", lambda call: replace(good(call), oddities=(oddity,) if first_call(call) else ()))

    assert done.outcome == outcome
    assert (oddity in done.verdict.reason) == (outcome == "partial")


def test_the_call_is_played_back_as_it_came() -> None:
    """Byte for byte, with the reasoning where the server gave it in the field that wants it back."""
    arguments = '{ "code" :\n"CODE" }'

    def reply(call: Call) -> Reply:
        if not first_call(call):
            return good(call)
        made = arguments.replace("CODE", code_in(call))
        return calling("open_locker", made, reasoning="I must call it.", reasoning_place="reasoning_content")

    done = talk("tool", reply)
    assistant = done.calls("answer")[0].messages[1]

    assert done.outcome == "supported"
    assert assistant.tool_calls[0].arguments == arguments.replace("CODE", code_in(done.calls("call")[0]))
    assert assistant.reasoning == "I must call it."


def test_signed_thoughts_are_played_back_before_the_call() -> None:
    """Where the provider demands back what it has signed, as it came, with the text if there was some."""
    signed = Other("thinking", {"thinking": "I must call it.", "signature": "s=="})

    def reply(call: Call) -> Reply:
        if not first_call(call):
            return good(call)
        made = calling("open_locker", json.dumps({"code": code_in(call)}))
        return replace(made, echo=(signed,), text="One moment.")

    done = talk("tool", reply)

    assert done.outcome == "supported"
    assert done.calls("answer")[0].messages[1].content == (signed, Text("One moment."))


@pytest.mark.parametrize(
    ("reply", "outcome", "why"),
    [
        (said("I cannot open lockers."), "ignored", "no tool call"),
        (said('<tool_call>\n{"name": "open_locker", "arguments": {"code": "x"}}\n</tool_call>'), "broken", "printed"),
        (said('{"name": "open_locker", "parameters": {"code": "x"}}'), "broken", "printed as text"),
        (said('open_locker(code="x")'), "broken", "printed as text"),
        (said("<function=open_locker>{}</function>"), "broken", "printed as text"),
        (said("I would use open_locker, but I have no arguments or parameters."), "ignored", "no tool call"),
        (
            said("", reasoning='<tool_call>{"name": "open_locker"}</tool_call>', reasoning_place="reasoning"),
            "broken",
            "printed as text",
        ),
        (
            said("Done.", reasoning="I should use open_locker with its parameters.", reasoning_place="reasoning"),
            "ignored",
            "no tool call",
        ),
        (calling("unlock", '{"code": "x"}'), "broken", "'unlock', which was not offered"),
        (calling(" open_locker ", '{"code": "x"}'), "broken", "which was not offered"),
        (calling("open_locker", "{code: x}"), "broken", "arguments are not JSON"),
        (calling("open_locker", '{"code": "x"'), "broken", "arguments are not JSON"),
        (calling("open_locker", '["x"]'), "broken", "arguments are not an object"),
        (calling("open_locker", ""), "broken", "lacks a required key"),
        (calling("open_locker", '{"code": 5}'), "broken", "not of type string"),
        (calling("open_locker", '{"code": "x", "door": 1}'), "broken", "'door', which is not allowed"),
        (calling("open_locker", '{"code": "1234"}'), "broken", "not the one that was asked for"),
        (refusal("Failed to call a function.", code="tool_use_failed"), "broken", "server's own test"),
        (refusal("`tool calling` is not supported with this model", param="tool calling"), "rejected", "refused"),
        (refusal("Provider returned error: invalid parameter"), "inconclusive", "not in words about this feature"),
        (later(), "inconclusive", "trouble at the endpoint"),
        (later(500), "inconclusive", "trouble at the endpoint"),
        (said("", finish="length"), "inconclusive", "ran out of output tokens"),
        (calling("open_locker", '{"code": "x', finish="length"), "inconclusive", "ran out of output tokens"),
        (said("I cannot.", refusal="I cannot."), "inconclusive", "filtered or refused"),
    ],
)
def test_what_comes_in_place_of_a_good_call(reply: Reply, outcome: str, why: str) -> None:
    """TRAPS 9: text, printed calls, calls in thoughts, wrong names, broken, misfit and made-up arguments."""
    done = talk("tool", when(first_call, reply, good))

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_a_broken_call_is_not_played_back() -> None:
    """Servers choke on their own broken calls; the verdict is about the call."""
    done = talk("tool", when(first_call, calling("open_locker", "{code"), good))

    assert done.calls("answer") == []


@pytest.mark.parametrize(
    ("reply", "outcome", "why"),
    [
        (said("I opened it and all is well."), "partial", "the tool's answer is not used"),
        (calling("open_locker", '{"code": "x"}'), "partial", "calls again instead"),
        (refusal("role 'tool' is not supported"), "partial", "a later step is refused"),
        (refusal("invalid request"), "inconclusive", "not in words about this feature"),
        (refusal("messages with role 'tool' must be a response to a preceding message"), "inconclusive", "was built"),
        (later(503), "inconclusive", "trouble at the endpoint"),
        (said("", finish="length"), "inconclusive", "ran out"),
    ],
)
def test_what_comes_in_place_of_a_good_final_answer(reply: Reply, outcome: str, why: str) -> None:
    """The call is right; the tool's answer is ignored, answered by a call, refused, or lost."""
    done = talk("tool", when(answer_turn, reply, good))

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_a_model_that_cannot_repeat_a_code_proves_nothing_by_wrong_arguments() -> None:
    """TRAPS 1.17: calls come, and the positive control fails."""

    def reply(call: Call) -> Reply:
        return calling("open_locker", '{"code": "Paris"}') if call.tools else said("Paris is the capital.")

    assert talk("tool", reply).outcome == "inconclusive"


def test_several_calls_are_answered_each() -> None:
    """Parallel calls are legal: every id gets its answer."""

    def reply(call: Call) -> Reply:
        if not first_call(call):
            return good(call)
        made = json.dumps({"code": code_in(call)})
        return calling("", "", tool_calls=tuple(ToolCall(f"id{n}", "open_locker", made) for n in range(2)))

    done = talk("tool", reply)

    assert done.outcome == "supported"
    assert [m.tool_call_id for m in done.calls("answer")[0].messages[2:]] == ["id0", "id1"]


@pytest.mark.parametrize("place", [0, 1])
def test_one_broken_call_among_several_is_broken(place: int) -> None:
    """The second counts as much as the first."""

    def reply(call: Call) -> Reply:
        fine = ToolCall("a", "open_locker", json.dumps({"code": code_in(call)}))
        calls = [fine, fine]
        calls[place] = ToolCall("b", "open_locker", "{")
        return calling("", "", tool_calls=tuple(calls)) if first_call(call) else good(call)

    assert talk("tool", reply).outcome == "broken"


def test_a_call_that_comes_now_and_then_is_flaky() -> None:
    """Two of three."""
    numbers = count()
    seldom = lambda call: said("No.") if first_call(call) and next(numbers) % 3 == 2 else good(call)  # noqa: E731

    assert talk("tool", seldom).outcome == "flaky"


# --- forced and forbidden


def choosing(auto: bool, none: bool, required: bool) -> Endpoint:
    """Calls, or not, by the tool choice."""
    habits = {"auto": auto, None: auto, "none": none, "required": required}
    return lambda call: good(call) if call.tools and habits[call.tool_choice] else said("Red.")  # type: ignore[index]


@pytest.mark.parametrize(
    ("habits", "outcome", "control"),
    [((False, False, True), "supported", "auto"), ((False, False, False), "ignored", "auto"),
     ((True, False, True), "supported", "none"), ((True, False, False), "ignored", "none"),
     ((True, True, True), "inconclusive", "none"), ((False, True, True), "supported", "auto")],
)  # fmt: skip
def test_forced_calls_against_a_control_that_does_not_call(
    habits: tuple[bool, bool, bool], outcome: str, control: str
) -> None:
    """Left free, models must not call; those that do are compared with calls forbidden; those that always do, not."""
    done = talk("tool_required", choosing(*habits))

    assert done.outcome == outcome
    assert {call.tool_choice for call in done.calls("control")} >= {control}
    for forced in done.calls("forced"):
        assert replace(forced, tool_choice=control) == done.calls("control")[-1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("habits", "outcome"),
    [((True, False, True), "supported"), ((True, True, True), "ignored"), ((False, False, True), "inconclusive")],
)
def test_forbidden_calls_against_a_control_that_calls(habits: tuple[bool, bool, bool], outcome: str) -> None:
    """Where nothing is called freely, nothing can be seen."""
    done = talk("tool_forbidden", choosing(*habits))

    assert done.outcome == outcome
    for forbidden in done.calls("forbidden"):
        assert replace(forbidden, tool_choice="auto") == done.calls("control")[0]


def test_a_free_choice_refused_by_the_server_does_not_condemn_forced_calls() -> None:
    """vLLM refuses ``auto`` without a parser and forces calls all the same: forbidden calls are the control."""
    message = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    server = when(lambda call: call.tool_choice == "auto", refusal(message), choosing(False, False, True))

    assert talk("tool_required", server).outcome == "supported"
    assert talk("tool_forbidden", server).outcome == "rejected"


@pytest.mark.parametrize(("probe", "choice"), [("tool_required", "required"), ("tool_forbidden", "none")])
def test_a_tool_choice_that_is_refused_by_name_is_rejected(probe: str, choice: str) -> None:
    """DeepSeek in thinking mode."""
    message = "deepseek-reasoner does not support this tool_choice"
    free = choosing(probe == "tool_forbidden", False, True)
    done = talk(probe, when(lambda call: call.tool_choice == choice, refusal(message), free))

    assert (done.outcome, message in done.verdict.quote) == ("rejected", True)


@pytest.mark.parametrize("luck", range(3))
@pytest.mark.parametrize("name", ["tool_required", "tool_forbidden"])
def test_a_tool_choice_that_is_forgotten_now_and_then_is_flaky(name: str, luck: int) -> None:
    """30 % of the requests fall back to a free choice."""
    assert talk(name, dropping(name, 0.3, luck), seed=f"{luck}").outcome == "flaky"


# --- order bias and indecision


Pick = Callable[[list[str], Random], Any]


def choosing_city(pick: Pick, misses: float = 0.0, luck: int = 0) -> Endpoint:
    """Chooses a city from the enum by a rule, or with ``misses`` prints one."""
    rng = Random(luck)

    def reply(call: Call) -> Reply:
        if not call.tools or rng.random() < misses:
            return good(replace(call, tools=()))
        cities = call.tools[0].parameters["properties"]["city"]["enum"]
        picked = pick(cities, rng)
        several = picked if isinstance(picked, tuple) else (picked,)
        made = [ToolCall(f"{n}", "choose_city", json.dumps({"city": city})) for n, city in enumerate(several)]
        return calling("", "", tool_calls=tuple(made))

    return reply


def bias_of(pick: Pick, luck: int = 0, misses: float = 0.0) -> tuple[str, str]:
    """The outcomes of bias and indecision."""
    found = talk("enum_order", choosing_city(pick, misses, luck), seed=f"{luck}").finding.verdicts
    return found["tool_unbiased"].outcome, found["tool_indecisive"].outcome


@pytest.mark.parametrize(
    ("pick", "outcomes"),
    [
        (lambda cities, _: cities[0], ("absent", "absent")),
        (lambda cities, _: cities[-1], ("absent", "absent")),
        (lambda cities, _: min(cities), ("supported", "absent")),
        (lambda cities, _: tuple(cities), ("inconclusive", "supported")),
        (lambda cities, _: [*cities], ("inconclusive", "supported")),
        (lambda cities, _: (cities[0], cities[0]), ("absent", "absent")),
        (lambda _, __: "Atlantis", ("inconclusive", "inconclusive")),
    ],
    ids=["first", "last", "by content", "a call for each", "a list", "the same twice", "none of them"],
)
def test_what_decides_the_choice_of_an_enum(pick: Pick, outcomes: tuple[str, str]) -> None:
    """TRAPS 10: both ends, a liking that cancels, indecision in both forms, duplicates, strangers."""
    assert bias_of(pick) == outcomes


def test_order_and_mention_are_counterbalanced_with_fresh_cities() -> None:
    """2 x 2: all four arrangements in each trial, other cities in each."""
    done = talk("enum_order", choosing_city(lambda cities, _: min(cities)))
    arrangements: Counter[tuple[bool, bool]] = Counter()
    pairs = set()
    for call in done.asks[1:]:
        first, second = call.call.tools[0].parameters["properties"]["city"]["enum"]
        prompt = asks_prompt(call.call)
        assert first != second
        arrangements[first < second, prompt.index(first) < prompt.index(second)] += 1
        pairs.add(frozenset((first, second)))

    assert set(arrangements.values()) == {len(done.asks[1:]) // 4}
    assert len(pairs) == len(done.asks[1:]) // 4


def test_another_argument_beside_the_choice_is_not_indecision() -> None:
    """A reason given in a second argument is not a second choice."""

    def reply(call: Call) -> Reply:
        if not call.tools:
            return good(call)
        cities = call.tools[0].parameters["properties"]["city"]["enum"]
        return calling("choose_city", json.dumps({"city": min(cities), "reason": "nice"}))

    found = talk("enum_order", reply).finding.verdicts

    assert (found["tool_unbiased"].outcome, found["tool_indecisive"].outcome) == ("supported", "absent")


@pytest.mark.parametrize("misses", [0.0, 0.3])
def test_a_fair_coin_is_seldom_called_biased(misses: float) -> None:
    """Over 2,000 runs: less than 2 %, and seldom undecided."""
    runs = 2000
    found = Counter(bias_of(lambda cities, rng: rng.choice(cities), luck, misses)[0] for luck in range(runs))

    assert found["absent"] < 0.02 * runs
    assert found["inconclusive"] < (0.05 if not misses else 0.12) * runs


def test_a_strong_pull_is_seldom_called_unbiased() -> None:
    """The first value in 9 of 10 choices: green in less than 3 % of 500 runs."""
    runs = 500
    pull: Pick = lambda cities, rng: cities[rng.random() >= 0.9]  # noqa: E731
    found = Counter(bias_of(pull, luck)[0] for luck in range(runs))

    assert found["supported"] < 0.03 * runs
    assert found["absent"] > 0.9 * runs


@pytest.mark.parametrize(
    "reply", [said("Oslo."), later(), refusal("Failed to call a function.", code="tool_use_failed")]
)
def test_choices_that_do_not_come_leave_both_cells_open(reply: Reply) -> None:
    """No calls, an outage, output that fails the server's test: neither biased nor unbiased."""
    found = talk("enum_order", when(lambda call: bool(call.tools), reply, good)).finding.verdicts

    assert {verdict.outcome for verdict in found.values()} == {"inconclusive"}


def test_refused_tools_are_rejected_in_both_cells() -> None:
    """In words about tools."""
    no = refusal("`tool calling` is not supported with this model")
    found = talk("enum_order", when(lambda call: bool(call.tools), no, good)).finding.verdicts

    assert {verdict.outcome for verdict in found.values()} == {"rejected"}


# --- flakiness over the row


GREEN = Verdict("supported")
flakiness = OBSERVERS["tool_flakiness"]


def due(reply: Reply, choice: Any = None) -> Turn:
    """A turn in which a call was due."""
    call = talk("tool", good).calls("call")[0]
    return Turn("call", replace(call, tool_choice=choice), reply, "e", "tool", "call")


@pytest.mark.parametrize(
    ("free", "forced", "outcome"),
    [
        ("ignored", "supported", "partial"),
        ("ignored", "flaky", "partial"),
        ("ignored", "ignored", None),
        ("ignored", "inconclusive", None),
        ("rejected", "supported", None),
        ("broken", "supported", None),
    ],
)
def test_a_model_that_calls_only_when_forced_is_partial_and_not_red(
    free: Outcome, forced: Outcome, outcome: str | None
) -> None:
    """TRAPS 9: a free choice tests the model's will, a forced call tests the endpoint."""
    found = OBSERVERS["tool_flakiness"]((), {"tool": Verdict(free), "tool_required": Verdict(forced)})

    assert (found and found.outcome) == outcome


def test_a_call_that_failed_anywhere_in_the_row_makes_the_tool_cell_flaky() -> None:
    """With the counts of the row."""
    fine = calling("open_locker", '{"code": "x"}')
    found = flakiness([due(fine)] * 9 + [due(said("No."))], {"tool": GREEN})

    assert found is not None
    assert (found.outcome, found.successes, found.trials) == ("flaky", 9, 10)


@pytest.mark.parametrize(
    "reply",
    [later(), refusal("no"), said("", finish="length"), said("x", finish="content_filter"), said("x", refusal="no"),
     said("x", complete=False), calling("open_locker", '{"code": "x"}')],
)  # fmt: skip
def test_trouble_cuts_and_filters_do_not_make_it_flaky(reply: Reply) -> None:
    """Nor does a good call."""
    assert flakiness([due(reply)], {"tool": GREEN}) is None


def test_model_failure_makes_it_flaky_and_forced_calls_count_only_where_forcing_works() -> None:
    """A server that ignores ``required`` is judged in the cell for that."""
    failed = due(refusal("Failed to call a function.", code="tool_use_failed"))
    forced = due(said("No."), "required")
    works = {"tool": GREEN, "tool_required": GREEN}

    assert flakiness([failed], {"tool": GREEN}) is not None
    assert flakiness([forced], {"tool": GREEN, "tool_required": Verdict("ignored")}) is None
    assert flakiness([forced], works) is not None


@pytest.mark.parametrize("outcome", ["ignored", "rejected", "broken", "partial", "inconclusive"])
def test_only_a_green_tool_cell_is_refined(outcome: Any) -> None:
    """And a row without one is left alone."""
    turns = [due(said("No."))]

    assert flakiness(turns, {"tool": Verdict(outcome)}) is None
    assert flakiness(turns, {}) is None


def test_calls_that_fail_in_3_of_10_requests_never_stay_green_over_a_row() -> None:
    """Each probe alone may miss it; the row does not, in 100 rows."""
    green = 0
    for luck in range(100):
        server = demo(luck, tool_misses=0.3)
        row = [talk(name, server, seed=f"{luck}") for name in ("tool", "tool_required", "enum_order")]
        found = flakiness(turns_of(*row), {"tool": row[0].verdict, "tool_required": row[1].verdict}) or row[0].verdict
        green += found.outcome == "supported"

    assert green == 0


def test_the_dialect_can_say_every_probe_of_tools() -> None:
    """What is sent survives encoding: names, ids, arguments and choices come back."""
    for name in ("tool", "tool_required", "tool_forbidden", "enum_order"):
        for ask in talk(name, demo()).asks:
            assert DIALECT.decode_call(DIALECT.encode_call(ask.call)) == ask.call
