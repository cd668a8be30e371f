"""From marks to a verdict: counts, intervals, and when enough has been seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb, sqrt

from llmprobe.checks.evidence import Kind, Mark, strongest
from llmprobe.probe import Trials
from llmprobe.verdict import Outcome, Verdict

_Z95 = 1.959964
REFUSALS_THAT_DECIDE = 2
"""A refusal is confirmed once; the control is called after each."""
_VOIDS_THAT_DECIDE = 4
_RED = 5
_EVIDENCE = 6
_OUTCOME: dict[Kind, Outcome] = {
    "shown": "supported",
    "partial": "partial",
    "ignored": "ignored",
    "broken": "broken",
    "rejected": "rejected",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and whether further trials could still change it."""

    verdict: Verdict
    decided: bool


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a rate; (0, 1) when nothing was tried."""
    if not trials:
        return 0.0, 1.0
    rate, z2 = successes / trials, _Z95**2
    middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2))
    # at the ends the formula gives 0 and 1 but for rounding
    return middle - half if successes else 0.0, middle + half if successes < trials else 1.0


def sign_test(successes: int, trials: int) -> float:
    """The exact two-sided p-value of ``successes`` in ``trials`` fair coin tosses."""
    tail = min(successes, trials - successes)
    ways = sum(comb(trials, k) for k in range(tail + 1))
    return min(1.0, float(2 * ways / 2**trials))


def fold(marks: Sequence[Mark], trials: Trials, refusals: int = REFUSALS_THAT_DECIDE) -> Judgement:
    """The verdict of independent trials: unanimous is a fact, mixed is flaky, void is not counted."""
    valid = [mark for mark in marks if mark.kind != "void"]
    kinds = Counter(mark.kind for mark in valid)
    if not valid:
        return Judgement(_undecided(marks), len(marks) >= _VOIDS_THAT_DECIDE)
    if len(kinds) > 1:
        return Judgement(_mixed(valid, kinds), len(marks) >= trials.most)
    kind = valid[0].kind
    if len(valid) >= _enough(kind, trials, refusals):
        return Judgement(_counted(_OUTCOME[kind], valid, valid[0]), True)
    return Judgement(_too_few(marks, valid), len(marks) >= trials.most + _VOIDS_THAT_DECIDE)


def _enough(kind: Kind, trials: Trials, refusals: int) -> int:
    """Unanimous trials that decide. A feature that works most of the time is betrayed by five at the latest
    (0.3^5 = 0.2 %); one that fails some of the time hides longer, so green takes more than red."""
    if kind == "rejected":
        return refusals
    return trials.least if kind == "shown" else min(trials.least, _RED)


def _mixed(valid: Sequence[Mark], kinds: Counter[Kind]) -> Verdict:
    failures = [mark for mark in valid if mark.kind != "shown"]
    sample = failures[0]
    if kinds["shown"] or kinds["partial"]:
        outcome: Outcome = "flaky"
        good = kinds["shown"]
        if not good:  # works with a defect in some trials, and not at all in others
            sample = next(mark for mark in valid if mark.kind != "partial")
    else:
        outcome, good = _OUTCOME[max(kinds, key=lambda kind: (kinds[kind], kind))], 0
    return _counted(outcome, valid, sample, good)


def _counted(outcome: Outcome, valid: Sequence[Mark], sample: Mark, good: int | None = None) -> Verdict:
    successes = sum(mark.kind == "shown" for mark in valid) if good is None else good
    low, high = wilson(successes, len(valid))
    evidence = dict.fromkeys(
        [*sample.evidence, *(identity for mark in valid for identity in mark.evidence)],
    )
    return Verdict(
        outcome,
        sample.reason,
        successes=successes,
        trials=len(valid),
        low=low,
        high=high,
        expected=sample.expected,
        actual=sample.actual,
        quote=sample.quote,
        evidence=tuple(evidence)[:_EVIDENCE],
        strength=strongest(mark for mark in valid if mark.kind in ("shown", "partial")),
    )


def _too_few(marks: Sequence[Mark], valid: Sequence[Mark]) -> Verdict:
    """Unanimous, but not often enough to say so."""
    told = next((mark for mark in reversed(marks) if mark.kind == "void"), valid[-1])
    return replace(_undecided([told]), reason=f"only {len(valid)} of {len(marks)} trials say anything: {told.reason}")


def _undecided(marks: Sequence[Mark]) -> Verdict:
    sample = marks[-1] if marks else Mark("void", "nothing was tried")
    return Verdict(
        "inconclusive",
        sample.reason,
        expected=sample.expected,
        actual=sample.actual,
        quote=sample.quote,
        evidence=sample.evidence[:_EVIDENCE],
    )
