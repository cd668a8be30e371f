"""Image input: digits that cannot be guessed, a blank picture, and the count of prompt tokens."""

from __future__ import annotations

import re

from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void

_SAME = 3
"""Prompt tokens by which two equal prompts may differ."""


def mark(setup: Trial, trial: Trial) -> Mark:
    """The digits are read; or the prompt did not grow, so the picture was dropped; or it is unclear."""
    without, blank, turn = setup.one("control"), setup.one("blank"), trial.one("picture")
    code = trial.values["code"]
    if code in _digits(blank):
        return void("the same digits come with a blank picture, so they are not read from it", turn, blank)
    if code in _digits(turn):
        return Mark("shown", "reads digits that cannot be guessed", code, clip(turn.reply.content)).seen_in(turn)
    before, after = without.reply.input_tokens, turn.reply.input_tokens
    if not before or not after:
        return void("the digits are not read, and without token counts it cannot be told why", without, turn)
    if abs(after - before) <= _SAME:
        reason = f"accepted and dropped: the prompt counts {after} tokens with the picture, {before} without"
        return Mark("ignored", reason, code, clip(turn.reply.content)).seen_in(without, turn)
    return void(f"the picture adds {after - before} prompt tokens, but its digits are not read", without, turn)


def _digits(turn: Turn) -> str:
    return re.sub(r"\D", "", turn.reply.content)
