"""What a scan shows while it runs: a live table on a terminal, a line for each row elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmprobe.renderers.table import row_cells
from llmprobe.renderers.untrusted import one_line, visible

if TYPE_CHECKING:
    from llmprobe.exchange import Exchange
    from llmprobe.scoreboard import Row

_REFRESH = 8
"""Redraws a second."""


class Display:
    """Counts what a scan tells, and shows nothing: the quiet one, and the base of the others."""

    def __init__(self) -> None:
        self.title = ""
        self.listed = 0
        self.rows = 0
        self.done: set[str] = set()
        self.sent = 0
        self.replayed = 0
        self.started = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begin(self, title: str, kept: int) -> None:
        """The scan of ``title`` begins; ``kept`` exchanges of an unfinished one are used again."""
        self.title = title
        if kept:
            self._tell(f"resuming: {kept:,} recorded exchanges are used again (--fresh begins anew)")

    def models(self, count: int) -> None:
        """See ``Progress.models``."""
        self.listed = count

    def row(self, row: Row) -> None:
        """See ``Progress.row``."""
        self.rows += 1
        self.done.add(row.model)

    def exchange(self, exchange: Exchange, replayed: bool) -> None:
        """See ``Progress.exchange``."""
        del exchange
        self.sent += not replayed
        self.replayed += replayed

    def _tell(self, line: str) -> None:
        del line

    def status(self) -> str:
        """One line on how far the scan is."""
        kept = f" + {self.replayed:,} from the journal" if self.replayed else ""
        return (
            f"{self.title}: {len(self.done)} of {self.listed} models, {self.rows} rows, "
            f"{self.sent:,} requests{kept}, {time.monotonic() - self.started:.1f} s"
        )


class Lines(Display):
    """A line on stderr for each finished row: for logs."""

    def row(self, row: Row) -> None:
        """See ``Progress.row``."""
        super().row(row)
        model, *cells = row_cells(row)
        note = f"  {row.note}" if row.note else ""
        self._tell(f"{visible(model)}  {' '.join(cells)}{visible(one_line(note, 160))}")

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._tell(self.status())

    def _tell(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class LiveTable(Display):
    """The finished rows and a status line, redrawn in place on a terminal's stderr."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self._recent: deque[str] = deque(maxlen=max(3, self._console.height - 4))
        self._live: Any = Live(
            console=self._console, refresh_per_second=_REFRESH, transient=True, get_renderable=self._draw
        )

    def __enter__(self) -> Display:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, trouble, trace)

    def row(self, row: Row) -> None:
        """See ``Progress.row``."""
        super().row(row)
        model, *cells = row_cells(row)
        name = one_line(visible(model), 32)
        self._recent.append(f"{name:<32} {' '.join(cells) if row.mode else '?'}")

    def _draw(self) -> Any:
        from rich.text import Text

        return Text("\n".join([*self._recent, self.status()]), no_wrap=True, overflow="ellipsis")

    def _tell(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)


def display(quiet: bool) -> Display:
    """The display that fits: none, live on a terminal, or plain lines."""
    if quiet:
        return Display()
    return LiveTable() if sys.stderr.isatty() else Lines()
