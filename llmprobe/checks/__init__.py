"""The checks: pure functions from recorded replies to verdicts, by the names that probe files use.

To add one: write ``ready`` (is there room for an effect, given the controls?) and ``mark`` (what did one
trial show?) in the file of its theme, and name the pair in ``TRIAL_CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmprobe.checks import logprobs, observed, sampling, structured, text, tools, vision
from llmprobe.checks.evidence import Mark, Trial, Turn
from llmprobe.checks.fold import Judgement
from llmprobe.probe import Trials
from llmprobe.verdict import Verdict


@dataclass(frozen=True, slots=True)
class TrialCheck:
    """Judges each trial by itself; the marks are folded into a verdict."""

    ready: Callable[[Trial], Mark | None]
    mark: Callable[[Trial, Trial], Mark]


TRIAL_CHECKS: Mapping[str, TrialCheck] = {
    "text_in": TrialCheck(text.ready, text.in_mark),
    "text_out": TrialCheck(text.ready, text.out_mark),
    "seed": TrialCheck(sampling.seed_ready, sampling.seed_mark),
    "max_tokens": TrialCheck(sampling.max_tokens_ready, sampling.max_tokens_mark),
    "stop": TrialCheck(sampling.stop_ready, sampling.stop_mark),
    "json": TrialCheck(structured.json_ready, structured.json_mark),
    "schema": TrialCheck(structured.schema_ready, structured.schema_mark),
    "tool": TrialCheck(tools.tool_ready, tools.tool_mark),
    "tool_required": TrialCheck(tools.required_ready, tools.required_mark),
    "tool_forbidden": TrialCheck(tools.forbidden_ready, tools.forbidden_mark),
    "logprobs": TrialCheck(logprobs.ready, logprobs.mark),
    "vision": TrialCheck(vision.ready, vision.mark),
}

POOLED_CHECKS: Mapping[str, Callable[[Sequence[Trial], Trials], Judgement]] = {
    "order_bias": tools.bias,
    "indecision": tools.indecision,
}
"""Judge all turns of all trials together."""

OBSERVERS: Mapping[str, Callable[[Sequence[Turn], Mapping[str, Verdict]], Verdict | None]] = {
    "usage": observed.usage,
    "finish": observed.finish,
    "limits": observed.limits,
    "thinking": observed.thinking,
    "tool_flakiness": tools.flakiness,
}
"""Judge every exchange of a row, knowing the other cells; ``None`` leaves the cell as it is."""
