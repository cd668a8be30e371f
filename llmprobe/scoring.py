"""From the findings of all probes to a row: what observers add, and what was odd on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from llmprobe.checks import OBSERVERS
from llmprobe.checks.evidence import Turn
from llmprobe.conversation import Contact, Finding, Footing
from llmprobe.probe import Probe
from llmprobe.scoreboard import CELLS, Mode, Row
from llmprobe.verdict import Verdict

_ODDITIES = 6
"""Different oddities that a row's note tells."""


def score_row(footing: Footing, findings: Mapping[str, Finding], probes: Sequence[Probe]) -> Row:
    """The row of ``footing`` from the finding of each probe, by probe id.

    Findings are read in the order of ``probes``: cases end in any order, and the row must not hang on it.
    """
    found = [findings[probe.id] for probe in probes if probe.id in findings]
    turns = [turn for finding in found for turn in finding.turns]
    cells = {cell: verdict for finding in found for cell, verdict in finding.verdicts.items()}
    return Row(
        footing.model,
        footing.thinking,
        "stream" if footing.stream else "sync",
        _ordered(_observe(probes, turns, cells)),
        note=oddities(turns),
        served=served(footing.model, turns),
    )


def unknown_row(model: str, mode: Mode, why: str, probes: Iterable[Probe]) -> Row:
    """The row of a model that gave no answer at first contact: nothing could be found out."""
    cells = {cell: Verdict("inconclusive", why) for probe in probes if not probe.observes for cell in probe.cells}
    return Row(model, False, mode, _ordered(cells), note=f"first contact failed: {why}")


def canary_note(contacts: Iterable[Contact]) -> str:
    """Whether acceptance means anything here: how many models took a field that exists nowhere."""
    answers = [found.tolerates_unknown for found in contacts if found.state == "chats"]
    return (
        f"A made-up request field was accepted by {answers.count(True)} and refused by {answers.count(False)} "
        f"of {len(answers)} chatting models: where it is accepted, acceptance of a parameter alone proves nothing."
    )


def _observe(probes: Sequence[Probe], turns: Sequence[Turn], cells: Mapping[str, Verdict]) -> dict[str, Verdict]:
    known = dict(cells)
    for probe in (probe for probe in probes if probe.observes):
        for cell, decide in probe.cells.items():
            verdict = OBSERVERS[decide.check](turns, known)
            if verdict is not None:
                known[cell] = replace(verdict, probe=probe.stamp)
    return known


def oddities(turns: Sequence[Turn]) -> str:
    """Deviations from the documented wire format that were read over, with their counts."""
    seen = Counter(oddity for turn in turns for oddity in turn.reply.oddities)
    told = [f"{oddity} ({count} of {len(turns)} replies)" for oddity, count in sorted(seen.items())[:_ODDITIES]]
    return f"odd on the wire: {'; '.join(told)}" if told else ""


def served(model: str, turns: Sequence[Turn]) -> tuple[str, ...]:
    names = {turn.reply.model for turn in turns if isinstance(turn.reply.model, str)}
    return tuple(sorted(name for name in names - {model} if name))


def _ordered(cells: Mapping[str, Verdict]) -> dict[str, Verdict]:
    return {cell: cells[cell] for cell in CELLS if cell in cells}
