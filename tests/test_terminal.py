"""The table in the terminal, and ``llmprobe render``, which prints it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from wcwidth import wcswidth

from llmprobe.cli.render import render as command
from llmprobe.errors import UsageError
from llmprobe.renderers import render
from llmprobe.renderers.legend import SHORT
from llmprobe.renderers.table import COLUMNS
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import dumps
from tests.boards import NASTY, boards, small_board

LEGEND_LINES = len(SHORT)


def _shown(board: Scoreboard, width: int | None = None) -> list[str]:
    return render(board, "terminal", width=width).split("\n")


def _column(line: str, position: int) -> str:
    """What stands in ``line`` from display column ``position`` on."""
    index = next(index for index in range(len(line) + 1) if wcswidth(line[:index]) >= position)
    return line[index:]


def test_title_table_legend_and_totals_are_shown() -> None:
    lines = _shown(small_board())
    assert lines[0] == "Acme 🌐 US"
    assert tuple(lines[1].split()) == COLUMNS
    assert lines[5].split()[:5] == ["b", "🕰️🧠", "💬", "💬", "❌"]
    assert tuple(lines[7:10]) == SHORT
    assert lines[10:] == ["3 models, 4 rows, 5,123 requests", ""]


def test_totals_know_singular_and_local_endpoints_show_a_house() -> None:
    lines = _shown(Scoreboard("p", "P", (Row("m"),), local=True, requests=1))
    assert lines[0] == "P 🏠"
    assert lines[-2] == "1 model, 1 row, 1 request"


def test_cells_stand_under_their_headers_by_display_width() -> None:
    lines = _shown(Scoreboard("p", "P", (Row("モデル-1", True, "sync"), Row("m", False, "stream"), Row("🏠"))))
    header, _, *rows = lines[1:6]
    mode = wcswidth(header[: header.index(" Mode ") + 1])
    assert [_column(row, mode).split()[0] for row in rows] == ["🕰️🧠", "📡", "?"]
    finish = wcswidth(header[: header.index("Finish")])
    assert [_column(row, finish).strip() for row in rows] == ["?", "?", "?"]


def test_the_short_legend_fits_80_columns() -> None:
    assert max(map(wcswidth, SHORT)) <= 80


def test_terminal_codes_in_ids_are_neutralised() -> None:
    lines = _shown(Scoreboard("p", NASTY, (Row(NASTY, note=NASTY),)))
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 4 + LEGEND_LINES + 2


@given(boards)
def test_nothing_in_a_board_reaches_the_terminal_unseen(board: Scoreboard) -> None:
    text = render(board, "terminal")
    allowed = set("".join(SHORT)) | {"\n"}
    assert all(char.isprintable() or char in allowed for char in text)
    assert text.count("\n") == len(board.rows) + 4 + LEGEND_LINES


def test_a_narrow_terminal_leaves_out_what_was_not_measured_then_cuts_ids() -> None:
    long = "a-very-long-model-id-of-a-" * 4
    board = Scoreboard("p", "P", (*small_board().rows, Row(long, False, "sync", small_board().rows[0].cells)))
    lines = _shown(board, 80)
    assert max(map(wcswidth, lines)) <= 80
    assert lines[7].startswith("a-very-long-model-id-of-a-")
    assert "…" in lines[7]
    assert lines[11].startswith("not shown, since not tested: Schema, Tool, Batch, File, Cite, Text")


def test_wide_characters_are_cut_by_display_width() -> None:
    lines = _shown(Scoreboard("p", "P", (Row("モ" * 50, False, "sync"),)), 40)
    assert wcswidth(lines[3]) <= 40
    assert "モ…" in lines[3]


def test_a_wide_terminal_shows_everything() -> None:
    assert _shown(small_board(), 200) == _shown(small_board())


def test_color_is_only_added_around_the_same_lines() -> None:
    plain, colored = render(small_board(), "terminal"), render(small_board(), "terminal", color=True)
    assert "\x1b" not in plain
    assert "\x1b[1mAcme" in colored
    assert colored.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") == plain


def test_ten_thousand_rows_take_at_most_a_second() -> None:
    rows = tuple(
        Row(f"vendor/model-{number}", False, "sync", small_board().rows[number % 3].cells) for number in range(10_000)
    )
    started = time.process_time()
    text = render(Scoreboard("p", "P", rows), "terminal", width=120)
    assert time.process_time() - started <= 1.0
    assert text.count("\n") > 10_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.json"
    path.write_text(dumps(small_board()), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["markdown", "terminal", "json", "csv"])
def test_render_prints_a_file_in_each_format(file: Path, name: str) -> None:
    result = CliRunner().invoke(command, [str(file), "--format", name])
    assert result.exit_code == 0
    assert result.stdout_bytes.decode() == render(small_board(), name)


def test_render_of_several_files_writes_one_csv_header(file: Path) -> None:
    result = CliRunner().invoke(command, [str(file), str(file), "--format", "csv"])
    lines = result.output.splitlines()
    assert len(lines) == 9
    assert [line.startswith("provider,") for line in lines].count(True) == 1


def test_render_writes_a_file_and_prints_nothing(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "acme.md"
    result = CliRunner().invoke(command, [str(file), "--format", "markdown", "--output", str(target)])
    assert (result.exit_code, result.output) == (0, "")
    assert target.read_text(encoding="utf-8") == render(small_board(), "markdown")


def test_render_of_a_bad_file_writes_nothing(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    result = CliRunner().invoke(command, [str(file), str(tmp_path / "none.json"), "--output", str(target)])
    assert isinstance(result.exception, UsageError)
    assert not target.exists()


def test_importing_the_command_loads_no_heavy_library() -> None:
    script = "import json, sys, llmprobe.cli.render; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    assert {"httpx", "rich", "yaml", "tabulate", "wcwidth", "asyncio"} & set(modules) == set()
