"""The scoreboard: what a scan found out, as data. Renderers read it and know nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llmprobe.verdict import Verdict

SCHEMA_VERSION = 1

Mode: TypeAlias = Literal["sync", "stream"]

CELLS = (
    "text", "image", "pdf", "audio", "video",
    "text_out", "image_out", "audio_out", "video_out",
    "json", "schema",
    "tool", "tool_required", "tool_forbidden", "tool_unbiased", "tool_indecisive",
    "batch", "file", "cite",
    "seed", "max_tokens", "stop",
    "probs", "limits", "usage", "finish", "thinking",
)  # fmt: skip
"""Every cell that a row can hold, in the order of the table. A cell that is missing is untested."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model in one mode, with thinking on or off.

    ``thinking`` and ``mode`` are ``None`` in the single row of a model that was not tested; ``note`` then
    says why.
    """

    model: str
    thinking: bool | None = None
    mode: Mode | None = None
    cells: Mapping[str, Verdict] = field(default_factory=dict)
    note: str = ""
    served: tuple[str, ...] = ()
    """Model names that the replies gave, when they differ from ``model``."""


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """All rows of one provider, in the order in which it lists its models."""

    provider: str
    title: str
    rows: tuple[Row, ...] = ()
    country: str = ""
    local: bool = False
    base_url: str = ""
    dialect: str = ""
    tool_version: str = ""
    scanned_at: str = ""
    """UTC, ISO 8601, to the second."""
    seed: int | None = None
    trials: int | None = None
    requests: int = 0
    notes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
