"""Probe files: reading, checking, finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

from llmprobe.checks import OBSERVERS, POOLED_CHECKS, TRIAL_CHECKS
from llmprobe.conversation import DERIVE, DRAW
from llmprobe.errors import UsageError
from llmprobe.files import data_folder
from llmprobe.probe import Probe, Variant, strings_in
from llmprobe.scoreboard import CELLS
from llmprobe.strict_yaml import bind, did_you_mean, load_file

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@cache
def probes() -> tuple[Probe, ...]:
    """Every shipped probe, in the order of the table's cells; observers last, those that refine at the end."""
    found = [load_probe(path) for path in sorted(data_folder("probes").glob("*.yaml"))]
    return tuple(sorted(found, key=lambda probe: (probe.refines, probe.observes, _place(probe))))


def _place(probe: Probe) -> int:
    return min(CELLS.index(cell) for cell in probe.cells)


def digest(known: tuple[Probe, ...]) -> str:
    """A short mark of all probes' contents: a journal made with others cannot be resumed."""
    return sha256(repr(known).encode()).hexdigest()[:16]


def load_probe(path: Path) -> Probe:
    """The probe in ``path``; ``UsageError`` with the file's name and what is wrong."""
    probe = bind(load_file(path), Probe)
    problem = next(_problems(probe, path.stem), None)
    if problem:
        raise UsageError(f"{path}: {problem}")
    return probe


def _problems(probe: Probe, stem: str) -> Iterator[str]:
    if probe.id != stem:
        yield f"the id is `{probe.id}` but the file is called {stem}.yaml"
    for cell, decide in probe.cells.items():
        if cell not in CELLS:
            yield f"unknown cell `{cell}`{did_you_mean(cell, CELLS)}"
        known = OBSERVERS if probe.observes else {**TRIAL_CHECKS, **POOLED_CHECKS}
        if decide.check not in known:
            yield f"unknown check `{decide.check}`{did_you_mean(decide.check, known)}"
    drawn = [*probe.values.items(), *probe.fresh.items()]
    for name, kind in drawn + [pair for variant in probe.variants for pair in variant.values.items()]:
        word, _, count = kind.partition(" ")
        if word not in DRAW or not (count == "" or count.isdigit()):
            yield f"value `{name}`: unknown kind `{kind}`{did_you_mean(word, DRAW)}"
    if not 1 <= probe.trials.least <= probe.trials.most:
        yield "`trials` needs 1 <= least <= most"
    for variant in probe.variants:
        yield from _variant_problems(probe, variant)


def _variant_problems(probe: Probe, variant: Variant) -> Iterator[str]:
    where = f"variant `{variant.name}`"
    arms = (*variant.setup, *variant.trial)
    names = [arm.arm for arm in arms]
    if not variant.setup or not variant.trial:
        yield f"{where}: needs both a setup (the control) and a trial"
    for name, way in variant.derive.items():
        if way not in DERIVE:
            yield f"{where}: `{name}` is taken in an unknown way `{way}`{did_you_mean(way, DERIVE)}"
    for place, arm in enumerate(arms):
        if names.count(arm.arm) > 1:
            yield f"{where}: two arms are called `{arm.arm}`"
        if arm.like and arm.like not in names[:place]:
            yield f"{where}: arm `{arm.arm}` is like `{arm.like}`, which does not stand before it"
        if not arm.like and arm.send.messages is None:
            yield f"{where}: arm `{arm.arm}` sends no messages"
        known = {*probe.values, *variant.values, *variant.derive}
        if arm in variant.trial:
            known |= set(probe.fresh)
        send = {name: getattr(arm.send, name) for name in arm.send.__slots__}
        texts = strings_in({**send, "messages": [(say.text, say.picture) for say in arm.send.messages or ()]})
        texts += [text for tool in arm.send.tools or () for text in strings_in((tool.description, tool.parameters))]
        for placeholder in (name for text in texts for name in _PLACEHOLDER.findall(text)):
            if placeholder not in known:
                yield f"{where}: arm `{arm.arm}` uses {{{placeholder}}}, which no value is called"
