"""Whether a value satisfies a JSON Schema: the keywords that probes and clients send, and no guess about others.

The meaning is that of Draft 2020-12, with two things that other wire formats add: types in capitals, and ``nullable``.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any, TypeAlias

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

    Raises ``ValueError`` when that cannot be told: on a keyword that is not known here, so that none is passed over in
    silence, on one with a value that it cannot have, and on what is nested too deep.
    """
    try:
        return next(_violations(value, schema, _Here(place, schema)), "")
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


_TOO_DEEP = "a schema or a value that is nested too deep"


@dataclass(frozen=True, slots=True)
class _Here:
    """Where in a value we are, and how far down in its schema."""

    place: str
    root: JSON
    depth: int = 0

    def down(self, step: str = "") -> _Here:
        """One schema further down; ``step`` leads to a part of the value."""
        if self.depth >= _DEPTH:
            raise ValueError(_TOO_DEEP)
        return replace(self, place=self.place + step, depth=self.depth + 1)


def _violations(value: JSON, schema: JSON, here: _Here) -> Iterator[str]:
    if schema is False:
        yield f"{here.place} is not allowed"
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise ValueError("a schema that is no object")
    _examine(schema)
    if value is None and schema.get("nullable") is True:
        return
    for keyword, rule in _RULES.items():
        if keyword in schema and rule.speaks_of(value) and not rule.holds(value, schema[keyword]):
            yield f"{here.place} {_told(keyword, value, schema[keyword])}"
    for keyword, holder in _HOLDERS.items():
        if keyword in schema:
            yield from holder.violations(value, schema, here)


def _examine(schema: dict[str, JSON]) -> None:
    """Raises ``ValueError`` on a keyword that is not known, or cannot have the value that it has."""
    for keyword, wanted in schema.items():
        known = _RULES.get(keyword) or _HOLDERS.get(keyword)
        if known is None and keyword not in _ANNOTATIONS:
            raise ValueError(f"schema keyword {keyword!r} is not checked here")
        if known is not None and not known.sensible(wanted):
            raise ValueError(f"schema keyword {keyword!r} has no sensible value")


def _told(keyword: str, value: JSON, wanted: JSON) -> str:
    if keyword == "required":
        return "lacks a required key"
    if keyword == "type":
        return f"is not of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    shown = clip(json.dumps(value), 40)
    if keyword == "enum":
        return f"is {shown}, not one of the values allowed"
    if keyword == "const":
        return f"is {shown}, not the constant"
    return f"is {shown}, against {keyword} {clip(json.dumps(wanted), 40)}"


# --- kinds of values


def _is_anything(value: JSON) -> bool:
    del value
    return True


def _is(*types: type) -> Callable[[JSON], bool]:
    return lambda value: isinstance(value, types)


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: JSON) -> bool:
    """1.0 is one too (Draft 6 and later)."""
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


_is_object, _is_list, _is_text = _is(dict), _is(list), _is(str)

_TYPES: Mapping[str, Callable[[JSON], bool]] = {
    "object": _is_object,
    "array": _is_list,
    "string": _is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": _is(bool),
    "null": _is(type(None)),
}


def _type(name: JSON) -> Callable[[JSON], bool] | None:
    """Some wire formats write types in capitals."""
    return _TYPES.get(name.lower()) if isinstance(name, str) else None


def _types(wanted: JSON) -> list[Callable[[JSON], bool] | None]:
    return list(map(_type, wanted if isinstance(wanted, list) else [wanted]))


def _is_types(wanted: JSON) -> bool:
    found = _types(wanted)
    return bool(found) and all(found)


def _is_names(value: JSON) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_step(value: JSON) -> bool:
    return _is_number(value) and 0 < value < inf


def _is_count(value: JSON) -> bool:
    return _is_integer(value) and bool(value >= 0)


def _is_pattern(value: JSON) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except (re.error, ArithmeticError):
        return False


def _is_schemas(value: JSON) -> bool:
    return isinstance(value, list) and bool(value)


# --- what is said about the value itself


@dataclass(frozen=True, slots=True)
class _Rule:
    """A keyword that ``speaks_of`` some kind of value, and ``holds`` or not. ``sensible``: what it may stand with."""

    speaks_of: Callable[[JSON], bool]
    sensible: Callable[[JSON], bool]
    holds: Callable[[Any, Any], bool]


def _identity(value: JSON) -> object:
    """The same for values that are the same JSON: true is not 1, and 1.0 is; the order of keys says nothing."""
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    if isinstance(value, dict):
        return dict, frozenset((name, _identity(inner)) for name, inner in value.items())
    return float if _is_number(value) else type(value), value


def _is_multiple(value: JSON, step: JSON) -> bool:
    """By the decimals that are written: 0.3 is a multiple of 0.1."""
    return abs(value) < inf and Fraction(str(value)) % Fraction(str(step)) == 0


def _is_unique(values: list[JSON], wanted: bool) -> bool:
    return not wanted or len(set(map(_identity, values))) == len(values)


_RULES: Mapping[str, _Rule] = {
    "type": _Rule(_is_anything, _is_types, lambda value, wanted: any(fits and fits(value) for fits in _types(wanted))),
    "enum": _Rule(_is_anything, _is_list, lambda value, wanted: _identity(value) in map(_identity, wanted)),
    "const": _Rule(_is_anything, _is_anything, lambda value, wanted: _identity(value) == _identity(wanted)),
    "required": _Rule(_is_object, _is_names, lambda value, names: value.keys() >= set(names)),
    "minimum": _Rule(_is_number, _is_number, operator.ge),
    "maximum": _Rule(_is_number, _is_number, operator.le),
    "exclusiveMinimum": _Rule(_is_number, _is_number, operator.gt),
    "exclusiveMaximum": _Rule(_is_number, _is_number, operator.lt),
    "multipleOf": _Rule(_is_number, _is_step, _is_multiple),
    "minLength": _Rule(_is_text, _is_count, lambda value, count: len(value) >= count),
    "maxLength": _Rule(_is_text, _is_count, lambda value, count: len(value) <= count),
    "pattern": _Rule(_is_text, _is_pattern, lambda value, pattern: re.search(pattern, value) is not None),
    "minItems": _Rule(_is_list, _is_count, lambda value, count: len(value) >= count),
    "maxItems": _Rule(_is_list, _is_count, lambda value, count: len(value) <= count),
    "uniqueItems": _Rule(_is_list, _is(bool), _is_unique),
}

# --- what holds other schemas

_Violations: TypeAlias = Callable[[JSON, dict[str, JSON], _Here], Iterator[str]]


@dataclass(frozen=True, slots=True)
class _Holder:
    """A keyword that holds schemas. ``sensible``: what it may stand with."""

    sensible: Callable[[JSON], bool]
    violations: _Violations


def _of_properties(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    for name, inner in schema["properties"].items():
        if isinstance(value, dict) and name in value:
            yield from _violations(value[name], inner, here.down(f".{name}"))


def _of_others(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    others, named = schema["additionalProperties"], schema.get("properties", {})
    for name in (name for name in value if name not in named) if isinstance(value, dict) else ():
        if others is False:
            yield f"{here.place} has {clip(name, 40)!r}, which is not allowed"
        else:
            yield from _violations(value[name], others, here.down(f".{clip(name, 40)}"))


def _of_items(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from _violations(item, schema["items"], here.down(f"[{number}]"))


def _of_all(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    for choice in schema["allOf"]:
        yield from _violations(value, choice, here.down())


def _fits(value: JSON, schema: JSON, here: _Here) -> bool:
    return next(_violations(value, schema, here.down()), None) is None


def _of_any(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    if not any(_fits(value, choice, here) for choice in schema["anyOf"]):
        yield f"{here.place} fits none of the alternatives"


def _of_one(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    fitting = sum(_fits(value, choice, here) for choice in schema["oneOf"])
    if fitting != 1:
        yield f"{here.place} fits {fitting or 'none'} of the alternatives, of which one is wanted"


def _of_reference(value: JSON, schema: dict[str, JSON], here: _Here) -> Iterator[str]:
    yield from _violations(value, _referenced(schema["$ref"], here.root), here.down())


def _referenced(reference: str, root: JSON) -> JSON:
    """What a JSON pointer (RFC 6901) leads to."""
    if reference != "#" and not reference.startswith("#/"):
        raise ValueError("a reference that leads out of the schema, or by a name")
    found = root
    for step in reference.split("/")[1:]:
        found = _step(found, step.replace("~1", "/").replace("~0", "~"))
        if found is None:
            raise ValueError(f"a reference to nothing: {clip(reference, 40)}")
    return found


def _step(found: JSON, step: str) -> JSON:
    if isinstance(found, list):
        return found[int(step)] if step.isdecimal() and int(step) < len(found) else None
    return found.get(step) if isinstance(found, Mapping) else None


_is_schema = _is(dict, bool)
_HOLDERS: Mapping[str, _Holder] = {
    "$ref": _Holder(_is_text, _of_reference),
    "properties": _Holder(_is_object, _of_properties),
    "additionalProperties": _Holder(_is_schema, _of_others),
    "items": _Holder(_is_schema, _of_items),
    "allOf": _Holder(_is_schemas, _of_all),
    "anyOf": _Holder(_is_schemas, _of_any),
    "oneOf": _Holder(_is_schemas, _of_one),
}
