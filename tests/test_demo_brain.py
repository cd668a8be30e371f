"""The demo's brain: it follows plain instructions, and each model has the faults that it is to have."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from llmprobe.call import Call, Image, JsonObject, JsonSchema, Message, NamedTool, Text, Tool, ToolChoice
from llmprobe.demo.brain import answer
from llmprobe.demo.models import MODELS, Traits
from llmprobe.demo.skills import wants_json
from llmprobe.demo.truth import expected, rows
from llmprobe.demo.words import spelled_out, tokens
from llmprobe.pictures import blank_png, digits_png
from llmprobe.reply import ApiError, Reply, Usage
from llmprobe.scoreboard import CELLS, Mode

PERFECT = MODELS[0]
CHATTING = tuple(traits for traits in MODELS if traits.kind == "chat")
BY_NAME = {traits.name: traits for traits in MODELS}
LOOK_UP = Tool(
    "look_up",
    "Looks a code up.",
    {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
)


def call(prompt: str, **more: Any) -> Call:
    return Call("m", (Message("user", prompt),), **more)


def ask(prompt: str, traits: Traits = PERFECT, luck: int = 0, **more: Any) -> Reply:
    reply = answer(call(prompt, **more), traits, Random(luck))
    assert isinstance(reply, Reply), reply
    return reply


def say(prompt: str, traits: Traits = PERFECT, luck: int = 0, **more: Any) -> str:
    return ask(prompt, traits, luck, **more).content


# What it can do


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Repeat this code: k7q2x", "k7q2x"),
        ("Repeat this code and say nothing else: k7q2x.", "k7q2x"),
        ("Reply with exactly: X", "X"),
        ("Please reply with exactly `K-7` and nothing else.", "K-7"),
        ('Say "good morning".', "good morning"),
        ("Reply with the word ready.", "ready"),
        ("Copy this list exactly: alpha beta gamma: delta", "delta"),
        ("Copy this list word for word:\n\nriver stone cloud\n\nNothing else.", "river stone cloud"),
        ("Write exactly this line: the ratio is 3:1 today", "the ratio is 3:1 today"),
        ("Repeat this code: K7Q2. Do not add anything.", "K7Q2"),
        ("Count from 1 to 5 in words.", "one, two, three, four, five"),
        ("Count to 3.", "1, 2, 3"),
        ("Write the numbers from one to four.", "one, two, three, four"),
        ("Count from 98 to one hundred in words", "ninety-eight, ninety-nine, one hundred"),
    ],
)
def test_obeys_plain_orders(prompt: str, text: str) -> None:
    """Orders to repeat, copy and count are carried out to the letter, last colon first."""
    assert text == say(prompt)


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("Write 30 random lowercase words.", 30),
        ("Please write thirty random, unrelated English words separated by spaces", 30),
        ("Give me 12 random words, nothing else.", 12),
    ],
)
def test_writes_as_many_random_words_as_asked(prompt: str, count: int) -> None:
    """Random words come in the number that is asked for, and differ from one draw to the next."""
    assert count == len(say(prompt).split())
    assert say(prompt, luck=1) != say(prompt, luck=2)


@pytest.mark.parametrize(
    ("prompt", "demands"),
    [
        ("Reply with a JSON object.", True),
        ("Describe a river. Answer in JSON, no prose.", True),
        ("Explain in two plain sentences how JSON differs from XML.", False),
        ("Write about rivers, but do not use JSON.", False),
        ("What is JSON?", False),
    ],
)
def test_tells_a_demand_for_json_from_talk_about_it(prompt: str, demands: bool) -> None:
    """JSON is given unasked by the API when the prompt demands it, and only then."""
    assert demands == wants_json(prompt)
    assert demands == say(prompt).startswith("{")


def test_answers_other_prompts_in_prose() -> None:
    """Anything else is answered in some sentences of 20 to 70 words."""
    for luck in range(50):
        assert 20 <= len(say("What do you think of rivers?", luck=luck).split()) <= 70


def test_knows_the_system_prompt() -> None:
    """A codeword from the system message is given when the user asks for it."""
    system = Message("system", "The codeword is q7w8e.")
    asked = Call("m", (system, Message("user", "What is the codeword?")))
    reply = answer(asked, PERFECT, Random(0))
    assert isinstance(reply, Reply)
    assert "q7w8e" in reply.content
    assert "q7w8e" not in say("What is the codeword?")


def shown(png: bytes, question: str = "Which digits does the image show?", **more: Any) -> Call:
    parts = (Text(question), Image(base64.b64encode(png).decode(), "image/png"))
    return Call("m", (Message("user", parts),), **more)


def look(png: bytes, traits: Traits = PERFECT) -> Reply:
    reply = answer(shown(png), traits, Random(0))
    assert isinstance(reply, Reply)
    return reply


def test_reads_digits_in_an_image() -> None:
    """Digits are read from the pixels; a blank image and a missing one are called that."""
    assert "40713" in look(digits_png("40713")).content
    assert not any(sign.isdigit() for sign in look(blank_png()).content)
    assert "cannot see" in say("Which digits does the image show?")


TRICKY = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 10, "maximum": 12},
        "share": {"type": "number", "exclusiveMinimum": 0},
        "sure": {"type": "boolean"},
        "kind": {"enum": ["red", "green"]},
        "fixed": {"const": "v1"},
        "none": {"type": "null"},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 40}, "minItems": 3},
        "inner": {"$ref": "#/$defs/inner"},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "maybe": {"type": ["string", "null"], "maxLength": 4},
    },
    "required": ["count", "share", "sure", "kind", "fixed", "none", "tags", "inner", "either", "maybe"],
    "additionalProperties": False,
    "$defs": {"inner": {"type": "object", "properties": {"deep": {"type": "string"}}, "required": ["deep"]}},
}


@pytest.mark.parametrize("prompt", ["Write a poem in plain prose.", 'Use "abc" and 999999.', ""])
def test_fills_in_schemas_of_every_kind(prompt: str) -> None:
    """Whatever the prompt says, the object satisfies the schema."""
    text = say(prompt, response_format=JsonSchema("form", TRICKY))
    jsonschema.validate(json.loads(text), TRICKY)


ORDER_FORM = Tool(
    "place_order",
    "",
    {
        "type": "object",
        "properties": {
            "item": {"type": "string"},
            "count": {"type": "integer"},
            "color": {"type": "string", "enum": ["red", "green", "blue"]},
            "note": {"type": "string"},
        },
    },
)


def arguments(prompt: str, tool: Tool, **more: Any) -> Any:
    calls = ask(prompt, tools=(LOOK_UP, tool), **more).tool_calls
    assert [tool.name] == [one.name for one in calls]
    return json.loads(calls[0].arguments)


def test_fills_in_arguments_from_the_prompt() -> None:
    """Strings, integers and enum values that the prompt gives are what the tool is called with."""
    prompt = 'Call place_order for 12 of item "wé\\nird 7" in green, with the note "x9".'
    wanted = {"item": "wé\\nird 7", "count": 12, "color": "green", "note": "x9"}
    assert wanted == arguments(prompt, ORDER_FORM)
    found = arguments("Use the tool find_it for code k7q2x, and explain.", replace(LOOK_UP, name="find_it"))
    assert found == {"code": "k7q2x"}


def test_calls_a_tool_only_when_asked_to() -> None:
    """An unrelated prompt is answered in text, and so is one that forbids the use of tools."""
    assert not ask("How are you?", tools=(LOOK_UP,)).tool_calls
    assert not ask("Do not use the tool, please.", tools=(LOOK_UP,)).tool_calls
    assert ask("Please use the tool.", tools=(LOOK_UP,)).tool_calls


def test_obeys_the_tool_choice() -> None:
    """A required and a named tool are called whatever the prompt says; with none there is no call."""
    assert ask("How are you?", tools=(LOOK_UP,), tool_choice="required").tool_calls
    named = ask("How are you?", tools=(LOOK_UP, ORDER_FORM), tool_choice=NamedTool("place_order"))
    assert [one.name for one in named.tool_calls] == ["place_order"]
    assert not ask("Use look_up.", tools=(LOOK_UP,), tool_choice="none").tool_calls


@pytest.mark.parametrize("name", ["thinker", "thinker-always", "thinker-in-text"])
def test_reasoning_comes_first_and_counts(name: str) -> None:
    """Reasoning uses up the token cap before any text, and is part of the output tokens."""
    traits = BY_NAME[name]
    reply = ask("Repeat this code: k7q2x", traits)
    capped = ask("Repeat this code: k7q2x", traits, max_tokens=10)
    assert reply.output_tokens is not None
    assert reply.output_tokens > len(tokens(str(reply.reasoning))) > 10
    assert (capped.text, capped.finish, capped.output_tokens) == ("", "length", 10)


def test_half_a_tool_call_is_all_that_a_small_cap_leaves() -> None:
    """A cap cuts the arguments of a call, and the finish reason says so."""
    reply = ask("Use look_up with code k7q2x.", tools=(LOOK_UP,), max_tokens=4)
    assert (reply.finish, reply.tool_calls[0].arguments) == ("length", '{"code')


def test_tokens_join_to_the_text() -> None:
    """Cutting text into tokens loses nothing."""
    for text in ("", "  a  b-c, d!\n", "<think>\nx\n</think>\n\n{}", "é \u2028 中文 "):
        assert text == "".join(tokens(text))


def test_numbers_are_spelled_as_one_writes_them() -> None:
    """Numbers above a hundred are spelled too."""
    assert [spelled_out(number) for number in (0, 21, 105)] == ["zero", "twenty-one", "one hundred five"]


# What goes wrong: one measurement for each cell, true when all is well

Measure = Callable[[Traits, Mode], bool]


def measured(prompt: str, traits: Traits, mode: Mode, luck: int = 0, **more: Any) -> Reply | ApiError:
    more = {"stream": mode == "stream", "include_usage": mode == "stream"} | more
    return answer(call(prompt, **more), traits, Random(luck))


def texts(prompt: str, traits: Traits, mode: Mode, lucks: range, **more: Any) -> list[str]:
    replies = [measured(prompt, traits, mode, luck, **more) for luck in lucks]
    return [reply.content if isinstance(reply, Reply) else "" for reply in replies]


def sees(traits: Traits, mode: Mode) -> bool:
    pictures = (digits_png("40713"), blank_png())
    replies = [answer(shown(png, stream=mode == "stream"), traits, Random(0)) for png in pictures]
    told = [reply.content for reply in replies if isinstance(reply, Reply)]
    return told == ["The image shows 40713.", "The image is blank."]


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def json_works(traits: Traits, mode: Mode) -> bool:
    prompt = "Explain in two plain sentences how JSON differs from XML."
    return is_object(texts(prompt, traits, mode, range(1), response_format=JsonObject())[0])


def schema_works(traits: Traits, mode: Mode) -> bool:
    prompt = "Write about rivers in plain prose."
    text = texts(prompt, traits, mode, range(1), response_format=JsonSchema("form", TRICKY))[0]
    return is_object(text) and jsonschema.Draft202012Validator(TRICKY).is_valid(json.loads(text))


def called(prompt: str, traits: Traits, mode: Mode, choice: ToolChoice | None = None) -> list[bool]:
    lucks = range(40) if traits.tool_misses else range(2)
    replies = [measured(prompt, traits, mode, luck, tools=(LOOK_UP,), tool_choice=choice) for luck in lucks]
    return [isinstance(reply, Reply) and bool(reply.tool_calls) for reply in replies]


def tool_works(traits: Traits, mode: Mode) -> bool:
    return all(called("Use look_up with k7q2x.", traits, mode))


def tool_answer_works(traits: Traits, mode: Mode) -> bool:
    first = measured("Use look_up with k7q2x.", replace(traits, tool_misses=0.0), mode, tools=(LOOK_UP,))
    if not isinstance(first, Reply) or not first.tool_calls:
        return False
    messages = (
        Message("user", "Use look_up with k7q2x."),
        Message("assistant", None, first.tool_calls),
        Message("tool", "z3z3z3", tool_call_id=first.tool_calls[0].id),
    )
    reply = answer(Call("m", messages, tools=(LOOK_UP,), stream=mode == "stream"), traits, Random(1))
    return isinstance(reply, Reply) and "z3z3z3" in reply.content and not reply.tool_calls


def required_works(traits: Traits, mode: Mode) -> bool:
    return all(called("How are you?", traits, mode, "required"))


def forbidden_works(traits: Traits, mode: Mode) -> bool:
    return any(called("Use look_up.", traits, mode)) and not any(called("Use look_up.", traits, mode, "none"))


def picks(traits: Traits, mode: Mode, values: list[str]) -> list[str]:
    parameters = {"type": "object", "properties": {"city": {"type": "string", "enum": values}}}
    prompt = f"Use the tool to choose {values[0]} or {values[1]}."
    for luck in range(20):
        reply = measured(prompt, traits, mode, luck, tools=(Tool("choose", "", parameters),))
        if isinstance(reply, Reply) and reply.tool_calls:
            return [json.loads(one.arguments)["city"] for one in reply.tool_calls]
    return []


def unbiased(traits: Traits, mode: Mode) -> bool:
    pairs = [["Oslo", "Lima"], ["Kyoto", "Denver"], ["Athens", "Dublin"], ["Zurich", "Havana"]]
    return all(picks(traits, mode, pair) == picks(traits, mode, pair[::-1]) != [] for pair in pairs)


def decisive(traits: Traits, mode: Mode) -> bool:
    return len(picks(traits, mode, ["Oslo", "Lima"])) == 1


def seed_works(traits: Traits, mode: Mode) -> bool:
    prompt = "Write 20 random words."
    one, two = (set(texts(prompt, traits, mode, range(3), seed=seed, temperature=1)) for seed in (1, 2))
    return one != {""} and len(one) == len(two) == 1 and one != two


def varies(traits: Traits, mode: Mode) -> bool:
    return len(set(texts("Write 20 random words.", traits, mode, range(3)))) == 3


def cap_works(traits: Traits, mode: Mode) -> bool:
    renamed = (("max_tokens", "max_completion_tokens"),)
    spelling = renamed if "max_tokens" in traits.refuses else ()
    reply = measured("Count from 1 to 200 in words.", traits, mode, max_tokens=20, spelling=spelling)
    return isinstance(reply, Reply) and len(tokens(f"{reply.reasoning or ''}{reply.content}")) <= 20


def stop_works(traits: Traits, mode: Mode) -> bool:
    return texts("Copy exactly: alpha beta gamma delta", traits, mode, range(1), stop=("gamma",)) == ["alpha beta "]


def probs_work(traits: Traits, mode: Mode) -> bool:
    reply = measured("How are you?", traits, mode, top_logprobs=3)
    if not isinstance(reply, Reply) or not isinstance(reply.logprobs, tuple):
        return False
    sums = [sum(math.exp(p) for _, p in entry.top if p is not None) for entry in reply.logprobs]
    named = all(entry.token in dict(entry.top) and len(dict(entry.top)) == 3 for entry in reply.logprobs)
    numbers = {entry.logprob for entry in reply.logprobs}
    whole = "".join(entry.token for entry in reply.logprobs)
    return named and max(sums) < 1.0001 and len(numbers) > 10 and whole.endswith(reply.content)


def usage_works(traits: Traits, mode: Mode) -> bool:
    reply = measured("How are you?", traits, mode)
    if not isinstance(reply, Reply) or not isinstance(reply.usage, Usage):
        return False
    return reply.usage.total == (reply.input_tokens or 0) + (reply.output_tokens or 0)


def finish_works(traits: Traits, mode: Mode) -> bool:
    replies = [measured("How are you?", traits, mode)]
    if "max_tokens" not in traits.refuses and traits.max_tokens:
        replies.append(measured("How are you?", traits, mode, max_tokens=3))
    finishes = [reply.finish for reply in replies if isinstance(reply, Reply)]
    return finishes == ["stop", "length"][: len(replies)]


def thinks(traits: Traits, mode: Mode) -> bool:
    reply = measured("How are you?", traits, mode)
    return isinstance(reply, Reply) and reply.reasoned


MEASURES: Mapping[str, Measure] = {
    "image": sees,
    "json": json_works,
    "schema": schema_works,
    "tool": tool_works,
    "tool answer": tool_answer_works,
    "required": required_works,
    "forbidden": forbidden_works,
    "unbiased": unbiased,
    "decisive": decisive,
    "seed": seed_works,
    "varies": varies,
    "max_tokens": cap_works,
    "stop": stop_works,
    "probs": probs_work,
    "usage": usage_works,
    "finish": finish_works,
}
_NO_TOOLS = {"tool", "tool answer", "required", "forbidden", "unbiased", "decisive"}
FAULTS: Mapping[str, set[str]] = {
    "liar": {"image", "json", "schema", "seed", "max_tokens", "stop", "probs"} | _NO_TOOLS,
    "strict": {"image", "schema", "seed", "stop", "probs"} | _NO_TOOLS,
    "tight-lipped": {"usage", "finish"},
    "pretender": {"probs", "finish"},
    "inattentive": {"seed", "max_tokens", "probs"},
    "cached": {"seed"},
    "constant": {"seed", "varies"},
    "json-when-told": {"json", "schema"},
    "json-fenced": {"json", "schema"},
    "schema-loose": {"schema"},
    "schema-suggested": {"schema"},
    "blind-and-deaf": {"image", "tool answer"},
    "tool-printed": _NO_TOOLS,
    "tool-flaky": {"tool", "required"},
    "tool-choice-deaf": {"required", "forbidden"},
    "biased": {"unbiased"},
    "indecisive": {"unbiased", "decisive"},
}


@pytest.mark.parametrize("mode", ["sync", "stream"])
@pytest.mark.parametrize("traits", CHATTING, ids=lambda traits: traits.name)
def test_each_model_has_its_faults_and_no_others(traits: Traits, mode: Mode) -> None:
    """Measured one by one, exactly the faults show that the model is there for."""
    faults = {name for name, works in MEASURES.items() if not works(traits, mode)}
    wanted = set(FAULTS.get(traits.name, set()))
    if traits.name == "careless-streams" and mode == "stream":
        wanted = {"stop", "usage"}

    assert wanted == faults


def test_thinking_follows_the_switch_where_there_is_one() -> None:
    """The switch works in one model, is ignored by two, and the others never think."""
    on = {traits.name for traits in CHATTING if thinks(traits, "sync")}
    off = {traits.name for traits in CHATTING if measured_thinking(traits, False)}
    assert {"thinker", "thinker-always", "thinker-in-text"} == on
    assert {"thinker-always", "thinker-in-text"} == off
    assert ask("How are you?", BY_NAME["thinker-in-text"]).reasoning_place == "think"


def measured_thinking(traits: Traits, thinking: bool) -> bool:
    reply = measured("How are you?", traits, "sync", thinking=thinking)
    return isinstance(reply, Reply) and reply.reasoned


def test_flaky_tool_calls_are_missed_in_three_of_ten() -> None:
    """The flaky model misses calls at about the rate that it is to miss them."""
    flaky = BY_NAME["tool-flaky"]
    made = [bool(ask("Use look_up.", flaky, luck, tools=(LOOK_UP,)).tool_calls) for luck in range(400)]
    assert 0.63 < sum(made) / len(made) < 0.77


def test_the_suggested_schema_is_followed_unless_the_prompt_pulls() -> None:
    """Without a pull to prose the object satisfies the schema."""
    text = say("Tell me about rivers.", traits=BY_NAME["schema-suggested"], response_format=JsonSchema("f", TRICKY))
    jsonschema.validate(json.loads(text), TRICKY)


def test_printed_calls_name_the_tool() -> None:
    """A printed call holds the name and the arguments, as text."""
    text = say("Use look_up with k7q2x.", traits=BY_NAME["tool-printed"], tools=(LOOK_UP,))
    assert "look_up" in text
    assert "k7q2x" in text


def test_an_unseen_image_costs_nothing() -> None:
    """A seen image is counted in the input, an unseen one is not, and its digits are invented."""
    blind = BY_NAME["blind-and-deaf"]
    plain = ask("Which digits does the image show?", blind).input_tokens
    assert look(digits_png("40713"), blind).input_tokens == plain
    assert (look(digits_png("40713")).input_tokens or 0) > (plain or 0) + 50
    assert any(sign.isdigit() for sign in look(blank_png(), blind).content)


def test_temperature_zero_rules_luck_out() -> None:
    """At temperature 0 the text depends on the prompt alone."""
    same = {say("Write 20 random words.", luck=luck, temperature=0) for luck in range(3)}
    assert len(same) == 1
    assert same != {say("Write 20 random words, please.", temperature=0)}


@pytest.mark.parametrize(
    ("param", "more"),
    [
        ("seed", {"seed": 1}),
        ("stop", {"stop": ("x",)}),
        ("logprobs", {"top_logprobs": 2}),
        ("tools", {"tools": (LOOK_UP,)}),
        ("response_format", {"response_format": JsonSchema("f", TRICKY)}),
        ("reasoning_effort", {"thinking": True}),
        ("nonsense_x", {"patch": {"nonsense_x": 1}}),
    ],
)
def test_the_strict_model_names_what_it_refuses(param: str, more: dict[str, Any]) -> None:
    """A refusal is a 400 that names the parameter in its field and in its words."""
    error = answer(call("Hi", **more), BY_NAME["strict"], Random(0))
    assert isinstance(error, ApiError)
    assert (400, param, "unsupported_parameter") == (error.status, error.param, error.code)
    assert param in error.message


def test_the_strict_model_refuses_images_and_takes_the_rest() -> None:
    """Images are refused in words about images; what every server takes is taken."""
    error = answer(shown(blank_png()), BY_NAME["strict"], Random(0))
    assert isinstance(error, ApiError)
    assert "image_url" in error.message
    assert ask("Hi", BY_NAME["strict"], temperature=0.5, max_tokens=9, patch={"user": "u", "stop": None}).content


def test_the_renamed_cap_is_refused_under_its_old_name_only() -> None:
    """The message says which name is taken, and that one is."""
    traits = BY_NAME["cap-renamed"]
    error = answer(call("Hi", max_tokens=5), traits, Random(0))
    assert isinstance(error, ApiError)
    assert "max_completion_tokens" in error.message
    assert ask("Hi", traits, max_tokens=5, spelling=(("max_tokens", "max_completion_tokens"),)).finish == "length"


@pytest.mark.parametrize(
    ("name", "status"), [("speech", 400), ("embedding", 404), ("guard", 404), ("image-maker", 400)]
)
def test_models_that_do_not_chat_say_so(name: str, status: int) -> None:
    """They refuse in words about chat."""
    error = answer(call("Hi"), BY_NAME[name], Random(0))
    assert isinstance(error, ApiError)
    assert status == error.status
    assert "chat" in error.message


# The truth


def test_the_truth_covers_every_chatting_model() -> None:
    """Names are unique, the first model is perfect, and the truth speaks of known cells only."""
    assert len(BY_NAME) == len(MODELS)
    for traits in MODELS:
        assert bool(rows(traits)) == (traits.kind == "chat")
        for thinking, mode in rows(traits):
            assert set(expected(traits, thinking, mode)) <= set(CELLS)
    perfect = expected(PERFECT, False, "stream")
    assert {"tool_indecisive", "thinking"} == {cell for cell, found in perfect.items() if found != {"supported"}}


@pytest.mark.parametrize("traits", CHATTING, ids=lambda traits: traits.name)
def test_the_truth_agrees_with_what_is_measured(traits: Traits) -> None:
    """A cell is allowed to be green exactly where nothing was found wrong with it."""
    cells = {
        "image": "image",
        "json": "json",
        "schema": "schema",
        "tool": "tool",
        "tool_required": "required",
    }
    cells |= {"tool_forbidden": "forbidden", "tool_unbiased": "unbiased", "seed": "seed", "stop": "stop"}
    cells |= {"max_tokens": "max_tokens", "probs": "probs", "usage": "usage"}
    for thinking, mode in rows(traits):
        truth = expected(traits, thinking, mode)
        for cell, measure in cells.items():
            works = MEASURES[measure](traits, mode)
            if cell == "tool":
                works = works and tool_answer_works(traits, mode)
            if traits.thinking_place == "think" and cell in ("json", "schema"):
                works = False  # the tags stand before the object
            if cell in truth:
                assert works == ("supported" in truth[cell]), (cell, thinking, mode)
