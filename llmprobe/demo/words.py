"""The vocabulary of the demo models, and what they do with words: prose, numbers, tokens."""

from __future__ import annotations

import re
from functools import cache
from random import Random

_TOKEN = re.compile(r"\s*\w+(?:-\w+)*|\s*[^\w\s]|\s+")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS = _listed(
    """
    acorn amber anchor apple arrow autumn badge balcony bamboo basket beacon berry blanket blossom bottle
    branch bread bridge broom bucket button cabin candle canyon carpet castle cedar cellar chalk cherry
    chimney circle clock cloud clover cobalt coffee copper coral corner cotton cradle crayon cricket crystal
    curtain daisy desert diamond dragon drawer dream drum eagle echo elbow ember engine falcon feather fence
    fern fiddle field finger flame flute forest fossil fountain garden garlic ginger glacier glass glove
    grain granite grape hammer harbor harvest hazel helmet hollow honey horizon island ivory ivy jacket
    jasmine jungle kettle kitchen ladder lagoon lantern lemon letter lily linen lizard lobster lumber magnet
    maple marble meadow melon mirror mitten monsoon mosaic mountain mustard napkin needle nickel nutmeg
    ocean olive onion orchard otter paddle palace panther paper parcel pebble pencil pepper pigeon pillow
    planet plum pocket pollen prairie puzzle quartz quilt rabbit radish raven ribbon river rocket saddle
    saffron salmon sandal sapphire satchel shadow shelter silver slipper sparrow spinach sponge spruce
    summit sunset table tambourine teapot temple thicket thimble thunder timber tulip tunnel turnip turtle
    umbrella valley vanilla velvet violet walnut wagon walrus waterfall whistle willow window winter yarrow
    """
)
_KINDS = _listed("quiet tall narrow bright broken gentle distant hollow late careful heavy golden patient curious")
_VERBS = _listed("carries follows covers repairs watches leaves finds paints moves holds keeps passes warms")
_ENDS = (
    "before the rain begins",
    "until the evening",
    "without any hurry",
    "while others are asleep",
    "as it did last year",
    "along the northern road",
    "and nobody seems to mind",
    "for reasons that few remember",
)
_UNITS = _listed(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
)
_TENS = _listed("twenty thirty forty fifty sixty seventy eighty ninety")


def tokens(text: str) -> list[str]:
    """``text`` cut into tokens, about a word each; joined they are ``text`` again."""
    found: list[str] = _TOKEN.findall(text)
    return found


def random_words(count: int, luck: Random) -> list[str]:
    """``count`` words from the vocabulary."""
    return luck.choices(WORDS, k=count)


def prose(luck: Random) -> str:
    """Three or four sentences, 30 to 60 words."""
    return " ".join(_sentence(luck) for _ in range(luck.randint(3, 4)))


def thoughts(luck: Random) -> str:
    """What goes through the mind of a model that thinks: about 30 words, nothing of the prompt."""
    opening = "Let me think about what is being asked here."
    return f"{opening} {_sentence(luck)} That settles it, and I can answer now."


def _sentence(luck: Random) -> str:
    choice = luck.choice
    subject, thing = choice(WORDS), choice(WORDS)
    return f"The {choice(_KINDS)} {subject} {choice(_VERBS)} a {choice(_KINDS)} {thing} {choice(_ENDS)}."


def spelled_out(number: int) -> str:
    """``number``, 0 to 9999, in English words."""
    if number < 20:
        return _UNITS[number]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            head, rest = divmod(number, size)
            return f"{spelled_out(head)} {name}" + (f" {spelled_out(rest)}" if rest else "")
    ten, unit = divmod(number, 10)
    return _TENS[ten - 2] + (f"-{_UNITS[unit]}" if unit else "")


def number_in(text: str) -> int | None:
    """The number that ``text`` is, in digits or in words up to a thousand; ``None`` when it is none."""
    return int(text) if text.isdecimal() else _numbers().get(text.lower().replace("-", " "))


@cache
def _numbers() -> dict[str, int]:
    return {spelled_out(number).replace("-", " "): number for number in range(1001)}
