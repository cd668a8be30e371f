"""JSON mode and JSON schema, driven through the shipped probes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from llmprobe.call import Call, JsonObject, JsonSchema
from llmprobe.checks.structured import strict_json
from llmprobe.reply import Reply
from tests.talks import FEATURES, Endpoint, asks_prompt, demo, dropping, refusal, said, talk, when

PROSE = "JSON is short and easy to read. XML is longer and has attributes and namespaces."
asked = FEATURES["json"].asked


def answering(text: str, **fields: Any) -> Endpoint:
    """Prose, and ``text`` when JSON mode is asked for."""
    return when(asked, said(text, **fields), lambda _: said(PROSE))


# --- JSON mode


@pytest.mark.parametrize(
    ("text", "outcome", "why"),
    [
        ('{"a": 1}', "supported", "the whole reply is a JSON object"),
        (' \n{"a": {"b": [1, null]}}\n ', "supported", ""),
        ("{}", "supported", ""),
        ('```json\n{"a": 1}\n```', "partial", "Markdown fence"),
        ('```\n{"a": 1}\n```', "partial", "Markdown fence"),
        (PROSE, "ignored", "no JSON"),
        ('Sure! {"a": 1}', "ignored", "no JSON"),
        ('{"a": 1} I hope this helps.', "broken", "looks like JSON and is not"),
        ('{"a": 1, "a": 2}', "broken", "a key stands twice"),
        ('{"a": NaN}', "broken", "NaN"),
        ("{'a': 1}", "broken", "looks like JSON and is not"),
        ('{"a": ', "broken", "looks like JSON and is not"),
        ('[{"a": 1}]', "broken", "an array and not an object"),
        ('"a"', "broken", "a string and not an object"),
        ("7", "broken", "a number and not an object"),
        ("null", "broken", "null and not an object"),
        ("", "broken", "the reply has no text"),
    ],
)
def test_json_mode_is_judged_by_the_reply_as_a_whole(text: str, outcome: str, why: str) -> None:
    """TRAPS 7: fences, prose around, arrays, scalars, duplicate keys, NaN, nothing at all."""
    done = talk("json", answering(text))

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_the_treatment_is_the_control_and_json_mode() -> None:
    """The prompt has the word JSON, which providers demand, and asks for prose."""
    done = talk("json", answering('{"a": 1}'))
    control, treatment = done.calls("control")[0], done.calls("treatment")[0]

    assert treatment == replace(control, response_format=JsonObject())
    assert "json" in asks_prompt(control).lower()
    assert (len(done.calls("control")), len(done.calls("treatment"))) == (2, 10)


@pytest.mark.parametrize("text", ['{"a": 1}' + "\n" * 300, '{"a": "' + "x" * 900, "   \n" * 200])
def test_white_space_that_runs_to_the_cap_and_objects_cut_off_show_nothing(text: str) -> None:
    """A reply that the cap ended is not whole."""
    assert talk("json", answering(text, finish="length")).outcome == "inconclusive"


def test_thoughts_before_the_json_in_the_same_field_are_partial() -> None:
    """``<think>`` tags and then the object."""
    done = talk("json", answering('{"a": 1}', reasoning="hm", reasoning_place="think"))

    assert (done.outcome, "<think>" in done.verdict.reason) == ("partial", True)


def test_json_in_the_reasoning_field_is_partial() -> None:
    """Some servers put it there and leave the text empty."""
    done = talk("json", answering("", reasoning='{"a": 1}', reasoning_place="reasoning_content"))

    assert (done.outcome, "reasoning field" in done.verdict.reason) == ("partial", True)


def test_thoughts_in_a_field_of_their_own_do_not_matter() -> None:
    """Reasoning models can have JSON mode."""
    thoughtful = answering('{"a": 1}', reasoning="hm", reasoning_place="reasoning_content")

    assert talk("json", thoughtful).outcome == "supported"


def test_a_model_that_answers_in_json_by_itself_is_asked_another_question() -> None:
    """No room with one prompt: the next; none with any: inconclusive."""
    whenever_json = lambda call: said('{"a": 1}' if "JSON" in asks_prompt(call) or asked(call) else PROSE)  # noqa: E731
    done, always = talk("json", whenever_json), talk("json", lambda _: said('{"a": 1}'))

    assert (done.outcome, len({asks_prompt(call) for call in done.calls("control")})) == ("supported", 2)
    assert (always.outcome, always.calls("treatment")) == ("inconclusive", [])


@pytest.mark.parametrize("fields", [{"refusal": "I cannot."}, {"finish": "content_filter"}])
def test_a_refusal_by_the_model_or_a_filter_shows_nothing(fields: dict[str, Any]) -> None:
    """TRAPS 1.16 and 7."""
    assert talk("json", answering("I cannot.", **fields)).outcome == "inconclusive"


def test_json_mode_refused_by_name_is_rejected() -> None:
    """And the plain call right after works."""
    message = "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model."
    done = talk("json", when(asked, refusal(message, param="response_format"), demo()))

    assert (done.outcome, message in done.verdict.quote) == ("rejected", True)
    assert [ask.arm for ask in done.asks[2:]] == ["treatment", "recheck"] * 2


def test_json_mode_refused_for_a_missing_instruction_is_asked_for_in_the_prompt() -> None:
    """TRAPS 7. The control of the prompt that asks is prose and JSON, the treatment is bare."""

    def reply(call: Call) -> Reply:
        wants = "show one as a JSON object" in asks_prompt(call)
        if asked(call) and not wants:
            return refusal("'messages' must contain the word 'json' in some form")
        if asked(call):
            return said('{"name": "red", "hex": "#ff0000"}')
        return said('A code for a colour. {"name": "red"}' if wants else PROSE)

    assert talk("json", reply).outcome == "supported"


def test_json_mode_that_fails_unless_the_prompt_asks_is_partial() -> None:
    """A server that validates and does not enforce: what it fails on is the model's output."""

    def reply(call: Call) -> Reply:
        wants = "show one as a JSON object" in asks_prompt(call)
        if asked(call) and not wants:
            return refusal("Failed to generate JSON. Please adjust your prompt.", code="json_validate_failed")
        return said('{"name": "red"}' if asked(call) else PROSE)

    done = talk("json", reply)

    assert done.outcome == "partial"
    assert done.verdict.reason.startswith("works with 'a prompt that asks for JSON'; with 'JSON and XML': the model's")


def test_output_that_always_fails_the_servers_own_test_is_broken() -> None:
    """Accepted, and no answer comes, whatever is asked."""
    failing = when(asked, refusal("Failed to generate JSON.", code="json_validate_failed"), demo())

    assert talk("json", failing).outcome == "broken"


def test_output_that_sometimes_fails_the_servers_own_test_is_flaky() -> None:
    """Model failure is not a refusal."""
    numbers = count()
    failed, fine = refusal("Failed to generate JSON.", code="json_validate_failed"), said('{"a": 1}')
    endpoint: Callable[[Call], Reply] = lambda _: fine if next(numbers) % 3 else failed  # noqa: E731

    assert talk("json", lambda call: endpoint(call) if asked(call) else said(PROSE)).outcome == "flaky"


# --- schema


def schema_of(call: Call) -> dict[str, Any]:
    """The schema that was sent."""
    assert isinstance(call.response_format, JsonSchema)
    return dict(call.response_format.schema)


def obedient(call: Call) -> dict[str, Any]:
    """What the schema of the probe asks for."""
    properties = schema_of(call)["properties"].items()
    return {key: part["enum"][0] if "enum" in part else True for key, part in properties}


def shaping(make: Callable[[dict[str, Any]], Any], against: Callable[[dict[str, Any]], Any] | None = None) -> Endpoint:
    """Prose without a schema; with one, ``make`` of what it asks for, or ``against`` when the prompt asks for prose."""

    def reply(call: Call) -> Reply:
        if call.response_format is None:
            return said(PROSE)
        chosen = against if against and "prose only" in asks_prompt(call) else make
        value = chosen(obedient(call))
        return said(value if isinstance(value, str) else json.dumps(value))

    return reply


@pytest.mark.parametrize(
    ("endpoint", "outcome", "why"),
    [
        (shaping(lambda value: value), "supported", "satisfies a schema"),
        (shaping(lambda value: value, lambda _: PROSE), "partial", "suggested, not enforced"),
        (shaping(lambda value: value, lambda _: {"answer": PROSE}), "partial", "suggested, not enforced"),
        (shaping(lambda _: PROSE), "ignored", "no JSON"),
        (shaping(lambda _: {"answer": PROSE}), "ignored", "not as the schema says"),
        (shaping(lambda _: {}), "ignored", "lacks"),
        (shaping(lambda value: value | {"extra": 1}), "ignored", "'extra', which is not allowed"),
        (shaping(lambda value: dict.fromkeys(value, "guess")), "ignored", "not one of the values allowed"),
        (shaping(lambda value: {key: part if part is not True else 1 for key, part in value.items()}), "ignored",
         "boolean"),
        (shaping(lambda value: f"```json\n{json.dumps(value)}\n```"), "partial", "fence"),
        (shaping(lambda _: PROSE, lambda value: value), "broken", "with a neutral one"),
        (shaping(lambda _: ""), "broken", "no text"),
        (shaping(lambda value: [value]), "broken", "an array"),
    ],
    ids=["enforced", "suggested: prose", "suggested: other shape", "prose", "other keys", "empty", "one key more",
         "wrong value", "1 for true", "fenced", "only against", "silent", "in an array"],
)  # fmt: skip
def test_a_schema_must_hold_against_the_prompt_too(endpoint: Endpoint, outcome: str, why: str) -> None:
    """TRAPS 8: persuasion passes the neutral prompt and fails the adversarial one."""
    done = talk("schema", endpoint)

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_the_prompts_say_nothing_of_the_shape() -> None:
    """Random keys and a secret value stand in the schema alone; the neutral treatment adds nothing else."""
    done = talk("schema", shaping(lambda value: value))
    control, neutral, against = (done.calls(arm)[0] for arm in ("control", "neutral", "against"))
    secrets = [*schema_of(neutral)["properties"], *map(str, obedient(neutral).values())]

    assert replace(neutral, response_format=None) == control
    assert replace(against, messages=neutral.messages) == neutral
    assert not [word for call in (control, neutral, against) for word in secrets if word in asks_prompt(call)]


def test_a_schema_in_another_spelling_is_found() -> None:
    """Nested is refused, flat works: the cell says so."""
    nested = when(
        lambda call: asked(call) and call.spelled("schema", "json_schema.schema") == "json_schema.schema",
        refusal("response_format.json_schema: Extra inputs are not permitted", 422),
        shaping(lambda value: value),
    )
    done = talk("schema", nested)

    assert (done.outcome, done.verdict.spelling) == ("supported", "response_format.schema")


def test_a_documented_spelling_refused_as_wrong_is_not_red_when_others_are_refused() -> None:
    """A red must rest on the spelling that is documented: here it was our schema that it took offence at."""

    def reply(call: Call) -> Reply:
        if not asked(call):
            return said(PROSE)
        if call.spelled("schema", "json_schema.schema") == "json_schema.schema":
            return refusal("Invalid schema for response_format 'answer'", param="response_format")
        return refusal("response_format.schema: Extra inputs are not permitted", 422)

    assert talk("schema", reply).outcome == "inconclusive"


def test_all_spellings_refused_is_red_and_names_them() -> None:
    """The refusal that is quoted is that of the documented one."""
    message = "This model does not support response format `json_schema`."
    done = talk("schema", when(asked, refusal(message), lambda _: said(PROSE)))

    assert done.outcome == "rejected"
    assert done.verdict.spelling == "json_schema.schema, response_format.schema, json_object.schema"


@pytest.mark.parametrize("luck", range(3))
@pytest.mark.parametrize("name", ["json", "schema"])
def test_a_format_that_is_forgotten_now_and_then_is_flaky(name: str, luck: int) -> None:
    """30 % of the requests lose it on the way."""
    assert talk(name, dropping(name, 0.3, luck), seed=f"{luck}").outcome == "flaky"


# --- strict reading


def test_strict_json_takes_only_what_is_json() -> None:
    """No duplicate keys, no NaN, nothing after it."""
    assert strict_json('{"a": [1.5, true, null]}') == {"a": [1.5, True, None]}
    for text in ('{"a": 1, "a": 1}', "NaN", "[Infinity]", "{} {}", "", "{'a': 1}"):
        with pytest.raises(ValueError, match=r"."):
            strict_json(text)
