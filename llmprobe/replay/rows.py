"""From exchanges to rows: the same model in the same mode and thinking state, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from llmprobe.call import Call, ToolCall
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


def rows_of(seen: Sequence[Seen]) -> list[RecordedRow]:
    """The rows in ``seen``, which are exchanges of one endpoint: models in order of appearance, sync first."""
    by_model: dict[str, list[Seen]] = {}
    for one in seen:
        by_model.setdefault(model_of(one), []).append(one)
    return [row for model, of_model in by_model.items() for row in _rows_of_model(model, of_model)]


def model_of(one: Seen) -> str:
    """The model that was asked; where a request names none, the one that answered."""
    return one.call.model or (one.reply.model if isinstance(one.reply.model, str) else "")


def _rows_of_model(model: str, seen: Sequence[Seen]) -> Iterator[RecordedRow]:
    thinks = _thinking(seen)
    for thinking in (False, True):
        for mode in ("sync", "stream"):
            chosen = [
                one for one in seen if one.call.stream == (mode == "stream") and thinks[one.call.thinking] is thinking
            ]
            if chosen:
                turns = tuple(map(_turn, chosen))
                yield RecordedRow(model, thinking, mode, chosen[0].dialect, turns)


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


def answers(turns: Sequence[Turn]) -> dict[str, Turn]:
    """For each turn in which tools were called, by its evidence, the one in which their results were sent.

    They are linked by what they hold: the id of a call where there is one, and the call itself otherwise.
    """
    waiting: dict[tuple[str, ...], list[Turn]] = {}
    for turn in turns:
        if is_continuation(turn.call):
            for key in _keys_of_request(turn.call):
                waiting.setdefault(key, []).append(turn)
    linked: dict[str, Turn] = {}
    used: set[str] = set()
    for turn in turns:
        candidates = (after for key in _keys_of_reply(turn) for after in waiting.get(key, ()))
        found = next((after for after in candidates if after.evidence not in used and _goes_on(turn, after)), None)
        if found is not None:
            linked[turn.evidence] = found
            used.add(found.evidence)
    return linked


def _keys_of_reply(turn: Turn) -> list[tuple[str, ...]]:
    calls = turn.reply.tool_calls
    return [("id", call.id) for call in calls if call.id] + [_key(call) for call in calls]


def _keys_of_request(call: Call) -> Iterator[tuple[str, ...]]:
    for message in call.messages:
        if message.tool_call_id:
            yield "id", message.tool_call_id
        for made in message.tool_calls:
            yield _key(made)


def _key(call: ToolCall) -> tuple[str, ...]:
    return "call", call.name, canonical(call.arguments)


def _goes_on(turn: Turn, after: Turn) -> bool:
    """``after`` begins with the messages of ``turn``, unless the server keeps them."""
    before = turn.call.messages
    kept = [message for message in after.call.messages if message.role in ("system", "user")]
    asked = [message for message in before if message.role in ("system", "user")]
    return turn.evidence != after.evidence and (not kept or kept[: len(asked)] == asked)


# --- controls


def control_of(call: Call, turns: Iterable[Turn]) -> Turn | None:
    """An answered turn that asked for exactly ``call``."""
    return next((turn for turn in turns if turn.reply.error is None and _same(turn.call, call)), None)


def _same(one: Call, other: Call) -> bool:
    return _bare(one) == _bare(other)


def _bare(call: Call) -> Call:
    """``call`` without what only says how it is written."""
    return replace(call, spelling=())
