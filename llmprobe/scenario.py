"""A provider as a scenario file describes it: where it is, what is special about its wire, what to skip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from llmprobe.call import JSON
from llmprobe.scoreboard import Mode


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what we ask of an endpoint and of what it may send us."""

    concurrency: int = 16
    """Requests in flight at once."""
    connect_s: float = 10.0
    idle_s: float = 60.0
    """Longest silence while a reply is awaited or read."""
    total_s: float = 300.0
    body_bytes: int = 8_000_000
    retries: int = 4
    """Further attempts after a transport fault, a 429 or a 5xx."""
    max_wait_s: float = 90.0
    """Longest wait that a server may ask for; a longer one makes the cell inconclusive."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One deviation of a provider's wire from its dialect, applied to the encoded body.

    ``rename`` maps top-level field names, ``patch`` is a JSON merge patch. ``because`` gives the source.
    ``models`` is a glob over model ids.
    """

    because: str
    models: str = "*"
    rename: Mapping[str, str] = field(default_factory=dict)
    patch: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thinking:
    """How models are told to think and not to: JSON merge patches; a model that matches none is asked in
    every spelling that the dialect knows."""

    because: str
    models: str = "*"
    on: Mapping[str, JSON] | None = None
    off: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Models that are listed and not probed, and why."""

    models: str
    because: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a scan needs to know of a provider before it starts."""

    name: str
    title: str
    base_url: str
    dialect: str = "openai-chat"
    country: str = ""
    local: bool = False
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first one set wins; empty: no key is needed."""
    keys_url: str = ""
    """Where a key is made."""
    key_header: str = "authorization"
    key_scheme: str = "Bearer"
    headers: Mapping[str, str] = field(default_factory=dict)
    models_path: str = "/models"
    models: tuple[str, ...] = ()
    """Model ids to probe when the provider lists none."""
    modes: tuple[Mode, ...] = ("sync", "stream")
    limits: Limits = field(default_factory=Limits)
    quirks: tuple[Quirk, ...] = ()
    thinking: tuple[Thinking, ...] = ()
    skips: tuple[Skip, ...] = ()

    def skip_reason(self, model: str) -> str | None:
        """Why ``model`` is not probed, or ``None`` when it is."""
        return next((skip.because for skip in self.skips if fnmatchcase(model, skip.models)), None)

    def quirks_of(self, model: str) -> tuple[Quirk, ...]:
        """The quirks that apply to ``model``."""
        return tuple(quirk for quirk in self.quirks if fnmatchcase(model, quirk.models))

    def thinking_of(self, model: str) -> Thinking | None:
        """How ``model`` is told to think, when the scenario knows."""
        return next((entry for entry in self.thinking if fnmatchcase(model, entry.models)), None)


_KEPT: Mapping[str, type | None] = {
    "title": None, "country": None, "local": None, "models_path": None, "models": None, "modes": None,
    "quirks": Quirk, "thinking": Thinking, "skips": Skip,
}  # fmt: skip
"""What decides on a scan's requests or is shown of it, and the type of what stands in it."""


def kept(scenario: Scenario) -> str:
    """What a journal keeps of ``scenario``, so that its scan can be gone through again without the file, as JSON."""
    fields = asdict(scenario)
    return json.dumps({name: fields[name] for name in _KEPT}, sort_keys=True)


def restored(scenario: Scenario, text: str) -> Scenario:
    """``scenario`` with what ``kept`` wrote. Raises ``ValueError`` when ``text`` is no such thing."""
    try:
        fields = json.loads(text)
        found: dict[str, Any] = {name: _restored(fields[name], kind) for name, kind in _KEPT.items()}
    except (KeyError, TypeError, RecursionError) as trouble:
        raise ValueError(f"a scenario that cannot be read: {trouble!r}") from None
    return replace(scenario, **found)


def _restored(value: JSON, kind: type | None) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(value) if kind is None else tuple(kind(**fields) for fields in value)
