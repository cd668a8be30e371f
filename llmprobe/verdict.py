"""What was decided about one cell, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Outcome: TypeAlias = Literal[
    "supported", "flaky", "partial", "ignored", "rejected", "broken", "absent", "inconclusive", "untested"
]
"""
``supported``     the parameter caused the behaviour, against a control
``flaky``         it did so in some trials and not in others
``partial``       it works with a defect that the reason names
``ignored``       accepted, with no effect
``rejected``      refused, in words about this feature, while the control was answered
``broken``        accepted, and the result is wrong
``absent``        measured, and not there; nothing was asked for that could be refused (no rate-limit
                  headers; not indecisive)
``inconclusive``  could not find out: an outage, our own bug, a control that left no room
``untested``      not tried, for a reason that is given
"""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Strength: TypeAlias = Literal["accepted", "consistent", "shown"]
"""
How strong the evidence behind a verdict is, from the weakest up.

``accepted``    not refused; no effect can be seen
``consistent``  a reply as the capability would give it, with no control that would have been different
``shown``       the effect itself: against a control, or directly in what came back
"""

STRENGTHS: tuple[Strength, ...] = get_args(Strength)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The content of one cell.

    ``successes`` of ``trials`` valid trials showed the behaviour; ``low`` and ``high`` bound the true
    rate (Wilson, 95 %). ``evidence`` are exchange ids, ``quote`` a short piece of what came back.
    """

    outcome: Outcome
    reason: str = ""
    successes: int = 0
    trials: int = 0
    low: float | None = None
    high: float | None = None
    expected: str = ""
    actual: str = ""
    quote: str = ""
    evidence: tuple[str, ...] = ()
    probe: str = ""
    """``id@version`` of the probe that decided."""
    spelling: str = ""
    """The wire spelling that worked, when a dialect knows several."""
    strength: Strength = "shown"
