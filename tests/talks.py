"""Talking probes through with a function in place of an endpoint: no sockets, no clock, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeAlias, TypeVar

from llmprobe.call import Call, Image, Message, Text
from llmprobe.checks.evidence import Turn
from llmprobe.conversation import Answer, Ask, Contact, Finding, Footing, contact, converse
from llmprobe.demo.brain import answer
from llmprobe.demo.models import Traits
from llmprobe.dialects import dialect
from llmprobe.probe import Probe, Trials
from llmprobe.probe_file import probes
from llmprobe.reply import ApiError, Reply, Usage
from llmprobe.scenario import Thinking
from llmprobe.verdict import Verdict

Endpoint: TypeAlias = Callable[[Call], Reply]
T = TypeVar("T")

DIALECT = dialect("openai-chat")
PROBES: Mapping[str, Probe] = {probe.id: probe for probe in probes()}
EXPERIMENTS = tuple(name for name, probe in PROBES.items() if not probe.observes)
MODEL = "m"


@dataclass(frozen=True)
class Talk:
    """What was asked, and what was found."""

    asks: tuple[Ask, ...]
    replies: tuple[Reply, ...]
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        """The verdict of the probe's first cell."""
        return next(iter(self.finding.verdicts.values()))

    @property
    def outcome(self) -> str:
        """The outcome of the probe's first cell."""
        return self.verdict.outcome

    def calls(self, arm: str) -> list[Call]:
        """The calls of one arm."""
        return [ask.call for ask in self.asks if ask.arm == arm]


def drive(talk: Generator[Ask, Answer, T], endpoint: Endpoint) -> tuple[list[Ask], list[Reply], T]:
    """Talk to ``endpoint`` to the end."""
    asks: list[Ask] = []
    replies: list[Reply] = []
    try:
        ask = next(talk)
        while True:
            asks.append(ask)
            assert len(asks) < 2000, "the conversation does not end"
            replies.append(endpoint(ask.call))
            ask = talk.send(Answer(replies[-1], f"case#{len(asks) - 1}"))
    except StopIteration as end:
        return asks, replies, end.value


def talk(
    probe: str | Probe,
    endpoint: Endpoint,
    *,
    footing: Footing | None = None,
    seed: str = "a seed",
    bounds: Trials | None = None,
) -> Talk:
    """Talk one probe through."""
    found = PROBES[probe] if isinstance(probe, str) else probe
    conversation = converse(found, footing or Footing(MODEL), DIALECT, seed, bounds or found.trials)
    asks, replies, finding = drive(conversation, endpoint)
    return Talk(tuple(asks), tuple(replies), finding)


def meet(endpoint: Endpoint, thinking: Thinking | None = None) -> tuple[Contact, list[Ask]]:
    """First contact."""
    asks, _, found = drive(contact(MODEL, DIALECT, thinking, "abc"), endpoint)
    return found, asks


# --- endpoints


def demo(luck: int = 0, **traits: Any) -> Endpoint:
    """The demo's brain: does everything right but for ``traits``."""
    rng, model = Random(luck), replace(Traits("demo", ""), **traits)

    def reply(call: Call) -> Reply:
        said = answer(call, model, rng)
        return Reply(error=said) if isinstance(said, ApiError) else _as_sent(said)

    return reply


def _as_sent(reply: Reply) -> Reply:
    return replace(reply, finish_raw=reply.finish if isinstance(reply.finish, str) else "")


def said(text: str = "Fine.", **fields: Any) -> Reply:
    """A whole, plain reply with honest counts."""
    tokens = len(text.split())
    plain = Reply(text=text, finish="stop", finish_raw="stop", usage=counts(20, tokens), complete=True)
    return replace(plain, **fields)


def counts(taken: int, made: int) -> Usage:
    """Honest sums."""
    return Usage(taken, made, taken + made)


def refusal(message: str, status: int = 400, **fields: Any) -> Reply:
    """An HTTP error."""
    return Reply(error=ApiError("status", status, message, **fields))


def later(status: int = 429) -> Reply:
    """An endpoint in distress."""
    return refusal("Too many requests, try again later", status)


def when(asked: Callable[[Call], bool], reply: Reply, otherwise: Endpoint) -> Endpoint:
    """``reply`` to the calls that ``asked`` picks."""
    return lambda call: reply if asked(call) else otherwise(call)


def changed(endpoint: Endpoint, change: Callable[[Call, Reply], Reply]) -> Endpoint:
    """``endpoint`` with its replies changed."""
    return lambda call: change(call, endpoint(call))


def asks_prompt(call: Call) -> str:
    """The last message's text."""
    content = call.messages[-1].content
    parts = content if isinstance(content, tuple) else ()
    return content if isinstance(content, str) else "".join(part.text for part in parts if isinstance(part, Text))


def is_plain(call: Call) -> bool:
    """The plain call right after a refusal, or first contact."""
    return asks_prompt(call).startswith("Repeat this code")


# --- what each experiment is about: who has it, and what is left without it


def has_picture(call: Call) -> bool:
    """An image is sent."""
    return any(isinstance(part, Image) for m in call.messages if isinstance(m.content, tuple) for part in m.content)


def _blind(call: Call) -> Call:
    return replace(call, messages=tuple(_text_only(message) for message in call.messages))


def _text_only(message: Message) -> Message:
    if not isinstance(message.content, tuple):
        return message
    return replace(message, content="".join(part.text for part in message.content if isinstance(part, Text)))


@dataclass(frozen=True)
class Feature:
    """How a call shows the feature, what an endpoint that drops it sees, and how a refusal names it."""

    asked: Callable[[Call], bool]
    dropped: Callable[[Call], Call]
    name: str


FEATURES: Mapping[str, Feature] = {
    "seed": Feature(lambda c: c.seed is not None, lambda c: replace(c, seed=None), "seed"),
    "max_tokens": Feature(lambda c: (c.max_tokens or 99) <= 16, lambda c: replace(c, max_tokens=None), "max_tokens"),
    "stop": Feature(lambda c: bool(c.stop), lambda c: replace(c, stop=()), "stop"),
    "json": Feature(
        lambda c: c.response_format is not None, lambda c: replace(c, response_format=None), "response_format"
    ),
    "schema": Feature(
        lambda c: c.response_format is not None, lambda c: replace(c, response_format=None), "response_format"
    ),
    "tool": Feature(lambda c: bool(c.tools), lambda c: replace(c, tools=()), "tools"),
    "tool_required": Feature(
        lambda c: c.tool_choice == "required", lambda c: replace(c, tool_choice="auto"), "tool_choice"
    ),
    "tool_forbidden": Feature(
        lambda c: c.tool_choice == "none", lambda c: replace(c, tool_choice="auto"), "tool_choice"
    ),
    "logprobs": Feature(lambda c: c.top_logprobs is not None, lambda c: replace(c, top_logprobs=None), "logprobs"),
    "image": Feature(has_picture, _blind, "image_url"),
}
"""The experiments with one switch."""


def dropping(name: str, chance: float = 1.0, luck: int = 0, **traits: Any) -> Endpoint:
    """A good endpoint behind a gateway that drops the feature, each time with ``chance``."""
    feature, rng, good = FEATURES[name], Random(luck), demo(luck, **traits)
    return lambda call: good(feature.dropped(call) if feature.asked(call) and rng.random() < chance else call)


def turns_of(*talks: Talk) -> list[Turn]:
    """All turns, for the observers."""
    return [turn for one in talks for turn in one.finding.turns]
