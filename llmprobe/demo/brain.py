"""The simulated brain: a call in, a reply or a refusal out. Pure: all chance is in ``luck``."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, Call, Image, JsonObject, JsonSchema, Message, NamedTool, Tool, ToolCall, text_of
from llmprobe.demo import forms
from llmprobe.demo.models import Traits
from llmprobe.demo.refusals import refusal
from llmprobe.demo.skills import Asked, Said, as_object, follow, wants_prose
from llmprobe.demo.words import WORDS, thoughts, tokens
from llmprobe.pictures import read_digits
from llmprobe.reply import ApiError, Finish, RateLimit, Reply, TokenLogprob, Usage

_IMAGE_TOKENS = 85
"""Input tokens of an image, as OpenAI counts one of low detail."""
_MESSAGE_TOKENS = 4
_TOOL_TOKENS = 20
_EVENTS = 6
"""Events in which a text is streamed, at most: enough to see a stream, few enough to be fast."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the model wants to say before it is cut: text, or calls."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    certain: bool = True


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is left of a draft, and how it ended. ``spent``: output tokens without reasoning."""

    reasoning: str
    thought: int
    """Tokens of the reasoning."""
    text: str
    calls: tuple[ToolCall, ...]
    spent: int
    finish: Finish


def answer(call: Call, traits: Traits, luck: Random) -> Reply | ApiError:
    """What the model with ``traits`` replies to ``call``."""
    refused = refusal(call, traits)
    if refused is not None:
        return refused
    drawn = _text_luck(call, traits, luck)
    thinks = traits.thinking == "always" or (traits.thinking != "never" and call.thinking is not False)
    reasoning = thoughts(drawn) if thinks else ""
    draft = _draft(call, traits, drawn, luck)
    cut = _cut(draft, reasoning, call, traits)
    return _reply(cut, call, traits, draft.certain, luck)


def streams(call: Call, traits: Traits) -> bool:
    """The reply to ``call`` comes as a stream."""
    return call.stream and traits.stream != "json"


def _text_luck(call: Call, traits: Traits, luck: Random) -> Random:
    """The chance behind the words, apart from the one that decides about faults."""
    if call.temperature == 0 or traits.sampling == "constant":
        return Random(f"{traits.name} {call.messages}")
    if call.seed is not None and traits.seed:
        return Random(f"{traits.name} {call.messages} {call.seed}")
    return luck


def _draft(call: Call, traits: Traits, drawn: Random, luck: Random) -> _Draft:
    calls = _wanted_calls(call, traits, drawn)
    if calls and luck.random() >= traits.tool_misses:
        if traits.tools == "called":
            return _Draft("", calls)
        return _Draft("\n".join(_printed(one) for one in calls))
    said = _heard(call, traits) or follow(_asked(call, traits, drawn))
    return _Draft(_formed(said, call, traits, drawn), certain=said.certain)


def _printed(call: ToolCall) -> str:
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {call.arguments}}}\n</tool_call>'


def _images_of(message: Message) -> list[Image]:
    content = message.content if isinstance(message.content, tuple) else ()
    return [part for part in content if isinstance(part, Image)]


def _prompt(call: Call) -> str:
    return next((text_of(m) for m in reversed(call.messages) if m.role == "user"), "")


def _asked(call: Call, traits: Traits, drawn: Random) -> Asked:
    system = "\n".join(text_of(message) for message in call.messages if message.role == "system")
    asker = next((message for message in reversed(call.messages) if message.role == "user"), None)
    images = _images_of(asker) if asker and traits.image == "seen" else []
    pictures = tuple(_digits(image.data) for image in images)
    return Asked(_prompt(call), system, pictures, traits.image == "unseen", drawn)


@lru_cache(maxsize=64)
def _digits(data: str) -> str:
    try:
        return read_digits(base64.b64decode(data))
    except binascii.Error:
        return ""


# Tools


def _wanted_calls(call: Call, traits: Traits, drawn: Random) -> tuple[ToolCall, ...]:
    """The calls that the model would make."""
    tool = _wanted_tool(call, traits) if traits.tools != "ignored" else None
    if tool is None:
        return ()
    prompt = _prompt(call)
    names = frozenset(one.name for one in call.tools) | forms.names_in(tool.parameters)
    clues = forms.clues_in(prompt, names, drawn)
    rounds = forms.contested(tool.parameters, prompt) if traits.enum == "all" else ()
    if call.parallel_tool_calls is False:
        rounds = rounds[:1]
    choices = [_constant(value) for value in rounds] or [_taker(traits)]
    filled = [forms.fill(tool.parameters, clues, choose) for choose in choices]
    return tuple(
        ToolCall(f"call_{drawn.getrandbits(64):016x}", tool.name, json.dumps(arguments, ensure_ascii=False))
        for arguments in filled
    )


def _taker(traits: Traits) -> forms.Choose:
    return forms.taste if traits.enum != "first" else lambda values: values[0]


def _constant(value: JSON) -> forms.Choose:
    return lambda values: value if value in values else values[0]


def _wanted_tool(call: Call, traits: Traits) -> Tool | None:
    """The tool that the choice demands; failing that, the one that the prompt asks for."""
    choice = call.tool_choice if traits.tool_choice else "auto"
    if choice == "none" or not call.tools:
        return None
    if isinstance(choice, NamedTool):
        return next((tool for tool in call.tools if tool.name == choice.name), None)
    asked_for = forms.tool_in(_prompt(call), call.tools)
    if choice == "required":
        return asked_for or call.tools[0]
    return None if call.messages[-1].role == "tool" else asked_for


def _heard(call: Call, traits: Traits) -> Said | None:
    """The answer to the results of tools, when these are the last messages."""
    results: list[str] = []
    for message in reversed(call.messages):
        if message.role != "tool":
            break
        results.insert(0, text_of(message))
    if not results:
        return None
    if not traits.tool_answer:
        return Said("I called the tool and everything went well.", certain=False)
    return Said(f"The tool answered: {' '.join(results)}", certain=True)


# Formats


def _formed(said: Said, call: Call, traits: Traits, drawn: Random) -> str:
    """``said`` in the response format that was asked for, as far as the model honours it."""
    wanted = call.response_format
    way = traits.json if isinstance(wanted, JsonObject) else traits.schema
    prompt = _prompt(call)
    if wanted is None or way == "ignored" or (way == "suggested" and wants_prose(prompt)):
        return said.text
    if isinstance(wanted, JsonSchema) and way != "any object":
        clues = forms.clues_in(prompt, forms.names_in(wanted.schema), drawn)
        text = json.dumps(forms.fill(wanted.schema, clues, _taker(traits)), ensure_ascii=False)
    else:
        text = said.text if _is_object(said.text) else as_object(said.text, prompt)
    return f"```json\n{text}\n```" if way == "fenced" else text


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


# Ending


def _cut(draft: _Draft, reasoning: str, call: Call, traits: Traits) -> _Cut:
    """``draft`` as far as stop sequences and the token cap let it come; reasoning counts and comes first."""
    mode = "stream" if call.stream else "sync"
    text = _before_stop(draft.text, call.stop) if mode in traits.stop else draft.text
    room = call.max_tokens if call.max_tokens is not None and traits.max_tokens else math.inf
    thought = tokens(reasoning)
    if len(thought) > room:
        assert isinstance(room, int)
        return _Cut("".join(thought[:room]), room, "", (), 0, "length")
    room -= len(thought)
    if draft.calls:
        return _cut_calls(draft.calls, reasoning, len(thought), room)
    pieces = tokens(text)
    if len(pieces) > room:
        pieces = pieces[: int(room)]
        return _Cut(reasoning, len(thought), "".join(pieces), (), len(pieces), "length")
    return _Cut(reasoning, len(thought), text, (), len(pieces), "stop")


def _before_stop(text: str, stop: Sequence[str]) -> str:
    found = [text.find(word) for word in stop if word and word in text]
    return text[: min(found)] if found else text


def _cut_calls(calls: tuple[ToolCall, ...], reasoning: str, thought: int, room: float) -> _Cut:
    kept, spent = [], 0
    for call in calls:
        pieces = tokens(call.arguments)
        left = room - spent - 1  # the name is a token
        if left < len(pieces):
            pieces = pieces[: max(0, int(left))]
            kept.append(ToolCall(call.id, call.name, "".join(pieces)))
            return _Cut(reasoning, thought, "", tuple(kept), int(room), "length")
        kept.append(call)
        spent += 1 + len(pieces)
    return _Cut(reasoning, thought, "", tuple(kept), spent, "tool_calls")


# The reply


def _reply(cut: _Cut, call: Call, traits: Traits, certain: bool, luck: Random) -> Reply:
    streamed = streams(call, traits)
    thinks = bool(cut.reasoning)
    finishes: dict[str, Maybe[Finish]] = {"right": cut.finish, "stop": "stop", "absent": ABSENT}
    return Reply(
        text=None if cut.calls else cut.text,
        reasoning=cut.reasoning if thinks else ABSENT,
        reasoning_place=traits.thinking_place if thinks else "",
        tool_calls=cut.calls,
        finish=finishes[traits.finish],
        usage=_usage(cut, call, traits),
        logprobs=_logprobs(cut, call, traits, certain, luck),
        model=traits.name,
        fingerprint="fp_demo",
        limits=_limits(luck) if traits.limits else (),
        deltas=(1 if traits.stream == "blob" else min(cut.spent + cut.thought, _EVENTS)) if streamed else 0,
        streamed=streamed,
        complete=True,
    )


def _usage(cut: _Cut, call: Call, traits: Traits) -> Maybe[Usage]:
    if ("stream" if call.stream else "sync") not in traits.usage:
        return ABSENT
    if streams(call, traits) and not call.include_usage:
        return ABSENT
    taken, made = _input_tokens(call, traits), cut.spent + cut.thought
    tells = traits.thinking != "never" and traits.thinking_place != "think"
    return Usage(taken, made, taken + made, reasoning=cut.thought if tells else ABSENT)


def _input_tokens(call: Call, traits: Traits) -> int:
    images = sum(len(_images_of(message)) for message in call.messages) if traits.image == "seen" else 0
    return (
        sum(len(tokens(text_of(message))) + _MESSAGE_TOKENS for message in call.messages)
        + images * _IMAGE_TOKENS
        + len(call.tools) * _TOOL_TOKENS
    )


def _limits(luck: Random) -> tuple[RateLimit, ...]:
    used = float(luck.randint(1, 60))
    return (
        RateLimit("requests", 10_000.0, 10_000 - used, f"{6 * used:.0f}ms"),
        RateLimit("tokens", 2_000_000.0, 2_000_000 - 150 * used, f"{5 * used:.0f}ms"),
    )


def _logprobs(cut: _Cut, call: Call, traits: Traits, certain: bool, luck: Random) -> Maybe[tuple[TokenLogprob, ...]]:
    if call.top_logprobs is None or traits.probs == "none":
        return ABSENT
    if traits.probs == "null":
        return None
    text = cut.text
    if cut.reasoning and traits.thinking_place == "think":
        text = f"<think>\n{cut.reasoning}\n</think>\n\n{text}"
    best = -0.05 if certain else -2.5
    pieces = tokens(text)
    if traits.probs == "zero":
        return tuple(_certainty(token, call.top_logprobs) for token in pieces)
    return tuple(_chance(token, call.top_logprobs, best * luck.random() - 1e-4, luck) for token in pieces)


def _certainty(token: str, count: int) -> TokenLogprob:
    return TokenLogprob(token, 0.0, tuple((other, 0.0) for other in _alternatives(token, count)))


def _chance(token: str, count: int, best: float, luck: Random) -> TokenLogprob:
    """``token`` with the log probability ``best``; each other one gets half of what is left."""
    rest = 1 - math.exp(best)
    numbers = [best, *(math.log(rest * 0.5**n) for n in range(1, count))]
    numbers[1:] = [min(number, best) for number in numbers[1:]]
    names = _alternatives(token, count)
    if count > 1 and best < -1 and luck.random() < 0.2:  # not the likeliest token was drawn
        names[:2] = names[1::-1]
        return TokenLogprob(token, round(numbers[1], 6), _top(names, numbers))
    return TokenLogprob(token, round(best, 6), _top(names, numbers[:count]))


def _top(names: list[str], numbers: list[float]) -> tuple[tuple[str, float], ...]:
    return tuple((name, round(number, 6)) for name, number in zip(names, numbers, strict=True))


def _alternatives(token: str, count: int) -> list[str]:
    """``count`` different tokens, the first of them ``token``."""
    start = len(token) * 7
    others = (f" {WORDS[(start + step) % len(WORDS)]}" for step in range(count))
    return [token, *(other for other in others if other != token)][:count]
