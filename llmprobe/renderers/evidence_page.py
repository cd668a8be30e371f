"""The page on recorded scoreboards: how far they agree with what was published, and where evidence says otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llmprobe.compare import Comparison, Relation, answer_of
from llmprobe.renderers.comparison import differences
from llmprobe.renderers.layout import aligned
from llmprobe.renderers.markdown_reader import read_table
from llmprobe.renderers.notes import LABELS
from llmprobe.renderers.table import (
    COLUMNS,
    INPUTS,
    OUTPUTS,
    SINGLES,
    TEXT_OPTIONS,
    TOOL_TRAITS,
    mode_symbols,
    row_cells,
)
from llmprobe.renderers.untrusted import code, escape, one_line
from llmprobe.scoreboard import CELLS, Row, Scoreboard
from llmprobe.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One recorded scoreboard beside the published one; ``files`` are the recordings it was made from."""

    name: str
    board: Scoreboard
    compared: Comparison
    read: int
    decoded: int
    missing: int = 0
    """Recordings that an index names and that were not there."""


def agreement(snapshots: Sequence[Snapshot]) -> list[str]:
    """A row for each snapshot and one for all: how many cells both judge, and how many of them agree."""
    rows = [_agreement(one.name, one.decoded, one.missing, [one.compared]) for one in snapshots]
    total = _agreement(
        "all",
        sum(one.decoded for one in snapshots),
        sum(one.missing for one in snapshots),
        [one.compared for one in snapshots],
    )
    head = ["Recordings", "model calls", "missing", "judged", "agree", "differ", "share", "not judged"]
    return aligned([head, *rows, total], "| ", " | ", " |", "-")


def _agreement(name: str, calls: int, missing: int, compared: Sequence[Comparison]) -> list[str]:
    counts = Counter(cell.relation for one in compared for cell in one.cells)
    judged = counts["agrees"] + counts["differs"]
    share = f"{100 * counts['agrees'] / judged:.1f} %" if judged else "-"
    numbers = (calls, missing, judged, counts["agrees"], counts["differs"])
    return [name, *map(str, numbers), share, str(counts["not judged"])]


def by_cell(snapshots: Sequence[Snapshot]) -> list[str]:
    """The same, for each kind of cell."""
    relations: tuple[Relation, ...] = ("agrees", "differs", "not judged")
    rows = []
    for cell in CELLS:
        counts = Counter(x.relation for one in snapshots for x in one.compared.cells if x.cell == cell)
        if any(counts[relation] for relation in relations):
            rows.append([LABELS[cell], *(str(counts[relation]) for relation in relations)])
    return aligned([["Cell", *relations], *rows], "| ", " | ", " |", "-")


def contradictions(snapshots: Iterable[Snapshot]) -> list[str]:
    """Every published cell that the recordings contradict, by snapshot."""
    lines: list[str] = []
    for one in snapshots:
        if one.compared.differing:
            lines += [f"### {one.name}", "", *differences(one.compared.differing), ""]
    return lines


def unjudged(snapshots: Iterable[Snapshot]) -> list[str]:
    """Why published cells were not judged, with how many of each kind."""
    reasons: Counter[tuple[int, str]] = Counter()
    for one in snapshots:
        for cell in one.compared.cells:
            if cell.relation == "not judged":
                reasons[CELLS.index(cell.cell), _why_unjudged(cell.ours)] += 1
    return [
        f"- **{LABELS[CELLS[place]]}**, {number} ×: {escape(one_line(why, 200))}"
        for (place, why), number in sorted(reasons.items())
    ]


def _why_unjudged(verdict: Verdict) -> str:
    return verdict.reason if verdict.outcome == "inconclusive" else "no recorded request asks for it"


def printed_differences(board: Scoreboard, data: Scoreboard, printed: str) -> list[str]:
    """Every cell of a printed table that comes out differently in ours, each with the reason that the evidence gives.

    ``data`` is what the table was printed from, ``printed`` its Markdown. The last line counts those that are the same.
    """
    lines: dict[str, list[str]] = {}
    same = compared = 0
    for row in (row for row in read_table(printed) if row.mode):
        ours, said = _same(board, row), _same(data, row)
        if ours is None or said is None:
            lines.setdefault("the row has no recording", []).append(code(row.model))
            continue
        for column, before, after in zip(COLUMNS, row_cells(row), row_cells(ours), strict=True):
            same += before == after
            compared += 1
            if before != after:
                why = _why_printed(column, row, ours, said)
                name = f"{code(row.model)} {mode_symbols(row)}"
                lines.setdefault(f"**{column}** printed {before}, recorded {after}: {why}", []).append(name)
    told = [f"- {what}. ({_rows(rows)})" for what, rows in sorted(lines.items(), key=lambda line: _place(line[0]))]
    return [*told, "", f"{same} of {compared} cells, with model and mode, are the same."]


def _place(line: str) -> int:
    """Where the column that ``line`` begins with stands in the table."""
    return next((place for place, column in enumerate(COLUMNS) if line.startswith(f"**{column}**")), -1)


def _rows(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} rows, such as {names[0]}"


def _same(board: Scoreboard, wanted: Row) -> Row | None:
    key = (wanted.model, wanted.thinking, wanted.mode)
    return next((row for row in board.rows if (row.model, row.thinking, row.mode) == key), None)


def _why_printed(column: str, printed: Row, ours: Row, said: Row) -> str:
    """What the cells in ``column`` say of the difference: ours, those of the data, those of the print."""
    told = []
    for cell in _CELLS_OF[column]:
        verdict = ours.cells.get(cell, Verdict("untested"))
        data, shown = (row.cells.get(cell, Verdict("untested")) for row in (said, printed))
        if answer_of(verdict) == answer_of(shown) or (verdict.outcome == "untested" and answer_of(shown) == "unknown"):
            continue
        if verdict.outcome == "untested":
            told.append(f"{LABELS[cell]}: no recorded request asks for it")
        elif answer_of(data) == answer_of(verdict):
            told.append(f"{LABELS[cell]}: the data behind the table says “{answer_of(data)}” as the recordings do: "
                        f"{escape(one_line(verdict.reason, 120))}; its printer turns this round")  # fmt: skip
        else:
            told.append(f"{LABELS[cell]}: {escape(one_line(verdict.reason, 200))}")
    return "; ".join(told)


_CELLS_OF: Mapping[str, tuple[str, ...]] = {
    "Model": (),
    "Mode": ("thinking",),
    "➛In": tuple(INPUTS),
    "Out➛": tuple(OUTPUTS),
    "Tool": ("tool", *TOOL_TRAITS),
    "Text": tuple(TEXT_OPTIONS),
    **{column: (cell,) for column, cell in SINGLES.items()},
}


def render(introduction: str, snapshots: Sequence[Snapshot], shown: str, printed: Sequence[str]) -> str:
    """The whole page. ``printed`` are the differences from the printed table of the snapshot ``shown``."""
    links = [f"[{one.name}]({one.name}.md)" for one in snapshots if one.board.rows]
    blocks = [
        [introduction],
        [f"Scoreboards: {', '.join(links)}."],
        ["## Agreement"],
        agreement(snapshots),
        by_cell(snapshots),
        ["## Published cells that the recordings contradict"],
        ["Each with what was recorded, and where."],
        contradictions(snapshots),
        [f"## {shown}, against the table as it was printed"],
        ["Every cell of the printed table that comes out differently, and why."],
        list(printed),
        ["## Cells that were not judged"],
        unjudged(snapshots),
    ]
    return "\n\n".join("\n".join(block).strip() for block in blocks if any(block)) + "\n"
