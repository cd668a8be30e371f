"""How a request asks for thinking: the switches that are written, and those that are only read.

Source: wire/dialects.md, "How the compatibles turn thinking on and off".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmprobe.call import JSON
from llmprobe.dialects.values import Body

SWITCHES: Mapping[str, tuple[dict[str, JSON], dict[str, JSON]]] = {
    # name: (on, off)
    "reasoning_effort": ({"reasoning_effort": "low"}, {"reasoning_effort": "none"}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    "thinking": ({"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
    "enable_thinking": ({"enable_thinking": True}, {"enable_thinking": False}),
    "reasoning": ({"reasoning": {"enabled": True}}, {"reasoning": {"enabled": False}}),
}

IN_PATCH = "patch"
"""The spelling of a request that asks in words beyond ``SWITCHES``: the words stay in the patch, as they came."""


def write_thinking(wanted: bool, way: str) -> dict[str, JSON]:
    """The fields that ask for thinking, or for none; nothing when the patch has them."""
    if way == IN_PATCH:
        return {}
    on, off = SWITCHES[way]
    return on if wanted else off


def read_thinking(source: Body) -> bool | None:
    """Whether thinking is asked for: by a switch as we write it, else by the first field that says so.

    Only a switch is taken out of ``source``. A level of effort other than "none", a budget other than 0 and a way in
    which thoughts are to be shown ask for thinking.
    """
    for name, ways in SWITCHES.items():
        for wanted, fields in zip((True, False), ways, strict=True):
            if all(source.rest.get(key) == value for key, value in fields.items()):
                for key in fields:
                    del source.rest[key]
                if name != next(iter(SWITCHES)):
                    source.spelling["thinking"] = name
                return wanted
    said = next((asks for name, read in _READERS.items() if (asks := read(source.rest.get(name))) is not None), None)
    if said is not None:
        source.spelling["thinking"] = IN_PATCH
    return said


def _flag(value: JSON) -> bool | None:
    return value if isinstance(value, bool) else None


def _effort(value: JSON) -> bool | None:
    return value != "none" if isinstance(value, str) else None


def _typed(value: JSON) -> bool | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return {"enabled": True, "adaptive": True, "disabled": False}.get(kind) if isinstance(kind, str) else None


def _template(value: JSON) -> bool | None:
    return _flag(value.get("enable_thinking", value.get("thinking"))) if isinstance(value, dict) else None


def _reasoning(value: JSON) -> bool | None:
    if not isinstance(value, dict):
        return None
    budget = value.get("max_tokens")
    allowed = budget > 0 if isinstance(budget, (int, float)) else None
    said = (_flag(value.get("enabled")), _effort(value.get("effort")), allowed)
    return next((asks for asks in said if asks is not None), None)


def _disabled(value: JSON) -> bool | None:
    return not value if isinstance(value, bool) else None


_READERS: Mapping[str, Callable[[JSON], bool | None]] = {
    "reasoning_effort": _effort,
    "chat_template_kwargs": _template,
    "chat_template_args": _template,
    "thinking": _typed,
    "enable_thinking": _flag,
    "reasoning": _reasoning,
    "disable_reasoning": _disabled,
    "prompt_mode": lambda value: True if value == "reasoning" else None,
    # where the thoughts are to stand; "hidden" and the formats of other servers do not say that there are to be any
    "reasoning_format": lambda value: True if value in ("parsed", "raw") else None,
}
