"""Log probabilities: there, well-formed, and not made up."""

from __future__ import annotations

import math
from dataclasses import replace

from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void
from llmprobe.reply import TokenLogprob

_SUM = 1.01
"""One, and what rounding to two decimals can add."""
_ENOUGH = 5


def mark(setup: Trial, trial: Trial) -> Mark:
    """Values for the tokens of the text, plausible as logarithms of probabilities."""
    del setup
    turn = trial.one("treatment")
    wanted = turn.call.top_logprobs or 0
    expected = f"log probabilities of every token, with {wanted} alternatives"
    entries = turn.reply.logprobs
    if not isinstance(entries, tuple) or not entries:
        if not turn.reply.content.strip():
            return void("the reply has no text whose probabilities could come", turn)
        found = "null" if entries is None else "an empty list" if entries == () else "nothing"
        return Mark("ignored", f"accepted, and {found} came", expected, found).seen_in(turn)
    impossible = _impossible(entries)
    if impossible:
        return Mark("broken", impossible, expected, _sample(entries)).seen_in(turn)
    lacking = _lacking(turn, entries, wanted)
    if lacking:
        return Mark("partial", lacking, expected, _sample(entries)).seen_in(turn)
    return Mark("shown", "plausible log probabilities for the tokens of the text", expected, _sample(entries)).seen_in(
        turn
    )


def _sample(entries: tuple[TokenLogprob, ...]) -> str:
    return clip(", ".join(f"{entry.token!r} {entry.logprob}" for entry in entries[:4]))


def _impossible(entries: tuple[TokenLogprob, ...]) -> str:
    """Why these cannot be logarithms of probabilities, "" if they can."""
    values = [entry.logprob for entry in entries]
    if values[0] is None and len(values) > 1:  # some servers have none for the first token
        values = values[1:]
    if any(value is None or not math.isfinite(value) or value > 1e-6 for value in values):
        return "values that are no logarithm of a probability"
    if len(values) >= _ENOUGH and len(set(values)) == 1:
        return f"every token has the same value ({values[0]}): made up"
    for entry in entries:
        top = [value for _, value in entry.top if value is not None]
        if sum(math.exp(min(value, 0.0)) for value in top) > _SUM:
            return "the alternatives' probabilities add up to more than one"
    return ""


def _lacking(turn: Turn, entries: tuple[TokenLogprob, ...], wanted: int) -> str:
    """What is missing, "" when all is there."""
    if entries[0].logprob is None:
        return "the first token has no log probability"
    if wanted and not any(entry.top for entry in entries):
        return "the alternatives that were asked for are missing"
    if wanted and all(len(entry.top) < wanted for entry in entries):
        return f"fewer than the {wanted} alternatives that were asked for"
    spoken = "".join(entry.token for entry in entries)
    text = turn.reply.content.strip()
    if text and text not in spoken and len(spoken.strip()) < len(text) / 2:
        return "the tokens cover only a part of the text"
    return ""


def alone(turn: Turn) -> Mark:
    """The values themselves are there to be looked at."""
    found = mark(Trial(), Trial((replace(turn, arm="treatment"),)))
    return replace(found, strength="consistent")
