"""From trials to judgements: what spoils a trial, and otherwise the checks."""

from __future__ import annotations

from collections.abc import Sequence

from llmprobe.checks import POOLED_CHECKS, TRIAL_CHECKS
from llmprobe.checks.evidence import Trial
from llmprobe.checks.fold import Judgement, fold
from llmprobe.checks.spoilt import refused_or_filtered, spoilt
from llmprobe.conversation.case import Case
from llmprobe.probe import Trials


def judge(case: Case, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> dict[str, Judgement]:
    """What the trials so far come to, for each cell of the probe."""
    return {cell: _judge_cell(case, decide.check, setup, trials, bounds) for cell, decide in case.probe.cells.items()}


def _judge_cell(case: Case, check: str, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> Judgement:
    if check in TRIAL_CHECKS:
        decide = TRIAL_CHECKS[check]
        cut, unended = decide.judges_cut, decide.judges_open
        marks = [
            spoilt(trial, case.meaning, judges_cut=cut, judges_open=unended) or decide.mark(setup, trial)
            for trial in trials
        ]
        return fold(marks, bounds)
    bad = [refused_or_filtered(trial, case.meaning) for trial in trials]
    usable = [trial for mark, trial in zip(bad, trials, strict=True) if mark is None]
    if not usable:
        return fold([mark for mark in bad if mark is not None], bounds)
    return POOLED_CHECKS[check](usable, bounds)
