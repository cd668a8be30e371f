"""What checks see: turns (a call and its reply), grouped into trials; and what they say: marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from llmprobe.call import Call
from llmprobe.probe import Expectation
from llmprobe.reply import Reply
from llmprobe.verdict import STRENGTHS, Strength

QUOTE = 160
"""Longest quote of an answer, in characters."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of an experiment and what came back. ``evidence`` is the id of its exchange."""

    arm: str
    call: Call
    reply: Reply
    evidence: str
    probe: str = ""
    expects: Expectation = "any"


@dataclass(frozen=True, slots=True)
class Trial:
    """The turns of one trial, or of the setup, with the values that were drawn for it.

    ``recheck`` is a plain call made right after a refusal: if that fails too, the refusal says nothing.
    """

    turns: tuple[Turn, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    recheck: Turn | None = None

    def all(self, arm: str) -> tuple[Turn, ...]:
        """Every turn of ``arm``."""
        return tuple(turn for turn in self.turns if turn.arm == arm)

    def one(self, arm: str) -> Turn:
        """The first turn of ``arm``."""
        return self.all(arm)[0]


Kind: TypeAlias = Literal["shown", "partial", "ignored", "broken", "rejected", "void"]
"""``void`` trials say nothing about the feature and are not counted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What one trial showed."""

    kind: Kind
    reason: str
    expected: str = ""
    actual: str = ""
    quote: str = ""
    evidence: tuple[str, ...] = ()
    strength: Strength = "shown"

    def seen_in(self, *turns: Turn) -> Mark:
        """The same mark with the evidence of ``turns``."""
        return replace(self, evidence=tuple(turn.evidence for turn in turns))


def void(reason: str, *turns: Turn) -> Mark:
    """A trial that says nothing about the feature."""
    return Mark("void", reason).seen_in(*turns)


def strongest(marks: Iterable[Mark]) -> Strength:
    """The strongest evidence among ``marks``."""
    return max((mark.strength for mark in marks), key=STRENGTHS.index, default="shown")


def clip(text: str, limit: int = QUOTE) -> str:
    """``text`` on one line, cut at ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
