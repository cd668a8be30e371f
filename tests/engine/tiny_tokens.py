"""The words of the tiny model: a byte-level BPE vocabulary in which every word is one token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_WORDS = """the of and to in is you that it he was for on are as with his they at be this have from or one had by
word but not what all were we when your can said there use an each which she do how their if will up other about
out many then them these so some her would make like him into time has look two more write go see number no way
could people my than first water been call who oil its now find long down day did get come made may part over new
sound take only little work know place year live me back give most very after thing our just name good sentence man
think say great where help through much before line right too mean old any same tell boy follow came want show also
around form three small set put end does another well large must big even such because turn here why ask went men
read need land different home us move try kind hand picture again change off play spell air away animal house point
page letter mother answer found study still learn should world high every near add food between own below country
plant last school father keep tree never start city earth eye light thought head under story saw left few while along
might close something seem next hard open example begin life always those both paper together got group often run
river blue green stone cloud winter summer"""

CONTROL, SHOWN = 3, 4
"""Kinds of tokens in GGUF: markers that are never part of the text, and added ones that are."""
END_OF_TEXT, SYSTEM, USER, ASSISTANT, TOOL = "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"
END, TOOLS = "<|end|>", "<|tools|>"
SPECIAL = (END_OF_TEXT, SYSTEM, USER, ASSISTANT, TOOL, END, TOOLS)
CALL, CALLED = "<tool_call>", "</tool_call>"


def _byte_letters() -> tuple[str, ...]:
    """The printable stand-in that GPT-2's tokenizer has for every byte."""
    kept = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in kept else chr(next(others)) for byte in range(256))


LETTERS = _byte_letters()


def spelled(text: str) -> str:
    """``text`` in the letters of the vocabulary."""
    return "".join(LETTERS[byte] for byte in text.encode())


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """The merges that make every word, with and without a space before it, one token."""
    sequences = [list(spelled(" " + word)) for word in words] + [list(spelled(word)) for word in words]
    merges: list[tuple[str, str]] = []
    while counts := Counter(pair for sequence in sequences for pair in pairwise(sequence)):
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for sequence in sequences:
            _merge(sequence, best)
    return merges


def _merge(sequence: list[str], pair: tuple[str, str]) -> None:
    at = 0
    while at < len(sequence) - 1:
        if (sequence[at], sequence[at + 1]) == pair:
            sequence[at : at + 2] = ["".join(pair)]
        at += 1


@dataclass(frozen=True)
class Vocabulary:
    """All tokens in order. ``script`` is the text of the tool call, which is one token too."""

    script: str

    @cached_property
    def words(self) -> list[str]:
        """The words, each once."""
        return list(dict.fromkeys(_WORDS.split()))

    @cached_property
    def merges(self) -> list[tuple[str, str]]:
        """Pairs of tokens that the tokenizer joins, in order."""
        return _merges(self.words)

    @cached_property
    def _plain(self) -> list[str]:
        return list(dict.fromkeys([*LETTERS, *map("".join, self.merges)]))

    @cached_property
    def tokens(self) -> list[str]:
        """Every token."""
        return [*self._plain, *SPECIAL, CALL, CALLED, self.script]

    @property
    def kinds(self) -> list[int]:
        """The kind of every token."""
        return [1] * len(self._plain) + [CONTROL] * len(SPECIAL) + [SHOWN] * 3

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    def number(self, token: str) -> int:
        """The number of ``token``."""
        return self._numbers[token]

    def numbers(self, tokens: Sequence[str]) -> list[int]:
        """The numbers of ``tokens``."""
        return [self._numbers[token] for token in tokens]
