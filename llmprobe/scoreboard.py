"""The scoreboard: what a scan found out, as data. Renderers read it and know nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from llmprobe.verdict import STRENGTHS, Strength, Verdict

SCHEMA_VERSION = 1

Mode: TypeAlias = Literal["sync", "stream"]

CELLS = (
    "text", "image", "pdf", "audio", "video",
    "text_out", "image_out", "audio_out", "video_out",
    "json", "schema",
    "tool", "tool_required", "tool_forbidden", "tool_unbiased", "tool_indecisive", "web_search",
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
    strength: Strength = "shown"
    """The weakest evidence that a table of this scoreboard counts as green."""
    recorded: bool = False
    """Made from traffic that was recorded for other reasons, and not by experiments."""
    schema_version: int = SCHEMA_VERSION


def weighed(board: Scoreboard) -> Scoreboard:
    """``board`` with verdicts on weaker evidence than it asks for turned into "could not find out"."""
    rows = tuple(
        replace(row, cells={cell: _weighed(verdict, board.strength) for cell, verdict in row.cells.items()})
        for row in board.rows
    )
    return replace(board, rows=rows)


def _weighed(verdict: Verdict, least: Strength) -> Verdict:
    weak = STRENGTHS.index(verdict.strength) < STRENGTHS.index(least)
    if not weak or verdict.outcome in ("inconclusive", "untested"):
        return verdict
    return replace(verdict, outcome="inconclusive", reason=f"{verdict.strength} only: {verdict.reason}")
