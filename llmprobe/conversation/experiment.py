"""An experiment as a conversation: controls, trials, spellings and variants, until enough has been seen."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

from llmprobe.checks import TRIAL_CHECKS
from llmprobe.checks.evidence import Mark, Trial, Turn, void
from llmprobe.checks.fold import REFUSALS_THAT_DECIDE, fold
from llmprobe.checks.refusals import worth_retrying
from llmprobe.checks.spoilt import failed, refusal_mark
from llmprobe.conversation.calls import build_call, resolve
from llmprobe.conversation.case import Case
from llmprobe.conversation.judging import judge
from llmprobe.conversation.talk import Answer, Ask, Finding, Footing, Talk
from llmprobe.conversation.values import DERIVE, draw
from llmprobe.dialects.base import Dialect
from llmprobe.probe import Arm, Probe, Say, Send, Trials, Variant
from llmprobe.verdict import Verdict

PLAIN = Send(messages=(Say(text="Repeat this code and write nothing else: {code}"),), max_tokens=100)
"""The plainest call there is: what must still work right after a refusal, or the refusal says nothing."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one spelling and variant came to."""

    verdicts: dict[str, Verdict]
    no_room: bool = False
    """The control leaves no room for an effect: another variant may."""
    trouble: bool = False
    """An outage or the like had a part in it."""
    refused: bool = False
    """Every trial, or the control, was refused in whatever words: another variant or spelling may pass."""
    failed: bool = False
    """The server itself found the model's output faulty each time: another variant may be easier."""


def converse(probe: Probe, footing: Footing, dialect: Dialect, seed: str, bounds: Trials) -> Talk:
    """Talk ``probe`` through with one row. ``seed`` must name the scan and the case.

    Spellings of the feature are tried in the dialect's order until one works; variants of the experiment
    until one leaves room for an effect.
    """
    if _unspeakable(probe, dialect):
        verdict = Verdict("untested", f"{dialect.name} has no field for it", probe=probe.stamp)
        return Finding(dict.fromkeys(probe.cells, verdict), ())
    case = Case(probe, footing, dialect, seed)
    outcomes: list[tuple[str, _Outcome]] = []
    for spelling in case.spellings:
        outcome = yield from _variants(case, spelling, bounds)
        outcomes.append((spelling, outcome))
        if not _is_red(outcome.verdicts.values()) and (outcome.trouble or not outcome.refused):
            break
    verdicts = {cell: replace(_best(cell, outcomes), probe=probe.stamp) for cell in probe.cells}
    return Finding(verdicts, tuple(case.turns))


def _unspeakable(probe: Probe, dialect: Dialect) -> bool:
    """What is on trial cannot be asked for in this wire format."""
    arms = (arm for variant in probe.variants for arm in variant.trial)
    needed = {probe.feature} | {"tool_choice" for arm in arms if arm.send.tool_choice not in (None, "auto")}
    return bool(needed & dialect.lacks)


def _variants(case: Case, spelling: str, bounds: Trials) -> Generator[Ask, Answer, _Outcome]:
    """The variants in one spelling, until one leaves room and is heard."""
    kept: list[tuple[str, _Outcome]] = []
    for variant in case.probe.variants:
        outcome = yield from _experiment(case, variant, spelling, bounds)
        if not outcome.no_room or not kept:
            kept.append((variant.name, outcome))
        if outcome.trouble or not (outcome.no_room or outcome.refused or outcome.failed):
            break
    (first_name, first), (last_name, last) = kept[0], kept[-1]
    if not first.failed or last is first:
        return last
    verdicts = {
        cell: _only_sometimes(first_name, first.verdicts[cell], last_name, verdict)
        for cell, verdict in last.verdicts.items()
    }
    return replace(last, verdicts=verdicts)


def _only_sometimes(first_name: str, first: Verdict, last_name: str, last: Verdict) -> Verdict:
    if last.outcome == "supported":
        reason = f"works with {last_name!r}; with {first_name!r}: {first.reason}"
        return replace(last, outcome="partial", reason=reason, quote=first.quote)
    return first if last.outcome == "inconclusive" else last


def _is_red(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.outcome in ("ignored", "rejected", "broken") for verdict in verdicts)


def _best(cell: str, outcomes: Sequence[tuple[str, _Outcome]]) -> Verdict:
    """What works in some spelling; red only as the first one was, with no outage while others were tried."""
    for spelling, outcome in outcomes:
        if outcome.verdicts[cell].outcome in ("supported", "flaky", "partial", "absent"):
            return replace(outcome.verdicts[cell], spelling=spelling)
    last = outcomes[-1][1]
    if last.trouble and last.verdicts[cell].outcome == "inconclusive":
        return last.verdicts[cell]
    return replace(outcomes[0][1].verdicts[cell], spelling=", ".join(name for name, _ in outcomes))


def _experiment(case: Case, variant: Variant, spelling: str, bounds: Trials) -> Generator[Ask, Answer, _Outcome]:
    rng = random.Random(f"{case.seed}|{variant.name}|{spelling}")
    values = draw({**case.probe.values, **variant.values}, rng)
    setup = Trial((), values)
    for arm in [each for each in variant.setup for _ in range(each.repeat)]:
        turn = yield from _control(case, arm, variant, setup)
        if turn is None:
            return _all(case, void("the control could not be built", *setup.turns), no_room=True)
        setup = replace(setup, turns=(*setup.turns, turn))
        if turn.reply.error:
            return (yield from _refused_setup(case, arm, turn))
    unusable = _unusable_setup(case, setup)
    if unusable is not None:
        return _all(case, unusable)
    derived = {name: DERIVE[way](setup.all("control")) for name, way in variant.derive.items()}
    if None in derived.values():
        return _all(case, void("the control's reply gives nothing to build on", *setup.turns), no_room=True)
    setup = replace(setup, values=values | {name: value or "" for name, value in derived.items()})
    early = _early(case, setup)
    if early is not None:
        return _all(case, early, no_room=early.kind == "void")
    return (yield from _trials(case, variant, spelling, bounds, setup, rng))


def _one(case: Case, arm: Arm, variant: Variant, spelling: str, trial: Trial) -> Generator[Ask, Answer, Turn | None]:
    send = resolve(arm, (*variant.setup, *variant.trial))
    call = build_call(send, case.footing, trial.values, trial.turns)
    if call is None:
        return None
    default = case.dialect.spellings.get(case.probe.feature, ("",))[0]
    if spelling:
        others = tuple(pair for pair in call.spelling if pair[0] != case.probe.feature)
        chosen = () if spelling == default else ((case.probe.feature, spelling),)
        call = replace(call, spelling=tuple(sorted(others + chosen)))
    return (yield from case.ask(arm, call))


_CONTROL_TRIES = 3


def _control(case: Case, arm: Arm, variant: Variant, setup: Trial) -> Generator[Ask, Answer, Turn | None]:
    """One control; asked again after trouble that the edge does not repeat: an error in a 200, a 401, a 402.

    A trial that is spoilt so is one of many, a control that is lost takes the whole experiment along.
    """
    turn = yield from _one(case, arm, variant, "", setup)
    for _ in range(_CONTROL_TRIES - 1):
        error = turn.reply.error if turn else None
        if error is None or not _is_trouble(case, turn) or worth_retrying(error):
            break
        turn = yield from _one(case, arm, variant, "", setup)
    return turn


def _recheck(case: Case) -> Generator[Ask, Answer, Turn]:
    values = draw({"code": "code 6"}, random.Random(f"{case.seed}|recheck|{len(case.turns)}"))
    streams = case.footing.stream != (case.probe.feature == "stream")  # what is on trial is left out
    call = build_call(PLAIN, replace(case.footing, stream=streams), values, ())
    assert call is not None  # PLAIN builds on nothing
    return (yield from case.ask(Arm("recheck"), call))


def _refused_setup(case: Case, arm: Arm, turn: Turn) -> Generator[Ask, Answer, _Outcome]:
    """The control itself failed: a refusal only if it names the feature, twice, and a plain call works."""
    marks: list[Mark] = []
    while True:
        found = case.meaning(turn)
        if found is None:
            return _all(case, void("the control was refused, then answered", turn))
        if found != "unsupported":
            trouble = found in _TROUBLE
            return _all(case, failed("the control failed", turn), trouble=trouble, refused=not trouble)
        recheck = yield from _recheck(case)
        marks.append(refusal_mark(turn, recheck))
        if marks[-1].kind == "void" or len(marks) == REFUSALS_THAT_DECIDE:
            verdict = fold(marks[-1:] if marks[-1].kind == "void" else marks, Trials(1, 1)).verdict
            return _Outcome(dict.fromkeys(case.probe.cells, verdict), trouble=_is_trouble(case, recheck), refused=True)
        turn = yield from case.ask(arm, turn.call)


_TROUBLE = ("later", "auth", "account")


def _is_trouble(case: Case, turn: Turn | None) -> bool:
    return turn is not None and case.meaning(turn) in _TROUBLE


def _unusable_setup(case: Case, setup: Trial) -> Mark | None:
    checks = (TRIAL_CHECKS.get(decide.check) for decide in case.probe.cells.values())
    judges_open = all(check is not None and check.judges_open for check in checks)
    for turn in setup.turns:
        reply = turn.reply
        if reply.finish == "content_filter" or reply.refusal:
            return void("the control was filtered", turn)
        if not reply.complete and not judges_open:
            return void("the control is not whole", turn)
        if reply.cut_short and not reply.content.strip() and not reply.tool_calls:
            return void("the control ran out of output tokens before any text", turn)
    return None


def _early(case: Case, setup: Trial) -> Mark | None:
    """What the controls alone already say, by the checks of this probe."""
    for decide in case.probe.cells.values():
        if decide.check in TRIAL_CHECKS:
            mark = TRIAL_CHECKS[decide.check].ready(setup)
            if mark is not None:
                return mark
    return None


def _all(case: Case, mark: Mark, *, no_room: bool = False, trouble: bool = False, refused: bool = False) -> _Outcome:
    verdict = fold([mark], Trials(1, 1)).verdict
    return _Outcome(dict.fromkeys(case.probe.cells, verdict), no_room, trouble, refused)


def _trials(
    case: Case, variant: Variant, spelling: str, bounds: Trials, setup: Trial, rng: random.Random
) -> Generator[Ask, Answer, _Outcome]:
    trials: list[Trial] = []
    while True:
        trial = Trial((), {**setup.values, **draw(case.probe.fresh, rng)})
        for arm in variant.trial:
            turn = yield from _one(case, arm, variant, spelling, trial)
            if turn is None:
                break
            trial = replace(trial, turns=(*trial.turns, turn))
            found = case.meaning(turn)
            if found in ("unsupported", "wrong request", "unclear", "model"):
                trial = replace(trial, recheck=(yield from _recheck(case)))
            if found not in (None, "model failure"):
                break
        trials.append(trial)
        judgements = judge(case, setup, trials, bounds)
        if all(judgement.decided for judgement in judgements.values()) or len(trials) >= 2 * bounds.most:
            break
    verdicts = {cell: judgement.verdict for cell, judgement in judgements.items()}
    return _Outcome(
        verdicts,
        trouble=any(_is_trouble(case, turn) for trial in trials for turn in (*trial.turns, trial.recheck)),
        refused=all(trial.recheck is not None for trial in trials) and not _is_red(verdicts.values()),
        failed=all("model failure" in map(case.meaning, trial.turns) for trial in trials),
    )
