"""What the documents say is so: commands and options exist, links lead somewhere, the table is a real one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from llmprobe.cli import main
from llmprobe.probe_file import probes
from llmprobe.renderers.legend import SYMBOLS
from llmprobe.renderers.table import COLUMNS
from tests.commands import llmprobe

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "scoreboards/README.md",
             "scoreboards/recorded/README.md", "benchmarks/README.md")  # fmt: skip
_STEPS = re.compile(r"\s*&&\s*|\n")
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell_blocks(name: str) -> list[str]:
    return [block.strip() for block in re.findall(r"^```sh\n(.*?)^```$", text(name), re.DOTALL | re.MULTILINE)]


def steps(script: str) -> list[str]:
    """The commands of ``script``, one by one."""
    return [step for step in _STEPS.split(script) if step.strip()]


def commands() -> dict[str, click.Command]:
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> set[str]:
    return {name for item in command.params if isinstance(item, click.Option) for name in item.opts}


def llmprobe_calls() -> Iterator[tuple[str, list[str]]]:
    """Every call of llmprobe in a shell block: the document and the arguments."""
    for name in DOCUMENTS:
        for step in (step for block in shell_blocks(name) for step in steps(block)):
            program, *arguments = shlex.split(step, comments=True)
            if program.rsplit("/", 1)[-1] == "llmprobe":
                yield name, arguments


@pytest.mark.parametrize("name", commands())
def test_every_command_is_in_the_readme(name: str) -> None:
    """With all its options."""
    readme = text("README.md")
    assert f"llmprobe {name}" in readme
    assert {option for option in options(commands()[name]) if option not in readme} == set()


def test_commands_in_the_documents_exist() -> None:
    """Each is understood by the command line as it stands."""
    calls = list(llmprobe_calls())
    for name, (command, *arguments) in calls:
        assert command in commands(), f"{name}: llmprobe {command}"
        commands()[command].make_context(command, list(arguments))
    assert len(calls) >= 8


def test_the_first_block_of_the_readme_needs_no_key() -> None:
    """It ends in a scan of the demo."""
    *_, last = steps(shell_blocks("README.md")[0])
    assert last == ".venv/bin/llmprobe scan demo"


def test_the_second_block_of_the_readme_is_what_ci_runs() -> None:
    """The same steps in the same order, and nothing else."""
    script = text(".ci/run")
    assert steps(shell_blocks("README.md")[1]) == steps(script.partition("\n\n")[2])


def test_ci_can_be_run() -> None:
    """The script stops at the first step that fails, and waits for no input."""
    script = text(".ci/run")
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert "set -euo pipefail" in script
    assert "exec < /dev/null" in script


def test_every_probe_is_in_the_changelog() -> None:
    """By name and version, since results of different versions cannot be compared."""
    changelog = text("CHANGELOG.md")
    assert [probe.stamp for probe in probes() if f"`{probe.stamp}`" not in changelog] == []


def test_every_symbol_is_in_the_readme() -> None:
    """Whoever reads a scoreboard finds its symbols, those of the headline aside, explained first there."""
    readme = text("README.md")
    assert [symbol for symbol, _ in SYMBOLS if symbol not in (*"🏠🌐",) and symbol not in readme] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """Inside the repository."""
    folder = (ROOT / name).parent
    targets = [target for target in _LINK.findall(text(name)) if "://" not in target]
    assert [target for target in targets if not (folder / target).exists()] == []


def test_modules_in_the_architecture_exist() -> None:
    """Paths in code marks are those of files and folders."""
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*/?(?:\.py|\.yaml)?)`", text("ARCHITECTURE.md"))
    paths = [name for name in named if "/" in name or name.endswith((".py", ".yaml"))]
    assert [path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "llmprobe"))] == []
    assert len(paths) > 20


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


def _tables() -> list[list[tuple[str, ...]]]:
    """The rows of each scoreboard table in the README."""
    tables: list[list[tuple[str, ...]]] = []
    inside = False
    for line in text("README.md").splitlines():
        if _cells(line) == COLUMNS:
            tables.append([])
        elif inside and line.startswith("|") and not line.startswith("| -"):
            tables[-1].append(_cells(line))
        inside = line.startswith("|") and (_cells(line) == COLUMNS or inside)
    return tables


def test_the_table_in_the_readme_is_a_real_one(tmp_path: Path) -> None:
    """A scan of these models gives these rows."""
    shown = _tables()[0]
    globs = [part for model in dict.fromkeys(row[0] for row in shown) for part in ("--models", model)]
    ended = llmprobe("scan", "demo", "--seed", "1", "--quiet", "--out", ".", *globs, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = {_cells(line) for line in (tmp_path / "demo.md").read_text(encoding="utf-8").splitlines()}
    assert [row for row in shown if row not in found] == []
    assert len(shown) >= 6


def test_the_recorded_table_in_the_readme_is_the_one_of_its_scoreboard() -> None:
    """All of it, as it stands in the folder of recorded scoreboards."""
    shown = _tables()[1]
    board = text("scoreboards/recorded/2025-08/groq.md").splitlines()
    rows = [_cells(line) for line in board if line.startswith("|") and not line.startswith("| -")]
    assert [COLUMNS, *shown] == rows
    assert len(shown) == 18
