"""Probe files: reading, checking, finding."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from llmprobe.checks import OBSERVERS, POOLED_CHECKS, TRIAL_CHECKS
from llmprobe.conversation.calls import build_call, resolve
from llmprobe.conversation.talk import Footing
from llmprobe.conversation.values import DERIVE, DRAW, PLACEHOLDER, draw
from llmprobe.errors import UsageError
from llmprobe.files import data_folder
from llmprobe.probe import Arm, Probe, Variant, strings_in
from llmprobe.scoreboard import CELLS
from llmprobe.strict_yaml import bind, did_you_mean, load_file

_COUNT = re.compile("([1-9][0-9]{0,5})?")


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
    if not probe.cells:
        yield "`cells` is empty: a probe decides at least one"
    for cell, decide in probe.cells.items():
        if cell not in CELLS:
            yield f"unknown cell `{cell}`{did_you_mean(cell, CELLS)}"
        known = OBSERVERS if probe.observes else {**TRIAL_CHECKS, **POOLED_CHECKS}
        if decide.check not in known:
            yield _unknown_check(probe, decide.check, tuple(known))
    if not 1 <= probe.trials.least <= probe.trials.most:
        yield "`trials` needs 1 <= least <= most"
    yield from _value_problems({**probe.values, **probe.fresh}, "value")
    for variant in probe.variants:
        yield from _variant_problems(probe, variant)


def _unknown_check(probe: Probe, check: str, known: tuple[str, ...]) -> str:
    if check in OBSERVERS:
        return f"check `{check}` reads every exchange of a row: a probe with it has no variants"
    if probe.observes and (check in TRIAL_CHECKS or check in POOLED_CHECKS):
        return f"check `{check}` judges what was sent: a probe with it needs `variants`"
    return f"unknown check `{check}`{did_you_mean(check, known)}"


def _value_problems(kinds: Mapping[str, str], what: str) -> Iterator[str]:
    for name, kind in kinds.items():
        word, _, count = kind.partition(" ")
        if not PLACEHOLDER.fullmatch(f"{{{name}}}"):
            yield f"{what} `{name}`: a name has small letters and _ only"
        if word not in DRAW or not _COUNT.fullmatch(count):
            yield f"{what} `{name}`: unknown kind `{kind}`{did_you_mean(word, DRAW)}"
            return
    try:
        draw(kinds, random.Random(0))
    except ValueError as trouble:
        yield f"{what} {', '.join(f'`{name}`' for name in kinds)}: cannot be drawn: {trouble}"


def _variant_problems(probe: Probe, variant: Variant) -> Iterator[str]:
    where = f"variant `{variant.name}`"
    if not variant.setup or not variant.trial:
        yield f"{where}: needs both a setup (the control) and a trial"
    yield from _value_problems({**probe.values, **variant.values}, f"{where}: value")
    for name, way in variant.derive.items():
        if way not in DERIVE:
            yield f"{where}: `{name}` is taken in an unknown way `{way}`{did_you_mean(way, DERIVE)}"
        elif all(arm.arm != "control" for arm in variant.setup):
            yield f"{where}: `{name}` is taken from the arm `control`, which its setup lacks"
    arms = (*variant.setup, *variant.trial)
    for place in range(len(arms)):
        yield from (f"{where}: arm `{arms[place].arm}` {problem}" for problem in _arm_problems(probe, variant, place))
    yield from (f"{where}: {problem}" for problem in _needs(probe, variant))


def _needs(probe: Probe, variant: Variant) -> Iterator[str]:
    """What the checks need and the variant lacks."""
    values = {*probe.values, *probe.fresh, *variant.values, *variant.derive}
    for check in (decide.check for decide in probe.cells.values()):
        needed = TRIAL_CHECKS.get(check)
        if needed is None:
            continue
        for part, arms, names in (("setup", variant.setup, needed.setup), ("trial", variant.trial, needed.trial)):
            for name in names:
                if all(arm.arm != name for arm in arms):
                    yield f"check `{check}` needs an arm `{name}` in the {part}"
        for name in needed.values:
            if name not in values:
                yield f"check `{check}` needs a value `{name}`"


def _arm_problems(probe: Probe, variant: Variant, place: int) -> Iterator[str]:
    arms = (*variant.setup, *variant.trial)
    names = [arm.arm for arm in arms]
    arm, in_trial = arms[place], place >= len(variant.setup)
    if names.count(arm.arm) > 1:
        yield "stands there twice: two arms need two names"
    if arm.like and arm.like not in names[:place]:
        yield f"is like `{arm.like}`, which does not stand before it{did_you_mean(arm.like, names)}"
        return
    if not arm.like and not arm.send.messages:
        yield "sends no messages"
    if arm.repeat < 1 or (in_trial and arm.repeat > 1):
        yield "has a `repeat` that makes no sense: 1 or more in a setup, and none in a trial"
    known = {*probe.values, *variant.values, *((*variant.derive, *probe.fresh) if in_trial else ())}
    for placeholder in dict.fromkeys(_placeholders(arm)):
        if placeholder not in known:
            yield f"uses {{{placeholder}}}, which no value is called{did_you_mean(placeholder, known)}"
    yield from _dialogue_problems(arm, names[len(variant.setup) if in_trial else 0 : place])
    yield from _building_problems(probe, variant, arm)


def _placeholders(arm: Arm) -> Iterator[str]:
    send = {name: getattr(arm.send, name) for name in arm.send.__slots__}
    texts = strings_in({**send, "messages": [(say.text, say.picture) for say in arm.send.messages or ()]})
    texts += [text for tool in arm.send.tools or () for text in strings_in((tool.description, tool.parameters))]
    return (name for text in texts for name in PLACEHOLDER.findall(text))


def _dialogue_problems(arm: Arm, before: list[str]) -> Iterator[str]:
    """Calls can be played back, and answered, of an arm that was asked before in the same part."""
    for other in (say.calls_of or say.answers for say in arm.send.messages or ()):
        if other and other not in before:
            yield f"builds on the calls of `{other}`, which does not stand before it{did_you_mean(other, before)}"


def _building_problems(probe: Probe, variant: Variant, arm: Arm) -> Iterator[str]:
    """A trial run with drawn values: seeds must be numbers, pictures show digits."""
    kinds = {**probe.values, **variant.values, **probe.fresh}
    try:
        values = draw(kinds, random.Random(0)) | dict.fromkeys(variant.derive, "word")
        build_call(resolve(arm, (*variant.setup, *variant.trial)), Footing("model"), values, ())
    except (ValueError, KeyError) as trouble:
        yield f"cannot be sent: {trouble}"
