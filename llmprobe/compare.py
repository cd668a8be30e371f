"""Our scoreboard beside a published one, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from llmprobe.scoreboard import CELLS, Mode, Row, Scoreboard, weighed
from llmprobe.verdict import Outcome, Verdict

Answer: TypeAlias = Literal["yes", "flaky", "partly", "no"]
Relation: TypeAlias = Literal["agrees", "differs", "not judged", "not published"]
"""``not judged``: ours could not find out, or nobody asked; ``not published``: theirs does not say."""

_ANSWERS: Final[Mapping[Outcome, Answer]] = {
    "supported": "yes",
    "flaky": "flaky",
    "partial": "partly",
    "ignored": "no",
    "rejected": "no",
    "broken": "no",
    "absent": "no",
}
_OTHER: Final[Mapping[Mode, Mode]] = {"sync": "stream", "stream": "sync"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell in both scoreboards."""

    model: str
    """As theirs calls it."""
    thinking: bool | None
    mode: Mode
    cell: str
    ours: Verdict
    theirs: Verdict
    relation: Relation
    elsewhere: bool = False
    """Ours of the other mode agrees: theirs may speak of both modes together."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cells of the rows that theirs has."""

    cells: tuple[Compared, ...]
    alone: tuple[Row, ...]
    """Tested rows of theirs that ours has not got."""

    def counted(self) -> dict[str, Counter[Relation]]:
        """How the cells of each kind relate, in the order of the table; without the kinds that neither knows."""
        counts: dict[str, Counter[Relation]] = {cell: Counter() for cell in CELLS}
        for one in self.cells:
            counts[one.cell][one.relation] += 1
        return {cell: found for cell, found in counts.items() if found.total() > found["not published"]}

    @property
    def judged(self) -> int:
        """Cells of which both say something."""
        return sum(one.relation in ("agrees", "differs") for one in self.cells)

    @property
    def differing(self) -> tuple[Compared, ...]:
        """Cells of which they say different things."""
        return tuple(one for one in self.cells if one.relation == "differs")


def compare(ours: Scoreboard, theirs: Scoreboard) -> Comparison:
    """Both scoreboards as their tables would show them, row by row of ``theirs``."""
    ours, theirs = weighed(ours), weighed(theirs)
    cells: list[Compared] = []
    alone: list[Row] = []
    for row in theirs.rows:
        if row.mode is None:
            continue
        same = _row(ours, row, row.mode)
        if same is None:
            alone.append(row)
        else:
            cells.extend(_cells(row, row.mode, same, _row(ours, row, _OTHER[row.mode])))
    return Comparison(tuple(cells), tuple(alone))


def _row(board: Scoreboard, wanted: Row, mode: Mode) -> Row | None:
    """The row of ``board`` for the model of ``wanted``: with the same thinking, else the only one of that very name."""
    name = _name_in(board, wanted.model)
    found = [row for row in board.rows if row.model == name and row.mode == mode]
    exact = [row for row in found if row.thinking == wanted.thinking]
    if exact:
        return exact[0]
    # A model of another name and other thinking would be two guesses: files of one folder are such models.
    return found[0] if len(found) == 1 and name == wanted.model else None


def _name_in(board: Scoreboard, model: str) -> str:
    """What ``board`` calls ``model``: the same, or the only name that is a path to it or the other way round.

    A folder of model files goes by its own name in one place and by that of a file in another.
    """
    names = {row.model for row in board.rows if row.model}
    if not model or model in names:
        return model
    related = [name for name in names if _is_path_to(name, model) or _is_path_to(model, name)]
    return related[0] if len(related) == 1 else model


def _is_path_to(folder: str, name: str) -> bool:
    return name.startswith(f"{folder}/")


def _cells(theirs: Row, mode: Mode, ours: Row, other: Row | None) -> Iterator[Compared]:
    for cell in CELLS:
        mine, published = (row.cells.get(cell, Verdict("untested")) for row in (ours, theirs))
        relation = _relation(mine, published)
        beside = other.cells.get(cell) if other else None
        elsewhere = relation == "differs" and beside is not None and _relation(beside, published) == "agrees"
        yield Compared(theirs.model, theirs.thinking, mode, cell, mine, published, relation, elsewhere)


def _relation(ours: Verdict, theirs: Verdict) -> Relation:
    answer, published = _ANSWERS.get(ours.outcome), _ANSWERS.get(theirs.outcome)
    if published is None:
        return "not published"
    if answer is None:
        return "not judged"
    return "agrees" if answer == published else "differs"


def answer_of(verdict: Verdict) -> str:
    """What a verdict says, in one word."""
    return _ANSWERS.get(verdict.outcome, "unknown")
