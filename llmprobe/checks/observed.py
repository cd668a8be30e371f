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
    if (turn.reply.input_tokens or 0) <= 0:
        return "no count of input tokens"
    said = turn.reply.content or turn.reply.tool_calls or turn.reply.reasoned
    if said and (turn.reply.output_tokens or 0) <= 0:
        return "no count of output tokens"
    parts = (counts.input, counts.output, counts.total)
    if all(isinstance(part, int) for part in parts) and counts.total < counts.input + counts.output:  # type: ignore[operator]
        return "the total is less than input and output together"
    return ""


def _implausible(turns: Sequence[Turn]) -> str:
    """Counts that do not follow the text: one and the same for prompts or replies of very different length.

    Two that are equal may be chance, so all must be; tools, schemas and pictures add tokens of their own.
    """
    plain = [turn for turn in turns if _is_plain(turn)]
    if len(plain) < 4:
        return ""
    prompts = sorted(_prompt_length(turn) for turn in plain)
    counts = {turn.reply.input_tokens for turn in plain}
    if len(counts) == 1 and prompts[-1] > 2 * prompts[0]:
        return f"the input count is {counts.pop()} for prompts of very different length"
    texts = sorted(len(turn.reply.content) for turn in plain)
    counts = {turn.reply.output_tokens for turn in plain}
    if len(counts) == 1 and texts[-1] > 4 * texts[0] + 100:
        return f"the output count is {counts.pop()} for texts of very different length"
    return ""


def _is_plain(turn: Turn) -> bool:
    call = turn.call
    return not call.tools and call.response_format is None and all(isinstance(m.content, str) for m in call.messages)


def _prompt_length(turn: Turn) -> int:
    return sum(len(message.content) for message in turn.call.messages if isinstance(message.content, str))


# --- finish reason


def finish(turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> Verdict:
    """A natural end, a cut and a tool call must be told apart; one kind alone shows nothing."""
    right: dict[str, list[Turn]] = {}
    wrong: dict[str, list[Turn]] = {}
    for turn in (turn for turn in turns if turn.reply.error is None):
        found = _situation(turn, cells)
        if found is None:
            continue
        situation, allowed = found
        side = right if turn.reply.finish in allowed else wrong
        side.setdefault(situation, []).append(turn)
    good = [turn for group in right.values() for turn in group]
    bad = [turn for group in wrong.values() for turn in group]
    if not good and not bad:
        return Verdict("inconclusive", "no answer whose ending is known for sure")
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


def _situation(turn: Turn, cells: Mapping[str, Verdict]) -> tuple[str, tuple[str, ...]] | None:
    """How the reply really ended, and the finish reasons that say so; ``None`` when it cannot be known."""
    reply = turn.reply
    ended = ("stop", "stop_sequence") if turn.call.stop else ("stop",)
    if not reply.complete:
        return "a natural end", ended  # the stream came to its end and never said so
    if reply.finish in ("content_filter", "unknown") or reply.refusal:
        return None  # a reason that the dialect does not list may be right
    if reply.tool_calls:
        if turn.call.tool_choice in (None, "auto"):
            return "a tool call", ("tool_calls",)
        return "a forced tool call", ("tool_calls", "stop")
    cut = _was_cut(turn, cells)
    if cut is None:
        return None
    return ("a cut at the cap", ("length",)) if cut else ("a natural end", ended)


def _was_cut(turn: Turn, cells: Mapping[str, Verdict]) -> bool | None:
    """Whether the output cap ended the reply; ``None`` when it may have, or when the counts cannot be trusted."""
    reply, cap = turn.reply, turn.call.max_tokens
    counted = _is_good(cells, "usage", default=True) and reply.output_tokens
    if not counted:
        if turn.expects == "cut":
            return _is_good(cells, "max_tokens", default=False) or None
        return None if reply.finish == "length" else False  # words are fewer than tokens: it may have reached it
    if not cap:
        return None if reply.finish == "length" else False  # a server has limits of its own
    if counted < cap - _SLACK:
        return False
    if counted <= cap + _SLACK:
        return True if turn.expects == "cut" and counted >= cap else None  # it may have ended there by itself
    return None if reply.finish == "length" else False  # perhaps only the visible text is capped


def _is_good(cells: Mapping[str, Verdict], cell: str, *, default: bool) -> bool:
    return cells[cell].outcome in ("supported", "flaky", "partial") if cell in cells else default


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
    """One subject in order is a report; another may hold a burst above its limit."""
    return any(x.remaining <= x.limit for x in _full(turn))  # type: ignore[operator]


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
