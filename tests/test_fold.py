"""From marks to a verdict: known values, and properties over every sequence of marks."""

from __future__ import annotations

from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.checks.evidence import Kind, Mark
from llmprobe.checks.fold import fold, sign_test, wilson
from llmprobe.probe import Trials
from llmprobe.verdict import OUTCOMES

KINDS: tuple[Kind, ...] = get_args(Kind)
BOUNDS = st.integers(1, 20).flatmap(lambda least: st.integers(least, 30).map(lambda most: Trials(least, most)))


def marks(*kinds: str) -> list[Mark]:
    """Marks of these kinds, each with its place as evidence."""
    return [Mark(cast(Kind, kind), f"it was {kind}", evidence=(f"e{place}",)) for place, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(1, 1, 0.21, 1.0), (3, 3, 0.44, 1.0), (5, 5, 0.57, 1.0), (10, 10, 0.72, 1.0), (20, 20, 0.84, 1.0),
     (0, 3, 0.0, 0.56), (0, 5, 0.0, 0.43), (7, 10, 0.397, 0.892), (0, 0, 0.0, 1.0)],
)  # fmt: skip
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    """Values from TRAPS.md, and 7 of 10 from Wilson's formula by hand."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=0.006)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_rate_and_grows_with_successes(counted: tuple[int, int]) -> None:
    """The interval lies in 0..1, holds the observed rate, and moves up with it."""
    successes, trials = counted
    low, high = wilson(successes, trials)

    assert 0 <= low <= successes / trials <= high <= 1
    if successes < trials:
        assert (low, high) < wilson(successes + 1, trials)


@given(st.integers(0, 40), st.integers(1, 40))
def test_wilson_narrows_with_more_trials_at_the_same_rate(successes: int, more: int) -> None:
    """Ten times the trials: a narrower interval."""
    trials = successes + more
    low, high = wilson(successes, trials)
    low_10, high_10 = wilson(10 * successes, 10 * trials)

    assert high_10 - low_10 < high - low


@pytest.mark.parametrize(
    ("successes", "trials", "p"),
    [(6, 6, 0.03125), (8, 8, 0.0078125), (0, 8, 0.0078125), (5, 10, 1.0), (9, 10, 22 / 1024), (0, 0, 1.0)],
)
def test_the_sign_test_gives_exact_values(successes: int, trials: int, p: float) -> None:
    """Two-sided, exact; 6 of 6 and 8 of 8 are in TRAPS.md."""
    assert sign_test(successes, trials) == pytest.approx(p)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_sign_test_is_symmetric_and_falls_towards_the_ends(counted: tuple[int, int]) -> None:
    """Both sides count alike; the farther from half, the smaller."""
    successes, trials = counted
    p = sign_test(successes, trials)

    assert 0 < p <= 1
    assert p == pytest.approx(sign_test(trials - successes, trials))
    if 0 < successes <= trials // 2:
        assert sign_test(successes - 1, trials) < p


@pytest.mark.parametrize(
    ("kind", "outcome", "enough"),
    [("shown", "supported", 10), ("partial", "partial", 5), ("ignored", "ignored", 5), ("broken", "broken", 5),
     ("rejected", "rejected", 2)],
)  # fmt: skip
def test_a_unanimous_kind_decides_as_soon_as_there_are_enough(kind: Kind, outcome: str, enough: int) -> None:
    """Green takes more than red; a refusal is confirmed once. Before that nothing is stated."""
    short, done = fold(marks(*[kind] * (enough - 1)), Trials(10, 15)), fold(marks(*[kind] * enough), Trials(10, 15))

    assert (short.verdict.outcome, short.decided) == ("inconclusive", False)
    assert (done.verdict.outcome, done.decided) == (outcome, True)
    assert done.verdict.trials == enough


def test_voids_are_not_counted_and_cannot_make_a_colour() -> None:
    """Four voids and nothing else: inconclusive, with the last reason."""
    judged = fold(marks("void", "void", "void", "void"), Trials(10, 15))

    assert (judged.verdict.outcome, judged.decided, judged.verdict.trials) == ("inconclusive", True, 0)
    assert judged.verdict.reason == "it was void"


def test_a_single_good_trial_among_voids_is_not_green() -> None:
    """Too few to say anything."""
    judged = fold(marks("shown", *["void"] * 18), Trials(10, 15))

    assert (judged.verdict.outcome, judged.decided) == ("inconclusive", True)
    assert judged.verdict.reason == "only 1 of 19 trials say anything: it was void"


def test_mixed_trials_are_flaky_and_quote_a_failure() -> None:
    """k of n counts what was shown; the reason is that of the failure."""
    verdict = fold(marks(*["shown"] * 9, "ignored", "void"), Trials(10, 11)).verdict

    assert (verdict.outcome, verdict.successes, verdict.trials) == ("flaky", 9, 10)
    assert (verdict.reason, verdict.evidence[0]) == ("it was ignored", "e9")


def test_of_two_failures_as_common_the_order_does_not_choose() -> None:
    """Recordings come in any order, and the word must not hang on it."""
    marks = [Mark("broken", "wrong"), Mark("ignored", "nothing")]
    outcomes = {fold(some, Trials(1, 1)).verdict.outcome for some in (marks, marks[::-1])}
    assert outcomes == {"ignored"}


def test_mixed_failures_take_the_most_common_name() -> None:
    """Nothing worked: the name of what happened most."""
    verdict = fold(marks("ignored", "broken", "ignored"), Trials(2, 3)).verdict

    assert (verdict.outcome, verdict.successes) == ("ignored", 0)


@given(st.lists(st.sampled_from(KINDS), max_size=60), BOUNDS)
def test_every_sequence_gives_a_known_outcome_with_consistent_counts(kinds: list[Kind], bounds: Trials) -> None:
    """The outcome is in the closed set, counts and interval fit, evidence is that of the marks."""
    given_marks = marks(*kinds)
    verdict = fold(given_marks, bounds).verdict

    assert verdict.outcome in OUTCOMES
    assert 0 <= verdict.successes <= verdict.trials <= len(kinds)
    assert set(verdict.evidence) <= {f"e{place}" for place in range(len(kinds))}
    if verdict.outcome == "supported":
        assert kinds.count("shown") == verdict.successes == verdict.trials >= bounds.least
    if verdict.low is not None and verdict.high is not None:
        assert verdict.low <= verdict.successes / verdict.trials <= verdict.high


@given(st.data(), BOUNDS)
def test_trials_end_for_every_sequence(data: st.DataObject, bounds: Trials) -> None:
    """However the marks fall, it is decided at ``most`` and a few voids more at the latest."""
    seen: list[Mark] = []
    while not fold(seen, bounds).decided:
        seen += marks(data.draw(st.sampled_from(KINDS)))
        assert len(seen) <= bounds.most + 4


@given(st.lists(st.sampled_from(KINDS), max_size=40), BOUNDS)
def test_a_failure_more_never_makes_a_verdict_green(kinds: list[Kind], bounds: Trials) -> None:
    """Adding an ignored trial never turns into supported."""
    assert fold(marks(*kinds, "ignored"), bounds).verdict.outcome != "supported"
