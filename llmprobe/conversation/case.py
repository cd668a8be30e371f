"""One case while it is talked through: asking, and what errors mean for the feature on trial."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from llmprobe.call import Call
from llmprobe.checks.evidence import Turn
from llmprobe.checks.refusals import Meaning, meaning, names_feature, without_model_name
from llmprobe.conversation.talk import Answer, Ask, Footing
from llmprobe.dialects.base import Dialect
from llmprobe.probe import Arm, Probe

_EASED = ("temperature", "top_p", "parallel_tool_calls", "include_usage")
"""Auxiliary fields of a call that are left out when an endpoint refuses them."""


@dataclass
class Case:
    """The state of one case while it is talked through."""

    probe: Probe
    footing: Footing
    dialect: Dialect
    seed: str
    turns: list[Turn] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)

    @property
    def words(self) -> tuple[str, ...]:
        """How a refusal would name the feature on trial."""
        return tuple(self.dialect.fields.get(self.probe.feature, (self.probe.feature,)))

    @property
    def spellings(self) -> tuple[str, ...]:
        """The wire spellings of the feature on trial, the one that first contact got through with first."""
        known = self.dialect.spellings.get(self.probe.feature, ("",))
        first = self.footing.cap_spelling if self.probe.feature == "max_tokens" else ""
        return tuple(dict.fromkeys([first, *known] if first else known))

    def meaning(self, turn: Turn) -> Meaning | None:
        """What the error of ``turn`` means, ``None`` when there is none."""
        error = turn.reply.error
        return meaning(without_model_name(error, self.footing.model), self.words) if error else None

    def ask(self, arm: Arm, call: Call) -> Generator[Ask, Answer, Turn]:
        """Ask; when an auxiliary field is refused by name, leave it out and ask again."""
        while True:
            eased = _without(call, self.dropped)
            answer = yield Ask(arm.arm, eased, arm.expects)
            turn = Turn(arm.arm, eased, answer.reply, answer.evidence, self.probe.id, arm.expects)
            self.turns.append(turn)
            refused = self._refused_auxiliary(turn)
            if refused is None:
                return turn
            self.dropped.add(refused)

    def _refused_auxiliary(self, turn: Turn) -> str | None:
        error = turn.reply.error
        if error is None or error.where != "status" or error.status not in (400, 422):
            return None
        error = without_model_name(error, self.footing.model)
        for name in _EASED:
            sent = _without(turn.call, {name}) != turn.call
            if sent and name != self.probe.feature and names_feature(error, self.dialect.fields.get(name, ())):
                return name
        return None


def _without(call: Call, names: set[str]) -> Call:
    empty: dict[str, Any] = {name: False if name == "include_usage" else None for name in names}
    return replace(call, **empty)
