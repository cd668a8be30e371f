"""JSON mode and JSON schema: the prompt does not ask for it, or asks for the opposite."""

from __future__ import annotations

import json
import re
from typing import Any

from llmprobe.call import JSON, JsonSchema
from llmprobe.checks.evidence import Kind, Mark, Trial, Turn, clip, void
from llmprobe.checks.json_schema import violation

_FENCE = re.compile(r"^```[a-zA-Z]*\s*\n(.*?)\n?```$", re.DOTALL)


def strict_json(text: str) -> JSON:
    """The value of ``text``, which must be JSON as a whole: no duplicate keys, no NaN. Raises ``ValueError``."""
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(name: str) -> JSON:
    raise ValueError(f"{name} is not JSON")


def _read(text: str) -> tuple[JSON, str]:
    """The JSON value of a reply and how it stood there: "whole", "fenced" or "" for no JSON."""
    text = text.strip()
    for how, inner in (("whole", text), ("fenced", _inside_fence(text))):
        try:
            if inner:
                return strict_json(inner), how
        except (ValueError, RecursionError):
            continue
    return None, ""


def _inside_fence(text: str) -> str:
    match = _FENCE.match(text)
    return match[1] if match else ""


def json_ready(setup: Trial) -> Mark | None:
    """Without the parameter the answer must be prose."""
    controls = setup.all("control")
    if any(not turn.reply.content.strip() for turn in controls):
        return void("the control gave no text", *controls)
    if any(isinstance(_read(turn.reply.content)[0], dict) for turn in controls):
        return void("the control answers in JSON by itself, so nothing can be seen", *controls)
    return None


def json_mark(setup: Trial, trial: Trial) -> Mark:
    """The whole reply must be a JSON object where the control gave prose."""
    turn = trial.one("treatment")
    wanted = "a JSON object, where the control gives prose"
    value, how = _read(turn.reply.content)
    kind, reason = _shape(turn, value, how)
    return Mark(kind, reason, wanted, clip(turn.reply.content)).seen_in(setup.one("control"), turn)


def _shape(turn: Turn, value: JSON, how: str) -> tuple[Kind, str]:
    """How an object came: bare, in a fence, beside thoughts, with something after it, or not at all."""
    reply = turn.reply
    if not how:
        return _no_json(turn)
    if not isinstance(value, dict):
        return "broken", f"JSON, but {_named(value)} and not an object"
    if how == "fenced":
        return "partial", "the JSON is wrapped in a Markdown fence"
    if reply.reasoning_place == "think":
        return "partial", "thoughts in <think> tags stand before the JSON in the same field"
    return "shown", "the whole reply is a JSON object; the control is prose"


def _named(value: JSON) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _no_json(turn: Turn) -> tuple[Kind, str]:
    text, reasoning = turn.reply.content.strip(), turn.reply.reasoning
    if not text:
        if isinstance(reasoning, str) and isinstance(_read(reasoning)[0], dict):
            return "partial", "the JSON stands in the reasoning field, the text is empty"
        return "broken", "the reply has no text"
    if text.startswith(("{", "[")):
        return "broken", f"looks like JSON and is not: {_fault(text)}"
    return "ignored", "the reply is no JSON, as without the parameter"


def _fault(text: str) -> str:
    try:
        strict_json(text)
    except (ValueError, RecursionError) as trouble:
        return clip(str(trouble), 60)
    return ""


# --- schema


def schema_mark(setup: Trial, trial: Trial) -> Mark:
    """One prompt says nothing of the shape, the other asks for prose: the schema must win both times."""
    neutral, against = trial.one("neutral"), trial.one("against")
    kind, reason = _conformity(neutral)
    if kind == "shown":
        kind_against, reason_against = _conformity(against)
        if kind_against == "partial":
            kind, reason = kind_against, reason_against
        elif kind_against != "shown":
            kind = "partial"
            reason = f"suggested, not enforced: when the prompt pulls the other way, {reason_against}"
    elif kind == "ignored" and _conformity(against)[0] in ("shown", "partial"):
        kind, reason = "broken", f"against the prompt it holds, with a neutral one {reason}"
    shown = against if kind == "partial" else neutral
    schema = neutral.call.response_format
    wanted = json.dumps(schema.schema, sort_keys=True) if isinstance(schema, JsonSchema) else ""
    return Mark(kind, reason, clip(wanted), clip(shown.reply.content)).seen_in(setup.one("control"), neutral, against)


def _conformity(turn: Turn) -> tuple[Kind, str]:
    value, how = _read(turn.reply.content)
    wanted = turn.call.response_format
    if not how or not isinstance(wanted, JsonSchema):
        return _shape(turn, value, how)
    problem = violation(value, wanted.schema)
    # some formats allow schemas of other values than objects
    kind, reason = _shape(turn, value if problem else {}, how)
    if kind == "broken":
        return kind, reason
    if problem:
        return "ignored", f"JSON, but not as the schema says: {problem}"
    return kind, reason if kind == "partial" else "the reply satisfies a schema that the prompt does not mention"


# --- a reply that stands alone


def json_alone(turn: Turn) -> Mark:
    """The whole reply is one object, though the question may have asked for that in words."""
    value, how = _read(turn.reply.content)
    if how == "whole" and not isinstance(value, dict):
        return void(f"JSON, but {_named(value)}, which some formats allow and others do not", turn)
    kind, reason = _shape(turn, value, how)
    if kind == "shown":
        reason = "the whole reply is one JSON object"
    text = clip(turn.reply.content)
    return Mark(kind, reason, "a JSON object", text, text, strength="consistent").seen_in(turn)


def schema_alone(turn: Turn) -> Mark:
    """The reply satisfies the schema, though the question may have told it."""
    wanted = turn.call.response_format
    if not isinstance(wanted, JsonSchema) or not wanted.schema:
        return void("the request asks for a schema and holds none", turn)
    try:
        kind, reason = _conformity(turn)
    except ValueError as trouble:
        return void(f"whether the reply fits cannot be told: {trouble}", turn)
    if kind == "shown":
        reason = "the reply satisfies the schema"
    text = clip(turn.reply.content)
    expected = clip(json.dumps(wanted.schema, sort_keys=True))
    return Mark(kind, reason, expected, text, text, strength="consistent").seen_in(turn)


def canonical(text: str) -> str:
    """JSON in one form, so that equal values have equal texts; other text as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text
