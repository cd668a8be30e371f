"""From trials to judgements: what spoils a trial, and otherwise the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from llmprobe.checks import POOLED_CHECKS, TRIAL_CHECKS, TrialCheck
from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void
from llmprobe.checks.fold import Judgement, fold
from llmprobe.checks.refusals import Meaning
from llmprobe.checks.tools import call_problem
from llmprobe.conversation.case import Case
from llmprobe.probe import Trials


def judge(case: Case, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> dict[str, Judgement]:
    """What the trials so far come to, for each cell of the probe."""
    return {cell: _judge_cell(case, decide.check, setup, trials, bounds) for cell, decide in case.probe.cells.items()}


def _judge_cell(case: Case, check: str, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> Judgement:
    if check in TRIAL_CHECKS:
        decide = TRIAL_CHECKS[check]
        marks = [_spoilt(case, trial, decide) or decide.mark(setup, trial) for trial in trials]
        return fold(marks, bounds)
    spoilt = [_refused_or_filtered(case, trial) for trial in trials]
    usable = [trial for bad, trial in zip(spoilt, trials, strict=True) if bad is None]
    if not usable:
        return fold([bad for bad in spoilt if bad is not None], bounds)
    return POOLED_CHECKS[check](usable, bounds)


def _spoilt(case: Case, trial: Trial, check: TrialCheck) -> Mark | None:
    """The mark of a trial in which something other than the feature had the last word."""
    bad = _refused_or_filtered(case, trial)
    if bad is not None:
        return bad
    for turn in trial.turns:
        if case.meaning(turn) == "model failure":
            return replace(failed("the model's output failed the server's own test", turn), kind="broken")
        if not turn.reply.complete and not check.judges_open:
            return void("the reply is not whole", turn)
        if _ran_out(turn, check.judges_cut):
            return void("ran out of output tokens", turn)
    return None


def _ran_out(turn: Turn, judges_cut: bool) -> bool:
    """The output cap ended the reply before what was asked for could come."""
    if not turn.reply.cut_short or turn.expects == "cut":
        return False
    if turn.reply.tool_calls:
        return bool(call_problem(turn)[0])
    return not (judges_cut and turn.reply.content.strip())


def _refused_or_filtered(case: Case, trial: Trial) -> Mark | None:
    for turn in trial.turns:
        reply, found = turn.reply, case.meaning(turn)
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
