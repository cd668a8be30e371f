"""What a scan tells while it runs."""

from __future__ import annotations

from typing import Protocol

from llmprobe.exchange import Exchange
from llmprobe.scoreboard import Row


class Progress(Protocol):
    """Whoever listens to a scan: a live table, lines in a log, or nobody."""

    def models(self, count: int) -> None:
        """The provider lists ``count`` models."""

    def row(self, row: Row) -> None:
        """A row is finished."""

    def exchange(self, exchange: Exchange, replayed: bool) -> None:
        """An exchange was made, or found in the journal."""


class Nobody:
    """Listens to nothing."""

    def models(self, count: int) -> None:
        """See ``Progress.models``."""

    def row(self, row: Row) -> None:
        """See ``Progress.row``."""

    def exchange(self, exchange: Exchange, replayed: bool) -> None:
        """See ``Progress.exchange``."""
