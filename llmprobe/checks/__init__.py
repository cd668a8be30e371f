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
    """Judges each trial by itself; the marks are folded into a verdict.

    ``setup``, ``trial`` and ``values`` name the arms and values that a probe file must have.
    """

    ready: Callable[[Trial], Mark | None]
    mark: Callable[[Trial, Trial], Mark]
    setup: tuple[str, ...] = ("control",)
    trial: tuple[str, ...] = ("treatment",)
    values: tuple[str, ...] = ()
    judges_cut: bool = False
    """A text that the output cap ended says as much as a whole one."""
    judges_open: bool = False
    """So does a stream that stopped without saying that it had come to its end."""


TRIAL_CHECKS: Mapping[str, TrialCheck] = {
    "text_in": TrialCheck(
        text.ready, text.in_mark, ("control", "other"), ("echo",), ("code",), judges_cut=True, judges_open=True
    ),
    "text_out": TrialCheck(
        text.ready, text.out_mark, ("control",), ("echo",), ("code",), judges_cut=True, judges_open=True
    ),
    "seed": TrialCheck(
        sampling.seed_ready, sampling.seed_mark, ("control", "other", "reference"), ("same",), judges_cut=True
    ),
    "max_tokens": TrialCheck(sampling.max_tokens_ready, sampling.max_tokens_mark, values=("cap",), judges_cut=True),
    "stop": TrialCheck(sampling.stop_ready, sampling.stop_mark, values=("word",), judges_cut=True),
    "json": TrialCheck(structured.json_ready, structured.json_mark),
    "schema": TrialCheck(structured.schema_ready, structured.schema_mark, trial=("neutral", "against")),
    "tool": TrialCheck(
        tools.tool_ready, tools.tool_mark, trial=("call", "answer"), values=("sample", "code", "answer")
    ),
    "tool_required": TrialCheck(tools.required_ready, tools.required_mark, trial=("forced",)),
    "tool_forbidden": TrialCheck(tools.forbidden_ready, tools.forbidden_mark, trial=("forbidden",)),
    "logprobs": TrialCheck(logprobs.ready, logprobs.mark, judges_cut=True),
    "vision": TrialCheck(vision.ready, vision.mark, ("control", "blank"), ("picture",), ("code",)),
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
