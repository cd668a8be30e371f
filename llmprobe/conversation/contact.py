"""First contact with a model: does it chat, how is its output capped, does it think, can that be switched?

A conversation like the probes', with no I/O. Its result says how the rows of the model are talked to.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from llmprobe.call import JSON, Call, Message
from llmprobe.checks.evidence import clip
from llmprobe.checks.refusals import Meaning, meaning, names_feature, without_model_name
from llmprobe.conversation.calls import THINKING_HEADROOM
from llmprobe.conversation.talk import Answer, Ask, Footing
from llmprobe.dialects.base import Dialect
from llmprobe.reply import Reply
from llmprobe.scenario import Thinking

_ROOM = 300
_CHAT_WORDS = ("chat", "chat completions", "chat/completions", "completions", "messages", "generate", "model")
_QUESTION = "What is 27 times 14, plus 3 times 19? Work it out step by step, then give the number."


@dataclass(frozen=True, slots=True)
class Contact:
    """What first contact found.

    ``state``: "chats"; "not chat" (the model refuses chat calls); "trouble" (nothing could be found out);
    "key refused".
    """

    state: Literal["chats", "not chat", "trouble", "key refused"]
    note: str = ""
    footings: tuple[Footing, ...] = ()
    """One for each thinking state that the model can be in, sync; thinking off first."""
    tolerates_unknown: bool | None = None
    """A field that exists nowhere was accepted, so acceptance alone means nothing here."""
    evidence: tuple[str, ...] = ()


Talk = Generator[Ask, Answer, Contact]


def contact(model: str, dialect: Dialect, thinking: Thinking | None, nonce: str) -> Talk:
    """Talk to ``model`` for the first time. ``nonce`` makes the canary's field name unique."""
    footing = Footing(model)
    call = Call(model, (Message("user", _QUESTION),), max_tokens=_ROOM)
    answer, call = yield from _open(call, dialect)
    if answer.reply.error:
        return _closed(answer, model)
    answer, call, hidden = yield from _headroom(answer, call)
    if answer.reply.error:
        return _closed(answer, model)
    footing = replace(
        footing, cap_spelling=call.spelled("max_tokens", ""), capped=call.max_tokens is not None, headroom=hidden
    )
    canary = yield Ask("canary", replace(call, patch={f"llmprobe_{nonce}": True}))
    states: tuple[Footing, ...] = (footing,)  # of one that thinks unseen, no switch would show
    if not hidden:
        states = yield from _thinking(call, footing, dialect, thinking, answer.reply.reasoned)
    return Contact(
        "chats",
        footings=states,
        tolerates_unknown=_tolerance(canary.reply),
        evidence=(answer.evidence, canary.evidence),
    )


def _tolerance(reply: Reply) -> bool | None:
    if reply.error is None:
        return True
    return False if reply.error.status in (400, 422) else None


def _open(call: Call, dialect: Dialect) -> Generator[Ask, Answer, tuple[Answer, Call]]:
    """The first call that is answered: in each spelling of the output cap, then without one; a refusal
    is confirmed once."""
    default, *others = dialect.spellings["max_tokens"]
    del default
    ways = [
        call,
        *(replace(call, spelling=(("max_tokens", name),)) for name in others),
        replace(call, max_tokens=None),
    ]
    answer = yield Ask("hello", ways[0])
    for way in ways[1:]:
        if not _refused_cap(answer.reply, call, dialect):
            break
        call = way
        answer = yield Ask("hello", call)
    if _meaning(answer, call.model) not in (None, "auth", "account", "later"):
        answer = yield Ask("hello again", call)
    return answer, call


def _headroom(answer: Answer, call: Call) -> Generator[Ask, Answer, tuple[Answer, Call, bool]]:
    """The answer with more room, where the cap cut the first one; and whether unseen thoughts had eaten it."""
    if not (answer.reply.cut_short and call.max_tokens):
        return answer, call, False
    silent = not answer.reply.content.strip()
    wide = replace(call, max_tokens=_ROOM + THINKING_HEADROOM)
    wider = yield Ask("headroom", wide)
    if wider.reply.error and _meaning(wider, call.model) not in _TROUBLE:
        return answer, call, False  # more than the model can give
    return wider, wide, silent and not (answer.reply.reasoned or wider.reply.reasoned)


_TROUBLE = ("auth", "later", "account", "filtered", "model failure")


def _refused_cap(reply: Reply, call: Call, dialect: Dialect) -> bool:
    error = reply.error
    if error is None or error.status not in (400, 422):
        return False
    return names_feature(without_model_name(error, call.model), dialect.fields["max_tokens"])


def _meaning(answer: Answer, model: str) -> Meaning | None:
    error = answer.reply.error
    return meaning(without_model_name(error, model), _CHAT_WORDS) if error else None


def _closed(answer: Answer, model: str) -> Contact:
    error = answer.reply.error
    assert error is not None  # only called for failures
    told = clip(f"HTTP {error.status}: {error.message}" if error.status else error.message)
    found = _meaning(answer, model)
    if found == "auth" and error.status != 403:
        return Contact("key refused", told, evidence=(answer.evidence,))
    if found in _TROUBLE:  # a 403 may be about this model only
        return Contact("trouble", told, evidence=(answer.evidence,))
    return Contact("not chat", told, evidence=(answer.evidence,))


def _thinking(
    call: Call, footing: Footing, dialect: Dialect, known: Thinking | None, thinks: bool
) -> Generator[Ask, Answer, tuple[Footing, ...]]:
    """The states that the model can be in: as it is by default, and the other one if a switch is found."""
    default = replace(footing, thinking=thinks)
    for switch in _switches(footing, dialect, known, not thinks):
        wide = call.max_tokens and _ROOM + THINKING_HEADROOM
        asked = replace(
            call,
            max_tokens=wide,
            thinking=switch.ask_thinking,
            spelling=_with_spelling(call, switch.thinking_spelling),
            patch=switch.thinking_patch,
        )
        answer = yield Ask("thinking off" if thinks else "thinking on", asked)
        if answer.reply.error is None and answer.reply.complete and answer.reply.reasoned != thinks:
            again = yield Ask("thinking confirmed", asked)
            if again.reply.error is None and again.reply.complete and again.reply.reasoned != thinks:
                return (switch, default) if thinks else (default, switch)
    return (default,)


def _with_spelling(call: Call, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((*call.spelling, ("thinking", name)))) if name else call.spelling


def _switches(footing: Footing, dialect: Dialect, known: Thinking | None, on: bool) -> list[Footing]:
    """Ways to ask for the other state: the scenario's own, or each spelling of the dialect."""
    base = replace(footing, thinking=on)
    if known is not None:
        patch: Mapping[str, JSON] | None = known.on if on else known.off
        return [] if patch is None else [replace(base, thinking_patch=patch)]
    first, *rest = dialect.spellings["thinking"]
    del first
    plain = replace(base, ask_thinking=on)
    return [plain, *(replace(plain, thinking_spelling=name) for name in rest)]
