"""Read from every exchange of a row, at no cost: usage, finish reason, rate limits, thinking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmprobe.absent import ABSENT
from llmprobe.checks.evidence import Turn, clip
from llmprobe.checks.fold import wilson
from llmprobe.reply import RateLimit, Usage
from llmprobe.verdict import Outcome, Verdict

_EVIDENCE = 6
_SLACK = 2
"""Tokens by which servers count differently around the cap: the end of the turn, a leading one."""


def _answered(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.reply.error is None and turn.reply.complete]


def _verdict(
    outcome: Outcome,
    reason: str,
    good: Sequence[Turn],
    bad: Sequence[Turn],
    expected: str = "",
    actual: str = "",
) -> Verdict:
    low, high = wilson(len(good), len(good) + len(bad))
    sample = (bad or good)[:_EVIDENCE]
    return Verdict(outcome, reason, len(good), len(good) + len(bad), low, high, expected, actual,
                   evidence=tuple(turn.evidence for turn in sample))  # fmt: skip


# --- usage


def usage(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict:
    """Token counts on every complete answer, and counts that can be true."""
    del cells
    answered = _answered(turns)
    if not answered:
        return Verdict("inconclusive", "no complete answer came")
    problems = [(turn, _usage_problem(turn)) for turn in answered]
    good = [turn for turn, problem in problems if not problem]
    bad = [turn for turn, problem in problems if problem]
    if bad and not good:
        problem = next(problem for _, problem in problems if problem)
        asked = any(turn.call.include_usage for turn in bad)
        missing = all(problem == "no token counts" for _, problem in problems)
        outcome: Outcome = "ignored" if asked and missing else "broken"
        return _verdict(outcome, problem, good, bad, "token counts", _shown(bad[0]))
    if bad:
        problem = next(problem for _, problem in problems if problem)
        return _verdict("flaky", f"in some answers {problem}", good, bad, "token counts", _shown(bad[0]))
    fake = _implausible(good)
    if fake:
        return _verdict("broken", fake, [], good, "counts that follow the text", _shown(good[0]))
    return _verdict("supported", f"token counts in `{_place(good[0])}` of every answer", good, bad, "", _shown(good[0]))


def _place(turn: Turn) -> str:
    return turn.reply.usage.place if isinstance(turn.reply.usage, Usage) else ""


def _shown(turn: Turn) -> str:
    counts = turn.reply.usage
    return f"{counts.input} in, {counts.output} out" if isinstance(counts, Usage) else "no usage"


def _usage_problem(turn: Turn) -> str:
    counts = turn.reply.usage
    if not isinstance(counts, Usage) or (counts.input is ABSENT and counts.output is ABSENT):
        return "no token counts"
    if not counts.input:
        return "no count of input tokens"
    said = turn.reply.content or turn.reply.tool_calls or turn.reply.reasoned
    if said and not counts.output:
        return "no count of output tokens"
    parts = (counts.input, counts.output, counts.total)
    if all(isinstance(part, int) for part in parts) and counts.total < counts.input + counts.output:  # type: ignore[operator]
        return "the total is less than input and output together"
    return ""


def _implausible(turns: Sequence[Turn]) -> str:
    """Counts that do not follow the text: the longest prompt and reply count like the shortest."""
    plain = [turn for turn in turns if not turn.call.tools]
    if len(plain) < 4:
        return ""
    by_prompt = sorted(plain, key=_prompt_length)
    short, long = by_prompt[0], by_prompt[-1]
    if _prompt_length(long) > 2 * _prompt_length(short) and long.reply.input_tokens == short.reply.input_tokens:
        return f"the input count is {long.reply.input_tokens} for prompts of very different length"
    by_text = sorted(plain, key=lambda turn: len(turn.reply.content))
    brief, wordy = by_text[0], by_text[-1]
    longer = len(wordy.reply.content) > 4 * len(brief.reply.content) + 100
    if longer and wordy.reply.output_tokens == brief.reply.output_tokens and not wordy.reply.reasoned:
        return f"the output count is {wordy.reply.output_tokens} for texts of very different length"
    return ""


def _prompt_length(turn: Turn) -> int:
    return sum(len(message.content) for message in turn.call.messages if isinstance(message.content, str))


# --- finish reason


def finish(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict:
    """A natural end, a cut and a tool call must be told apart; one kind alone shows nothing."""
    del cells
    right: dict[str, list[Turn]] = {}
    wrong: dict[str, list[Turn]] = {}
    for turn in _answered(turns):
        found = _situation(turn)
        if found is None:
            continue
        situation, allowed = found
        side = right if turn.reply.finish in allowed else wrong
        side.setdefault(situation, []).append(turn)
    good = [turn for group in right.values() for turn in group]
    bad = [turn for group in wrong.values() for turn in group]
    if not good and not bad:
        return Verdict("inconclusive", "no complete answer came")
    expected = "stop, length and tool_calls, each where it belongs"
    if bad:
        always = [situation for situation in wrong if situation not in right]
        if always:
            reason = f"after {' and '.join(always)}: {_told(wrong[always[0]][0])}"
            return _verdict("broken", reason, good, bad, expected, _told(bad[0]))
        return _verdict("flaky", f"sometimes {_told(bad[0])}", good, bad, expected, _told(bad[0]))
    if len(right) < 2:
        only = next(iter(right))
        return _verdict("inconclusive", f"only one kind of ending was seen ({only})", good, bad, expected)
    kinds = ", ".join(f"{situation}: {_told(group[0])}" for situation, group in right.items())
    return _verdict("supported", f"told apart: {kinds}", good, bad, expected, kinds)


def _situation(turn: Turn) -> tuple[str, tuple[str, ...]] | None:
    """How the reply really ended, and the finish reasons that say so; ``None`` when it cannot be known."""
    reply, cap = turn.reply, turn.call.max_tokens
    if reply.finish == "content_filter" or reply.refusal:
        return None
    if reply.tool_calls:
        if turn.call.tool_choice in (None, "auto"):
            return "a tool call", ("tool_calls",)
        return "a forced tool call", ("tool_calls", "stop")
    size = reply.output_tokens or len(reply.content.split())
    if not reply.output_tokens and reply.finish == "length" and turn.expects != "cut":
        return None  # words are fewer than tokens: it may well have reached the cap
    if turn.expects == "cut" and cap and size <= cap + _SLACK:
        return "a cut at the cap", ("length",)
    if cap and abs(size - cap) <= _SLACK:
        return None  # it may have been cut there, or have ended there by itself
    return "a natural end", ("stop",)


def _told(turn: Turn) -> str:
    reply = turn.reply
    if reply.finish is ABSENT:
        return "no finish_reason"
    return repr(reply.finish_raw) if reply.finish_raw else "finish_reason null"


# --- rate limits


def limits(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict:
    """A limit and what remains of it, in numbers, on successful answers, and counting down."""
    del cells
    answered = _answered(turns)
    if not answered:
        return Verdict("inconclusive", "no complete answer came")
    good = [turn for turn in answered if _usable_limits(turn)]
    bad = [turn for turn in answered if not _usable_limits(turn)]
    if not good:
        return _verdict("absent", "no rate limit headers on successful answers", good, bad)
    # the remainder is another one each time, so it is left out: the same scan must give the same bytes
    sample = ", ".join(f"{x.subject}: {x.limit:.0f}" for x in _full(good[0]))
    if bad:
        return _verdict("flaky", "rate limit headers on some answers only", good, bad, "", sample)
    if len(good) >= 5 and all(x.remaining == x.limit for turn in good for x in _full(turn)):
        return _verdict("partial", "the numbers never go down", good, bad, "", sample)
    return _verdict("supported", "limit and remainder in the headers of every answer", good, bad, "", sample)


def _full(turn: Turn) -> list[RateLimit]:
    return [x for x in turn.reply.limits if x.limit is not None and x.remaining is not None]


def _usable_limits(turn: Turn) -> bool:
    found = [x for x in turn.reply.limits if x.limit is not None and x.remaining is not None]
    return bool(found) and all(x.remaining <= x.limit for x in found)  # type: ignore[operator]


# --- thinking


def thinking(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict:
    """Reasoning, as text or as a count; absent in a row with thinking off."""
    del cells
    answered = _answered(turns)
    good = [turn for turn in answered if turn.reply.reasoned]
    bad = [turn for turn in answered if not turn.reply.reasoned]
    if not answered:
        return Verdict("inconclusive", "no complete answer came")
    if not good:
        return _verdict("absent", "no reasoning, neither as text nor as a count", good, bad)
    places = dict.fromkeys(turn.reply.reasoning_place or "a token count only" for turn in good)
    reason = f"reasoning in {', '.join(places)}"
    sample = good[0].reply.reasoning
    quote = clip(sample) if isinstance(sample, str) else ""
    # models may answer an easy question without a thought
    outcome: Outcome = "supported" if len(good) * 2 >= len(answered) else "partial"
    return _verdict(outcome, reason, good, bad, "", quote)
