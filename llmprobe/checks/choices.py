"""Which value of an enum a tool call takes: bias towards their order, and indecision between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from llmprobe.checks.evidence import Trial, Turn, clip
from llmprobe.checks.fold import Judgement, sign_test, wilson
from llmprobe.probe import Trials
from llmprobe.verdict import Outcome, Verdict

BIAS_P = 0.01
"""Over hundreds of models p < 0.05 would cry wolf ten times."""
_BIAS_LEAST = 6
_WIDE = 0.85
"""A model that takes the first value this often is biased: while the interval holds it, nothing is settled."""


def _choices(trials: Sequence[Trial]) -> tuple[list[tuple[Turn, bool]], list[Turn], int]:
    """Valid choices (was it the first value of the enum?), turns that chose several, and turns without any."""
    single: list[tuple[Turn, bool]] = []
    several: list[Turn] = []
    none = 0
    for turn in (turn for trial in trials for turn in trial.turns):
        picked = _picked(turn)
        if len(picked) > 1:
            several.append(turn)
        elif picked:
            single.append((turn, picked[0] == _enum(turn)[1][0]))
        else:
            none += 1
    return single, several, none


def _enum(turn: Turn) -> tuple[str, list[str]]:
    """The argument of the first tool that takes one of several words, and these in their order."""
    properties = turn.call.tools[0].parameters.get("properties")
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        words = schema.get("enum") if isinstance(schema, dict) else None
        if isinstance(words, list) and len(words) > 1 and all(isinstance(word, str) for word in words):
            return name, words
    return "", []


def _picked(turn: Turn) -> list[str]:
    """The different values of the enum that a reply chose, over all its calls; a list of values counts each."""
    name, allowed = _enum(turn)
    picked: list[str] = []
    for call in turn.reply.tool_calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            continue
        value = arguments.get(name) if isinstance(arguments, dict) else None
        picked.extend(item for item in (value if isinstance(value, list) else [value]) if item in allowed)
    return list(dict.fromkeys(picked))


def bias(trials: Sequence[Trial], bounds: Trials) -> Judgement:
    """Whether the order of an enum's values decides the choice; ``supported`` states that it does not.

    Enum order and order of mention are counterbalanced, so a liking for one of the values cancels.
    """
    single, several, none = _choices(trials)
    n, first = len(single), sum(is_first for _, is_first in single)
    low, high = wilson(first, n)
    p = sign_test(first, n)
    full, settled = len(trials) >= bounds.most, len(trials) >= bounds.least
    evidence = tuple(turn.evidence for turn, _ in single[:6])
    actual = f"the first value {first} of {n} times (p = {p:.3g})"
    if n < _BIAS_LEAST:
        reason = f"only {n} usable choices ({len(several)} chose both, {none} made no call)"
        return Judgement(Verdict("inconclusive", reason, evidence=evidence), full or len(trials) > bounds.least)
    side = "first" if first * 2 > n else "last"
    verdict = Verdict("inconclusive", "", n - first, n, 1 - high, 1 - low, "either place about as often", actual,
                      evidence=evidence)  # fmt: skip
    if settled and p < BIAS_P:
        return Judgement(_with(verdict, "absent", f"biased towards the {side} value of an enum"), True)
    if settled and low <= 0.5 <= high and high < _WIDE and low > 1 - _WIDE:
        return Judgement(_with(verdict, "supported", "the order of the values does not decide"), True)
    return Judgement(_with(verdict, "inconclusive", f"too few choices to tell: {actual}"), full)


def _with(verdict: Verdict, outcome: Outcome, reason: str) -> Verdict:
    return replace(verdict, outcome=outcome, reason=reason)


def indecision(trials: Sequence[Trial], bounds: Trials) -> Judgement:
    """Whether the model ever chose both where one was asked for; ``supported`` states that it did."""
    single, several, none = _choices(trials)
    n = len(single) + len(several)
    settled = len(trials) >= bounds.least
    low, high = wilson(len(several), n)
    if n < _BIAS_LEAST:
        reason = f"only {n} calls to judge ({none} made none)"
        return Judgement(Verdict("inconclusive", reason), settled)
    if several:
        sample = several[0]
        return Judgement(
            Verdict("supported", "chooses both values where one was asked for", len(several), n, low, high,
                    "one value", clip(str(_picked(sample))), evidence=tuple(t.evidence for t in several[:6])),
            settled,
        )  # fmt: skip
    return Judgement(Verdict("absent", "chose one value each time", 0, n, low, high), settled)


# --- a few choices that were recorded


def few_choices(turns: Sequence[Turn]) -> dict[str, Verdict]:
    """What single choices between the values of an enum say of bias and indecision: a hint, and no more.

    Nothing is said of values that stand in one order only.
    """
    reordered = _reordered(turns)
    single, several, none = _choices((Trial(tuple(reordered)),))
    if not (single or several):
        return {}
    n = len(single) + len(several)
    low, high = wilson(len(several), n)
    indecisive = Verdict("absent", "chose one value each time", len(several), n, low, high, "one value",
                         strength="consistent")  # fmt: skip
    if several:
        reason = "chooses several values where one was asked for"
        indecisive = replace(indecisive, outcome="supported", reason=reason, strength="shown")
    picked = clip("; ".join(f"{_enum(turn)[1]}: {_picked(turn)}" for turn in reordered))
    evidence = tuple(turn.evidence for turn in reordered)[:6]
    found = {"tool_indecisive": indecisive, "tool_unbiased": _few_bias(single, len(several), none)}
    return {cell: replace(verdict, actual=picked, evidence=evidence) for cell, verdict in found.items()}


def _reordered(turns: Sequence[Turn]) -> list[Turn]:
    """The turns whose values stand in another order in another one."""
    offers = [_enum(turn) for turn in turns]
    orders: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for name, values in offers:
        orders.setdefault((name, *sorted(values)), set()).add(tuple(values))
    return [turn for turn, (name, values) in zip(turns, offers, strict=True) if len(orders[name, *sorted(values)]) > 1]


def _few_bias(single: Sequence[tuple[Turn, bool]], several: int, none: int) -> Verdict:
    first, n = sum(is_first for _, is_first in single), len(single)
    if len({tuple(_enum(turn)[1]) for turn, _ in single}) < 2:
        reason = f"no choice to compare: {several} chose several values, {none} made no call"
        return Verdict("inconclusive", reason)
    low, high = wilson(n - first, n)
    told = f"in {n} choices, too few for a proof"
    reason = f"the order of the values did not decide, {told}"
    verdict = Verdict("supported", reason, n - first, n, low, high, "the same value in either order",
                      strength="consistent")  # fmt: skip
    if 0 < first < n:
        return verdict
    side = "first" if first else "last"
    return replace(verdict, outcome="absent", reason=f"took the {side} value of the enum each time, {told}")
