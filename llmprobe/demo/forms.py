"""Filling in a form: an object that satisfies a JSON Schema, from what the prompt says."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from llmprobe.call import JSON, Tool
from llmprobe.demo.words import random_words

_QUOTED = re.compile(r'"([^"\n]+)"|`([^`\n]+)`|(?<!\w)\'([^\'\n]+)\'(?!\w)|“([^”\n]+)”')
_CODE = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*\d)[\w-]{3,}\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_INTEGER = re.compile(r"(?<![\w.-])-?\d+(?![\w.]*\w)")
_USE = r"(?:us(?:e|ing)|call(?:ing)?|invok(?:e|ing)|run(?:ning)?)"
_USE_TOOL = re.compile(rf"\b{_USE}\b[^.?!]*\b(?:tools?|functions?)\b", re.IGNORECASE)
_NO_TOOL = re.compile(rf"\b(?:not|never|don't|without)\s+{_USE}\b", re.IGNORECASE)

Choose = Callable[[Sequence[JSON]], JSON]
"""Takes one of the values of an enum."""


@dataclass(frozen=True, slots=True)
class Clues:
    """What a prompt offers for filling in a form; ``luck`` fills what it leaves open."""

    prompt: str
    values: tuple[str, ...]
    """Quoted values; failing these, words with letters and digits; failing these, proper names."""
    integers: tuple[int, ...]
    luck: Random


def clues_in(prompt: str, not_values: frozenset[str], luck: Random) -> Clues:
    """The clues in ``prompt``; ``not_values`` are the names of tools and fields."""
    quoted = ["".join(groups) for groups in _QUOTED.findall(prompt)]
    for found in (quoted, _CODE.findall(prompt), _NAME.findall(prompt)):
        values = tuple(value for value in found if value not in not_values)
        if values:
            break
    return Clues(prompt, values, tuple(int(number) for number in _INTEGER.findall(prompt)), luck)


def names_in(schema: Mapping[str, JSON]) -> frozenset[str]:
    """The field names and enum values at the top of ``schema``: words of the form, not of its content."""
    found = set()
    for name, field in _properties(schema).items():
        found.add(name)
        if isinstance(field, dict):
            found.update(value for value in field.get("enum", ()) if isinstance(value, str))
    return frozenset(found)


def tool_in(prompt: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that ``prompt`` asks for: by its name, or the first one for "use the tool"."""
    if _NO_TOOL.search(prompt):
        return None
    named = [tool for tool in tools if mentions(prompt, tool.name)]
    if named:
        return named[0]
    return tools[0] if tools and _USE_TOOL.search(prompt) else None


def fill(schema: Mapping[str, JSON], clues: Clues, choose: Choose) -> dict[str, JSON]:
    """An object that satisfies ``schema``."""
    value = _Form(schema, clues, choose).value(schema, "", (0, 1))
    return value if isinstance(value, dict) else {}


def contested(schema: Mapping[str, JSON], prompt: str) -> tuple[JSON, ...]:
    """The values of the first enum between which ``prompt`` does not decide; () when it decides all."""
    for field in _properties(schema).values():
        values = field.get("enum") if isinstance(field, dict) else None
        candidates = candidates_of(values, prompt) if isinstance(values, list) else ()
        if len(candidates) > 1:
            return tuple(candidates)
    return ()


def candidates_of(values: Sequence[JSON], prompt: str) -> Sequence[JSON]:
    """The values that ``prompt`` mentions, in the order of ``values``; all when it mentions none."""
    mentioned = [value for value in values if mentions(prompt, str(value))]
    return mentioned or values


def mentions(prompt: str, word: str) -> bool:
    """``word`` stands in ``prompt`` as a word of its own."""
    return bool(word) and bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", prompt, re.IGNORECASE))


def taste(values: Sequence[JSON]) -> JSON:
    """The value one likes best: it depends on the values and not on their order."""
    return min(values, key=lambda value: hashlib.sha256(repr(value).encode()).digest())


def _properties(schema: Mapping[str, JSON]) -> Mapping[str, JSON]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _Form:
    """A form while it is filled in; ``root`` is where its references start."""

    root: Mapping[str, JSON]
    clues: Clues
    choose: Choose

    def value(self, schema: JSON, name: str, place: tuple[int, int]) -> JSON:
        """A value for the field ``name``, number ``place[0]`` of the ``place[1]`` fields of its type."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self.choose(candidates_of(schema["enum"], self.clues.prompt))
        kind = _kind(schema)
        if kind == "object":
            return self.object(schema)
        if kind == "array":
            return self.array(schema, name)
        if kind in ("integer", "number"):
            return _bounded(_nth(self.clues.integers, place[0], 7), schema)
        return _string(schema, name, place, self.clues) if kind == "string" else kind == "boolean" or None

    def object(self, schema: Mapping[str, JSON]) -> dict[str, JSON]:
        """All properties of ``schema``, and what is required beyond them."""
        fields = {name: self.resolved(field) for name, field in _properties(schema).items()}
        free = [name for name, field in fields.items() if "enum" not in field and "const" not in field]
        filled = {}
        for name, field in fields.items():
            alike = [other for other in free if _kind(fields[other]) == _kind(field)]
            place = (alike.index(name), len(alike)) if name in alike else (0, 1)
            filled[name] = self.value(field, name, place)
        return filled | {name: "" for name in schema.get("required", ()) if name not in filled}

    def array(self, schema: Mapping[str, JSON], name: str) -> list[JSON]:
        """Two items, unless ``schema`` sets other bounds."""
        least = schema.get("minItems", 2)
        count = min(least, schema.get("maxItems", least))
        return [self.value(schema.get("items"), name, (index, count)) for index in range(count)]

    def resolved(self, schema: JSON) -> dict[str, Any]:
        """``schema`` with local references and alternatives replaced by what is used."""
        for _ in range(20):  # a reference may lead in a circle
            if not isinstance(schema, dict):
                return {}
            reference, options = schema.get("$ref"), schema.get("anyOf") or schema.get("oneOf")
            if isinstance(reference, str):
                schema = self.referenced(reference)
            elif isinstance(options, list) and options:
                schema = options[0]
            else:
                return schema
        return {}

    def referenced(self, reference: str) -> JSON:
        """What a reference such as ``#/$defs/place`` points at."""
        found: JSON = self.root
        for step in reference.removeprefix("#/").split("/"):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found


def _kind(schema: Mapping[str, JSON]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return kind if isinstance(kind, str) else ("object" if "properties" in schema else "string")


def _nth(numbers: Sequence[int], place: int, default: int) -> int:
    return numbers[min(place, len(numbers) - 1)] if numbers else default


def _bounded(number: float, schema: Mapping[str, JSON]) -> float:
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + 1)
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - 1)
    return min(max(number, low), high)


def _string(schema: Mapping[str, JSON], name: str, place: tuple[int, int], clues: Clues) -> str:
    text = _named(name, clues) or _from_the_end(place, clues) or " ".join(random_words(2, clues.luck))
    least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", len(text)))
    return text.ljust(least, ".")[: max(least, most)]


def _named(name: str, clues: Clues) -> str:
    """The value that the prompt gives right after ``name``."""
    for match in re.finditer(rf"\b{re.escape(name)}\b\W*(?:(?:is|to|of|as|set|being)\W+)*", clues.prompt):
        found = next((value for value in clues.values if clues.prompt.startswith(value, match.end())), "")
        if found:
            return found
    return ""


def _from_the_end(place: tuple[int, int], clues: Clues) -> str:
    """The last value for the last field, the one before it for the field before, ..."""
    index, count = place
    return clues.values[max(0, len(clues.values) - count + index)] if clues.values else ""
