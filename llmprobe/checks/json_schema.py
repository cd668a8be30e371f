"""Whether a value satisfies a JSON Schema: the keywords that probes and clients send, and no guess about others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmprobe.call import JSON
from llmprobe.checks.evidence import clip

_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "example",
     "format", "deprecated", "readOnly", "writeOnly", "nullable", "propertyOrdering", "strict")
)  # fmt: skip
"""Say nothing about a value, or nothing that is checked here."""
_DEPTH = 40


def violation(value: JSON, schema: Mapping[str, JSON], place: str = "$") -> str:
    """What is wrong with ``value``, "" when it satisfies ``schema``.

    Raises ``ValueError`` on a keyword that is not known here, so that none is passed over in silence.
    """
    return next(_violations(value, schema, place, schema, 0), "")


def _violations(value: JSON, schema: JSON, place: str, root: Mapping[str, JSON], depth: int) -> Iterator[str]:
    if schema is True or schema == {}:
        return
    if not isinstance(schema, dict) or depth > _DEPTH:
        raise ValueError("a schema that is no object, or is nested too deep")
    if "$ref" in schema:
        yield from _violations(value, _referenced(schema["$ref"], root), place, root, depth + 1)
    if value is None and schema.get("nullable") is True:
        return
    for keyword in schema.keys() - _ANNOTATIONS - _STRUCTURE.keys() - {"$ref"}:
        if keyword not in _RULES:
            raise ValueError(f"schema keyword {keyword!r} is not checked here")
    for keyword, rule in _RULES.items():
        if keyword in schema and not _holds(keyword, rule, value, schema[keyword]):
            yield f"{place} {_told(keyword, value, schema[keyword])}"
            return
    for keyword, inner in _STRUCTURE.items():
        if keyword in schema:
            yield from inner(value, schema, place, root, depth + 1)


def _holds(keyword: str, rule: Callable[[Any, Any], bool], value: JSON, wanted: JSON) -> bool:
    try:
        return rule(value, wanted)
    except (TypeError, AttributeError, ArithmeticError, re.error):
        raise ValueError(f"schema keyword {keyword!r} has no sensible value") from None


def _told(keyword: str, value: JSON, wanted: JSON) -> str:
    shown = clip(json.dumps(value), 40)
    if keyword == "required":
        return "lacks a required key"
    if keyword == "type":
        return f"is not of type {wanted if isinstance(wanted, str) else ' or '.join(map(str, wanted))}"
    if keyword == "enum":
        return f"is {shown}, not one of the values allowed"
    if keyword == "const":
        return f"is {shown}, not the constant"
    return f"is {shown}, against {keyword} {clip(json.dumps(wanted), 40)}"


def _referenced(reference: JSON, root: Mapping[str, JSON]) -> JSON:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise ValueError("a reference that leads out of the schema")
    found: JSON = root
    for step in reference[1:].split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    if found is None:
        raise ValueError(f"a reference to nothing: {clip(reference, 40)}")
    return found


# --- what holds other schemas


def _of_object(value: JSON, schema: dict[str, JSON], place: str, root: Mapping[str, JSON], depth: int) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    properties: dict[str, JSON] = schema.get("properties") or {}
    extra = [name for name in value if name not in properties]
    others = schema.get("additionalProperties", True)
    if extra and others is False:
        yield f"{place} has {clip(extra[0], 40)!r}, which is not allowed"
    for name in (name for name in properties if name in value):
        yield from _violations(value[name], properties[name], f"{place}.{name}", root, depth)
    for name in extra if isinstance(others, dict) else ():
        yield from _violations(value[name], others, f"{place}.{clip(name, 40)}", root, depth)


def _of_items(value: JSON, schema: dict[str, JSON], place: str, root: Mapping[str, JSON], depth: int) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from _violations(item, schema["items"], f"{place}[{number}]", root, depth)


def _of_all(value: JSON, schema: dict[str, JSON], place: str, root: Mapping[str, JSON], depth: int) -> Iterator[str]:
    for choice in schema["allOf"]:
        yield from _violations(value, choice, place, root, depth)


def _of_any(value: JSON, schema: dict[str, JSON], place: str, root: Mapping[str, JSON], depth: int) -> Iterator[str]:
    for keyword in ("anyOf", "oneOf"):
        choices = schema.get(keyword)
        if choices and all(next(_violations(value, choice, place, root, depth), "") for choice in choices):
            yield f"{place} fits none of the alternatives"


_Inner = Callable[[JSON, dict[str, JSON], str, Mapping[str, JSON], int], Iterator[str]]
_STRUCTURE: Mapping[str, _Inner] = {
    "properties": _of_object,
    "additionalProperties": _of_object,
    "items": _of_items,
    "allOf": _of_all,
    "anyOf": _of_any,
    "oneOf": _of_any,
}

# --- what is said about the value itself


def _equal(value: JSON, other: JSON) -> bool:
    return type(value) is type(other) and bool(value == other)


def _is_type(value: JSON, wanted: JSON) -> bool:
    return any(_is_one_type(value, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted))


def _is_one_type(value: JSON, kind: str) -> bool:
    kind = kind.lower()  # some wire formats write types in capitals
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    return kind in kinds and isinstance(value, kinds[kind])


def _number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _is_type,
    "enum": lambda value, choices: any(_equal(value, choice) for choice in choices),
    "const": _equal,
    "required": lambda value, names: not isinstance(value, dict) or all(name in value for name in names),
    "minimum": lambda value, bound: not _number(value) or value >= bound,
    "maximum": lambda value, bound: not _number(value) or value <= bound,
    "exclusiveMinimum": lambda value, bound: not _number(value) or value > bound,
    "exclusiveMaximum": lambda value, bound: not _number(value) or value < bound,
    "multipleOf": lambda value, step: not _number(value) or value % step == 0,
    "minLength": lambda value, count: not isinstance(value, str) or len(value) >= count,
    "maxLength": lambda value, count: not isinstance(value, str) or len(value) <= count,
    "pattern": lambda value, pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
    "minItems": lambda value, count: not isinstance(value, list) or len(value) >= count,
    "maxItems": lambda value, count: not isinstance(value, list) or len(value) <= count,
    "uniqueItems": lambda value, wanted: not isinstance(value, list) or not wanted or _unique(value),
}


def _unique(values: list[JSON]) -> bool:
    texts = [json.dumps(value, sort_keys=True) for value in values]
    return len(set(texts)) == len(texts)
