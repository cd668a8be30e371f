"""Probe files: the shipped ones load, broken ones say what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmprobe.errors import UsageError
from llmprobe.files import data_folder
from llmprobe.probe_file import digest, load_probe, probes
from llmprobe.scoreboard import CELLS
from tests.talks import DIALECT

SHIPPED = sorted(data_folder("probes").glob("*.yaml"))

GOOD = """\
id: mine
version: 1
title: Mine
feature: stop
claim: It works.
sent: Two requests.
cells:
  stop: {check: stop}
trials: {least: 3, most: 5}
values: {list: words 9, number: integer 4}
fresh: {code: digits 5}
variants:
  - name: one way
    setup:
      - arm: control
        repeat: 2
        send:
          messages:
            - text: "Copy this: {list}"
          max_tokens: 100
    derive: {word: shared middle word}
    trial:
      - arm: treatment
        like: control
        send: {stop: ["{word}"]}
"""


def load(folder: Path, *changes: tuple[str, str]) -> str:
    """The message for the good file with ``changes``; "" when it loads."""
    text = GOOD
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_probe(path)
    except UsageError as error:
        where, _, message = str(error).partition(str(path))
        return f"{where}{message.lstrip(':')}"
    return ""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_loads(path: Path) -> None:
    """With a version, a claim, what is sent, and words for refusals where something can be refused."""
    probe = load_probe(path)

    assert probe.version >= 1
    assert probe.title
    assert probe.claim.endswith(".")
    assert len(probe.sent.strip()) > 40
    assert set(probe.cells) <= set(CELLS)
    assert probe.observes or probe.feature == "stream" or probe.feature in DIALECT.fields


def test_the_shipped_probes_come_in_the_order_of_the_table_and_observers_last() -> None:
    """Observers need the other cells, and those that refine a cell need its verdict."""
    known = probes()
    places = [min(CELLS.index(cell) for cell in probe.cells) for probe in known if not probe.observes]
    kinds = [(probe.refines, probe.observes) for probe in known]

    assert len(known) == len(SHIPPED) == 17
    assert places == sorted(places)
    assert kinds == sorted(kinds)
    assert kinds[-1] == (True, True)


def test_no_two_shipped_probes_decide_the_same_cell() -> None:
    """But for those that say that they refine it."""
    cells = [cell for probe in probes() if not probe.refines for cell in probe.cells]

    assert len(cells) == len(set(cells))


def test_the_digest_changes_with_any_content() -> None:
    """A journal made with other probes cannot be resumed."""
    known = probes()

    assert digest(known) == digest(tuple(known))
    assert len({digest(known), digest(known[1:]), digest(known[::-1])}) == 3


def test_the_good_file_is_good(tmp_path: Path) -> None:
    """What the broken ones are made from."""
    assert load(tmp_path) == ""


LIKE = "        like: control\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id: mine", "id: other"), "the id is `other` but the file is called mine.yaml"),
        (("stop: {check: stop}", "stpo: {check: stop}"), "unknown cell `stpo`, did you mean `stop`?"),
        (("{check: stop}", "{check: stopp}"), "unknown check `stopp`, did you mean `stop`?"),
        (("{check: stop}", "{check: usage}"), "check `usage` reads every exchange of a row"),
        (("{check: stop}", "{check: seed}"), "check `seed` needs an arm `other` in the setup"),
        (("{check: stop}", "{check: max_tokens}"), "check `max_tokens` needs a value `cap`"),
        (("  stop: {check: stop}", "  - stop"), "should be a mapping"),
        (("cells:\n  stop: {check: stop}\n", "cells: {}\n"), "`cells` is empty"),
        (("least: 3, most: 5", "least: 6, most: 5"), "`trials` needs 1 <= least <= most"),
        (("least: 3, most: 5", "least: 0, most: 5"), "`trials` needs 1 <= least <= most"),
        (("least: 3, most: 5", "least: 3.5, most: 5"), "whole number"),
        (("list: words 9", "list: wrods 9"), "value `list`: unknown kind `wrods 9`, did you mean `words`?"),
        (("list: words 9", "list: words many"), "value `list`: unknown kind `words many`"),
        (("list: words 9", "list: words 99"), "cannot be drawn"),
        (("number: integer 4", "number: integer 0"), "unknown kind `integer 0`"),
        (("number: integer 4", "number_2: integer 4"), "`number_2`: a name has small letters and _ only"),
        (("{word: shared middle word}", "{word: any word}"), "`word` is taken in an unknown way `any word`"),
        (("Copy this: {list}", "Copy this: {lsit}"), "uses {lsit}, which no value is called, did you mean `list`"),
        (("Copy this: {list}", "Copy this: {code}"), "arm `control` uses {code}, which no value is called"),
        (("Copy this: {list}", "Copy this: {word} {list}"), "uses {word}, which no value is called"),
        ((LIKE, "        like: contrl\n"), "is like `contrl`, which does not stand before it, did you mean `control`?"),
        ((LIKE, "        like: treatment\n"), "is like `treatment`, which does not stand before it"),
        (("        repeat: 2\n", "        like: treatment\n"), "is like `treatment`, which does not stand before it"),
        (("      - arm: treatment\n", "      - arm: control\n"), "stands there twice"),
        (("      - arm: control\n", "      - arm: contrl\n"), "taken from the arm `control`, which its setup lacks"),
        (("        repeat: 2\n", "        repeat: 0\n"), "`repeat` that makes no sense"),
        ((LIKE, LIKE + "        repeat: 3\n"), "`repeat` that makes no sense"),
        ((LIKE, ""), "arm `treatment` sends no messages"),
        (('send: {stop: ["{word}"]}', 'send: {seed: "{list}"}'), "cannot be sent"),
        (('send: {stop: ["{word}"]}', 'send: {seed: "{number}"}'), ""),
        (('send: {stop: ["{word}"]}', 'send: {messages: [{text: x, picture: "{list}"}]}'), "cannot be sent"),
        (('send: {stop: ["{word}"]}', 'send: {messages: [{text: x, picture: "{code}"}]}'), ""),
        (('send: {stop: ["{word}"]}', "send: {messages: [{role: assistant, calls_of: call}]}"),
         "builds on the calls of `call`, which does not stand before it"),
        (('send: {stop: ["{word}"]}', "send: {stopp: [x]}"), "did you mean `stop`"),
        (('send: {stop: ["{word}"]}', "send: {tool_choice: must}"), "one of `auto`, `none`, `required`"),
        (("claim: It works.\n", ""), "lacks the key `claim`"),
    ],
)  # fmt: skip
def test_a_broken_file_says_what_is_wrong(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    """The file's name and a helpful message; the harmless changes load."""
    found = load(tmp_path, change)

    assert message in found
    assert bool(message) == bool(found)


def test_a_variant_needs_a_control_and_a_trial(tmp_path: Path) -> None:
    """An experiment without a control proves nothing."""
    setup = GOOD[GOOD.index("    setup:") : GOOD.index("    derive:")]
    trial = GOOD[GOOD.index("    trial:") :]

    assert "needs both a setup (the control) and a trial" in load(tmp_path, (setup, "    setup: []\n"))
    assert "needs both a setup (the control) and a trial" in load(tmp_path, (trial, "    trial: []\n"))


def test_a_check_that_judges_what_is_sent_needs_variants(tmp_path: Path) -> None:
    """A file without any would observe."""
    assert "needs `variants`" in load(tmp_path, (GOOD[GOOD.index("variants:") :], ""))


def test_a_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read"):
        load_probe(tmp_path / "none.yaml")
