"""The whole pipe through each wire format: the same brain answers, so the same truth must be found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmprobe.demo.models import MODELS, Traits
from llmprobe.demo.server import running
from llmprobe.demo.truth import expected, rows
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import load
from tests.commands import llmprobe

FORMATS = {
    "openai-responses": ("/v1", "/models", ""),
    "anthropic-messages": ("/v1", "/models", 'headers: {anthropic-version: "2023-06-01"}\n'),
    "gemini-generate-content": ("/v1beta", "/models", ""),
    "ollama-chat": ("", "/api/tags", ""),
}
"""For each format: base path, path of the model list, and what else a scenario must say."""

ONLY_IN_CHAT = ("cap-renamed", "thinker-in-text")
"""Models whose faults other formats cannot express: a second name of the cap, thoughts in tags."""

UNSPOKEN = {
    "openai-responses": {"seed", "stop"},
    "anthropic-messages": {"seed", "probs", "json"},
    "gemini-generate-content": set(),
    "ollama-chat": {"tool_required", "tool_forbidden"},
}
"""Cells that a format has no field for."""


def scan(name: str, folder: Path) -> Scoreboard:
    """Scan the demo in the format ``name``."""
    base, listing, more = FORMATS[name]
    with running(seed=5) as url:
        root = url.removesuffix("/v1")
        scenario = folder / "demo-in.yaml"
        scenario.write_text(
            f"name: demo-in\ntitle: Demo\nbase_url: {root}{base}\ndialect: {name}\nmodels_path: {listing}\n{more}"
        )
        done = llmprobe("scan", str(scenario), "--seed", "5", "--quiet", "--out", str(folder), cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return load(folder / "demo-in.json")


def untrue(name: str, board: Scoreboard, traits: Traits) -> Iterator[str]:
    """Every cell of a model that is not as it should be."""
    found = {(row.thinking, row.mode): row for row in board.rows if row.model == traits.name}
    if set(rows(traits)) != {key for key in found if key[1] is not None}:
        yield f"{traits.name}: rows {sorted(map(str, found))}"
        return
    for thinking, mode in rows(traits):
        # a stream of this format ends with nothing but a finish reason, and this model gives none
        if name == "gemini-generate-content" and traits.finish == "absent" and mode == "stream":
            continue
        for cell, allowed in expected(traits, thinking, mode).items():
            yield from _untrue(found[thinking, mode], cell, allowed, cell in UNSPOKEN[name])


def _untrue(row: Row, cell: str, allowed: frozenset[str], unspoken: bool) -> Iterator[str]:
    verdict = row.cells.get(cell)
    outcome = verdict.outcome if verdict else "missing"
    if outcome not in (("untested",) if unspoken else allowed):
        yield f"{row.model} {row.mode} thinking={row.thinking} {cell}: {verdict}, not {sorted(allowed)}"


@pytest.mark.parametrize("name", FORMATS)
def test_the_truth_is_found_in_every_format(name: str, tmp_path: Path) -> None:
    """No wrong green and no wrong red; what the format cannot ask for is untested, with the reason."""
    board = scan(name, tmp_path)

    chatting = [traits for traits in MODELS if traits.name not in ONLY_IN_CHAT]
    assert [line for traits in chatting for line in untrue(name, board, traits)] == []
    told = {row.cells[cell].reason for row in board.rows if row.mode for cell in UNSPOKEN[name]}
    assert told == ({f"{name} has no field for it"} if UNSPOKEN[name] else set())
