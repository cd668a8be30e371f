"""The wheel, installed in an environment of its own, does the main job without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_WHERE = """
import json, sys
from llmprobe.files import data_folder
from llmprobe.probe_file import probes
from llmprobe.scenario_file import names
print(json.dumps({
    "probes": [str(data_folder("probes")), [probe.id for probe in probes()]],
    "scenarios": [str(data_folder("scenarios")), list(names())],
    "files": sorted(str(module.__file__) for name, module in sys.modules.items() if name.startswith("llmprobe")),
}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of ``command``, run without the variables that could lead it back to the checkout."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ended = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a new environment with the wheel and its dependencies and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    scripts = folder / "venv" / _SCRIPTS
    run(scripts / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return scripts


def test_the_wheel_holds_all_that_is_needed(wheel: Path) -> None:
    """Code, probes, scenarios, schema and licence; no tests and no second copy of the data."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shipped = [path for kind in ("probes", "scenarios") for path in (ROOT / kind).glob("*.yaml")]
    assert {f"llmprobe/_data/{path.relative_to(ROOT).as_posix()}" for path in shipped} <= set(names)
    assert {"llmprobe/py.typed", "llmprobe/scoreboard.schema.json"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"llmprobe"}


def test_data_is_read_from_inside_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The checkout is not used: code, probes and scenarios all lie in the new environment."""
    found = json.loads(run(installed / "python", "-c", _WHERE, cwd=tmp_path))
    for kind in ("probes", "scenarios"):
        folder, names = found[kind]
        assert Path(folder).is_relative_to(installed.parent)
        assert sorted(names) == sorted(path.stem for path in (ROOT / kind).glob("*.yaml"))
    assert all(Path(file).is_relative_to(installed.parent) for file in found["files"])


def test_the_wheel_scans_the_demo(installed: Path, tmp_path: Path) -> None:
    """The console script does the main job from any folder."""
    command = (
        installed / "llmprobe",
        "scan",
        "demo",
        "--models",
        "perfect",
        "--quiet",
        "--seed",
        "1",
        "--out",
        "boards",
    )
    assert run(*command, cwd=tmp_path) == ""
    board = json.loads((tmp_path / "boards" / "demo.json").read_text(encoding="utf-8"))
    assert {(row["model"], row["mode"]) for row in board["rows"]} == {("perfect", "sync"), ("perfect", "stream")}
    assert all(row["cells"]["seed"]["outcome"] == "supported" for row in board["rows"])
    assert "| perfect | 🕰️" in (tmp_path / "boards" / "demo.md").read_text(encoding="utf-8")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if str(ROOT) in path.read_text(encoding="utf-8")] == []
