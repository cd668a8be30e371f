"""A probe as a YAML file describes it: an experiment with a control.

YAML says what is sent and which check decides; there are no expressions in it. ``{name}`` in a string is
replaced by a value that the probe draws or takes from an earlier reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from llmprobe.call import JSON, Role

Expectation: TypeAlias = Literal["any", "call", "no call", "cut"]
"""What must come if all works: a structured tool call, none, or a reply that the output cap cuts."""


@dataclass(frozen=True, slots=True)
class Say:
    """One message to send.

    ``picture`` adds an image of the digits it names ("" draws a blank one). ``calls_of`` plays back the
    tool calls that the reply of that arm made, ``answers`` sends ``text`` as the result of each of them.
    """

    role: Role = "user"
    text: str = ""
    picture: str | None = None
    calls_of: str = ""
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that is offered to the model."""

    name: str
    description: str
    parameters: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Send:
    """What one arm sends. A field that is left out is not sent, or is taken from the arm it is ``like``."""

    messages: tuple[Say, ...] | None = None
    max_tokens: int | None = None
    """Room for visible output; models that think get headroom on top unless ``exact_cap``."""
    exact_cap: bool | None = None
    temperature: float | None = None
    seed: str | None = None
    stop: tuple[str, ...] | None = None
    json: bool | None = None
    schema: Mapping[str, JSON] | None = None
    tools: tuple[Offer, ...] | None = None
    tool_choice: Literal["auto", "none", "required"] | None = None
    top_logprobs: int | None = None
    patch: Mapping[str, JSON] | None = None
    """Wire fields sent as they are: for fields that no dialect knows."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One request of the experiment, sent ``repeat`` times."""

    arm: str
    send: Send = field(default_factory=Send)
    like: str = ""
    repeat: int = 1
    expects: Expectation = "any"
    """For the observers, which judge over the whole row."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the experiment. The next one is tried when this one's control leaves no room."""

    name: str
    setup: tuple[Arm, ...]
    """Controls, sent once for a case."""
    trial: tuple[Arm, ...]
    """Sent again for each trial."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Drawn once, on top of the probe's own."""
    derive: Mapping[str, str] = field(default_factory=dict)
    """Values taken from the replies of the setup: name -> way of taking, from ``conversation.values.DERIVE``."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Which check decides a cell, with its arguments."""

    check: str
    args: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trials:
    """``least`` unanimous trials decide; when they disagree, up to ``most`` are made."""

    least: int = 10
    most: int = 15


@dataclass(frozen=True, slots=True)
class Probe:
    """One experiment, and the cells that it decides.

    A probe without variants sends nothing: it ``observes`` what all exchanges of a row have shown.
    """

    id: str
    version: int
    title: str
    claim: str
    """What a green cell states."""
    sent: str
    """What is sent and what must happen, in one or two sentences, for the legend and ``explain``."""
    cells: Mapping[str, Decide]
    feature: str = ""
    """The feature of a dialect that is on trial: names its spellings and how a refusal would call it."""
    symbol: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """Drawn once for a case: name -> kind, from ``conversation.values.DRAW``."""
    fresh: Mapping[str, str] = field(default_factory=dict)
    """Drawn anew for each trial."""
    variants: tuple[Variant, ...] = ()
    trials: Trials = field(default_factory=Trials)
    refines: bool = False
    """An observer that may change the verdict which another probe gave its cell."""

    @property
    def observes(self) -> bool:
        """Sends nothing of its own."""
        return not self.variants

    @property
    def stamp(self) -> str:
        """``id@version``, as it stands in verdicts."""
        return f"{self.id}@{self.version}"


def strings_in(value: Any) -> list[str]:
    """Every string inside ``value``, keys of mappings included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in strings_in(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in strings_in(part)]
    return []
