"""A comparison as text: how far two scoreboards agree, and every cell in which they do not."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from llmprobe.call import JSON
from llmprobe.compare import Compared, Comparison, Relation, answer_of
from llmprobe.renderers.layout import aligned, counted
from llmprobe.renderers.notes import LABELS
from llmprobe.renderers.table import mode_symbols
from llmprobe.renderers.untrusted import code, escape, one_line, visible
from llmprobe.scoreboard import Row
from llmprobe.verdict import Verdict

_WIDTH = 100
"""Columns of the terminal that prose is broken to. What one may want to copy, the place of evidence, is not."""
_REASON = 300
_RELATIONS: Final[tuple[Relation, ...]] = ("agrees", "differs", "not judged", "not published")


def terminal(found: Comparison) -> str:
    """Tables in plain text, for people."""
    lines = [*aligned(_counts(found), "", "  ", "", "─"), "", _total(found)]
    for row, cells in groupby(found.differing, key=_row):
        lines += ["", *_broken(f"{visible(row.model)} {mode_symbols(row)}", "")]
        lines += [line for one in cells for line in _told(one)]
    lines += [line for text in _missing(found, visible) for line in ("", *_broken(text, ""))]
    return "\n".join(lines) + "\n"


def _told(one: Compared) -> Iterator[str]:
    """One difference, below the heading that says whose it is."""
    yield f"  {LABELS[one.cell]}: published {answer_of(one.theirs)}, ours {answer_of(one.ours)} ({_found(one.ours)})"
    yield from _broken(visible(one_line(_why(one), _REASON)), "    ")
    yield from (f"    {visible(evidence)}" for evidence in one.ours.evidence[:2])


def markdown(found: Comparison) -> str:
    """The same as Markdown."""
    lines = [*aligned(_counts(found), "| ", " | ", " |", "-"), "", _total(found)]
    if found.differing:
        lines += ["", *differences(found.differing, "ours")]
    lines += [line for text in _missing(found, code) for line in ("", text)]
    return "\n".join(lines) + "\n"


def differences(cells: Iterable[Compared], ours: str = "recorded") -> list[str]:
    """A line of Markdown for each of ``cells``: both verdicts, why, and where that can be seen.

    ``ours`` is how our verdict is called.
    """
    lines = []
    for one in cells:
        why = f": {escape(one_line(_why(one), _REASON))}" if _why(one) else ""
        evidence = f" ({code(one.ours.evidence[0])})" if one.ours.evidence else ""
        lines.append(
            f"- {code(one.model)} {mode_symbols(_row(one))} **{LABELS[one.cell]}**: "
            f"published {answer_of(one.theirs)}, {ours} {answer_of(one.ours)}{why}{evidence}"
        )
    return lines


def as_json(found: Comparison) -> str:
    """All cells, for programs."""
    value: dict[str, JSON] = {
        "counts": {cell: dict(counts) for cell, counts in found.counted().items()},
        "judged": found.judged,
        "differing": len(found.differing),
        "cells": [_cell(one) for one in found.cells],
        "only_published": [{"model": row.model, "thinking": row.thinking, "mode": row.mode} for row in found.alone],
    }
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


FORMATS: Final[Mapping[str, Callable[[Comparison], str]]] = {
    "terminal": terminal,
    "markdown": markdown,
    "json": as_json,
}


def _counts(found: Comparison) -> Sequence[Sequence[str]]:
    rows = [
        [LABELS[cell], *(str(counts[relation]) for relation in _RELATIONS)] for cell, counts in found.counted().items()
    ]
    return [["Cell", *_RELATIONS], *rows]


def _total(found: Comparison) -> str:
    """How many cells both judge, and how many of them differ."""
    if not found.judged:
        return "No cell was judged by both"
    agreeing = found.judged - len(found.differing)
    return (
        f"{counted(found.judged, 'cell')} judged by both: {agreeing:,} agree ({100 * agreeing / found.judged:.1f} %), "
        f"{len(found.differing):,} differ"
    )


def _cell(one: Compared) -> dict[str, JSON]:
    return {
        "model": one.model,
        "thinking": one.thinking,
        "mode": one.mode,
        "cell": one.cell,
        "relation": one.relation,
        "elsewhere": one.elsewhere,
        "ours": one.ours.outcome,
        "theirs": one.theirs.outcome,
        "strength": one.ours.strength,
        "successes": one.ours.successes,
        "trials": one.ours.trials,
        "reason": one.ours.reason,
        "evidence": list(one.ours.evidence),
    }


def _row(one: Compared) -> Row:
    """The row of theirs that ``one`` stands in, without its cells."""
    return Row(one.model, one.thinking, one.mode)


def _found(verdict: Verdict) -> str:
    """What is behind our answer, as in "ignored, 0 of 10, shown"."""
    tried = [f"{verdict.successes} of {verdict.trials}"] if verdict.trials else []
    return ", ".join([verdict.outcome, *tried, verdict.strength])


def _why(one: Compared) -> str:
    ours = one.ours
    quote = f"“{ours.quote}”" if ours.quote and ours.quote not in ours.reason else ""
    actual = f"({ours.actual})" if ours.actual and ours.actual not in f"{ours.reason} {ours.quote}" else ""
    count = f"({ours.successes} of {ours.trials})" if ours.outcome == "flaky" else ""
    beside = "(the other mode agrees with what was published)" if one.elsewhere else ""
    return " ".join(part for part in (ours.reason, count, actual, quote, beside) if part)


def _missing(found: Comparison, shown: Callable[[str], str]) -> list[str]:
    """A line on the rows that only theirs has, if there are any."""
    modes: dict[str, list[str]] = {}
    for row in found.alone:
        modes.setdefault(row.model, []).append(mode_symbols(row))
    named = ", ".join(f"{shown(model)} {' '.join(symbols)}" for model, symbols in modes.items())
    return [f"Only published: {named}"] if named else []


def _broken(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
