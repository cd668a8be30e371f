"""Whether a value satisfies a schema: the same as an independent validator says, and an error rather than a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.checks.json_schema import violation

# --- values and schemas out of so few pieces that they often fit

NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.0, 2.5])
NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "a", "b", "ab", "ba"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
COUNTS = st.integers(0, 3) | st.just(1.0)
RULES: Mapping[str, st.SearchStrategy[Any]] = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, max_size=3),
    "const": VALUES,
    "required": st.lists(NAMES, max_size=2, unique=True),
    "minimum": NUMBERS,
    "maximum": NUMBERS,
    "exclusiveMinimum": NUMBERS,
    "exclusiveMaximum": NUMBERS,
    "multipleOf": st.sampled_from([0.5, 1, 1.5, 2, 2.0]),
    "minLength": COUNTS,
    "maxLength": COUNTS,
    "pattern": st.sampled_from(["a", "^b", "b$", "^$", "[ab]{2}"]),
    "minItems": COUNTS,
    "maxItems": COUNTS,
    "uniqueItems": st.booleans(),
}
ANNOTATIONS = st.sampled_from([{}, {"title": "t"}, {"description": "d", "format": "date"}, {"default": 1}])
"""Say nothing about a value."""


def some(keywords: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Up to two of ``keywords``."""
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=2, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


def holders(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """The keywords that hold other schemas."""
    several = st.lists(inner, min_size=1, max_size=3)
    return {
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "additionalProperties": st.booleans() | inner,
        "items": inner,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
    }


def schemas(*references: str) -> st.SearchStrategy[Any]:
    """Schemas out of all keywords, with ``references`` to others."""
    pointing = [st.builds(lambda to: {"$ref": to}, st.sampled_from(references))] if references else []
    leaves = st.one_of(some(RULES), *pointing)
    nested = st.recursive(
        leaves | st.booleans(),
        lambda inner: st.builds(lambda *parts: merged(*parts), leaves, some(holders(inner)), ANNOTATIONS),
        max_leaves=5,
    )
    return st.builds(lambda *parts: merged(*parts), leaves, some(holders(nested)), ANNOTATIONS)


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """One schema with the keywords of all ``parts``."""
    return {name: value for part in parts for name, value in part.items()}


ROOTS = st.builds(
    lambda schema, one, two: schema | {"$defs": {"one": one, "two": two}},
    schemas("#/$defs/one", "#/$defs/two"),
    schemas(),
    schemas("#/$defs/one"),
)


def is_valid(value: Any, schema: Any) -> bool:
    """What the independent validator says."""
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@settings(max_examples=600)
@given(VALUES, ROOTS)
def test_an_independent_validator_says_the_same(value: Any, schema: dict[str, Any]) -> None:
    """For every keyword that is checked, and references between schemas."""
    assert (violation(value, schema) == "") == is_valid(value, schema)


@pytest.mark.parametrize("keyword", RULES)
@given(data=st.data())
def test_an_independent_validator_says_the_same_of_each_rule(keyword: str, data: st.DataObject) -> None:
    """Each alone, so that none hides behind another."""
    value, schema = data.draw(VALUES), {keyword: data.draw(RULES[keyword])}

    assert (violation(value, schema) == "") == is_valid(value, schema)


LEAF = some(RULES) | st.booleans()


@pytest.mark.parametrize("keyword", holders(LEAF))
@given(data=st.data())
def test_an_independent_validator_says_the_same_of_each_holder(keyword: str, data: st.DataObject) -> None:
    """Each alone, around simple schemas."""
    value, schema = data.draw(VALUES), {keyword: data.draw(holders(LEAF)[keyword])}

    assert (violation(value, schema) == "") == is_valid(value, schema)


# --- what that comes to, by example


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, {"const": 1.0}),
        (1.0, {"type": "integer"}),
        ([1, True], {"uniqueItems": True}),
        (0.3, {"multipleOf": 0.1}),
        (True, {"minimum": 5}),
        ("x", {"required": ["a"]}),
        ({"a": 1, "b": 2}, {"const": {"b": 2, "a": 1}}),
        ({"a": None}, {"properties": {"a": {"type": ["string", "null"]}}}),
        (3, {"oneOf": [{"type": "integer"}, {"type": "string"}]}),
        ({"/": {"~": 1}}, {"properties": {"/": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"required": ["~"]}}}),
        (1, {"anyOf": [{"type": "integer"}, {"$ref": "#/anyOf/0"}]}),
        ({"next": {"next": {}}}, {"type": "object", "properties": {"next": {"$ref": "#"}}}),
    ],
)
def test_what_satisfies_a_schema(value: Any, schema: dict[str, Any]) -> None:
    """JSON has one kind of number, and booleans are none."""
    assert violation(value, schema) == ""


@pytest.mark.parametrize(
    ("value", "schema", "told"),
    [
        (True, {"const": 1}, "$ is true, not the constant"),
        ([True], {"enum": [[1], None]}, "$ is [true], not one of the values allowed"),
        (True, {"type": "integer"}, "$ is not of type integer"),
        (1.5, {"type": ["integer", "null"]}, "$ is not of type integer or null"),
        ([1, 1.0], {"uniqueItems": True}, "$ is [1, 1.0], against uniqueItems true"),
        (0.25, {"multipleOf": 0.1}, "$ is 0.25, against multipleOf 0.1"),
        (float("inf"), {"multipleOf": 2}, "$ is Infinity, against multipleOf 2"),
        ({"b": 1}, {"required": ["b", "a"]}, "$ lacks a required key"),
        ({"b": 1}, {"properties": {"a": {}}, "additionalProperties": False}, "$ has 'b', which is not allowed"),
        ({"b": 1}, {"additionalProperties": {"type": "string"}}, "$.b is not of type string"),
        ({"a": 1}, {"properties": {"a": False}}, "$.a is not allowed"),
        ({"a": [{"b": 1}, {"b": "x"}]},
         {"properties": {"a": {"items": {"properties": {"b": {"type": "integer"}}}}}},
         "$.a[1].b is not of type integer"),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "$ fits none of the alternatives"),
        ({"next": {"next": 1}}, {"type": "object", "properties": {"next": {"$ref": "#"}}},
         "$.next.next is not of type object"),
    ],
)  # fmt: skip
def test_what_does_not_is_told_with_its_place(value: Any, schema: dict[str, Any], told: str) -> None:
    """A reader finds the fault without the schema at hand."""
    assert violation(value, schema) == told


@pytest.mark.parametrize(("value", "fitting"), [(4, 2), ("x", 0)])
def test_one_of_means_exactly_one(value: Any, fitting: int) -> None:
    """Two that fit are as wrong as none."""
    schema = {"oneOf": [{"type": "integer"}, {"minimum": 3, "type": "number"}]}

    assert violation(value, schema) == f"$ fits {fitting or 'none'} of the alternatives, of which one is wanted"


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"k" * 500: 1}, {"additionalProperties": {"type": "null"}}),
        ({"k" * 500: 1}, {"additionalProperties": False}),
        ("t" * 500, {"enum": []}),
        ("t" * 500, {"pattern": "p" * 500}),
    ],
    ids=["key", "key too many", "value", "value and schema"],
)
def test_long_texts_are_cut_in_what_is_told(value: Any, schema: dict[str, Any]) -> None:
    """It stands in a cell's reason."""
    assert 0 < len(violation(value, schema)) < 120


# --- what other wire formats add


def in_capitals(schema: Any) -> Any:
    """``schema`` with its types in capitals."""
    if isinstance(schema, list):
        return [in_capitals(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {name: value if name in ("enum", "const") else in_capitals(value) for name, value in schema.items()}
    types = schema.get("type")
    if isinstance(types, str):
        return whole | {"type": types.upper()}
    return whole | {"type": [kind.upper() for kind in types]} if isinstance(types, list) else whole


@given(VALUES, ROOTS)
def test_types_may_stand_in_capitals(value: Any, schema: dict[str, Any]) -> None:
    """The verdict is the same."""
    assert bool(violation(value, in_capitals(schema))) == bool(violation(value, schema))


@given(VALUES, ROOTS)
def test_nullable_allows_null_and_changes_nothing_else(value: Any, schema: dict[str, Any]) -> None:
    """Even beside a type or an enum without null; false is as if it were not there."""
    plain = violation(value, schema)

    assert violation(value, schema | {"nullable": True}) == ("" if value is None else plain)
    assert violation(value, schema | {"nullable": False}) == plain


# --- no guesses


@pytest.mark.parametrize("value", [None, 1, "a", [1], {"a": 1}])
@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {}},
        {"patternProperties": {}, "nullable": True},
        {"not": {}},
        {"anyOf": [{"if": {}}]},
        {"$defs": {"x": {"prefixItems": []}}, "$ref": "#/$defs/x"},
    ],
)
def test_a_keyword_that_is_not_checked_is_refused(schema: dict[str, Any], value: Any) -> None:
    """None is passed over in silence, whatever the value."""
    with pytest.raises(ValueError, match="is not checked here"):
        violation(value, schema)


MALFORMED: Mapping[str, tuple[Any, ...]] = {
    "type": ("text", 5, None, [], ["string", 5], {}),
    "enum": ("abc", {"a": 1}, None, 1),
    "required": ("ab", True, [1], {"a": 1}, None),
    "minimum": ("3", True, None, []),
    "maximum": ("3", False, {}),
    "exclusiveMinimum": (True, "0"),
    "exclusiveMaximum": (True, None),
    "multipleOf": (0, -1, "2", None, float("inf")),
    "minLength": (-1, "3", 1.5, True, None),
    "maxLength": (-1, [], None),
    "pattern": ("(", "a{99999999999}", 1, None),
    "minItems": (-1, "1", None),
    "maxItems": (0.5, {}),
    "uniqueItems": (1, "true", None),
    "properties": ([], None, "a", True),
    "additionalProperties": ("no", None, [], 0),
    "items": ([{}], None, "string"),
    "allOf": ([], {}, None, True),
    "anyOf": ([], {"type": "string"}, None),
    "oneOf": ([], "a", 1),
    "$ref": (None, 1, "other.json", "#name", "#/$defs/nothing", "#/$defs/x/0", ""),
}


def test_every_keyword_has_malformed_values() -> None:
    """So that no keyword is left out below; nothing at all is malformed as a constant."""
    assert {*MALFORMED, "const"} == {*RULES, *holders(LEAF), "$ref"}


@pytest.mark.parametrize("value", [None, 1, "a", [], {}], ids=repr)
@pytest.mark.parametrize(
    ("keyword", "wanted"), [(keyword, wanted) for keyword, several in MALFORMED.items() for wanted in several]
)
def test_a_keyword_with_a_value_that_it_cannot_have_is_refused(keyword: str, wanted: Any, value: Any) -> None:
    """Also where the keyword would say nothing about the value."""
    with pytest.raises(ValueError, match=r"no sensible value|a reference"):
        violation(value, {keyword: wanted, "$defs": {"x": []}})


@pytest.mark.parametrize("inner", [None, 1, "string", []])
def test_what_is_no_schema_is_refused(inner: Any) -> None:
    """Where one should stand."""
    for schema in ({"properties": {"a": inner}}, {"allOf": [inner]}, {"oneOf": [inner]}):
        with pytest.raises(ValueError, match="no object"):
            violation({"a": 1}, schema)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
WRECKS = st.recursive(
    JSONS, lambda inner: st.dictionaries(st.sampled_from([*MALFORMED, "$defs", "nullable"]), inner, max_size=3)
)


@given(JSONS, st.dictionaries(st.sampled_from([*MALFORMED, "const", "nullable", "x"]), WRECKS, max_size=3))
def test_whatever_stands_in_a_schema_there_is_an_answer_or_a_value_error(value: Any, schema: dict[str, Any]) -> None:
    """Schemas come out of recordings: they may hold anything."""
    try:
        told = violation(value, schema)
    except ValueError:
        return
    assert isinstance(told, str)


# --- depth


def nested(depth: int) -> Any:
    """An array in an array in an array ..."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def nested_schema(depth: int) -> dict[str, Any]:
    """The schema of such an array."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def test_a_schema_is_followed_as_deep_as_people_write_them() -> None:
    """Thirty levels, down to the last."""
    assert violation(nested(30), nested_schema(30)) == ""
    assert violation(nested(31), nested_schema(30)) == f"${'[0]' * 30} is not of type integer"


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (nested(100), nested_schema(100)),
        (nested(100_000), {"items": {"$ref": "#"}}),
        (nested(100_000), {"const": 1}),
        (nested(100_000), {"enum": [1]}),
        ([nested(100_000)], {"uniqueItems": True}),
        (1, {"$ref": "#"}),
        (1, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
    ],
    ids=["schema", "by reference", "constant", "enum", "unique", "own reference", "circle"],
)
def test_what_is_nested_too_deep_is_refused(value: Any, schema: dict[str, Any]) -> None:
    """With the error that says so, and without running out of stack."""
    with pytest.raises(ValueError, match="nested too deep"):
        violation(value, schema)


class Watched(dict[str, Any]):
    """An object that counts how often something is taken out of it, over all of them."""

    looks = 0

    def __getitem__(self, name: str) -> Any:
        Watched.looks += 1
        return super().__getitem__(name)


def test_each_part_of_a_value_is_looked_at_once() -> None:
    """With ``properties`` beside ``additionalProperties`` too, where a second look at each level would add up."""
    value = Watched()
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(10):
        value, schema = Watched(a=value), {"properties": {"a": schema}, "additionalProperties": False}
    Watched.looks = 0

    assert violation(value, schema) == ""
    assert Watched.looks == 10
