"""A real llama.cpp server with a model of random weights, scanned through the command line.

What a cell says must be the engine's doing: the model cannot repeat a word. Each statement holds for any seed of
the scan, the seed here is fixed all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from llmprobe.probe_file import probes
from llmprobe.scoreboard import Mode
from tests.commands import llmprobe

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("numpy") is None,
    reason="needs a real engine: pip install 'llmprobe[engine]'",
)

Cells: TypeAlias = Mapping[str, Any]
BOTH = pytest.mark.parametrize("mode", ["sync", "stream"])
ENGINE_FEATURES = (
    "text", "text_out", "json", "schema", "tool_required", "seed", "max_tokens", "stop", "probs", "usage", "finish",
)  # fmt: skip
TOOL_CELLS = ("tool", "tool_required", "tool_forbidden", "tool_unbiased", "tool_indecisive")


def scan(folder: Path, *options: str) -> dict[str, Cells]:
    """The cells of each mode, from a scan of an engine that is started with ``options``."""
    from tests.engine.server import running

    with running(*options) as url:
        ended = llmprobe("scan", url, "--seed", "1", "--quiet", "--out", "boards", cwd=folder, PYTHONWARNINGS="error")
    assert (ended.returncode, ended.stderr) == (0, "")
    (path,) = folder.glob("boards/*.json")
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [row["mode"] for row in rows] == ["sync", "stream"]
    assert {row["model"] for row in rows} == {"tiny-random"}
    return {row["mode"]: row["cells"] for row in rows}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cells]:
    return scan(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def with_vision(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cells]:
    return scan(tmp_path_factory.mktemp("vision"), "--vision")


@pytest.fixture(scope="module")
def without_jinja(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cells]:
    return scan(tmp_path_factory.mktemp("no-jinja"), "--no-jinja")


@BOTH
def test_features_of_the_engine_are_seen(plain: dict[str, Cells], mode: Mode) -> None:
    """What the engine does needs no wits of the model to be shown."""
    found = {cell: plain[mode][cell]["outcome"] for cell in ENGINE_FEATURES}
    assert found == dict.fromkeys(ENGINE_FEATURES, "supported")


@BOTH
def test_green_cells_were_counted(plain: dict[str, Cells], mode: Mode) -> None:
    """A feature of the engine is green after at least as many unanimous trials as its probe demands."""
    least = {cell: probe.trials.least for probe in probes() for cell in probe.cells if not probe.observes}
    for cell in set(ENGINE_FEATURES) & set(least):
        assert plain[mode][cell]["successes"] == plain[mode][cell]["trials"] >= least[cell], cell


@BOTH
def test_missing_rate_limits_are_absent(plain: dict[str, Cells], mode: Mode) -> None:
    """The engine sends no rate limits, and nothing was asked for that it could have refused."""
    assert plain[mode]["limits"]["outcome"] == "absent"


@BOTH
def test_a_model_without_wits_is_not_blamed_on_tool_calling(plain: dict[str, Cells], mode: Mode) -> None:
    """Calls come, but never with the code of the prompt: neither a yes nor a no."""
    assert plain[mode]["tool"]["outcome"] == "inconclusive"
    assert "cannot even repeat a code" in plain[mode]["tool"]["reason"]


@BOTH
def test_an_image_is_refused_in_the_words_of_the_engine(plain: dict[str, Cells], mode: Mode) -> None:
    """The engine says 500 where it means 400; its words tell that it is a refusal and no outage."""
    image = plain[mode]["image"]
    assert image["outcome"] == "rejected"
    assert "image input is not supported" in image["quote"]


@BOTH
def test_an_image_that_nobody_looks_at_is_not_green(with_vision: dict[str, Cells], mode: Mode) -> None:
    """With a vision part of random weights pictures cost tokens and are not read."""
    image = with_vision[mode]["image"]
    assert image["outcome"] == "inconclusive"
    assert "prompt tokens, but its digits are not read" in image["reason"]


@BOTH
def test_tools_are_refused_in_the_words_of_the_engine(without_jinja: dict[str, Cells], mode: Mode) -> None:
    """Without its template engine it refuses every request with tools, with a status of 500."""
    for cell in TOOL_CELLS:
        verdict = without_jinja[mode][cell]
        assert verdict["outcome"] == "rejected", cell
        assert "tools param requires --jinja flag" in verdict["quote"], cell


@BOTH
def test_refused_tools_leave_the_other_cells_alone(without_jinja: dict[str, Cells], mode: Mode) -> None:
    """The features that do not hang on the chat template stay green."""
    kept = ("json", "schema", "seed", "max_tokens", "stop", "probs", "usage", "finish")
    assert {cell: without_jinja[mode][cell]["outcome"] for cell in kept} == dict.fromkeys(kept, "supported")


def test_the_model_is_the_same_each_time(tmp_path: Path) -> None:
    """The same seed gives the same weights, so a scoreboard of the engine can be made again."""
    from tests.engine import tiny_model

    first, second = tmp_path / "first.gguf", tmp_path / "second.gguf"
    tiny_model.write(first)
    tiny_model.write(second)
    assert first.read_bytes() == second.read_bytes()


def test_the_model_calls_the_tool_that_the_probes_offer() -> None:
    """The call that the model was given fits the tool of the probe files."""
    from tests.engine.tiny_model import SAID_WITH_TOOLS

    call = json.loads(SAID_WITH_TOOLS)
    (probe,) = (probe for probe in probes() if probe.id == "tool")
    (tool,) = probe.variants[0].trial[0].send.tools or ()
    assert call["name"] == tool.name
    assert list(call["arguments"]) == tool.parameters["required"]
