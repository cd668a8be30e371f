"""The scoreboard file: strict reading, stable writing, and the published schema."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from llmprobe.errors import UsageError
from llmprobe.scoreboard import CELLS, SCHEMA_VERSION, Row, Scoreboard
from llmprobe.scoreboard_file import SCHEMA_PATH, dumps, from_json, load, to_json, write_atomically
from llmprobe.verdict import OUTCOMES, Verdict
from tests.boards import boards, small_board

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


@given(boards)
def test_every_scoreboard_survives_the_file(board: Scoreboard) -> None:
    assert from_json(json.loads(dumps(board))) == board


@given(boards)
def test_the_published_schema_accepts_what_is_written(board: Scoreboard) -> None:
    VALIDATOR.validate(to_json(board))


def test_the_published_schema_is_a_schema_and_names_our_cells_and_outcomes() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert tuple(SCHEMA["$defs"]["row"]["properties"]["cells"]["properties"]) == CELLS
    assert tuple(SCHEMA["$defs"]["cell"]["properties"]["outcome"]["enum"]) == OUTCOMES
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in items for deeper in _paths(item, (*path, key)))]


_ANYTHING = st.sampled_from([None, True, -1, 0, 1, 7, 0.5, 1.5, "", "sync", "supported", [], [0.1, 0.2], {}, {"x": 1}])


@given(st.data())
def test_reader_and_published_schema_refuse_the_same_files(data: st.DataObject) -> None:
    document = json.loads(dumps(small_board()))
    path = data.draw(st.sampled_from([path for path in _paths(document) if path]))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if data.draw(st.booleans()):
        del parent[path[-1]]
    else:
        parent[path[-1]] = data.draw(_ANYTHING)
    try:
        from_json(document)
        accepted = True
    except UsageError:
        accepted = False
    assert accepted == VALIDATOR.is_valid(document)


def test_keys_stand_in_a_fixed_order_whatever_the_order_of_the_cells() -> None:
    cells = {cell: Verdict("supported") for cell in reversed(CELLS)}
    board = Scoreboard("p", "P", (Row("m", False, "sync", cells),), seed=0)
    assert list(to_json(board)) == ["schema_version", "provider", "title", "seed", "requests", "strength", "rows"]
    assert tuple(to_json(board)["rows"][0]["cells"]) == CELLS


def test_empty_optional_fields_are_left_out_and_rates_rounded() -> None:
    verdict = Verdict("flaky", successes=1, trials=3, low=0.061492, high=0.792345)
    written = to_json(Scoreboard("p", "P", (Row("m", False, "sync", {"json": verdict}), Row("n"))))
    cell = {"outcome": "flaky", "successes": 1, "trials": 3, "interval": [0.0615, 0.7923], "strength": "shown"}
    assert written["rows"] == [
        {"model": "m", "thinking": False, "mode": "sync", "cells": {"json": cell}},
        {"model": "n", "thinking": None, "mode": None},
    ]


def test_a_cell_that_no_scoreboard_has_is_not_lost_in_silence() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        dumps(Scoreboard("p", "P", (Row("m", cells={"nonsense": Verdict("supported")}),)))


def test_the_file_is_readable_text_that_cannot_act_on_a_terminal() -> None:
    text = dumps(Scoreboard("p", "é 🏠 \x1b[31m\x9b\u202e\ud800"))
    assert "é 🏠 \\u001b[31m\\u009b\\u202e\\ud800" in text
    assert text.endswith("}\n")
    text.encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {}}, r"\$\.rows: a list was expected, found {}"),
        ({"titel": "x"}, r"\$: unknown key \"titel\", did you mean title\?"),
        ({"requests": True}, r"\$\.requests: a whole number"),
        ({"requests": -1}, r"\$\.requests: a number from 0"),
        ({"rows": [{"model": "m", "thinking": False}]}, r"\$\.rows\[0\]\.mode: is missing"),
        ({"rows": [{"model": "m", "thinking": 0, "mode": None}]}, r"\$\.rows\[0\]\.thinking: true or false"),
        (
            {"rows": [{"model": "m", "thinking": None, "mode": "batch"}]},
            r"\$\.rows\[0\]\.mode: one of \"sync\"",
        ),
        ({"schema_version": 0}, r"\$\.schema_version"),
        ({"schema_version": 2}, r"made by a newer llmprobe"),
    ],
)
def test_what_is_wrong_is_named_by_its_json_path(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_json(to_json(Scoreboard("p", "P")) | change)


def _with_cell(cells: dict[str, Any]) -> dict[str, Any]:
    row = {"model": "m", "thinking": False, "mode": "sync", "cells": cells}
    return to_json(Scoreboard("p", "P")) | {"rows": [row]}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"jsonn": {"outcome": "supported"}}, r"cells: unknown key \"jsonn\", did you mean json\?"),
        ({"json": {}}, r"cells\.json\.outcome: is missing"),
        ({"json": {"outcome": "suported"}}, r"cells\.json\.outcome: one of"),
        ({"json": {"outcome": "flaky", "interval": [0.1]}}, r"json\.interval: two numbers"),
        ({"json": {"outcome": "flaky", "interval": [0.1, 2]}}, r"json\.interval\[1\]: a number from 0 to 1"),
        ({"json": {"outcome": "flaky", "evidence": [1]}}, r"json\.evidence\[0\]: a string"),
    ],
)
def test_what_is_wrong_in_a_cell_is_named_by_its_json_path(cells: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_json(_with_cell(cells))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b'{"schema_version": 1, "schema_version": 1}', "'schema_version' occurs twice"),
        (b'{"schema_version": NaN}', "NaN is not a JSON number"),
        (b"[]", "not a scoreboard"),
        (b'{"openapi": "3.1"}', "not a scoreboard"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema_version": 99, "new": 1}', "made by a newer llmprobe"),
    ],
)
def test_a_file_that_is_no_scoreboard_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message) as refusal:
        load(file)
    assert "x.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: no such file"):
        load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot read"):
        load(tmp_path)


def test_a_written_scoreboard_is_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "acme.json"
    write_atomically(file, dumps(small_board()))
    assert load(file) == small_board()
    assert [path.name for path in file.parent.iterdir()] == ["acme.json"]


def test_a_failed_write_leaves_the_good_file_and_no_scraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "acme.json"
    file.write_text("good", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*acme\.json: No space left on device"):
        write_atomically(file, "new")
    assert file.read_text(encoding="utf-8") == "good"
    assert list(tmp_path.iterdir()) == [file]


def test_writing_keeps_permissions_and_links(tmp_path: Path) -> None:
    file, link = tmp_path / "acme.json", tmp_path / "link.json"
    write_atomically(file, "one")
    plain = tmp_path / "plain"
    plain.touch()
    assert file.stat().st_mode == plain.stat().st_mode
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomically(link, "two")
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
