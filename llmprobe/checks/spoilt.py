"""What spoils a trial: something other than the feature had the last word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void
from llmprobe.checks.refusals import Meaning
from llmprobe.checks.tools import call_problem

MeaningOf: TypeAlias = Callable[[Turn], Meaning | None]
"""What the error of a turn means for the feature on trial, ``None`` when there is none."""


def spoilt(trial: Trial, meaning_of: MeaningOf, *, judges_cut: bool, judges_open: bool) -> Mark | None:
    """The mark of a trial in which something other than the feature had the last word.

    ``judges_cut``: a text that the output cap ended says as much as a whole one; ``judges_open``: so does a stream
    that stopped without saying that it had come to its end.
    """
    bad = refused_or_filtered(trial, meaning_of)
    if bad is not None:
        return bad
    for turn in trial.turns:
        if meaning_of(turn) == "model failure":
            return replace(failed("the model's output failed the server's own test", turn), kind="broken")
        if not turn.reply.complete and not judges_open:
            return void("the reply is not whole", turn)
        if _ran_out(turn, judges_cut):
            return void("ran out of output tokens", turn)
    return None


def _ran_out(turn: Turn, judges_cut: bool) -> bool:
    """The output cap ended the reply before what was asked for could come."""
    if not turn.reply.cut_short or turn.expects == "cut":
        return False
    if turn.reply.tool_calls:
        return bool(call_problem(turn)[0])
    return not (judges_cut and turn.reply.content.strip())


def refused_or_filtered(trial: Trial, meaning_of: MeaningOf) -> Mark | None:
    """The mark of a trial that came to no reply of the model."""
    for turn in trial.turns:
        reply, found = turn.reply, meaning_of(turn)
        if found not in (None, "model failure"):
            return _error_mark(trial, turn, found or "unclear")
        if reply.finish == "content_filter" or reply.refusal:
            return void("the reply was filtered or refused by the model", turn)
    return None


def _error_mark(trial: Trial, turn: Turn, found: Meaning) -> Mark:
    if found != "unsupported" or trial.recheck is None:
        return failed(_WHY.get(found, "refused"), turn)
    mark = refusal_mark(turn, trial.recheck)
    if mark.kind == "rejected" and any(message.role == "tool" for message in turn.call.messages):
        return replace(mark, kind="partial", reason=f"a later step is refused: {mark.reason}")
    return mark


_WHY: Mapping[str, str] = {
    "later": "trouble at the endpoint",
    "auth": "the key was refused",
    "account": "no credit or quota",
    "model": "the model was not found",
    "filtered": "a content filter stepped in",
    "wrong request": "the request was refused for how it was built",
    "unclear": "refused, but not in words about this feature",
}


def failed(why: str, turn: Turn) -> Mark:
    """A void mark that quotes the error of ``turn``."""
    error = turn.reply.error
    told = f"HTTP {error.status}: {error.message}" if error and error.status else error.message if error else ""
    return Mark("void", f"{why}: {clip(told)}", quote=clip(told)).seen_in(turn)


def refusal_mark(turn: Turn, recheck: Turn) -> Mark:
    """Refused in words about the feature, while a plain call right after is answered."""
    if recheck.reply.error:
        return failed("refused, but a plain call right after failed too", turn)
    mark = failed("refused", turn)
    return replace(mark, kind="rejected", expected="an answer", actual=mark.quote).seen_in(turn, recheck)
