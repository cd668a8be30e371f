"""The checks: pure functions from recorded replies to verdicts, by the names that probe files use.

To add one: write ``mark`` (what did one trial show?) and, where the controls may leave no room for an effect,
``ready`` in the file of its theme, and name them in ``TRIAL_CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from llmprobe.call import Call, JsonObject, JsonSchema, NamedTool, only_text
from llmprobe.checks import choices, logprobs, observed, sampling, sources, structured, text, tools, vision
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
    "order_bias": choices.bias,
    "indecision": choices.indecision,
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


@dataclass(frozen=True, slots=True)
class LoneCheck:
    """Judges a recorded reply around which no experiment stands.

    ``asks``: does a call speak to the cell? ``mark`` judges the reply alone; ``without`` gives the call that would be
    its control, ``None`` where that means nothing. ``feature`` is what a dialect lists the words of refusals under.
    """

    feature: str
    asks: Callable[[Call], bool]
    mark: Callable[[Turn], Mark]
    without: Callable[[Call], Call] | None = None
    judges_cut: bool = False
    believes_refusals: bool = True
    """A refusal speaks of the feature, and not only of the one way of asking for it."""


_ROOM = 512
"""Output tokens from which a cap is not there to cut: some formats cannot do without one."""


def _is_plain(call: Call) -> bool:
    """A question in text, and nothing asked for but an answer."""
    features = (call.tools, call.server_tools, call.response_format, call.stop, call.top_logprobs)
    roomy = call.max_tokens is None or call.max_tokens >= _ROOM
    return roomy and not any(features) and call.seed is None and all(map(only_text, call.messages))


def _forced(call: Call) -> bool:
    return bool(call.tools) and (call.tool_choice == "required" or isinstance(call.tool_choice, NamedTool))


LONE_CHECKS: Mapping[str, LoneCheck] = {
    "text": LoneCheck("text", _is_plain, text.in_alone, judges_cut=True),
    "text_out": LoneCheck("text", _is_plain, text.out_alone, judges_cut=True),
    "json": LoneCheck(
        "json",
        lambda call: isinstance(call.response_format, JsonObject),
        structured.json_alone,
        lambda call: replace(call, response_format=None),
    ),
    "schema": LoneCheck(
        "schema",
        lambda call: isinstance(call.response_format, JsonSchema),
        structured.schema_alone,
        lambda call: replace(call, response_format=None),
    ),
    "tool_required": LoneCheck(
        "tools", _forced, tools.required_alone, lambda call: replace(call, tool_choice=None), judges_cut=True
    ),
    "tool_forbidden": LoneCheck(
        "tools",
        lambda call: bool(call.tools) and call.tool_choice == "none",
        tools.forbidden_alone,
        lambda call: replace(call, tool_choice=None),
        judges_cut=True,
    ),
    "web_search": LoneCheck(
        "web_search", sources.asks_search, sources.searched, judges_cut=True, believes_refusals=False
    ),
    "seed": LoneCheck("seed", lambda call: call.seed is not None, sampling.seed_alone, judges_cut=True),
    "max_tokens": LoneCheck(
        "max_tokens",
        lambda call: call.max_tokens is not None and call.max_tokens < _ROOM,
        sampling.max_tokens_alone,
        lambda call: replace(call, max_tokens=None),
        judges_cut=True,
    ),
    "stop": LoneCheck(
        "stop",
        lambda call: bool(call.stop),
        sampling.stop_alone,
        lambda call: replace(call, stop=()),
        judges_cut=True,
    ),
    "probs": LoneCheck(
        "logprobs",
        lambda call: call.top_logprobs is not None,
        logprobs.alone,
        lambda call: replace(call, top_logprobs=None),
        judges_cut=True,
    ),
}
"""By cell: what one recorded reply can say."""
