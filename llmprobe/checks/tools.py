"""Tool calling: free, forced, forbidden, with its answer; and how often it fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from llmprobe.call import JSON, NamedTool, Tool, ToolCall, text_of
from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void
from llmprobe.checks.fold import wilson
from llmprobe.checks.json_schema import violation
from llmprobe.checks.refusals import meaning
from llmprobe.checks.structured import canonical, strict_json
from llmprobe.verdict import Verdict


def call_problem(turn: Turn) -> tuple[str, dict[str, JSON]]:
    """What is wrong with the structured calls of ``turn`` ("" for nothing), and the first one's arguments."""
    if not turn.reply.tool_calls:
        return "no tool call", {}
    offered = {tool.name: tool for tool in turn.call.tools}
    found = [_call_problem(call, offered) for call in turn.reply.tool_calls]
    return next((problem for problem, _ in found if problem), ""), found[0][1]


def _call_problem(call: ToolCall, offered: Mapping[str, Tool]) -> tuple[str, dict[str, JSON]]:
    if call.name not in offered:
        return f"calls {clip(call.name, 40)!r}, which was not offered", {}
    return _argument_problem(call, offered[call.name])


def _argument_problem(call: ToolCall, tool: Tool) -> tuple[str, dict[str, JSON]]:
    try:
        arguments = strict_json(call.arguments or "{}")
    except (ValueError, RecursionError):
        return f"arguments are not JSON: {clip(call.arguments, 60)}", {}
    if not isinstance(arguments, dict):
        return "arguments are not an object", {}
    problem = _misfit(arguments, tool)
    return (f"arguments do not fit the tool: {problem}" if problem else ""), arguments


def _misfit(arguments: dict[str, JSON], tool: Tool) -> str:
    """A schema that cannot be checked here is not held against a call."""
    try:
        return violation(arguments, tool.parameters)
    except ValueError:
        return ""


def printed(turn: Turn) -> bool:
    """The call was written into the text (or the reasoning) instead of being made."""
    reasoning = turn.reply.reasoning if isinstance(turn.reply.reasoning, str) else ""
    names = "|".join(re.escape(tool.name) for tool in turn.call.tools)
    return bool(names) and bool(re.search(_PRINTED.format(names=names), turn.reply.content + "\n" + reasoning))


_PRINTED = r"(?s)<(tool_call|function)\W.{{0,200}}?({names})|({names})\s*[({{<]|\"({names})\"\s*[,}}]"
"""A tool's name as it stands in a call, and not as a model speaks of it in its thoughts."""


def _no_call(turn: Turn) -> Mark:
    if printed(turn):
        return Mark(
            "broken",
            "the call is printed as text instead of being made",
            "a structured tool call",
            clip(turn.reply.content),
        ).seen_in(turn)
    return Mark("ignored", "no tool call", "a structured tool call", clip(turn.reply.content) or "no text").seen_in(
        turn
    )


# --- the call and its round trip


def _can_copy(setup: Trial) -> bool:
    """Positive control: without tools, the model repeats the code that it is given."""
    return any(setup.values["sample"] in turn.reply.content for turn in setup.all("control"))


def tool_mark(setup: Trial, trial: Trial) -> Mark:
    """A structured call carries the code of this trial, and the tool's answer reaches the final text."""
    call = trial.one("call")
    code = trial.values["code"]
    if not call.reply.tool_calls:
        return _no_call(call)
    problem, arguments = call_problem(call)
    made = _made(call)
    if problem:
        return Mark("broken", problem, f"the argument {code}", made).seen_in(call)
    if code not in json.dumps(arguments):
        if not _can_copy(setup):
            return void("calls come, but the model cannot even repeat a code, so arguments prove nothing", call)
        return Mark("broken", "the argument is not the one that was asked for", f"the argument {code}", made).seen_in(
            call
        )
    return _answer_mark(setup, trial, made)


def _answer_mark(setup: Trial, trial: Trial, made: str) -> Mark:
    call, final = trial.one("call"), trial.one("answer")
    answer = trial.values["answer"]
    if answer in final.reply.content:
        odd = next((oddity for oddity in call.reply.oddities if oddity in _BREAKS_CLIENTS), "")
        if odd:
            reason = f"works when read with patience, but not for a client that takes the format at its word: {odd}"
            return Mark("partial", reason, f"a text with {answer}", made).seen_in(call, final)
        return Mark(
            "shown",
            "calls with the code of the prompt and uses the tool's answer",
            f"a text with {answer}",
            made,
        ).seen_in(call, final)
    if final.reply.tool_calls:
        reason, actual = "calls again instead of using the tool's answer", final.reply.tool_calls[0].arguments
    else:
        reason, actual = "the call is right, but the tool's answer is not used", final.reply.content
    if not _can_copy(setup):
        return void(f"{reason}; but the model cannot even repeat a code", call, final)
    return Mark("partial", reason, f"a text with {answer}", clip(actual)).seen_in(call, final)


_BREAKS_CLIENTS = frozenset(
    (
        "tool call without an id",
        "tool call id changes",
        "tool call arguments are not a string",
        "tool call arguments repeated from the start in each fragment",
        "tool call fragment without an index",
        "two tool calls under one index",
        "tool call name repeated",
    )
)
"""Deviations that a dialect reads over and a client that joins pieces by the book does not (TRAPS 9, streaming)."""


# --- forced


def required_ready(setup: Trial) -> Mark | None:
    """The control must not call: only then does a call show that it was forced."""
    controls = setup.all("control")
    calling = [turn for turn in controls if turn.reply.tool_calls]
    if calling:
        return void("the model calls the tool without being forced, so nothing can be seen", *calling)
    return None


def required_mark(setup: Trial, trial: Trial) -> Mark:
    """A well-formed call comes although the question has nothing to do with the tool."""
    turn = trial.one("forced")
    if not turn.reply.tool_calls:
        return _no_call(turn)
    problem, _ = call_problem(turn)
    made = _made(turn)
    if problem:
        return Mark("broken", problem, "a well-formed call", made).seen_in(turn)
    control = setup.one("control")
    choice = control.call.tool_choice or "a free choice"
    return Mark("shown", f"calls when forced, and not with {choice}", "a tool call", made).seen_in(control, turn)


# --- forbidden


def forbidden_ready(setup: Trial) -> Mark | None:
    """Left free, the model must call."""
    controls = setup.all("control")
    if not any(turn.reply.tool_calls for turn in controls):
        return void("the model does not call the tool when it is free to, so nothing can be seen", *controls)
    return None


def forbidden_mark(setup: Trial, trial: Trial) -> Mark:
    """No structured call comes although the prompt asks for one."""
    turn = trial.one("forbidden")
    if turn.reply.tool_calls:
        reason = "calls the tool although calls are forbidden"
        return Mark("ignored", reason, "no call", _made(turn)).seen_in(turn)
    return Mark("shown", "no call when forbidden; called when free", "no call", clip(turn.reply.content)).seen_in(
        setup.one("control"), turn
    )


# --- a reply that stands alone


def tool_alone(call: Turn, answer: Turn | None) -> Mark:
    """A call that could have been made because of the question, and a last word on its result if one was recorded."""
    if not call.reply.tool_calls:
        return _no_call(call) if _is_due(call) else void("no tool call, and the question asks for none", call)
    problem, arguments = call_problem(call)
    made = _made(call)
    if problem:
        return Mark("broken", problem, "a well-formed call", made).seen_in(call)
    turns = (call,) if answer is None else (call, answer)
    mark = Mark("shown", "", "a well-formed call", made, strength="consistent").seen_in(*turns)
    if answer is not None and _calls_again(call, answer):
        return replace(mark, kind="partial", reason="calls again instead of using the tool's answer")
    if answer is not None and not (answer.reply.content.strip() or answer.reply.media or answer.reply.tool_calls):
        return replace(mark, kind="partial", reason="the tool's answer is taken, and no text comes")
    if not _anchored(call, arguments):
        reason = "a well-formed call; nothing in its arguments comes from the question"
        return replace(mark, reason=reason, strength="accepted")
    ending = "" if answer is None else ", and its result is answered with text"
    return replace(mark, reason=f"calls with what the question says{ending}")


def _is_due(call: Turn) -> bool:
    """A call must come: it is forced, or the question names a tool. Applications offer theirs in small talk, too."""
    asked = " ".join(text_of(message) for message in call.call.messages if message.role == "user")
    forced = call.call.tool_choice not in (None, "auto")
    return forced or printed(call) or any(tool.name in asked for tool in call.call.tools)


def _calls_again(call: Turn, answer: Turn) -> bool:
    """The very call whose result was sent is made once more; another one is the next step of a task."""
    made = {(one.name, canonical(one.arguments)) for one in call.reply.tool_calls}
    return any((one.name, canonical(one.arguments)) in made for one in answer.reply.tool_calls)


def _anchored(turn: Turn, arguments: Mapping[str, JSON]) -> bool:
    """Some argument stands in the question."""
    asked = " ".join(text_of(message) for message in turn.call.messages if message.role == "user").casefold()
    scalars = (value for value in arguments.values() if isinstance(value, (str, int, float)))
    values = (str(value) for value in scalars if not isinstance(value, bool))
    return any(value and value.casefold() in asked for value in values)


def _made(turn: Turn) -> str:
    return clip(f"{turn.reply.tool_calls[0].name}({turn.reply.tool_calls[0].arguments})")


def required_alone(turn: Turn) -> Mark:
    """A call came when one was forced; the model may have wanted to anyway."""
    if not turn.reply.tool_calls:
        return _no_call(turn)
    problem, _ = call_problem(turn)
    if problem:
        return Mark("broken", problem, "a well-formed call", _made(turn)).seen_in(turn)
    choice = turn.call.tool_choice
    if isinstance(choice, NamedTool) and all(call.name != choice.name for call in turn.reply.tool_calls):
        reason = "calls another tool than the one that it was told to"
        return Mark("broken", reason, f"a call of {clip(choice.name, 40)}", _made(turn)).seen_in(turn)
    return Mark("shown", "calls when forced", "a tool call", _made(turn), strength="consistent").seen_in(turn)


def forbidden_alone(turn: Turn) -> Mark:
    """No call came where calls were forbidden; the model may not have wanted to anyway."""
    if turn.reply.tool_calls:
        reason = "calls the tool although calls are forbidden"
        return Mark("ignored", reason, "no call", _made(turn)).seen_in(turn)
    if not turn.reply.content.strip():
        return void("neither a call nor text", turn)
    quote = clip(turn.reply.content)
    return Mark("shown", "no call when forbidden", "no call", quote, strength="accepted").seen_in(turn)


# --- flakiness, over every exchange of the row in which a call was due


def _due(turn: Turn) -> bool:
    """A call should have come, and nothing but the tool calling itself kept it away."""
    reply = turn.reply
    if turn.expects != "call" or reply.cut_short or reply.finish == "content_filter" or reply.refusal:
        return False
    return reply.complete if reply.error is None else meaning(reply.error) == "model failure"


def flakiness(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict | None:
    """The tool cell again, in the light of all the row: calls that failed to come elsewhere, or came when forced.

    ``None`` leaves it as it is.
    """
    verdict, forced = cells.get("tool"), cells.get("tool_required")
    forcing_works = forced is not None and forced.outcome in ("supported", "flaky")
    if verdict is not None and verdict.outcome == "ignored" and forcing_works:
        # the endpoint can call tools, this model just does not choose to
        return replace(verdict, outcome="partial", reason="calls only when forced: left free, no tool call")
    if verdict is None or verdict.outcome not in ("supported", "flaky"):
        return None
    due = [turn for turn in turns if _due(turn) and (forcing_works or turn.call.tool_choice != "required")]
    failed = [turn for turn in due if call_problem(turn)[0]]
    if not failed:
        return None
    k, n = len(due) - len(failed), len(due)
    low, high = wilson(k, n)
    problem = "printed as text" if printed(failed[0]) else call_problem(failed[0])[0]
    return Verdict(
        "flaky",
        f"calls came in {k} of {n} requests that asked for one; else: {problem}",
        k, n, low, high,
        "a structured tool call",
        clip(failed[0].reply.content),
        evidence=tuple(turn.evidence for turn in failed[:6]),
    )  # fmt: skip
