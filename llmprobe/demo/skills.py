"""Following plain instructions, as a small model would: a prompt in, a text out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from llmprobe.demo.words import number_in, prose, random_words, spelled_out

_FLAGS = re.IGNORECASE | re.DOTALL
_VERBATIM = r"(?:exactly|only|just|following|verbatim|word for word|nothing but|this|these|the text|the word)"
_ORDER = re.compile(
    rf"\b(?:repeat|copy|echo|reproduce)\b"
    rf"|\b(?:write|reply|respond|answer|say|output|print|return|type)\b.*\b{_VERBATIM}\b",
    _FLAGS,
)
_COLON = re.compile(r":\s+(?=\S)")
_QUOTE = re.compile(
    r"\b(?:repeat|echo|say|(?:reply|respond|answer|write|output|print|return)\b[^\"'`]*\b"
    rf"(?:with|{_VERBATIM}))\b[^\"'`]{{0,60}}?([\"'`])(.+?)\1",
    _FLAGS,
)
_BARE = re.compile(
    r"\b(?:reply|respond|answer)\s+with\s+(?:(?:only |just |exactly )?the (?:word|code)|exactly|only|just)\s+"
    r"(?!(?:the|a|an|one|two|three|it|this|that)\b)(\S+)",
    _FLAGS,
)
_PICTURE = re.compile(r"\b(?:image|picture|photo|screenshot)\b", re.IGNORECASE)
_LOOK = re.compile(r"\b(?:digits?|numbers?|codes?|shows?|shown|see|read|describe|what)\b", re.IGNORECASE)
_SOME_WORDS = re.compile(r"((?:[\w-]+,?\s+){1,6})words\b", re.IGNORECASE)
_RANGE = re.compile(
    r"\b(?:from|numbers)\s+([\w-]+)\s+(?:up )?(?:to|through)\s+((?:\w+ )?hundred|[\w-]+)", re.IGNORECASE
)
_COUNT_TO = re.compile(r"\bcount\s+(?:up )?to\s+([\w-]+)", re.IGNORECASE)
_JSON = re.compile(
    r"\b(?:reply|respond|answer|output|return|write|give|produce|print|generate|create|format)\b[^.?!]*"
    r"\bJSON\b",
    re.IGNORECASE,
)
_AVOID = r"\b(?:no|not|never|without|avoid)\b[^.,;?!]*"
_NO_JSON = re.compile(rf"{_AVOID}\bJSON\b", re.IGNORECASE)
_PROSE = re.compile(r"\b(?:prose|plain|sentences?|paragraphs?|poem|story|essay)\b", re.IGNORECASE)
_NO_PROSE = re.compile(rf"{_AVOID}\b(?:prose|plain|sentences?)\b", re.IGNORECASE)
_KEYS = re.compile(r"\b(?:keys?|fields?|propert(?:y|ies)|members?)\b(.*)", _FLAGS)
_QUOTED_NAME = re.compile(r"[\"'`](\w+)[\"'`]")
_SECRET = re.compile(r"\b(?:code ?word|password|secret|passphrase)\b", re.IGNORECASE)
_CODE = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*\d)[\w-]{3,}\b")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: the last user message, the system messages, and the digits in each image seen."""

    prompt: str
    system: str
    pictures: tuple[str, ...]
    blind: bool
    """Does not see images and does not admit it."""
    luck: Random


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; ``certain`` when the prompt left no choice of words."""

    text: str
    certain: bool


def follow(asked: Asked) -> Said:
    """The answer to ``asked``: the first skill that applies, else a few sentences of prose."""
    for skill in _SKILLS:
        text = skill(asked)
        if text is not None:
            return Said(text, certain=skill is not _some_words)
    return Said(prose(asked.luck), certain=False)


def wants_json(prompt: str) -> bool:
    """``prompt`` demands JSON, as opposed to speaking of it."""
    return bool(_JSON.search(prompt)) and not _NO_JSON.search(prompt) and not wants_prose(prompt)


def wants_prose(prompt: str) -> bool:
    """``prompt`` asks for plain text."""
    return bool(_PROSE.search(prompt)) and not _NO_PROSE.search(prompt)


def as_object(text: str, prompt: str) -> str:
    """``text`` as a JSON object, under the keys that ``prompt`` names, else under one of our own."""
    match = _KEYS.search(prompt)
    names = _QUOTED_NAME.findall(match[1]) if match else []
    return json.dumps(dict.fromkeys(names, text) or {"answer": text}, ensure_ascii=False)


def _picture(asked: Asked) -> str | None:
    if not (_PICTURE.search(asked.prompt) and _LOOK.search(asked.prompt)):
        return None
    if asked.blind:
        digits = f"{asked.luck.randrange(10**5):05}"
    elif not asked.pictures:
        return "I cannot see an image."
    else:
        digits = " ".join(asked.pictures)
    if not digits.strip():
        return "The image is blank."
    return digits if re.search(r"\bonly\b", asked.prompt, re.IGNORECASE) else f"The image shows {digits}."


def _secret(asked: Asked) -> str | None:
    if not _SECRET.search(asked.prompt) or _ORDER.search(asked.prompt):
        return None
    codes = _CODE.findall(asked.system)
    return codes[-1] if codes else "I do not know it."


def _json(asked: Asked) -> str | None:
    return as_object(prose(asked.luck), asked.prompt) if wants_json(asked.prompt) else None


def _some_words(asked: Asked) -> str | None:
    match = _SOME_WORDS.search(asked.prompt) if "random" in asked.prompt.lower() else None
    numbers = [number_in(word) for word in match[1].replace(",", "").split()] if match else []
    counts = [number for number in numbers if number is not None]
    if not counts:
        return None
    separator = ", " if "comma" in asked.prompt.lower() else " "
    return separator.join(random_words(min(counts[-1], 1000), asked.luck))


def _count(asked: Asked) -> str | None:
    ends = _RANGE.search(asked.prompt) or _COUNT_TO.search(asked.prompt)
    if ends is None:
        return None
    numbers = [number_in(end) for end in ends.groups()]
    first, last = numbers if len(numbers) == 2 else (1, *numbers)
    if first is None or last is None or not first < last <= 1000:
        return None
    in_words = bool(re.search(r"\b(?:words?|spell\w*)\b", asked.prompt)) or not ends[1].isdecimal()
    return ", ".join(spelled_out(n) if in_words else str(n) for n in range(first, last + 1))


def _copy(asked: Asked) -> str | None:
    """The text after the last colon of an order to repeat something, a quoted text, or a single word."""
    prompt = asked.prompt
    colons = list(_COLON.finditer(prompt))
    if colons and _ORDER.search(prompt[: colons[-1].start()]):
        return _cleaned(prompt[colons[-1].end() :])
    quoted = _QUOTE.search(prompt)
    if quoted:
        return quoted[2]
    bare = _BARE.search(prompt)
    return _cleaned(bare[1]) if bare else None


def _cleaned(text: str) -> str:
    """``text`` up to a blank line, without quotes around it; a lone code ends before its full stop."""
    text = text.strip().split("\n\n")[0].strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'`":
        return text[1:-1]
    lone = re.match(r"([\"'`]?)([^\s\"'`]+?)\1[.!]?(?:\s+[A-Z(].*)?$", text, re.DOTALL)
    return lone[2] if lone else text


_SKILLS: tuple[Callable[[Asked], str | None], ...] = (_picture, _json, _some_words, _count, _copy, _secret)
