"""From exchanges to rows: the same model in the same mode and thinking state, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile
from typing import TypeAlias

from llmprobe.call import Call, Message, ToolCall
from llmprobe.checks.evidence import Turn
from llmprobe.checks.structured import canonical
from llmprobe.dialects import Dialect
from llmprobe.replay.reading import Seen
from llmprobe.scoreboard import Mode


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """All that was recorded of one model in one mode, with thinking or without."""

    model: str
    thinking: bool
    mode: Mode
    dialect: Dialect
    turns: tuple[Turn, ...]
    headed: bool = True
    """Some response was recorded with its headers."""


def rows_of(seen: Sequence[Seen]) -> list[RecordedRow]:
    """The rows in ``seen``, which are exchanges of one endpoint: models in order of appearance, sync first."""
    default = _default_model(seen)
    by_model: dict[str, list[Seen]] = {}
    for one in seen:
        by_model.setdefault(model_of(one) or default, []).append(one)
    return [row for model, of_model in by_model.items() for row in _rows_of_model(model, of_model)]


def model_of(one: Seen) -> str:
    """The model that was asked; where a request names none, the one that answered."""
    return one.call.model or (one.reply.model if isinstance(one.reply.model, str) else "")


def _default_model(seen: Sequence[Seen]) -> str:
    """The one model that answers requests which name none, "" when there are several: a refusal does not say whose."""
    found = {model_of(one) for one in seen if not one.call.model} - {""}
    return found.pop() if len(found) == 1 else ""


def _rows_of_model(model: str, seen: Sequence[Seen]) -> Iterator[RecordedRow]:
    thinks = _thinking(seen)
    for thinking in (False, True):
        for mode in ("sync", "stream"):
            chosen = [
                one for one in seen if one.call.stream == (mode == "stream") and thinks[one.call.thinking] is thinking
            ]
            if chosen:
                turns, headed = tuple(map(_turn, chosen)), any(one.headed for one in chosen)
                yield RecordedRow(model, thinking, mode, chosen[0].dialect, turns, headed)


def _thinking(seen: Sequence[Seen]) -> dict[bool | None, bool]:
    """For each way of asking (on, off, not at all): whether replies to it hold reasoning, in either mode.

    What the replies show counts, not what was asked for: some models always think, others cannot.
    """
    return {
        asked: any(one.reply.reasoned for one in seen if one.call.thinking is asked) for asked in (True, False, None)
    }


def _turn(one: Seen) -> Turn:
    cap, tokens = one.call.max_tokens, one.reply.output_tokens
    cut = bool(cap) and (one.reply.cut_short or (tokens or 0) >= (cap or 0))
    return Turn("recorded", one.call, one.reply, one.evidence, expects="cut" if cut else "any")


# --- conversations that go on


def is_continuation(call: Call) -> bool:
    """The last word is a tool's: the call goes on with a conversation."""
    return bool(call.messages) and call.messages[-1].role == "tool"


_Key: TypeAlias = tuple[str, ...]
"""What links a call to its result."""
_Waiting: TypeAlias = dict[_Key, dict[str, Turn]]
"""Turns that go on with a call and are not linked to it yet, by key and evidence."""


def answers(turns: Sequence[Turn]) -> dict[str, Turn]:
    """For each turn in which tools were called, by its evidence, the one in which their results were sent.

    They are linked by what they hold: the id of a call where there is one, and the call itself otherwise.
    """
    waiting: _Waiting = {}
    for turn in filter(lambda turn: is_continuation(turn.call), turns):
        for key in (*_ids_sent(turn.call), *_calls_sent(turn.call)):
            waiting.setdefault(key, {})[turn.evidence] = turn
    linked: dict[str, Turn] = {}
    for keys_of in (_ids_made, _calls_made):  # what says the same may have been said twice: ids go first
        _link([turn for turn in turns if turn.evidence not in linked], keys_of, waiting, linked)
    return linked


def _link(
    turns: Sequence[Turn], keys_of: Callable[[Turn], list[_Key]], waiting: _Waiting, linked: dict[str, Turn]
) -> None:
    """Add to ``linked`` what goes on with ``turns``, and take it out of ``waiting``: no result is used twice."""
    for turn in turns:
        candidates = (after for key in keys_of(turn) for after in waiting.get(key, {}).values())
        found = next((after for after in candidates if _goes_on(turn, after)), None)
        if found is not None:
            linked[turn.evidence] = found
            for key in (*_ids_sent(found.call), *_calls_sent(found.call)):
                waiting[key].pop(found.evidence, None)


def _ids_made(turn: Turn) -> list[_Key]:
    return [("id", call.id) for call in turn.reply.tool_calls if call.id]


def _calls_made(turn: Turn) -> list[_Key]:
    return list(map(_key, turn.reply.tool_calls))


def _ids_sent(call: Call) -> Iterator[_Key]:
    for message in _last_step(call):
        if message.tool_call_id:
            yield "id", message.tool_call_id


def _calls_sent(call: Call) -> Iterator[_Key]:
    return (_key(made) for message in _last_step(call) for made in message.tool_calls)


def _last_step(call: Call) -> Iterator[Message]:
    """The last results of tools and the calls before them, backwards: earlier ones have had their turn."""
    yield from takewhile(_is_result, reversed(call.messages))
    yield from takewhile(lambda one: one.role == "assistant", dropwhile(_is_result, reversed(call.messages)))


def _is_result(message: Message) -> bool:
    return message.role == "tool"


def _key(call: ToolCall) -> _Key:
    return "call", call.name, canonical(call.arguments)


def _goes_on(turn: Turn, after: Turn) -> bool:
    """``after`` begins with the messages of ``turn``, unless the server keeps them."""
    asked, kept = _asked_in(turn.call), _asked_in(after.call)
    return turn.evidence != after.evidence and (not kept or kept[: len(asked)] == asked)


def _asked_in(call: Call) -> list[Message]:
    return [message for message in call.messages if message.role in ("system", "user")]


# --- controls


def by_wish(turns: Sequence[Turn]) -> Mapping[str, tuple[Turn, ...]]:
    """The turns that were answered, by what they ask for."""
    found: dict[str, list[Turn]] = {}
    for turn in turns:
        if turn.reply.error is None:
            found.setdefault(wish(turn.call), []).append(turn)
    return {wished: tuple(some) for wished, some in found.items()}


def wish(call: Call) -> str:
    """All that ``call`` asks for: the same for calls that differ in how they are written only."""
    return repr(replace(call, spelling=()))
