"""The checks: pure functions from recorded replies to verdicts, by the names that probe files use.

To add one: write ``mark`` (what did one trial show?) and, where the controls may leave no room for an effect,
``ready`` in the file of its theme, and name them in ``TRIAL_CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmprobe.checks import logprobs, observed, sampling, structured, text, tools, vision
from llmprobe.checks.evidence import Mark, Trial, Turn
from llmprobe.checks.fold import Judgement
from llmprobe.probe import Trials
from llmprobe.verdict import Verdict


def _any_controls(setup: Trial) -> Mark | None:
    """Any controls that were answered will do."""
    del setup
    return None


@dataclass(frozen=True, slots=True)
class TrialCheck:
    """Judges each trial by itself; the marks are folded into a verdict.

    ``setup``, ``trial`` and ``values`` name the arms and values that a probe file must have.
    """

    mark: Callable[[Trial, Trial], Mark]
    ready: Callable[[Trial], Mark | None] = _any_controls
    setup: tuple[str, ...] = ("control",)
    trial: tuple[str, ...] = ("treatment",)
    values: tuple[str, ...] = ()
    judges_cut: bool = False
    """A text that the output cap ended says as much as a whole one."""
    judges_open: bool = False
    """So does a stream that stopped without saying that it had come to its end."""


TRIAL_CHECKS: Mapping[str, TrialCheck] = {
    "text_in": TrialCheck(
        text.in_mark,
        setup=("control", "other"),
        trial=("echo",),
        values=("code",),
        judges_cut=True,
        judges_open=True,
    ),
    "text_out": TrialCheck(text.out_mark, trial=("echo",), values=("code",), judges_cut=True, judges_open=True),
    "seed": TrialCheck(
        sampling.seed_mark,
        sampling.seed_ready,
        setup=("control", "other", "another", "reference"),
        trial=("same",),
        judges_cut=True,
    ),
    "max_tokens": TrialCheck(sampling.max_tokens_mark, sampling.max_tokens_ready, values=("cap",), judges_cut=True),
    "stop": TrialCheck(sampling.stop_mark, values=("word",), judges_cut=True),
    "json": TrialCheck(structured.json_mark, structured.json_ready),
    "schema": TrialCheck(structured.schema_mark, structured.json_ready, trial=("neutral", "against")),
    "tool": TrialCheck(tools.tool_mark, trial=("call", "answer"), values=("sample", "code", "answer")),
    "tool_required": TrialCheck(tools.required_mark, tools.required_ready, trial=("forced",)),
    "tool_forbidden": TrialCheck(tools.forbidden_mark, tools.forbidden_ready, trial=("forbidden",)),
    "logprobs": TrialCheck(logprobs.mark, judges_cut=True),
    "vision": TrialCheck(vision.mark, setup=("control", "blank"), trial=("picture",), values=("code",)),
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
