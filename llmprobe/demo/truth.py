"""What a scan of the demo provider must find: the oracle of the end-to-end test.

For each cell the outcomes that are true of a model. More than one only where the truth leaves it to
chance, or to the order of the questions, which of them shows; never a green one beside a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from llmprobe.demo.models import Traits
from llmprobe.scoreboard import Mode
from llmprobe.verdict import Outcome

_MODES: tuple[Mode, ...] = ("sync", "stream")
Truth: TypeAlias = Outcome | tuple[Outcome, ...]
_UNSEEN: tuple[Outcome, ...] = ("inconclusive", "untested")
"""For what builds on something that the model does not do."""


def rows(traits: Traits) -> tuple[tuple[bool, Mode], ...]:
    """The rows of a model as (thinking, mode), thinking off first; none when it does not chat."""
    if traits.kind != "chat":
        return ()
    states = {"never": (False,), "always": (True,)}.get(traits.thinking, (False, True))
    return tuple((thinking, mode) for thinking in states for mode in _MODES)


def expected(traits: Traits, thinking: bool, mode: Mode) -> Mapping[str, frozenset[Outcome]]:
    """The true outcomes of each cell of a row. A cell that is left out may hold anything."""
    if traits.stream == "json" and mode == "stream":
        return {"text": frozenset(("supported",)), "text_out": frozenset(("ignored",))}
    found: dict[str, Truth] = {
        "text": "supported",
        "text_out": "partial" if traits.stream == "blob" and mode == "stream" else "supported",
        "image": _image(traits),
        **_formats(traits),
        **_tools(traits),
        "seed": _seed(traits),
        "max_tokens": "supported" if traits.max_tokens else "ignored",
        "stop": _stop(traits, mode),
        "probs": _probs(traits),
        "limits": "supported" if traits.limits else "absent",
        "usage": _usage(traits, mode),
        "finish": _finish(traits),
        "thinking": "supported" if thinking else "absent",
    }
    return {cell: frozenset((one,) if isinstance(one, str) else one) for cell, one in found.items()}


def _image(traits: Traits) -> Outcome:
    if "image" in traits.refuses:
        return "rejected"
    return "supported" if traits.image == "seen" else "ignored"


def _formats(traits: Traits) -> dict[str, Truth]:
    names: Mapping[str, Outcome] = {
        "enforced": "partial" if traits.thinking_place == "think" else "supported",
        "fenced": "partial",
        "suggested": "partial",
        "any object": "ignored",
        "ignored": "ignored",
    }
    schema = "rejected" if "schema" in traits.refuses else names[traits.schema]
    return {"json": names[traits.json], "schema": schema}


def _tools(traits: Traits) -> dict[str, Truth]:
    if "tools" in traits.refuses:
        return _without_calls("rejected", "rejected", ("rejected", *_UNSEEN))
    if traits.tools == "ignored":
        return _without_calls("ignored", "ignored", _UNSEEN)
    if traits.tools == "printed":
        return _without_calls("broken", ("broken", "ignored"), _UNSEEN)
    works: Outcome = "flaky" if traits.tool_misses else "supported"
    perhaps: tuple[Outcome, ...] = ("inconclusive",) if traits.tool_misses else ()
    return {
        "tool": works if traits.tool_answer else "partial",
        "tool_required": works if traits.tool_choice else "ignored",
        "tool_forbidden": ("supported", *perhaps) if traits.tool_choice else "ignored",
        "tool_unbiased": _UNSEEN if traits.enum == "all" else (_bias(traits), *perhaps),
        "tool_indecisive": ("supported" if traits.enum == "all" else "absent", *perhaps),
    }


def _without_calls(tool: Truth, required: Truth, others: Truth) -> dict[str, Truth]:
    found: dict[str, Truth] = {"tool": tool, "tool_required": required}
    return found | dict.fromkeys(("tool_forbidden", "tool_unbiased", "tool_indecisive"), others)


def _bias(traits: Traits) -> Outcome:
    return "absent" if traits.enum == "first" else "supported"


def _seed(traits: Traits) -> Outcome:
    if "seed" in traits.refuses:
        return "rejected"
    if traits.sampling != "random":  # equal replies prove nothing
        return "inconclusive"
    return "supported" if traits.seed else "ignored"


def _stop(traits: Traits, mode: Mode) -> Outcome:
    if "stop" in traits.refuses:
        return "rejected"
    return "supported" if mode in traits.stop else "ignored"


def _probs(traits: Traits) -> Outcome:
    if "logprobs" in traits.refuses:
        return "rejected"
    if traits.probs == "real":
        return "supported"
    return "broken" if traits.probs == "zero" else "ignored"


def _usage(traits: Traits, mode: Mode) -> Outcome:
    if mode in traits.usage:
        return "supported"
    return "ignored" if mode == "stream" else "broken"  # a stream is asked for it


def _finish(traits: Traits) -> Outcome:
    if traits.finish != "right":
        return "broken"
    only_natural_ends = not traits.max_tokens and traits.tools != "called"
    return "inconclusive" if only_natural_ends else "supported"
