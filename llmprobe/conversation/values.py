"""Values of an experiment: drawn from the seed, or taken from a reply; and their places in a probe's texts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmprobe.checks.evidence import Turn

_WORDS = tuple(
    """river stone cloud winter garden silver market window bridge forest candle harbor ribbon island meadow copper
    violin lantern pepper orchard saddle thunder walnut blanket compass feather granite hammer jacket kettle ladder
    mirror needle oyster pillow rocket signal timber velvet wagon anchor barrel cactus dragon engine falcon
    goblet""".split()  # noqa: SIM905 - a list of a line a word hides the rest of the file
)
_CITIES = tuple(
    """Lisbon Oslo Vienna Prague Dublin Athens Warsaw Zurich Helsinki Brussels Budapest Geneva Munich Toronto Sydney
    Kyoto Lima Havana Nairobi Denver""".split()  # noqa: SIM905
)


def _pick(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


DRAW: Mapping[str, Callable[[random.Random, int], str]] = {
    "digits": lambda rng, n: _pick(rng, "123456789", 1) + _pick(rng, "0123456789", n - 1),
    "letters": lambda rng, n: _pick(rng, "abcdefghjkmnpqrstuvwxyz", n),
    "hex": lambda rng, n: _pick(rng, "0123456789abcdef", n),
    "code": lambda rng, n: _pick(rng, "abcdefghjkmnpqrstuvwxyz", 2) + _pick(rng, "23456789", n - 2),
    "words": lambda rng, n: " ".join(rng.sample(_WORDS, n)),
    "city": lambda rng, n: rng.sample(_CITIES, max(1, n))[0],
    "integer": lambda rng, n: str(rng.randrange(10 ** (n - 1), 10**n)),
    "constant": lambda _, n: str(n),
}
"""Kinds of values for probe files: ``digits 5`` draws five digits. ``constant 16`` is always 16."""


_DRAWS = 1000


def draw(kinds: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    """A value for each name; two values of the same kind are never equal.

    Raises ``ValueError`` when there are not enough of them.
    """
    values: dict[str, str] = {}
    for name, kind in kinds.items():
        word, _, count = kind.partition(" ")
        taken = {values[other] for other in values if kinds[other] == kind and word != "constant"}
        drawn = (DRAW[word](rng, int(count or 1)) for _ in range(_DRAWS))
        value = next((value for value in drawn if value not in taken), None)
        if value is None:
            raise ValueError(f"`{kind}` cannot be drawn {len(taken) + 1} times without repetition")
        values[name] = value
    return values


def _shared_middle_word(controls: Sequence[Turn]) -> str | None:
    """A word near the middle that every control reply reaches in the same way, with text after it."""
    texts = [turn.reply.content for turn in controls]
    words = texts[0].split()
    places = sorted(range(2, len(words) - 3), key=lambda place: abs(place - len(words) // 2))
    for place in places:
        word = words[place].strip(".,;:!?\"'*")
        if len(word) < 3 or not word.isalpha() or texts[0].count(word) != 1:
            continue
        heads = {" ".join(text.partition(word)[0].split()) for text in texts}
        if len(heads) == 1 and all(word in text for text in texts):
            return word
    return None


DERIVE: Mapping[str, Callable[[Sequence[Turn]], str | None]] = {"shared middle word": _shared_middle_word}
"""Ways to take a value from the replies of the arm ``control``; ``None`` means that there is none."""

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """``value`` with every ``{name}`` of ``values`` replaced, in strings at any depth and in keys."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {fill(key, values): fill(part, values) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fill(part, values) for part in value)
    return value
