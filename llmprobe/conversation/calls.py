"""From an arm of a probe file to a call."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace

from llmprobe.call import Call, Image, JsonObject, JsonSchema, Message, Part, Text, Tool
from llmprobe.checks.evidence import Turn
from llmprobe.checks.tools import call_problem
from llmprobe.conversation.talk import Footing
from llmprobe.conversation.values import fill
from llmprobe.pictures import blank_png, digits_png
from llmprobe.probe import Arm, Say, Send

THINKING_HEADROOM = 2000
"""Output tokens on top of what the visible answer needs (TRAPS 1.14: floors of 500 to 4,000 were seen)."""


def resolve(arm: Arm, arms: Sequence[Arm]) -> Send:
    """What ``arm`` sends, with the fields of the arm that it is ``like`` filled in."""
    if not arm.like:
        return arm.send
    base = resolve(next(other for other in arms if other.arm == arm.like), arms)
    own = {name: value for name in Send.__slots__ if (value := getattr(arm.send, name)) is not None}
    return replace(base, **own)


def build_call(send: Send, footing: Footing, values: Mapping[str, str], heard: Sequence[Turn]) -> Call | None:
    """The call for ``send``; ``None`` when it builds on a tool call that was never made, or is broken."""
    messages: list[Message] = []
    for say in send.messages or ():
        built = _messages(say, values, heard)
        if built is None:
            return None
        messages.extend(built)
    return Call(
        model=footing.model,
        messages=tuple(messages),
        stream=footing.stream,
        include_usage=footing.stream,
        tools=tuple(
            Tool(fill(tool.name, values), fill(tool.description, values), fill(tool.parameters, values))
            for tool in send.tools or ()
        ),
        tool_choice=send.tool_choice,
        response_format=_response_format(send, values),
        max_tokens=_cap(send, footing),
        temperature=send.temperature,
        seed=int(fill(send.seed, values)) if send.seed is not None else None,
        stop=fill(send.stop or (), values),
        top_logprobs=send.top_logprobs,
        thinking=footing.ask_thinking,
        spelling=_spelling(footing),
        patch={**footing.thinking_patch, **fill(send.patch or {}, values)},
    )


def _cap(send: Send, footing: Footing) -> int | None:
    if send.max_tokens is None or not (footing.capped or send.exact_cap):
        return None
    return send.max_tokens + (THINKING_HEADROOM if (footing.thinking or footing.headroom) and not send.exact_cap else 0)


def _spelling(footing: Footing) -> tuple[tuple[str, str], ...]:
    chosen = {"max_tokens": footing.cap_spelling, "thinking": footing.thinking_spelling}
    return tuple(sorted((feature, name) for feature, name in chosen.items() if name))


def _response_format(send: Send, values: Mapping[str, str]) -> JsonObject | JsonSchema | None:
    if send.schema is not None:
        return JsonSchema("answer", fill(send.schema, values), strict=True)
    return JsonObject() if send.json else None


def _messages(say: Say, values: Mapping[str, str], heard: Sequence[Turn]) -> list[Message] | None:
    text = fill(say.text, values)
    if say.calls_of or say.answers:
        turn = next((turn for turn in heard if turn.arm == (say.calls_of or say.answers)), None)
        if turn is None or call_problem(turn)[0]:  # servers choke on their own broken calls
            return None
        if say.answers:
            return [Message("tool", text, tool_call_id=call.id or None) for call in turn.reply.tool_calls]
        reply = turn.reply
        thoughts = reply.reasoning if reply.reasoning_place == "reasoning_content" else None
        played_back = thoughts if isinstance(thoughts, str) else None
        said: str | tuple[Part, ...] | None = reply.content or None
        if reply.echo:
            said = (*reply.echo, *((Text(reply.content),) if reply.content else ()))
        return [Message("assistant", said, reply.tool_calls, reasoning=played_back)]
    if say.picture is None:
        return [Message(say.role, text)]
    code = fill(say.picture, values)
    png = digits_png(code) if code else blank_png()
    parts: tuple[Part, ...] = (Text(text), Image(base64.b64encode(png).decode(), "image/png"))
    return [Message(say.role, parts)]
