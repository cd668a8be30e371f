"""The words of a conversation: how a row is talked to, what is asked, what is answered, what it comes to."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from llmprobe.call import JSON, Call
from llmprobe.checks.evidence import Turn
from llmprobe.probe import Expectation
from llmprobe.reply import Reply
from llmprobe.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Footing:
    """How to talk to one row of the scoreboard, as first contact found it out."""

    model: str
    stream: bool = False
    thinking: bool = False
    """This is the row with thinking on: replies need headroom."""
    headroom: bool = False
    """Replies need it although no thinking is seen: the cap ended one before any text."""
    ask_thinking: bool | None = None
    """What ``Call.thinking`` must say to get it so; ``None``: nothing, it is the default."""
    thinking_spelling: str = ""
    thinking_patch: Mapping[str, JSON] = field(default_factory=dict)
    cap_spelling: str = ""
    """Spelling of the output cap that was accepted; "" is the dialect's default."""
    capped: bool = True
    """Some cap was accepted at all."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make."""

    arm: str
    call: Call
    expects: Expectation = "any"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and the id of the exchange that shows it."""

    reply: Reply
    evidence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case came to: a verdict for each cell of its probe, and every turn, for the observers."""

    verdicts: Mapping[str, Verdict]
    turns: tuple[Turn, ...]


Talk: TypeAlias = Generator[Ask, Answer, Finding]
